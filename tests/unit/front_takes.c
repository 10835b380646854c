/* Takes that wait: in order, found by their number, and not for ever. */
#include "broker/front/takes.h"
#include "common/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct take *
park(struct takes *takes, uint64_t number, int64_t until)
{
    struct take *take = xcalloc(1, sizeof *take);
    take->asker.client = xstrdup("c");
    take->asker.actor = xstrdup("a");
    take->asker.number = number;
    take->roles = 1u << 2;
    take->until = until;
    assert_true(takes_add(takes, take));
    return take;
}

static void
test_found_and_counted(void **state)
{
    (void)state;
    struct takes takes = {0};
    park(&takes, 1, 10);
    struct take *two = park(&takes, 2, 20);
    assert_ptr_equal(takes_find(&takes, "c", 2), two);
    assert_null(takes_find(&takes, "d", 2));
    assert_int_equal(takes.n_of_role[2], 2);
    takes_remove(&takes, two);
    assert_null(takes_find(&takes, "c", 2));
    assert_int_equal(takes.n_of_role[2], 1);
    takes_fini(&takes);
    assert_int_equal(takes.n, 0);
}

static void
test_expire_in_any_order(void **state)
{
    (void)state;
    struct takes takes = {0};
    park(&takes, 1, 30);
    park(&takes, 2, 10);
    park(&takes, 3, 20);
    park(&takes, 4, 10);
    assert_int_equal(takes_next_at(&takes), 10);
    assert_null(takes_expired(&takes, 9));
    uint64_t numbers = 0;
    struct take *take;
    while ((take = takes_expired(&takes, 10))) {
        numbers = numbers * 10 + take->asker.number;
        takes_remove(&takes, take);
    }
    assert_int_equal(numbers, 24);
    assert_int_equal(takes_next_at(&takes), 20);
    assert_non_null(takes_expired(&takes, INT64_MAX));
    takes_fini(&takes);
    assert_int_equal(takes_next_at(&takes), INT64_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_and_counted),
        cmocka_unit_test(test_expire_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
