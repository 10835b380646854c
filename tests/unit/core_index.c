/* The set of slots against a table of everything (broker/core/index.h). */
#include "broker/core/index.h"
#include "common/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N = 1000, MANY = 1 << 20 };

struct owner {
    uint64_t *hash; /* by slot, from 1; 0: it is not in the set */
    uint64_t looked_for;
    uint32_t n_compared;
    struct slotset set;
};

static struct owner *
owner_new(uint32_t n)
{
    struct owner *owner = calloc(1, sizeof *owner);
    assert_non_null(owner);
    owner->hash = calloc(n + 1, sizeof *owner->hash);
    assert_non_null(owner->hash);
    return owner;
}

static void
owner_free(struct owner *owner)
{
    slotset_fini(&owner->set);
    free(owner->hash);
    free(owner);
}

static bool
is_it(const void *context, uint32_t slot)
{
    struct owner *owner = (struct owner *)(uintptr_t)context;
    owner->n_compared++;
    return owner->hash[slot] == owner->looked_for;
}

static uint32_t
find(struct owner *owner, uint64_t hash)
{
    owner->looked_for = hash;
    return slotset_find(&owner->set, hash, is_it, owner);
}

/* Hashes that differ in one bit, so that most belong to few places, or have their low bits alike.
 */
static uint64_t
hash_new(struct rng *rng)
{
    return UINT64_C(0x8000800080008000) ^ UINT64_C(1) << rng_below(rng, 64) ^
           UINT64_C(1) << rng_below(rng, 64) ^ UINT64_C(1) << rng_below(rng, 64);
}

static void
check(struct owner *owner)
{
    uint32_t n = 0;
    for (uint32_t slot = 1; slot <= N; slot++) {
        if (owner->hash[slot]) {
            n++;
            assert_int_equal(find(owner, owner->hash[slot]), slot);
        }
    }
    assert_int_equal(owner->set.n, n);
}

static void
test_what_is_in_it_is_found_whatever_comes_and_goes(void **unused)
{
    (void)unused;
    struct rng rng = {.state = 1};
    struct owner *owner = owner_new(N);
    size_t most = 0;
    for (uint32_t step = 0; step < 100 * 1000; step++) {
        /* Slots rise with what there is, as those of tasks do. */
        size_t room = owner->set.n * 2 + 1;
        uint32_t slot = 1 + (uint32_t)rng_below(&rng, room < N ? room : N);
        bool falls = step / 10000 % 2 == 1;
        uint64_t hash = owner->hash[slot];
        uint64_t other = hash_new(&rng);
        uint32_t free_slot = 1 + (uint32_t)rng_below(&rng, slot);
        if (!hash && !falls && !find(owner, other)) {
            slotset_add(&owner->set, slot, other);
            owner->hash[slot] = other;
        } else if (hash && !owner->hash[free_slot]) {
            slotset_replace(&owner->set, slot, hash, free_slot);
            owner->hash[slot] = 0;
            owner->hash[free_slot] = hash;
        } else if (hash && rng_below(&rng, falls ? 2 : 20) == 0) {
            slotset_remove(&owner->set, slot, hash);
            owner->hash[slot] = 0;
            assert_int_equal(find(owner, hash), 0);
        }
        if (step % 1000 == 0) {
            check(owner);
            most = owner->set.n > most ? owner->set.n : most;
        }
    }
    assert_true(most > N / 2);
    check(owner);
    owner_free(owner);
}

static void
test_of_many_none_is_looked_at_that_is_not_meant(void **unused)
{
    (void)unused;
    struct rng rng = {.state = 1};
    struct owner *owner = owner_new(MANY);
    for (uint32_t slot = 1; slot <= MANY; slot++) {
        owner->hash[slot] = rng_next(&rng);
        slotset_add(&owner->set, slot, owner->hash[slot]);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(find(owner, rng_next(&rng)), 0);
    }
    /* One pair in 2 to the 42 has all bits alike that are kept, so a quarter of one is to come. */
    assert_true(owner->n_compared <= 4);
    owner_free(owner);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_in_it_is_found_whatever_comes_and_goes),
        cmocka_unit_test(test_of_many_none_is_looked_at_that_is_not_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
