/* common/slab. */
#include "common/alloc.h"
#include "common/check.h"
#include "common/rng.h"
#include "common/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PIECES = 20000, ROUNDS = 200 * 1000 };

struct piece {
    uint8_t *p;
    size_t bytes;
    uint8_t mark;
};

static void
assert_untouched(const struct piece *piece)
{
    for (size_t i = 0; i < piece->bytes; i++) {
        assert_int_equal(piece->p[i], piece->mark);
    }
}

/* Nobody's piece is anybody else's, whatever comes and goes. */
static void
test_pieces_do_not_overlap(void **state)
{
    (void)state;
    struct slab slab = {0};
    struct rng rng = {.state = 7};
    struct piece *pieces = xcalloc(PIECES, sizeof *pieces);
    for (int round = 0; round < ROUNDS; round++) {
        struct piece *piece = &pieces[rng_below(&rng, PIECES)];
        if (piece->p) {
            assert_untouched(piece);
            slab_free(&slab, piece->p, piece->bytes);
            piece->p = NULL;
        } else {
            piece->bytes = 1 + (size_t)rng_below(&rng, SLAB_BYTES_MAX + 100);
            piece->p = slab_alloc(&slab, piece->bytes);
            assert_int_equal((uintptr_t)piece->p % SLAB_STEP, 0);
            piece->mark = (uint8_t)round;
            memset(piece->p, piece->mark, piece->bytes);
        }
    }
    for (int i = 0; i < PIECES; i++) {
        if (pieces[i].p) {
            assert_untouched(&pieces[i]);
            slab_free(&slab, pieces[i].p, pieces[i].bytes);
        }
    }
    free(pieces);
    slab_fini(&slab);
}

static void
test_what_is_given_back_is_used_again(void **state)
{
    (void)state;
    struct slab slab = {0};
    void *first = slab_alloc(&slab, 100);
    slab_free(&slab, first, 100);
    void *again = slab_alloc(&slab, 97);
#if !defined(__SANITIZE_ADDRESS__)
    assert_ptr_equal(again, first);
#endif
    slab_free(&slab, again, 97);
    slab_free(&slab, NULL, 0);
    slab_fini(&slab);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_do_not_overlap),
        cmocka_unit_test(test_what_is_given_back_is_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
