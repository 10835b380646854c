/* Cards that a submission carries: rules, set with its tasks or not at all. */
#include "broker/core/board/board.h"

#include <stdlib.h>
#include <string.h>

static Baton__Post
post_of(const Baton__Submit *submit, size_t i)
{
    Baton__Post post = BATON__POST__INIT;
    post.verb = VERB(SET);
    post.card = submit->cards[i];
    return post;
}

static int
compare_cards(const void *a, const void *b)
{
    const Baton__Card *x = *(Baton__Card *const *)a, *y = *(Baton__Card *const *)b;
    int by = (x->kind > y->kind) - (x->kind < y->kind);
    by = by ? by : strcmp(x->project, y->project);
    return by ? by : strcmp(x->name, y->name);
}

static Baton__Code
check_twice(struct core_request *request, const Baton__Submit *submit)
{
    Baton__Card **cards = arena_memdup(request->arena, submit->cards,
                                       submit->n_cards * sizeof(Baton__Card *));
    qsort(cards, submit->n_cards, sizeof *cards, compare_cards);
    for (size_t i = 1; i < submit->n_cards; i++) {
        if (compare_cards(&cards[i - 1], &cards[i]) == 0) {
            return refuse(request, BATON__CODE__CODE_CONFLICT, "cards", "%s '%s' is there twice",
                          card_kind_name((int)cards[i]->kind), cards[i]->name);
        }
    }
    return BATON__CODE__CODE_OK;
}

/* The refusal's field, as one of the submission: "cards[2].owner". */
static void
move_field(struct core_request *request, size_t i)
{
    const char *field = request->error.field;
    field = strncmp(field, "card", 4) == 0 ? field + 4 : "";
    request->error.field = arena_printf(request->arena, "cards[%zu]%s", i, field);
}

static void
add_difference(struct core_request *request, Baton__Submitted *ret, const struct posting *p,
               bool changed)
{
    Baton__CardDifference *difference = arena_alloc(request->arena, sizeof *difference);
    baton__card_difference__init(difference);
    difference->kind = !p->card  ? BATON__DIFFERENCE__KIND__CREATED
                       : changed ? BATON__DIFFERENCE__KIND__UPDATED
                                 : BATON__DIFFERENCE__KIND__UNCHANGED;
    difference->card_kind = p->next.kind;
    difference->project = arena_strdup(request->arena, p->next.project);
    difference->name = arena_strdup(request->arena, p->next.name);
    ret->cards[ret->n_cards++] = difference;
}

Baton__Code
carried_check(struct core *core, struct core_request *request, const Baton__Submit *submit,
              Baton__Submitted *ret)
{
    if (submit->n_cards == 0) {
        return BATON__CODE__CODE_OK;
    }
    if (submit->n_cards > SUBMIT_CARDS_MAX) {
        return refuse(request, BATON__CODE__CODE_TOO_LARGE, "cards",
                      "more than %d cards: submit them in parts", (int)SUBMIT_CARDS_MAX);
    }
    Baton__Code code = check_twice(request, submit);
    size_t n_new = 0, n_budgets = 0;
    ret->cards = arena_alloc(request->arena, submit->n_cards * sizeof *ret->cards);
    for (size_t i = 0; code == BATON__CODE__CODE_OK && i < submit->n_cards; i++) {
        Baton__Post post = post_of(submit, i);
        struct posting p;
        bool changed;
        unsigned kind = (unsigned)post.card->kind;
        if (kind >= CARD_KINDS_N || !card_kinds[kind] || !card_kinds[kind]->is_rule) {
            code = refuse(request, BATON__CODE__CODE_INVALID, "card.kind",
                          "a submission carries rules only: post the card by itself");
        } else {
            code = posting_decide(&p, core, request, &post, true, &changed);
        }
        if (code == BATON__CODE__CODE_OK && !p.card) {
            n_budgets += kind == KIND(BUDGET);
            code = board_check_room(core, request, ++n_new, n_budgets);
        }
        if (code != BATON__CODE__CODE_OK) {
            move_field(request, i);
        } else {
            add_difference(request, ret, &p, changed);
        }
    }
    return code;
}

void
carried_emit(struct core *core, struct core_request *request, const Baton__Submit *submit)
{
    for (size_t i = 0; i < submit->n_cards; i++) {
        Baton__Post post = post_of(submit, i);
        struct posting p;
        bool changed;
        Baton__Code code = posting_decide(&p, core, request, &post, true, &changed);
        CHECK(code == BATON__CODE__CODE_OK);
        if (changed) {
            board_emit(core, request, &p.next, VERB(SET));
        }
    }
}
