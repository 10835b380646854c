/* Names of tasks to small numbers. */
#include "ctl/names.h"

#include "common/alloc.h"
#include "common/check.h"
#include "ctl/ref.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t
hash_of(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *text; text++) {
        hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
    }
    return hash ^ hash >> 29;
}

/* The slot that holds the name, or the free one where it goes. */
static size_t
slot_of(const struct names *names, const char *text)
{
    size_t slot = hash_of(text) & (names->n_slots - 1);
    while (names->slots[slot] && strcmp(names->texts[names->slots[slot] - 1], text) != 0) {
        slot = (slot + 1) & (names->n_slots - 1);
    }
    return slot;
}

static void
grow(struct names *names)
{
    names->n_slots = names->n_slots ? names->n_slots * 2 : 256;
    free(names->slots);
    names->slots = xcalloc(names->n_slots, sizeof *names->slots);
    for (size_t i = 0; i < names->n; i++) {
        names->slots[slot_of(names, names->texts[i])] = (uint32_t)i + 1;
    }
}

static void
write_name(const char *project, const char *id, char *out)
{
    snprintf(out, CTL_REF_ROOM, "%s//%s", project && project[0] ? project : CTL_DEFAULT_PROJECT,
             id);
}

size_t
names_add(struct names *names, const char *project, const char *id)
{
    char text[CTL_REF_ROOM];
    write_name(project, id, text);
    if (names->n * 2 >= names->n_slots) {
        grow(names);
    }
    size_t slot = slot_of(names, text);
    if (names->slots[slot]) {
        return names->slots[slot] - 1;
    }
    if (names->n == names->room) {
        names->room = names->room ? names->room * 2 : 128;
        names->texts = xreallocarray(names->texts, names->room, sizeof *names->texts);
    }
    CHECK(names->n < UINT32_MAX - 1);
    names->texts[names->n] = xstrdup(text);
    names->slots[slot] = (uint32_t)++names->n;
    return names->n - 1;
}

size_t
names_find(const struct names *names, const char *project, const char *id)
{
    char text[CTL_REF_ROOM];
    write_name(project, id, text);
    if (!names->n_slots) {
        return NAMES_NONE;
    }
    size_t slot = slot_of(names, text);
    return names->slots[slot] ? names->slots[slot] - 1 : NAMES_NONE;
}

void
names_fini(struct names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        free(names->texts[i]);
    }
    free(names->texts);
    free(names->slots);
    *names = (struct names){0};
}
