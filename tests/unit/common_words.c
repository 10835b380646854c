/* common/words: the names of roles and of the protocol's enums. */
#include "common/check.h"
#include "common/words.h"
#include "task.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
test_roles_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int role;
    } cases[] = {
        {"Infrastructure", 0},
        {"Infrastructure Agent", 0},
        {"DevOps Specialist", 0},
        {"Backend", 1},
        {"Backend Agent", 1},
        {"Backend Development Agent", 1},
        {"Frontend", 2},
        {"frontend", 2},
        {"Real-time", 3},
        {"Real-time Agent", 3},
        {"real_time", 3},
        {"Real-time Systems Agent", 3},
        {"Integration", 4},
        {"Testing & QA Agent", 5},
        {"QA", 5},
        {"Testing Agent", 5},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(role_number_loose(cases[i].name), cases[i].role);
    }
    assert_int_equal(role_number("frontend"), 2);
    assert_int_equal(role_number("Frontend"), -1);
    static const char *const bad[] = {"", "Agent", "frontent", "Agent Name",
                                      "a very long name of a role that nobody has ever heard of"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(role_number_loose(bad[i]), -1);
    }
}

static void
test_every_enum_has_its_names(void **state)
{
    (void)state;
    static const struct {
        const ProtobufCEnumDescriptor *of;
        const char *(*name)(int);
    } tables[] = {
        {&baton__priority__descriptor, priority_name},
        {&baton__task_state__descriptor, state_name},
        {&baton__reason__descriptor, reason_name},
        {&baton__condition__descriptor, condition_name},
        {&baton__policy__descriptor, policy_name},
        {&baton__on_deadline__descriptor, on_deadline_name},
        {&baton__alert__descriptor, alert_name},
        {&baton__on_conflict__descriptor, on_conflict_name},
        {&baton__outcome__descriptor, outcome_name},
    };
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        for (unsigned j = 0; j < tables[i].of->n_values; j++) {
            const ProtobufCEnumValue *value = &tables[i].of->values[j];
            bool none = value->value == 0 && !*tables[i].name(0);
            if (!none && !*tables[i].name(value->value)) {
                fail_msg("%s has no name", value->name);
            }
        }
        assert_string_equal(tables[i].name(999), "");
        assert_string_equal(tables[i].name(-1), "");
    }
}

static void
test_names_lead_back_to_numbers(void **state)
{
    (void)state;
    assert_int_equal(priority_number("critical"), 1);
    assert_int_equal(priority_number("High"), 2);
    assert_int_equal(priority_number(""), -1);
    assert_int_equal(priority_number("urgent"), -1);
    assert_int_equal(condition_number("finished"), 1);
    assert_int_equal(policy_number("ignore"), 2);
    for (int i = 1; i <= 12; i++) {
        assert_int_equal(state_number(state_name(i)), i);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles_as_people_write_them),
        cmocka_unit_test(test_every_enum_has_its_names),
        cmocka_unit_test(test_names_lead_back_to_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
