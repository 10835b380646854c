/* Memory for many small pieces that come and go in any number: without malloc's header and rounding
 * to 16 bytes, from large regions. What is given back is kept for pieces of the same size. Whoever
 * gives a piece back knows its size. Zeroed is empty. */
#ifndef BATON_COMMON_SLAB_H
#define BATON_COMMON_SLAB_H

#include <stddef.h>
#include <stdint.h>

enum { SLAB_STEP = 8, SLAB_BYTES_MAX = 512 }; /* larger pieces are malloc's */

struct slab {
    struct slab_piece *free[SLAB_BYTES_MAX / SLAB_STEP + 1]; /* by size */
    uint8_t *at;                                             /* unused end of the newest region */
    size_t left;
    struct slab_region *regions;
};

void *slab_alloc(struct slab *slab, size_t bytes);
void slab_free(struct slab *slab, void *p, size_t bytes); /* as many as were asked for */
/* Pieces of more than SLAB_BYTES_MAX are to be given back before. */
void slab_fini(struct slab *slab);

#endif
