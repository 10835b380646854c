/* Names of gates: which dependencies are none on tasks, and the one form of their names. */
#include "common/gate_name.h"

#include "card.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
settles(const char *id, const char *as, int kind)
{
    char text[128];
    strcpy(text, id);
    gate_name_settle(text);
    assert_string_equal(text, as);
    assert_int_equal(gate_name_kind(text, NULL), kind);
    gate_name_settle(text); /* its one form is itself */
    assert_string_equal(text, as);
}

static void
test_names_of_people_become_one(void **state)
{
    (void)state;
    const int is_signal = BATON__CARD_KIND__CARD_SIGNAL;
    settles("signal:Database Ready", "signal:database-ready", is_signal);
    settles("signal:database-ready", "signal:database-ready", is_signal);
    settles("signal:  Database -- READY! ", "signal:database-ready", is_signal);
    settles("signal:The database is ready.", "signal:the-database-is-ready", is_signal);
    settles("deliverable:API Endpoints", "signal:api-endpoints", is_signal);
    settles("decision:Use Postgres?", "decision:use-postgres", BATON__CARD_KIND__CARD_DECISION);
    settles("signal:db:5432/v2", "signal:db:5432/v2", is_signal);
    settles("signal:größe X", "signal:größe-x", is_signal);
    settles("signal:!!", "signal:", is_signal);
}

static void
test_ids_of_tasks_stay(void **state)
{
    (void)state;
    settles("API-001", "API-001", 0);
    settles("signals:X", "signals:X", 0);
    settles("my signal:X", "my signal:X", 0);
    settles("Signal:X", "Signal:X", 0);
    settles("", "", 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_people_become_one),
        cmocka_unit_test(test_ids_of_tasks_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
