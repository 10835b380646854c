/* What comes out as bytes: facts, events, records of the archive and of snapshots. Whatever way the
 * core packs them, they are as protobuf-c would pack them, and say the same whenever they are read.
 */
#include "sim.h"

#include "common/alloc.h"
#include "common/fields.h"

#include <string.h>
#include <xxhash.h>

typedef unsigned long long ull;

static void
remember_event(struct world *w, uint64_t number, const uint8_t *data, size_t bytes)
{
    if (number >= w->room_events) {
        w->room_events = MAX(number + 1, w->room_events * 2 + 1024);
        w->event_hash = xreallocarray(w->event_hash, w->room_events, sizeof w->event_hash[0]);
    }
    w->event_hash[number] = XXH3_64bits(data, bytes);
}

static void
check_packing(struct world *w, const ProtobufCMessage *message, size_t bytes, const uint8_t *data)
{
    uint8_t *packed = arena_alloc(&w->arena, bytes + 1);
    if (protobuf_c_message_get_packed_size(message) != bytes ||
        protobuf_c_message_pack(message, packed) != bytes || memcmp(packed, data, bytes) != 0) {
        sim_fail(w, "%s is not packed as it should be", message->descriptor->short_name);
    }
}

/* Packs the event at *pos, as somebody who reads the feed gets it. */
static const uint8_t *
read_event(struct world *w, const struct core *core, const struct core_out *out, size_t *pos,
           uint64_t number, size_t *ret_bytes)
{
    size_t begin = 0;
    uint64_t bytes;
    buf_clear(&w->event);
    core_event_next(core, out->events.data, pos, number, &w->event);
    if (*pos > out->events.bytes || !varint_read(w->event.data, w->event.bytes, &begin, &bytes) ||
        bytes != w->event.bytes - begin) {
        sim_fail(w, "event %llu can't be read", (ull)number);
    }
    *ret_bytes = (size_t)bytes;
    return w->event.data + begin;
}

/* The number behind the last of them, each of which was read before. */
static uint64_t
read_again(struct world *w, const struct core *core, const struct core_out *out)
{
    uint64_t number = out->first_event;
    for (size_t pos = 0; pos < out->events.bytes; number++) {
        size_t bytes;
        const uint8_t *data = read_event(w, core, out, &pos, number, &bytes);
        if (w->event_hash[number] != XXH3_64bits(data, bytes)) {
            sim_fail(w, "event %llu is another one when it is read again", (ull)number);
        }
    }
    return number;
}

void
check_kept_events(struct world *w)
{
    (void)read_again(w, w->core, &w->kept);
    core_out_clear(&w->kept);
}

/* Events may be read long after their tasks changed, or went to the archive. */
static void
keep_events(struct world *w)
{
    if (w->step % 16 == 0) {
        check_kept_events(w);
        w->kept.first_event = w->out.first_event;
        buf_add(&w->kept.events, w->out.events.data, w->out.events.bytes);
    }
}

void
check_events(struct world *w)
{
    const struct core_out *out = &w->out;
    size_t pos = 0;
    uint32_t n = 0;
    while (pos < out->events.bytes) {
        size_t bytes;
        const uint8_t *data = read_event(w, w->core, out, &pos, out->first_event + n, &bytes);
        trace_hash(w, data, bytes);
        Baton__Event *e = baton__event__unpack(&w->arena.pb, bytes, data);
        if (!e) {
            sim_fail(w, "an event can't be read");
        }
        trace_message(w, "  event", &e->base);
        check_packing(w, &e->base, bytes, data);
        check_event(w, e);
        remember_event(w, e->number, data, bytes);
        n++;
    }
    if (n != out->n_events || (n && out->first_event + n - 1 != w->m->event) ||
        core_event(w->core) != w->m->event) {
        sim_fail(w, "%u events, but the core counts %u and says that the newest is %llu", n,
                 out->n_events, (ull)core_event(w->core));
    }
    w->n_events += n;
    keep_events(w);
}

void
check_replayed_events(struct world *w, const struct core *core, const struct core_out *out)
{
    uint64_t number = read_again(w, core, out);
    if (out->n_events && number != w->m->event + 1) {
        sim_fail(w, "replaying gives events up to %llu instead of %llu", (ull)(number - 1),
                 (ull)w->m->event);
    }
}

/* ---- facts and the archive ---- */

/* Also when its bytes were taken from the submission. */
static void
check_described(struct world *w, ProtobufCBinaryData packed)
{
    const Baton__Spec *spec = baton__spec__unpack(&w->arena.pb, packed.len, packed.data);
    if (!spec || !spec->id[0] || !spec->project[0] || !spec->priority) {
        sim_fail(w, "a task is not described");
    }
    check_packing(w, &spec->base, packed.len, packed.data);
}

void
check_facts(struct world *w)
{
    const struct buf *facts = &w->out.facts;
    trace_hash(w, facts->data ? facts->data : (const uint8_t *)"", facts->bytes);
    if (w->out.n_facts && w->out.first_seq != w->m->seq + 1) {
        sim_fail(w, "fact %llu follows fact %llu", (ull)w->out.first_seq, (ull)w->m->seq);
    }
    w->m->seq += w->out.n_facts;
    w->n_facts += w->out.n_facts;
    if (core_seq(w->core) != w->m->seq) {
        sim_fail(w, "%u facts came out, but the newest is %llu instead of %llu", w->out.n_facts,
                 (ull)core_seq(w->core), (ull)w->m->seq);
    }
    size_t pos = 0;
    while (pos < facts->bytes) {
        uint64_t bytes;
        if (!varint_read(facts->data, facts->bytes, &pos, &bytes) || bytes > facts->bytes - pos) {
            sim_fail(w, "the facts can't be read");
        }
        Baton__Fact *fact = baton__fact__unpack(&w->arena.pb, bytes, facts->data + pos);
        if (!fact) {
            sim_fail(w, "a fact can't be read");
        }
        trace_message(w, "  fact", &fact->base);
        check_packing(w, &fact->base, bytes, facts->data + pos);
        if (fact->what_case == BATON__FACT__WHAT_ADDED) {
            check_described(w, fact->added->spec);
        }
        pos += bytes;
    }
}

static bool
has_live_dependent(const struct model *m, int t)
{
    for (int d = 0; d < m->n_tasks; d++) {
        const struct m_spec *spec = &m->task[d].spec;
        for (int k = 0; model_is_live(m, d) && k < spec->n_edges; k++) {
            if (model_find(m, spec->edges[k].project, spec->edges[k].id) == t) {
                return true;
            }
        }
    }
    return false;
}

static void
check_record_packing(struct world *w, const uint8_t *data, size_t bytes)
{
    Baton__TaskRecord *record = baton__task_record__unpack(&w->arena.pb, bytes, data);
    Baton__Spec *spec = record
                            ? baton__spec__unpack(&w->arena.pb, record->spec.len, record->spec.data)
                            : NULL;
    if (!spec) {
        sim_fail(w, "a task's record can't be read");
    }
    check_packing(w, &record->base, bytes, data);
    check_packing(w, &spec->base, record->spec.len, record->spec.data);
}

void
check_put(struct world *w, const struct core_put *put, const uint8_t *data)
{
    struct model *m = w->m;
    int t = 0;
    while (t < m->n_tasks && m->key[t] != put->key) {
        t++;
    }
    if (t == m->n_tasks || m->task[t].archived) {
        sim_fail(w, "a record for the archive has the unknown key %llu", (ull)put->key);
    }
    if (model_is_live(m, t) || has_live_dependent(m, t)) {
        sim_fail(w, "%s goes to the archive, but it or a task that depends on it is live",
                 w->names[m->task[t].id]);
    }
    uint32_t n_hot = 0;
    for (int o = 0; o < m->n_tasks; o++) {
        n_hot += !model_is_live(m, o) && !m->task[o].archived;
    }
    if (n_hot <= m->config.hot_ended_max && m->now < m->task[t].ended_at + m->config.hot_ended_ms) {
        sim_fail(w, "%s goes to the archive too early", w->names[m->task[t].id]);
    }
    Baton__TaskView view;
    check_record_packing(w, data, put->bytes);
    if (!core_view_record(w->core, &w->arena, data, put->bytes, &view) ||
        (int)view.state != m->state[t] || view.key != put->key) {
        sim_fail(w, "the record of %s for the archive is not what it was", w->names[m->task[t].id]);
    }
    m->task[t].archived = true;
    m->order_valid = false;
}

void
check_chunk(struct world *w, const struct buf *chunk)
{
    enum { TASK = FIELD_TAG(2, FIELD_SIZED), TOMBSTONE = FIELD_TAG(3, FIELD_SIZED) };
    size_t pos = 0;
    while (pos < chunk->bytes) {
        uint64_t tag, bytes;
        if (!varint_read(chunk->data, chunk->bytes, &pos, &tag) ||
            !varint_read(chunk->data, chunk->bytes, &pos, &bytes) || bytes > chunk->bytes - pos) {
            sim_fail(w, "a chunk of a snapshot can't be read");
        }
        if (tag == TASK) {
            check_record_packing(w, chunk->data + pos, bytes);
        } else if (tag == TOMBSTONE) {
            const ProtobufCMessage *t = protobuf_c_message_unpack(
                &baton__snapshot_chunk__tombstone__descriptor, &w->arena.pb, bytes,
                chunk->data + pos);
            if (!t) {
                sim_fail(w, "a tombstone can't be read");
            }
            check_packing(w, t, bytes, chunk->data + pos);
        }
        pos += bytes;
    }
}
