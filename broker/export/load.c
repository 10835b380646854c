/* Beginning again: when the database is new, or what it needs of the journal was cut. First the
 * snapshot in force, then the archives, so that a task that moves from one to the other meanwhile
 * is seen in either; the facts behind the snapshot come after that, as ever. Whole rows go over
 * what is there, so a load that is cut short is simply begun again. */
#include "broker/export/private.h"

/* A page of this archive, or of the snapshot; waits for the storage thread. */
static enum tail_status
next_page(struct exporter *e, const enum store_archive *archive, uint64_t a, uint64_t b,
          struct tail_page *page)
{
    for (;;) {
        enum tail_status status = archive ? tail_records(e->store, *archive, a, page)
                                          : tail_chunks(e->store, a, b, page);
        if (status != TAIL_LATER) {
            return status;
        }
        if (!exporter_wait(e, true, IDLE_MS)) {
            (void)link_fail(&e->link, "stopped");
            return TAIL_FAILED;
        }
    }
}

static bool
damaged(struct exporter *e)
{
    return link_fail(&e->link, "the store's snapshot or archive cannot be read");
}

/* TAIL_GONE: another snapshot is in force by now. */
static enum tail_status
load_snapshot(struct exporter *e, uint64_t *ret_seq)
{
    uint64_t generation = 0, n_chunks = 1;
    for (uint64_t chunk = 0; chunk < n_chunks;) {
        struct tail_page page;
        enum tail_status status = next_page(e, NULL, generation, chunk, &page);
        if (status != TAIL_PAGE) {
            tail_page_fini(&page);
            (void)(status == TAIL_GONE || e->link.error[0] || damaged(e));
            return status;
        }
        generation = page.generation;
        n_chunks = page.n_chunks;
        *ret_seq = page.seq;
        rows_clear(&e->rows);
        bool ok = page.n > 0 || n_chunks == 0 || damaged(e);
        for (size_t i = 0; ok && i < page.n; i++) {
            ok = rows_add_chunk(&e->rows, page.seq, page.rows[i].data, page.rows[i].bytes) ||
                 damaged(e);
        }
        ok = ok && apply_load(&e->link, &e->rows);
        chunk += page.n;
        tail_page_fini(&page);
        if (!ok) {
            return TAIL_FAILED;
        }
    }
    return TAIL_PAGE;
}

static bool
load_archive(struct exporter *e, enum store_archive archive, uint64_t seq)
{
    for (uint64_t after = 0;;) {
        struct tail_page page;
        enum tail_status status = next_page(e, &archive, after, 0, &page);
        if (status != TAIL_PAGE) {
            tail_page_fini(&page);
            return status == TAIL_NOTHING || (e->link.error[0] ? false : damaged(e));
        }
        rows_clear(&e->rows);
        bool ok = true;
        for (size_t i = 0; ok && i < page.n; i++) {
            ok = (archive == STORE_CARDS
                      ? rows_add_card(&e->rows, page.rows[i].data, page.rows[i].bytes)
                      : rows_add_record(&e->rows, seq, page.rows[i].data, page.rows[i].bytes)) ||
                 damaged(e);
        }
        after = page.rows[page.n - 1].seq;
        tail_page_fini(&page);
        if (!ok || !apply_load(&e->link, &e->rows)) {
            return false;
        }
    }
}

bool
exporter_load(struct exporter *e, uint64_t lost_after, uint64_t lost_before)
{
    exporter_set_state(e, "loading");
    pthread_mutex_lock(&e->mutex);
    e->status.loads++;
    pthread_mutex_unlock(&e->mutex);
    if (!apply_begin_load(&e->link, lost_after, lost_before)) {
        return false;
    }
    uint64_t seq = 0;
    enum tail_status status;
    while ((status = load_snapshot(e, &seq)) == TAIL_GONE) {
    }
    if (status != TAIL_PAGE || !load_archive(e, STORE_TASKS, seq) ||
        !load_archive(e, STORE_CARDS, seq) || !apply_end_load(&e->link, seq)) {
        return false;
    }
    e->position = seq;
    return true;
}
