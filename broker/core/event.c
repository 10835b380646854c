/* Events for the feed: numbered without gaps, for ever; the same facts give the same events. */
#include "broker/core/state.h"

#include "common/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The event's number, if somebody wants it packed. */
static bool
event_begin(struct core *core, struct core_out *out)
{
    core->event++;
    if (!out) {
        return false;
    }
    if (out->n_events++ == 0) {
        out->first_event = core->event;
    }
    return true;
}

static void
event_add(struct core *core, struct core_out *out, Baton__Event *event)
{
    if (event_begin(core, out)) {
        event->number = core->event;
        pack_sized(&out->events, &event->base);
    }
}

/* Fields of a task's event (proto/wire.proto). */
enum { EVENT_FIELDS = 16 };

static char *
unconst(const char *s)
{
    /* protobuf-c's structs have plain char pointers; packing does not write through them. */
    return (char *)(uintptr_t)(s ? s : "");
}

struct text {
    const char *s;
    size_t bytes;
};

static struct text
text_of(const char *s)
{
    return (struct text){s, s ? strlen(s) : 0};
}

static uint8_t *
put_text(uint8_t *p, unsigned field, struct text text)
{
    return pack_text(p, field, text.s, text.bytes);
}

/* Each step of each task is one of these, a third of all that is packed: so they are packed by
 * hand, a Baton__Event as pack would have it (the simulation compares each). */
void
event_task(struct core *core, struct core_out *out, int64_t at, unsigned kind,
           const struct task *task, const struct event_more *more)
{
    if (!event_begin(core, out)) {
        return;
    }
    bool is_leased = task_has_lease(task) || state_is_terminal(task->state) ||
                     kind != BATON__EVENT__KIND__TASK;
    const struct course *course = task->course;
    struct text project = text_of(core->projects[task->project]->name);
    struct text id = text_of(task->id);
    struct text role = text_of(task->role < ROLES_N ? role_names[task->role] : NULL);
    struct text worker = text_of(is_leased ? core_worker_name(core, course->worker) : NULL);
    struct text actor = text_of(more->actor);
    struct text text = text_of(more->text);
    struct text title = text_of(more->title);
    size_t begin = out->events.bytes;
    uint8_t *p = buf_reserve(&out->events, 1 + EVENT_FIELDS * PACK_HEAD_BYTES_MAX + project.bytes +
                                               id.bytes + role.bytes + worker.bytes + actor.bytes +
                                               text.bytes + title.bytes);
    p = pack_number(p + 1, 1, core->event);
    p = pack_number(p, 2, (uint64_t)at);
    p = pack_number(p, 3, kind);
    p = put_text(p, 4, project);
    p = put_text(p, 5, id);
    p = put_text(p, 6, role);
    p = pack_number(p, 7, more->from);
    p = pack_number(p, 8, task->state);
    p = pack_number(p, 9, task->reason);
    p = pack_number(p, 10, is_leased ? course->token : 0);
    p = pack_number(p, 11, is_leased ? course->attempt : 0);
    p = put_text(p, 12, worker);
    p = put_text(p, 13, actor);
    p = put_text(p, 14, text);
    p = pack_number(p, 15, task->ext ? task->ext->progress : 0);
    p = put_text(p, 16, title);
    out->events.bytes = (size_t)(p - out->events.data);
    pack_length(&out->events, begin);
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

struct core_put *
put_add(struct core_out *out, uint64_t key)
{
    if (out->n_puts == out->room_puts) {
        out->room_puts = out->room_puts ? out->room_puts * 2 : 64;
        out->puts = xreallocarray(out->puts, out->room_puts, sizeof *out->puts);
    }
    struct core_put *put = &out->puts[out->n_puts++];
    *put = (struct core_put){.key = key};
    return put;
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
