/* Tasks of a snapshot that say little, and facts that add such tasks, are read by hand: what comes
 * of it is what protobuf-c makes of the same bytes, and what protobuf-c refuses is refused,
 * whatever becomes of the bytes. */
#include "broker/core/piece.h"
#include "common/alloc.h"
#include "common/rng.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

enum { TASKS_MAX_HERE = 8 };

static char *
text(const char *s)
{
    return (char *)(uintptr_t)s;
}

static char *
one_of(struct rng *rng, const char *a, const char *b, const char *c)
{
    const char *all[] = {a, b, c};
    return text(all[rng_below(rng, 3)]);
}

/* Most say what a task in a queue says; some say more. */
static void
describe(struct rng *rng, Baton__Spec *spec, struct buf *packed)
{
    static char make[] = "make", check[] = "check", *command[] = {make, check};
    static uint8_t payload[] = {0, 1, 0x80, 0xff};
    baton__spec__init(spec);
    spec->id = one_of(rng, "a", "t-1234567", "x/y");
    spec->project = one_of(rng, "default", "p", "default");
    spec->role = one_of(rng, "backend", "infra", "backend");
    spec->title = one_of(rng, "", "A title", "");
    spec->priority = (Baton__Priority)rng_below(rng, 5);
    spec->prompt = one_of(rng, "", "do it", "");
    if (rng_below(rng, 2)) {
        spec->payload = (ProtobufCBinaryData){.data = payload, .len = sizeof payload};
        spec->command = command;
        spec->n_command = 2;
    }
    switch (rng_below(rng, 12)) {
    case 0:
        spec->deadline = 1;
        break;
    case 1:
        spec->unique_key = text("u");
        break;
    case 2:
        spec->milestone = true;
        spec->role = text("");
        break;
    case 3:
        spec->max_attempts = 2;
        break;
    default:
        break;
    }
    buf_clear(packed);
    baton__spec__pack(spec, buf_reserve(packed, baton__spec__get_packed_size(spec)));
}

static void
record(struct rng *rng, const Baton__Spec *spec, const struct buf *packed, Baton__TaskRecord *ret)
{
    (void)spec;
    baton__task_record__init(ret);
    ret->key = rng_next(rng) >> rng_below(rng, 60) | 1;
    ret->spec = (ProtobufCBinaryData){.data = packed->data,
                                      .len = baton__spec__get_packed_size(spec)};
    ret->state = (Baton__TaskState)(rng_below(rng, 8) ? 1 + rng_below(rng, 2) : rng_below(rng, 13));
    ret->reason = (Baton__Reason)rng_below(rng, 20);
    ret->created_at = (int64_t)rng_below(rng, 1000000);
    ret->anchor = (int64_t)rng_below(rng, 3) - 1;
    ret->ready_at = (int64_t)rng_next(rng);
    ret->actor = one_of(rng, "", "root@vm", "someone");
    if (rng_below(rng, 12) == 0) {
        ret->next_at = 7;
    }
    if (rng_below(rng, 12) == 0) {
        ret->held = true;
    }
}

/* A few tasks, a tombstone among them. */
static void
chunk_make(struct rng *rng, struct buf *ret)
{
    Baton__SnapshotChunk chunk = BATON__SNAPSHOT_CHUNK__INIT;
    Baton__Spec specs[TASKS_MAX_HERE];
    struct buf packed[TASKS_MAX_HERE] = {0};
    Baton__TaskRecord records[TASKS_MAX_HERE], *tasks[TASKS_MAX_HERE];
    size_t n = 1 + rng_below(rng, TASKS_MAX_HERE);
    for (size_t i = 0; i < n; i++) {
        describe(rng, &specs[i], &packed[i]);
        record(rng, &specs[i], &packed[i], &records[i]);
        tasks[i] = &records[i];
    }
    Baton__SnapshotChunk__Tombstone tombstone = BATON__SNAPSHOT_CHUNK__TOMBSTONE__INIT;
    Baton__SnapshotChunk__Tombstone *tombstones[] = {&tombstone};
    tombstone.key = 5;
    chunk.tasks = tasks;
    chunk.n_tasks = n;
    chunk.tombstones = tombstones;
    chunk.n_tombstones = rng_below(rng, 2);
    buf_clear(ret);
    size_t bytes = baton__snapshot_chunk__get_packed_size(&chunk);
    ret->bytes = baton__snapshot_chunk__pack(&chunk, buf_reserve(ret, bytes));
    for (size_t i = 0; i < n; i++) {
        buf_fini(&packed[i]);
    }
}

static void
compare_task(const struct piece_task *task, const Baton__TaskRecord *r)
{
    Baton__Spec *spec = baton__spec__unpack(NULL, r->spec.len, r->spec.data);
    assert_non_null(spec);
    assert_string_equal(task->id, spec->id);
    assert_string_equal(task->project, spec->project);
    assert_string_equal(task->actor, r->actor);
    assert_int_equal(task->spec_bytes, r->spec.len);
    assert_memory_equal(task->spec, r->spec.data, r->spec.len);
    assert_int_equal(task->key, r->key);
    assert_int_equal(task->created_at, r->created_at);
    assert_int_equal(task->anchor, r->anchor);
    assert_int_equal(task->ready_at, r->ready_at);
    assert_int_equal(task->state, r->state);
    assert_int_equal(task->reason, (uint8_t)r->reason);
    if (!task->record) {
        /* It says nothing but this: packed again, it is as long. */
        Baton__TaskRecord all = BATON__TASK_RECORD__INIT;
        all.key = r->key;
        all.spec = r->spec;
        all.state = r->state;
        all.reason = r->reason;
        all.created_at = r->created_at;
        all.anchor = r->anchor;
        all.ready_at = r->ready_at;
        all.actor = r->actor;
        assert_int_equal(baton__task_record__get_packed_size(&all),
                         baton__task_record__get_packed_size(r));
        int role = spec->role[0] ? role_number(spec->role) : ROLES_N;
        assert_int_equal(task->role, role);
        assert_int_equal(task->priority, (uint8_t)spec->priority);
        spec->id = spec->project = spec->role = spec->title = spec->prompt = text("");
        spec->workdir = text("");
        spec->priority = (Baton__Priority)0;
        spec->n_command = spec->n_env = spec->n_check = 0;
        spec->payload.len = 0;
        assert_int_equal(baton__spec__get_packed_size(spec), 0);
    }
}

/* Returns whether it was taken. */
static bool
compare(struct core_piece *piece, const struct buf *chunk, size_t *n_plain)
{
    bool ok = core_piece_read_chunk(piece, chunk->data, chunk->bytes);
    Baton__SnapshotChunk *whole = baton__snapshot_chunk__unpack(NULL, chunk->bytes, chunk->data);
    if (ok) {
        assert_non_null(whole);
        assert_int_equal(piece->n_tasks, whole->n_tasks);
        assert_int_equal(piece->chunk->n_tombstones, whole->n_tombstones);
        for (size_t i = 0; i < whole->n_tasks; i++) {
            compare_task(&piece->tasks[i], whole->tasks[i]);
            *n_plain += !piece->tasks[i].record;
        }
    }
    if (whole) {
        baton__snapshot_chunk__free_unpacked(whole, NULL);
    }
    return ok;
}

static void
test_by_hand_is_as_by_protobuf(void **state)
{
    (void)state;
    struct rng rng = {.state = 1};
    struct core_piece piece;
    struct buf chunk = {0};
    size_t n_plain = 0, n_taken = 0;
    piece_init(&piece, 0);
    for (int i = 0; i < 2000; i++) {
        chunk_make(&rng, &chunk);
        n_taken += compare(&piece, &chunk, &n_plain);
    }
    assert_true(n_plain > 2000);
    assert_true(n_taken > 500);
    buf_fini(&chunk);
    piece_fini(&piece);
}

static void
test_spoiled_bytes_too(void **state)
{
    (void)state;
    struct rng rng = {.state = 2};
    struct core_piece piece;
    struct buf chunk = {0};
    size_t n_plain = 0, n_taken = 0;
    piece_init(&piece, 0);
    for (int i = 0; i < 20000; i++) {
        chunk_make(&rng, &chunk);
        for (uint64_t n = 1 + rng_below(&rng, 3); n > 0; n--) {
            chunk.data[rng_below(&rng, chunk.bytes)] = (uint8_t)rng_next(&rng);
        }
        chunk.bytes -= rng_below(&rng, 4) ? 0 : rng_below(&rng, chunk.bytes);
        n_taken += compare(&piece, &chunk, &n_plain);
    }
    assert_true(n_plain > 2000);
    assert_true(n_taken > 500 && n_taken < 19000);
    buf_fini(&chunk);
    piece_fini(&piece);
}

/* Facts as the journal has them, most of which add tasks that say little. */
static uint32_t
facts_make(struct rng *rng, struct buf *ret)
{
    buf_clear(ret);
    struct buf packed = {0};
    uint32_t n = 1 + (uint32_t)rng_below(rng, TASKS_MAX_HERE);
    for (uint32_t i = 0; i < n; i++) {
        Baton__Spec spec;
        describe(rng, &spec, &packed);
        Baton__Added added = BATON__ADDED__INIT;
        added.spec = (ProtobufCBinaryData){.data = packed.data,
                                           .len = baton__spec__get_packed_size(&spec)};
        added.parent = rng_below(rng, 6) ? 0 : rng_next(rng);
        added.depth = rng_below(rng, 6) ? 0 : 3;
        Baton__Started started = BATON__STARTED__INIT;
        started.key = rng_next(rng);
        Baton__Fact fact = BATON__FACT__INIT;
        fact.at = (int64_t)rng_below(rng, 2000000000);
        fact.actor = one_of(rng, "", "root@vm", "root@vm");
        if (rng_below(rng, 6)) {
            fact.what_case = BATON__FACT__WHAT_ADDED;
            fact.added = &added;
        } else {
            fact.what_case = BATON__FACT__WHAT_STARTED;
            fact.started = &started;
        }
        size_t bytes = baton__fact__get_packed_size(&fact);
        buf_add_varint(ret, bytes);
        ret->bytes += baton__fact__pack(&fact, buf_reserve(ret, bytes));
    }
    buf_fini(&packed);
    return n;
}

/* Descriptions are compared but for what is not read of them. */
static void
compare_added(const Baton__Spec *spec, const ProtobufCBinaryData *packed)
{
    Baton__Spec *whole = baton__spec__unpack(NULL, packed->len, packed->data);
    assert_non_null(whole);
    assert_string_equal(spec->id, whole->id);
    assert_string_equal(spec->project, whole->project);
    assert_string_equal(spec->role, whole->role);
    assert_string_equal(spec->title, whole->title);
    assert_int_equal(spec->priority, whole->priority);
    assert_int_equal(spec->deadline, whole->deadline);
    assert_string_equal(spec->unique_key, whole->unique_key);
    assert_int_equal(spec->milestone, whole->milestone);
    assert_int_equal(spec->max_attempts, whole->max_attempts);
    baton__spec__free_unpacked(whole, NULL);
}

static void
compare_fact(const Baton__Fact *fact, const Baton__Spec *spec, const uint8_t *data, size_t bytes)
{
    Baton__Fact *whole = baton__fact__unpack(NULL, bytes, data);
    assert_non_null(whole);
    assert_int_equal(fact->at, whole->at);
    assert_string_equal(fact->actor, whole->actor);
    assert_int_equal(fact->what_case, whole->what_case);
    assert_int_equal(spec != NULL, fact->what_case == BATON__FACT__WHAT_ADDED);
    if (spec) {
        assert_int_equal(fact->added->parent, whole->added->parent);
        assert_int_equal(fact->added->depth, whole->added->depth);
        assert_int_equal(fact->added->spec.len, whole->added->spec.len);
        assert_memory_equal(fact->added->spec.data, whole->added->spec.data,
                            whole->added->spec.len);
        compare_added(spec, &whole->added->spec);
    }
    baton__fact__free_unpacked(whole, NULL);
}

/* Of facts that may be spoiled; counts those that were read by hand. */
static bool
compare_facts(struct core_piece *piece, uint32_t n, const struct buf *facts, size_t *n_plain)
{
    if (!core_piece_read_facts(piece, n, facts->data, facts->bytes)) {
        return false;
    }
    assert_int_equal(piece->n_facts, n);
    size_t pos = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t bytes;
        assert_true(varint_read(facts->data, facts->bytes, &pos, &bytes));
        compare_fact(piece->facts[i], piece->added[i].spec, facts->data + pos, bytes);
        /* One that was unpacked has its own copy. */
        *n_plain += piece->added[i].spec && piece->facts[i]->added->spec.data > facts->data &&
                    piece->facts[i]->added->spec.data < facts->data + facts->bytes;
        pos += bytes;
    }
    return true;
}

static void
test_facts_too(void **state)
{
    (void)state;
    struct rng rng = {.state = 3};
    struct core_piece piece;
    struct buf facts = {0};
    size_t n_plain = 0, n_taken = 0;
    piece_init(&piece, 0);
    for (int i = 0; i < 2000; i++) {
        uint32_t n = facts_make(&rng, &facts);
        assert_true(compare_facts(&piece, n, &facts, &n_plain));
    }
    assert_true(n_plain > 2000);
    for (int i = 0; i < 20000; i++) {
        uint32_t n = facts_make(&rng, &facts);
        for (uint64_t k = 1 + rng_below(&rng, 3); k > 0; k--) {
            facts.data[rng_below(&rng, facts.bytes)] = (uint8_t)rng_next(&rng);
        }
        facts.bytes -= rng_below(&rng, 4) ? 0 : rng_below(&rng, facts.bytes);
        n_taken += compare_facts(&piece, n, &facts, &n_plain);
    }
    assert_true(n_taken > 500 && n_taken < 19000);
    buf_fini(&facts);
    piece_fini(&piece);
}

/* A description is read again later, by who takes no length of more than five bytes. */
static void
test_long_length_is_refused(void **state)
{
    (void)state;
    /* A chunk of one task: its id, project, and a title without bytes. */
    static const uint8_t five[] = {0x12, 18,  8,    1,    0x12, 12,   0x0a, 1, 'a',  0x12,
                                   1,    'p', 0x22, 0x80, 0x80, 0x80, 0x80, 0, 0x18, 2};
    static const uint8_t six[] = {0x12, 19,   8,    1,    0x12, 13,   0x0a, 1, 'a',  0x12, 1,
                                  'p',  0x22, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0x18, 2};
    struct core_piece piece;
    piece_init(&piece, 0);
    assert_true(core_piece_read_chunk(&piece, five, sizeof five));
    assert_false(core_piece_read_chunk(&piece, six, sizeof six));
    piece_fini(&piece);
}

/* What the task before had is looked for in full, and not beyond it. */
static void
test_more_than_the_one_before(void **state)
{
    (void)state;
    /* Two tasks of the same place; the second has an actor behind the same state. */
    static const uint8_t tasks[] = {
        0x12, 14, 8,    1, 0x12, 8, 0x0a, 1,    'a', 0x12, 1,    'p', 0x28, 2, 0x18, 2, 0x12, 18,
        8,    2,  0x12, 8, 0x0a, 1, 'b',  0x12, 1,   'p',  0x28, 2,   0x18, 2, 0xfa, 1, 1,    'x'};
    /* Something that counts behind what is added: another time. */
    static const uint8_t fact[] = {14, 8, 1, 0x5a, 8, 0x0a, 6, 0x0a, 1, 'a', 0x12, 1, 'p', 8, 2};
    struct core_piece piece;
    piece_init(&piece, 0);
    assert_true(core_piece_read_chunk(&piece, tasks, sizeof tasks));
    assert_int_equal(piece.n_tasks, 2);
    assert_string_equal(piece.tasks[0].actor, "");
    assert_string_equal(piece.tasks[1].actor, "x");
    assert_string_equal(piece.tasks[1].project, "p");
    assert_int_equal(piece.tasks[1].priority, 2);
    assert_true(core_piece_read_facts(&piece, 1, fact, sizeof fact));
    assert_int_equal(piece.facts[0]->at, 2);
    assert_string_equal(piece.added[0].spec->id, "a");
    piece_fini(&piece);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand_is_as_by_protobuf),
        cmocka_unit_test(test_spoiled_bytes_too),
        cmocka_unit_test(test_facts_too),
        cmocka_unit_test(test_more_than_the_one_before),
        cmocka_unit_test(test_long_length_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
