#include "ctl/concern.h"

#include "common/gate_name.h"
#include "ctl/ref.h"

#include <stdlib.h>
#include <string.h>

static bool
is_same_project(const struct baton_card *card, const baton_task *task)
{
    return ctl_project_is(card->project, task->spec->project);
}

/* `id` is a dependency, or what a parked task waits for. */
static bool
is_gate_of(const char *id, const struct baton_card *card)
{
    const char *name;
    return gate_name_kind(id, &name) == (int)card->kind && strcmp(name, card->name) == 0;
}

/* It waits for the card, or for the task whose handoff it is. */
static bool
depends_on(const baton_task *task, const struct baton_card *card)
{
    for (size_t i = 0; i < task->spec->n_after; i++) {
        const struct baton_edge *edge = &task->spec->after[i];
        const char *project = edge->project && edge->project[0] ? edge->project
                                                                : task->spec->project;
        if (ctl_project_is(card->project, project) &&
            (card->kind == BATON_CARD_HANDOFF ? strcmp(edge->id, card->task) == 0
                                              : is_gate_of(edge->id, card))) {
            return true;
        }
    }
    return is_same_project(card, task) && is_gate_of(task->waits_for, card);
}

static bool
has_item(const struct baton_card *card, const char *tag, const char *name, const char *text)
{
    for (size_t i = 0; i < card->n_items; i++) {
        const struct baton_item *item = &card->items[i];
        if (strcmp(item->tag, tag) == 0 && (!name || strcmp(item->name, name) == 0) &&
            (!text || strcmp(item->text, text) == 0)) {
            return true;
        }
    }
    return false;
}

static bool
is_in_area(const struct baton_card *card, const baton_task *task)
{
    for (size_t i = 0; i < task->spec->n_labels; i++) {
        const struct baton_label *label = &task->spec->labels[i];
        if (strcmp(label->name, "area") == 0) {
            return is_same_project(card, task) && has_item(card, "area", label->value, NULL);
        }
    }
    return false;
}

/* A blocked role is blocked in every project. */
static bool
is_blocked_by(const baton_task *task, const struct baton_card *card)
{
    static const char parked[] = "blocker:";
    if (strncmp(task->waits_for, parked, strlen(parked)) == 0 &&
        strtoull(task->waits_for + strlen(parked), NULL, 10) == card->number) {
        return true;
    }
    return !card->task[0] && (card->role[0] ? strcmp(card->role, task->spec->role) == 0
                                            : is_same_project(card, task));
}

bool
card_concerns_task(const struct baton_card *card, const baton_task *task)
{
    switch ((int)card->kind) {
    case BATON_CARD_BLOCKER:
        return is_blocked_by(task, card);
    case BATON_CARD_HANDOFF:
        return card->task[0]
                   ? depends_on(task, card)
                   : is_same_project(card, task) && strcmp(card->to_role, task->spec->role) == 0;
    case BATON_CARD_SIGNAL:
        return depends_on(task, card);
    case BATON_CARD_DECISION:
        return depends_on(task, card) || is_in_area(card, task);
    case BATON_CARD_INCIDENT:
        return is_same_project(card, task) && has_item(card, "summoned", NULL, task->spec->id);
    default:
        return false;
    }
}
