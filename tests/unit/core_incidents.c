/* Incidents at the edge: a full queue. */
#include "core_bench.h"

#include <stdio.h>
#include <string.h>

enum { TASKS = 8 };

static Baton__Card *
incident(struct bench *b)
{
    Baton__Cards query = BATON__CARDS__INIT;
    Baton__CardList list;
    core_cards(b->core, &b->request, &query, &list);
    assert_int_equal(list.n_cards, 1);
    return list.cards[0];
}

static const Baton__Item *
summoned(struct bench *b, const char *role)
{
    const Baton__Card *card = incident(b);
    for (size_t i = 0; i < card->n_items; i++) {
        if (strcmp(card->items[i]->tag, "summoned") == 0 &&
            strcmp(card->items[i]->name, role) == 0) {
            return card->items[i];
        }
    }
    return NULL;
}

static void
test_a_full_queue_takes_no_task_of_a_later_rung(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    core_free(b.core);
    b.core = core_new(&(struct core_config){.hot_ended_max = 3, .tasks_max = TASKS});
    core_set_capacity(b.core, 0, 1, 1, 1);
    core_set_capacity(b.core, 1, 1, 1, 1);
    Baton__Card card = BATON__CARD__INIT;
    card.kind = BATON__CARD_KIND__CARD_INCIDENT;
    card.title = (char *)(uintptr_t) "down";
    card.severity = 2;
    card.role = (char *)(uintptr_t) "infra";
    bench_post(&b, BATON__CARD_VERB__CARD_RAISE, 0, &card);
    assert_true(summoned(&b, "infra")->number != 0);
    for (int i = 0; core_n_tasks(b.core) < TASKS; i++) {
        char id[16];
        snprintf(id, sizeof id, "t%d", i);
        assert_int_equal(bench_add(&b, bench_spec(&b, id, "testing")), BATON__CODE__CODE_OK);
    }
    b.request.now += 3600 * 1000;
    core_tick(b.core, &b.request); /* it is a P0 now, and that calls backend too */
    bench_keep(&b);
    assert_int_equal(core_n_tasks(b.core), TASKS);
    assert_non_null(summoned(&b, "backend"));
    assert_true(summoned(&b, "backend")->number == 0);
    assert_int_equal(incident(&b)->rung, 2); /* nobody can be reached by a task: the people */
    Baton__Card said = BATON__CARD__INIT;
    said.number = incident(&b)->number;
    bench_post(&b, BATON__CARD_VERB__CARD_ACKNOWLEDGE, 0, &said);
    assert_int_equal(incident(&b)->state, BATON__CARD_STATE__CARD_TAKEN);
    said.outcome = (char *)(uintptr_t) "a cable";
    bench_post(&b, BATON__CARD_VERB__CARD_RESOLVE, 0, &said);
    bench_fini(&b);
}

static void
test_a_snapshot_with_a_reservation_of_too_much_is_refused(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    Baton__Card card = BATON__CARD__INIT;
    Baton__Item item = BATON__ITEM__INIT, *items[] = {&item};
    item.tag = (char *)(uintptr_t) "resource";
    item.name = (char *)(uintptr_t) "db";
    card.kind = BATON__CARD_KIND__CARD_RESERVATION;
    card.items = items;
    card.n_items = 1;
    bench_post(&b, BATON__CARD_VERB__CARD_RAISE, 0, &card);
    struct buf chunk = {0};
    core_snapshot_begin(b.core);
    bool refused = false;
    for (bool more = true; more;) {
        buf_clear(&chunk);
        more = core_snapshot_step(b.core, 100, &chunk);
        Baton__SnapshotChunk *m = baton__snapshot_chunk__unpack(&b.arena.pb, chunk.bytes,
                                                                chunk.data);
        assert_non_null(m);
        for (size_t i = 0; i < m->n_cards; i++) {
            enum { MANY = 65 };
            Baton__Item *many[MANY];
            for (int k = 0; k < MANY; k++) {
                many[k] = m->cards[i]->items[0];
            }
            m->cards[i]->items = many;
            m->cards[i]->n_items = MANY;
            size_t bytes = baton__snapshot_chunk__get_packed_size(m);
            uint8_t *data = arena_alloc(&b.arena, bytes + 1);
            baton__snapshot_chunk__pack(m, data);
            struct core *again = core_new(&(struct core_config){.hot_ended_max = 3});
            refused = !core_restore_chunk(again, data, bytes);
            core_free(again);
        }
    }
    assert_true(refused);
    buf_fini(&chunk);
    bench_fini(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_queue_takes_no_task_of_a_later_rung),
        cmocka_unit_test(test_a_snapshot_with_a_reservation_of_too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
