/* The spool: a JSON file a result. */
#include "worker/spool.h"

#include "common/alloc.h"
#include "common/log.h"
#include "common/words.h"
#include "worker/files.h"
#include "worker/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* jansson refuses what is not UTF-8; a result must be kept all the same. */
static json_t *
text(const char *s, size_t bytes)
{
    json_t *value = json_stringn(s ? s : "", s ? bytes : 0);
    return value ? value : json_string("");
}

static json_t *
text_of(const char *s)
{
    return text(s, s ? strlen(s) : 0);
}

bool
spool_save(int dir, uint64_t token, const char *project, const char *id,
           const struct baton_result *result)
{
    json_t *object = json_object();
    CHECK(object);
    json_object_set_new(object, "token", json_integer((json_int_t)token));
    json_object_set_new(object, "project", text_of(project));
    json_object_set_new(object, "id", text_of(id));
    json_object_set_new(object, "outcome", text_of(outcome_name((int)result->outcome)));
    json_object_set_new(object, "summary", text_of(result->summary));
    json_object_set_new(object, "document", text(result->document, result->document_bytes));
    json_object_set_new(object, "exit_status", json_integer(result->exit_status));
    json_object_set_new(object, "output_tail", text_of(result->output_tail));
    json_object_set_new(object, "output_bytes", json_integer((json_int_t)result->output_bytes));
    json_object_set_new(object, "retry_after_ms", json_integer(result->retry_after_ms));
    json_object_set_new(object, "runtime_ms", json_integer(result->runtime_ms));
    json_object_set_new(object, "measures", measures_json(result->measures, result->n_measures));
    json_object_set_new(object, "wait_for", text_of(result->wait_for));
    char *content = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    CHECK(content);
    bool ok = files_replace(dir, token_name(token).s, content, strlen(content), true);
    int error = errno;
    free(content);
    errno = error;
    return ok;
}

static char *
member(json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    return xstrdup(value ? value : "");
}

static int64_t
number(json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static bool
decode(json_t *object, struct spooled *ret_spooled)
{
    const char *name = json_string_value(json_object_get(object, "outcome"));
    int outcome = name ? outcome_number(name) : -1;
    if (outcome <= BATON_OUTCOME_NONE) {
        return false;
    }
    struct spooled spooled = {
        .project = member(object, "project"),
        .id = member(object, "id"),
        .summary = member(object, "summary"),
        .document = member(object, "document"),
        .output_tail = member(object, "output_tail"),
        .wait_for = member(object, "wait_for"),
    };
    spooled.result = (struct baton_result){
        .outcome = (baton_outcome)outcome,
        .summary = spooled.summary,
        .document = spooled.document,
        .document_bytes = strlen(spooled.document),
        .exit_status = (int)number(object, "exit_status"),
        .output_tail = spooled.output_tail,
        .output_bytes = (uint64_t)number(object, "output_bytes"),
        .retry_after_ms = number(object, "retry_after_ms"),
        .runtime_ms = number(object, "runtime_ms"),
        .wait_for = spooled.wait_for,
    };
    json_t *measures = json_object_get(object, "measures");
    if (measures && measures_read(measures, &spooled.measures)) {
        spooled_fini(&spooled);
        return false;
    }
    *ret_spooled = spooled;
    ret_spooled->result.measures = ret_spooled->view;
    ret_spooled->result.n_measures = measures_view(&ret_spooled->measures, ret_spooled->view);
    return true;
}

bool
spool_load(const struct state *state, uint64_t token, struct spooled *ret_spooled)
{
    struct buf content = {0};
    enum files_read status = files_read(state->spool, token_name(token).s, SPOOL_FILE_BYTES_MAX,
                                        &content);
    if (status == FILES_MISSING) {
        return false;
    }
    bool ok = false;
    if (status == FILES_READ) {
        json_t *object = json_loadb((char *)content.data, content.bytes, 0, NULL);
        ok = object && decode(object, ret_spooled);
        json_decref(object);
        buf_fini(&content);
    }
    if (!ok) {
        log_event(LOG_LEVEL_ERROR, "result.damaged", "token=%" PRIu64 " moved_to=%s/orphans", token,
                  state->path);
        spool_orphan(state, token);
    }
    return ok;
}

void
spooled_fini(struct spooled *spooled)
{
    free(spooled->project);
    free(spooled->id);
    free(spooled->summary);
    free(spooled->document);
    free(spooled->output_tail);
    free(spooled->wait_for);
    *spooled = (struct spooled){0};
}

void
spool_forget(const struct state *state, uint64_t token)
{
    (void)unlinkat(state->spool, token_name(token).s, 0);
}

void
spool_orphan(const struct state *state, uint64_t token)
{
    struct token_name name = token_name(token);
    (void)renameat(state->spool, name.s, state->orphans, name.s);
}
