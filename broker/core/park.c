/* Parked tasks: the worker gave the slot back, and somebody or something has to answer first. What
 * it waits for is one line: "blocker:12", "signal:NAME", "decision:NAME", "approval", "children",
 * or "rework", which the broker says itself. When that has happened the task goes on by the same
 * fact that says so. */
#include "broker/core/board/board.h"
#include "broker/core/evolve.h"

#include "common/alloc.h"
#include "common/gate_name.h"
#include "common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKER_PREFIX "blocker:"

/* The number behind "blocker:"; NULL: it is none. */
static const char *
blocker_of(const char *waits_for)
{
    size_t bytes = strlen(BLOCKER_PREFIX);
    return strncmp(waits_for, BLOCKER_PREFIX, bytes) == 0 ? waits_for + bytes : NULL;
}

/* 0: not a number. */
static uint64_t
number_of(const char *digits)
{
    uint64_t number = 0;
    for (const char *c = digits; *c; c++) {
        if (*c < '0' || *c > '9' || c - digits > 18) {
            return 0;
        }
        number = number * 10 + (uint64_t)(*c - '0');
    }
    return number;
}

unsigned
park_reason(const char *waits_for)
{
    return strcmp(waits_for, "approval") == 0   ? BATON__REASON__REASON_APPROVAL
           : strcmp(waits_for, "children") == 0 ? BATON__REASON__REASON_CHILDREN
           : strcmp(waits_for, "rework") == 0   ? BATON__REASON__REASON_REWORK
           : blocker_of(waits_for)              ? BATON__REASON__REASON_BLOCKER
                                                : BATON__REASON__REASON_GATE;
}

const char *
park_words(struct arena *arena, const char *waits_for)
{
    const char *digits = blocker_of(waits_for);
    const char *name;
    int kind = gate_name_kind(waits_for, &name);
    if (digits) {
        return arena_printf(arena, "blocker #%s", digits);
    }
    if (kind) {
        return arena_printf(arena, "the %s %s", card_kind_name(kind), name);
    }
    return strcmp(waits_for, "approval") == 0   ? "approval"
           : strcmp(waits_for, "children") == 0 ? "the tasks that it added"
                                                : "work that it sent back";
}

/* ---- decide ---- */

const char *
park_fault(const struct core *core, struct core_request *request, const struct task *task,
           const char *wait_for, const char **ret)
{
    (void)task;
    if (strlen(wait_for) > ID_BYTES_MAX) {
        return "result.wait_for: longer than 128 bytes";
    }
    char *settled = arena_strdup(request->arena, wait_for);
    gate_name_settle(settled);
    *ret = settled;
    const char *digits = blocker_of(settled);
    const char *name;
    if (strcmp(settled, "approval") == 0 || strcmp(settled, "children") == 0) {
        return NULL;
    }
    if (gate_name_kind(settled, &name)) {
        return name_is_valid(name, NAME_BYTES_MAX)
                   ? NULL
                   : "result.wait_for: the signal or decision has no name";
    }
    if (!digits) {
        return "result.wait_for: write blocker, blocker:NUMBER, signal:NAME, decision:NAME, "
               "approval or children";
    }
    uint64_t number = number_of(digits);
    const struct card *card = board_find(core, number);
    if (!card || card->message->kind != KIND(BLOCKER)) {
        return "result.wait_for: there is no such blocker";
    }
    /* "blocker:012" stands at the same gate. */
    *ret = arena_printf(request->arena, BLOCKER_PREFIX "%llu", (unsigned long long)number);
    return NULL;
}

bool
park_is_over(const struct core *core, const struct task *task, const char *waits_for)
{
    const char *digits = blocker_of(waits_for);
    const char *name;
    int kind = gate_name_kind(waits_for, &name);
    if (digits) {
        const struct card *card = board_find(core, number_of(digits));
        return !card || card_has_ended(card->message);
    }
    if (kind) {
        return gate_is_open(core, (unsigned)kind, task_project(core, task), name);
    }
    if (strcmp(waits_for, "children") == 0) {
        return !task->ext || task->ext->n_live_children == 0;
    }
    return strcmp(waits_for, "rework") == 0 && task->edges->n_pending == 0;
}

/* ---- evolve ---- */

void
park_enter(struct core *core, struct task *task, const char *waits_for)
{
    struct task_ext *ext = task_ext(core, task);
    set_text(&ext->waits_for, waits_for);
    const char *digits = blocker_of(waits_for);
    const char *name;
    int kind = gate_name_kind(waits_for, &name);
    if (digits) {
        gate_park(core, task, KIND(BLOCKER), "", digits);
    } else if (kind) {
        gate_park(core, task, (unsigned)kind, task_project(core, task), name);
    }
}

void
park_leave(struct core *core, struct task *task)
{
    gate_unpark(core, task);
    set_text(&task->ext->waits_for, NULL);
}

void
unpark(struct core *core, struct task *task, const char *note, const char *actor,
       struct core_out *out, int64_t at)
{
    CHECK(task->state == PARKED);
    snapshot_keep(core, task);
    park_leave(core, task);
    set_text(&task->ext->note, note);
    set_text(&task->ext->reason_text, NULL);
    unsigned reason;
    unsigned to = place_of(task, &reason);
    task_move(core, task, to, reason, out, at, &(struct event_more){.actor = actor, .text = note});
    settle_if_due(core, task);
}

void
park_look(struct core *core, struct task *task, struct core_out *out, int64_t at)
{
    if (task->reason == BATON__REASON__REASON_REWORK && task->edges->n_pending == 0) {
        unpark(core, task, "what it had sent back has been done again, or has ended", NULL, out,
               at);
    }
}

void
park_count_child(struct core *core, const struct task *task, int by, struct core_out *out,
                 int64_t at)
{
    struct task *parent = task->ext && task->ext->parent ? task_by_key(core, task->ext->parent)
                                                         : NULL;
    if (!parent) {
        return;
    }
    struct task_ext *ext = task_ext(core, parent);
    CHECK(by > 0 || ext->n_live_children > 0);
    ext->n_live_children += (uint32_t)by;
    if (parent->state == PARKED && parent->reason == BATON__REASON__REASON_CHILDREN &&
        ext->n_live_children == 0) {
        unpark(core, parent, "the tasks that it added have ended", NULL, out, at);
    }
}
