#include "tests/fuzz/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TICKS_MAX = 1000 };

struct core *
world_new_core(void)
{
    /* Few of everything, so that a short input gets to the limits. */
    static const struct core_config config = {
        .hot_ended_max = 3, .hash_seed = 1, .answers_max = 8, .tasks_max = 200};
    return core_new(&config);
}

struct core_request *
world_request(struct world *world)
{
    world->request.seed++;
    world->request.error = (Baton__Error)BATON__ERROR__INIT;
    return &world->request;
}

/* ---- the tasks that are there from the beginning ---- */

static Baton__Spec *
spec(struct world *world, const char *id, const char *role, const char *after)
{
    Baton__Spec *spec = arena_alloc(&world->arena, sizeof *spec);
    baton__spec__init(spec);
    spec->id = arena_strdup(&world->arena, id);
    spec->role = arena_strdup(&world->arena, role);
    spec->milestone = !*role;
    if (after) {
        Baton__Edge *edge = arena_alloc(&world->arena, sizeof *edge);
        baton__edge__init(edge);
        edge->id = arena_strdup(&world->arena, after);
        spec->after = arena_memdup(&world->arena, &edge, sizeof edge);
        spec->n_after = 1;
    }
    return spec;
}

static void
claim(struct world *world, Baton__Spec *spec, const char *name)
{
    Baton__Claim *claim = arena_alloc(&world->arena, sizeof *claim);
    baton__claim__init(claim);
    claim->name = arena_strdup(&world->arena, name);
    claim->amount = 1;
    spec->claims = arena_memdup(&world->arena, &claim, sizeof claim);
    spec->n_claims = 1;
}

static uint64_t
lease(struct world *world, const char *role)
{
    struct core_request *request = world_request(world);
    Baton__Assign assign = BATON__ASSIGN__INIT;
    struct core_dispatch dispatch = {.worker = core_worker(world->core, request, "w"),
                                     .roles = 1u << role_number(role),
                                     .max = 1};
    CHECK(core_dispatch(world->core, request, &dispatch, &assign) == BATON__CODE__CODE_OK);
    CHECK(assign.n_tasks == 1);
    return assign.tasks[0]->token;
}

static void
report(struct world *world, Baton__Line *line, Baton__Outcome outcome)
{
    Baton__Result result = BATON__RESULT__INIT;
    Baton__LineReply reply = BATON__LINE_REPLY__INIT;
    if (outcome == BATON__OUTCOME__OUTCOME_UNSPECIFIED) {
        line->what_case = BATON__LINE__WHAT_STARTED;
        line->started = true;
    } else {
        result.outcome = outcome;
        line->what_case = BATON__LINE__WHAT_RESULT;
        line->result = &result;
    }
    core_report_line(world->core, world_request(world), 0, line, &reply);
    CHECK(reply.code == BATON__CODE__CODE_OK);
}

static void
add_tasks(struct world *world)
{
    Baton__Spec *specs[] = {
        spec(world, "done", "backend", NULL),       spec(world, "running", "frontend", NULL),
        spec(world, "leased", "infra", NULL),       spec(world, "ready", "backend", "done"),
        spec(world, "next", "testing", "running"),  spec(world, "forward", "testing", "nobody"),
        spec(world, "milestone", "", "next"),       spec(world, "failed", "realtime", NULL),
        spec(world, "behind", "realtime", "failed")};
    claim(world, specs[1], "port");
    claim(world, specs[3], "port");
    specs[7]->max_attempts = 1;
    Baton__Submit submit = BATON__SUBMIT__INIT;
    submit.tasks = specs;
    submit.n_tasks = ARRAY_LEN(specs);
    Baton__Submitted submitted = BATON__SUBMITTED__INIT;
    Baton__Code code = core_submit(world->core, world_request(world), &submit, &submitted);
    CHECK(code == BATON__CODE__CODE_OK && submitted.created == ARRAY_LEN(specs));
}

void
world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    world->core = world_new_core();
    arena_init(&world->arena);
    world->request = (struct core_request){
        .now = 1000, .actor = "ann", .arena = &world->arena, .out = &world->out};
    core_begin_epoch(world->core, world_request(world), 1, "fuzz");
    add_tasks(world);
    Baton__Line line = BATON__LINE__INIT;
    line.token = lease(world, "backend");
    report(world, &line, BATON__OUTCOME__OUTCOME_DONE);
    line.token = lease(world, "realtime");
    report(world, &line, BATON__OUTCOME__OUTCOME_FAILED);
    line.token = lease(world, "frontend");
    report(world, &line, BATON__OUTCOME__OUTCOME_UNSPECIFIED);
    (void)lease(world, "infra");
    world_step_end(world);
}

void
world_fini(struct world *world)
{
    buf_fini(&world->journal);
    buf_fini(&world->snapshot);
    core_out_fini(&world->out);
    arena_fini(&world->arena);
    core_free(world->core);
}

/* ---- steps ---- */

static void
check_events(const struct world *world)
{
    const struct buf *events = &world->out.events;
    struct buf packed = {0};
    size_t pos = 0;
    for (uint32_t i = 0; i < world->out.n_events; i++) {
        uint64_t number = world->out.first_event + i;
        uint64_t length;
        size_t begin = 0;
        buf_clear(&packed);
        core_event_next(world->core, events->data, &pos, number, &packed);
        CHECK(varint_read(packed.data, packed.bytes, &begin, &length));
        CHECK(length == packed.bytes - begin);
        Baton__Event *event = baton__event__unpack(
            (ProtobufCAllocator *)(uintptr_t)&world->arena.pb, length, packed.data + begin);
        CHECK(event && event->number == number);
    }
    CHECK(pos == events->bytes);
    buf_fini(&packed);
}

static void
check_records(struct world *world)
{
    for (size_t i = 0; i < world->out.n_puts; i++) {
        const struct core_put *put = &world->out.puts[i];
        const uint8_t *record = world->out.records.data + put->at;
        Baton__TaskView view = BATON__TASK_VIEW__INIT;
        CHECK(put->is_card
                  ? core_card_record(&world->arena, record, put->bytes) != NULL
                  : core_view_record(world->core, &world->arena, record, put->bytes, &view));
    }
}

void
world_step_end(struct world *world)
{
    CHECK(world->out.n_facts == 0 || world->out.first_seq == world->n_facts + 1);
    buf_add(&world->journal, world->out.facts.data, world->out.facts.bytes);
    world->n_facts += world->out.n_facts;
    check_events(world);
    check_records(world);
    core_out_clear(&world->out);
    arena_reset(&world->arena);
}

void
world_pass(struct world *world, int64_t ms)
{
    world->request.now += ms;
    for (int i = 0; i < TICKS_MAX && core_next_at(world->core) <= world->request.now; i++) {
        core_tick(world->core, world_request(world));
        world_step_end(world);
    }
}

void
world_snapshot(struct world *world)
{
    struct buf chunk = {0};
    buf_clear(&world->snapshot);
    core_snapshot_begin(world->core);
    world->snapshot_seq = core_snapshot_seq(world->core);
    for (bool more = true; more;) {
        more = core_snapshot_step(world->core, 2, &chunk);
        buf_add_varint(&world->snapshot, chunk.bytes);
        buf_add(&world->snapshot, chunk.data, chunk.bytes);
    }
    buf_fini(&chunk);
}

/* ---- the end ---- */

static void
check_core(struct core *core)
{
    char error[256];
    if (!core_recovered(core, error, sizeof error)) {
        fprintf(stderr, "fuzz: %s\n", error);
        abort();
    }
    if (!core_is_indexed(core)) {
        fprintf(stderr, "fuzz: a task is not found by its key or its name\n");
        abort();
    }
}

static void
check_again(struct world *world, bool with_snapshot, uint64_t digest)
{
    struct core *core = world_new_core();
    size_t pos = 0;
    while (with_snapshot && pos < world->snapshot.bytes) {
        uint64_t length;
        CHECK(varint_read(world->snapshot.data, world->snapshot.bytes, &pos, &length));
        CHECK(core_restore_chunk(core, world->snapshot.data + pos, length));
        pos += length;
    }
    CHECK(core_replay(core, 1, world->n_facts, world->journal.data, world->journal.bytes, NULL));
    check_core(core);
    CHECK(core_digest(core) == digest);
    core_free(core);
}

void
world_check(struct world *world)
{
    check_core(world->core);
    uint64_t digest = core_digest(world->core);
    check_again(world, false, digest);
    if (world->snapshot.bytes > 0) {
        check_again(world, true, digest);
    }
}
