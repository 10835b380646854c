#include "core_bench.h"

#include <stdlib.h>
#include <string.h>

void
bench_init(struct bench *b)
{
    memset(b, 0, sizeof *b);
    b->core = core_new(&(struct core_config){.hot_ended_max = 3});
    arena_init(&b->arena);
    b->request = (struct core_request){
        .now = 1000, .seed = 7, .actor = "ann", .arena = &b->arena, .out = &b->out};
}

void
bench_keep(struct bench *b)
{
    buf_add(&b->journal, b->out.facts.data, b->out.facts.bytes);
    b->n_facts += b->out.n_facts;
    uint64_t number = b->out.first_event;
    for (size_t pos = 0; pos < b->out.events.bytes;) {
        core_event_next(b->core, b->out.events.data, &pos, number++, &b->events);
    }
    core_out_clear(&b->out);
    b->request.seed++;
}

void
bench_fini(struct bench *b)
{
    char error[200];
    bench_keep(b);
    if (!core_recovered(b->core, error, sizeof error)) {
        fail_msg("%s", error);
    }
    /* The journal alone gives the same state. */
    struct core *again = core_new(&(struct core_config){.hot_ended_max = 3});
    assert_true(core_replay(again, 1, b->n_facts, b->journal.data, b->journal.bytes, NULL));
    assert_true(core_recovered(again, error, sizeof error));
    assert_true(core_digest(again) == core_digest(b->core));
    core_free(again);
    /* So does a snapshot. */
    struct core *third = core_new(&(struct core_config){.hot_ended_max = 3});
    struct buf chunk = {0};
    core_snapshot_begin(b->core);
    bool more = true;
    while (more) {
        more = core_snapshot_step(b->core, 2, &chunk);
        assert_true(core_restore_chunk(third, chunk.data, chunk.bytes));
    }
    if (!core_recovered(third, error, sizeof error)) {
        fail_msg("%s", error);
    }
    assert_true(core_digest(third) == core_digest(b->core));
    core_free(third);
    buf_fini(&chunk);
    buf_fini(&b->journal);
    buf_fini(&b->events);
    core_out_fini(&b->out);
    arena_fini(&b->arena);
    core_free(b->core);
}

Baton__Spec *
bench_spec(struct bench *b, const char *id, const char *role)
{
    Baton__Spec *s = arena_alloc(&b->arena, sizeof *s);
    baton__spec__init(s);
    s->id = arena_strdup(&b->arena, id);
    s->role = arena_strdup(&b->arena, role);
    s->milestone = role[0] == 0;
    return s;
}

void
bench_after(struct bench *b, Baton__Spec *s, const char *id)
{
    Baton__Edge *edge = arena_alloc(&b->arena, sizeof *edge);
    baton__edge__init(edge);
    edge->id = arena_strdup(&b->arena, id);
    Baton__Edge **more = arena_alloc(&b->arena, (s->n_after + 1) * sizeof *more);
    for (size_t i = 0; i < s->n_after; i++) {
        more[i] = s->after[i];
    }
    more[s->n_after++] = edge;
    s->after = more;
}

Baton__Code
bench_submit(struct bench *b, const Baton__Submit *submit, Baton__Submitted *ret)
{
    Baton__Submitted unread;
    Baton__Code code = core_submit(b->core, &b->request, submit, ret ? ret : &unread);
    bench_keep(b);
    return code;
}

Baton__Code
bench_add(struct bench *b, Baton__Spec *spec)
{
    Baton__Submit submit = BATON__SUBMIT__INIT;
    submit.tasks = &spec;
    submit.n_tasks = 1;
    return bench_submit(b, &submit, NULL);
}

unsigned
bench_n_events(struct bench *b, Baton__Event__Kind kind)
{
    unsigned n = 0;
    size_t pos = 0;
    while (pos < b->events.bytes) {
        uint64_t bytes;
        assert_true(varint_read(b->events.data, b->events.bytes, &pos, &bytes));
        const Baton__Event *event = baton__event__unpack(&b->arena.pb, bytes, b->events.data + pos);
        assert_non_null(event);
        n += event->kind == kind;
        pos += bytes;
    }
    return n;
}

uint64_t
bench_take(struct bench *b, const char *role)
{
    uint32_t worker = core_worker(b->core, &b->request, "w1");
    Baton__Assign assign;
    struct core_dispatch dispatch = {.worker = worker, .roles = 1u << role_number(role), .max = 1};
    assert_int_equal(core_dispatch(b->core, &b->request, &dispatch, &assign), 0);
    bench_keep(b);
    return assign.n_tasks ? assign.tasks[0]->token : 0;
}

Baton__Code
bench_end(struct bench *b, uint64_t token, Baton__Outcome outcome)
{
    Baton__Result result = BATON__RESULT__INIT;
    result.outcome = outcome;
    Baton__Line line = BATON__LINE__INIT;
    line.token = token;
    line.what_case = BATON__LINE__WHAT_RESULT;
    line.result = &result;
    Baton__LineReply reply;
    core_report_line(b->core, &b->request, 0, &line, &reply);
    bench_keep(b);
    return reply.code;
}

char *
bench_text(const char *of)
{
    return (char *)(uintptr_t)of;
}

uint64_t
bench_post(struct bench *b, Baton__CardVerb verb, uint64_t token, Baton__Card *card)
{
    Baton__Post post = BATON__POST__INIT;
    Baton__Posted ret;
    post.verb = verb;
    post.token = token;
    post.card = card;
    assert_int_equal(core_post(b->core, &b->request, &post, &ret), BATON__CODE__CODE_OK);
    bench_keep(b);
    return ret.card->number;
}

const char *
bench_state(struct bench *b, const char *id)
{
    Baton__Ref ref = BATON__REF__INIT;
    ref.id = (char *)(uintptr_t)id;
    Baton__TaskView view;
    uint64_t archived;
    if (core_get(b->core, &b->request, &ref, &view, &archived) != BATON__CODE__CODE_OK) {
        return archived ? "archived" : "unknown";
    }
    return state_name((int)view.state);
}
