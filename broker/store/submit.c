/* The side of the caller: batches in, tickets out, and what is known of them. Never waits for the
 * disk. */
#include "broker/store/private.h"

#include "common/alloc.h"

#include <string.h>
#include <unistd.h>

/* What the core must have got right. */
static void
check_batch(struct store *store, const struct store_batch *batch)
{
    if (batch->n_facts) {
        CHECK(batch->seq == store->next_seq || (store->may_jump && batch->seq > store->seq_loaded));
        CHECK(batch->seq < UINT64_C(1) << 62);
        store->next_seq = batch->seq + batch->n_facts;
        store->may_jump = false;
    }
    for (size_t i = 0; i < batch->n_puts; i++) {
        const struct store_put *put = &batch->puts[i];
        CHECK(put->key <= INT64_MAX && put->at <= batch->records_bytes &&
              put->bytes <= batch->records_bytes - put->at);
    }
    store->snapshot_begun = store->snapshot_begun || batch->snapshot_begin;
    CHECK(store->snapshot_begun || (!batch->n_chunks && !batch->snapshot_end));
    if (batch->snapshot_end) {
        CHECK(batch->snapshot_seq < store->next_seq);
        store->snapshot_begun = false;
    }
}

uint64_t
store_submit(struct store *store, struct store_batch *batch)
{
    CHECK(store->started);
    check_batch(store, batch);
    struct entry *entry = xcalloc(1, sizeof(*entry));
    entry->batch = *batch;
    entry->bytes = batch_bytes(batch);
    memset(batch, 0, sizeof(*batch));

    pthread_mutex_lock(&store->mutex);
    uint64_t ticket = entry->ticket = ++store->submitted;
    bool taken = store->status == STORE_OK;
    store->pending_bytes += entry->bytes;
    if (taken) {
        *store->entries_tail = entry;
        store->entries_tail = &entry->next;
        thread_wake_unlock(store);
    } else {
        pthread_mutex_unlock(&store->mutex);
        entry_free(entry);
    }
    return ticket;
}

uint64_t
store_durable(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    uint64_t durable = store->durable;
    pthread_mutex_unlock(&store->mutex);
    return durable;
}

uint64_t
store_pending(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    uint64_t pending = store->submitted - store->durable;
    pthread_mutex_unlock(&store->mutex);
    return pending;
}

size_t
store_pending_bytes(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    size_t bytes = store->pending_bytes;
    pthread_mutex_unlock(&store->mutex);
    return bytes;
}

const char *
store_error(struct store *store, enum store_status *ret_status)
{
    pthread_mutex_lock(&store->mutex);
    enum store_status status = store->status;
    pthread_mutex_unlock(&store->mutex);
    if (ret_status) {
        *ret_status = status;
    }
    return status == STORE_OK ? NULL : store->error;
}

int
store_fd(const struct store *store)
{
    return store->event_fd;
}

void
store_acknowledge(struct store *store)
{
    uint64_t count;
    ssize_t got = read(store->event_fd, &count, sizeof(count));
    (void)got; /* silent already */
}

void
store_get_stats(struct store *store, struct store_stats *ret_stats)
{
    pthread_mutex_lock(&store->mutex);
    *ret_stats = store->stats;
    pthread_mutex_unlock(&store->mutex);
}
