#include "common/slab.h"

#include "common/alloc.h"
#include "common/check.h"
#include "common/huge.h"

#include <stdlib.h>

enum { REGION_BYTES_MIN = 32 * 1024 };

struct slab_piece {
    struct slab_piece *next;
};

struct slab_region {
    struct slab_region *next;
    size_t bytes;
};

/* A sanitizer watches over malloc's pieces only. */
#if defined(__SANITIZE_ADDRESS__)
enum { SMALL_BYTES_MAX = 0 };
#else
enum { SMALL_BYTES_MAX = SLAB_BYTES_MAX };
#endif

static size_t
class_of(size_t bytes)
{
    return (bytes + SLAB_STEP - 1) / SLAB_STEP;
}

/* Each twice as large as the one before, so that little memory is enough for few pieces. */
static void
region_add(struct slab *slab)
{
    size_t bytes = slab->regions ? MIN(slab->regions->bytes * 2, (size_t)HUGE_BYTES)
                                 : (size_t)REGION_BYTES_MIN;
    struct slab_region *region = bytes == HUGE_BYTES ? xmalloc_huge(bytes) : xmalloc(bytes);
    *region = (struct slab_region){.next = slab->regions, .bytes = bytes};
    slab->regions = region;
    slab->at = (uint8_t *)(region + 1);
    slab->left = bytes - sizeof *region;
}

void *
slab_alloc(struct slab *slab, size_t bytes)
{
    if (bytes > SMALL_BYTES_MAX) {
        return xmalloc(bytes);
    }
    size_t class = class_of(bytes);
    struct slab_piece *piece = slab->free[class];
    if (piece) {
        slab->free[class] = piece->next;
        return piece;
    }
    size_t need = class * SLAB_STEP;
    if (need > slab->left) {
        region_add(slab);
    }
    void *p = slab->at;
    slab->at += need;
    slab->left -= need;
    return p;
}

void
slab_free(struct slab *slab, void *p, size_t bytes)
{
    if (bytes > SMALL_BYTES_MAX) {
        free(p);
    } else if (p) {
        struct slab_piece *piece = p;
        piece->next = slab->free[class_of(bytes)];
        slab->free[class_of(bytes)] = piece;
    }
}

void
slab_fini(struct slab *slab)
{
    for (struct slab_region *region = slab->regions, *next; region; region = next) {
        next = region->next;
        if (region->bytes == HUGE_BYTES) {
            xfree_huge(region, region->bytes);
        } else {
            free(region);
        }
    }
    *slab = (struct slab){0};
}
