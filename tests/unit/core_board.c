/* The board in large: what has ended makes room as fast as it comes, and names that only cards
 * bear are bounded as those of tasks are. */
#include "core_bench.h"

#include "common/limits.h"

#include <stdio.h>
#include <string.h>

static Baton__Code
post(struct bench *b, Baton__CardVerb verb, Baton__Card *card, uint64_t *ret_number)
{
    Baton__Post post = BATON__POST__INIT;
    Baton__Posted ret;
    post.verb = verb;
    post.card = card;
    Baton__Code code = core_post(b->core, &b->request, &post, &ret);
    if (code == BATON__CODE__CODE_OK && ret_number) {
        *ret_number = ret.card->number;
    }
    bench_keep(b);
    arena_reset(&b->arena);
    return code;
}

/* A blocker on a role of the project that is over at once. */
static Baton__Code
come_and_go(struct bench *b, const char *project)
{
    Baton__Card card = BATON__CARD__INIT;
    card.kind = BATON__CARD_KIND__CARD_BLOCKER;
    card.project = (char *)(uintptr_t)project;
    card.title = (char *)(uintptr_t) "no key";
    card.role = (char *)(uintptr_t) "infra";
    uint64_t number;
    Baton__Code code = post(b, BATON__CARD_VERB__CARD_RAISE, &card, &number);
    if (code == BATON__CODE__CODE_OK) {
        Baton__Card which = BATON__CARD__INIT;
        which.number = number;
        assert_int_equal(post(b, BATON__CARD_VERB__CARD_RESOLVE, &which, NULL), 0);
    }
    return code;
}

static size_t
n_cards(struct bench *b)
{
    Baton__Cards query = BATON__CARDS__INIT;
    Baton__CardList list;
    size_t n = 0;
    query.limit = PAGE_MAX;
    do {
        core_cards(b->core, &b->request, &query, &list);
        n += list.n_cards;
        query.after = list.next;
        arena_reset(&b->arena);
    } while (query.after);
    return n;
}

static void
test_what_has_ended_makes_room_as_fast_as_it_comes(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    for (int i = 0; i < CARDS_ENDED_KEPT; i++) {
        assert_int_equal(come_and_go(&b, "default"), 0);
    }
    assert_true(core_next_at(b.core) > b.request.now);
    /* Turns in which more end than one. */
    for (int turn = 0; turn < 20; turn++) {
        for (int i = 0; i < 50; i++) {
            assert_int_equal(come_and_go(&b, "default"), 0);
        }
        assert_true(core_next_at(b.core) <= b.request.now);
        core_tick(b.core, &b.request);
        bench_keep(&b);
        assert_int_equal(n_cards(&b), CARDS_ENDED_KEPT);
    }
    bench_fini(&b);
}

/* Of the blocker: resolved, or taken. */
static void
post_numbered(struct bench *b, Baton__CardVerb verb, uint64_t number)
{
    Baton__Card which = BATON__CARD__INIT;
    which.number = number;
    which.owner = (char *)(uintptr_t)(verb == BATON__CARD_VERB__CARD_TAKE ? "qa" : "");
    assert_int_equal(post(b, verb, &which, NULL), 0);
}

static void
expect_digest(const struct buf *chunk, uint64_t digest, struct core *core)
{
    char error[200];
    if (chunk) {
        assert_true(core_restore_chunk(core, chunk->data, chunk->bytes));
    }
    assert_true(core_recovered(core, error, sizeof error));
    assert_true(core_digest(core) == digest);
    core_free(core);
}

enum { SPREAD_CARDS = 100, SPREAD_BYTES = 4000, SPREAD_STEP = 3 };

/* No chunk has more of them than was asked for and what changed meanwhile, and all are of the
 * moment when it began. One that has all in one chunk is read as well. */
static void
test_cards_are_spread_over_the_chunks_of_a_snapshot(void **unused)
{
    (void)unused;
    static char text[SPREAD_BYTES + 1];
    uint64_t numbers[SPREAD_CARDS];
    struct bench b;
    bench_init(&b);
    memset(text, 'x', SPREAD_BYTES);
    Baton__Card card = BATON__CARD__INIT;
    card.kind = BATON__CARD_KIND__CARD_BLOCKER;
    card.title = card.role = (char *)(uintptr_t) "infra";
    card.text = text;
    for (int i = 0; i < SPREAD_CARDS; i++) {
        assert_int_equal(post(&b, BATON__CARD_VERB__CARD_RAISE, &card, &numbers[i]), 0);
    }
    uint64_t digest = core_digest(b.core);
    struct core *again = core_new(&(struct core_config){.hot_ended_max = 3});
    struct buf chunk = {0}, all = {0}, second = {0};
    int n_chunks = 0;
    core_snapshot_begin(b.core);
    for (bool more = true; more; n_chunks++) {
        size_t changed = 0;
        if (n_chunks < 20) {
            /* The last ones first, and some that it has come to; each of them twice. */
            for (int twice = 0; twice < 2; twice++) {
                post_numbered(&b,
                              twice ? BATON__CARD_VERB__CARD_RESOLVE : BATON__CARD_VERB__CARD_TAKE,
                              numbers[SPREAD_CARDS - 1 - n_chunks]);
                post_numbered(&b,
                              twice ? BATON__CARD_VERB__CARD_RESOLVE : BATON__CARD_VERB__CARD_TAKE,
                              numbers[n_chunks]);
            }
            assert_int_equal(post(&b, BATON__CARD_VERB__CARD_RAISE, &card, NULL), 0);
            changed = 2;
        }
        more = core_snapshot_step(b.core, SPREAD_STEP, &chunk);
        assert_true(chunk.bytes < (SPREAD_STEP + changed + 1) * (SPREAD_BYTES + 200));
        buf_add(&all, chunk.data, chunk.bytes);
        if (n_chunks == 1) {
            buf_add(&second, chunk.data, chunk.bytes);
        }
        assert_true(core_restore_chunk(again, chunk.data, chunk.bytes));
    }
    assert_true(n_chunks > SPREAD_CARDS / (SPREAD_STEP + 2));
    assert_true(core_digest(b.core) != digest);
    expect_digest(NULL, digest, again);
    expect_digest(&all, digest, core_new(&(struct core_config){.hot_ended_max = 3}));
    /* The same card twice is damage. */
    struct core *third = core_new(&(struct core_config){0});
    assert_true(core_restore_chunk(third, all.data, all.bytes));
    assert_false(core_restore_chunk(third, second.data, second.bytes));
    core_free(third);
    buf_fini(&chunk);
    buf_fini(&all);
    buf_fini(&second);
    bench_fini(&b);
}

static void
test_cards_name_no_more_projects_than_tasks_may(void **unused)
{
    (void)unused;
    struct bench b;
    char name[32];
    bench_init(&b);
    Baton__Code code = BATON__CODE__CODE_OK;
    int n = 0;
    for (; n < PROJECTS_MAX + 10 && code == BATON__CODE__CODE_OK; n++) {
        snprintf(name, sizeof name, "p%d", n);
        code = come_and_go(&b, name);
    }
    assert_int_equal(code, BATON__CODE__CODE_FULL);
    assert_string_equal(b.request.error.field, "card.project");
    assert_int_equal(n, PROJECTS_MAX);
    assert_int_equal(come_and_go(&b, "p7"), 0); /* that one is known */
    bench_fini(&b);
}

/* Budgets of a submission: of the first `n`. */
static Baton__Code
carry_budgets(struct bench *b, int n)
{
    static Baton__Card cards[BUDGETS_MAX + 1], *list[BUDGETS_MAX + 1];
    static char names[BUDGETS_MAX + 1][16];
    Baton__Item limit = BATON__ITEM__INIT, *items[] = {&limit};
    Baton__Submit submit = BATON__SUBMIT__INIT;
    limit.tag = (char *)(uintptr_t) "limit";
    limit.name = (char *)(uintptr_t) "tokens";
    limit.value = 10;
    for (int i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "b%d", i);
        baton__card__init(&cards[i]);
        cards[i].kind = BATON__CARD_KIND__CARD_BUDGET;
        cards[i].project = (char *)(uintptr_t) "default";
        cards[i].name = names[i];
        cards[i].items = items;
        cards[i].n_items = 1;
        list[i] = &cards[i];
    }
    submit.cards = list;
    submit.n_cards = (size_t)n;
    return bench_submit(b, &submit, NULL);
}

static void
test_a_submission_carries_as_many_cards_as_there_is_room_for(void **unused)
{
    (void)unused;
    struct bench b;
    bench_init(&b);
    assert_int_equal(carry_budgets(&b, BUDGETS_MAX + 1), BATON__CODE__CODE_FULL);
    assert_int_equal(n_cards(&b), 0);
    assert_int_equal(carry_budgets(&b, BUDGETS_MAX - 1), 0);
    assert_int_equal(carry_budgets(&b, BUDGETS_MAX + 1), BATON__CODE__CODE_FULL);
    assert_int_equal(carry_budgets(&b, BUDGETS_MAX), 0);
    assert_int_equal(n_cards(&b), BUDGETS_MAX);
    bench_fini(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_has_ended_makes_room_as_fast_as_it_comes),
        cmocka_unit_test(test_cards_are_spread_over_the_chunks_of_a_snapshot),
        cmocka_unit_test(test_a_submission_carries_as_many_cards_as_there_is_room_for),
        cmocka_unit_test(test_cards_name_no_more_projects_than_tasks_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
