/* Signals: something that others wait for is there. "Database Ready" is raised by hand, or by the
 * handoff that says so, before or after somebody waits for it; it stays in force until it is
 * withdrawn. Who waits for it: gates.c. */
#include "broker/core/board/board.h"

#include "common/gate_name.h"
#include "common/text.h"

#include <string.h>

static Baton__Code
signal_raise(struct posting *p)
{
    if (p->card) {
        return BATON__CODE__CODE_OK; /* it is in force already */
    }
    p->next.state = CARD(IN_FORCE);
    if (!p->next.title[0]) {
        p->next.title = p->given->name;
    }
    return BATON__CODE__CODE_OK;
}

static Baton__Code
signal_withdraw(struct posting *p)
{
    if (card_has_ended(&p->next)) {
        return post_illegal(p, "it has ended");
    }
    p->next.state = CARD(WITHDRAWN);
    p->next.outcome = p->given->outcome;
    p->next.ended_at = p->request->now;
    p->next.ended_by = (char *)(uintptr_t)p->request->actor;
    return BATON__CODE__CODE_OK;
}

void
signal_emit(struct core *core, struct core_request *request, const Baton__Card *from,
            const char *name)
{
    char *slug = arena_strdup(request->arena, name);
    slug_make(slug);
    if (!name_is_valid(slug, NAME_BYTES_MAX) ||
        board_find_named(core, KIND(SIGNAL), from->project, slug)) {
        return;
    }
    Baton__Card card = BATON__CARD__INIT;
    card.kind = KIND(SIGNAL);
    card.state = CARD(IN_FORCE);
    card.project = from->project;
    card.name = slug;
    card.title = strlen(name) > TITLE_BYTES_MAX ? slug : (char *)(uintptr_t)name;
    card.text = arena_printf(request->arena, "handoff #%llu", (unsigned long long)from->number);
    card.task = from->task;
    card.role = from->role;
    card.by = from->by;
    card.token = from->token;
    card.created_at = request->now;
    board_emit(core, request, &card, VERB(RAISE));
}

const struct card_kind card_signal = {
    .name = "signal",
    .gives = GIVES_TITLE | GIVES_TEXT | GIVES_TASK | GIVES_ROLE | GIVES_OUTCOME,
    .named = true,
    .slugged = true,
    .verbs =
        {
            [VERB(RAISE)] = signal_raise,
            [VERB(WITHDRAW)] = signal_withdraw,
        },
};
