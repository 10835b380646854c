/* JSON to nodes: jansson decides what is JSON, then a walk beside its tree finds the lines. */
#include "ctl/plan/inner.h"

#include <jansson.h>
#include <string.h>

/* A place in a text that is known to be JSON. */
struct walk {
    struct plan *plan;
    struct place at;
    const char *p;
    size_t n_nodes;
};

/* To the next token that begins a value or a key; separators are nothing here. */
static void
walk_to_token(struct walk *walk)
{
    for (;; walk->p++) {
        switch (*walk->p) {
        case '\n':
            walk->at.line++;
            break;
        case ' ':
        case '\t':
        case '\r':
        case ',':
        case ':':
        case ']':
        case '}':
            break;
        default:
            return;
        }
    }
}

/* Behind a string or a word; behind the bracket of a collection. */
static void
walk_over(struct walk *walk)
{
    if (*walk->p == '[' || *walk->p == '{') {
        walk->p++;
        return;
    }
    if (*walk->p != '"') {
        walk->p += strcspn(walk->p, " \t\r\n,:]}");
        return;
    }
    for (walk->p++; *walk->p && *walk->p != '"'; walk->p++) {
        if (*walk->p == '\\' && walk->p[1]) {
            walk->p++;
        }
    }
    walk->p += *walk->p == '"';
}

static const char *
scalar_text(struct arena *arena, const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_STRING:
        return arena_memdup(arena, json_string_value(json), json_string_length(json) + 1);
    case JSON_INTEGER:
        return arena_printf(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
    case JSON_REAL:
        return arena_printf(arena, "%.15g", json_real_value(json));
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_NULL:
        break;
    }
    return "";
}

static struct node *convert(struct walk *walk, json_t *json);

/* The order of jansson's objects is that of the text, which the lines rest on. */
static void
convert_children(struct walk *walk, json_t *json, struct node *node)
{
    if (node->kind == NODE_LIST) {
        for (size_t i = 0; i < json_array_size(json); i++) {
            node_add(node, convert(walk, json_array_get(json, i)), NULL, 0);
        }
        return;
    }
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value)
    {
        walk_to_token(walk);
        unsigned line = walk->at.line;
        walk_over(walk);
        const char *kept = arena_strdup(&walk->plan->arena, key);
        node_add(node, convert(walk, value), kept, line);
    }
}

/* As deep as the text was found to be, so at most PLAN_NESTING_MAX. */
static struct node *
convert(struct walk *walk, json_t *json)
{
    walk_to_token(walk);
    enum node_kind kind = json_is_object(json)  ? NODE_MAP
                          : json_is_array(json) ? NODE_LIST
                          : json_is_null(json)  ? NODE_NULL
                                                : NODE_SCALAR;
    struct node *node = node_new(&walk->plan->arena, kind, walk->at.line);
    walk->n_nodes++;
    walk_over(walk);
    if (kind == NODE_MAP || kind == NODE_LIST) {
        convert_children(walk, json, node);
    } else {
        node->plain = !json_is_string(json);
        node->text = scalar_text(&walk->plan->arena, json);
    }
    return node;
}

/* Depth and number of values, before jansson builds them; outside of strings every ',' '[' '{' is
 * followed by one value at most. */
static bool
scan_before(struct plan *plan, struct place at, const char *text, size_t bytes)
{
    size_t depth = 0, n_values = 1;
    bool in_string = false;
    for (const char *p = text, *end = text + bytes; p < end; p++) {
        if (*p == '\n') {
            at.line++;
        } else if (in_string) {
            if (*p == '\\') {
                p++;
            } else if (*p == '"') {
                in_string = false;
            }
            continue;
        }
        switch (*p) {
        case '"':
            in_string = true;
            break;
        case '[':
        case '{':
            depth++;
            n_values++;
            break;
        case ']':
        case '}':
            depth -= depth > 0;
            break;
        case ',':
            n_values++;
            break;
        default:
            break;
        }
        if (depth > PLAN_NESTING_MAX) {
            plan_fail(plan, at, "nested more than %d deep; a plan needs a few levels",
                      PLAN_NESTING_MAX);
            return false;
        }
        if (n_values > PLAN_NODES_MAX) {
            plan_fail(plan, at, "more than %d values; split the plan into several files",
                      PLAN_NODES_MAX);
            return false;
        }
    }
    return true;
}

const struct node *
json_read(struct plan *plan, const struct source *source, const char *text, size_t bytes,
          unsigned line)
{
    struct place at = {source->at.file, line};
    if (!scan_before(plan, at, text, bytes)) {
        return NULL;
    }
    json_error_t error;
    json_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!json) {
        at.line = line + (error.line > 0 ? (unsigned)error.line - 1 : 0);
        plan_fail(plan, at, "not JSON: %s (column %d); correct it there", error.text, error.column);
        return NULL;
    }
    struct walk walk = {.plan = plan, .at = at, .p = text};
    const struct node *root = convert(&walk, json);
    json_decref(json);
    return root;
}
