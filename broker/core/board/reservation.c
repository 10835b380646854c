/* Reservations: a resource taken by hand, for a time. They are in the same bookkeeping as the
 * claims of leases: what is reserved nobody is given, and what is held nobody reserves. One that
 * was made under a lease ends with it; any ends with its time, once. */
#include "broker/core/board/board.h"

#include "common/path_name.h"
#include "common/text.h"

#include <stdio.h>
#include <string.h>

#define SHARED "shared" /* unit of such an item */

static bool
is_in_force(const Baton__Card *card)
{
    return card->kind == KIND(RESERVATION) && !card_has_ended(card);
}

static Baton__Claim
claim_of(const Baton__Item *item)
{
    Baton__Claim claim = BATON__CLAIM__INIT;
    claim.name = item->name;
    claim.shared = strcmp(item->unit, SHARED) == 0;
    claim.amount = (uint32_t)item->value;
    return claim;
}

const Baton__Card *
reservation_next(const struct core *core, uint32_t *at, const Baton__Claim *wanted)
{
    const struct numbers *all = &core->board.reservations;
    if (claim_is_unheld(core, wanted->name, 0, wanted->shared)) {
        return NULL; /* most often: then none is looked at */
    }
    while (*at < all->n) {
        const Baton__Card *card = board_find(core, all->list[(*at)++])->message;
        for (size_t i = 0; i < card->n_items; i++) {
            Baton__Claim held = claim_of(card->items[i]);
            if (claims_meet(held.name, held.shared, wanted->name, wanted->shared)) {
                return card;
            }
        }
    }
    return NULL;
}

/* ---- reserve ---- */

static Baton__Code
bad(struct posting *p, size_t i, Baton__Code code, const char *what)
{
    const char *field = arena_printf(p->request->arena, "card.items[%zu]", i);
    return refuse(p->request, code, field, "%s: %s", field, what);
}

/* Brings the item into its one form. */
static Baton__Code
read_item(struct posting *p, size_t i)
{
    Baton__Item *item = p->next.items[i];
    char name[RESOURCE_NAME_ROOM];
    if (strcmp(item->tag, "resource") != 0) {
        return bad(p, i, BATON__CODE__CODE_INVALID, "a reservation has items \"resource\"");
    }
    const char *wrong = resource_name_read(item->name, name);
    if (!wrong && !path_name_is(name) && !name_is_valid(name, NAME_BYTES_MAX)) {
        wrong = "which resource? its name is missing or is not one";
    }
    bool is_shared = strcmp(item->unit, SHARED) == 0;
    bool is_amount = item->value >= 0 && item->value <= CAPACITY_MAX;
    if (!wrong && (!is_amount || item->value > (double)(uint32_t)item->value ||
                   (item->unit[0] && !is_shared) || (is_shared && item->value > 0) ||
                   (path_name_is(name) && item->value > 0))) {
        wrong = "an amount is a whole number of at most 1,000,000, and neither of a share nor of a "
                "path; its unit is \"shared\" or nothing";
    }
    if (wrong) {
        return bad(p, i, BATON__CODE__CODE_INVALID, wrong);
    }
    item->name = arena_strdup(p->request->arena, name);
    const struct resource *resource = resource_find(p->core, name);
    uint32_t capacity = resource ? resource->capacity : 1;
    if (!path_name_is(name) && item->value > capacity) {
        return bad(p, i, BATON__CODE__CODE_UNSATISFIABLE, "there is never that much of it");
    }
    for (size_t k = 0; k < i; k++) {
        if (claims_meet(p->next.items[k]->name, false, name, false)) {
            return bad(p, i, BATON__CODE__CODE_INVALID,
                       "it is reserved twice, or lies in another one of these");
        }
    }
    return BATON__CODE__CODE_OK;
}

static Baton__Code
check_free(struct posting *p)
{
    for (size_t i = 0; i < p->next.n_items; i++) {
        Baton__Claim claim = claim_of(p->next.items[i]);
        if (!claim_is_unheld(p->core, claim.name, claim.amount, claim.shared)) {
            return refuse(p->request, BATON__CODE__CODE_CONFLICT,
                          arena_printf(p->request->arena, "card.items[%zu]", i), "%s is held by %s",
                          claim.name, claim_holders_text(p->core, p->request, &claim));
        }
    }
    return BATON__CODE__CODE_OK;
}

static Baton__Code
reservation_raise(struct posting *p)
{
    Baton__Card *next = &p->next;
    if (next->n_items == 0 || next->n_items > RESERVATION_CLAIMS_MAX) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                      "what is reserved? 1 to %d resources", (int)RESERVATION_CLAIMS_MAX);
    }
    if (next->due_at && next->due_at <= p->request->now) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.due_at", "that time has passed");
    }
    if (p->core->n_resources + next->n_items > RESOURCES_MAX) {
        return refuse(p->request, BATON__CODE__CODE_FULL, "card.items",
                      "there are too many resources");
    }
    card_items_own(p->request, next);
    for (size_t i = 0; i < next->n_items; i++) {
        Baton__Code code = read_item(p, i);
        if (code != BATON__CODE__CODE_OK) {
            return code;
        }
    }
    next->state = CARD(IN_FORCE);
    next->rings_at = next->due_at;
    return check_free(p);
}

/* ---- its end ---- */

static void
end(Baton__Card *next, struct core_request *request, unsigned state, const char *outcome)
{
    next->state = (Baton__CardState)state;
    next->outcome = (char *)(uintptr_t)outcome;
    next->ended_at = request->now;
    next->ended_by = (char *)(uintptr_t)(request->actor ? request->actor : "");
    next->rings_at = 0;
}

static Baton__Code
reservation_withdraw(struct posting *p)
{
    if (card_has_ended(&p->next)) {
        return post_illegal(p, "it has ended");
    }
    if (p->under && p->under->course->token != p->next.token) {
        return refuse(p->request, BATON__CODE__CODE_DENIED, "token",
                      "reservation #%llu is not of this task: ask who made it",
                      (unsigned long long)p->next.number);
    }
    end(&p->next, p->request, CARD(WITHDRAWN), p->given->outcome);
    return BATON__CODE__CODE_OK;
}

/* Its time is over. */
static void
reservation_ring(struct core *core, struct core_request *request, const struct card *card)
{
    Baton__Card next = board_copy(card);
    next.rung++;
    end(&next, request, CARD(EXPIRED), "its time is over");
    board_emit(core, request, &next, VERB(VERB_UNSPECIFIED));
}

void
reservations_end(struct core *core, struct core_request *request, const struct task *task,
                 bool unclean)
{
    char token[24];
    snprintf(token, sizeof token, "%llu", (unsigned long long)task->course->token);
    const struct card *card = board_first_of(core, OF_LEASE, "", token), *behind;
    for (; card; card = behind) {
        behind = board_next_of(core, card); /* it leaves them */
        Baton__Card next = board_copy(card);
        int64_t until = request->now + core->config.linger_ms;
        if (unclean) { /* whoever had it may still be at work */
            next.token = 0;
            next.rings_at = next.rings_at ? MIN(next.rings_at, until) : until;
        } else {
            end(&next, request, CARD(EXPIRED), "the lease under which it was made is over");
        }
        board_emit(core, request, &next, VERB(VERB_UNSPECIFIED));
    }
}

/* ---- what it means for others ---- */

uint32_t
reservation_claims(const struct core *core, const Baton__Card *card,
                   struct claim claims[RESERVATION_CLAIMS_MAX])
{
    uint32_t n = 0;
    for (size_t i = 0; is_in_force(card) && i < card->n_items; i++) {
        Baton__Claim claim = claim_of(card->items[i]);
        const struct resource *resource = resource_find(core, claim.name);
        CHECK(resource && n < RESERVATION_CLAIMS_MAX);
        claims[n++] = (struct claim){
            .resource = resource->number, .amount = claim.amount, .shared = claim.shared};
    }
    return n;
}

static void
reservation_weigh(struct core *core, const Baton__Card *card, int by)
{
    struct claim claims[RESERVATION_CLAIMS_MAX];
    if (!is_in_force(card)) {
        return;
    }
    for (size_t i = 0; i < card->n_items; i++) {
        struct resource *resource = resource_make(core, card->items[i]->name);
        resource->n_claims += (uint32_t)by;
    }
    numbers_weigh(&core->board.reservations, card->number, by);
    claims_count(core, claims, reservation_claims(core, card, claims), by);
}

static void
reservation_shift(struct core *core, const Baton__Card *card, struct core_out *out, int64_t at)
{
    (void)out;
    (void)at;
    for (size_t i = 0; i < card->n_items; i++) {
        struct resource *resource = resource_find(core, card->items[i]->name);
        if (resource) { /* else nobody waits for it */
            resource_wake(core, resource);
            resource_forget_if_unused(core, resource);
        }
    }
}

const struct card_kind card_reservation = {
    .name = "reservation",
    .gives = GIVES_TITLE | GIVES_TEXT | GIVES_ROLE | GIVES_OWNER | GIVES_DUE_AT | GIVES_ITEMS |
             GIVES_OUTCOME,
    .verbs = {[VERB(RAISE)] = reservation_raise, [VERB(WITHDRAW)] = reservation_withdraw},
    .ring = reservation_ring,
    .weigh = reservation_weigh,
    .shift = reservation_shift,
};
