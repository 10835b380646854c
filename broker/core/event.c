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

/* Most events are never read. So a task's event is at first a record: cheap to write, since what
 * lives as long as the core (projects, workers) is named by number, and the rest is copied. Nothing
 * in it needs the task, which may be gone when somebody reads the event. The others are rare, and
 * packed at once. */
struct event_record {
    int64_t at;
    uint64_t token;
    uint32_t bytes;   /* of the whole record */
    uint32_t project; /* 0: no task's; what follows is the packed Event, behind its length */
    uint32_t worker;
    uint32_t attempt;
    uint16_t kind;
    uint8_t from, to, reason, role, progress;
    uint8_t texts[]; /* id, actor, text, title, each with its NUL */
};
enum { EVENT_TEXTS = 4, EVENT_HEAD_BYTES = offsetof(struct event_record, texts) };

/* The next record; its texts, of so many bytes, are the caller's to fill in. */
static inline struct event_record *
record_add(struct core_out *out, size_t texts_bytes)
{
    enum { ALIGN = _Alignof(struct event_record) };
    size_t bytes = (EVENT_HEAD_BYTES + texts_bytes + ALIGN - 1) / ALIGN * ALIGN;
    struct event_record *record = (void *)buf_reserve(&out->events, bytes);
    out->events.bytes += bytes;
    buf_fetch(&out->events);
    record->bytes = (uint32_t)bytes;
    return record;
}

static void
event_add(struct core *core, struct core_out *out, Baton__Event *event)
{
    if (event_begin(core, out)) {
        event->number = core->event;
        buf_clear(&core->packing);
        pack_sized(&core->packing, &event->base);
        struct event_record *record = record_add(out, core->packing.bytes);
        record->project = 0;
        memcpy(record->texts, core->packing.data, core->packing.bytes);
    }
}

struct text {
    const char *s;
    size_t bytes; /* without the NUL */
};

static inline struct text
text_of(const char *s)
{
    return (struct text){s, s && s[0] ? strlen(s) : 0};
}

static inline uint8_t *
put_text(uint8_t *p, struct text text)
{
    if (text.bytes > 0) {
        p = pack_copy(p, text.s, text.bytes);
    }
    *p = 0;
    return p + 1;
}

void
event_task(struct core *core, struct core_out *out, int64_t at, unsigned kind,
           const struct task *task, const struct event_more *more)
{
    if (!event_begin(core, out)) {
        return;
    }
    bool is_leased = task_has_lease(task) || state_is_terminal(task->state) ||
                     kind != BATON__EVENT__KIND__TASK;
    const struct course *course = is_leased ? task->course : &course_none;
    struct text id = text_of(task->id);
    struct text actor = text_of(more->actor);
    struct text text = text_of(more->text);
    struct text title = text_of(more->title);
    struct event_record *record = record_add(out, id.bytes + actor.bytes + text.bytes +
                                                      title.bytes + EVENT_TEXTS);
    record->at = at;
    record->token = course->token;
    record->project = task->project;
    record->worker = course->worker;
    record->attempt = course->attempt;
    record->kind = (uint16_t)kind;
    record->from = (uint8_t)more->from;
    record->to = task->state;
    record->reason = task->reason;
    record->role = task->role;
    record->progress = (uint8_t)(task->ext ? task->ext->progress : 0);
    put_text(put_text(put_text(put_text(record->texts, id), actor), text), title);
}

/* Fields of a task's event (proto/wire.proto). */
enum { EVENT_FIELDS = 16 };

/* A Baton__Event as pack would have it, but by hand (the simulation compares each): while somebody
 * follows the feed it is a third of all that is packed. */
static void
record_pack(const struct core *core, const struct event_record *record, uint64_t number,
            struct buf *packed)
{
    struct text texts[EVENT_TEXTS];
    const char *next = (const char *)record->texts;
    for (unsigned i = 0; i < EVENT_TEXTS; i++) {
        texts[i] = text_of(next);
        next += texts[i].bytes + 1;
    }
    struct text project = text_of(core->projects[record->project]->name);
    struct text role = text_of(record->role < ROLES_N ? role_names[record->role] : NULL);
    struct text worker = text_of(core_worker_name(core, record->worker));
    size_t begin = packed->bytes;
    uint8_t *p = buf_reserve(packed, 1 + EVENT_FIELDS * PACK_HEAD_BYTES_MAX + record->bytes +
                                         project.bytes + role.bytes + worker.bytes);
    p = pack_number(p + 1, 1, number);
    p = pack_number(p, 2, (uint64_t)record->at);
    p = pack_number(p, 3, record->kind);
    p = pack_text(p, 4, project.s, project.bytes);
    p = pack_text(p, 5, texts[0].s, texts[0].bytes);
    p = pack_text(p, 6, role.s, role.bytes);
    p = pack_number(p, 7, record->from);
    p = pack_number(p, 8, record->to);
    p = pack_number(p, 9, record->reason);
    p = pack_number(p, 10, record->token);
    p = pack_number(p, 11, record->attempt);
    p = pack_text(p, 12, worker.s, worker.bytes);
    p = pack_text(p, 13, texts[1].s, texts[1].bytes);
    p = pack_text(p, 14, texts[2].s, texts[2].bytes);
    p = pack_number(p, 15, record->progress);
    p = pack_text(p, 16, texts[3].s, texts[3].bytes);
    packed->bytes = (size_t)(p - packed->data);
    pack_length(packed, begin);
}

void
core_event_next(const struct core *core, const uint8_t *events, size_t *pos, uint64_t number,
                struct buf *packed)
{
    const struct event_record *record = (const void *)(events + *pos);
    *pos += record->bytes;
    if (!packed) {
        return;
    }
    if (record->project) {
        record_pack(core, record, number, packed);
        return;
    }
    size_t bytes = 0;
    uint64_t length;
    CHECK(varint_read(record->texts, record->bytes - EVENT_HEAD_BYTES, &bytes, &length));
    buf_add(packed, record->texts, bytes + (size_t)length);
}

void
event_plain(struct core *core, struct core_out *out, int64_t at, unsigned kind, const char *name,
            const char *actor, const char *text)
{
    Baton__Event event = BATON__EVENT__INIT;
    event.at = at;
    event.kind = (Baton__Event__Kind)kind;
    event.id = view_text(name);
    event.actor = view_text(actor);
    event.text = view_text(text);
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
    event.actor = view_text(actor);
    event.text = view_text(card_verb_name((int)verb));
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
    event.text = view_text(text);
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
    event.actor = view_text(actor);
    event.text = view_text(text);
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
put_add(struct core_out *out, bool is_card, uint64_t key, size_t at)
{
    if (out->n_puts == out->room_puts) {
        out->room_puts = out->room_puts ? out->room_puts * 2 : 64;
        out->puts = xreallocarray(out->puts, out->room_puts, sizeof *out->puts);
    }
    out->puts[out->n_puts++] = (struct core_put){
        .is_card = is_card, .key = key, .at = at, .bytes = out->records.bytes - at};
}

void
core_out_clear(struct core_out *out)
{
    buf_clear(&out->facts);
    buf_clear(&out->events);
    out->n_facts = out->n_events = 0;
    out->first_seq = out->first_event = 0;
    out->n_stops = 0;
    buf_clear(&out->records);
    out->n_puts = 0;
}

void
core_out_fini(struct core_out *out)
{
    core_out_clear(out);
    buf_fini(&out->facts);
    buf_fini(&out->events);
    buf_fini(&out->records);
    free(out->stops);
    free(out->puts);
    *out = (struct core_out){0};
}
