/* What comes over the wire, against the broker's own unpacking and a real core: frames of any
 * content, one after the other, with time, lost workers and snapshots in between. Nothing may
 * crash, every invariant of the core holds in the end, every answer can be packed, and a core
 * recovered from the facts is the same core.
 *
 * Input: steps of one byte (what) and what it needs. The edges' own checks (sessions, credit) are
 * not here: they need sockets; tests/system sends them bad frames. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"

#include "broker/front/wire.h"
#include "common/alloc.h"
#include "common/limits.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 64 };

/* ---- operations, as broker/front's handlers hand them to the core ---- */

static void
do_take(struct world *world, const Baton__Take *take)
{
    uint32_t roles = 0;
    for (size_t i = 0; i < take->n_roles; i++) {
        int role = role_number(take->roles[i]);
        roles |= role >= 0 ? 1u << role : 0;
    }
    if (take->lease_ms < 0 || take->lease_ms > DURATION_MS_MAX) {
        return;
    }
    uint32_t worker = core_worker(world->core, world_request(world),
                                  take->worker[0] ? take->worker : "taker");
    if (worker == 0) {
        CHECK(world->request.error.code != BATON__CODE__CODE_OK);
        return;
    }
    struct core_dispatch dispatch = {
        .worker = worker,
        .roles = take->n_roles > 0 ? roles : (1u << ROLES_N) - 1,
        .max = take->max ? take->max : 1,
        .lease_ms = take->lease_ms,
        .sessionless = true,
        .projects = (const char *const *)take->projects,
        .n_projects = take->n_projects,
        .task = take->task,
    };
    Baton__Assign assign = BATON__ASSIGN__INIT;
    (void)!core_dispatch(world->core, world_request(world), &dispatch, &assign);
    CHECK(protobuf_c_message_check(&assign.base));
}

static void
do_report(struct world *world, const Baton__Report *report)
{
    for (size_t i = 0; i < report->n_lines; i++) {
        Baton__LineReply reply = BATON__LINE_REPLY__INIT;
        core_report_line(world->core, world_request(world), 0, report->lines[i], &reply);
        CHECK(protobuf_c_message_check(&reply.base));
    }
}

/* A worker's session under this name, which announces what it holds. */
static void
do_hello(struct world *world, const Baton__Hello *hello)
{
    uint32_t worker = core_worker(world->core, world_request(world), hello->worker);
    if (worker == 0) {
        return;
    }
    uint64_t *lost;
    size_t n_lost;
    core_worker_back(world->core, world_request(world), worker,
                     (const Baton__Held *const *)hello->held, hello->n_held, &lost, &n_lost);
    CHECK(n_lost <= hello->n_held);
    for (int role = 0; role < ROLES_N; role++) {
        core_set_capacity(world->core, role, 1, hello->slots, hello->slots);
    }
}

static Baton__Code
do_change(struct world *world, const Baton__ToBroker *message, Baton__FromBroker *reply)
{
    struct core *core = world->core;
    struct core_request *request = world_request(world);
    switch ((int)message->op_case) {
    case BATON__TO_BROKER__OP_SUBMIT:
        reply->submitted = arena_calloc(&world->arena, 1, sizeof *reply->submitted);
        baton__submitted__init(reply->submitted);
        reply->op_case = BATON__FROM_BROKER__OP_SUBMITTED;
        return core_submit(core, request, message->submit, reply->submitted);
    case BATON__TO_BROKER__OP_CHANGE:
        reply->changed = arena_calloc(&world->arena, 1, sizeof *reply->changed);
        baton__changed__init(reply->changed);
        reply->op_case = BATON__FROM_BROKER__OP_CHANGED;
        return core_change(core, request, message->change, reply->changed);
    case BATON__TO_BROKER__OP_PAUSE:
        reply->done = arena_calloc(&world->arena, 1, sizeof *reply->done);
        baton__done__init(reply->done);
        reply->op_case = BATON__FROM_BROKER__OP_DONE;
        return core_pause(core, request, message->pause, reply->done);
    case BATON__TO_BROKER__OP_PROJECT:
        reply->project = arena_calloc(&world->arena, 1, sizeof *reply->project);
        baton__project_reply__init(reply->project);
        reply->op_case = BATON__FROM_BROKER__OP_PROJECT;
        return core_project(core, request, message->project, reply->project);
    default:
        reply->resources = arena_calloc(&world->arena, 1, sizeof *reply->resources);
        baton__resource_list__init(reply->resources);
        reply->op_case = BATON__FROM_BROKER__OP_RESOURCES;
        return core_resources(core, request, message->resources, reply->resources);
    }
}

/* With its number: done once, and the same answer again. */
static void
do_numbered(struct world *world, const Baton__ToBroker *message, uint64_t digest)
{
    bool is_numbered = message->client[0] && message->number &&
                       strlen(message->client) <= CLIENT_BYTES_MAX;
    const uint8_t *replayed;
    size_t n;
    if (is_numbered && core_recall(world->core, message->client, message->number, digest, &replayed,
                                   &n) != CORE_NEW) {
        return;
    }
    Baton__FromBroker reply = BATON__FROM_BROKER__INIT;
    uint64_t seq = core_seq(world->core);
    Baton__Code code = do_change(world, message, &reply);
    CHECK(code == world->request.error.code || code == BATON__CODE__CODE_OK);
    if (code != BATON__CODE__CODE_OK) {
        CHECK(core_seq(world->core) == seq); /* refused means unchanged */
        reply = (Baton__FromBroker)BATON__FROM_BROKER__INIT;
        reply.error = &world->request.error;
    }
    CHECK(protobuf_c_message_check(&reply.base));
    size_t bytes = baton__from_broker__get_packed_size(&reply);
    uint8_t *packed = arena_alloc(&world->arena, bytes + 1);
    CHECK(baton__from_broker__pack(&reply, packed) == bytes);
    if (is_numbered) {
        core_remember(world->core, world_request(world), message->client, message->number,
                      message->acked, digest, packed, bytes);
        CHECK(core_recall(world->core, message->client, message->number, digest, &replayed, &n) ==
              CORE_REPLAYED);
        CHECK(n == bytes && memcmp(replayed, packed, n) == 0);
    }
}

static void
do_question(struct world *world, const Baton__ToBroker *message)
{
    struct core_request *request = world_request(world);
    uint64_t seq = core_seq(world->core);
    uint64_t archived_key;
    Baton__TaskView view = BATON__TASK_VIEW__INIT;
    Baton__Listed listed = BATON__LISTED__INIT;
    Baton__Explained explained = BATON__EXPLAINED__INIT;
    Baton__StatusReply status = BATON__STATUS_REPLY__INIT;
    if (message->op_case == BATON__TO_BROKER__OP_GET && message->get->task) {
        (void)!core_get(world->core, request, message->get->task, &view, &archived_key);
    } else if (message->op_case == BATON__TO_BROKER__OP_WHY && message->why->task) {
        (void)!core_why(world->core, request, message->why->task, &explained, &archived_key);
    } else if (message->op_case == BATON__TO_BROKER__OP_LIST) {
        (void)!core_list(world->core, request, message->list, &listed);
    } else if (message->op_case == BATON__TO_BROKER__OP_STATUS) {
        core_status(world->core, request, &status);
    }
    CHECK(protobuf_c_message_check(&view.base) && protobuf_c_message_check(&listed.base));
    CHECK(protobuf_c_message_check(&explained.base) && protobuf_c_message_check(&status.base));
    CHECK(core_seq(world->core) == seq);
}

/* ---- steps ---- */

static void
step_frame(struct world *world, const uint8_t *data, size_t bytes)
{
    struct wire_frame frame;
    if (wire_unpack(data, bytes, &world->arena, &frame) != WIRE_OK) {
        return;
    }
    const Baton__ToBroker *message = frame.message;
    (void)wire_id(data, bytes);
    switch ((int)message->op_case) {
    case BATON__TO_BROKER__OP_SUBMIT:
    case BATON__TO_BROKER__OP_CHANGE:
    case BATON__TO_BROKER__OP_PAUSE:
    case BATON__TO_BROKER__OP_RESOURCES:
    case BATON__TO_BROKER__OP_PROJECT:
        do_numbered(world, message, wire_digest(data, bytes));
        break;
    case BATON__TO_BROKER__OP_TAKE:
        do_take(world, message->take);
        break;
    case BATON__TO_BROKER__OP_REPORT:
        do_report(world, message->report);
        break;
    case BATON__TO_BROKER__OP_HELLO:
        do_hello(world, message->hello);
        break;
    default:
        do_question(world, message);
        break;
    }
}

/* The same behind a right preamble, so that not every input has to bring it. */
static void
step_body(struct world *world, struct input body)
{
    uint8_t *frame = xmalloc(WIRE_PREAMBLE_BYTES + body.bytes);
    memcpy(frame, wire_preamble, WIRE_PREAMBLE_BYTES);
    if (body.bytes > 0) {
        memcpy(frame + WIRE_PREAMBLE_BYTES, body.data, body.bytes);
    }
    step_frame(world, frame, WIRE_PREAMBLE_BYTES + body.bytes);
    free(frame);
}

static void
step_dispatch(struct world *world, unsigned roles)
{
    struct core_request *request = world_request(world);
    struct core_dispatch dispatch = {
        .worker = core_worker(world->core, request, roles & 64 ? "w" : "v"),
        .roles = roles & ((1u << ROLES_N) - 1),
        .max = roles & 128 ? 100 : 1,
    };
    Baton__Assign assign = BATON__ASSIGN__INIT;
    CHECK(core_dispatch(world->core, request, &dispatch, &assign) == BATON__CODE__CODE_OK);
    CHECK(protobuf_c_message_check(&assign.base));
}

/* Minutes, or by the highest bit seconds; the rest of a day and more by repeating it. */
static void
step_pass(struct world *world, unsigned by)
{
    world_pass(world, by & 128 ? (int64_t)(by & 127) * 1000 : (int64_t)by * 60000);
}

static void
step_worker(struct world *world, unsigned how)
{
    uint32_t worker = core_worker(world->core, world_request(world), how & 1 ? "w" : "v");
    if (how & 2) {
        core_worker_bye(world->core, world_request(world), worker);
    } else {
        core_worker_lost(world->core, world_request(world), worker);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes};
    struct world world;
    world_init(&world);
    for (int i = 0; i < STEPS_MAX && input.bytes > 0; i++) {
        unsigned what = input_byte(&input) % 8;
        if (what == 0) {
            struct input frame = input_piece(&input);
            step_frame(&world, frame.data, frame.bytes);
        } else if (what == 1) {
            step_pass(&world, input_byte(&input));
        } else if (what == 2) {
            step_dispatch(&world, input_byte(&input));
        } else if (what == 3) {
            step_worker(&world, input_byte(&input));
        } else if (what == 4) {
            world_step_end(&world);
            world_snapshot(&world);
        } else {
            step_body(&world, input_piece(&input));
        }
        world_step_end(&world);
    }
    world_check(&world);
    world_fini(&world);
    return 0;
}
