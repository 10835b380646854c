/* Events for the feed: numbered without gaps, for ever; the same facts give the same events. */
#include "broker/core/state.h"

#include "common/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
event_add(struct core *core, struct core_out *out, Baton__Event *event)
{
    event->number = ++core->event;
    if (!out) {
        return;
    }
    if (out->n_events++ == 0) {
        out->first_event = event->number;
    }
    pack_sized(&out->events, &event->base);
}

static char *
unconst(const char *s)
{
    /* protobuf-c's structs have plain char pointers; packing does not write through them. */
    return (char *)(uintptr_t)(s ? s : "");
}

void
event_task(struct core *core, struct core_out *out, int64_t at, unsigned kind,
           const struct task *task, const struct event_more *more)
{
    if (!out) {
        core->event++;
        return;
    }
    Baton__Event event = BATON__EVENT__INIT;
    event.at = at;
    event.kind = (Baton__Event__Kind)kind;
    event.project = core->projects[task->project]->name;
    event.id = task->id;
    event.role = unconst(task->role < ROLES_N ? role_names[task->role] : "");
    event.from = (Baton__TaskState)more->from;
    event.to = (Baton__TaskState)task->state;
    event.reason = (Baton__Reason)task->reason;
    if (task_has_lease(task) || state_is_terminal(task->state) ||
        kind != BATON__EVENT__KIND__TASK) {
        event.token = task->course->token;
        event.attempt = task->course->attempt;
        event.worker = unconst(core_worker_name(core, task->course->worker));
    }
    event.actor = unconst(more->actor);
    event.text = unconst(more->text);
    event.title = unconst(more->title);
    event.progress = task->ext ? task->ext->progress : 0;
    event_add(core, out, &event);
}

void
event_plain(struct core *core, struct core_out *out, int64_t at, unsigned kind, const char *name,
            const char *actor, const char *text)
{
    Baton__Event event = BATON__EVENT__INIT;
    event.at = at;
    event.kind = (Baton__Event__Kind)kind;
    event.id = unconst(name);
    event.actor = unconst(actor);
    event.text = unconst(text);
    event_add(core, out, &event);
}

void
event_card(struct core *core, struct core_out *out, int64_t at, const Baton__Card *card,
           const char *actor, unsigned verb)
{
    if (!out) {
        core->event++;
        return;
    }
    Baton__Event event = BATON__EVENT__INIT;
    event.at = at;
    event.kind = BATON__EVENT__KIND__CARD;
    event.project = card->project;
    event.id = card->task;
    event.role = card->role;
    event.actor = unconst(actor);
    event.text = unconst(card_verb_name((int)verb));
    event.card = (Baton__Card *)(uintptr_t)card;
    event_add(core, out, &event);
}

void
event_budget(struct core *core, struct core_out *out, int64_t at, const Baton__Card *card,
             const char *text)
{
    Baton__Event event = BATON__EVENT__INIT;
    event.at = at;
    event.kind = BATON__EVENT__KIND__BUDGET;
    event.project = card->project;
    event.id = card->task;
    event.role = card->role;
    event.text = unconst(text);
    event.card = (Baton__Card *)(uintptr_t)card;
    event_add(core, out, &event);
}

void
event_project(struct core *core, struct core_out *out, int64_t at, unsigned kind,
              const struct project *project, const char *actor, const char *text)
{
    Baton__Event event = BATON__EVENT__INIT;
    event.at = at;
    event.kind = (Baton__Event__Kind)kind;
    event.project = project->name;
    event.actor = unconst(actor);
    event.text = unconst(text);
    event_add(core, out, &event);
}

void
event_completed(struct core *core, struct core_out *out, int64_t at, const struct project *project)
{
    uint64_t n_done = 0, n_all = 0;
    for (int r = 0; r < ROLE_SLOTS; r++) {
        const struct counts *counts = &project->counts[r];
        n_done += counts->by_state[DONE] + counts->gone_done;
        n_all += counts->gone_done + counts->gone_failed + counts->gone_cancelled;
        for (unsigned s = DONE; s < STATES_N; s++) {
            n_all += counts->by_state[s];
        }
    }
    char text[80];
    snprintf(text, sizeof text, "%llu of %llu tasks are done", (unsigned long long)n_done,
             (unsigned long long)n_all);
    event_project(core, out, at, BATON__EVENT__KIND__COMPLETED, project, "", text);
}

void
core_out_clear(struct core_out *out)
{
    buf_clear(&out->facts);
    buf_clear(&out->events);
    out->n_facts = out->n_events = 0;
    out->first_seq = out->first_event = 0;
    out->n_stops = 0;
    for (size_t i = 0; i < out->n_puts; i++) {
        free(out->puts[i].record);
    }
    out->n_puts = 0;
}

void
core_out_fini(struct core_out *out)
{
    core_out_clear(out);
    buf_fini(&out->facts);
    buf_fini(&out->events);
    free(out->stops);
    free(out->puts);
    *out = (struct core_out){0};
}
