/* Adapters. Every one reads lines from the end backwards as far as it must; unknown lines are
 * skipped, since agents add kinds of lines with each version. */
#include "worker/adapter.h"

#include "common/alloc.h"
#include "worker/clean.h"
#include "worker/limits.h"
#include "worker/result.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[ADAPTERS] = {"none", "claude-json", "codex-jsonl", "openhands-jsonl",
                                            "last-json-line"};

bool
adapter_of(const char *name, enum adapter *ret_adapter)
{
    for (int i = 0; i < ADAPTERS; i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_adapter = (enum adapter)i;
            return true;
        }
    }
    return false;
}

const char *
adapter_name(enum adapter adapter)
{
    return (unsigned)adapter < ADAPTERS ? names[adapter] : "";
}

/* The line that ends before *end; moves *end to its beginning. False: no more. */
static bool
line_before(const char *text, size_t *end, const char **ret_line, size_t *ret_bytes)
{
    size_t to = *end;
    while (to > 0 && (text[to - 1] == '\n' || text[to - 1] == '\r' || text[to - 1] == ' ')) {
        to--;
    }
    if (to == 0) {
        return false;
    }
    const char *newline = memrchr(text, '\n', to);
    size_t from = newline ? (size_t)(newline - text) + 1 : 0;
    *ret_line = text + from;
    *ret_bytes = to - from;
    *end = from;
    return true;
}

static const char *
text_of(json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

static bool
is(json_t *object, const char *member, const char *value)
{
    return strcmp(text_of(object, member), value) == 0;
}

/* Adds `value` of the object under our name, when it is a number. */
static double
take_number(json_t *object, const char *member, struct measures *to, const char *name,
            const char *unit)
{
    json_t *value = json_object_get(object, member);
    if (!json_is_number(value)) {
        return 0;
    }
    measures_add(to, name, json_number_value(value), unit);
    return json_number_value(value);
}

/* ---- claude ---- */

static void
claude_measures(json_t *result, struct measures *to)
{
    json_t *usage = json_object_get(result, "usage");
    double tokens = take_number(usage, "input_tokens", to, "input_tokens", "") +
                    take_number(usage, "output_tokens", to, "output_tokens", "") +
                    take_number(usage, "cache_creation_input_tokens", to, "cache_write_tokens",
                                "") +
                    take_number(usage, "cache_read_input_tokens", to, "cache_read_tokens", "");
    if (json_is_object(usage)) {
        measures_add(to, "tokens", tokens, "");
    }
    take_number(result, "total_cost_usd", to, "cost_usd", "USD");
    take_number(result, "duration_ms", to, "duration", "ms");
    take_number(result, "num_turns", to, "turns", "");
}

static struct finding
claude_result(json_t *result)
{
    const char *text = text_of(result, "result");
    json_t *denials = json_object_get(result, "permission_denials");
    json_t *turns = json_object_get(result, "num_turns");
    struct finding finding;
    if (!is(result, "subtype", "success") || json_is_true(json_object_get(result, "is_error"))) {
        finding = finding_say(FINDING_SAID, BATON_OUTCOME_FAILED, "claude: %s: %s",
                              text_of(result, "subtype"), text);
    } else if (json_array_size(denials) > 0) {
        finding = finding_say(FINDING_UNPROVEN, BATON_OUTCOME_FAILED,
                              "claude was denied the tool %s; allow it (--allowedTools) or have it "
                              "write the result file",
                              text_of(json_array_get(denials, 0), "tool_name"));
    } else if (json_is_integer(turns) && json_integer_value(turns) == 0) {
        finding = finding_say(FINDING_UNPROVEN, BATON_OUTCOME_FAILED,
                              "claude ended without a single turn: %s", text);
    } else {
        finding = finding_say(FINDING_SAID, BATON_OUTCOME_DONE, "%s", text);
    }
    claude_measures(result, &finding.measures);
    char *document = json_dumps(result, JSON_COMPACT);
    if (document && strlen(document) <= DOCUMENT_BYTES_MAX) {
        finding.document = document;
    } else {
        free(document);
    }
    return finding;
}

/* --output-format json: one object; with --verbose an array of messages; stream-json: a line each.
 */
static struct finding
claude_read(const char *text, size_t bytes)
{
    json_t *whole = json_loadb(text, bytes, 0, NULL);
    if (json_is_array(whole)) {
        json_t *last = json_incref(json_array_get(whole, json_array_size(whole) - 1));
        json_decref(whole);
        whole = last;
    }
    struct finding finding = {0};
    if (whole && is(whole, "type", "result")) {
        finding = claude_result(whole);
        json_decref(whole);
        return finding;
    }
    json_decref(whole);
    const char *line;
    size_t n;
    for (size_t end = bytes; finding.kind == FINDING_NONE && line_before(text, &end, &line, &n);) {
        json_t *object = json_loadb(line, n, 0, NULL);
        if (object && is(object, "type", "result")) {
            finding = claude_result(object);
        }
        json_decref(object);
    }
    return finding;
}

/* ---- codex ---- */

struct codex {
    bool completed;
    struct finding failed;
    char *message; /* the agent's last one */
};

static void
codex_line(struct codex *codex, json_t *object)
{
    if (is(object, "type", "turn.failed") || is(object, "type", "error")) {
        json_t *error = json_object_get(object, "error");
        const char *text = error ? text_of(error, "message") : text_of(object, "message");
        codex->failed = finding_say(FINDING_SAID, BATON_OUTCOME_FAILED, "codex: %s", text);
    } else if (is(object, "type", "turn.completed")) {
        codex->completed = true;
    } else if (is(object, "type", "item.completed") && !codex->message) {
        json_t *item = json_object_get(object, "item");
        if (is(item, "type", "agent_message") || is(item, "item_type", "agent_message")) {
            const char *text = text_of(item, "text");
            codex->message = clean_head(text, strlen(text), TITLE_BYTES_MAX, 1);
        }
    }
}

/* What all turns used, together. */
static void
codex_measures(const char *text, size_t bytes, struct measures *to)
{
    double input = 0, cached = 0, output = 0;
    const char *line;
    size_t n, n_turns = 0;
    for (size_t end = bytes; line_before(text, &end, &line, &n);) {
        json_t *object = json_loadb(line, n, 0, NULL);
        if (object && is(object, "type", "turn.completed")) {
            json_t *usage = json_object_get(object, "usage");
            input += json_number_value(json_object_get(usage, "input_tokens"));
            cached += json_number_value(json_object_get(usage, "cached_input_tokens"));
            output += json_number_value(json_object_get(usage, "output_tokens"));
            n_turns += json_is_object(usage);
        }
        json_decref(object);
    }
    if (n_turns) {
        measures_add(to, "input_tokens", input, "");
        measures_add(to, "cache_read_tokens", cached, ""); /* they are among the input */
        measures_add(to, "output_tokens", output, "");
        measures_add(to, "tokens", input + output, "");
        measures_add(to, "turns", (double)n_turns, "");
    }
}

/* Backwards: the turn's end that is met first is the last one; then its last message. */
static struct finding
codex_read(const char *text, size_t bytes)
{
    struct codex codex = {0};
    const char *line;
    size_t n;
    for (size_t end = bytes; codex.failed.kind == FINDING_NONE &&
                             !(codex.completed && codex.message) &&
                             line_before(text, &end, &line, &n);) {
        json_t *object = json_loadb(line, n, 0, NULL);
        if (object) {
            codex_line(&codex, object);
        }
        json_decref(object);
    }
    struct finding finding = codex.failed;
    if (codex.completed) {
        finding_fini(&codex.failed);
        finding = codex.message ? finding_say(FINDING_SAID, BATON_OUTCOME_DONE, "%s", codex.message)
                                : finding_say(FINDING_UNPROVEN, BATON_OUTCOME_FAILED,
                                              "codex ended its turn without a message");
    }
    free(codex.message);
    codex_measures(text, bytes, &finding.measures);
    return finding;
}

/* ---- openhands ---- */

static struct finding
openhands_line(json_t *object)
{
    json_t *action = json_object_get(object, "action");
    const char *kind = json_is_object(action) ? text_of(action, "kind") : text_of(object, "action");
    if (strcmp(kind, "finish") == 0 || strcmp(kind, "FinishAction") == 0) {
        json_t *args = json_is_object(action) ? action : json_object_get(object, "args");
        const char *text = text_of(args, "message");
        text = *text ? text : text_of(args, "final_thought");
        return finding_say(FINDING_SAID, BATON_OUTCOME_DONE, "%s", text);
    }
    const char *observation = text_of(object, "observation");
    if (strcmp(observation, "error") == 0 || is(object, "kind", "ConversationErrorEvent")) {
        const char *text = text_of(object, "content");
        return finding_say(FINDING_SAID, BATON_OUTCOME_FAILED, "openhands: %s",
                           *text ? text : text_of(object, "detail"));
    }
    return (struct finding){0};
}

static struct finding
openhands_read(const char *text, size_t bytes)
{
    struct finding finding = {0};
    const char *line;
    size_t n;
    for (size_t end = bytes; finding.kind == FINDING_NONE && line_before(text, &end, &line, &n);) {
        json_t *object = json_loadb(line, n, 0, NULL);
        if (object) {
            finding = openhands_line(object);
        }
        json_decref(object);
    }
    return finding;
}

static struct finding
last_line_read(const char *text, size_t bytes)
{
    const char *line;
    size_t n;
    size_t end = bytes;
    if (!line_before(text, &end, &line, &n) || line[0] != '{' || n > DOCUMENT_BYTES_MAX) {
        return (struct finding){0};
    }
    return result_parse(line, n, "the last line of output");
}

struct finding
adapter_read(enum adapter adapter, const char *text, size_t bytes)
{
    switch (adapter) {
    case ADAPTER_CLAUDE_JSON:
        return claude_read(text, bytes);
    case ADAPTER_CODEX_JSONL:
        return codex_read(text, bytes);
    case ADAPTER_OPENHANDS_JSONL:
        return openhands_read(text, bytes);
    case ADAPTER_LAST_JSON_LINE:
        return last_line_read(text, bytes);
    case ADAPTER_NONE:
    case ADAPTERS:
        break;
    }
    return (struct finding){0};
}
