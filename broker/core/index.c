#include "broker/core/index.h"

#include "common/alloc.h"
#include "common/check.h"

#include <stdlib.h>

enum { ROOM_MIN = 64 };

/* Spreads numbers that rise by one (keys, tokens) over the table. */
static size_t
spread(uint64_t key)
{
    key ^= key >> 32;
    key *= 0x9e3779b97f4a7c15u;
    return (size_t)(key ^ (key >> 29));
}

static struct index64_entry *
index64_place(const struct index64 *index, uint64_t key)
{
    size_t mask = index->room - 1;
    size_t i = spread(key) & mask;
    while (index->entries[i].key != 0 && index->entries[i].key != key) {
        i = (i + 1) & mask;
    }
    return &index->entries[i];
}

uint32_t
index64_get(const struct index64 *index, uint64_t key)
{
    if (index->n == 0 || key == 0) {
        return 0;
    }
    const struct index64_entry *entry = index64_place(index, key);
    return entry->key == key ? entry->value : 0;
}

static void
index64_grow(struct index64 *index)
{
    struct index64 bigger = {.room = index->room ? index->room * 2 : ROOM_MIN, .n = index->n};
    bigger.entries = xcalloc(bigger.room, sizeof *bigger.entries);
    for (size_t i = 0; i < index->room; i++) {
        if (index->entries[i].key != 0) {
            *index64_place(&bigger, index->entries[i].key) = index->entries[i];
        }
    }
    free(index->entries);
    *index = bigger;
}

void
index64_put(struct index64 *index, uint64_t key, uint32_t value)
{
    CHECK(key != 0);
    if ((index->n + 1) * 3 > index->room * 2) {
        index64_grow(index);
    }
    struct index64_entry *entry = index64_place(index, key);
    if (entry->key == 0) {
        index->n++;
    }
    *entry = (struct index64_entry){.key = key, .value = value};
}

void
index64_remove(struct index64 *index, uint64_t key)
{
    if (index->n == 0) {
        return;
    }
    struct index64_entry *entry = index64_place(index, key);
    if (entry->key != key) {
        return;
    }
    /* Close the gap, so that probing needs no tombstones. */
    size_t mask = index->room - 1;
    size_t gap = (size_t)(entry - index->entries);
    for (size_t i = (gap + 1) & mask; index->entries[i].key != 0; i = (i + 1) & mask) {
        size_t home = spread(index->entries[i].key) & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            index->entries[gap] = index->entries[i];
            gap = i;
        }
    }
    index->entries[gap].key = 0;
    index->n--;
}

void
index64_fini(struct index64 *index)
{
    free(index->entries);
    *index = (struct index64){0};
}

uint32_t
slotset_find(const struct slotset *set, uint32_t hash, slotset_equal_fn *equal, const void *context)
{
    if (set->n == 0) {
        return 0;
    }
    size_t mask = set->room - 1;
    for (size_t i = hash & mask; set->slots[i] != 0; i = (i + 1) & mask) {
        if (equal(context, set->slots[i])) {
            return set->slots[i];
        }
    }
    return 0;
}

static void
slotset_place(struct slotset *set, uint32_t slot, uint32_t hash)
{
    size_t mask = set->room - 1;
    size_t i = hash & mask;
    while (set->slots[i] != 0) {
        i = (i + 1) & mask;
    }
    set->slots[i] = slot;
}

void
slotset_add(struct slotset *set, uint32_t slot, uint32_t hash, slotset_hash_fn *hash_of,
            const void *context)
{
    CHECK(slot != 0);
    if ((set->n + 1) * 3 > set->room * 2) {
        struct slotset bigger = {.room = set->room ? set->room * 2 : ROOM_MIN, .n = set->n};
        bigger.slots = xcalloc(bigger.room, sizeof *bigger.slots);
        for (size_t i = 0; i < set->room; i++) {
            if (set->slots[i] != 0) {
                slotset_place(&bigger, set->slots[i], hash_of(context, set->slots[i]));
            }
        }
        free(set->slots);
        *set = bigger;
    }
    slotset_place(set, slot, hash);
    set->n++;
}

void
slotset_remove(struct slotset *set, uint32_t slot, uint32_t hash, slotset_hash_fn *hash_of,
               const void *context)
{
    CHECK(set->n > 0);
    size_t mask = set->room - 1;
    size_t gap = hash & mask;
    while (set->slots[gap] != slot) {
        CHECK(set->slots[gap] != 0);
        gap = (gap + 1) & mask;
    }
    for (size_t i = (gap + 1) & mask; set->slots[i] != 0; i = (i + 1) & mask) {
        size_t home = hash_of(context, set->slots[i]) & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            set->slots[gap] = set->slots[i];
            gap = i;
        }
    }
    set->slots[gap] = 0;
    set->n--;
}

void
slotset_fini(struct slotset *set)
{
    free(set->slots);
    *set = (struct slotset){0};
}
