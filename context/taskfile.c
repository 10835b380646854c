/* The task file. */
#include "context/taskfile.h"

#include "common/alloc.h"
#include "common/check.h"
#include "common/text.h"
#include "common/units.h"
#include "common/words.h"
#include "context/limits.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void
put(json_t *object, const char *name, json_t *value)
{
    CHECK(value && json_object_set_new(object, name, value) == 0);
}

/* What is not UTF-8 was refused by the broker; should it come all the same, it is left out. */
static void
put_text(json_t *object, const char *name, const char *text)
{
    if (text && *text && utf8_is_valid(text, strlen(text))) {
        put(object, name, json_string(text));
    }
}

static void
put_time(json_t *object, const char *name, int64_t ms)
{
    char text[64];
    if (ms != 0) {
        put_text(object, name, time_format(ms, text, sizeof text));
    }
}

static void
put_number(json_t *object, const char *name, int64_t value)
{
    if (value != 0) {
        put(object, name, json_integer(value));
    }
}

static void
put_list(json_t *object, const char *name, const char *const *list, size_t n)
{
    if (n == 0) {
        return;
    }
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *text = json_string(list[i]);
        json_array_append_new(array, text ? text : json_string(""));
    }
    put(object, name, array);
}

static char *
base64(const uint8_t *p, size_t bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = xmalloc((bytes + 2) / 3 * 4 + 1);
    char *to = text;
    for (size_t i = 0; i < bytes; i += 3) {
        size_t n = MIN(bytes - i, (size_t)3);
        uint32_t group = (uint32_t)p[i] << 16;
        group |= n > 1 ? (uint32_t)p[i + 1] << 8 : 0;
        group |= n > 2 ? (uint32_t)p[i + 2] : 0;
        *to++ = digits[group >> 18];
        *to++ = digits[group >> 12 & 63];
        *to++ = n > 1 ? digits[group >> 6 & 63] : '=';
        *to++ = n > 2 ? digits[group & 63] : '=';
    }
    *to = 0;
    return text;
}

static void
put_payload(json_t *object, const baton_spec *spec)
{
    if (spec->payload_bytes == 0) {
        return;
    }
    if (utf8_is_valid(spec->payload, spec->payload_bytes)) {
        put(object, "payload", json_stringn(spec->payload, spec->payload_bytes));
    } else {
        char *text = base64(spec->payload, spec->payload_bytes);
        put(object, "payload_base64", json_string(text));
        free(text);
    }
}

static json_t *
dependencies(const baton_spec *spec)
{
    json_t *array = json_array();
    for (size_t i = 0; i < spec->n_after; i++) {
        json_t *edge = json_object();
        put_text(edge, "id", spec->after[i].id);
        put_text(edge, "project", spec->after[i].project);
        put_text(edge, "condition", condition_name((int)spec->after[i].condition));
        json_array_append_new(array, edge);
    }
    return array;
}

static json_t *
upstream(const baton_assignment *task)
{
    json_t *array = json_array();
    for (size_t i = 0; i < task->n_upstream; i++) {
        const struct baton_upstream *from = &task->upstream[i];
        json_t *entry = json_object();
        put_text(entry, "project", from->project);
        put_text(entry, "id", from->id);
        put_text(entry, "state", state_name((int)from->state));
        put_text(entry, "summary", from->summary);
        if (from->document_bytes > 0) {
            json_t *document = json_loadb(from->document, from->document_bytes,
                                          JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
            put(entry, "document", document ? document : json_null());
        }
        json_array_append_new(array, entry);
    }
    return array;
}

static json_t *
texts_of(const struct baton_card *card, const char *tag)
{
    json_t *array = json_array();
    for (size_t i = 0; i < card->n_items; i++) {
        const char *text = card->items[i].text;
        if (strcmp(card->items[i].tag, tag) == 0 && utf8_is_valid(text, strlen(text))) {
            json_array_append_new(array, json_string(text));
        }
    }
    return array;
}

static json_t *
artifacts_of(const struct baton_card *card)
{
    json_t *array = json_array();
    for (size_t i = 0; i < card->n_items; i++) {
        const struct baton_item *item = &card->items[i];
        if (strcmp(item->tag, "artifact") == 0) {
            json_t *entry = json_object();
            put_text(entry, "path", item->name);
            put_text(entry, "description", item->text);
            put(entry, "missing", json_boolean(strcmp(item->unit, "missing") == 0));
            json_array_append_new(array, entry);
        }
    }
    return array;
}

/* Under the names of the form that they were given in. */
static json_t *
handoffs(const baton_assignment *task)
{
    json_t *array = json_array();
    for (size_t i = 0; i < task->n_handoffs; i++) {
        const struct baton_card *card = &task->handoffs[i];
        json_t *entry = json_object();
        put(entry, "number", json_integer((json_int_t)card->number));
        put_text(entry, "state", card_state_name((int)card->state));
        put_text(entry, "project", card->project);
        put_text(entry, "task", card->task);
        put_text(entry, "from_agent", card->role);
        put_text(entry, "to_agent", card->to_role);
        put_time(entry, "timestamp", card->created_at);
        put(entry, "task_completed", texts_of(card, "completed"));
        put(entry, "dependencies_ready", texts_of(card, "ready"));
        put(entry, "blockers", texts_of(card, "blocker"));
        put(entry, "next_steps", texts_of(card, "next_step"));
        put(entry, "artifacts", artifacts_of(card));
        put_text(entry, "notes", card->text);
        json_array_append_new(array, entry);
    }
    return array;
}

static const char *
item_name(const struct baton_card *card, const char *tag)
{
    for (size_t i = 0; i < card->n_items; i++) {
        if (strcmp(card->items[i].tag, tag) == 0) {
            return card->items[i].name;
        }
    }
    return "";
}

static json_t *
decisions(const baton_assignment *task)
{
    json_t *array = json_array();
    for (size_t i = 0; i < task->n_decisions; i++) {
        const struct baton_card *card = &task->decisions[i];
        json_t *entry = json_object();
        put(entry, "number", json_integer((json_int_t)card->number));
        put_text(entry, "name", card->name);
        put_text(entry, "area", item_name(card, "area"));
        put_text(entry, "title", card->title);
        put_text(entry, "text", card->text);
        put_text(entry, "decision", card->outcome);
        put_text(entry, "decision_maker", card->owner);
        put_text(entry, "decided_by", item_name(card, "decided"));
        put_time(entry, "changed_at", card->changed_at);
        json_array_append_new(array, entry);
    }
    return array;
}

/* How its wait ended, or why it was sent back. */
static void
put_note(json_t *object, const baton_assignment *task)
{
    put_text(object, "note", task->note);
    json_t *previous = task->previous_bytes
                           ? json_loadb(task->previous, task->previous_bytes, JSON_DECODE_ANY, NULL)
                           : NULL;
    if (previous) {
        put(object, "previous", previous);
    }
}

static json_t *
locks(const baton_spec *spec)
{
    json_t *array = json_array();
    for (size_t i = 0; i < spec->n_claims; i++) {
        json_t *entry = json_object();
        put_text(entry, "name", spec->claims[i].name);
        put(entry, "amount", json_integer(spec->claims[i].amount));
        put(entry, "shared", json_boolean(spec->claims[i].shared));
        json_array_append_new(array, entry);
    }
    return array;
}

static json_t *
budgets(const baton_assignment *task)
{
    json_t *array = json_array();
    for (size_t i = 0; i < task->n_budgets; i++) {
        const struct baton_budget *b = &task->budgets[i];
        for (size_t k = 0; k < b->n_limits; k++) {
            json_t *entry = json_object();
            put_text(entry, "name", b->name);
            put_text(entry, "of", b->limits[k].name);
            put_text(entry, "unit", b->limits[k].unit);
            put(entry, "limit", json_real(b->limits[k].limit));
            put(entry, "used", json_real(b->limits[k].used));
            put(entry, "left", json_real(b->limits[k].limit - b->limits[k].used));
            put(entry, "hard", json_boolean(b->hard));
            put_time(entry, "day_ends_at", b->day_ends_at);
            json_array_append_new(array, entry);
        }
    }
    return array;
}

static void
put_spec(json_t *object, const baton_spec *spec)
{
    put_text(object, "title", spec->title);
    put_text(object, "priority", priority_name((int)spec->priority));
    put_time(object, "deadline", spec->deadline);
    put_text(object, "prompt", spec->prompt);
    put_payload(object, spec);
    put_list(object, "command", spec->command, spec->n_command);
    put_list(object, "check", spec->check, spec->n_check);
    put_text(object, "workdir", spec->workdir);
    put_number(object, "estimate_ms", spec->estimate_ms);
    put_number(object, "max_runtime_ms", spec->max_runtime_ms);
    put_number(object, "idle_ms", spec->idle_ms);
    put_number(object, "max_attempts", spec->max_attempts);
    put_text(object, "traceparent", spec->traceparent);
    json_t *labels = json_object();
    for (size_t i = 0; i < spec->n_labels; i++) {
        put_text(labels, spec->labels[i].name, spec->labels[i].value);
    }
    put(object, "labels", labels);
    put(object, "after", dependencies(spec));
}

char *
taskfile_make(const struct attempt *attempt)
{
    const baton_assignment *task = attempt->task;
    json_t *object = json_object();
    CHECK(object);
    put_text(object, "id", task->id);
    put_text(object, "project", task->project);
    put_text(object, "role", task->role);
    put(object, "token", json_integer((json_int_t)task->token));
    put(object, "attempt", json_integer(task->attempt));
    put_text(object, "worker", attempt->worker);
    put_text(object, "result_file", attempt->result_file);
    put_spec(object, task->spec);
    put_note(object, task);
    put(object, "upstream", upstream(task));
    if (task->n_handoffs) {
        put(object, "handoffs", handoffs(task));
    }
    if (task->spec->n_claims) {
        put(object, "locks", locks(task->spec));
    }
    if (task->n_budgets) {
        put(object, "budgets", budgets(task));
    }
    if (task->n_decisions) {
        put(object, "decisions", decisions(task));
    }
    char *text = json_dumps(object, JSON_INDENT(2));
    CHECK(text);
    json_decref(object);
    size_t bytes = strlen(text);
    text = xrealloc(text, bytes + 2);
    memcpy(text + bytes, "\n", 2);
    return text;
}
