/* Assertions that stay on in release: a broken invariant stops the process, and the store is the
 * truth that it starts from again. For bugs only, never for what comes from outside. */
#ifndef BATON_COMMON_CHECK_H
#define BATON_COMMON_CHECK_H

/* Prints the place and the expression on standard error, then aborts. */
_Noreturn void check_failed(const char *expr, const char *file, int line, const char *func);

#define CHECK(expr)                                                                                \
    ((__builtin_expect(!!(expr), 1)) ? (void)0 : check_failed(#expr, __FILE__, __LINE__, __func__))

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
