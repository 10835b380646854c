/* What the tests of the plan reader share. */
#ifndef BATON_TESTS_PLAN_HELP_H
#define BATON_TESTS_PLAN_HELP_H

#include "ctl/plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Reads one text and finishes. The plan is the caller's. */
struct plan *plan_of(const char *name, const char *text);
struct plan *plan_with(struct plan_options options, const char *name, const char *text);

/* Fails unless the text is a plan. */
struct plan *plan_good(const char *name, const char *text);

/* Fails unless the text is refused with `wanted` in one of the errors. */
void assert_refused(const char *name, const char *text, const char *wanted);

/* Fails unless one of the plan's errors has `wanted` in it. */
void assert_error(const struct plan *plan, const char *wanted);

/* Fails if there are errors, and shows them. */
void assert_good(const struct plan *plan);

/* The spec of a task; fails if there is none. */
const baton_spec *spec_of(const struct plan *plan, const char *id);

/* Does the task wait for the other one? */
bool waits_for(const struct plan *plan, const char *id, const char *other);

/* "DIR/name" below the shared data; NULL: not there, and that is said. Static. */
const char *shared_path(const char *name);

/* A fixture below tests/data/plan. Static. */
const char *data_path(const char *name);

/* Seconds of CPU that this process has used. */
double cpu_seconds(void);

/* `unit` n times. The caller's. */
char *repeat(const char *unit, size_t n);

#endif
