#include "ctl/ref.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *why;

static void
test_a_name_is_of_the_project_at_hand(void **state)
{
    (void)state;
    struct ctl_ref ref;
    assert_true(ctl_ref_parse("DB-001", "shop", &ref, &why));
    assert_string_equal(ref.project, "shop");
    assert_string_equal(ref.id, "DB-001");
    assert_true(ctl_ref_parse("DB-001", NULL, &ref, &why));
    assert_string_equal(ref.project, "default");
}

static void
test_two_slashes_part_project_and_name(void **state)
{
    (void)state;
    struct ctl_ref ref;
    assert_true(ctl_ref_parse("team/a:b//x/y:z", "shop", &ref, &why));
    assert_string_equal(ref.project, "team/a:b");
    assert_string_equal(ref.id, "x/y:z");
}

static void
test_what_is_no_name_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",       "//",   "//x",  "p//",     "a//b//c",
                                        "../etc", "-x",   "a b",  "a\nb",    "\033[31m",
                                        "x/",     "p//-", "\xff", "p\x01//x"};
    struct ctl_ref ref = {.id = "untouched"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        why = NULL;
        if (ctl_ref_parse(wrong[i], "default", &ref, &why)) {
            fail_msg("taken: %s", wrong[i]);
        }
        assert_non_null(why);
    }
    char longest[2 * NAME_BYTES_MAX + 4];
    memset(longest, 'x', sizeof longest);
    longest[ID_BYTES_MAX + 1] = 0;
    assert_false(ctl_ref_parse(longest, "default", &ref, &why));
    assert_string_equal(ref.id, "untouched");
    longest[ID_BYTES_MAX] = 0;
    assert_true(ctl_ref_parse(longest, "default", &ref, &why));
}

static void
test_a_dependency_has_condition_and_policy(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *id;
        baton_condition condition;
        baton_policy policy;
    } cases[] = {
        {"a", "a", BATON_ON_SUCCESS, BATON_HOLD},
        {"a:finished", "a", BATON_ON_FINISHED, BATON_HOLD},
        {"a:failed:ignore", "a", BATON_ON_FAILED, BATON_IGNORE},
        {"a:abort", "a", BATON_ON_SUCCESS, BATON_ABORT},
        {"a:b", "a:b", BATON_ON_SUCCESS, BATON_HOLD},
        {"a:b:started", "a:b", BATON_ON_STARTED, BATON_HOLD},
        {"a:failed:success:hold", "a:failed", BATON_ON_SUCCESS, BATON_HOLD},
        {"a:hold:failed", "a:hold", BATON_ON_FAILED, BATON_HOLD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ctl_ref ref;
        baton_condition condition;
        baton_policy policy;
        assert_true(ctl_edge_parse(cases[i].text, "default", &ref, &condition, &policy, &why));
        assert_string_equal(ref.id, cases[i].id);
        assert_int_equal(condition, cases[i].condition);
        assert_int_equal(policy, cases[i].policy);
    }
}

static void
test_a_dependency_without_a_name_is_refused(void **state)
{
    (void)state;
    struct ctl_ref ref;
    baton_condition condition;
    baton_policy policy;
    char longest[4096];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = 0;
    assert_false(ctl_edge_parse(longest, "default", &ref, &condition, &policy, &why));
    assert_false(ctl_edge_parse("", "default", &ref, &condition, &policy, &why));
}

static void
test_names_are_written_as_short_as_they_may(void **state)
{
    (void)state;
    char text[CTL_REF_ROOM];
    assert_string_equal(ctl_ref_format("shop", "a", "shop", text), "a");
    assert_string_equal(ctl_ref_format("shop", "a", "other", text), "shop//a");
    assert_string_equal(ctl_ref_format("", "a", "default", text), "a");
    assert_string_equal(ctl_ref_format(NULL, "a", "shop", text), "default//a");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_is_of_the_project_at_hand),
        cmocka_unit_test(test_two_slashes_part_project_and_name),
        cmocka_unit_test(test_what_is_no_name_is_refused),
        cmocka_unit_test(test_a_dependency_has_condition_and_policy),
        cmocka_unit_test(test_a_dependency_without_a_name_is_refused),
        cmocka_unit_test(test_names_are_written_as_short_as_they_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
