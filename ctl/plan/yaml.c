/* YAML to nodes, by libyaml's events.
 *
 * libyaml has no bounds of its own, and time quadratic in the depth of flow collections. So the
 * text is looked over before libyaml sees it, and the depth is counted while its events come: it
 * never looks further ahead than 1024 characters of one line, the most that a simple key may have.
 * Anchors, aliases, tags, and keys that stand twice are refused: a plan needs none of them, and
 * each lets a text mean something else than it seems to say. */
#include "ctl/plan/inner.h"

#include <string.h>
#include <yaml.h>

struct builder {
    struct plan *plan;
    struct source *source;
    void (*each)(struct plan *plan, struct source *source, const struct node *root);
    struct node *stack[PLAN_NESTING_MAX];
    size_t depth;
    struct node *root; /* of the document at hand; NULL before its first event */
    const char *key;   /* of the value that comes; NULL: the next scalar is a key */
    unsigned key_line;
    size_t n_nodes;
};

/* ---- before libyaml ---- */

/* A run of nothing but opening brackets is no plan; in all other texts the events count. */
static bool
has_bomb(const char *line, size_t bytes, size_t *run)
{
    for (size_t i = 0; i < bytes; i++) {
        switch (line[i]) {
        case '[':
        case '{':
            if (++*run > PLAN_NESTING_MAX) {
                return true;
            }
            break;
        case ' ':
        case '\t':
        case '\r':
        case ',':
            break;
        default:
            *run = 0;
        }
    }
    return false;
}

static bool
scan_before(struct plan *plan, const struct source *source)
{
    struct place at = {source->at.file, 1};
    size_t run = 0;
    for (const char *p = source->text, *end = p + source->bytes; p < end; at.line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((newline ? newline : end) - p);
        if (n > PLAN_LINE_BYTES_MAX) {
            plan_fail(plan, at, "the line is longer than 1 MiB; break it, or use prompt_file");
            return false;
        }
        if (has_bomb(p, n, &run)) {
            plan_fail(plan, at, "brackets are nested more than %d deep; a plan needs a few levels",
                      PLAN_NESTING_MAX);
            return false;
        }
        /* libyaml compares each of them with all before it. */
        if (n >= 4 && memcmp(p, "%TAG", 4) == 0) {
            plan_fail(plan, at, "tags are not taken; remove the %%TAG line");
            return false;
        }
        p += n + (newline ? 1 : 0);
    }
    return true;
}

/* ---- events ---- */

static struct place
place_here(const struct builder *b, const yaml_mark_t *mark)
{
    return (struct place){b->source->at.file, (unsigned)mark->line + 1};
}

static bool
attach(struct builder *b, struct node *node, struct place at)
{
    if (++b->n_nodes > PLAN_NODES_MAX) {
        plan_fail(b->plan, at, "more than %d values; split the plan into several files",
                  PLAN_NODES_MAX);
        return false;
    }
    if (b->depth == 0) {
        b->root = node;
        return true;
    }
    node_add(b->stack[b->depth - 1], node, b->key, b->key_line);
    b->key = NULL;
    return true;
}

static bool
refuse_decoration(struct builder *b, struct place at, const yaml_char_t *anchor,
                  const yaml_char_t *tag)
{
    if (anchor) {
        plan_fail(b->plan, at, "anchors (&%s) are not taken; write the value out, or use defaults:",
                  quote(b->plan, (const char *)anchor));
        return false;
    }
    if (tag) {
        plan_fail(b->plan, at,
                  "tags (%s) are not taken; put the text in quotes if it begins with !",
                  quote(b->plan, (const char *)tag));
        return false;
    }
    return true;
}

static bool
is_key(const struct builder *b)
{
    return b->depth && b->stack[b->depth - 1]->kind == NODE_MAP && !b->key;
}

static bool
open_collection(struct builder *b, enum node_kind kind, struct place at)
{
    if (is_key(b)) {
        plan_fail(b->plan, at, "a key must be a word, not %s",
                  kind == NODE_MAP ? "a map" : "a list");
        return false;
    }
    if (b->depth == PLAN_NESTING_MAX) {
        plan_fail(b->plan, at, "nested more than %d deep; a plan needs a few levels",
                  PLAN_NESTING_MAX);
        return false;
    }
    struct node *node = node_new(&b->plan->arena, kind, at.line);
    if (!attach(b, node, at)) {
        return false;
    }
    b->stack[b->depth++] = node;
    b->key = NULL;
    return true;
}

static bool
close_collection(struct builder *b)
{
    struct node *node = b->stack[--b->depth];
    b->key = NULL;
    const struct node *twin = node->kind == NODE_MAP ? node_twin(node) : NULL;
    if (twin) {
        plan_fail(b->plan, (struct place){b->source->at.file, twin->key_line},
                  "%s stands twice in one map; remove one of them", quote(b->plan, twin->key));
        return false;
    }
    return true;
}

static bool
add_scalar(struct builder *b, const yaml_event_t *event, struct place at)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t bytes = event->data.scalar.length;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (bytes > PLAN_SCALAR_BYTES_MAX) {
        plan_fail(b->plan, at, "the value is longer than 1 MiB; shorten it");
        return false;
    }
    if (strlen(text) != bytes) { /* by the escape \0 */
        plan_fail(b->plan, at, "a NUL in a value; remove it");
        return false;
    }
    if (is_key(b)) {
        if (plain && strcmp(text, "<<") == 0) {
            plan_fail(b->plan, at, "merge keys (<<) are not taken; use defaults:");
            return false;
        }
        if (++b->n_nodes > PLAN_NODES_MAX) {
            plan_fail(b->plan, at, "more than %d values; split the plan", PLAN_NODES_MAX);
            return false;
        }
        b->key = arena_memdup(&b->plan->arena, text, bytes + 1);
        b->key_line = at.line;
        return true;
    }
    bool nothing = plain && (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
    struct node *node = node_new(&b->plan->arena, nothing ? NODE_NULL : NODE_SCALAR, at.line);
    node->plain = plain;
    node->text = arena_memdup(&b->plan->arena, text, bytes + 1);
    return attach(b, node, at);
}

static bool
take(struct builder *b, const yaml_event_t *event)
{
    struct place at = place_here(b, &event->start_mark);
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        b->root = NULL;
        return true;
    case YAML_DOCUMENT_END_EVENT:
        if (b->root && b->root->kind != NODE_NULL) {
            b->each(b->plan, b->source, b->root);
        }
        return true;
    case YAML_ALIAS_EVENT:
        plan_fail(b->plan, at, "aliases (*%s) are not taken; write the value out, or use defaults:",
                  quote(b->plan, (const char *)event->data.alias.anchor));
        return false;
    case YAML_SCALAR_EVENT:
        return refuse_decoration(b, at, event->data.scalar.anchor, event->data.scalar.tag) &&
               add_scalar(b, event, at);
    case YAML_SEQUENCE_START_EVENT:
        return refuse_decoration(b, at, event->data.sequence_start.anchor,
                                 event->data.sequence_start.tag) &&
               open_collection(b, NODE_LIST, at);
    case YAML_MAPPING_START_EVENT:
        return refuse_decoration(b, at, event->data.mapping_start.anchor,
                                 event->data.mapping_start.tag) &&
               open_collection(b, NODE_MAP, at);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_collection(b);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
        return true;
    }
    return true;
}

static void
fail_parser(struct builder *b, const yaml_parser_t *parser)
{
    const char *problem = parser->problem ? parser->problem : "not YAML";
    const char *context = parser->context ? parser->context : "";
    plan_fail(b->plan, place_here(b, &parser->problem_mark),
              "not YAML: %s%s%s; look at the indentation, quotes and brackets here and above",
              problem, *context ? " " : "", context);
}

void
yaml_read(struct plan *plan, struct source *source,
          void (*each)(struct plan *plan, struct source *source, const struct node *root))
{
    if (!source_check(plan, source, PLAN_YAML_BYTES_MAX) || !scan_before(plan, source)) {
        return;
    }
    struct builder b = {.plan = plan, .source = source, .each = each};
    yaml_parser_t parser;
    CHECK(yaml_parser_initialize(&parser));
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)source->text, source->bytes);
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            fail_parser(&b, &parser);
            break;
        }
        more = event.type != YAML_STREAM_END_EVENT && take(&b, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
}
