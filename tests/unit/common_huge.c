/* Memory in huge pages: zeroed, kept while another thread touches it, and given back. */
#include "common/huge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 24, STEP = 4096 };

static void
fill(uint8_t *p, size_t bytes, uint8_t with)
{
    for (size_t at = 0; at < bytes; at += STEP) {
        assert_int_equal(p[at], 0);
        p[at] = with;
    }
}

static void
check(const uint8_t *p, size_t bytes, uint8_t with)
{
    for (size_t at = 0; at < bytes; at += STEP) {
        assert_int_equal(p[at], with);
    }
}

/* Of one to three pages; every third is given back at once. */
static void
fill_and_check(void)
{
    uint8_t *all[N];
    for (size_t i = 0; i < N; i++) {
        size_t bytes = (i % 3 + 1) * HUGE_BYTES - i;
        all[i] = xmalloc_huge(bytes);
        fill(all[i], bytes, (uint8_t)(i + 1));
        if (i % 3 == 2) {
            xfree_huge(all[i], bytes);
            all[i] = NULL;
        }
    }
    huge_ahead_end();
    for (size_t i = 0; i < N; i++) {
        if (all[i]) {
            check(all[i], (i % 3 + 1) * HUGE_BYTES - i, (uint8_t)(i + 1));
            xfree_huge(all[i], (i % 3 + 1) * HUGE_BYTES - i);
        }
    }
}

static void
test_what_is_written_stays_while_memory_is_touched(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        huge_ahead_begin();
        fill_and_check();
    }
}

static void
test_without_the_thread(void **state)
{
    (void)state;
    huge_ahead_end(); /* never begun: nothing */
    fill_and_check();
}

static void
test_a_table_grows_into_huge_pages(void **state)
{
    (void)state;
    huge_ahead_begin();
    for (size_t n = 64; n * 8 <= 4 * HUGE_BYTES; n *= 2) {
        uint8_t *table = xcalloc_huge(n, 8);
        fill(table, n * 8, 1);
        check(table, n * 8, 1);
        xfree_table(table, n, 8);
    }
    huge_ahead_end();
    xfree_table(NULL, 0, 8);
    xfree_huge(NULL, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_stays_while_memory_is_touched),
        cmocka_unit_test(test_without_the_thread),
        cmocka_unit_test(test_a_table_grows_into_huge_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
