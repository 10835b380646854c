/* What attempts leave behind: a record of each that ended, and the result of the latest.
 *
 * Most tasks are done at once and say no more than that. Such a one is brief: no record and no
 * result are kept of it (they would take four times the memory of all else that is known of the
 * task), since its course says it all. Who reads them gets the same as of any other; who goes on
 * with the task unfolds it first. */
#include "broker/core/evolve.h"

#include "common/alloc.h"
#include "common/pack.h"

#include <stdlib.h>
#include <string.h>

/* A packed Result that says DONE and nothing else. */
static const uint8_t result_done[] = {FIELD_TAG(1, FIELD_VARINT), BATON__OUTCOME__OUTCOME_DONE};

Baton__AttemptRecord
attempts_brief(const struct core *core, const struct task *task)
{
    const struct course *course = task->course;
    Baton__AttemptRecord record = BATON__ATTEMPT_RECORD__INIT;
    record.number = course->attempt;
    record.token = course->token;
    record.worker = core->workers[course->worker]->number;
    record.started_at = course->started_at;
    record.ended_at = course->ended_at;
    record.outcome = BATON__OUTCOME__OUTCOME_DONE;
    return record;
}

const uint8_t *
attempts_result(const struct task *task, size_t *ret_bytes)
{
    if (task->brief) {
        *ret_bytes = sizeof result_done;
        return result_done;
    }
    *ret_bytes = task->ext ? task->ext->result_bytes : 0;
    return task->ext ? task->ext->result : NULL;
}

Baton__AttemptRecord **
attempts_list(const struct core *core, const struct task *task, struct arena *arena, size_t *ret_n)
{
    if (!task->brief) {
        *ret_n = task->ext ? task->ext->n_attempts : 0;
        return task->ext ? task->ext->attempts : NULL;
    }
    Baton__AttemptRecord record = attempts_brief(core, task);
    Baton__AttemptRecord **list = arena_alloc(arena, sizeof(Baton__AttemptRecord *));
    *list = arena_memdup(arena, &record, sizeof record);
    *ret_n = 1;
    return list;
}

const Baton__AttemptRecord *
attempts_find(const struct core *core, const struct task *task, uint64_t token, struct arena *arena)
{
    size_t n;
    Baton__AttemptRecord *const *list = attempts_list(core, task, arena, &n);
    for (size_t i = 0; i < n; i++) {
        if (list[i]->token == token) {
            return list[i];
        }
    }
    return NULL;
}

/* ---- written ---- */

static Baton__AttemptRecord *
record_add(struct core *core, struct task *task)
{
    struct task_ext *ext = task_ext(core, task);
    if (ext->n_attempts == ATTEMPTS_KEPT) {
        index64_remove(&core->by_token, ext->attempts[0]->token);
        baton__attempt_record__free_unpacked(ext->attempts[0], NULL);
        memmove(ext->attempts, ext->attempts + 1, --ext->n_attempts * sizeof *ext->attempts);
    }
    ext->attempts = xreallocarray(ext->attempts, ext->n_attempts + 1, sizeof *ext->attempts);
    Baton__AttemptRecord *record = xmalloc(sizeof *record);
    baton__attempt_record__init(record);
    record->summary = (char *)(uintptr_t)protobuf_c_empty_string;
    ext->attempts[ext->n_attempts++] = record;
    return record;
}

/* The latest attempt's, which may be there already: then its end is told again, late. */
static Baton__AttemptRecord *
record_latest(struct core *core, struct task *task)
{
    struct task_ext *ext = task_ext(core, task);
    uint32_t n = ext->n_attempts;
    return n > 0 && ext->attempts[n - 1]->token == task->course->token ? ext->attempts[n - 1]
                                                                       : record_add(core, task);
}

/* NULL: none. */
static void
result_set(struct task *task, const uint8_t *packed, size_t bytes)
{
    free(task->ext->result);
    task->ext->result = packed ? xmemdup(packed, bytes) : NULL;
    task->ext->result_bytes = (uint32_t)bytes;
}

enum { RESULT_FIELDS = 10 };

/* result_done is what it would be packed. */
static bool
says_done(const Baton__Result *r)
{
    CHECK(baton__result__descriptor.n_fields == RESULT_FIELDS); /* all of them are looked at */
    return r->outcome == BATON__OUTCOME__OUTCOME_DONE && !r->summary[0] && !r->document.len &&
           !r->exit_status && !r->output_tail[0] && !r->output_bytes && !r->retry_after_ms &&
           !r->runtime_ms && !r->wait_for[0] && !r->n_measures && !r->base.n_unknown_fields;
}

/* Whose first attempt ends as done, with no word more, of the broker's neither. */
static bool
may_be_brief(const struct task *task, const Baton__AttemptEnded *ended)
{
    return ended->to == (Baton__TaskState)DONE && ended->result && says_done(ended->result) &&
           !ended->text[0] &&
           (!task->ext || (task->ext->n_attempts == 0 && !task->ext->reason_text));
}

void
attempts_end(struct core *core, struct task *task, const Baton__AttemptEnded *ended, int64_t at)
{
    if (may_be_brief(task, ended)) {
        task->brief = true;
        return;
    }
    const Baton__Result *result = ended->result;
    struct buf *packed = &core->packing;
    buf_clear(packed);
    if (result) {
        buf_reserve(packed, PACK_ROOM);
        pack(packed, &result->base);
    }
    Baton__AttemptRecord *record = record_latest(core, task);
    record->number = task->course->attempt;
    record->token = task->course->token;
    record->worker = core->workers[task->course->worker]->number;
    record->started_at = task->state == LEASED ? 0 : task->course->started_at;
    record->ended_at = at;
    record->outcome = result ? result->outcome : BATON__OUTCOME__OUTCOME_UNSPECIFIED;
    record->exit_status = result ? result->exit_status : 0;
    const char *summary = result && result->summary[0] ? result->summary : ended->text;
    if (record->summary != protobuf_c_empty_string) {
        free(record->summary);
    }
    record->summary = summary[0] ? xstrdup(summary) : (char *)(uintptr_t)protobuf_c_empty_string;
    result_set(task, result ? packed->data : NULL, packed->bytes);
    set_text(&task->ext->reason_text, ended->text);
}

void
attempts_unfold(struct core *core, struct task *task)
{
    if (task->brief) {
        Baton__AttemptRecord record = attempts_brief(core, task);
        *record_add(core, task) = record;
        result_set(task, result_done, sizeof result_done);
        task->brief = false;
    }
}

/* ---- a snapshot's ---- */

bool
attempts_are_brief(const Baton__TaskRecord *r)
{
    if (r->n_attempts != 1 || !r->result || r->state != (Baton__TaskState)DONE) {
        return false;
    }
    uint8_t packed[sizeof result_done];
    const Baton__AttemptRecord *attempt = r->attempts[0];
    return attempt->number == r->attempt && attempt->token == r->token &&
           attempt->worker == r->worker && attempt->started_at == r->started_at &&
           attempt->ended_at == r->ended_at && attempt->outcome == r->result->outcome &&
           !attempt->summary[0] && attempt->exit_status == 0 &&
           baton__result__get_packed_size(r->result) == sizeof packed &&
           baton__result__pack(r->result, packed) &&
           memcmp(packed, result_done, sizeof packed) == 0;
}
