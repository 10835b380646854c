/* A tree of what a YAML or JSON text says, with the line of each value. Memory is an arena's. */
#ifndef BATON_CTL_PLAN_NODE_H
#define BATON_CTL_PLAN_NODE_H

#include "common/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum node_kind {
    NODE_NULL,   /* nothing, "null", "~" */
    NODE_SCALAR, /* text, number, true, false: always with its text */
    NODE_LIST,
    NODE_MAP,
};

struct node {
    enum node_kind kind;
    bool plain;         /* scalar without quotes: may be meant as a number or a boolean */
    unsigned line;      /* from 1 */
    unsigned key_line;  /* of the key, in a map */
    const char *key;    /* in a map, else NULL */
    const char *text;   /* of a scalar, else "" */
    struct node *first; /* children, in order */
    struct node *last;  /* of them */
    struct node *next;  /* of the parent's children */
    size_t n;           /* children */
};

struct node *node_new(struct arena *arena, enum node_kind kind, unsigned line);

/* Appends to a list or a map; `key` is NULL in a list, and is kept, not copied. */
void node_add(struct node *parent, struct node *child, const char *key, unsigned key_line);

/* Is it the value of `key`? Not for what stands in a list. */
bool node_is(const struct node *node, const char *key);

/* A map's value, or NULL; also NULL when `map` is none. O(children). */
const struct node *node_get(const struct node *map, const char *key);

/* The first key that a map has twice, or NULL. O(n log n). */
const struct node *node_twin(const struct node *map);

/* "a list", "a map", "text", "nothing". */
const char *node_kind_name(const struct node *node);

#endif
