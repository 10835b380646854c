/* The heap against a list that is looked through (broker/core/heap.h). */
#include "broker/core/heap.h"
#include "common/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 3000 };

struct owner {
    uint64_t key[N + 1]; /* by slot, from 1 */
    uint32_t position[N + 1];
    uint64_t n_compared;
    struct heap heap;
};

static bool
before(const void *context, uint32_t a, uint32_t b)
{
    struct owner *owner = (struct owner *)(uintptr_t)context;
    owner->n_compared++;
    return owner->key[a] != owner->key[b] ? owner->key[a] < owner->key[b] : a < b;
}

static uint32_t *
position(const void *context, uint32_t slot)
{
    return &((struct owner *)(uintptr_t)context)->position[slot];
}

static const struct heap_class class = {.before = before, .position = position};

static struct owner *
owner_new(void)
{
    struct owner *owner = calloc(1, sizeof *owner);
    assert_non_null(owner);
    return owner;
}

static void
owner_free(struct owner *owner)
{
    heap_fini(&owner->heap);
    free(owner);
}

static void
add(struct owner *owner, uint32_t slot, uint64_t key)
{
    owner->key[slot] = key;
    heap_add(&owner->heap, &class, owner, slot);
}

static void
check(struct owner *owner)
{
    uint32_t first = 0, n = 0;
    for (uint32_t slot = 1; slot <= N; slot++) {
        if (owner->position[slot]) {
            n++;
            first = !first || before(owner, slot, first) ? slot : first;
            assert_int_equal(heap_at(&owner->heap, owner->position[slot]), slot);
        }
    }
    assert_int_equal(owner->heap.n, n);
    assert_int_equal(heap_top(&owner->heap), first);
    static bool seen[N + 1];
    uint32_t cursor = 0;
    memset(seen, 0, sizeof seen);
    for (uint32_t slot; (slot = heap_walk(&owner->heap, &cursor)); n--) {
        assert_true(owner->position[slot] && !seen[slot]);
        seen[slot] = true;
    }
    assert_int_equal(n, 0);
}

/* Mostly in order, as the broker's are, or not at all. */
static uint64_t
draw(struct rng *rng, uint64_t step, unsigned how)
{
    static const uint64_t delays[] = {0, 1000, 8000, 72000, 500000, 7};
    return how == 0   ? step
           : how == 1 ? step + delays[rng_below(rng, sizeof delays / sizeof *delays)]
                      : rng_below(rng, 1000);
}

static void
test_the_first_is_the_first_whatever_comes_and_goes(void **unused)
{
    (void)unused;
    for (unsigned round = 0; round < 12; round++) {
        struct owner *owner = owner_new();
        struct rng rng = {.state = round};
        unsigned grows = 6;
        for (uint64_t step = 0; step < 20000; step++) {
            uint32_t slot = 1 + (uint32_t)rng_below(&rng, N);
            unsigned dice = (unsigned)rng_below(&rng, 10);
            grows = step % 4000 == 0 ? 3 + (unsigned)rng_below(&rng, 5) : grows;
            if (owner->position[slot] && dice == 0) {
                owner->key[slot] = draw(&rng, step, round % 3);
                heap_fix(&owner->heap, &class, owner, slot);
            } else if (owner->position[slot] && dice == 1) {
                heap_remove(&owner->heap, &class, owner, slot);
            } else if (!owner->position[slot] && dice < grows) {
                add(owner, slot, draw(&rng, step, round % 3));
            } else if (owner->heap.n) {
                heap_remove(&owner->heap, &class, owner, heap_top(&owner->heap));
            }
            if (step % 100 == 0) {
                check(owner);
            }
        }
        while (owner->heap.n) {
            uint32_t top = heap_top(&owner->heap);
            heap_remove(&owner->heap, &class, owner, top);
            assert_true(!owner->heap.n || before(owner, top, heap_top(&owner->heap)));
        }
        check(owner);
        owner_free(owner);
    }
}

static void
test_what_comes_in_order_is_hardly_compared(void **unused)
{
    (void)unused;
    struct owner *owner = owner_new();
    for (uint32_t slot = 1; slot <= N; slot++) {
        add(owner, slot, slot / 10);
    }
    for (uint32_t slot = 1; slot <= N; slot++) {
        assert_int_equal(heap_top(&owner->heap), slot);
        heap_remove(&owner->heap, &class, owner, slot);
    }
    assert_true(owner->n_compared <= UINT64_C(2) * N);
    owner_free(owner);
}

static void
test_a_few_orders_mixed_are_runs_still(void **unused)
{
    (void)unused;
    struct owner *owner = owner_new();
    struct rng rng = {.state = 1};
    static const uint64_t delays[HEAP_RUNS] = {0, 1000, 8000, 72000};
    for (uint32_t slot = 1; slot <= N; slot++) {
        add(owner, slot, slot + delays[rng_below(&rng, HEAP_RUNS)]);
    }
    assert_int_equal(owner->heap.n_slots, 0);
    check(owner);
    owner_free(owner);
}

static void
test_one_that_stays_costs_no_room(void **unused)
{
    (void)unused;
    struct owner *owner = owner_new();
    add(owner, 1, 0);
    for (uint32_t i = 0; i < 1000 * 1000; i++) {
        uint32_t slot = 2 + i % 100;
        if (owner->position[slot]) {
            heap_remove(&owner->heap, &class, owner, slot);
        }
        add(owner, slot, i);
    }
    for (uint32_t r = 0; r < owner->heap.n_runs; r++) {
        assert_true(owner->heap.runs[r].room <= 512);
    }
    check(owner);
    owner_free(owner);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_is_the_first_whatever_comes_and_goes),
        cmocka_unit_test(test_what_comes_in_order_is_hardly_compared),
        cmocka_unit_test(test_a_few_orders_mixed_are_runs_still),
        cmocka_unit_test(test_one_that_stays_costs_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
