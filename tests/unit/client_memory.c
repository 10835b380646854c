/* Running out of memory: whichever allocation of the library fails, the call says so, leaves
 * nothing behind and works the next time. The allocations of ZeroMQ and the C library are not
 * touched. */
#include "allocations.h"
#include "baton.h"
#include "client_fake.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

/* Answers with a task that has everything. */
static void
answer_take(struct fake *fake, const struct heard *heard)
{
    Baton__Upstream upstream = BATON__UPSTREAM__INIT;
    Baton__Upstream *upstreams[] = {&upstream};
    Baton__Card handoff = BATON__CARD__INIT, decision = BATON__CARD__INIT;
    Baton__Card *cards[] = {&handoff, &decision};
    Baton__BudgetView budget = BATON__BUDGET_VIEW__INIT;
    Baton__BudgetView *budgets[] = {&budget};
    Baton__Note note = BATON__NOTE__INIT;
    Baton__Assignment task = BATON__ASSIGNMENT__INIT;
    Baton__Assignment *tasks[] = {&task};
    upstream.summary = text("made");
    handoff.kind = BATON__CARD_KIND__CARD_HANDOFF;
    handoff.text = text("take it from here");
    decision.kind = BATON__CARD_KIND__CARD_DECISION;
    decision.text = text("tabs");
    budget.name = text("tokens");
    note.text = text("again");
    note.document = (ProtobufCBinaryData){2, (uint8_t *)text("{}")};
    task.token = 7;
    task.id = text("A");
    task.role = text("backend");
    task.upstream = upstreams;
    task.cards = cards;
    task.budgets = budgets;
    task.note = &note;
    task.n_upstream = task.n_budgets = 1;
    task.n_cards = 2;
    Baton__Assign assign = BATON__ASSIGN__INIT;
    assign.tasks = tasks;
    assign.n_tasks = 1;
    Baton__FromBroker m = BATON__FROM_BROKER__INIT;
    m.op_case = BATON__FROM_BROKER__OP_ASSIGN;
    m.assign = &assign;
    fake_answer(fake, heard, &m);
}

static void
check_taken(const baton_assignment *a)
{
    assert_int_equal(a->token, 7);
    assert_string_equal(a->spec->id, "A");
    assert_string_equal(a->spec->role, "backend");
    assert_string_equal(a->spec->title, "");
    assert_string_equal(a->upstream[0].summary, "made");
    assert_int_equal(a->n_handoffs, 1);
    assert_string_equal(a->handoffs[0].text, "take it from here");
    assert_int_equal(a->n_decisions, 1);
    assert_string_equal(a->decisions[0].text, "tabs");
    assert_int_equal(a->n_budgets, 1);
    assert_string_equal(a->budgets[0].name, "tokens");
    assert_string_equal(a->note, "again");
    assert_memory_equal(a->previous, "{}", a->previous_bytes);
}

/* Answers submits, gets, takes and a bye, which ends it. */
static void
script(struct fake *fake)
{
    for (bool more = true; more;) {
        struct heard *heard = fake_hear(fake);
        Baton__FromBroker m = BATON__FROM_BROKER__INIT;
        Baton__Submitted submitted = BATON__SUBMITTED__INIT;
        Baton__Spec spec = BATON__SPEC__INIT;
        char *command[600];
        for (size_t i = 0; i < 600; i++) {
            command[i] = text("an argument that fills the memory of the record");
        }
        spec.command = command;
        spec.n_command = 600;
        Baton__TaskView view = BATON__TASK_VIEW__INIT;
        view.spec = &spec;
        if (heard->m->op_case == BATON__TO_BROKER__OP_SUBMIT) {
            m.op_case = BATON__FROM_BROKER__OP_SUBMITTED;
            m.submitted = &submitted;
            fake_answer(fake, heard, &m);
        } else if (heard->m->op_case == BATON__TO_BROKER__OP_TAKE) {
            answer_take(fake, heard);
        } else if (heard->m->op_case == BATON__TO_BROKER__OP_GET) {
            m.op_case = BATON__FROM_BROKER__OP_TASK;
            m.task = &view;
            fake_answer(fake, heard, &m);
        } else {
            more = false;
            fake_error(fake, heard, BATON__CODE__CODE_NOT_FOUND, "the end");
        }
        heard_free(heard);
    }
}

static baton_status
all_calls(const char *endpoint)
{
    baton *b = NULL;
    baton_submitted *submitted = NULL;
    baton_task *task = NULL;
    baton_assignment *assignment = NULL;
    baton_spec *spec = baton_spec_new();
    if (!spec) {
        return BATON_NO_MEMORY;
    }
    struct baton_edge after[40];
    for (size_t i = 0; i < 40; i++) {
        after[i] = (struct baton_edge){.id = "B"};
    }
    spec->after = after;
    spec->n_after = 40;
    baton_spec *specs[] = {spec, spec};
    baton_status status = baton_open(endpoint, NULL, &b);
    if (!status) {
        struct baton_card card = {.kind = BATON_CARD_SCHEDULE, .name = "nightly", .spec = spec};
        struct baton_submit_options options = {.cards = &card, .n_cards = 1};
        status = baton_submit(b, specs, 2, &options, &submitted);
    }
    if (!status) {
        struct baton_take take = {0};
        status = baton_take(b, &take, &assignment);
    }
    if (!status) {
        check_taken(assignment);
    }
    if (!status) {
        struct baton_ref ref = {.id = "A"};
        status = baton_get(b, ref, &task);
    }
    if (!status) {
        assert_string_equal(task->spec->command[599],
                            "an argument that fills the memory of the record");
    }
    baton_task_free(task);
    baton_assignment_free(assignment);
    baton_submitted_free(submitted);
    baton_spec_free(spec);
    baton_close(&b);
    return status;
}

/* With the n-th allocation failing, and those behind it unless it fails alone. */
static baton_status
calls_without(const char *endpoint, long n, bool once)
{
    allocations_left = n;
    allocations_fail_once = once;
    baton_status status = all_calls(endpoint);
    allocations_left = -1;
    allocations_fail_once = false;
    assert_true(status == BATON_OK || status == BATON_NO_MEMORY);
    return status;
}

static void
test_every_allocation_may_fail(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_run(&fake, script);
    long n = 1;
    while (n < 1000 && calls_without(fake.endpoint, n, false) != BATON_OK) {
        (void)calls_without(fake.endpoint, n, true);
        n++;
    }
    assert_in_range(n, 5, 999); /* so many allocations there are at least */

    baton *b = NULL;
    struct baton_pong pong;
    assert_int_equal(baton_open(fake.endpoint, NULL, &b), BATON_OK);
    assert_int_equal(baton_ping(b, &pong), BATON_NOT_FOUND);
    baton_close(&b);
    fake_join(&fake);
    fake_fini(&fake);
}

/* Plays the broker's part: answers what has come. */
static void
play(struct fake *fake, struct heard **hello)
{
    zmq_pollitem_t item = {.socket = fake->router, .events = ZMQ_POLLIN};
    while (zmq_poll(&item, 1, 0) > 0) {
        struct heard *heard = fake_hear(fake);
        Baton__FromBroker m = BATON__FROM_BROKER__INIT;
        if (heard->m->op_case == BATON__TO_BROKER__OP_HELLO) {
            fake_welcome(fake, heard, 1, 0);
            if (*hello) {
                heard_free(*hello);
            }
            *hello = heard;
            continue;
        }
        if (heard->m->op_case == BATON__TO_BROKER__OP_REPORT) {
            Baton__LineReply line = BATON__LINE_REPLY__INIT;
            Baton__LineReply *lines[] = {&line, &line};
            line.token = heard->m->report->lines[0]->token;
            Baton__Reported reported = BATON__REPORTED__INIT;
            reported.lines = lines;
            reported.n_lines = heard->m->report->n_lines;
            m.op_case = BATON__FROM_BROKER__OP_REPORTED;
            m.reported = &reported;
            fake_answer(fake, heard, &m);
        }
        heard_free(heard);
    }
}

static void
assign(struct fake *fake, const struct heard *hello, uint64_t token)
{
    char summary[4000] = {0};
    memset(summary, 'x', sizeof summary - 1);
    Baton__Upstream upstream = BATON__UPSTREAM__INIT;
    Baton__Upstream *upstreams[] = {&upstream};
    upstream.summary = summary;
    Baton__Assignment task = BATON__ASSIGNMENT__INIT;
    Baton__Assignment *tasks[] = {&task};
    task.token = token;
    task.id = text("A");
    task.upstream = upstreams;
    task.n_upstream = 1;
    Baton__Assign m = BATON__ASSIGN__INIT;
    m.tasks = tasks;
    m.n_tasks = 1;
    Baton__FromBroker from = BATON__FROM_BROKER__INIT;
    from.op_case = BATON__FROM_BROKER__OP_ASSIGN;
    from.assign = &m;
    fake_tell(fake, hello, &from);
}

/* One task through a session in which the n-th allocation fails. True: it did not come so far. */
static bool
task_through(struct fake *fake, long n)
{
    const char *roles[] = {"backend"};
    struct baton_worker_options options = {.name = "w", .roles = roles, .n_roles = 1, .slots = 1};
    baton_worker *w = NULL;
    struct heard *hello = NULL;
    long budget = n;
    uint64_t token = 0;
    bool reported = false, up = false;
    assert_int_equal(baton_worker_open(fake->endpoint, &options, &w), BATON_OK);
    for (int turn = 0; !reported; turn++) {
        assert_true(turn < 10000);
        if (up && hello && turn % 50 == 0) {
            assign(fake, hello, ++token); /* what got lost is assigned anew by a broker */
        }
        struct baton_worker_event event = {0};
        allocations_left = budget;
        baton_status status = baton_worker_next(w, 1, &event);
        if (status == BATON_OK && event.kind == BATON_WORK_ASSIGNED) {
            char document[500] = {0};
            struct baton_result result = {
                .outcome = BATON_OUTCOME_DONE, .document = document, .document_bytes = 500};
            baton_worker_progress(w, event.token, 5, "going", 0);
            if (baton_worker_report(w, event.token, &result) == BATON_NO_MEMORY) {
                allocations_left = -1;
                assert_int_equal(baton_worker_report(w, event.token, &result), BATON_OK);
            }
            baton_assignment_free(event.assignment);
        }
        budget = allocations_left == 0 ? -1 : allocations_left;
        allocations_left = -1;
        assert_true(status == BATON_OK || status == BATON_TIMEOUT || status == BATON_NO_MEMORY);
        up |= status == BATON_OK && event.kind == BATON_WORK_UP;
        reported = status == BATON_OK && event.kind == BATON_WORK_REPORTED;
        play(fake, &hello);
    }
    baton_worker_close(&w, 0, false);
    heard_free(hello);
    return budget > 0;
}

static void
test_a_session_survives_every_failing_allocation(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    long n = 1;
    while (n < 200 && !task_through(&fake, n)) {
        n++;
    }
    assert_in_range(n, 6, 199);
    fake_fini(&fake);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_a_session_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
