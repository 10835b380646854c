/* Result objects: strict about what decides (outcome, retry_after), generous about the rest, which
 * is handed on as it is. */
#include "worker/result.h"

#include "common/alloc.h"
#include "common/limits.h"
#include "common/text.h"
#include "common/units.h"
#include "common/words.h"
#include "worker/clean.h"
#include "worker/files.h"
#include "worker/handoff.h"
#include "worker/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct finding
bad(const char *source, const char *what)
{
    return finding_say(FINDING_BAD, BATON_OUTCOME_FAILED, "%s is not valid: %s", source, what);
}

/* Only what an agent may say; cancelled, timed_out and lost are found by others. */
static int
outcome_of(json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "outcome"));
    int outcome = name ? outcome_number(name) : -1;
    if (outcome == BATON_OUTCOME_PARKED || (name && strcmp(name, "blocked") == 0)) {
        return BATON_OUTCOME_PARKED;
    }
    return outcome >= BATON_OUTCOME_DONE && outcome <= BATON_OUTCOME_RELEASED ? outcome : -1;
}

/* What a parked task waits for, in the words of the broker, which says whether that makes sense.
 * NULL: it is not said. One that is blocked, and says no more, has a blocker raised. */
static char *
wait_for_of(json_t *object)
{
    const char *outcome = json_string_value(json_object_get(object, "outcome"));
    json_t *wait_for = json_object_get(object, "wait_for");
    if (!wait_for && strcmp(outcome, "blocked") == 0) {
        return xstrdup("blocker");
    }
    const char *text = json_string_value(wait_for);
    bool fits = text && prose_is_valid(text, ID_BYTES_MAX);
    return fits ? xstrdup(text) : NULL;
}

/* "10m" or a number of seconds. */
static bool
retry_after_of(json_t *object, int64_t *ret_ms)
{
    json_t *value = json_object_get(object, "retry_after");
    if (!value || json_is_null(value)) {
        return true;
    }
    if (json_is_number(value)) {
        double seconds = json_number_value(value);
        if (!(seconds >= 0 && seconds * 1000 <= (double)DURATION_MS_MAX)) {
            return false;
        }
        *ret_ms = (int64_t)(seconds * 1000);
        return true;
    }
    return json_is_string(value) && duration_parse(json_string_value(value), ret_ms);
}

/* What is left without the members that we read; NULL when nothing is, or it is too large. */
static char *
document_of(json_t *object)
{
    json_t *rest = json_copy(object);
    json_object_del(rest, "outcome");
    json_object_del(rest, "summary");
    json_object_del(rest, "retry_after");
    json_object_del(rest, "measures");
    json_object_del(rest, "wait_for");
    char *text = json_object_size(rest) ? json_dumps(rest, JSON_COMPACT) : NULL;
    json_decref(rest);
    if (text && strlen(text) > DOCUMENT_BYTES_MAX) {
        free(text);
        text = NULL;
    }
    return text;
}

struct finding
result_from_json(json_t *object, const char *source)
{
    if (!json_is_object(object)) {
        return bad(source, "write one JSON object, at least {\"outcome\":\"done\"}");
    }
    int outcome = outcome_of(object);
    if (outcome < 0) {
        return bad(
            source,
            "outcome must be done, failed, fatal, rate_limited, released, parked or blocked");
    }
    struct finding finding = {.kind = FINDING_SAID, .outcome = (baton_outcome)outcome};
    if (!retry_after_of(object, &finding.retry_after_ms)) {
        return bad(source, "retry_after must be a duration like \"10m\" or a number of seconds");
    }
    json_t *measures = json_object_get(object, "measures");
    const char *fault = measures && !json_is_null(measures)
                            ? measures_read(measures, &finding.measures)
                            : NULL;
    if (fault) {
        return bad(source, fault);
    }
    char why[HANDOFF_WHY_ROOM];
    if (!handoff_check(object, why)) {
        return bad(source, why);
    }
    const char *wait_for = json_string_value(json_object_get(object, "wait_for"));
    uint32_t control = wait_for ? prose_control(wait_for) : 0;
    if (outcome == BATON_OUTCOME_PARKED && control) {
        snprintf(why, sizeof why, "wait_for has the control character U+%04X in it",
                 (unsigned)control);
        return bad(source, why);
    }
    if (outcome == BATON_OUTCOME_PARKED && !(finding.wait_for = wait_for_of(object))) {
        return bad(source, "wait_for must say what it is parked for: blocker:NUMBER, signal:NAME, "
                           "decision:NAME, approval or children");
    }
    json_t *summary = json_object_get(object, "summary");
    if (json_is_string(summary)) {
        finding.summary = clean_head(json_string_value(summary), json_string_length(summary),
                                     TITLE_BYTES_MAX, 1);
    }
    finding.document = document_of(object);
    return finding;
}

/* What the parser makes of this is walked by recursion (here, in the broker's readers, in
 * dashboards), so its depth is bounded. */
static bool
is_too_deep(const char *text, size_t bytes)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > RESULT_DEPTH_MAX) {
                return true;
            }
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return false;
}

struct finding
result_parse(const char *text, size_t bytes, const char *source)
{
    if (is_too_deep(text, bytes)) {
        return bad(source, "it is nested too deeply (64 levels at most)");
    }
    json_error_t error;
    json_t *object = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
    if (!object) {
        return finding_say(FINDING_BAD, BATON_OUTCOME_FAILED, "%s is not valid: line %d: %s",
                           source, error.line, error.text);
    }
    struct finding finding = result_from_json(object, source);
    json_decref(object);
    return finding;
}

struct finding
result_read(int dir, const char *name)
{
    static const char source[] = "the result file";
    struct buf content = {0};
    switch (files_read(dir, name, RESULT_FILE_BYTES_MAX, &content)) {
    case FILES_MISSING:
        return (struct finding){0};
    case FILES_NOT_REGULAR:
        return bad(source, "it must be a regular file, not a link, FIFO or directory");
    case FILES_TOO_LARGE:
        return bad(source, "it is larger than 256 KiB; put large things in files and name them");
    case FILES_FAILED:
        return bad(source, "it cannot be read; leave it readable for the worker's user");
    case FILES_READ:
        break;
    }
    struct finding finding = result_parse((const char *)content.data, content.bytes, source);
    buf_fini(&content);
    return finding;
}
