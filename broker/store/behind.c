/* Write-behind: writes, syncs and truncations of the store's two files, in one row, which a thread
 * carries out while SQLite's thread goes on.
 *
 * Why no promise is lost: the row is first in, first out, over both files. So the disk sees what it
 * would see without this, in the same order, with the same syncs between; a crash leaves a prefix
 * of it, as ever. What may be told when it is durable stands in the row too, behind its sync. When
 * something fails, nothing behind it is carried out and nothing of it is told, for ever.
 *
 * SQLite believes that a sync is done when it has been asked for. It builds nothing on that but the
 * order: the log is synced, then the database written, and synced before the log begins anew. */
#include "broker/store/behind.h"

#include "broker/store/gather.h"
#include "broker/store/private.h"
#include "common/alloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOWS_MAX = BEHIND_BYTES_MAX / GATHER_BYTES };

struct op {
    enum { OP_WRITE, OP_TRUNCATE, OP_SYNC, OP_TELL } kind;
    int flags;
    sqlite3_file *file;
    sqlite3_int64 at; /* TRUNCATE: the new size */
    uint8_t *memory;  /* owned */
    size_t room;      /* of it; GATHER_BYTES: a window */
    size_t from, bytes;
    void (*tell)(void *told, bool is_done);
    void *told;
};

/* What somebody waits for. */
struct wait {
    uint64_t n_done; /* at least */
    size_t bytes;    /* at most */
    unsigned n_tells;
};

struct behind {
    void (*failed)(void *context, int rc, int err);
    void *context;
    atomic_int failure; /* the thread's, as the next one; others may read them */
    atomic_int err;
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below, but those of the ops that wait do not change */
    pthread_cond_t asked;
    pthread_cond_t met;
    bool stopping;
    bool asleep;
    bool waiting; /* for this: */
    struct wait wait;
    struct op ops[BEHIND_OPS_MAX];
    uint64_t n_asked, n_done;
    size_t bytes; /* of memory */
    unsigned n_tells;
    uint8_t *windows[WINDOWS_MAX]; /* that nobody uses */
    size_t n_windows;
};

static struct op *
op_at(struct behind *self, uint64_t number)
{
    return &self->ops[number % BEHIND_OPS_MAX];
}

static bool
is_met(const struct behind *self, struct wait wait)
{
    return self->n_done >= wait.n_done && self->bytes <= wait.bytes &&
           self->n_tells <= wait.n_tells;
}

/* With the mutex held. */
static void
wait_for(struct behind *self, struct wait wait)
{
    self->wait = wait;
    while (!is_met(self, wait)) {
        self->waiting = true;
        pthread_cond_wait(&self->met, &self->mutex);
    }
    self->waiting = false;
}

/* ---- the thread ---- */

static void
carry_out(struct behind *self, const struct op *op)
{
    int rc = self->failure;
    if (op->kind == OP_TELL) {
        op->tell(op->told, !rc);
        return;
    }
    if (rc) {
        return;
    }
    const sqlite3_io_methods *methods = op->file->pMethods;
    if (op->kind == OP_WRITE) {
        rc = methods->xWrite(op->file, op->memory + op->from, (int)op->bytes, op->at);
    } else if (op->kind == OP_TRUNCATE) {
        rc = methods->xTruncate(op->file, op->at);
    } else {
        rc = methods->xSync(op->file, op->flags);
    }
    if (rc) {
        int err = errno;
        self->err = err;
        self->failure = rc;
        self->failed(self->context, rc, err);
    }
}

/* With the mutex held. */
static void
let_go(struct behind *self, struct op *op)
{
    self->n_done++;
    self->bytes -= op->room;
    self->n_tells -= op->kind == OP_TELL;
    if (op->room == GATHER_BYTES && self->n_windows < WINDOWS_MAX) {
        self->windows[self->n_windows++] = op->memory;
    } else {
        free(op->memory);
    }
    op->memory = NULL;
    if (self->waiting && is_met(self, self->wait)) {
        pthread_cond_signal(&self->met);
    }
}

static void *
behind_main(void *arg)
{
    struct behind *self = arg;
    CHECK(pthread_setname_np(pthread_self(), BEHIND_THREAD_NAME) == 0);
    pthread_mutex_lock(&self->mutex);
    for (;;) {
        while (self->n_done == self->n_asked && !self->stopping) {
            self->asleep = true;
            pthread_cond_wait(&self->asked, &self->mutex);
        }
        self->asleep = false;
        if (self->n_done == self->n_asked) {
            break;
        }
        struct op *op = op_at(self, self->n_done);
        pthread_mutex_unlock(&self->mutex);
        carry_out(self, op);
        pthread_mutex_lock(&self->mutex);
        let_go(self, op);
    }
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

static void
behind_free(struct behind *self)
{
    while (self->n_windows > 0) {
        free(self->windows[--self->n_windows]);
    }
    pthread_cond_destroy(&self->asked);
    pthread_cond_destroy(&self->met);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

struct behind *
behind_begin(void (*failed)(void *context, int rc, int err), void *context)
{
    struct behind *self = xcalloc(1, sizeof(*self));
    self->failed = failed;
    self->context = context;
    CHECK(pthread_mutex_init(&self->mutex, NULL) == 0);
    CHECK(pthread_cond_init(&self->asked, NULL) == 0);
    CHECK(pthread_cond_init(&self->met, NULL) == 0);
    if (!thread_begin(&self->thread, behind_main, self)) {
        int err = errno;
        behind_free(self);
        errno = err;
        return NULL;
    }
    return self;
}

void
behind_end(struct behind *self)
{
    if (!self) {
        return;
    }
    pthread_mutex_lock(&self->mutex);
    self->stopping = true;
    pthread_mutex_unlock(&self->mutex);
    pthread_cond_signal(&self->asked);
    CHECK(pthread_join(self->thread, NULL) == 0);
    behind_free(self);
}

/* ---- who asks ---- */

static void
ask(struct behind *self, struct op op)
{
    pthread_mutex_lock(&self->mutex);
    bool is_full = self->bytes + op.room > BEHIND_BYTES_MAX ||
                   self->n_asked - self->n_done == BEHIND_OPS_MAX;
    if (is_full) { /* half of it at once: one switch of threads for many */
        wait_for(self,
                 (struct wait){.n_done = self->n_asked - MIN(self->n_asked, BEHIND_OPS_MAX / 2),
                               .bytes = BEHIND_BYTES_MAX / 2,
                               .n_tells = BEHIND_OPS_MAX});
    }
    *op_at(self, self->n_asked) = op;
    self->n_asked++;
    self->bytes += op.room;
    self->n_tells += op.kind == OP_TELL;
    bool asleep = self->asleep;
    self->asleep = false;
    pthread_mutex_unlock(&self->mutex);
    if (asleep) {
        pthread_cond_signal(&self->asked); /* who wakes finds the mutex free */
    }
}

uint8_t *
behind_write(struct behind *self, sqlite3_file *file, uint8_t *window, size_t from, size_t bytes,
             sqlite3_int64 at)
{
    struct op op = {.kind = OP_WRITE, .file = file, .bytes = bytes, .at = at};
    if (bytes <= BEHIND_COPY_BYTES) {
        op.memory = xmemdup(window + from, bytes);
        op.room = bytes;
        ask(self, op);
        return window;
    }
    op.memory = window;
    op.from = from;
    op.room = GATHER_BYTES;
    ask(self, op);
    pthread_mutex_lock(&self->mutex);
    uint8_t *other = self->n_windows > 0 ? self->windows[--self->n_windows] : NULL;
    pthread_mutex_unlock(&self->mutex);
    return other ? other : xmalloc(GATHER_BYTES);
}

void
behind_truncate(struct behind *self, sqlite3_file *file, sqlite3_int64 bytes)
{
    ask(self, (struct op){.kind = OP_TRUNCATE, .file = file, .at = bytes});
}

void
behind_sync(struct behind *self, sqlite3_file *file, int flags)
{
    ask(self, (struct op){.kind = OP_SYNC, .file = file, .flags = flags});
}

void
behind_tell(struct behind *self, void (*tell)(void *told, bool is_done), void *told)
{
    ask(self, (struct op){.kind = OP_TELL, .tell = tell, .told = told});
}

bool
behind_is_idle(struct behind *self)
{
    pthread_mutex_lock(&self->mutex);
    bool is_idle = self->n_done == self->n_asked;
    pthread_mutex_unlock(&self->mutex);
    return is_idle;
}

int
behind_failure(struct behind *self)
{
    int rc = self->failure;
    if (rc) {
        errno = self->err;
    }
    return rc;
}

int
behind_wait(struct behind *self)
{
    pthread_mutex_lock(&self->mutex);
    wait_for(self, (struct wait){.n_done = self->n_asked, .bytes = SIZE_MAX});
    pthread_mutex_unlock(&self->mutex);
    return behind_failure(self);
}

void
behind_wait_tells(struct behind *self, unsigned n)
{
    pthread_mutex_lock(&self->mutex);
    wait_for(self, (struct wait){.bytes = SIZE_MAX, .n_tells = n - 1});
    pthread_mutex_unlock(&self->mutex);
}

bool
behind_is_waited_for(struct behind *self)
{
    pthread_mutex_lock(&self->mutex);
    bool waiting = self->waiting;
    pthread_mutex_unlock(&self->mutex);
    return waiting;
}

/* The newest one that touches these bytes decides: what is older is under it. */
enum behind_found
behind_find(struct behind *self, const sqlite3_file *file, void *data, size_t bytes,
            sqlite3_int64 at)
{
    enum behind_found found = BEHIND_NOTHING;
    sqlite3_int64 end = at + (sqlite3_int64)bytes;
    pthread_mutex_lock(&self->mutex);
    for (uint64_t i = self->n_asked; i > self->n_done && !found; i--) {
        const struct op *op = op_at(self, i - 1);
        sqlite3_int64 op_end = op->at + (sqlite3_int64)op->bytes;
        if (op->file != file || op->kind == OP_SYNC) {
            continue;
        }
        if (op->kind == OP_TRUNCATE) {
            found = end > op->at ? BEHIND_SOME : BEHIND_NOTHING;
        } else if (at >= op->at && end <= op_end) {
            found = BEHIND_ALL;
            if (data) {
                memcpy(data, op->memory + op->from + (at - op->at), bytes);
            }
        } else if (at < op_end && end > op->at) {
            found = BEHIND_SOME;
        }
    }
    pthread_mutex_unlock(&self->mutex);
    return found;
}
