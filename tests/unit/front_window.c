/* The window of events: pages without gaps, published once and only when durable, bounded. */
#include "broker/core/state.h"
#include "broker/front/window.h"
#include "common/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct core *core;
static uint32_t project;
static struct buf events; /* of a turn, as front has them */

static int
setup(void **state)
{
    (void)state;
    core = core_new(&(struct core_config){0});
    project = project_make(core, "alpha");
    events = (struct buf){0};
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    buf_fini(&events);
    core_free(core);
    return 0;
}

/* Events of both forms that the core has: odd ones are a task's. */
static void
add_run(struct window *window, uint64_t first, uint32_t n, uint64_t ticket, size_t text_bytes)
{
    char *text = calloc(1, text_bytes + 1);
    assert_non_null(text);
    memset(text, 'x', text_bytes);
    struct core_out out = {.events = events};
    core->event = first - 1;
    for (uint32_t i = 0; i < n; i++) {
        struct task task = {.id = text, .course = &course_none, .project = project, .state = READY};
        if ((first + i) % 2) {
            event_task(core, &out, 1000, BATON__EVENT__KIND__TASK, &task,
                       &(struct event_more){.text = text});
        } else {
            event_plain(core, &out, 1000, BATON__EVENT__KIND__EPOCH, text, "", text);
        }
    }
    memset(text, 'y', text_bytes);
    free(text);
    assert_int_equal(out.n_events, n);
    assert_int_equal(out.first_event, first);
    window_add(window, first, n, &out.events, ticket);
    assert_int_equal(out.events.bytes, 0);
    events = out.events;
}

/* Unpacks a batch and checks that it holds first, first + 1, … */
static size_t
check_batch(struct buf *batch, uint64_t first, uint64_t newest)
{
    Baton__EventBatch *got = baton__event_batch__unpack(NULL, batch->bytes, batch->data);
    assert_non_null(got);
    assert_int_equal(got->newest, newest);
    size_t n = got->n_events;
    for (size_t i = 0; i < n; i++) {
        const Baton__Event *event = got->events[i];
        assert_int_equal(event->number, first + i);
        assert_int_equal(event->at, 1000);
        assert_string_equal(event->project, event->number % 2 ? "alpha" : "");
        assert_true(event->text[0] == 'x');
        assert_string_equal(event->id, event->text);
    }
    baton__event_batch__free_unpacked(got, NULL);
    return n;
}

static struct window
window_of_core(void)
{
    struct window window;
    window_init(&window, core);
    return window;
}

static void
test_pages(void **state)
{
    (void)state;
    struct window window = window_of_core();
    struct buf batch = {0};
    window_begin(&window, 40);
    assert_int_equal(window_page(&window, 40, 10, &batch), 0);
    assert_int_equal(window_page(&window, 39, 10, &batch), -1);
    assert_int_equal(window_page(&window, 41, 10, &batch), -1);
    add_run(&window, 41, 3, 1, 5);
    add_run(&window, 44, 1, 2, 5);
    add_run(&window, 45, 5, 3, 5);
    for (uint64_t after = 40; after <= 49; after++) {
        buf_clear(&batch);
        assert_int_equal(window_page(&window, after, 100, &batch), 49 - after);
        assert_int_equal(check_batch(&batch, after + 1, 49), 49 - after);
        buf_clear(&batch);
        assert_int_equal(window_page(&window, after, 2, &batch), 49 - after < 2 ? 49 - after : 2);
    }
    assert_int_equal(window_page(&window, 39, 10, &batch), -1);
    assert_int_equal(window_page(&window, UINT64_MAX, 10, &batch), -1);
    buf_fini(&batch);
    window_fini(&window);
}

static void
test_large_events_end_a_page(void **state)
{
    (void)state;
    struct window window = window_of_core();
    struct buf batch = {0};
    add_run(&window, 1, 10, 1, 400 * 1024);
    int n = window_page(&window, 0, 100, &batch);
    assert_in_range(n, 1, 3);
    assert_int_equal(check_batch(&batch, 1, 10), n);
    buf_fini(&batch);
    window_fini(&window);
}

static void
test_publishes_what_is_durable_once(void **state)
{
    (void)state;
    struct window window = window_of_core();
    struct window_cursor cursor = {0};
    struct buf batch = {0};
    add_run(&window, 1, 2, 1, 5);
    add_run(&window, 3, EVENTS_PAGE + 10, 2, 5);
    assert_false(window_has_news(&window, 0));
    assert_true(window_has_news(&window, 1));
    assert_int_equal(window_publish(&window, &cursor, 1, &batch), 2);
    assert_int_equal(check_batch(&batch, 1, 2), 2);
    assert_false(window_has_news(&window, 1));
    assert_int_equal(window_publish(&window, &cursor, 2, &batch), EVENTS_PAGE);
    assert_int_equal(check_batch(&batch, 3, 2 + EVENTS_PAGE), EVENTS_PAGE);
    assert_int_equal(window_newest_published(&window, &cursor), 2 + EVENTS_PAGE);
    assert_int_equal(window_publish(&window, &cursor, 2, &batch), 10);
    assert_int_equal(check_batch(&batch, 3 + EVENTS_PAGE, 12 + EVENTS_PAGE), 10);
    assert_false(window_has_news(&window, 9));
    buf_fini(&batch);
    window_fini(&window);
}

static void
test_passes_what_is_durable(void **state)
{
    (void)state;
    struct window window = window_of_core();
    struct window_cursor cursor = {0};
    struct buf batch = {0};
    add_run(&window, 1, EVENTS_PAGE + 10, 1, 5);
    add_run(&window, EVENTS_PAGE + 11, 7, 2, 5);
    add_run(&window, EVENTS_PAGE + 18, 3, 3, 5);
    assert_int_equal(window_publish(&window, &cursor, 2, &batch), EVENTS_PAGE);
    assert_int_equal(window_pass(&window, &cursor, 2), 17);
    assert_int_equal(window_newest_published(&window, &cursor), EVENTS_PAGE + 17);
    assert_int_equal(window_pass(&window, &cursor, 2), 0);
    assert_int_equal(window_publish(&window, &cursor, 3, &batch), 3);
    assert_int_equal(check_batch(&batch, EVENTS_PAGE + 18, EVENTS_PAGE + 20), 3);
    buf_fini(&batch);
    window_fini(&window);
}

static void
test_old_events_go_but_never_unpublished_ones(void **state)
{
    (void)state;
    struct window window = window_of_core();
    struct window_cursor cursor = {0};
    struct buf batch = {0};
    enum { RUN = 1000, RUNS = 200 };
    for (uint64_t i = 0; i < RUNS; i++) {
        add_run(&window, 1 + i * RUN, RUN, i + 1, 5);
    }
    assert_int_equal(window.n, RUN * RUNS);
    uint64_t next = 1;
    while (window_has_news(&window, RUNS)) {
        uint32_t n = window_publish(&window, &cursor, RUNS, &batch);
        check_batch(&batch, next, next + n - 1);
        next += n;
    }
    assert_int_equal(next, 1 + RUN * RUNS);
    assert_in_range(window.n, WINDOW_EVENTS, WINDOW_EVENTS + RUN);
    assert_int_equal(window_page(&window, 0, 1, &batch), -1);
    buf_clear(&batch);
    uint64_t oldest = RUN * RUNS - window.n;
    assert_int_equal(window_page(&window, oldest, 1, &batch), 1);
    assert_int_equal(check_batch(&batch, oldest + 1, RUN * RUNS), 1);
    /* Room of runs that are gone is used again. */
    size_t room = window.room;
    for (uint64_t i = RUNS; i < 10 * RUNS; i++) {
        add_run(&window, 1 + i * RUN, RUN, i + 1, 5);
        assert_int_equal(window_pass(&window, &cursor, UINT64_MAX), RUN);
    }
    assert_int_equal(window.room, room);
    assert_true(events.room >= window.runs[window.n_runs - 1].events.bytes);
    buf_fini(&batch);
    window_fini(&window);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_events_end_a_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_publishes_what_is_durable_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_passes_what_is_durable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_old_events_go_but_never_unpublished_ones, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
