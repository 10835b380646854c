/* How much room the disk has, as batches come and go. */
#include "broker/store/private.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

enum { LOOK_EVERY_US = 1000000 };

/* A file that was removed or replaced can still be written and synced, and nothing of it would be
 * there at the next start. */
static void
identity_look(struct store *store)
{
    struct stat file;
    bool there = stat(store->path, &file) == 0;
    if (!store->inode) {
        store->inode = there ? file.st_ino : 0;
    } else if (!there || file.st_ino != store->inode) {
        thread_fail(store, SQLITE_IOERR_VNODE, "go on: the file was removed or replaced");
    }
}

void
space_look(struct store *store, int64_t now_us)
{
    if (store->looked_at_us && now_us - store->looked_at_us < LOOK_EVERY_US) {
        return;
    }
    store->looked_at_us = now_us;
    identity_look(store);
    struct statvfs fs;
    if (statvfs(store->dir, &fs) != 0) {
        return; /* a disk that is really gone shows itself at the next commit */
    }
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    pthread_mutex_lock(&store->mutex);
    bool low = free_bytes < store->reserve_bytes;
    bool changed = low != store->stats.low;
    store->stats.free_bytes = free_bytes;
    store->stats.low = low;
    pthread_mutex_unlock(&store->mutex);
    if (changed && store->event_fd >= 0) {
        event_signal(store);
    }
}

void
store_set_reserve(struct store *store, uint64_t bytes)
{
    pthread_mutex_lock(&store->mutex);
    store->reserve_bytes = bytes;
    store->stats.low = store->stats.free_bytes < bytes;
    pthread_mutex_unlock(&store->mutex);
}
