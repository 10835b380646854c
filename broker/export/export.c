/* The exporter's thread: connects, follows the journal, writes, and begins again after every
 * failure, ever more slowly. */
#include "broker/export/private.h"

#include "broker/export/schema.h"
#include "common/alloc.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static int64_t
wall_ms(void)
{
    struct timespec t;
    CHECK(clock_gettime(CLOCK_REALTIME, &t) == 0);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
exporter_set_state(struct exporter *e, const char *state)
{
    pthread_mutex_lock(&e->mutex);
    e->status.state = state;
    pthread_mutex_unlock(&e->mutex);
}

bool
exporter_wait(struct exporter *e, bool for_store, int64_t ms)
{
    struct pollfd fds[2] = {{.fd = e->stop_fd, .events = POLLIN},
                            {.fd = tail_fd(e->store), .events = POLLIN}};
    int n = poll(fds, for_store ? 2 : 1, (int)MAX(ms, 0));
    CHECK(n >= 0 || errno == EINTR);
    if (n > 0 && fds[0].revents) {
        e->link.is_stopped = true;
        return false;
    }
    if (n > 0 && for_store && fds[1].revents) {
        uint64_t count;
        ssize_t got = read(fds[1].fd, &count, sizeof count);
        (void)got; /* silent already */
    }
    return true;
}

/* ---- samples ---- */

void
export_add_sample(struct exporter *e, const struct export_sample *sample)
{
    pthread_mutex_lock(&e->mutex);
    if (e->n_samples == SAMPLES_MAX) {
        /* Whoever could not be told for so long is told of the latest. */
        memmove(e->samples, e->samples + SAMPLES_MAX / 4,
                (SAMPLES_MAX - SAMPLES_MAX / 4) * sizeof *e->samples);
        e->n_samples -= SAMPLES_MAX / 4;
    }
    e->samples[e->n_samples++] = *sample;
    pthread_mutex_unlock(&e->mutex);
}

/* An INSERT of all that wait, "" when none does. They are forgotten when it is committed. */
static const char *
samples_sql(struct exporter *e, struct buf *sql, size_t *ret_n)
{
    buf_clear(sql);
    pthread_mutex_lock(&e->mutex);
    *ret_n = MIN(e->n_samples, (size_t)SAMPLES_MAX / 4);
    for (size_t i = 0; i < *ret_n; i++) {
        const struct export_sample *s = &e->samples[i];
        char oldest[24] = "NULL";
        if (s->oldest_ready_ms >= 0) {
            snprintf(oldest, sizeof oldest, "%" PRId64, s->oldest_ready_ms);
        }
        buf_printf(sql,
                   "%s(to_timestamp(%" PRId64 ".%03d),'%s',%" PRIu64 ",%" PRIu64 ",%" PRIu64
                   ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%s)",
                   i ? "," : "INSERT INTO baton.sample VALUES ", s->at / 1000, (int)(s->at % 1000),
                   s->role, s->waiting, s->ready, s->running, s->done, s->failed, s->cancelled,
                   s->workers, s->slots, s->credit, oldest);
    }
    pthread_mutex_unlock(&e->mutex);
    if (*ret_n > 0) {
        buf_add_text(sql, " ON CONFLICT DO NOTHING");
    }
    return buf_text(sql);
}

static void
samples_forget(struct exporter *e, size_t n)
{
    pthread_mutex_lock(&e->mutex);
    n = MIN(n, e->n_samples);
    e->n_samples -= n;
    memmove(e->samples, e->samples + n, e->n_samples * sizeof *e->samples);
    pthread_mutex_unlock(&e->mutex);
}

/* ---- batches ---- */

/* Writes the rows with what waits of samples, and says so. `pulled_ms`: the rows were all there was
 * then; 0: they were not. */
static bool
commit(struct exporter *e, uint64_t to, size_t bytes, int64_t pulled_ms)
{
    struct buf sql = {0};
    size_t n_samples;
    const char *more = samples_sql(e, &sql, &n_samples);
    rows_finish(&e->rows);
    bool ok = apply_rows(&e->link, &e->rows, e->position, to, more);
    buf_fini(&sql);
    if (!ok) {
        return false;
    }
    tail_release(e->store, to, bytes);
    samples_forget(e, n_samples);
    pthread_mutex_lock(&e->mutex);
    e->status.facts += to - e->position;
    e->status.batches += to > e->position;
    e->status.position = to;
    e->status.error[0] = 0;
    e->current_at_ms = MAX(e->current_at_ms, pulled_ms);
    pthread_mutex_unlock(&e->mutex);
    e->position = e->added_to = to;
    return true;
}

/* Writes what was added, if anything was. */
static bool
commit_added(struct exporter *e, int64_t pulled_ms)
{
    if (e->added_to == e->position) {
        return true;
    }
    size_t bytes = e->added_bytes;
    e->added_bytes = 0;
    return commit(e, e->added_to, bytes, pulled_ms);
}

/* Adds it to the batch; the batch is written when it is full, or is all there is. Pages out of the
 * database are small, and a transaction has its price. */
static bool
add_page(struct exporter *e, const struct tail_page *page)
{
    int64_t now_ms = link_now_ms();
    if (e->added_to == e->position) {
        rows_clear(&e->rows);
    }
    for (size_t i = 0; i < page->n; i++) {
        const struct tail_row *row = &page->rows[i];
        if (!rows_add_facts(&e->rows, row->seq, row->n, e->added_to, row->data, row->bytes)) {
            return link_fail(&e->link, "the journal's row %" PRIu64 " cannot be read", row->seq);
        }
        e->added_to = row->seq + row->n - 1;
    }
    e->added_bytes += page->bytes;
    bool is_all = e->added_to == tail_newest(e->store);
    if (!is_all && e->added_bytes < BATCH_BYTES) {
        return true;
    }
    exporter_set_state(e, is_all ? "idle" : "exporting");
    return commit_added(e, is_all ? now_ms : 0);
}

/* What is too old: a bounded piece at a time, and between batches, so that a broker that is never
 * idle has its old rows deleted too. */
static bool
purge(struct exporter *e)
{
    int64_t now_ms = link_now_ms();
    uint64_t n;
    pthread_mutex_lock(&e->mutex);
    int64_t keep_ms = e->config.keep_ms;
    pthread_mutex_unlock(&e->mutex);
    if (!keep_ms || now_ms < e->purge_at_ms) {
        return true;
    }
    if (!apply_purge(&e->link, wall_ms() - keep_ms, &e->purge_cursor, &n)) {
        return false;
    }
    int64_t pause_ms = MIN(MAX(keep_ms, (int64_t)IDLE_MS), (int64_t)PURGE_EVERY_MS);
    e->purge_at_ms = e->purge_cursor ? 0 : now_ms + pause_ms;
    pthread_mutex_lock(&e->mutex);
    e->status.purged += n;
    pthread_mutex_unlock(&e->mutex);
    return true;
}

/* Nothing new: samples. */
static bool
keep_house(struct exporter *e)
{
    int64_t now_ms = link_now_ms();
    exporter_set_state(e, "idle");
    pthread_mutex_lock(&e->mutex);
    e->current_at_ms = now_ms;
    bool has_samples = e->n_samples > 0;
    pthread_mutex_unlock(&e->mutex);
    if (has_samples) {
        rows_clear(&e->rows);
        if (!commit(e, e->position, 0, now_ms)) {
            return false;
        }
    }
    return true;
}

/* True once for each change. */
static bool
take_change(struct exporter *e)
{
    pthread_mutex_lock(&e->mutex);
    bool is_changed = e->is_changed;
    e->is_changed = false;
    pthread_mutex_unlock(&e->mutex);
    if (is_changed) {
        e->purge_at_ms = 0;
        exporter_set_state(e, "connecting");
    }
    return is_changed;
}

/* Follows the journal until something fails, is changed, or the exporter is stopped. */
static bool
follow(struct exporter *e)
{
    e->added_to = e->position;
    e->added_bytes = 0;
    for (;;) {
        struct tail_page page;
        bool ok = true;
        bool waits = false;
        int64_t began_ms = link_now_ms();
        enum tail_status status = tail_facts(e->store, e->added_to, &page);
        switch (status) {
        case TAIL_PAGE:
            ok = add_page(e, &page) && (e->added_to > e->position || purge(e));
            waits = page.bytes < GATHER_BYTES && e->added_to == e->position;
            break;
        case TAIL_NOTHING:
            ok = commit_added(e, began_ms) && keep_house(e) && purge(e) &&
                 exporter_wait(e, true, IDLE_MS);
            break;
        case TAIL_LATER:
            ok = exporter_wait(e, true, IDLE_MS);
            break;
        case TAIL_GONE:
            ok = commit_added(e, 0) && exporter_load(e, page.lost_after, page.lost_before);
            e->added_to = e->position;
            break;
        case TAIL_FAILED:
            ok = link_fail(&e->link, "the store failed");
            break;
        }
        tail_page_fini(&page);
        if (!ok) {
            return false;
        }
        if (waits && !exporter_wait(e, false, began_ms + GATHER_MS - link_now_ms())) {
            return false;
        }
        if (e->added_to == e->position && take_change(e)) {
            return true;
        }
    }
}

/* True: it ended because of a change, and begins anew at once. */
static bool
session(struct exporter *e)
{
    struct position position;
    (void)take_change(e);
    if (!link_open(&e->link) || !schema_migrate(&e->link) ||
        !apply_begin(&e->link, store_id(e->store), &position)) {
        return false;
    }
    if (!position.is_loading) {
        e->position = position.seq;
        tail_seek(e->store, position.seq);
    }
    pthread_mutex_lock(&e->mutex);
    e->status.position = e->position;
    e->status.error[0] = 0;
    pthread_mutex_unlock(&e->mutex);
    return (!position.is_loading || exporter_load(e, 0, 0)) && follow(e);
}

static void
note_failure(struct exporter *e)
{
    pthread_mutex_lock(&e->mutex);
    snprintf(e->status.error, sizeof e->status.error, "%s", e->link.error);
    e->status.error_at = wall_ms();
    e->status.state = "failing";
    e->status.failures++;
    pthread_mutex_unlock(&e->mutex);
}

static void *
exporter_main(void *arg)
{
    struct exporter *e = arg;
    int64_t backoff_ms = BACKOFF_FIRST_MS;
    while (!e->link.is_stopped) {
        uint64_t batches = e->status.batches;
        bool is_well = session(e);
        link_close(&e->link);
        if (e->link.is_stopped) {
            break;
        }
        if (is_well) {
            continue;
        }
        note_failure(e);
        backoff_ms = batches == e->status.batches ? backoff_ms : BACKOFF_FIRST_MS;
        if (!exporter_wait(e, false, backoff_ms)) {
            break;
        }
        backoff_ms = MIN(backoff_ms * 2, (int64_t)BACKOFF_MAX_MS);
    }
    return NULL;
}

/* ---- the owner's side ---- */

struct exporter *
export_start(const struct export_config *config, struct store *store)
{
    struct exporter *e = xcalloc(1, sizeof *e);
    e->config = *config;
    e->store = store;
    e->status.state = "connecting";
    e->current_at_ms = link_now_ms();
    e->position = e->status.position = tail_position(store);
    e->samples = xcalloc(SAMPLES_MAX, sizeof *e->samples);
    rows_init(&e->rows);
    e->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(e->stop_fd >= 0 && pthread_mutex_init(&e->mutex, NULL) == 0);
    e->link.stop_fd = e->stop_fd;
    /* Signals are for the caller's thread. */
    sigset_t all, old;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_BLOCK, &all, &old) == 0);
    int failed = pthread_create(&e->thread, NULL, exporter_main, e);
    CHECK(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
    if (failed) {
        snprintf(e->status.error, sizeof e->status.error, "cannot start its thread: %s",
                 strerror(failed));
        e->status.state = "failing";
    }
    e->has_thread = !failed;
    return e;
}

void
export_change(struct exporter *e, const struct export_config *config)
{
    pthread_mutex_lock(&e->mutex);
    e->config = *config;
    e->is_changed = true;
    pthread_mutex_unlock(&e->mutex);
}

static bool
join(struct exporter *e)
{
    struct timespec until;
    CHECK(clock_gettime(CLOCK_REALTIME, &until) == 0);
    until.tv_sec += STOP_MS / 1000;
    return pthread_timedjoin_np(e->thread, NULL, &until) == 0;
}

bool
export_stop(struct exporter *e)
{
    if (!e) {
        return true;
    }
    if (e->has_thread) {
        ssize_t written = write(e->stop_fd, &(uint64_t){1}, sizeof(uint64_t));
        (void)written;
        if (!join(e)) {
            return false;
        }
    }
    close(e->stop_fd);
    pthread_mutex_destroy(&e->mutex);
    rows_fini(&e->rows);
    free(e->samples);
    free(e);
    return true;
}

void
export_get_status(struct exporter *e, struct export_status *ret_status)
{
    uint64_t newest = tail_newest(e->store);
    bool is_cut = tail_is_cut(e->store);
    pthread_mutex_lock(&e->mutex);
    *ret_status = e->status;
    int64_t current_at_ms = e->current_at_ms;
    pthread_mutex_unlock(&e->mutex);
    ret_status->is_cut = is_cut;
    ret_status->lag_facts = newest > ret_status->position ? newest - ret_status->position : 0;
    ret_status->lag_ms = ret_status->lag_facts ? link_now_ms() - current_at_ms : 0;
}
