/* core_bench TASKS [QUEUED [CARDS]]: whole lives of tasks through the broker's codec and core,
 * without sockets, disk or threads: packed requests in, packed answers, facts and events out. The
 * same instructions each time, which tests/budget counts. What the broker would do is in the
 * functions called broker_…; the rest plays its clients. QUEUED others wait meanwhile, and the
 * board has CARDS of each of some kinds, none of which concerns the tasks. */
#include "broker/core/core.h"
#include "broker/front/wire.h"
#include "common/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 1000, PAYLOAD_BYTES = 100, HOT_ENDED = 2000, REALTIME = 3 };

struct bench {
    struct core *core;
    struct arena arena;  /* the turn's */
    struct arena client; /* a round of the clients' */
    struct core_out out;
    int64_t now;
    uint64_t number; /* of the latest submission */
    uint32_t worker;
    size_t bytes_out; /* of all answers, facts and events */
};

static struct core_request
request_of(struct bench *b)
{
    return (struct core_request){.now = b->now,
                                 .seed = b->number,
                                 .actor = "bench@localhost",
                                 .arena = &b->arena,
                                 .out = &b->out,
                                 .error = BATON__ERROR__INIT};
}

/* ---- the broker's part ---- */

static uint8_t *
broker_answer(struct bench *b, const Baton__FromBroker *reply, size_t *ret_bytes)
{
    uint8_t *frame = wire_pack(7, reply, ret_bytes);
    b->bytes_out += *ret_bytes;
    return frame;
}

__attribute__((noinline)) static void
broker_submit(struct bench *b, const uint8_t *data, size_t bytes)
{
    struct wire_frame frame;
    CHECK(wire_unpack(data, bytes, &b->arena, &frame) == WIRE_OK);
    const Baton__ToBroker *message = frame.message;
    uint64_t digest = wire_digest(data, bytes);
    const uint8_t *old;
    size_t old_bytes;
    CHECK(core_recall(b->core, message->client, message->number, digest, &old, &old_bytes) ==
          CORE_NEW);
    Baton__Submitted submitted;
    struct core_request request = request_of(b);
    if (!frame.is_strange) {
        request.packed = wire_operation(data, bytes, BATON__TO_BROKER__OP_SUBMIT,
                                        &request.packed_bytes);
    }
    CHECK(core_submit(b->core, &request, message->submit, &submitted) == BATON__CODE__CODE_OK);
    Baton__FromBroker reply = BATON__FROM_BROKER__INIT;
    reply.op_case = BATON__FROM_BROKER__OP_SUBMITTED;
    reply.submitted = &submitted;
    size_t body_bytes = baton__from_broker__get_packed_size(&reply);
    uint8_t *body = arena_alloc(&b->arena, body_bytes);
    baton__from_broker__pack(&reply, body);
    core_remember(b->core, &request, message->client, message->number, message->acked, digest, body,
                  body_bytes);
    size_t answer_bytes;
    free(broker_answer(b, &reply, &answer_bytes));
}

__attribute__((noinline)) static uint8_t *
broker_assign(struct bench *b, uint32_t max, size_t *ret_bytes)
{
    struct core_request request = request_of(b);
    struct core_dispatch dispatch = {.worker = b->worker, .roles = (1u << ROLES_N) - 1, .max = max};
    Baton__Assign assign;
    CHECK(core_dispatch(b->core, &request, &dispatch, &assign) == BATON__CODE__CODE_OK);
    CHECK(assign.n_tasks == max);
    Baton__FromBroker reply = BATON__FROM_BROKER__INIT;
    reply.op_case = BATON__FROM_BROKER__OP_ASSIGN;
    reply.assign = &assign;
    return broker_answer(b, &reply, ret_bytes);
}

__attribute__((noinline)) static void
broker_report(struct bench *b, const uint8_t *data, size_t bytes)
{
    struct wire_frame frame;
    CHECK(wire_unpack(data, bytes, &b->arena, &frame) == WIRE_OK);
    const Baton__Report *report = frame.message->report;
    Baton__Reported reported = BATON__REPORTED__INIT;
    reported.n_lines = report->n_lines;
    reported.lines = arena_alloc(&b->arena, report->n_lines * sizeof(Baton__LineReply *));
    struct core_request request = request_of(b);
    for (size_t i = 0; i < report->n_lines; i++) {
        Baton__LineReply *line = arena_alloc(&b->arena, sizeof *line);
        *line = (Baton__LineReply)BATON__LINE_REPLY__INIT;
        reported.lines[i] = line;
        core_report_line(b->core, &request, b->worker, report->lines[i], line);
        CHECK(line->code == BATON__CODE__CODE_OK);
    }
    Baton__FromBroker reply = BATON__FROM_BROKER__INIT;
    reply.op_case = BATON__FROM_BROKER__OP_REPORTED;
    reply.reported = &reported;
    size_t answer_bytes;
    free(broker_answer(b, &reply, &answer_bytes));
}

__attribute__((noinline)) static void
broker_turn(struct bench *b)
{
    b->now++;
    if (core_next_at(b->core) <= b->now) {
        struct core_request request = request_of(b);
        core_tick(b->core, &request);
    }
    b->bytes_out += b->out.facts.bytes + b->out.events.bytes;
    core_out_clear(&b->out);
    arena_reset(&b->arena);
}

/* ---- the clients' part ---- */

static uint8_t *
frame_of(struct bench *b, const Baton__ToBroker *message, size_t *ret_bytes)
{
    size_t bytes = baton__to_broker__get_packed_size(message);
    uint8_t *frame = arena_alloc(&b->client, WIRE_PREAMBLE_BYTES + bytes);
    memcpy(frame, wire_preamble, WIRE_PREAMBLE_BYTES);
    baton__to_broker__pack(message, frame + WIRE_PREAMBLE_BYTES);
    *ret_bytes = WIRE_PREAMBLE_BYTES + bytes;
    return frame;
}

static void
submit(struct bench *b, const char *role)
{
    static uint8_t payload[PAYLOAD_BYTES];
    Baton__Submit body = BATON__SUBMIT__INIT;
    body.n_tasks = BATCH;
    body.tasks = arena_alloc(&b->client, BATCH * sizeof(Baton__Spec *));
    for (size_t i = 0; i < BATCH; i++) {
        Baton__Spec *spec = arena_alloc(&b->client, sizeof *spec);
        *spec = (Baton__Spec)BATON__SPEC__INIT;
        spec->id = arena_printf(&b->client, "task-%llu-%zu", (unsigned long long)b->number, i);
        spec->role = (char *)(uintptr_t)role;
        spec->payload = (ProtobufCBinaryData){.len = sizeof payload, .data = payload};
        body.tasks[i] = spec;
    }
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.id = 7;
    message.client = (char *)(uintptr_t) "bench-client-0123456789";
    message.number = ++b->number;
    message.acked = b->number - 1;
    message.op_case = BATON__TO_BROKER__OP_SUBMIT;
    message.submit = &body;
    size_t bytes;
    const uint8_t *frame = frame_of(b, &message, &bytes);
    broker_submit(b, frame, bytes);
    broker_turn(b);
    arena_reset(&b->client);
}

/* What a do-nothing worker says of all that it got: started, and done. */
static void
report(struct bench *b, const uint8_t *assigned, size_t assigned_bytes)
{
    const Baton__FromBroker *got = baton__from_broker__unpack(
        &b->client.pb, assigned_bytes - WIRE_PREAMBLE_BYTES, assigned + WIRE_PREAMBLE_BYTES);
    CHECK(got);
    size_t n = got->assign->n_tasks;
    Baton__Result result = BATON__RESULT__INIT;
    result.outcome = BATON__OUTCOME__OUTCOME_DONE;
    Baton__Report body = BATON__REPORT__INIT;
    body.lines = arena_alloc(&b->client, 2 * n * sizeof(Baton__Line *));
    Baton__Line *lines = arena_alloc(&b->client, 2 * n * sizeof *lines);
    for (size_t i = 0; i < 2 * n; i++) {
        lines[i] = (Baton__Line)BATON__LINE__INIT;
        lines[i].token = got->assign->tasks[i / 2]->token;
        if (i % 2 == 0) {
            lines[i].what_case = BATON__LINE__WHAT_STARTED;
            lines[i].started = true;
        } else {
            lines[i].what_case = BATON__LINE__WHAT_RESULT;
            lines[i].result = &result;
        }
        body.lines[body.n_lines++] = &lines[i];
    }
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.id = 7;
    message.op_case = BATON__TO_BROKER__OP_REPORT;
    message.report = &body;
    size_t bytes;
    const uint8_t *frame = frame_of(b, &message, &bytes);
    broker_report(b, frame, bytes);
    broker_turn(b);
    arena_reset(&b->client);
}

static void
live(struct bench *b)
{
    submit(b, "backend");
    for (uint32_t left = BATCH; left > 0; left -= BATCH / 4) {
        size_t bytes;
        uint8_t *frame = broker_assign(b, BATCH / 4, &bytes);
        broker_turn(b);
        report(b, frame, bytes);
        free(frame);
    }
}

/* ---- the board ---- */

static uint64_t
broker_post(struct bench *b, unsigned verb, Baton__Card *card)
{
    struct core_request request = request_of(b);
    Baton__Post post = BATON__POST__INIT;
    Baton__Posted posted;
    post.verb = (Baton__CardVerb)verb;
    post.card = card;
    if (core_post(b->core, &request, &post, &posted) != BATON__CODE__CODE_OK) {
        fprintf(stderr, "core_bench: %s\n", request.error.message);
        exit(1);
    }
    uint64_t number = posted.card->number;
    core_out_clear(&b->out);
    arena_reset(&b->arena);
    return number;
}

static void
post_one(struct bench *b, unsigned kind, unsigned verb, const char *name)
{
    Baton__Card card = BATON__CARD__INIT;
    card.kind = (Baton__CardKind)kind;
    card.project = card.title = (char *)(uintptr_t) "default";
    card.name = (char *)(uintptr_t)name;
    Baton__Item item = BATON__ITEM__INIT, *items[] = {&item};
    if (kind == BATON__CARD_KIND__CARD_DECISION) {
        card.role = card.owner = (char *)(uintptr_t) "testing";
    } else if (kind == BATON__CARD_KIND__CARD_BLOCKER) {
        card.role = (char *)(uintptr_t) "testing";
    } else if (kind == BATON__CARD_KIND__CARD_RESERVATION) {
        item.tag = (char *)(uintptr_t) "resource";
        item.name = (char *)(uintptr_t) "shelf";
        item.unit = (char *)(uintptr_t) "shared";
        card.items = items;
        card.n_items = 1;
    }
    uint64_t number = broker_post(b, verb, &card);
    if (kind == BATON__CARD_KIND__CARD_DECISION) {
        Baton__Card decided = BATON__CARD__INIT;
        decided.number = number;
        decided.role = (char *)(uintptr_t) "testing";
        decided.outcome = (char *)(uintptr_t) "so be it";
        broker_post(b, BATON__CARD_VERB__CARD_DECIDE, &decided);
    }
}

/* ---- what is asked while it fills ---- */

static void
broker_why(struct bench *b, const char *id)
{
    struct core_request request = request_of(b);
    Baton__Ref ref = BATON__REF__INIT;
    Baton__Explained explained;
    uint64_t archived;
    ref.id = (char *)(uintptr_t)id;
    CHECK(core_why(b->core, &request, &ref, &explained, &archived) == BATON__CODE__CODE_OK);
    CHECK(explained.n_causes == 2); /* the card that we put there, and that nobody works */
    arena_reset(&b->arena);
}

static void
broker_cards(struct bench *b, const Baton__Cards *query)
{
    struct core_request request = request_of(b);
    Baton__CardList list;
    core_cards(b->core, &request, query, &list);
    CHECK(list.n_cards == 1);
    arena_reset(&b->arena);
}

static void
ask(struct bench *b)
{
    Baton__Cards query = BATON__CARDS__INIT;
    Baton__CardKind kind = BATON__CARD_KIND__CARD_INCIDENT;
    Baton__Ref ref = BATON__REF__INIT;
    broker_why(b, "blocked");
    broker_why(b, "frozen");
    query.open = true;
    query.kinds = &kind;
    query.n_kinds = 1;
    broker_cards(b, &query);
    query.n_kinds = 0;
    query.task = &ref;
    ref.id = (char *)(uintptr_t) "blocked";
    broker_cards(b, &query);
}

static void
add_task(struct bench *b, const char *id, const char *role, const char *lock)
{
    Baton__Submit body = BATON__SUBMIT__INIT;
    Baton__Submitted submitted;
    Baton__Spec spec = BATON__SPEC__INIT, *specs[] = {&spec};
    Baton__Claim claim = BATON__CLAIM__INIT, *claims[] = {&claim};
    spec.id = (char *)(uintptr_t)id;
    spec.role = (char *)(uintptr_t)role;
    claim.name = (char *)(uintptr_t)lock;
    spec.claims = claims;
    spec.n_claims = lock[0] != 0;
    body.tasks = specs;
    body.n_tasks = 1;
    struct core_request request = request_of(b);
    CHECK(core_submit(b->core, &request, &body, &submitted) == BATON__CODE__CODE_OK);
    broker_turn(b);
}

/* Whoever is called to the incident is at it, and in nobody's way. */
static void
answer_incident(struct bench *b)
{
    struct core_request request = request_of(b);
    struct core_dispatch dispatch = {.worker = b->worker, .roles = 1 << REALTIME, .max = 1};
    Baton__Assign assign;
    Baton__Line line = BATON__LINE__INIT;
    Baton__LineReply reply;
    CHECK(core_dispatch(b->core, &request, &dispatch, &assign) == BATON__CODE__CODE_OK);
    CHECK(assign.n_tasks == 1);
    line.token = assign.tasks[0]->token;
    line.what_case = BATON__LINE__WHAT_STARTED;
    core_report_line(b->core, &request, b->worker, &line, &reply);
    CHECK(reply.code == BATON__CODE__CODE_OK);
    broker_turn(b);
}

/* A task whose role is blocked and that a card is about; one whose lock an incident has frozen. */
static void
set_scene(struct bench *b)
{
    core_set_capacity(b->core, REALTIME, 1, 1, 1); /* else others would be called, too */
    add_task(b, "blocked", "frontend", "");
    add_task(b, "frozen", "infra", "deploy");
    Baton__Item response = BATON__ITEM__INIT, freeze = BATON__ITEM__INIT;
    Baton__Item required = BATON__ITEM__INIT, *items[] = {&response, &required, &freeze};
    response.tag = (char *)(uintptr_t) "response";
    response.value = 1e9;
    response.unit = (char *)(uintptr_t) "ms";
    required.tag = (char *)(uintptr_t) "required";
    required.name = (char *)(uintptr_t) "realtime";
    freeze.tag = (char *)(uintptr_t) "freeze";
    freeze.name = (char *)(uintptr_t) "deploy";
    Baton__Card card = BATON__CARD__INIT;
    card.kind = BATON__CARD_KIND__CARD_LEVEL;
    card.name = card.title = (char *)(uintptr_t) "grave";
    card.severity = 2;
    card.items = items;
    card.n_items = 3;
    broker_post(b, BATON__CARD_VERB__CARD_SET, &card);
    baton__card__init(&card);
    card.kind = BATON__CARD_KIND__CARD_INCIDENT;
    card.title = (char *)(uintptr_t) "on fire";
    card.severity = 2;
    broker_post(b, BATON__CARD_VERB__CARD_RAISE, &card);
    answer_incident(b);
    baton__card__init(&card);
    card.kind = BATON__CARD_KIND__CARD_BLOCKER;
    card.title = (char *)(uintptr_t) "in the way";
    card.role = (char *)(uintptr_t) "frontend";
    broker_post(b, BATON__CARD_VERB__CARD_RAISE, &card);
    baton__card__init(&card);
    card.kind = BATON__CARD_KIND__CARD_HANDOFF;
    card.title = (char *)(uintptr_t) "so far";
    card.task = (char *)(uintptr_t) "blocked";
    card.to_role = (char *)(uintptr_t) "realtime";
    broker_post(b, BATON__CARD_VERB__CARD_RAISE, &card);
}

/* So many decisions in force, signals, blockers and reservations, none of which is of the tasks'
 * role. */
static void
fill_board(struct bench *b, long n)
{
    char name[32];
    if (n > 0) {
        set_scene(b);
    }
    for (long i = 0; i < n; i++) {
        snprintf(name, sizeof name, "n%ld", i);
        post_one(b, BATON__CARD_KIND__CARD_DECISION, BATON__CARD_VERB__CARD_RAISE, name);
        post_one(b, BATON__CARD_KIND__CARD_SIGNAL, BATON__CARD_VERB__CARD_RAISE, name);
        post_one(b, BATON__CARD_KIND__CARD_BLOCKER, BATON__CARD_VERB__CARD_RAISE, "");
        post_one(b, BATON__CARD_KIND__CARD_RESERVATION, BATON__CARD_VERB__CARD_RAISE, "");
        ask(b);
    }
}

int
main(int argc, char **argv)
{
    long tasks = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    long queued = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    long cards = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
    if (tasks < 0 || queued < 0 || cards < 0) {
        fprintf(stderr, "usage: core_bench TASKS [QUEUED [CARDS]], tasks in thousands\n");
        return 64;
    }
    struct bench b = {.now = INT64_C(1700000000000)};
    arena_init(&b.arena);
    arena_init(&b.client);
    struct core_config config = {.hash_seed = 1, .hot_ended_max = HOT_ENDED};
    b.core = core_new(&config);
    struct core_request request = request_of(&b);
    core_begin_epoch(b.core, &request, 1, "bench");
    b.worker = core_worker(b.core, &request, "bench-worker");
    CHECK(b.worker);
    fill_board(&b, cards);
    for (long n = 0; n < queued; n += BATCH) {
        submit(&b, "backend");
    }
    for (long n = 0; n < tasks; n += BATCH) {
        live(&b);
    }
    printf("%ld tasks, %ld queued, %zu bytes out\n", tasks, queued, b.bytes_out);
    core_free(b.core);
    core_out_fini(&b.out);
    arena_fini(&b.arena);
    arena_fini(&b.client);
    return 0;
}
