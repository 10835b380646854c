/* Names of tasks to small numbers: 0, 1, 2, … in the order in which they came. */
#ifndef BATON_CTL_NAMES_H
#define BATON_CTL_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define NAMES_NONE SIZE_MAX

/* Zeroed memory is an empty one. */
struct names {
    char **texts;    /* "PROJECT//ID", owned */
    size_t n;        /* names */
    size_t room;     /* of texts */
    uint32_t *slots; /* open addressing: number + 1, 0 for free; owned */
    size_t n_slots;  /* a power of two */
};

/* The number of a name, which is added when it is new. `project` may be NULL or "". */
size_t names_add(struct names *names, const char *project, const char *id);

/* NAMES_NONE when it is not there. */
size_t names_find(const struct names *names, const char *project, const char *id);

void names_fini(struct names *names);

#endif
