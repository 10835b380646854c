#include "broker/export/rows.h"

#include "broker/export/copy.h"
#include "broker/export/record.h"
#include "common/alloc.h"
#include "common/unpack.h"
#include "common/words.h"

#include <stdlib.h>
#include <string.h>

/* What a run of facts says of one task. Texts are borrowed from the facts. */
struct task_row {
    uint64_t key;
    const Baton__Spec *spec; /* NULL: unchanged */
    bool is_new;
    const char *actor; /* new */
    uint64_t parent;   /* new */
    int64_t created_at;
    Baton__TaskState state; /* 0: unchanged; else with the three that follow */
    Baton__Reason reason;
    const char *reason_text;
    int64_t ended_at;
    int64_t at_risk_at, late_at;
    int revivals;
    struct attempt_row *attempt; /* its latest in the run */
};

struct attempt_row {
    uint64_t task;
    uint64_t token; /* 0: the one before the run */
    uint64_t worker;
    int64_t leased_at;
    int64_t waited_ms;
    int64_t started_at;
    const Baton__AttemptEnded *end; /* NULL: not ended in the run */
    int64_t ended_at;
};

void
rows_init(struct rows *rows)
{
    *rows = (struct rows){0};
    arena_init(&rows->arena);
}

void
rows_clear(struct rows *rows)
{
    struct buf *bufs[] = {&rows->worker,      &rows->task,       &rows->attempt,     &rows->task_in,
                          &rows->attempt_in,  &rows->measure_in, &rows->card_in,     &rows->gone_in,
                          &rows->worker_load, &rows->task_load,  &rows->attempt_load};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++) {
        buf_clear(bufs[i]);
    }
    rows->n_tasks = rows->n_attempts = rows->n_cards = 0;
    if (rows->index) {
        memset(rows->index, 0, rows->index_room * sizeof *rows->index);
    }
    arena_reset(&rows->arena);
}

void
rows_fini(struct rows *rows)
{
    struct buf *bufs[] = {&rows->worker,    &rows->task,         &rows->attempt,
                          &rows->task_in,   &rows->attempt_in,   &rows->measure_in,
                          &rows->card_in,   &rows->gone_in,      &rows->worker_load,
                          &rows->task_load, &rows->attempt_load, &rows->json};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++) {
        buf_fini(bufs[i]);
    }
    free(rows->tasks);
    free(rows->attempts);
    free(rows->cards);
    free(rows->index);
    arena_fini(&rows->arena);
}

/* ---- tasks by key ---- */

static size_t
index_place(const struct rows *rows, uint64_t key)
{
    size_t mask = rows->index_room - 1;
    size_t i = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;
    while (rows->index[i] && rows->tasks[rows->index[i] - 1]->key != key) {
        i = (i + 1) & mask;
    }
    return i;
}

static void
index_grow(struct rows *rows)
{
    if (rows->n_tasks * 2 < rows->index_room) {
        return;
    }
    rows->index_room = rows->index_room ? rows->index_room * 2 : 1024;
    free(rows->index);
    rows->index = xcalloc(rows->index_room, sizeof *rows->index);
    for (size_t i = 0; i < rows->n_tasks; i++) {
        rows->index[index_place(rows, rows->tasks[i]->key)] = (uint32_t)i + 1;
    }
}

static struct task_row *
task_of(struct rows *rows, uint64_t key)
{
    index_grow(rows);
    size_t place = index_place(rows, key);
    if (rows->index[place]) {
        return rows->tasks[rows->index[place] - 1];
    }
    if (rows->n_tasks == rows->room_tasks) {
        rows->room_tasks = rows->room_tasks ? rows->room_tasks * 2 : 1024;
        rows->tasks = xreallocarray(rows->tasks, rows->room_tasks, sizeof *rows->tasks);
    }
    struct task_row *task = arena_calloc(&rows->arena, 1, sizeof *task);
    task->key = key;
    rows->tasks[rows->n_tasks++] = task;
    rows->index[place] = (uint32_t)rows->n_tasks;
    return task;
}

static struct attempt_row *
attempt_add(struct rows *rows, struct task_row *task, uint64_t token)
{
    if (rows->n_attempts == rows->room_attempts) {
        rows->room_attempts = rows->room_attempts ? rows->room_attempts * 2 : 1024;
        rows->attempts = xreallocarray(rows->attempts, rows->room_attempts, sizeof *rows->attempts);
    }
    struct attempt_row *attempt = arena_calloc(&rows->arena, 1, sizeof *attempt);
    attempt->task = task->key;
    attempt->token = token;
    rows->attempts[rows->n_attempts++] = attempt;
    task->attempt = attempt;
    return attempt;
}

static struct attempt_row *
attempt_of(struct rows *rows, struct task_row *task)
{
    return task->attempt ? task->attempt : attempt_add(rows, task, 0);
}

/* ---- facts ---- */

static bool
take_spec(struct rows *rows, struct task_row *task, const ProtobufCBinaryData *packed)
{
    task->spec = unpack_own(&rows->arena, &baton__spec__descriptor, packed->len, packed->data);
    return task->spec != NULL;
}

static bool
take_added(struct rows *rows, const Baton__Fact *fact, uint64_t seq)
{
    struct task_row *task = task_of(rows, seq);
    task->is_new = true;
    task->actor = fact->actor;
    task->parent = fact->added->parent;
    task->created_at = fact->at;
    return take_spec(rows, task, &fact->added->spec);
}

static void
take_state(struct task_row *task, Baton__TaskState state, Baton__Reason reason, const char *text,
           int64_t at)
{
    bool ended = state >= BATON__TASK_STATE__STATE_DONE;
    task->state = ended ? state : BATON__TASK_STATE__STATE_WAITING;
    task->reason = ended ? reason : BATON__REASON__REASON_NONE;
    task->reason_text = ended ? text : "";
    task->ended_at = ended ? at : 0;
}

static void
take_leased(struct rows *rows, const Baton__Fact *fact, uint64_t seq)
{
    struct attempt_row *attempt = attempt_add(rows, task_of(rows, fact->leased->key), seq);
    attempt->worker = fact->leased->worker;
    attempt->leased_at = fact->at;
    attempt->waited_ms = fact->leased->waited_ms;
}

/* Of the latest attempt: the last value of a name in the run is the one that counts. */
static void
take_measures(struct rows *rows, struct task_row *task, Baton__Measure *const *measures, size_t n,
              int64_t at)
{
    for (size_t i = 0; i < n; i++) {
        record_put_measure(&rows->measure_in, task->key, task->attempt ? task->attempt->token : 0,
                           measures[i]->name, measures[i]->value, measures[i]->unit, at);
    }
}

static void
take_attempt_ended(struct rows *rows, const Baton__Fact *fact)
{
    const Baton__AttemptEnded *end = fact->attempt_ended;
    struct task_row *task = task_of(rows, end->key);
    struct attempt_row *attempt = attempt_of(rows, task);
    attempt->end = end;
    attempt->ended_at = fact->at;
    if (end->result) {
        take_measures(rows, task, end->result->measures, end->result->n_measures, fact->at);
    }
    take_state(task, end->to, end->reason, end->text, fact->at);
}

static void
take_alerted(struct rows *rows, const Baton__Fact *fact)
{
    struct task_row *task = task_of(rows, fact->alerted->key);
    if (fact->alerted->alert == BATON__ALERT__ALERT_AT_RISK) {
        task->at_risk_at = fact->at;
    } else if (fact->alerted->alert <= BATON__ALERT__ALERT_ESCALATED) {
        task->late_at = fact->at;
    }
}

static void
take_card(struct rows *rows, const Baton__Fact *fact, uint64_t seq)
{
    Baton__Card *card = fact->card_put->card;
    if (!card) {
        return;
    }
    card->number = card->number ? card->number : seq;
    for (size_t i = 0; i < rows->n_cards; i++) {
        if (rows->cards[i]->number == card->number) {
            rows->cards[i] = card;
            return;
        }
    }
    if (rows->n_cards == rows->room_cards) {
        rows->room_cards = rows->room_cards ? rows->room_cards * 2 : 64;
        rows->cards = xreallocarray(rows->cards, rows->room_cards, sizeof *rows->cards);
    }
    rows->cards[rows->n_cards++] = card;
}

static void
take_gone(struct rows *rows, const Baton__Fact *fact)
{
    copy_number(&rows->gone_in, (int64_t)fact->card_gone->number);
    copy_time(&rows->gone_in, fact->at);
    copy_end(&rows->gone_in);
}

static void
take_worker(struct rows *rows, const Baton__Fact *fact, uint64_t seq)
{
    copy_number(&rows->worker, (int64_t)seq);
    copy_text(&rows->worker, fact->worker_named->name);
    copy_end(&rows->worker);
}

/* What is not named here changes no row. */
static bool
take_fact(struct rows *rows, const Baton__Fact *fact, uint64_t seq)
{
    struct task_row *task;
    switch ((int)fact->what_case) {
    case BATON__FACT__WHAT_ADDED:
        return take_added(rows, fact, seq);
    case BATON__FACT__WHAT_RESPECIFIED:
        return take_spec(rows, task_of(rows, fact->respecified->key), &fact->respecified->spec);
    case BATON__FACT__WHAT_LEASED:
        take_leased(rows, fact, seq);
        break;
    case BATON__FACT__WHAT_STARTED:
        attempt_of(rows, task_of(rows, fact->started->key))->started_at = fact->at;
        break;
    case BATON__FACT__WHAT_PROGRESSED:
        take_measures(rows, task_of(rows, fact->progressed->key), fact->progressed->measures,
                      fact->progressed->n_measures, fact->at);
        break;
    case BATON__FACT__WHAT_ATTEMPT_ENDED:
        take_attempt_ended(rows, fact);
        break;
    case BATON__FACT__WHAT_ENDED:
        take_state(task_of(rows, fact->ended->key), fact->ended->to, fact->ended->reason,
                   fact->ended->text, fact->at);
        break;
    case BATON__FACT__WHAT_JUDGED:
        take_state(task_of(rows, fact->judged->key), fact->judged->to, fact->judged->reason,
                   fact->judged->text, fact->at);
        break;
    case BATON__FACT__WHAT_REVIVED:
        task = task_of(rows, fact->revived->key);
        take_state(task, BATON__TASK_STATE__STATE_WAITING, 0, "", 0);
        task->revivals++;
        break;
    case BATON__FACT__WHAT_ALERTED:
        take_alerted(rows, fact);
        break;
    case BATON__FACT__WHAT_WORKER_NAMED:
        take_worker(rows, fact, seq);
        break;
    case BATON__FACT__WHAT_CARD_PUT:
        take_card(rows, fact, seq);
        break;
    case BATON__FACT__WHAT_CARD_GONE:
        take_gone(rows, fact);
        break;
    default:
        break;
    }
    return true;
}

bool
rows_add_facts(struct rows *rows, uint64_t seq, uint32_t n, uint64_t after, const uint8_t *facts,
               size_t bytes)
{
    size_t pos = 0;
    for (uint64_t end = seq + n; seq < end; seq++) {
        uint64_t length;
        if (!varint_read(facts, bytes, &pos, &length) || length > bytes - pos) {
            return false;
        }
        const Baton__Fact *fact = seq > after ? unpack_own(&rows->arena, &baton__fact__descriptor,
                                                           (size_t)length, facts + pos)
                                              : NULL;
        pos += (size_t)length;
        if (seq > after && (!fact || !take_fact(rows, fact, seq))) {
            return false;
        }
    }
    return pos == bytes;
}

/* ---- rows ---- */

static void
put_task(struct rows *rows, const struct task_row *task)
{
    struct buf *out = &rows->task;
    record_put_spec_head(out, task->key, task->spec);
    record_put_spec(out, &rows->json, task->spec);
    copy_number_or_null(out, (int64_t)task->parent);
    copy_text(out, task->actor);
    copy_number_or_null(out, task->spec->estimate_ms);
    copy_time(out, task->spec->deadline);
    copy_time(out, task->created_at);
    record_put_state(out, task->state, task->reason, task->reason_text, task->ended_at);
    copy_time(out, task->at_risk_at);
    copy_time(out, task->late_at);
    copy_number(out, task->revivals);
    copy_end(out);
}

static void
put_task_in(struct rows *rows, const struct task_row *task)
{
    bool changes = task->spec || task->state || task->at_risk_at || task->late_at || task->revivals;
    if (!changes) {
        return; /* only its attempt does */
    }
    struct buf *out = &rows->task_in;
    copy_number(out, (int64_t)task->key);
    copy_bool(out, task->spec != NULL);
    if (task->spec) {
        copy_text_or_null(out, task->spec->role);
        record_put_spec(out, &rows->json, task->spec);
        copy_number_or_null(out, task->spec->estimate_ms);
        copy_time(out, task->spec->deadline);
    } else {
        for (int i = 0; i < 6; i++) {
            copy_null(out);
        }
    }
    if (task->state) {
        record_put_state(out, task->state, task->reason, task->reason_text, task->ended_at);
    } else {
        for (int i = 0; i < 4; i++) {
            copy_null(out);
        }
    }
    copy_time(out, task->at_risk_at);
    copy_time(out, task->late_at);
    copy_number(out, task->revivals);
    copy_end(out);
}

/* The columns of an attempt from started_at on. */
static void
put_attempt_end(struct buf *out, const struct attempt_row *attempt)
{
    copy_time(out, attempt->started_at);
    copy_time(out, attempt->ended_at);
    if (!attempt->end) {
        for (int i = 0; i < 7; i++) {
            copy_null(out);
        }
        copy_end(out);
        return;
    }
    const Baton__Result *result = attempt->end->result;
    copy_text_or_null(out, result ? outcome_name((int)result->outcome) : "");
    copy_bool(out, attempt->end->counted);
    copy_bool(out, attempt->end->lost);
    copy_number(out, result ? result->exit_status : 0);
    const char *summary = result ? result->summary : "";
    copy_text_or_null(out, summary[0] ? summary : attempt->end->text);
    copy_number_or_null(out, result ? result->runtime_ms : 0);
    copy_number_or_null(out, result ? (int64_t)result->output_bytes : 0);
    copy_end(out);
}

static void
put_attempt(struct rows *rows, const struct attempt_row *attempt)
{
    if (attempt->token == 0) {
        copy_number(&rows->attempt_in, (int64_t)attempt->task);
        put_attempt_end(&rows->attempt_in, attempt);
        return;
    }
    struct buf *out = &rows->attempt;
    copy_number(out, (int64_t)attempt->task);
    copy_number(out, (int64_t)attempt->token);
    copy_number(out, (int64_t)attempt->worker);
    copy_time(out, attempt->leased_at);
    copy_number(out, attempt->waited_ms);
    put_attempt_end(out, attempt);
}

void
rows_finish(struct rows *rows)
{
    for (size_t i = 0; i < rows->n_tasks; i++) {
        const struct task_row *task = rows->tasks[i];
        if (task->is_new) {
            put_task(rows, task);
        } else {
            put_task_in(rows, task);
        }
    }
    for (size_t i = 0; i < rows->n_attempts; i++) {
        put_attempt(rows, rows->attempts[i]);
    }
    for (size_t i = 0; i < rows->n_cards; i++) {
        record_put_card(&rows->card_in, &rows->json, rows->cards[i], 0);
    }
}
