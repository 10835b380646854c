#include "broker/core/index.h"

#include "common/check.h"
#include "common/huge.h"

enum { ROOM_MIN = 64 };

static uint64_t
base_of(uint64_t key)
{
    return key / INDEX64_BLOCK + 1;
}

/* Spreads bases, which rise by one, over the table. */
static size_t
spread(uint64_t base)
{
    base ^= base >> 32;
    base *= 0x9e3779b97f4a7c15u;
    return (size_t)(base ^ (base >> 29));
}

static struct index64_block *
block_place(const struct index64 *index, uint64_t base)
{
    size_t mask = index->room - 1;
    size_t i = spread(base) & mask;
    while (index->blocks[i].base != 0 && index->blocks[i].base != base) {
        i = (i + 1) & mask;
    }
    return &index->blocks[i];
}

uint32_t
index64_get(const struct index64 *index, uint64_t key)
{
    if (index->n == 0) {
        return 0;
    }
    const struct index64_block *block = block_place(index, base_of(key));
    return block->base ? block->values[key % INDEX64_BLOCK] : 0;
}

void
index64_fetch(const struct index64 *index, uint64_t key)
{
    if (index->room) {
        __builtin_prefetch(&index->blocks[spread(base_of(key)) & (index->room - 1)]);
    }
}

static void
index64_grow(struct index64 *index)
{
    struct index64 bigger = {.room = index->room ? index->room * 2 : ROOM_MIN,
                             .n_blocks = index->n_blocks,
                             .n = index->n};
    bigger.blocks = xcalloc_huge(bigger.room, sizeof *bigger.blocks);
    for (size_t i = 0; i < index->room; i++) {
        if (index->blocks[i].base != 0) {
            *block_place(&bigger, index->blocks[i].base) = index->blocks[i];
        }
    }
    xfree_table(index->blocks, index->room, sizeof *index->blocks);
    *index = bigger;
}

uint32_t
index64_put(struct index64 *index, uint64_t key, uint32_t value)
{
    CHECK(key != 0 && value != 0);
    if ((index->n_blocks + 1) * 3 > index->room * 2) {
        index64_grow(index);
    }
    struct index64_block *block = &index->blocks[index->latest];
    if (block->base != base_of(key)) {
        block = block_place(index, base_of(key));
        index->latest = (size_t)(block - index->blocks);
    }
    if (block->base == 0) {
        block->base = base_of(key);
        index->n_blocks++;
    }
    uint32_t *at = &block->values[key % INDEX64_BLOCK], before = *at;
    index->n += before == 0;
    *at = value;
    return before;
}

/* Closes the gap that an empty block leaves, so that probing needs no tombstones. */
static void
block_remove(struct index64 *index, struct index64_block *block)
{
    size_t mask = index->room - 1;
    size_t gap = (size_t)(block - index->blocks);
    for (size_t i = (gap + 1) & mask; index->blocks[i].base != 0; i = (i + 1) & mask) {
        size_t home = spread(index->blocks[i].base) & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            index->blocks[gap] = index->blocks[i];
            gap = i;
        }
    }
    index->blocks[gap] = (struct index64_block){0};
    index->n_blocks--;
}

void
index64_remove(struct index64 *index, uint64_t key)
{
    if (index64_get(index, key) == 0) {
        return;
    }
    struct index64_block *block = block_place(index, base_of(key));
    block->values[key % INDEX64_BLOCK] = 0;
    index->n--;
    uint32_t any = 0;
    for (size_t i = 0; i < INDEX64_BLOCK; i++) {
        any |= block->values[i];
    }
    if (!any) {
        block_remove(index, block);
    }
}

void
index64_fini(struct index64 *index)
{
    xfree_table(index->blocks, index->room, sizeof *index->blocks);
    *index = (struct index64){0};
}

/* The bits of an entry that are the slot. */
static uint64_t
slot_mask(const struct slotset *set)
{
    return 2 * (uint64_t)set->room - 1;
}

static uint32_t
slot_of(const struct slotset *set, uint64_t entry)
{
    return (uint32_t)(entry & slot_mask(set));
}

uint32_t
slotset_find(const struct slotset *set, uint64_t hash, slotset_equal_fn *equal, const void *context)
{
    if (set->n == 0) {
        return 0;
    }
    for (size_t i = hash >> set->shift; set->entries[i] != 0; i = (i + 1) & (set->room - 1)) {
        uint64_t entry = set->entries[i];
        if (((entry ^ hash) & ~slot_mask(set)) == 0 && equal(context, slot_of(set, entry))) {
            return slot_of(set, entry);
        }
    }
    return 0;
}

void
slotset_fetch(const struct slotset *set, uint64_t hash)
{
    if (set->room) {
        __builtin_prefetch(&set->entries[hash >> set->shift]);
    }
}

static void
entry_set(struct slotset *set, size_t i, uint32_t slot, uint64_t hash)
{
    CHECK(slot != 0 && slot <= slot_mask(set));
    set->entries[i] = (hash & ~slot_mask(set)) | slot;
}

static void
slotset_place(struct slotset *set, uint32_t slot, uint64_t hash)
{
    size_t i = hash >> set->shift;
    while (set->entries[i] != 0) {
        i = (i + 1) & (set->room - 1);
    }
    entry_set(set, i, slot, hash);
}

void
slotset_reserve(struct slotset *set, size_t n)
{
    size_t room = set->room ? set->room : ROOM_MIN;
    while (n * 3 > room * 2) {
        room *= 2;
    }
    if (room == set->room) {
        return;
    }
    struct slotset bigger = {
        .room = room, .n = set->n, .shift = (unsigned)__builtin_clzll(room) + 1};
    CHECK(slot_mask(&bigger) <= UINT32_MAX);
    bigger.entries = xcalloc_huge(bigger.room, sizeof *bigger.entries);
    for (size_t i = 0; i < set->room; i++) {
        if (set->entries[i] != 0) {
            slotset_place(&bigger, slot_of(set, set->entries[i]), set->entries[i]);
        }
    }
    xfree_table(set->entries, set->room, sizeof *set->entries);
    *set = bigger;
}

void
slotset_add(struct slotset *set, uint32_t slot, uint64_t hash)
{
    if ((set->n + 1) * 3 > set->room * 2) {
        slotset_reserve(set, set->n + 1);
    }
    slotset_place(set, slot, hash);
    set->n++;
}

/* Where it stands; it must. */
static size_t
slotset_where(const struct slotset *set, uint32_t slot, uint64_t hash)
{
    CHECK(set->n > 0);
    size_t i = hash >> set->shift;
    while (slot_of(set, set->entries[i]) != slot) {
        CHECK(set->entries[i] != 0);
        i = (i + 1) & (set->room - 1);
    }
    return i;
}

void
slotset_replace(struct slotset *set, uint32_t slot, uint64_t hash, uint32_t with)
{
    entry_set(set, slotset_where(set, slot, hash), with, hash);
}

void
slotset_remove(struct slotset *set, uint32_t slot, uint64_t hash)
{
    size_t mask = set->room - 1;
    size_t gap = slotset_where(set, slot, hash);
    for (size_t i = (gap + 1) & mask; set->entries[i] != 0; i = (i + 1) & mask) {
        size_t home = set->entries[i] >> set->shift;
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            set->entries[gap] = set->entries[i];
            gap = i;
        }
    }
    set->entries[gap] = 0;
    set->n--;
}

void
slotset_fini(struct slotset *set)
{
    xfree_table(set->entries, set->room, sizeof *set->entries);
    *set = (struct slotset){0};
}
