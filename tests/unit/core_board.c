/* The board in large: what has ended makes room as fast as it comes, and names that only cards
 * bear are bounded as those of tasks are. */
#include "core_bench.h"

#include "common/limits.h"

#include <stdio.h>

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
        cmocka_unit_test(test_a_submission_carries_as_many_cards_as_there_is_room_for),
        cmocka_unit_test(test_cards_name_no_more_projects_than_tasks_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
