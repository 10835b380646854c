/* A task's record keeps all that a task has: what is restored from one is packed as it was, and no
 * field of it is forgotten on the way. (That the bytes are protobuf-c's, the simulation compares; a
 * field that is left out it can't see.) */
#include "broker/core/core.h"
#include "common/alloc.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

enum { WORKER = 7 };

static char *
text(const char *s)
{
    return (char *)(uintptr_t)s;
}

/* Each plain number gets one of its own, so that no two can be mistaken for each other. */
static void
fill_numbers(Baton__TaskRecord *record)
{
    const ProtobufCMessageDescriptor *type = &baton__task_record__descriptor;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        void *at = (char *)record + field->offset;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            continue;
        }
        if (field->type == PROTOBUF_C_TYPE_BOOL) {
            *(protobuf_c_boolean *)at = 1;
        } else if (field->type == PROTOBUF_C_TYPE_UINT32) {
            *(uint32_t *)at = 20 + i;
        } else if (field->type == PROTOBUF_C_TYPE_UINT64 || field->type == PROTOBUF_C_TYPE_INT64) {
            *(uint64_t *)at = 20 + i;
        } /* those that have rules are given below */
    }
}

/* The record of the only task behind a snapshot of a core that was given this one. */
static Baton__SnapshotChunk *
through_a_core(Baton__TaskRecord *record)
{
    Baton__SnapshotChunk__WorkerName worker = BATON__SNAPSHOT_CHUNK__WORKER_NAME__INIT;
    Baton__SnapshotChunk__WorkerName *workers[] = {&worker};
    worker.number = WORKER;
    worker.name = text("w");
    Baton__SnapshotChunk__Header header = BATON__SNAPSHOT_CHUNK__HEADER__INIT;
    header.seq = header.at = 1000;
    header.workers = workers;
    header.n_workers = 1;
    Baton__SnapshotChunk chunk = BATON__SNAPSHOT_CHUNK__INIT;
    chunk.header = &header;
    chunk.tasks = &record;
    chunk.n_tasks = 1;
    size_t bytes = baton__snapshot_chunk__get_packed_size(&chunk);
    uint8_t *packed = xmalloc(bytes);
    baton__snapshot_chunk__pack(&chunk, packed);
    struct core *core = core_new(&(struct core_config){0});
    assert_true(core_restore_chunk(core, packed, bytes));
    free(packed);
    core_snapshot_begin(core);
    Baton__SnapshotChunk *found = NULL;
    struct buf out = {0};
    for (bool more = true; more;) {
        more = core_snapshot_step(core, 10, &out);
        Baton__SnapshotChunk *read = baton__snapshot_chunk__unpack(NULL, out.bytes, out.data);
        assert_non_null(read);
        if (read->n_tasks) {
            assert_null(found);
            found = read;
        } else {
            baton__snapshot_chunk__free_unpacked(read, NULL);
        }
    }
    buf_fini(&out);
    core_free(core);
    assert_non_null(found);
    return found;
}

static void
check_kept(Baton__TaskRecord *record)
{
    Baton__SnapshotChunk *found = through_a_core(record);
    size_t bytes = baton__task_record__get_packed_size(record);
    uint8_t *given = xmalloc(bytes), *kept = xmalloc(bytes);
    assert_int_equal(baton__task_record__get_packed_size(found->tasks[0]), bytes);
    baton__task_record__pack(record, given);
    baton__task_record__pack(found->tasks[0], kept);
    assert_memory_equal(kept, given, bytes);
    free(given);
    free(kept);
    baton__snapshot_chunk__free_unpacked(found, NULL);
}

static bool
is_said(const Baton__TaskRecord *record, const ProtobufCFieldDescriptor *field)
{
    static const uint8_t zeros[16];
    const char *at = (const char *)record + field->offset;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return *(const size_t *)(const void *)((const char *)record + field->quantifier_offset);
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        return (*(char *const *)(const void *)at)[0];
    }
    bool is_word = field->type == PROTOBUF_C_TYPE_UINT32 || field->type == PROTOBUF_C_TYPE_ENUM ||
                   field->type == PROTOBUF_C_TYPE_BOOL;
    return memcmp(at, zeros, is_word ? 4 : 8) != 0;
}

static void
test_nothing_of_a_record_is_lost(void **state)
{
    (void)state;
    Baton__Spec spec = BATON__SPEC__INIT;
    spec.id = text("a");
    spec.project = text("default");
    spec.role = text("infra");
    uint8_t packed[64];
    Baton__Result result = BATON__RESULT__INIT;
    result.outcome = BATON__OUTCOME__OUTCOME_FAILED;
    result.summary = text("no");
    Baton__AttemptRecord attempt = BATON__ATTEMPT_RECORD__INIT, *attempts[] = {&attempt};
    attempt.number = 1;
    attempt.token = 5;
    attempt.worker = WORKER;
    attempt.started_at = 2;
    attempt.ended_at = 3;
    attempt.outcome = BATON__OUTCOME__OUTCOME_FAILED;
    attempt.summary = text("s");
    attempt.exit_status = -9;
    Baton__OrphanRecord orphan = BATON__ORPHAN_RECORD__INIT, *orphans[] = {&orphan};
    orphan.token = 4;
    orphan.at = 6;
    Baton__TaskMeasure measure = BATON__TASK_MEASURE__INIT, *measures[] = {&measure};
    measure.name = text("tokens");
    measure.value = 2;
    measure.said = true;
    Baton__Claim claim = BATON__CLAIM__INIT, *taken[] = {&claim};
    claim.name = text("db");
    claim.amount = 1;

    Baton__TaskRecord running = BATON__TASK_RECORD__INIT;
    fill_numbers(&running);
    running.spec = (ProtobufCBinaryData){.data = packed, .len = baton__spec__pack(&spec, packed)};
    running.state = BATON__TASK_STATE__STATE_RUNNING;
    running.reason = BATON__REASON__REASON_PREEMPTED;
    running.worker = WORKER;
    running.reason_text = text("r");
    running.progress_text = text("p");
    running.actor = text("ann");
    running.note = text("n");
    running.result = &result;
    running.attempts = attempts;
    running.orphans = orphans;
    running.measures = measures;
    running.taken = taken;
    running.n_attempts = running.n_orphans = running.n_measures = running.n_taken = 1;
    check_kept(&running);

    Baton__TaskRecord parked = running;
    parked.state = BATON__TASK_STATE__STATE_PARKED;
    parked.waits_for = text("decision:x");
    parked.lease_ms = parked.sessionless = parked.stalled = 0; /* what runs has these */
    check_kept(&parked);

    /* All that there are, but those that only the archive and budgets have. */
    const ProtobufCMessageDescriptor *type = &baton__task_record__descriptor;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        if (strcmp(field->name, "worker_name") != 0 && strcmp(field->name, "holds") != 0 &&
            !is_said(&running, field) && !is_said(&parked, field)) {
            fail_msg("%s is not tried here", field->name);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_of_a_record_is_lost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
