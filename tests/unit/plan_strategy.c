/* ctl/plan: the strategy's own YAML, as it stands. */
#include "common/alloc.h"
#include "tests/unit/plan_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct plan *
plan_of_file(const char *path)
{
    struct plan *plan = plan_new(&(struct plan_options){0});
    plan_read_file(plan, path);
    plan_finish(plan);
    assert_good(plan);
    return plan;
}

static void
assert_is_the_queue(const struct plan *plan)
{
    assert_int_equal(plan_facts(plan)->n_tasks, 3);
    const baton_spec *fix = spec_of(plan, "FIX-001");
    assert_string_equal(fix->title, "Fix website deployment");
    assert_string_equal(fix->role, "frontend");
    assert_int_equal(fix->priority, BATON_HIGH);
    assert_int_equal(fix->deadline, 1755043199000);
    assert_int_equal(fix->n_after, 0);
    assert_string_equal(spec_of(plan, "INFRA-001")->role, "infra");
    assert_int_equal(spec_of(plan, "INFRA-001")->priority, BATON_MEDIUM);
    const baton_spec *mob = spec_of(plan, "MOB-001");
    assert_int_equal(mob->priority, BATON_LOW);
    assert_int_equal(mob->n_after, 2);
    assert_string_equal(mob->after[1].id, "AUTH-001");
    assert_int_equal(plan_facts(plan)->n_forward, 2);
}

static void
test_task_queue(void **state)
{
    (void)state;
    struct plan *plan = plan_of_file(data_path("task_queue.yaml"));
    assert_is_the_queue(plan);
    assert_non_null(strstr(plan_facts(plan)->forward[0], "API-001 <- MOB-001"));
    plan_free(plan);
}

static void
test_levels_of_the_queue(void **state)
{
    (void)state;
    struct plan *plan = plan_good("a.yaml", "task_queue:\n  critical_priority:\n"
                                            "  - {id: a, task: t, agent: QA}\n  low_priority: []\n"
                                            "  medium_priority:\n"
                                            "  - {id: b, agent: QA, priority: critical}\n");
    assert_int_equal(spec_of(plan, "a")->priority, BATON_CRITICAL);
    assert_int_equal(spec_of(plan, "b")->priority, BATON_CRITICAL);
    plan_free(plan);
    plan = plan_good("a.yaml", "defaults: {priority: low}\n"
                               "task_queue: {high_priority: [{id: a, agent: QA}]}\n");
    assert_int_equal(spec_of(plan, "a")->priority, BATON_HIGH);
    plan_free(plan);
    assert_refused(
        "a.yaml", "task_queue:\n  hihg_priority: []\n",
        "a.yaml:2: unknown key 'hihg_priority' in task_queue; did you mean 'high_priority'?");
    assert_refused("a.yaml", "task_queue: [a]\n", "a.yaml:1: task_queue: a map is wanted here");
}

/* Cards and their items move while they are read; their times come when the zone is known. */
static void
test_times_of_cards_wait_for_the_zone(void **state)
{
    (void)state;
    struct plan *plan = plan_good(
        "a.yaml",
        "handoffs:\n"
        "  - {task: A, timestamp: 2025-08-11T09:00, notes: x, task_completed: [a, b, c, d,\n"
        "     e, f, g, h, i, j, k], from_agent: Backend}\n"
        "  - {task: B, timestamp: 2025-08-11T09:00Z, notes: x, from_agent: Backend}\n"
        "blockers:\n"
        "  - {title: x, task: A, due: 2025-08-11}\n"
        "schedules:\n"
        "  s: {daily: '9:00', start: 2025-08-11, end: 2025-08-12T10:00}\n");
    assert_true(plan_needs_zone(plan));
    assert_true(plan_set_zone(plan, "Asia/Tokyo"));
    size_t n;
    const struct plan_card *cards = plan_cards(plan, &n);
    assert_int_equal(n, 4);
    assert_string_equal(cards[0].card.items[0].tag, "timestamp");
    assert_int_equal(cards[0].card.items[0].at, 1754870400000);
    assert_int_equal(cards[1].card.items[0].at, 1754902800000);
    assert_int_equal(cards[2].card.due_at, 1754924399000);
    int found = 0;
    for (size_t i = 0; i < cards[3].card.n_items; i++) {
        const struct baton_item *item = &cards[3].card.items[i];
        bool is_start = strcmp(item->tag, "start") == 0, is_end = strcmp(item->tag, "end") == 0;
        found += (is_start && item->at == 1754838000000) || (is_end && item->at == 1754960400000);
    }
    assert_int_equal(found, 2);
    plan_free(plan);
}

static void
test_a_schedule_names_a_report_that_there_is(void **state)
{
    (void)state;
    plan_free(plan_good("a.yaml", "schedules:\n  s: {daily: '9:00', report: weekly}\n"));
    assert_refused("a.yaml", "schedules:\n  s:\n    daily: '9:00'\n    report: weekley\n",
                   "a.yaml:4: report: daily, weekly, success, milestones or final, not 'weekley'; "
                   "did you mean 'weekly'?");
    assert_refused("a.yaml", "synchronization_points:\n  Daily: {when: hourly, report: hourly}\n",
                   "a.yaml:2: report: daily, weekly");
    struct plan *plan = plan_good("a.yaml",
                                  "synchronization_points:\n  Weekdays: 9 AM - Stand-up\n");
    size_t n;
    const struct plan_card *cards = plan_cards(plan, &n);
    assert_int_equal(n, 1);
    for (size_t i = 0; i < cards[0].card.n_items; i++) {
        assert_string_not_equal(cards[0].card.items[i].tag, "report");
    }
    plan_free(plan);
}

static void
test_blocks_of_rules_are_cards(void **state)
{
    (void)state;
    struct plan *plan = plan_of_file(data_path("blocks.yaml"));
    assert_int_equal(plan_facts(plan)->n_tasks, 0);
    assert_non_null(strstr(plan_note_text(plan, 0), "handoff_template"));
    assert_non_null(strstr(plan_note_text(plan, 1), "dashboard_config"));
    assert_null(plan_note_text(plan, 2));
    size_t n;
    const struct plan_card *cards = plan_cards(plan, &n);
    assert_int_equal(n, 3);
    assert_int_equal(cards[0].card.kind, BATON_CARD_AREA);
    assert_string_equal(cards[0].card.name, "database_schema");
    assert_string_equal(cards[0].card.owner, "backend");
    assert_string_equal(cards[0].card.items[0].name, "infra");
    assert_string_equal(cards[1].card.items[0].name, "above");
    assert_true(cards[1].card.items[0].value == 90);
    assert_int_equal(cards[2].card.severity, 1);
    assert_true(cards[2].card.items[0].value == 900000);
    assert_string_equal(cards[2].card.items[2].name, "backend");
    plan_free(plan);
    assert_refused("a.yaml", "conflict_resolution:\n  x:\n    ownr: B\n",
                   "a.yaml:3: unknown key 'ownr' in conflict_resolution; did you mean 'owner'?");
    assert_refused("a.yaml",
                   "handoff_template:\n  from_agent: Backend\n  artifacts:\n  - a\n  - b/../../c\n",
                   "a.yaml:5: an artifact is a relative path without '..', not 'b/../../c'");
    assert_refused("a.yaml", "budgets:\n  b:\n    limits:\n      tokens: 0\n",
                   "a.yaml:4: tokens: '0' is no limit; it is above 0 and at most 1e12");
    assert_refused("a.yaml", "budgets:\n  b: {limits: {tokens: 5}, reserve: {tokens: -1}}\n",
                   "a.yaml:2: tokens: '-1' is no reserve; it is above 0 and at most 1e12");
    assert_refused("a.yaml", "dashboard_config: [x]\n", "a.yaml:1: dashboard_config: a map");
}

static void
test_dependencies_of_the_checker(void **state)
{
    (void)state;
    struct plan *plan = plan_new(&(struct plan_options){.role = "backend"});
    plan_read_file(plan, data_path("dependencies.yaml"));
    plan_finish(plan);
    assert_good(plan);
    assert_string_equal(spec_of(plan, "DB")->role, "backend");
    assert_string_equal(spec_of(plan, "UI")->role, "frontend");
    assert_true(waits_for(plan, "UI", "API"));
    assert_int_equal(plan_facts(plan)->depth, 3);
    plan_free(plan);
    plan = plan_new(&(struct plan_options){0});
    plan_read_file(plan, data_path("dependencies.yaml"));
    assert_false(plan_finish(plan));
    assert_error(plan, ":2: 'DB' has no role");
    plan_free(plan);
}

static char *
read_whole(const char *path)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char *text = xcalloc(1, 1 << 20);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

static void
test_every_block_of_the_strategy_itself(void **state)
{
    (void)state;
    const char *path = shared_path("docs/coordination-strategy.md");
    if (!path) {
        skip();
    }
    char *text = read_whole(path);
    int n_blocks = 0;
    size_t n_tasks = 0, n_notes = 0, n_cards = 0;
    for (char *p = text; (p = strstr(p, "```yaml\n"));) {
        p += strlen("```yaml\n");
        char *end = strstr(p, "```");
        assert_non_null(end);
        *end = 0;
        struct plan *plan = plan_good("strategy.yaml", p);
        n_tasks += plan_facts(plan)->n_tasks;
        n_notes += plan_note_text(plan, 0) != NULL;
        size_t n;
        (void)plan_cards(plan, &n);
        n_cards += n;
        if (plan_facts(plan)->n_tasks) {
            assert_is_the_queue(plan);
        }
        plan_free(plan);
        n_blocks++;
        p = end + 1;
    }
    assert_int_equal(n_blocks, 6);
    assert_int_equal(n_tasks, 3);
    assert_int_equal(n_notes, 2);
    assert_int_equal(n_cards, 3 + 4 + 4);
    free(text);
}

static void
test_the_example_is_whole(void **state)
{
    (void)state;
    struct plan *plan = plan_of_file(BATON_SOURCE_DIR "/examples/candlefish.yaml");
    const struct plan_facts *facts = plan_facts(plan);
    assert_int_equal(facts->n_forward, 0);
    assert_int_equal(facts->n_milestones, 5);
    for (int i = 0; i < 6; i++) {
        assert_true(facts->of_role[i] > 0);
    }
    assert_true(waits_for(plan, "API-001", "PHASE-1"));
    assert_true(waits_for(plan, "WEB-005", "RT-002"));
    assert_false(waits_for(plan, "MOB-001", "PHASE-3"));
    plan_free(plan);
    plan_free(plan_of_file(BATON_SOURCE_DIR "/examples/hello.yaml"));
    /* The queue stands in it as it stands in the strategy. */
    char *example = read_whole(BATON_SOURCE_DIR "/examples/candlefish.yaml");
    char *queue = read_whole(data_path("task_queue.yaml"));
    assert_non_null(strstr(example, queue));
    free(example);
    free(queue);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_task_queue),
        cmocka_unit_test(test_levels_of_the_queue),
        cmocka_unit_test(test_a_schedule_names_a_report_that_there_is),
        cmocka_unit_test(test_blocks_of_rules_are_cards),
        cmocka_unit_test(test_times_of_cards_wait_for_the_zone),
        cmocka_unit_test(test_dependencies_of_the_checker),
        cmocka_unit_test(test_every_block_of_the_strategy_itself),
        cmocka_unit_test(test_the_example_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
