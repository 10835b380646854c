/* Sessions: the newest wins, silence ends them, credit is served in turn. */
#include "broker/front/sessions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { HEARTBEAT = 100, LOST_AFTER = HEARTBEAT * HEARTBEATS_MISSED_MAX };

static struct session *
open(struct sessions *sessions, uint64_t peer, uint32_t worker, int64_t now)
{
    static const char *const projects[] = {"a", "b"};
    return sessions_open(sessions, now,
                         &(struct session_hello){.peer = peer,
                                                 .worker = worker,
                                                 .roles = 1u << 1 | 1u << 3,
                                                 .slots = 4,
                                                 .software = "test",
                                                 .projects = projects,
                                                 .n_projects = 2});
}

static void
test_newest_session_of_a_worker_wins(void **state)
{
    (void)state;
    struct sessions *sessions = sessions_new(HEARTBEAT, 10);
    struct session *first = open(sessions, 1, 7, 0);
    struct session *second = open(sessions, 2, 7, 10);
    assert_ptr_equal(sessions_find(sessions, 1), first);
    assert_true(first->is_parted);
    assert_ptr_equal(sessions_of_worker(sessions, 7), second);
    assert_int_equal(sessions_n(sessions), 1);
    assert_int_equal(sessions_totals(sessions)[1].workers, 1);
    assert_string_equal(second->projects[1], "b");

    /* The same connection again: no parted one is left of it. */
    struct session *third = open(sessions, 2, 7, 20);
    assert_ptr_equal(sessions_find(sessions, 2), third);
    assert_false(third->is_parted);
    assert_ptr_equal(sessions_first_parted(sessions), first);
    assert_null(first->newer);

    sessions_close(sessions, first);
    assert_null(sessions_find(sessions, 1));
    assert_ptr_equal(sessions_of_worker(sessions, 7), third);
    sessions_free(sessions);
}

static void
test_silence_ends_a_session(void **state)
{
    (void)state;
    struct sessions *sessions = sessions_new(HEARTBEAT, 10);
    struct session *one = open(sessions, 1, 1, 0);
    open(sessions, 2, 2, 0);
    sessions_heard(sessions, one, 50);
    assert_int_equal(sessions_next_at(sessions), LOST_AFTER);
    assert_int_equal(sessions_expire(sessions, LOST_AFTER - 1), 0);
    assert_int_equal(sessions_expire(sessions, LOST_AFTER), 2);
    assert_int_equal(sessions_expire(sessions, LOST_AFTER), 0);
    assert_true(sessions_find(sessions, 2)->is_parted);
    assert_null(sessions_of_worker(sessions, 2));
    assert_int_equal(sessions_expire(sessions, LOST_AFTER + 50), 1);
    assert_int_equal(sessions_next_at(sessions), LOST_AFTER + PARTED_KEPT_MS);
    assert_int_equal(sessions_expire(sessions, LOST_AFTER + 50 + PARTED_KEPT_MS), 0);
    assert_null(sessions_find(sessions, 1));
    assert_null(sessions_find(sessions, 2));
    assert_int_equal(sessions_next_at(sessions), INT64_MAX);
    sessions_free(sessions);
}

static void
test_time_not_listened_is_forgiven(void **state)
{
    (void)state;
    struct sessions *sessions = sessions_new(HEARTBEAT, 10);
    open(sessions, 1, 1, 0);
    struct session *young = open(sessions, 2, 2, 300);
    sessions_forgive(sessions, 200, 350);
    assert_int_equal(sessions_next_at(sessions), 200 + LOST_AFTER);
    assert_int_equal(young->alive_at, 350); /* never in the future */
    assert_int_equal(young->heard_at, 300);
    sessions_free(sessions);
}

static void
test_credit_is_counted_and_served_in_turn(void **state)
{
    (void)state;
    struct sessions *sessions = sessions_new(HEARTBEAT, 10);
    struct session *a = open(sessions, 1, 1, 0);
    struct session *b = open(sessions, 2, 2, 0);
    struct session *c = open(sessions, 3, 3, 0);
    assert_null(sessions_hungry(sessions));
    sessions_set_credit(sessions, b, 2, 0);
    sessions_set_credit(sessions, a, 3, 0);
    sessions_set_credit(sessions, c, 1, 0);
    assert_ptr_equal(sessions_hungry(sessions), b);
    assert_ptr_equal(b->hungry_next, a);
    assert_int_equal(sessions_totals(sessions)[3].credit, 6);
    assert_int_equal(sessions_totals(sessions)[3].slots, 12);
    assert_int_equal(sessions_totals(sessions)[0].workers, 0);

    sessions_served(sessions, b, 1);
    assert_ptr_equal(sessions_hungry(sessions), a);
    assert_ptr_equal(c->hungry_next, b);
    assert_int_equal(sessions_totals(sessions)[3].credit, 5);
    sessions_set_credit(sessions, c, 0, 0);
    assert_ptr_equal(a->hungry_next, b);
    sessions_part(sessions, a, 5);
    assert_ptr_equal(sessions_hungry(sessions), b);
    assert_int_equal(sessions_totals(sessions)[1].credit, 1);
    assert_int_equal(sessions_totals(sessions)[1].workers, 2);
    sessions_free(sessions);
}

static void
test_what_is_under_way_uses_up_credit(void **state)
{
    (void)state;
    struct sessions *sessions = sessions_new(HEARTBEAT, 10);
    struct session *a = open(sessions, 1, 1, 0);
    sessions_set_credit(sessions, a, 2, 0);
    sessions_served(sessions, a, 2);
    assert_int_equal(a->credit, 0);
    assert_null(sessions_hungry(sessions));
    sessions_set_credit(sessions, a, 2, 1); /* one has arrived, one will */
    assert_int_equal(a->credit, 1);
    sessions_set_credit(sessions, a, 0, 1);
    assert_int_equal(a->credit, 0);
    sessions_unserved(sessions, a, 1); /* it will not: but the worker wants none any more */
    assert_int_equal(a->credit, 0);
    sessions_set_credit(sessions, a, 3, 1);
    sessions_served(sessions, a, 2);
    sessions_unserved(sessions, a, 2); /* the worker knows nothing of them and says nothing anew */
    assert_int_equal(a->credit, 3);
    assert_ptr_equal(sessions_hungry(sessions), a);
    sessions_set_credit(sessions, a, 1, 1000); /* more than there were: no more than all */
    assert_int_equal(a->credit, 1);
    a = open(sessions, 1, 1, 0); /* counted anew */
    sessions_set_credit(sessions, a, 2, 0);
    assert_int_equal(a->credit, 2);
    sessions_free(sessions);
}

static void
test_many_connections(void **state)
{
    (void)state;
    enum { N = 5000 };
    struct sessions *sessions = sessions_new(HEARTBEAT, N);
    for (uint32_t i = 1; i <= N; i++) {
        assert_non_null(open(sessions, UINT64_C(0xabcd0000) + i, i, i));
    }
    assert_null(open(sessions, 5, N + 1, 0));
    assert_int_equal(sessions_n(sessions), N);
    for (uint32_t i = 1; i <= N; i += 2) {
        struct session *session = sessions_find(sessions, UINT64_C(0xabcd0000) + i);
        assert_non_null(session);
        assert_int_equal(session->worker, i);
        sessions_close(sessions, session);
    }
    assert_int_equal(sessions_n(sessions), N / 2);
    assert_int_equal(sessions_totals(sessions)[1].slots, N / 2 * 4);
    for (uint32_t i = 2; i <= N; i += 2) {
        assert_int_equal(sessions_expire(sessions, INT32_MAX), i);
    }
    assert_int_equal(sessions_expire(sessions, INT32_MAX), 0);
    sessions_free(sessions);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_session_of_a_worker_wins),
        cmocka_unit_test(test_silence_ends_a_session),
        cmocka_unit_test(test_time_not_listened_is_forgiven),
        cmocka_unit_test(test_credit_is_counted_and_served_in_turn),
        cmocka_unit_test(test_what_is_under_way_uses_up_credit),
        cmocka_unit_test(test_many_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
