/* The record of a task, in snapshots and in the archive: a Baton__TaskRecord as pack would have it,
 * written field by field from the task, since what is long in it is packed already (the simulation
 * compares each with protobuf-c's bytes). The order is that of the fields' numbers; what the
 * numbers are is in proto/fact.proto. */
#include "broker/core/state.h"

#include "common/pack.h"

#include <string.h>

/* Of a task that has none. */
static const struct task_ext ext_none;

static size_t
text_bytes(const char *s)
{
    return s ? strlen(s) : 0;
}

/* What is behind `p` is not used yet. */
static void
end_at(struct buf *buf, const uint8_t *p)
{
    buf->bytes = (size_t)(p - buf->data);
}

static void
add_text(struct buf *buf, unsigned field, const char *s)
{
    size_t bytes = text_bytes(s);
    if (bytes) {
        end_at(buf, pack_text(buf_reserve(buf, PACK_HEAD_BYTES_MAX + bytes), field, s, bytes));
    }
}

/* A message begins: its tag, and a byte for its length (pack_length). Returns where that is. */
static size_t
begin_message(struct buf *buf, unsigned field)
{
    uint8_t *p = varint_put(buf_reserve(buf, PACK_HEAD_BYTES_MAX), FIELD_TAG(field, FIELD_SIZED));
    end_at(buf, p + 1);
    return buf->bytes - 1;
}

static void
add_spec(const struct core *core, const struct task *task, struct buf *buf)
{
    size_t begin = begin_message(buf, 2);
    task_spec_pack(core, task, buf);
    pack_length(buf, begin);
}

static void
add_life(const struct core *core, const struct task *task, struct buf *buf)
{
    enum { FIELDS = 16 };
    const struct course *course = task->course;
    const struct run *run = course->run;
    uint8_t *p = buf_reserve(buf, FIELDS * PACK_HEAD_BYTES_MAX);
    p = pack_number(p, 3, task->state);
    p = pack_number(p, 4, task->reason);
    p = pack_number(p, 5, course->attempt);
    p = pack_number(p, 6, course->failures);
    p = pack_number(p, 7, course->losses);
    p = pack_number(p, 8, course->worker ? core->workers[course->worker]->number : 0);
    p = pack_number(p, 9, course->token);
    p = pack_number(p, 10, (uint64_t)task->created_at);
    p = pack_number(p, 11, (uint64_t)task->anchor);
    p = pack_number(p, 12, (uint64_t)task->ready_at);
    p = pack_number(p, 13, (uint64_t)course->started_at);
    p = pack_number(p, 14, (uint64_t)course->ended_at);
    p = pack_number(p, 15, task->timed ? (uint64_t)course->next_at : 0);
    p = pack_number(p, 16, run ? (uint64_t)run->lease_ms : 0);
    p = pack_number(p, 17, run && run->sessionless);
    p = pack_number(p, 18, task->held);
    end_at(buf, p);
}

static void
add_said(const struct task *task, const struct task_ext *ext, struct buf *buf)
{
    enum { FIELDS = 5 };
    add_text(buf, 19, ext->reason_text);
    size_t text = text_bytes(ext->progress_text);
    size_t bytes;
    const uint8_t *result = attempts_result(task, &bytes);
    uint8_t *p = buf_reserve(buf, FIELDS * PACK_HEAD_BYTES_MAX + text + bytes);
    p = pack_number(p, 20, ext->progress);
    p = pack_text(p, 21, ext->progress_text, text);
    p = pack_number(p, 22, (uint64_t)ext->progress_at);
    p = pack_number(p, 23, (uint64_t)ext->next_update_at);
    if (result) { /* said although it may be empty */
        p = varint_put(varint_put(p, FIELD_TAG(24, FIELD_SIZED)), bytes);
        memcpy(p, result, bytes);
        p += bytes;
    }
    end_at(buf, p);
}

static void
add_attempt(const Baton__AttemptRecord *attempt, struct buf *buf)
{
    enum { FIELDS = 8 };
    size_t begin = begin_message(buf, 25);
    size_t summary = strlen(attempt->summary);
    uint8_t *p = buf_reserve(buf, FIELDS * PACK_HEAD_BYTES_MAX + summary);
    p = pack_number(p, 1, attempt->number);
    p = pack_number(p, 2, attempt->token);
    p = pack_number(p, 3, attempt->worker);
    p = pack_number(p, 4, (uint64_t)attempt->started_at);
    p = pack_number(p, 5, (uint64_t)attempt->ended_at);
    p = pack_number(p, 6, attempt->outcome);
    p = pack_text(p, 7, attempt->summary, summary);
    p = pack_number(p, 8, pack_zigzag(attempt->exit_status));
    end_at(buf, p);
    pack_length(buf, begin);
}

static void
add_kin(const struct core *core, const struct task *task, const struct task_ext *ext, bool archived,
        struct buf *buf)
{
    enum { FIELDS = 14 };
    const char *actor = actor_name(core, task->actor);
    const char *worker = archived ? core_worker_name(core, task->course->worker) : NULL;
    size_t actor_bytes = text_bytes(actor);
    size_t worker_bytes = text_bytes(worker);
    const struct run *run = task->course->run;
    uint8_t *p = buf_reserve(buf, FIELDS * PACK_HEAD_BYTES_MAX + actor_bytes + worker_bytes);
    p = pack_number(p, 27, ext->aborted_by);
    p = pack_number(p, 28, ext->parent);
    p = pack_number(p, 29, ext->depth);
    p = pack_number(p, 30, ext->n_children);
    p = pack_text(p, 31, actor, actor_bytes);
    p = pack_text(p, 32, worker, worker_bytes);
    p = pack_number(p, 33, (uint64_t)ext->cancel_grace_ms);
    p = pack_number(p, 34, task->backoff);
    p = pack_number(p, 35, run && run->stalled);
    p = pack_number(p, 36, ext->n_descendants);
    p = pack_number(p, 37, ext->root);
    p = pack_number(p, 38, (uint64_t)ext->risk_told);
    p = pack_number(p, 39, (uint64_t)ext->late_told);
    p = pack_number(p, 40, ext->escalated);
    end_at(buf, p);
}

static void
add_rest(const struct core *core, const struct task *task, const struct task_ext *ext,
         struct buf *buf)
{
    enum { NUMBERS = 3 };
    for (uint32_t i = 0; i < ext->n_claims; i++) {
        if (ext->claims[i].taken) {
            Baton__Claim message;
            claim_message(core, &ext->claims[i], &message);
            pack_field(buf, 41, &message.base);
        }
    }
    add_text(buf, 60, ext->waits_for);
    add_text(buf, 61, ext->note);
    uint8_t *p = buf_reserve(buf, NUMBERS * PACK_HEAD_BYTES_MAX);
    p = pack_number(p, 62, ext->rework);
    p = pack_number(p, 63, (uint64_t)ext->after_since);
    p = pack_number(p, 70, ext->n_yields);
    end_at(buf, p);
    for (uint32_t i = 0; ext->measures && i < ext->measures->n; i++) {
        Baton__TaskMeasure message;
        measure_message(&ext->measures->list[i], &message);
        pack_field(buf, 90, &message.base);
    }
    const struct run *run = task->course->run;
    for (uint32_t i = 0; run && i < run->n_holds; i++) {
        Baton__BudgetHold message;
        budget_hold_message(&run->holds[i], &message);
        pack_field(buf, 91, &message.base);
    }
    p = buf_reserve(buf, NUMBERS * PACK_HEAD_BYTES_MAX);
    p = pack_number(p, 150, (uint64_t)ext->review_at);
    p = pack_number(p, 151, (uint64_t)ext->review_due);
    p = pack_number(p, 152, ext->review_told);
    end_at(buf, p);
}

void
task_record_pack(const struct core *core, const struct task *task, bool archived, struct buf *buf)
{
    const struct task_ext *ext = task->ext ? task->ext : &ext_none;
    end_at(buf, pack_number(buf_reserve(buf, PACK_HEAD_BYTES_MAX), 1, task->key));
    add_spec(core, task, buf);
    add_life(core, task, buf);
    add_said(task, ext, buf);
    if (task->brief) {
        Baton__AttemptRecord attempt = attempts_brief(core, task);
        add_attempt(&attempt, buf);
    }
    for (uint32_t i = 0; i < ext->n_attempts; i++) {
        add_attempt(ext->attempts[i], buf);
    }
    for (uint32_t i = 0; i < ext->n_orphans; i++) {
        pack_field(buf, 26, &ext->orphans[i]->base);
    }
    add_kin(core, task, ext, archived, buf);
    add_rest(core, task, ext, buf);
}
