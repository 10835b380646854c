/* The parts of the library that need no broker: endpoints, words, records, leases, lines. */
#include "baton.h"
#include "client/frame.h"
#include "client/lease.h"
#include "client/lines.h"
#include "client/record.h"
#include "client/spec.h"
#include "client/view.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
refused(const char *endpoint, const char *says)
{
    baton *b = NULL;
    assert_int_equal(baton_open(endpoint, NULL, &b), BATON_BAD_ARGUMENT);
    assert_null(b);
    assert_non_null(strstr(baton_error(NULL), says));
    baton_feed *feed = NULL;
    assert_int_equal(baton_feed_open(endpoint, NULL, 0, &feed), BATON_BAD_ARGUMENT);
    assert_non_null(strstr(baton_feed_error(NULL), says));
}

static void
test_only_ipc_endpoints_are_taken(void **state)
{
    (void)state;
    char path[200] = "ipc:///";
    memset(path + 7, 'x', 107); /* 108 bytes of path */
    refused(path, "108 bytes");
    refused("tcp://127.0.0.1:5555", "keys");
    refused("unix:/run/baton", "not an endpoint");
    refused("/run/baton/broker.sock", "ipc://PATH");
    refused("ipc://", "no path");
    refused("ipc://*", "no path");
    path[strlen(path) - 1] = 0;
    baton *b = NULL;
    assert_int_equal(baton_open(path, NULL, &b), BATON_OK);
    baton_close(&b);
}

static void
test_endpoint_defaults(void **state)
{
    (void)state;
    setenv("BATON_ENDPOINT", "ipc:///tmp/named", 1);
    assert_string_equal(baton_endpoint("ipc:///x"), "ipc:///x");
    assert_string_equal(baton_endpoint(""), "ipc:///tmp/named");
    unsetenv("BATON_ENDPOINT");
    setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
    assert_string_equal(baton_endpoint(NULL), "ipc:///run/baton/broker.sock");
    /* Nobody listens anywhere yet: where the broker of this user will. */
    if (access("/run/baton", F_OK) != 0) {
        setenv("XDG_RUNTIME_DIR", "/proc/self", 1);
        assert_string_equal(baton_endpoint(NULL), "ipc:///proc/self/baton/broker.sock");
    }
}

static void
test_words(void **state)
{
    (void)state;
    assert_string_equal(baton_status_name(BATON_STALE_TOKEN), "stale_token");
    assert_string_equal(baton_status_name(BATON_NO_BROKER), "no_broker");
    assert_string_equal(baton_status_name((baton_status)99), "unknown");
    assert_string_equal(baton_state_name(BATON_EXPIRED), "expired");
    assert_string_equal(baton_state_name((baton_state)99), "");
    assert_int_equal(baton_priority_of("High"), BATON_HIGH);
    assert_int_equal(baton_priority_of("urgent"), -1);
    assert_int_equal(baton_priority_of(NULL), -1);
    assert_string_equal(baton_role_of("Real-time Agent"), "realtime");
    assert_null(baton_role_of("cook"));
    assert_true(baton_state_is_terminal(BATON_DONE));
    assert_false(baton_state_is_terminal(BATON_REVIEW));
    assert_null(baton_roles()[6]);
}

static void
test_record_memory(void **state)
{
    (void)state;
    struct record *record = record_new(24, 64);
    char *mark = record_public(record);
    assert_ptr_equal(record_of(mark), record);
    assert_null(record_of(NULL));
    for (size_t i = 1; i < 3000; i++) { /* through many blocks */
        uint8_t *p = record_array(record, i, 3);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        assert_int_equal(p[3 * i - 1], 0);
        memset(p, 0xff, 3 * i);
    }
    assert_non_null(record_array(record, 0, 8));
    assert_false(record->failed);
    assert_null(record_array(record, SIZE_MAX / 2, 8));
    assert_true(record->failed);
    record_reset(record);
    assert_false(record->failed);
    record_free(record);
}

static void
test_leases_table(void **state)
{
    (void)state;
    enum { N = 5000 };
    struct leases leases = {0};
    for (uint64_t i = 1; i <= N; i++) {
        assert_null(leases_find(&leases, i * 4096));
        struct lease *lease = leases_add(&leases, i * 4096);
        if (i % 3 == 0) {
            leases_queue(&leases, lease);
        }
    }
    for (uint64_t i = 1; i <= N; i += 2) {
        leases_end(&leases, leases_find(&leases, i * 4096));
    }
    assert_int_equal(leases.n_held, N / 2);
    for (uint64_t i = 1; i <= N; i++) {
        const struct lease *lease = leases_find(&leases, i * 4096);
        assert_int_equal(lease != NULL, i % 2 == 0);
        assert_true(!lease || lease->token == i * 4096);
        /* The latest that have ended are known a while longer. */
        assert_int_equal(leases_knows(&leases, i * 4096), lease || i > N - 2 * LEASES_ENDED_KEPT);
    }
    size_t at = 0, n = 0;
    while (leases_each(&leases, &at)) {
        n++;
    }
    assert_int_equal(n, N / 2);
    n = 0;
    for (struct lease *lease; (lease = leases_unqueue(&leases)); n++) {
        assert_int_equal(lease->token / 4096 % 3, 0);
    }
    assert_true(n >= N / 6 && n <= N / 3);
    leases_fini(&leases);
}

/* Reported once more after its end: held again, whatever is forgotten meanwhile. */
static void
test_a_lease_is_held_again_after_its_end(void **state)
{
    (void)state;
    struct leases leases = {0};
    assert_false(leases_knows(&leases, 0));
    struct lease *lease = leases_add(&leases, 0); /* what callers make up */
    leases_queue(&leases, lease);
    for (uint64_t i = 1; i <= 3 * LEASES_ENDED_KEPT; i++) {
        if (i % LEASES_ENDED_KEPT == 7) {
            leases_end(&leases, leases_find(&leases, 0));
            assert_null(leases_find(&leases, 0));
            assert_true(leases_knows(&leases, 0));
            lease = leases_add(&leases, 0);
        }
        assert_ptr_equal(leases_find(&leases, 0), lease);
        leases_end(&leases, leases_add(&leases, i));
        assert_int_equal(leases.n_held, 1);
    }
    assert_null(leases_unqueue(&leases)); /* it ended in the queue */
    leases_end(&leases, lease);
    assert_true(leases_knows(&leases, 0));
    for (uint64_t i = 1; i <= LEASES_ENDED_KEPT; i++) {
        leases_end(&leases, leases_add(&leases, 1000000 + i));
    }
    assert_false(leases_knows(&leases, 0));
    assert_int_equal(leases.n, LEASES_ENDED_KEPT);
    leases_fini(&leases);
}

static void
test_lines_are_what_protobuf_makes_of_them(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct buf body = {0}, room = {.is_soft = true};
    struct leases leases = {0};
    struct lease *lease = leases_add(&leases, 1234567890123);
    char document[300];
    memset(document, 'x', sizeof document);
    struct baton_result result = {
        .outcome = BATON_OUTCOME_FAILED,
        .summary = "no",
        .document = document,
        .document_bytes = sizeof document,
        .exit_status = -9,
    };
    struct field project = {.data = (const uint8_t *)"default", .bytes = 7};
    struct field id = {.data = (const uint8_t *)"A", .bytes = 1};
    assert_true(lease_set_name(lease, &project, &id));
    assert_true(lease_set_progress(lease, 40, "half", 7));
    lease->say_started = true;
    assert_int_equal(lease_say(lease, 5, 1, &body), 2);
    assert_int_equal(lease_set_result(lease, &result, &room, &fault), BATON_OK);
    assert_int_equal(lease_say(lease, 6, 2, &body), 1);
    lease->say_result = true;
    assert_int_equal(lease_say(lease, 7, 3, &body), 1);
    assert_int_equal(lease->result_id, 6);
    lease->say_beat = true;
    assert_int_equal(lease_say(lease, 8, 3, &body), 0); /* nothing but the result counts now */

    zmq_msg_t frame;
    assert_true(report_frame(300, &body, &frame));
    size_t bytes = zmq_msg_size(&frame) - PREAMBLE_BYTES;
    Baton__ToBroker *m = baton__to_broker__unpack(
        NULL, bytes, (const uint8_t *)zmq_msg_data(&frame) + PREAMBLE_BYTES);
    assert_non_null(m);
    assert_int_equal(m->id, 300);
    assert_int_equal(m->op_case, BATON__TO_BROKER__OP_REPORT);
    assert_int_equal(baton__to_broker__get_packed_size(m), bytes); /* nothing unknown in it */
    assert_int_equal(m->report->n_lines, 4);
    Baton__Line **lines = m->report->lines;
    assert_int_equal(lines[0]->what_case, BATON__LINE__WHAT_STARTED);
    assert_int_equal(lines[0]->token, 1234567890123);
    assert_int_equal(lines[1]->progress->percent, 40);
    assert_string_equal(lines[1]->progress->text, "half");
    assert_int_equal(lines[2]->result->exit_status, -9);
    assert_int_equal(lines[2]->result->document.len, sizeof document);
    assert_string_equal(lines[2]->id, "");
    assert_string_equal(lines[3]->project, "default"); /* said again: by name */
    assert_string_equal(lines[3]->id, "A");
    baton__to_broker__free_unpacked(m, NULL);
    zmq_msg_close(&frame);
    buf_fini(&body);
    buf_fini(&room);
    leases_fini(&leases);
}

static void
test_a_packed_result_is_what_protobuf_makes_of_it(void **state)
{
    (void)state;
    struct baton_measure measures[] = {{.name = "tokens", .value = -1.5, .unit = "1"},
                                       {.name = "coverage"}};
    struct baton_result result = {
        .outcome = BATON_OUTCOME_PARKED,
        .summary = "s",
        .document = "{}",
        .document_bytes = 2,
        .output_tail = "t",
        .output_bytes = UINT64_MAX,
        .retry_after_ms = -1,
        .runtime_ms = 300,
        .wait_for = "signal:x",
        .measures = measures,
        .n_measures = 2,
    };
    static const int statuses[] = {1, -9, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        result.exit_status = statuses[i];
        struct record *record = record_new(0, 0);
        Baton__Result *m = result_to_message(record, &result);
        assert_non_null(m);
        assert_int_equal(m->base.n_unknown_fields, 0);
        assert_int_equal(m->exit_status, statuses[i]);
        struct buf buf = {.is_soft = true};
        const char *wrong = NULL;
        layout_pack(&buf, &result_layout, &result, &wrong);
        uint8_t *theirs = record_alloc(record, buf.bytes);
        assert_int_equal(baton__result__get_packed_size(m), buf.bytes);
        baton__result__pack(m, theirs);
        assert_memory_equal(theirs, buf.data, buf.bytes);
        struct baton_result back = result_from_message(record, m);
        assert_int_equal(back.outcome, result.outcome);
        assert_string_equal(back.summary, "s");
        assert_memory_equal(back.document, "{}", back.document_bytes);
        assert_string_equal(back.output_tail, "t");
        assert_true(back.output_bytes == UINT64_MAX && back.retry_after_ms == -1);
        assert_int_equal(back.runtime_ms, 300);
        assert_string_equal(back.wait_for, "signal:x");
        assert_int_equal(back.n_measures, 2);
        assert_true(back.measures[0].value < 0 && back.measures[1].value == 0);
        assert_string_equal(back.measures[0].unit, "1");
        buf_fini(&buf);
        record_free(record);
    }
}

static void
test_results_are_bounded(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct buf room = {.is_soft = true};
    struct lease lease = {.token = 1};
    char long_summary[2000];
    memset(long_summary, 'x', sizeof long_summary);
    long_summary[sizeof long_summary - 1] = 0;
    struct baton_result result = {.outcome = BATON_OUTCOME_DONE, .summary = long_summary};
    assert_int_equal(lease_set_result(&lease, &result, &room, &fault), BATON_TOO_LARGE);
    assert_non_null(strstr(fault_text(&fault), "summary"));
    result.summary = "\xff";
    assert_int_equal(lease_set_result(&lease, &result, &room, &fault), BATON_INVALID);
    assert_non_null(strstr(fault_text(&fault), "summary"));
    result.summary = NULL;
    struct baton_card card = {.text = "\xff"};
    result.handoff = &card;
    assert_int_equal(lease_set_result(&lease, &result, &room, &fault), BATON_INVALID);
    assert_non_null(strstr(fault_text(&fault), "handoff"));
    assert_null(lease.handoff);
    result.handoff = NULL;
    result.outcome = BATON_OUTCOME_LOST;
    assert_int_equal(lease_set_result(&lease, &result, &room, &fault), BATON_INVALID);
    assert_null(lease.line);
    buf_fini(&room);
    fault_clear(&fault);
}

static void
test_a_spec_survives_the_way_there_and_back(void **state)
{
    (void)state;
    const char *command[] = {"make", "all"};
    struct baton_edge after[] = {{.id = "B", .condition = BATON_ON_FAILED, .any = 2}};
    struct baton_claim claims[] = {{.name = "db", .amount = 3, .shared = true}};
    struct baton_label labels[] = {{.name = "k", .value = "v"}};
    baton_spec spec = {
        .id = "A",
        .role = "infra",
        .priority = BATON_LOW,
        .deadline = 5,
        .after = after,
        .n_after = 1,
        .claims = claims,
        .n_claims = 1,
        .command = command,
        .n_command = 2,
        .payload = "\0x",
        .payload_bytes = 2,
        .labels = labels,
        .n_labels = 1,
        .lease_ms = 9,
    };
    struct record *record = record_new(0, 0);
    Baton__Spec *message = spec_to_message(record, &spec);
    uint8_t packed[256];
    size_t bytes = baton__spec__pack(message, packed);
    baton_spec *back = spec_from_message(record,
                                         baton__spec__unpack(&record->arena.pb, bytes, packed));
    assert_string_equal(back->id, "A");
    assert_string_equal(back->project, "");
    assert_int_equal(back->after[0].condition, BATON_ON_FAILED);
    assert_int_equal(back->after[0].any, 2);
    assert_string_equal(back->claims[0].name, "db");
    assert_true(back->claims[0].shared);
    assert_string_equal(back->command[1], "all");
    assert_memory_equal(back->payload, "\0x", 2);
    assert_string_equal(back->labels[0].value, "v");
    assert_int_equal(back->lease_ms, 9);
    record_free(record);
}

/* A spec in which every field says something. */
static void
fill(baton_spec *spec)
{
    static const char *const words[] = {"make", "", "\xc3\xa9t\xc3\xa9"};
    static const struct baton_edge after[] = {
        {.id = "B", .project = "p", .condition = BATON_ON_FAILED, .policy = BATON_IGNORE, .any = 2},
        {.id = "C"}};
    static const struct baton_claim claims[] = {{.name = "db", .amount = 300, .shared = true}, {0}};
    static const struct baton_label labels[] = {{.name = "k", .value = "v"}, {.name = "l"}};
    static char text[300];
    memset(text, 'x', sizeof text - 1);
    *spec = (baton_spec){
        .id = "A",
        .project = "another",
        .role = "infra",
        .title = text,
        .priority = BATON_LOW,
        .deadline = INT64_MAX,
        .on_deadline = BATON_DEADLINE_CANCEL,
        .not_before = -5,
        .estimate_ms = 1,
        .after = after,
        .n_after = 2,
        .claims = claims,
        .n_claims = 2,
        .held = true,
        .milestone = true,
        .command = words,
        .n_command = 3,
        .prompt = text,
        .payload = "\0x",
        .payload_bytes = 2,
        .env = words,
        .n_env = 1,
        .workdir = "w",
        .check = words,
        .n_check = 2,
        .labels = labels,
        .n_labels = 2,
        .max_attempts = UINT32_MAX,
        .crash_limit = 128,
        .backoff_ms = 127,
        .backoff_cap_ms = 16384,
        .max_runtime_ms = 16383,
        .idle_ms = 6,
        .lease_ms = 9,
        .stall_ms = 7,
        .unique_key = "u",
        .on_conflict = (baton_on_conflict)-1,
        .unique_window_ms = 11,
        .fairness_key = "f",
        .fairness_weight = 3,
        .traceparent = "t",
        .approval = true,
        .review_ms = 12,
        .no_preempt = true,
    };
}

static void
test_a_packed_spec_is_what_protobuf_makes_of_it(void **state)
{
    (void)state;
    baton_spec spec;
    fill(&spec);
    struct record *record = record_new(0, 0);
    const char *wrong = NULL;
    struct buf buf = {.is_soft = true};
    layout_pack(&buf, &spec_layout, &spec, &wrong);
    assert_null(wrong);
    Baton__Spec *m = baton__spec__unpack(&record->arena.pb, buf.bytes, buf.data);
    assert_non_null(m);
    assert_int_equal(m->base.n_unknown_fields, 0);
    uint8_t *theirs = record_alloc(record, buf.bytes + 1);
    assert_int_equal(baton__spec__get_packed_size(m), buf.bytes);
    baton__spec__pack(m, theirs);
    assert_memory_equal(theirs, buf.data, buf.bytes);
    assert_string_equal(m->title, spec.title);
    assert_int_equal((int)m->on_conflict, -1);
    assert_int_equal(m->n_after, 2);
    assert_int_equal(m->n_claims, 2);
    assert_int_equal(m->n_labels, 2);
    assert_string_equal(m->check[1], "");
    /* None is left out, so a field that is new has to be packed, and to be filled above. */
    for (unsigned i = 0; i < m->base.descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &m->base.descriptor->fields[i];
        const char *at = (const char *)m + field->offset;
        bool said = field->label == PROTOBUF_C_LABEL_REPEATED
                        ? *(const size_t *)(const void *)((const char *)m +
                                                          field->quantifier_offset) > 0
                    : field->type == PROTOBUF_C_TYPE_STRING
                        ? (*(const char *const *)(const void *)at)[0] != 0
                        : *(const uint32_t *)(const void *)at != 0;
        if (!said) {
            fail_msg("%s is not packed", field->name);
        }
    }
    buf_fini(&buf);
    record_free(record);
}

/* What is read again packs to the same bytes. Cut anywhere, and with any byte changed, it is
 * refused when protobuf-c refuses it. */
static void
test_a_spec_is_read_as_protobuf_reads_it(void **state)
{
    (void)state;
    baton_spec spec;
    fill(&spec);
    const char *wrong = NULL;
    struct buf buf = {.is_soft = true}, again = {.is_soft = true};
    layout_pack(&buf, &spec_layout, &spec, &wrong);
    struct record *record = record_new(0, 0);
    baton_spec *back = spec_read(record, (ProtobufCBinaryData){buf.bytes, buf.data});
    assert_non_null(back);
    assert_string_equal(back->after[1].project, "");
    layout_pack(&again, &spec_layout, back, &wrong);
    assert_int_equal(again.bytes, buf.bytes);
    assert_memory_equal(again.data, buf.data, buf.bytes);
    size_t n_refused = 0;
    for (size_t i = 0; i < 9 * buf.bytes; i++) {
        uint8_t *exact = malloc(buf.bytes);
        memcpy(exact, buf.data, buf.bytes);
        size_t at = i / 9, bytes = i % 9 == 8 ? at : buf.bytes;
        exact[at] ^= (uint8_t)(1u << i % 9);
        exact = realloc(exact, bytes + !bytes); /* a sanitizer sees a byte too far */
        record_reset(record);
        Baton__Spec *m = record_unpack(record, &baton__spec__descriptor, bytes, exact);
        back = spec_read(record, (ProtobufCBinaryData){bytes, exact});
        assert_int_equal(back != NULL, m != NULL);
        /* protobuf-c takes any wire type for a bool. */
        assert_true(!back || baton__spec__unpack(&record->arena.pb, bytes, exact));
        assert_false(record->failed);
        if (back) {
            assert_string_equal(back->role, m->role);
            assert_int_equal(back->n_command, m->n_command);
            assert_true(back->review_ms == m->review_ms);
        }
        n_refused += !back;
        free(exact);
    }
    assert_in_range(n_refused, buf.bytes, 8 * buf.bytes);
    record_free(record);
    buf_fini(&buf);
    buf_fini(&again);
}

static void
test_a_spec_with_text_that_is_not_utf8_says_where(void **state)
{
    (void)state;
    const char *words[] = {"a", "\xff"};
    struct baton_edge after[] = {{.id = "\xff"}};
    struct baton_label labels[] = {{.name = "k", .value = "\xc3"}};
    baton_spec specs[] = {
        {.title = "\xff"},
        {.command = words, .n_command = 2, .prompt = "\xff"},
        {.after = after, .n_after = 1},
        {.labels = labels, .n_labels = 1},
    };
    const char *fields[] = {"title", "command", "id", "value"};
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        struct buf buf = {.is_soft = true};
        const char *wrong = NULL;
        layout_pack(&buf, &spec_layout, &specs[i], &wrong);
        assert_string_equal(wrong, fields[i]);
        buf_fini(&buf);
    }
}

/* The broker would take such a message for malformed, and its answer names no request. */
static void
test_text_that_is_not_utf8_is_not_sent(void **state)
{
    (void)state;
    struct {
        const char *title, *label, *id, *field;
    } cases[] = {{"\xff", "v", "a", "title is not"},
                 {"t", "\xc3", "a", "value is not"},
                 {"t", "v", "\xed\xa0\x80", "id is not"},
                 {"t", "v", "\xc3\xa9", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Baton__Spec__LabelsEntry label = BATON__SPEC__LABELS_ENTRY__INIT;
        Baton__Spec__LabelsEntry *labels[] = {&label};
        Baton__Edge edge = BATON__EDGE__INIT;
        Baton__Edge *after[] = {&edge};
        Baton__Spec spec = BATON__SPEC__INIT;
        Baton__Spec *tasks[] = {&spec};
        Baton__Submit submit = BATON__SUBMIT__INIT;
        Baton__ToBroker message = BATON__TO_BROKER__INIT;
        label.value = pb_text(cases[i].label);
        edge.id = pb_text(cases[i].id);
        spec.title = pb_text(cases[i].title);
        spec.labels = labels;
        spec.after = after;
        spec.n_labels = spec.n_after = 1;
        submit.tasks = tasks;
        submit.n_tasks = 1;
        message.op_case = BATON__TO_BROKER__OP_SUBMIT;
        message.submit = &submit;
        struct fault fault = {0};
        zmq_msg_t frame;
        baton_status status = frame_pack(&message, NULL, &frame, &fault);
        assert_int_equal(status, cases[i].field ? BATON_INVALID : BATON_OK);
        if (cases[i].field) {
            assert_ptr_equal(strstr(fault_text(&fault), cases[i].field), fault_text(&fault));
        } else {
            zmq_msg_close(&frame);
        }
        fault_clear(&fault);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_ipc_endpoints_are_taken),
        cmocka_unit_test(test_endpoint_defaults),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_record_memory),
        cmocka_unit_test(test_leases_table),
        cmocka_unit_test(test_a_lease_is_held_again_after_its_end),
        cmocka_unit_test(test_lines_are_what_protobuf_makes_of_them),
        cmocka_unit_test(test_a_packed_result_is_what_protobuf_makes_of_it),
        cmocka_unit_test(test_results_are_bounded),
        cmocka_unit_test(test_a_spec_survives_the_way_there_and_back),
        cmocka_unit_test(test_a_packed_spec_is_what_protobuf_makes_of_it),
        cmocka_unit_test(test_a_spec_is_read_as_protobuf_reads_it),
        cmocka_unit_test(test_a_spec_with_text_that_is_not_utf8_says_where),
        cmocka_unit_test(test_text_that_is_not_utf8_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
