/* A worker's session: greeting, credit, assignments, reports, and what survives a broken
 * connection. One thread plays both sides: a step of the worker, a look at the broker's socket, in
 * turn. */
#include "baton.h"
#include "client_fake.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 10 * 1000 };

struct pair {
    struct fake fake;
    baton_worker *worker;
    struct heard *hello; /* of the session that is up */
    int64_t lease_ms;    /* of what is assigned; 0: 300,000 */
};

static baton_worker *
worker_new(struct pair *p, const struct baton_held *held, size_t n_held)
{
    const char *roles[] = {"backend", "testing"};
    struct baton_worker_options options = {
        .name = "w1", .roles = roles, .n_roles = 2, .slots = 8, .held = held, .n_held = n_held};
    baton_worker *worker = NULL;
    assert_int_equal(baton_worker_open(p->fake.endpoint, &options, &worker), BATON_OK);
    return worker;
}

static int
setup(void **state)
{
    struct pair *p = calloc(1, sizeof *p);
    fake_init(&p->fake);
    *state = p;
    return 0;
}

static int
teardown(void **state)
{
    struct pair *p = *state;
    baton_worker_close(&p->worker, 0, false);
    if (p->hello) {
        heard_free(p->hello);
    }
    fake_fini(&p->fake);
    free(p);
    return 0;
}

/* The next message, stepping the worker until it comes. No event may come meanwhile, but DOWN. */
static struct heard *
hear_any(struct pair *p)
{
    for (int i = 0; i < WAIT_MS; i++) {
        struct baton_worker_event event = {.kind = BATON_WORK_DOWN};
        baton_status status = baton_worker_next(p->worker, 1, &event);
        assert_true(status == BATON_TIMEOUT || event.kind == BATON_WORK_DOWN);
        zmq_pollitem_t item = {.socket = p->fake.router, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, 0) > 0) {
            return fake_hear(&p->fake);
        }
    }
    fail_msg("the worker said nothing");
    return NULL;
}

static struct heard *
hear(struct pair *p, Baton__ToBroker__OpCase op)
{
    struct heard *heard = hear_any(p);
    assert_int_equal(heard->m->op_case, op);
    return heard;
}

static struct baton_worker_event
next(struct pair *p, enum baton_worker_event_kind kind)
{
    struct baton_worker_event event = {0};
    assert_int_equal(baton_worker_next(p->worker, WAIT_MS, &event), BATON_OK);
    assert_int_equal(event.kind, kind);
    return event;
}

static void
nothing(struct pair *p)
{
    struct baton_worker_event event = {0};
    assert_int_equal(baton_worker_next(p->worker, 0, &event), BATON_TIMEOUT);
}

static void
greet(struct pair *p, uint64_t epoch)
{
    if (p->hello) {
        heard_free(p->hello);
    }
    p->hello = hear(p, BATON__TO_BROKER__OP_HELLO);
    fake_welcome(&p->fake, p->hello, epoch, 0);
    struct baton_worker_event event = next(p, BATON_WORK_UP);
    assert_int_equal(event.epoch, epoch);
}

/* Assigns tasks with the tokens first..last in one message. */
static void
assign(struct pair *p, uint64_t first, uint64_t last)
{
    size_t n = last - first + 1;
    Baton__Assignment *tasks = calloc(n, sizeof *tasks);
    Baton__Assignment **pointers = calloc(n, sizeof *pointers);
    for (size_t i = 0; i < n; i++) {
        pointers[i] = &tasks[i];
        tasks[i] = (Baton__Assignment)BATON__ASSIGNMENT__INIT;
        tasks[i].token = first + i;
        tasks[i].project = text("default");
        tasks[i].id = text("A");
        tasks[i].lease_ms = p->lease_ms ? p->lease_ms : 300000;
    }
    Baton__Assign m = BATON__ASSIGN__INIT;
    m.tasks = pointers;
    m.n_tasks = n;
    Baton__FromBroker from = BATON__FROM_BROKER__INIT;
    from.op_case = BATON__FROM_BROKER__OP_ASSIGN;
    from.assign = &m;
    fake_tell(&p->fake, p->hello, &from);
    free(tasks);
    free(pointers);
}

/* Answers every line of a report with the code. */
static void
answer(struct pair *p, const struct heard *report, Baton__Code code)
{
    size_t n = report->m->report->n_lines;
    Baton__LineReply *lines = calloc(n, sizeof *lines);
    Baton__LineReply **pointers = calloc(n, sizeof *pointers);
    for (size_t i = 0; i < n; i++) {
        pointers[i] = &lines[i];
        lines[i] = (Baton__LineReply)BATON__LINE_REPLY__INIT;
        lines[i].token = report->m->report->lines[i]->token;
        lines[i].code = code;
        lines[i].state = BATON__TASK_STATE__STATE_DONE;
    }
    Baton__Reported reported = BATON__REPORTED__INIT;
    reported.lines = pointers;
    reported.n_lines = n;
    Baton__FromBroker m = BATON__FROM_BROKER__INIT;
    m.op_case = BATON__FROM_BROKER__OP_REPORTED;
    m.reported = &reported;
    fake_answer(&p->fake, report, &m);
    free(lines);
    free(pointers);
}

static void
take_assigned(struct pair *p, uint64_t token)
{
    struct baton_worker_event event = next(p, BATON_WORK_ASSIGNED);
    assert_int_equal(event.assignment->token, token);
    baton_assignment_free(event.assignment);
}

static void
report_done(struct pair *p, uint64_t token)
{
    struct baton_result result = {.outcome = BATON_OUTCOME_DONE};
    assert_int_equal(baton_worker_report(p->worker, token, &result), BATON_OK);
}

static void
test_a_task_from_credit_to_acknowledgement(void **state)
{
    struct pair *p = *state;
    p->worker = worker_new(p, NULL, 0);
    baton_worker_credit(p->worker, 2);
    greet(p, 1);
    assert_string_equal(p->hello->m->hello->worker, "w1");
    assert_int_equal(p->hello->m->hello->n_roles, 2);
    assert_int_equal(p->hello->m->hello->slots, 8);
    struct heard *credit = hear(p, BATON__TO_BROKER__OP_CREDIT);
    assert_int_equal(credit->m->credit->slots, 2);
    heard_free(credit);
    assign(p, 7, 8);
    take_assigned(p, 7);
    baton_worker_started(p->worker, 7);
    baton_worker_progress(p->worker, 7, 50, "half", 0);
    baton_worker_credit(p->worker, 0); /* too late for 8, which must be handed out all the same */
    take_assigned(p, 8);
    nothing(p);
    report_done(p, 7);
    assert_int_equal(baton_worker_timeout_ms(p->worker), 0);
    struct heard *report = hear(p, BATON__TO_BROKER__OP_REPORT);
    assert_int_equal(report->m->report->n_lines, 2);
    assert_int_equal(report->m->report->lines[0]->what_case, BATON__LINE__WHAT_STARTED);
    assert_int_equal(report->m->report->lines[1]->what_case, BATON__LINE__WHAT_PROGRESS);
    struct heard *second = hear(p, BATON__TO_BROKER__OP_REPORT);
    assert_int_equal(second->m->report->lines[0]->what_case, BATON__LINE__WHAT_RESULT);
    answer(p, report, BATON__CODE__CODE_OK); /* of what came before the result: not its answer */
    answer(p, second, BATON__CODE__CODE_OK);
    struct baton_worker_event event = next(p, BATON_WORK_REPORTED);
    assert_int_equal(event.token, 7);
    assert_int_equal(event.status, BATON_OK);
    assert_int_equal(event.state, BATON_DONE);
    nothing(p);
    heard_free(report);
    heard_free(second);
}

static void
test_credit_says_what_has_arrived(void **state)
{
    struct pair *p = *state;
    p->worker = worker_new(p, NULL, 0);
    baton_worker_credit(p->worker, 2);
    greet(p, 1);
    struct heard *credit = hear(p, BATON__TO_BROKER__OP_CREDIT);
    assert_int_equal(credit->m->credit->arrived, 0);
    heard_free(credit);
    baton_worker_credit(p->worker, 5);
    assign(p, 7, 8); /* was sent before the broker could know of 5 */
    take_assigned(p, 7);
    take_assigned(p, 8);
    credit = hear(p, BATON__TO_BROKER__OP_CREDIT);
    assert_int_equal(credit->m->credit->slots, 3);
    assert_int_equal(credit->m->credit->arrived, 2);
    heard_free(credit);
    baton_worker_credit(p->worker, 1); /* less is said at once */
    credit = hear(p, BATON__TO_BROKER__OP_CREDIT);
    assert_int_equal(credit->m->credit->slots, 1);
    heard_free(credit);
    baton_worker_credit(p->worker, 6); /* more in the end, too */
    credit = hear(p, BATON__TO_BROKER__OP_CREDIT);
    assert_int_equal(credit->m->credit->slots, 6);
    heard_free(credit);
}

static void
test_started_and_result_in_one_report_are_told_apart(void **state)
{
    struct pair *p = *state;
    p->worker = worker_new(p, NULL, 0);
    greet(p, 1);
    assign(p, 7, 7);
    take_assigned(p, 7);
    baton_worker_started(p->worker, 7);
    report_done(p, 7);
    struct baton_result again = {.outcome = BATON_OUTCOME_FAILED};
    assert_int_equal(baton_worker_report(p->worker, 7, &again), BATON_CONFLICT);
    struct heard *report = hear(p, BATON__TO_BROKER__OP_REPORT);
    assert_int_equal(report->m->report->n_lines, 2);
    /* Only the first line is answered yet: that is the one of the start. */
    report->m->report->n_lines = 1;
    answer(p, report, BATON__CODE__CODE_OK);
    struct baton_worker_event event;
    assert_int_equal(baton_worker_next(p->worker, 100, &event), BATON_TIMEOUT);
    answer(p, report, BATON__CODE__CODE_STALE_TOKEN);
    event = next(p, BATON_WORK_REPORTED);
    assert_int_equal(event.status, BATON_STALE_TOKEN);
    report->m->report->n_lines = 2;
    heard_free(report);
}

static void
test_an_assignment_that_comes_twice_is_handed_out_once(void **state)
{
    struct pair *p = *state;
    p->worker = worker_new(p, NULL, 0);
    greet(p, 1);
    assign(p, 7, 7);
    assign(p, 7, 8);
    take_assigned(p, 7);
    take_assigned(p, 8);
    report_done(p, 7);
    struct heard *report = hear(p, BATON__TO_BROKER__OP_REPORT);
    answer(p, report, BATON__CODE__CODE_OK);
    next(p, BATON_WORK_REPORTED);
    assign(p, 7, 9); /* also not after its end */
    take_assigned(p, 9);
    heard_free(report);
}

static void
test_after_a_restart_leases_are_announced_and_results_repeated(void **state)
{
    struct pair *p = *state;
    p->worker = worker_new(p, NULL, 0);
    greet(p, 1);
    assign(p, 7, 10);
    for (uint64_t token = 7; token <= 10; token++) {
        take_assigned(p, token);
    }
    baton_worker_started(p->worker, 7);
    baton_worker_started(p->worker, 8);
    report_done(p, 8);
    struct heard *report = hear(p, BATON__TO_BROKER__OP_REPORT);
    heard_free(report); /* never answered */
    fake_stop(&p->fake);
    next(p, BATON_WORK_DOWN);
    report_done(p, 9);
    fake_start(&p->fake);

    heard_free(p->hello);
    p->hello = hear(p, BATON__TO_BROKER__OP_HELLO);
    const Baton__Hello *hello = p->hello->m->hello;
    assert_int_equal(hello->n_held, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(hello->held[i]->started, hello->held[i]->token <= 8);
    }
    uint64_t lost[] = {8, 10}; /* the result of 8 had arrived */
    Baton__Welcome welcome = BATON__WELCOME__INIT;
    welcome.epoch = 2;
    welcome.heartbeat_ms = 5000;
    welcome.lost = lost;
    welcome.n_lost = 2;
    Baton__FromBroker m = BATON__FROM_BROKER__INIT;
    m.op_case = BATON__FROM_BROKER__OP_WELCOME;
    m.welcome = &welcome;
    fake_answer(&p->fake, p->hello, &m);
    next(p, BATON_WORK_UP);
    struct baton_worker_event event = next(p, BATON_WORK_LOST);
    assert_int_equal(event.token, 10);
    report = hear(p, BATON__TO_BROKER__OP_REPORT);
    assert_int_equal(report->m->report->n_lines, 2);
    for (size_t i = 0; i < 2; i++) {
        const Baton__Line *line = report->m->report->lines[i];
        assert_int_equal(line->what_case, BATON__LINE__WHAT_RESULT);
        assert_string_equal(line->id, line->token == 8 ? "A" : "");
    }
    answer(p, report, BATON__CODE__CODE_OK);
    next(p, BATON_WORK_REPORTED);
    next(p, BATON_WORK_REPORTED);
    nothing(p);
    heard_free(report);
}

static void
test_hello_first_makes_a_new_session(void **state)
{
    struct pair *p = *state;
    p->worker = worker_new(p, NULL, 0);
    greet(p, 1);
    baton_worker_credit(p->worker, 3);
    struct heard *credit = hear(p, BATON__TO_BROKER__OP_CREDIT);
    assert_int_equal(credit->m->id, 0);
    fake_error(&p->fake, credit, BATON__CODE__CODE_HELLO_FIRST, "who are you?");
    next(p, BATON_WORK_DOWN);
    struct heard *before = p->hello;
    p->hello = NULL;
    greet(p, 1);
    assert_false(heard_same_peer(before, p->hello)); /* nothing of the old connection comes in */
    heard_free(before);
    heard_free(credit);
    credit = hear(p, BATON__TO_BROKER__OP_CREDIT); /* the new session knows of none */
    assert_int_equal(credit->m->credit->slots, 3);
    assert_int_equal(credit->m->credit->arrived, 0);
    heard_free(credit);
}

static void
test_stop_stale_and_drain_reach_the_caller(void **state)
{
    struct pair *p = *state;
    p->worker = worker_new(p, NULL, 0);
    greet(p, 1);
    assign(p, 7, 8);
    take_assigned(p, 7);
    take_assigned(p, 8);
    Baton__Stop stop = BATON__STOP__INIT;
    stop.token = 7;
    stop.reason = text("not wanted");
    stop.grace_ms = 900;
    Baton__FromBroker m = BATON__FROM_BROKER__INIT;
    m.op_case = BATON__FROM_BROKER__OP_STOP;
    m.stop = &stop;
    fake_tell(&p->fake, p->hello, &m);
    struct baton_worker_event event = next(p, BATON_WORK_STOP);
    assert_int_equal(event.token, 7);
    assert_int_equal(event.grace_ms, 900);
    assert_string_equal(event.reason, "not wanted");
    stop.token = 99; /* nobody's */
    fake_tell(&p->fake, p->hello, &m);
    baton_worker_started(p->worker, 8);
    struct heard *report = hear(p, BATON__TO_BROKER__OP_REPORT);
    answer(p, report, BATON__CODE__CODE_STALE_TOKEN);
    event = next(p, BATON_WORK_LOST);
    assert_int_equal(event.token, 8);
    Baton__Drain drain = BATON__DRAIN__INIT;
    m.op_case = BATON__FROM_BROKER__OP_DRAIN;
    m.drain = &drain;
    fake_tell(&p->fake, p->hello, &m);
    next(p, BATON_WORK_DRAIN);
    drain.resume = true;
    fake_tell(&p->fake, p->hello, &m);
    next(p, BATON_WORK_RESUME);
    heard_free(report);
}

static void
test_a_refused_hello_is_told(void **state)
{
    struct pair *p = *state;
    p->worker = worker_new(p, NULL, 0);
    p->hello = hear(p, BATON__TO_BROKER__OP_HELLO);
    fake_error(&p->fake, p->hello, BATON__CODE__CODE_VERSION, "this broker speaks version 2");
    struct baton_worker_event event;
    assert_int_equal(baton_worker_next(p->worker, WAIT_MS, &event), BATON_VERSION);
    assert_string_equal(baton_worker_error(p->worker), "this broker speaks version 2");
}

static void
test_leases_of_an_earlier_life_are_announced(void **state)
{
    struct pair *p = *state;
    const struct baton_held held[] = {{.token = 5, .started = true}, {.token = 6}};
    p->worker = worker_new(p, held, 2);
    report_done(p, 5); /* from the spool */
    report_done(p, 4); /* not announced: its lease may be over, its result may count all the same */
    p->hello = hear(p, BATON__TO_BROKER__OP_HELLO);
    assert_int_equal(p->hello->m->hello->n_held, 3);
    fake_welcome(&p->fake, p->hello, 1, 0);
    next(p, BATON_WORK_UP);
    struct heard *report = hear(p, BATON__TO_BROKER__OP_REPORT);
    assert_int_equal(report->m->report->n_lines, 2);
    answer(p, report, BATON__CODE__CODE_STALE_TOKEN);
    assert_int_equal(next(p, BATON_WORK_REPORTED).status, BATON_STALE_TOKEN);
    assert_int_equal(next(p, BATON_WORK_REPORTED).status, BATON_STALE_TOKEN);
    heard_free(report);
}

static void
test_the_descriptor_tells_and_stays_the_same(void **state)
{
    struct pair *p = *state;
    p->worker = worker_new(p, NULL, 0);
    int fd = baton_worker_fd(p->worker);
    greet(p, 1);
    for (uint64_t token = 1; token <= 200; token++) {
        nothing(p);
        assign(p, token, token);
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        struct baton_worker_event event;
        baton_status status;
        do { /* it may also stir for nothing, but never be silent when there is something */
            assert_int_equal(poll(&polled, 1, WAIT_MS), 1);
            status = baton_worker_next(p->worker, 0, &event);
        } while (status == BATON_TIMEOUT);
        assert_int_equal(status, BATON_OK);
        assert_int_equal(event.token, token);
        baton_assignment_free(event.assignment);
        report_done(p, token);
    }
    fake_stop(&p->fake);
    next(p, BATON_WORK_DOWN);
    assert_int_equal(baton_worker_fd(p->worker), fd);
    fake_start(&p->fake);
}

static void
test_a_worker_that_hears_nothing_pings_and_then_greets_anew(void **state)
{
    struct pair *p = *state;
    p->fake.heartbeat_ms = 50;
    p->worker = worker_new(p, NULL, 0);
    greet(p, 1);
    struct heard *ping = hear(p, BATON__TO_BROKER__OP_PING);
    Baton__Pong pong = BATON__PONG__INIT;
    pong.epoch = 1;
    Baton__FromBroker m = BATON__FROM_BROKER__INIT;
    m.op_case = BATON__FROM_BROKER__OP_PONG;
    m.pong = &pong;
    fake_answer(&p->fake, ping, &m);
    heard_free(ping);
    struct heard *heard;
    int n_pings = 0;
    while ((heard = hear_any(p))->m->op_case == BATON__TO_BROKER__OP_PING) {
        heard_free(heard);
        n_pings++;
    }
    assert_int_equal(heard->m->op_case, BATON__TO_BROKER__OP_HELLO);
    assert_true(n_pings >= 2);
    fake_welcome(&p->fake, heard, 1, 0);
    next(p, BATON_WORK_UP);
    heard_free(heard);

    ping = hear(p, BATON__TO_BROKER__OP_PING);
    pong.epoch = 2; /* another life of the broker: it knows nothing of this session */
    fake_answer(&p->fake, ping, &m);
    next(p, BATON_WORK_DOWN);
    heard_free(ping);
}

static void
test_leases_are_renewed_together_until_the_end_is_reported(void **state)
{
    struct pair *p = *state;
    p->worker = worker_new(p, NULL, 0);
    greet(p, 1);
    p->lease_ms = 300;
    assign(p, 7, 9);
    for (uint64_t token = 7; token <= 9; token++) {
        take_assigned(p, token);
    }
    for (int i = 0; i < 2; i++) {
        struct heard *report = hear(p, BATON__TO_BROKER__OP_REPORT);
        assert_int_equal(report->m->report->n_lines, 3);
        for (size_t line = 0; line < 3; line++) {
            assert_int_equal(report->m->report->lines[line]->what_case, BATON__LINE__WHAT_BEAT);
        }
        heard_free(report);
    }
    report_done(p, 8);
    struct heard *report = hear(p, BATON__TO_BROKER__OP_REPORT);
    assert_int_equal(report->m->report->lines[0]->what_case, BATON__LINE__WHAT_RESULT);
    heard_free(report);
    report = hear(p, BATON__TO_BROKER__OP_REPORT);
    assert_int_equal(report->m->report->n_lines, 2);
    heard_free(report);
}

/* However long the lease, and also when it has ended long ago. */
static void
test_a_result_is_looked_at_again_soon(void **state)
{
    enum { SOON_MS = 5000 };
    struct pair *p = *state;
    p->fake.heartbeat_ms = 60000;
    p->lease_ms = 3600 * 1000;
    for (int is_held = 0; is_held < 2; is_held++) {
        p->worker = worker_new(p, NULL, 0);
        greet(p, 1);
        if (is_held) {
            assign(p, 7, 7);
            take_assigned(p, 7);
        }
        nothing(p);
        assert_true(baton_worker_timeout_ms(p->worker) > SOON_MS);
        report_done(p, 7);
        struct heard *report = hear(p, BATON__TO_BROKER__OP_REPORT);
        nothing(p);
        assert_in_range(baton_worker_timeout_ms(p->worker), 0, SOON_MS);
        answer(p, report, BATON__CODE__CODE_OK);
        next(p, BATON_WORK_REPORTED);
        heard_free(report);
        baton_worker_close(&p->worker, 0, true);
    }
}

static void
test_close_says_bye_unless_the_leases_are_kept(void **state)
{
    struct pair *p = *state;
    for (int keep = 0; keep < 2; keep++) {
        p->worker = worker_new(p, NULL, 0);
        greet(p, 1);
        baton_worker_close(&p->worker, 0, keep);
        assert_null(p->worker);
        if (!keep) {
            struct heard *bye = fake_hear_op(&p->fake, BATON__TO_BROKER__OP_BYE);
            heard_free(bye);
        } else {
            assert_false(fake_hears(&p->fake, 50));
        }
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_task_from_credit_to_acknowledgement),
        TEST(test_credit_says_what_has_arrived),
        TEST(test_started_and_result_in_one_report_are_told_apart),
        TEST(test_an_assignment_that_comes_twice_is_handed_out_once),
        TEST(test_after_a_restart_leases_are_announced_and_results_repeated),
        TEST(test_hello_first_makes_a_new_session),
        TEST(test_stop_stale_and_drain_reach_the_caller),
        TEST(test_a_refused_hello_is_told),
        TEST(test_leases_of_an_earlier_life_are_announced),
        TEST(test_the_descriptor_tells_and_stays_the_same),
        TEST(test_a_worker_that_hears_nothing_pings_and_then_greets_anew),
        TEST(test_leases_are_renewed_together_until_the_end_is_reported),
        TEST(test_a_result_is_looked_at_again_soon),
        TEST(test_close_says_bye_unless_the_leases_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
