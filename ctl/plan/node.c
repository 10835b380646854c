/* Generic tree of a YAML or JSON text. */
#include "ctl/plan/node.h"

#include "common/alloc.h"

#include <stdlib.h>
#include <string.h>

struct node *
node_new(struct arena *arena, enum node_kind kind, unsigned line)
{
    struct node *node = arena_calloc(arena, 1, sizeof *node);
    node->kind = kind;
    node->line = line;
    node->text = "";
    return node;
}

void
node_add(struct node *parent, struct node *child, const char *key, unsigned key_line)
{
    child->key = key;
    child->key_line = key_line;
    if (parent->last) {
        parent->last->next = child;
    } else {
        parent->first = child;
    }
    parent->last = child;
    parent->n++;
}

bool
node_is(const struct node *node, const char *key)
{
    return strcmp(node->key, key) == 0;
}

const struct node *
node_get(const struct node *map, const char *key)
{
    if (!map || map->kind != NODE_MAP) {
        return NULL;
    }
    for (const struct node *child = map->first; child; child = child->next) {
        if (strcmp(child->key, key) == 0) {
            return child;
        }
    }
    return NULL;
}

static int
compare_keys(const void *a, const void *b)
{
    const struct node *x = *(const struct node *const *)a;
    const struct node *y = *(const struct node *const *)b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x->key_line > y->key_line) - (x->key_line < y->key_line);
}

const struct node *
node_twin(const struct node *map)
{
    if (map->n < 2) {
        return NULL;
    }
    const struct node **sorted = xcalloc(map->n, sizeof *sorted);
    size_t n = 0;
    for (const struct node *child = map->first; child; child = child->next) {
        sorted[n++] = child;
    }
    qsort(sorted, n, sizeof *sorted, compare_keys);
    const struct node *twin = NULL;
    for (size_t i = 1; i < n && !twin; i++) {
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0) {
            twin = sorted[i];
        }
    }
    free(sorted);
    return twin;
}

const char *
node_kind_name(const struct node *node)
{
    switch (node->kind) {
    case NODE_NULL:
        return "nothing";
    case NODE_SCALAR:
        return "text";
    case NODE_LIST:
        return "a list";
    case NODE_MAP:
        return "a map";
    }
    return "";
}
