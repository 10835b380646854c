/* Nothing leaves before its ticket is durable, and everything leaves in order. */
#include "broker/front/outbox.h"
#include "common/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct sent {
    uint64_t peers[1000];
    size_t n;
    struct outbox *add_to; /* the send itself leads to another message */
};

static void
add(struct outbox *outbox, uint64_t peer)
{
    outbox_add(outbox, &(struct outbox_entry){.peer = peer, .data = xmemdup("abc", 3), .bytes = 3});
}

static void
note(void *context, struct outbox_entry *entry)
{
    struct sent *sent = context;
    sent->peers[sent->n++] = entry->peer;
    if (sent->add_to) {
        struct outbox *outbox = sent->add_to;
        sent->add_to = NULL;
        for (uint64_t i = 0; i < 200; i++) {
            add(outbox, 1000 + i);
        }
    }
}

static void
test_waits_for_its_ticket(void **state)
{
    (void)state;
    struct outbox outbox = {0};
    struct sent sent = {0};
    add(&outbox, 1);
    assert_int_equal(outbox_release(&outbox, 99, note, &sent), 0); /* not sealed */
    outbox_seal(&outbox, 5);
    add(&outbox, 2);
    outbox_seal(&outbox, 6);
    assert_int_equal(outbox_release(&outbox, 4, note, &sent), 0);
    assert_int_equal(outbox_release(&outbox, 5, note, &sent), 1);
    assert_int_equal(sent.peers[0], 1);
    assert_int_equal(outbox.bytes, 3);
    assert_int_equal(outbox_release(&outbox, 6, note, &sent), 1);
    assert_int_equal(sent.peers[1], 2);
    assert_int_equal(outbox.bytes, 0);
    outbox_fini(&outbox);
}

static void
test_order_survives_growth_and_wrapping(void **state)
{
    (void)state;
    struct outbox outbox = {0};
    uint64_t next_in = 1;
    uint64_t next_out = 1;
    for (uint64_t ticket = 1; ticket <= 50; ticket++) {
        for (uint64_t i = 0; i < ticket; i++) {
            add(&outbox, next_in++);
        }
        outbox_seal(&outbox, ticket);
        if (ticket % 3 == 0) {
            struct sent sent = {0};
            outbox_release(&outbox, ticket - 1, note, &sent);
            for (size_t i = 0; i < sent.n; i++) {
                assert_int_equal(sent.peers[i], next_out++);
            }
        }
    }
    assert_true(next_out > 1000);
    outbox_fini(&outbox);
}

static void
test_may_be_added_to_while_sending(void **state)
{
    (void)state;
    struct outbox outbox = {0};
    struct sent sent = {.add_to = &outbox};
    add(&outbox, 1);
    add(&outbox, 2);
    outbox_seal(&outbox, 1);
    assert_int_equal(outbox_release(&outbox, 1, note, &sent), 2);
    assert_int_equal(outbox.n, 200);
    outbox_seal(&outbox, 2);
    assert_int_equal(outbox_release(&outbox, 2, note, &sent), 200);
    assert_int_equal(sent.peers[1], 2);
    assert_int_equal(sent.peers[2], 1000);
    assert_int_equal(sent.peers[201], 1199);
    outbox_fini(&outbox);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_for_its_ticket),
        cmocka_unit_test(test_order_survives_growth_and_wrapping),
        cmocka_unit_test(test_may_be_added_to_while_sending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
