/* Handoffs in result files. Strict: what is not understood would be lost on whoever goes on. */
#include "worker/handoff.h"

#include "common/alloc.h"
#include "common/check.h"
#include "common/limits.h"
#include "common/text.h"
#include "common/units.h"
#include "common/words.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reading {
    struct handoff *to;
    char *why;
};

static bool
fail(struct reading *r, const char *field, const char *what)
{
    snprintf(r->why, HANDOFF_WHY_ROOM, "handoff.%s: %s", field, what);
    return false;
}

/* NULL: none more can be added. */
static struct baton_item *
add_item(struct reading *r, const char *tag)
{
    struct handoff *to = r->to;
    if (to->card.n_items == CARD_ITEMS_MAX) {
        return NULL;
    }
    to->items = xreallocarray(to->items, to->card.n_items + 1, sizeof *to->items);
    struct baton_item *item = &to->items[to->card.n_items++];
    *item = (struct baton_item){.tag = tag, .name = "", .text = "", .unit = "", .by = ""};
    return item;
}

/* NULL: reported; `wanted` is what it should be. */
static const char *
text_of(struct reading *r, const char *field, const char *wanted, json_t *value, size_t bytes_max)
{
    const char *text = json_string_value(value);
    uint32_t control = text ? prose_control(text) : 0;
    char why[96];
    if (!text || !text[0]) {
        fail(r, field, wanted);
        return NULL;
    }
    if (control) {
        snprintf(why, sizeof why,
                 "a text has the control character U+%04X in it; only newline and tab are taken",
                 (unsigned)control);
        fail(r, field, why);
        return NULL;
    }
    if (!prose_is_valid(text, bytes_max)) {
        snprintf(why, sizeof why, "a text is longer than %zu bytes", bytes_max);
        fail(r, field, why);
        return NULL;
    }
    return text;
}

static bool
read_line(struct reading *r, const char *field, const char *tag, json_t *value)
{
    const char *text = text_of(r, field, "a list of texts is wanted", value, CARD_TEXT_BYTES_MAX);
    if (!text) {
        return false;
    }
    struct baton_item *item = add_item(r, tag);
    if (!item) {
        return fail(r, field, "more than 500 lines");
    }
    item->text = text;
    return true;
}

static bool
read_lines(struct reading *r, const char *field, const char *tag, json_t *value)
{
    if (!json_is_array(value)) {
        return read_line(r, field, tag, value);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!read_line(r, field, tag, json_array_get(value, i))) {
            return false;
        }
    }
    return true;
}

static bool
read_artifact(struct reading *r, json_t *value)
{
    static const char field[] = "artifacts", relative[] = "each has a relative path without '..'";
    json_t *described = json_object_get(value, "description");
    const char *path = text_of(r, field, relative,
                               json_is_object(value) ? json_object_get(value, "path") : value,
                               TITLE_BYTES_MAX);
    if (!path || !path_stays_below(path)) {
        return path && fail(r, field, relative);
    }
    const char *description = described ? text_of(r, field, "a description is a text", described,
                                                  CARD_TEXT_BYTES_MAX)
                                        : "";
    if (!description) {
        return false;
    }
    struct baton_item *item = add_item(r, "artifact");
    if (!item) {
        return fail(r, field, "more than 500 lines");
    }
    item->name = path;
    item->text = description;
    item->unit = json_is_true(json_object_get(value, "missing")) ? "missing" : "";
    return true;
}

static bool
read_artifacts(struct reading *r, json_t *value)
{
    if (!json_is_array(value)) {
        return fail(r, "artifacts", "a list is wanted, of paths or {path, description}");
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!read_artifact(r, json_array_get(value, i))) {
            return false;
        }
    }
    return true;
}

static bool
read_role(struct reading *r, const char *field, json_t *value, const char **ret)
{
    const char *name = json_string_value(value);
    int role = name ? role_number_loose(name) : -1;
    if (role < 0) {
        return fail(r, field,
                    "the roles are infra, backend, frontend, realtime, integration, testing");
    }
    *ret = role_names[role];
    return true;
}

static bool
read_timestamp(struct reading *r, json_t *value)
{
    int64_t at;
    const char *text = json_string_value(value);
    if (!text || !time_parse(text, NULL, 0, &at)) {
        return fail(r, "timestamp", "a time is wanted, such as 2025-08-13T14:00:00Z");
    }
    struct baton_item *item = add_item(r, "timestamp");
    if (item) {
        item->at = at;
    }
    return item || fail(r, "timestamp", "more than 500 lines");
}

static bool
read_member(struct reading *r, const char *name, json_t *value)
{
    static const struct {
        const char *name;
        const char *tag;
    } lists[] = {{"task_completed", "completed"},
                 {"dependencies_ready", "ready"},
                 {"blockers", "blocker"},
                 {"next_steps", "next_step"}};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (strcmp(name, lists[i].name) == 0) {
            return read_lines(r, lists[i].name, lists[i].tag, value);
        }
    }
    if (strcmp(name, "from_agent") == 0) {
        return read_role(r, "from_agent", value, &r->to->card.role);
    }
    if (strcmp(name, "to_agent") == 0) {
        return read_role(r, "to_agent", value, &r->to->card.to_role);
    }
    if (strcmp(name, "timestamp") == 0) {
        return read_timestamp(r, value);
    }
    if (strcmp(name, "artifacts") == 0) {
        return read_artifacts(r, value);
    }
    if (strcmp(name, "notes") == 0) {
        r->to->card.text = text_of(r, "notes", "a text of at most 64 KiB is wanted", value,
                                   CARD_TEXT_BYTES_MAX);
        return r->to->card.text != NULL;
    }
    snprintf(r->why, HANDOFF_WHY_ROOM,
             "handoff: it has from_agent, to_agent, timestamp, task_completed, dependencies_ready, "
             "blockers, next_steps, artifacts and notes, and nothing else");
    return false;
}

static bool
read_handoff(json_t *handoff, struct handoff *to, char *why)
{
    struct reading r = {.to = to, .why = why};
    if (!json_is_object(handoff)) {
        snprintf(why, HANDOFF_WHY_ROOM, "handoff: an object is wanted");
        return false;
    }
    const char *name;
    json_t *value;
    to->card = (struct baton_card){.kind = BATON_CARD_HANDOFF};
    json_object_foreach(handoff, name, value)
    {
        if (!json_is_null(value) && !read_member(&r, name, value)) {
            return false;
        }
    }
    to->card.items = to->items;
    if (!to->card.n_items && !to->card.text) {
        snprintf(why, HANDOFF_WHY_ROOM, "handoff: it says nothing");
        return false;
    }
    return true;
}

bool
handoff_check(json_t *result, char why[HANDOFF_WHY_ROOM])
{
    json_t *handoff = json_object_get(result, "handoff");
    struct handoff read = {0};
    bool ok = !handoff || read_handoff(handoff, &read, why);
    handoff_fini(&read);
    return ok;
}

static json_t *
artifact_missing(json_t *artifact)
{
    json_t *object = json_object();
    const char *path = json_string_value(artifact);
    CHECK(object);
    if (path) {
        json_object_set(object, "path", artifact);
    } else {
        json_object_update(object, artifact);
    }
    json_object_set_new(object, "missing", json_true());
    return object;
}

char *
handoff_mark_missing(char *document, int workdir)
{
    json_t *object = document && workdir >= 0 ? json_loads(document, 0, NULL) : NULL;
    json_t *artifacts = json_object_get(json_object_get(object, "handoff"), "artifacts");
    bool changed = false;
    for (size_t i = 0; i < json_array_size(artifacts); i++) {
        json_t *artifact = json_array_get(artifacts, i);
        const char *path = json_string_value(
            json_is_object(artifact) ? json_object_get(artifact, "path") : artifact);
        if (path && faccessat(workdir, path, F_OK, 0) != 0) {
            json_array_set_new(artifacts, i, artifact_missing(artifact));
            changed = true;
        }
    }
    char *marked = changed ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (!marked) {
        return document;
    }
    free(document);
    return marked;
}

bool
handoff_take(const struct baton_result *result, struct handoff *ret)
{
    *ret = (struct handoff){0};
    json_t *object = result->document_bytes
                         ? json_loadb(result->document, result->document_bytes, 0, NULL)
                         : NULL;
    json_t *handoff = json_object_get(object, "handoff");
    char why[HANDOFF_WHY_ROOM];
    if (!handoff || !read_handoff(handoff, ret, why)) {
        json_decref(object);
        handoff_fini(ret);
        return false;
    }
    ret->object = json_incref(handoff);
    json_object_del(object, "handoff");
    char *rest = json_object_size(object) ? json_dumps(object, JSON_COMPACT) : NULL;
    ret->document = rest ? rest : xstrdup("");
    json_decref(object);
    return true;
}

void
handoff_fini(struct handoff *handoff)
{
    free(handoff->items);
    free(handoff->document);
    json_decref(handoff->object);
    *handoff = (struct handoff){0};
}
