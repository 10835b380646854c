/* A hash table with open addressing. The hash has a fixed seed: what an enemy could slow down is
 * his own command line. */
#include "ctl/plan/index.h"

#include "common/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { ROOM_MIN = 256 };

struct entry {
    const char *project;
    const char *id;
};

struct index {
    struct entry *entries; /* by number */
    size_t n;
    size_t room;    /* of entries */
    uint32_t *hash; /* number + 1, 0: free; n_hash is a power of two, half full at most */
    size_t n_hash;
};

struct index *
index_new(void)
{
    struct index *index = xcalloc(1, sizeof *index);
    index->n_hash = ROOM_MIN;
    index->hash = xcalloc(index->n_hash, sizeof *index->hash);
    return index;
}

void
index_free(struct index *index)
{
    if (index) {
        free(index->entries);
        free(index->hash);
        free(index);
    }
}

/* Where the task is, or the free place where it belongs. */
static size_t
place_for(const struct index *index, const char *project, const char *id)
{
    uint64_t hash = XXH3_64bits(id, strlen(id)) ^ (XXH3_64bits(project, strlen(project)) * 31);
    for (size_t i = hash & (index->n_hash - 1);; i = (i + 1) & (index->n_hash - 1)) {
        uint32_t number = index->hash[i];
        if (number == 0) {
            return i;
        }
        const struct entry *entry = &index->entries[number - 1];
        if (strcmp(entry->id, id) == 0 && strcmp(entry->project, project) == 0) {
            return i;
        }
    }
}

static void
grow(struct index *index)
{
    free(index->hash);
    index->n_hash *= 2;
    index->hash = xcalloc(index->n_hash, sizeof *index->hash);
    for (size_t i = 0; i < index->n; i++) {
        const struct entry *entry = &index->entries[i];
        index->hash[place_for(index, entry->project, entry->id)] = (uint32_t)i + 1;
    }
}

size_t
index_add(struct index *index, const char *project, const char *id)
{
    size_t i = place_for(index, project, id);
    if (index->hash[i]) {
        return index->hash[i] - 1;
    }
    if (index->n == index->room) {
        index->room = index->room ? index->room * 2 : ROOM_MIN;
        index->entries = xreallocarray(index->entries, index->room, sizeof *index->entries);
    }
    index->entries[index->n++] = (struct entry){.project = project, .id = id};
    index->hash[i] = (uint32_t)index->n;
    if (index->n * 2 > index->n_hash) {
        grow(index);
    }
    return index->n - 1;
}

ptrdiff_t
index_find(const struct index *index, const char *project, const char *id)
{
    return (ptrdiff_t)index->hash[place_for(index, project, id)] - 1;
}

size_t
index_n(const struct index *index)
{
    return index->n;
}
