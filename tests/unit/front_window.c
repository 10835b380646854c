/* The window of events: pages without gaps, published once and only when durable, bounded. */
#include "broker/front/window.h"
#include "wire.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
add_run(struct window *window, uint64_t first, uint32_t n, uint64_t ticket, size_t text_bytes)
{
    char *text = calloc(1, text_bytes + 1);
    assert_non_null(text);
    memset(text, 'x', text_bytes);
    struct buf events = {0};
    for (uint32_t i = 0; i < n; i++) {
        Baton__Event event = BATON__EVENT__INIT;
        event.number = first + i;
        event.text = text;
        size_t bytes = baton__event__get_packed_size(&event);
        buf_add_varint(&events, bytes);
        baton__event__pack(&event, buf_reserve(&events, bytes));
        events.bytes += bytes;
    }
    free(text);
    window_add(window, first, n, &events, ticket);
    assert_null(events.data);
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
        assert_int_equal(got->events[i]->number, first + i);
    }
    baton__event_batch__free_unpacked(got, NULL);
    return n;
}

static void
test_pages(void **state)
{
    (void)state;
    struct window window = {0};
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
    struct window window = {0};
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
    struct window window = {0};
    struct window_cursor cursor = {0};
    struct buf batch = {0};
    uint32_t n;
    add_run(&window, 1, 2, 1, 5);
    add_run(&window, 3, EVENTS_PAGE + 10, 2, 5);
    assert_false(window_publish(&window, &cursor, 0, &batch, &n));
    assert_true(window_publish(&window, &cursor, 1, &batch, &n));
    assert_int_equal(check_batch(&batch, 1, 2), 2);
    assert_false(window_publish(&window, &cursor, 1, &batch, &n));
    assert_true(window_publish(&window, &cursor, 2, &batch, &n));
    assert_int_equal(n, EVENTS_PAGE);
    assert_int_equal(check_batch(&batch, 3, 2 + EVENTS_PAGE), EVENTS_PAGE);
    assert_true(window_publish(&window, &cursor, 2, &batch, &n));
    assert_int_equal(check_batch(&batch, 3 + EVENTS_PAGE, 12 + EVENTS_PAGE), 10);
    assert_false(window_publish(&window, &cursor, 9, &batch, &n));
    buf_fini(&batch);
    window_fini(&window);
}

static void
test_old_events_go_but_never_unpublished_ones(void **state)
{
    (void)state;
    struct window window = {0};
    struct window_cursor cursor = {0};
    struct buf batch = {0};
    uint32_t n;
    enum { RUN = 1000, RUNS = 200 };
    for (uint64_t i = 0; i < RUNS; i++) {
        add_run(&window, 1 + i * RUN, RUN, i + 1, 5);
    }
    assert_int_equal(window.n, RUN * RUNS);
    uint64_t next = 1;
    while (window_publish(&window, &cursor, RUNS, &batch, &n)) {
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
        while (window_publish(&window, &cursor, UINT64_MAX, &batch, &n)) {
        }
    }
    assert_int_equal(window.room, room);
    buf_fini(&batch);
    window_fini(&window);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_large_events_end_a_page),
        cmocka_unit_test(test_publishes_what_is_durable_once),
        cmocka_unit_test(test_old_events_go_but_never_unpublished_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
