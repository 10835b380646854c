/* Hash indexes of the core: open addressing, 32-bit slots, no order. Lookups are O(1); growing is
 * O(n) now and then. */
#ifndef BATON_BROKER_CORE_INDEX_H
#define BATON_BROKER_CORE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From a 64-bit number to a 32-bit one, neither of them 0. For numbers that rise and come close
 * together (keys, tokens): neighbours share a block of one cache line, and the blocks are hashed.
 * Zeroed is empty. */
enum { INDEX64_BLOCK = 14 };
struct index64 {
    struct index64_block {
        uint64_t base; /* its numbers are [(base - 1) * INDEX64_BLOCK, …); 0: a free place */
        uint32_t values[INDEX64_BLOCK]; /* 0: not there */
    } * blocks;
    size_t room; /* of blocks; a power of two, or 0 */
    size_t n_blocks;
    size_t n;
    size_t latest; /* the place of what was put last: the next one is its neighbour most often */
};

uint32_t index64_get(const struct index64 *index, uint64_t key); /* 0: not there */
/* Replaces, and returns, what was there; 0: nothing. */
uint32_t index64_put(struct index64 *index, uint64_t key, uint32_t value);
void index64_remove(struct index64 *index, uint64_t key);
/* It will be looked up soon: its place comes to the cache meanwhile. */
void index64_fetch(const struct index64 *index, uint64_t key);
void index64_fini(struct index64 *index);

/* A set of slots found by a hash; the owner compares those whose hash is the same. Slot 0 can't be
 * in it, nor one that is three times what was in it at most.
 *
 * A place is one number: the low bits, as many as slots need in a table of that size, are the slot,
 * the others are the hash, of which the highest say where it belongs. So of ten million a hash of
 * 39 bits is compared. With one of 32, a look-up in 430 would touch a task that is not meant, in
 * memory that nobody has used for long. */
struct slotset {
    uint64_t *entries; /* 0: a free place */
    size_t room;       /* a power of two, or 0 */
    size_t n;
    unsigned shift; /* a hash belongs to the place hash >> shift */
};

typedef bool slotset_equal_fn(const void *context, uint32_t slot);

uint32_t slotset_find(const struct slotset *set, uint64_t hash, slotset_equal_fn *equal,
                      const void *context);
/* As index64_fetch. (Neither is inline: what does nothing but fetch has no effect in the compiler's
 * eyes, and it leaves out the call of one that it sees through.) */
void slotset_fetch(const struct slotset *set, uint64_t hash);
/* Room for so many in all, made at once. */
void slotset_reserve(struct slotset *set, size_t n);
void slotset_add(struct slotset *set, uint32_t slot, uint64_t hash);
void slotset_remove(struct slotset *set, uint32_t slot, uint64_t hash);
/* Another slot with the same hash in its place. */
void slotset_replace(struct slotset *set, uint32_t slot, uint64_t hash, uint32_t with);
void slotset_fini(struct slotset *set);

#endif
