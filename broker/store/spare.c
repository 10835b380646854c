/* Memory of batches that are durable, for those that come: written full again and again, it need
 * not grow by copying, nor come from the system page by page. */
#include "broker/store/private.h"

#include <stdlib.h>

static void
keep(struct store *store, uint8_t **data, size_t room)
{
    if (room > 0 && room <= SPARE_BYTES_MAX && store->n_spares < SPARES_MAX) {
        store->spares[store->n_spares++] = (struct buf){.data = *data, .room = room};
        *data = NULL;
    }
}

void
spare_keep(struct store *store, struct entry *entries)
{
    for (struct entry *entry = entries; entry; entry = entry->next) {
        struct store_batch *batch = &entry->batch;
        if (batch->facts) { /* the follower may have it */
            keep(store, &batch->facts, batch->facts_room);
        }
        keep(store, &batch->records, batch->records_room);
    }
}

struct buf
store_spare(struct store *store)
{
    struct buf spare = {0};
    pthread_mutex_lock(&store->mutex);
    if (store->n_spares > 0) {
        spare = store->spares[--store->n_spares];
    }
    pthread_mutex_unlock(&store->mutex);
    return spare;
}

void
spare_fini(struct store *store)
{
    while (store->n_spares > 0) {
        free(store->spares[--store->n_spares].data);
    }
}
