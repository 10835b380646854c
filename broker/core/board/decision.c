/* Decisions: proposed to an area's reviewers, made by its decision maker. A proposal stands beside
 * the decision in force that bears the same name, and takes its place when it is decided. The
 * reviewers have a day: reminded once, then their silence is recorded. Nobody has to wait for
 * them, and an objection stops nothing: who decides decides. */
#include "broker/core/board/board.h"

#include "common/words.h"

#include <string.h>

/* ---- who speaks ---- */

/* The role that the poster speaks for: that of its task, or, without a lease, what it says. */
static const char *
voice_of(const struct posting *p)
{
    return p->under ? role_names[p->under->role] : p->given->role;
}

static Baton__Code
check_voice(struct posting *p)
{
    const char *role = p->given->role;
    if (p->under && role[0] && strcmp(role, voice_of(p)) != 0) {
        return refuse(p->request, BATON__CODE__CODE_DENIED, "card.role",
                      "the token is of a task of the role %s: it can't speak for %s", voice_of(p),
                      role);
    }
    return BATON__CODE__CODE_OK;
}

/* Is `who` the role that the poster speaks for, or the poster itself? */
static bool
is_voice(const struct posting *p, const char *who)
{
    const char *actor = p->request->actor ? p->request->actor : "";
    return who[0] && (strcmp(who, voice_of(p)) == 0 || (!p->under && strcmp(who, actor) == 0));
}

/* As it is written down: the role, or the person. */
static char *
voice_name(const struct posting *p)
{
    const char *role = voice_of(p);
    const char *name = role[0] ? role : p->request->actor ? p->request->actor : "";
    return (char *)(uintptr_t)name;
}

/* ---- areas ---- */

const char *
decision_area(const Baton__Card *card)
{
    for (size_t i = 0; i < card->n_items; i++) {
        if (strcmp(card->items[i]->tag, "area") == 0) {
            return card->items[i]->name;
        }
    }
    return "";
}

const Baton__Card *
decision_area_rule(const struct core *core, const Baton__Card *card)
{
    const char *name = decision_area(card);
    const struct card *area = name[0] ? board_find_named(core, KIND(AREA), card->project, name)
                                      : NULL;
    return area ? area->message : NULL;
}

/* Who decides: as the area's rule says now; the card remembers who it was. */
static const char *
maker_of(const struct core *core, const Baton__Card *decision)
{
    const Baton__Card *area = decision_area_rule(core, decision);
    return area ? area->owner : decision->owner;
}

/* Do the same people decide both? */
static bool
is_same_ground(const Baton__Card *a, const Baton__Card *b)
{
    const char *area = decision_area(a);
    return strcmp(area, decision_area(b)) == 0 && (area[0] || strcmp(a->owner, b->owner) == 0);
}

/* ---- propose ---- */

static Baton__Code
check_item(struct posting *p, size_t i)
{
    static const char *const tags[] = {"area", "option", "reviewer", "category", "supersedes"};
    const Baton__Item *item = p->next.items[i];
    bool known = false;
    for (size_t k = 0; k < ARRAY_LEN(tags); k++) {
        known |= strcmp(item->tag, tags[k]) == 0;
    }
    if (!known) {
        return post_bad_item(p, i,
                             "a proposal has area, option, reviewer, category and supersedes");
    }
    if (strcmp(item->tag, "supersedes") == 0) {
        return item->number ? BATON__CODE__CODE_OK
                            : post_bad_item(p, i, "which decision? it has no number");
    }
    if (!item->name[0]) {
        return post_bad_item(p, i, "it has no name");
    }
    if (strcmp(item->tag, "category") == 0 && strcmp(item->name, "tech") != 0 &&
        strcmp(item->name, "architecture") != 0) {
        return post_bad_item(p, i, "the category is tech or architecture");
    }
    for (size_t j = 0; j < i; j++) {
        const Baton__Item *other = p->next.items[j];
        bool one = strcmp(item->tag, "area") == 0 || strcmp(item->tag, "category") == 0;
        if (strcmp(other->tag, item->tag) == 0 && (one || strcmp(other->name, item->name) == 0)) {
            return post_bad_item(p, i, "it is there twice");
        }
    }
    return BATON__CODE__CODE_OK;
}

/* Who decides and who is asked, from the area or from the proposal. */
static Baton__Code
take_area(struct posting *p)
{
    Baton__Card *next = &p->next;
    const char *name = decision_area(next);
    if (!name[0]) {
        return next->owner[0] ? BATON__CODE__CODE_OK
                              : refuse(p->request, BATON__CODE__CODE_INVALID, "card.owner",
                                       "who decides? name an area, or the owner of the decision");
    }
    const Baton__Card *area = decision_area_rule(p->core, next);
    if (!area) {
        return refuse(p->request, BATON__CODE__CODE_NOT_FOUND, "card.items",
                      "there is no area '%s' in project '%s': see `baton rules list area`", name,
                      next->project);
    }
    if (next->owner[0] && strcmp(next->owner, area->owner) != 0) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.owner",
                      "area '%s' is decided by %s", name, area->owner);
    }
    next->owner = area->owner;
    for (size_t i = 0; i < area->n_items; i++) {
        if (!card_item(next, "reviewer", area->items[i]->name)) {
            (void)card_item_add(p->request, next, "reviewer", area->items[i]->name);
        }
    }
    return BATON__CODE__CODE_OK;
}

/* What would make way for it is decided by the same people. */
static Baton__Code
check_superseded(struct posting *p)
{
    const Baton__Card *next = &p->next;
    const struct card *same = board_find_named(p->core, KIND(DECISION), next->project, next->name);
    if (same && !is_same_ground(same->message, next)) {
        const char *area = decision_area(same->message);
        return refuse(p->request, BATON__CODE__CODE_CONFLICT, "card.name",
                      "decision '%s' is in force and is another's: it is %s%s", next->name,
                      area[0] ? "of area " : "decided by ", area[0] ? area : same->message->owner);
    }
    for (size_t i = 0; i < next->n_items; i++) {
        if (strcmp(next->items[i]->tag, "supersedes") != 0) {
            continue;
        }
        const struct card *old = board_find(p->core, next->items[i]->number);
        if (!old || old->message->kind != KIND(DECISION) ||
            strcmp(old->message->project, next->project) != 0 ||
            old->message->state != CARD(IN_FORCE)) {
            return post_bad_item(p, i, "that is no decision in force in this project");
        }
        if (!is_same_ground(old->message, next)) {
            return post_bad_item(p, i, "that decision is another's: it is not of the same area");
        }
    }
    return BATON__CODE__CODE_OK;
}

static Baton__Item *
add_review(struct core_request *request, Baton__Card *next, const char *who, const char *verdict)
{
    Baton__Item *review = card_item(next, "review", who);
    if (review) {
        card_items_own(request, next);
        review = card_item(next, "review", who);
    } else {
        review = card_item_add(request, next, "review", who);
    }
    review->unit = (char *)(uintptr_t)verdict;
    review->at = request->now;
    return review;
}

/* Those asked who have not spoken (whoever proposed is not asked); their silence is written down
 * when `record` says so. */
static size_t
silent_reviewers(struct core_request *request, Baton__Card *next, bool record)
{
    size_t n = 0, n_items = next->n_items;
    for (size_t i = 0; i < n_items; i++) {
        const char *who = next->items[i]->name;
        bool is_proposer = strcmp(who, next->role[0] ? next->role : next->by) == 0;
        if (strcmp(next->items[i]->tag, "reviewer") == 0 && !is_proposer &&
            !card_item(next, "review", who)) {
            n++;
            if (record) {
                (void)add_review(request, next, who, "silent");
            }
        }
    }
    return n;
}

/* The clock of the reviewers, if there are any. */
static Baton__Code
start_clock(struct posting *p)
{
    Baton__Card *next = &p->next;
    bool asked = silent_reviewers(p->request, next, false) > 0;
    int64_t now = p->request->now;
    if (next->due_at && next->due_at <= now) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.due_at", "that time has passed");
    }
    next->due_at = !asked ? 0 : next->due_at ? next->due_at : now + REVIEW_MS;
    next->rings_at = asked ? now + (next->due_at - now) / 4 * 3 : 0;
    return BATON__CODE__CODE_OK;
}

static Baton__Code
decision_propose(struct posting *p)
{
    Baton__Card *next = &p->next;
    if (p->card) {
        return refuse(p->request, BATON__CODE__CODE_CONFLICT, "card.name",
                      "'%s' is proposed already, as #%llu: decide or withdraw it first", next->name,
                      (unsigned long long)next->number);
    }
    if (!next->title[0]) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.title",
                      "what is to be decided? a decision needs a title");
    }
    Baton__Code code = check_voice(p);
    for (size_t i = 0; code == BATON__CODE__CODE_OK && i < next->n_items; i++) {
        code = check_item(p, i);
    }
    code = code == BATON__CODE__CODE_OK ? take_area(p) : code;
    code = code == BATON__CODE__CODE_OK ? check_superseded(p) : code;
    next->role = (char *)(uintptr_t)voice_of(p);
    return code == BATON__CODE__CODE_OK ? start_clock(p) : code;
}

/* ---- review ---- */

static const Baton__Item *
given_review(const struct posting *p)
{
    return p->given->n_items == 1 && strcmp(p->given->items[0]->tag, "review") == 0
               ? p->given->items[0]
               : NULL;
}

static Baton__Code
decision_review(struct posting *p)
{
    Baton__Card *next = &p->next;
    const Baton__Item *given = given_review(p);
    if (next->state != CARD(OPEN)) {
        return post_illegal(p, "it is not open to reviews");
    }
    bool objects = given && strcmp(given->unit, "object") == 0;
    if (!given || (!objects && strcmp(given->unit, "approve") != 0)) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                      "a review is one item \"review\" with the unit approve or object");
    }
    if (objects && !given->text[0]) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.items",
                      "why? an objection needs a text");
    }
    const char *who = NULL;
    for (size_t i = 0; i < next->n_items; i++) {
        const Baton__Item *item = next->items[i];
        if (strcmp(item->tag, "reviewer") == 0 && is_voice(p, item->name)) {
            who = item->name;
        }
    }
    Baton__Code code = check_voice(p);
    if (code == BATON__CODE__CODE_OK && !who) {
        code = refuse(p->request, BATON__CODE__CODE_DENIED, "card.role",
                      "%s is no reviewer of decision '%s'", voice_name(p), next->name);
    }
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    Baton__Item *review = add_review(p->request, next, who, given->unit);
    review->text = given->text;
    review->by = (char *)(uintptr_t)(p->request->actor ? p->request->actor : "");
    if (!silent_reviewers(p->request, next, false)) {
        next->rings_at = 0;
    }
    return BATON__CODE__CODE_OK;
}

/* First they are reminded; then their silence is written down. */
static void
decision_ring(struct core *core, struct core_request *request, const struct card *card)
{
    Baton__Card next = board_copy(card);
    next.rings_at = next.rung++ == 0 ? next.due_at : 0;
    if (!next.rings_at) {
        (void)silent_reviewers(request, &next, true);
    }
    board_emit(core, request, &next, VERB(VERB_UNSPECIFIED));
}

/* ---- decide ---- */

static void
supersede_one(struct posting *p, const struct card *old)
{
    Baton__Card next = board_copy(old);
    next.state = CARD(SUPERSEDED);
    next.ended_at = p->request->now;
    next.ended_by = voice_name(p);
    (void)card_item_add(p->request, &next, "superseded_by", p->next.name);
    next.items[next.n_items - 1]->number = p->next.number;
    board_emit(p->core, p->request, &next, VERB(DECIDE));
}

/* The one that had its name makes way, and those that it names. */
static void
supersede(struct posting *p, struct card *card)
{
    const Baton__Card *by = card->message;
    const struct card *displaced = board_find(p->core, p->displaced);
    if (displaced) {
        supersede_one(p, displaced);
    }
    for (size_t i = 0; i < by->n_items; i++) {
        const Baton__Item *item = by->items[i];
        const struct card *old = strcmp(item->tag, "supersedes") == 0
                                     ? board_find(p->core, item->number)
                                     : NULL;
        if (old && old->message->state == CARD(IN_FORCE)) {
            supersede_one(p, old);
        }
    }
}

/* The decision maker may; an operator may override that. */
static Baton__Code
check_maker(struct posting *p, bool *ret_override)
{
    const char *maker = maker_of(p->core, &p->next);
    Baton__Code code = check_voice(p);
    *ret_override = !is_voice(p, maker);
    if (code == BATON__CODE__CODE_OK && *ret_override && (!p->post->force || p->under)) {
        code = refuse(p->request, BATON__CODE__CODE_DENIED, "card.role",
                      "decision '%s' is %s's, not %s's%s", p->next.name, maker, voice_name(p),
                      p->under ? "" : "; an operator can override with force");
    }
    return code;
}

static Baton__Code
decision_decide(struct posting *p)
{
    Baton__Card *next = &p->next;
    bool override;
    if (next->state != CARD(OPEN)) {
        return post_illegal(p, "propose it anew to decide otherwise");
    }
    if (!p->given->outcome[0]) {
        return refuse(p->request, BATON__CODE__CODE_INVALID, "card.outcome",
                      "what is decided? it needs words");
    }
    Baton__Code code = check_maker(p, &override);
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    (void)silent_reviewers(p->request, next, true);
    next->owner = (char *)(uintptr_t)maker_of(p->core, next);
    next->state = CARD(IN_FORCE);
    next->outcome = p->given->outcome;
    next->rings_at = 0;
    Baton__Item *decided = card_item_add(p->request, next, "decided", voice_name(p));
    decided->by = (char *)(uintptr_t)(p->request->actor ? p->request->actor : "");
    decided->at = p->request->now;
    decided->unit = (char *)(uintptr_t)(override ? "override" : "");
    const struct card *same = board_find_named(p->core, KIND(DECISION), next->project, next->name);
    p->displaced = same ? same->message->number : 0;
    p->then = supersede;
    return BATON__CODE__CODE_OK;
}

/* A proposal by who made it, decides it, or operates; what is in force as it was decided. */
static Baton__Code
decision_withdraw(struct posting *p)
{
    Baton__Card *next = &p->next;
    bool override;
    if (card_has_ended(next)) {
        return post_illegal(p, "it has ended");
    }
    bool proposer = next->state == CARD(OPEN) && (!p->under || is_voice(p, next->role));
    Baton__Code code = proposer ? check_voice(p) : check_maker(p, &override);
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    if (!proposer && override) {
        Baton__Item *item = card_item_add(p->request, next, "withdrawn", voice_name(p));
        item->by = (char *)(uintptr_t)(p->request->actor ? p->request->actor : "");
        item->at = p->request->now;
        item->unit = (char *)(uintptr_t) "override";
    }
    next->state = CARD(WITHDRAWN);
    next->outcome = p->given->outcome[0] ? p->given->outcome : next->outcome;
    next->ended_at = p->request->now;
    next->ended_by = voice_name(p);
    next->rings_at = 0;
    return BATON__CODE__CODE_OK;
}

/* ---- those in force ---- */

static void
decision_weigh(struct core *core, const Baton__Card *card, int by)
{
    if (card->state == CARD(IN_FORCE)) {
        decision_list_weigh(core, card, by);
    }
}

const struct card_kind card_decision = {
    .name = "decision",
    .gives = GIVES_TITLE | GIVES_TEXT | GIVES_ROLE | GIVES_OWNER | GIVES_DUE_AT | GIVES_ITEMS,
    .named = true,
    .proposed = true,
    .verbs =
        {
            [VERB(RAISE)] = decision_propose,
            [VERB(REVIEW)] = decision_review,
            [VERB(DECIDE)] = decision_decide,
            [VERB(WITHDRAW)] = decision_withdraw,
        },
    .ring = decision_ring,
    .weigh = decision_weigh,
};
