/* Reading ahead: a thread reads the store, while the caller's takes what was read. What stands
 * between them is bounded in pieces and in bytes. */
#include "broker/store/private.h"

#include "common/alloc.h"

#include <stdlib.h>

bool
ahead_begin(struct ahead *ahead, const struct store_loader *loader, void *(*read)(void *),
            void *context)
{
    *ahead = (struct ahead){.loader = loader};
    CHECK(pthread_mutex_init(&ahead->mutex, NULL) == 0);
    CHECK(pthread_cond_init(&ahead->moved, NULL) == 0);
    for (unsigned i = 0; i < STORE_AHEAD_PIECES; i++) {
        ahead->pieces[i].room = loader->room_new(loader->context);
    }
    ahead->is_begun = thread_begin(&ahead->thread, read, context);
    return ahead->is_begun;
}

static struct ahead_piece *
piece_at(struct ahead *ahead, uint64_t number)
{
    return &ahead->pieces[number % STORE_AHEAD_PIECES];
}

/* One alone may be as large as it is. */
static bool
has_room(const struct ahead *ahead, size_t bytes)
{
    uint64_t n = ahead->n_read - ahead->n_taken;
    return n == 0 || (n < STORE_AHEAD_PIECES && ahead->bytes + bytes <= STORE_AHEAD_BYTES);
}

struct ahead_piece *
ahead_room(struct ahead *ahead, size_t bytes)
{
    pthread_mutex_lock(&ahead->mutex);
    while (!ahead->is_refused && !has_room(ahead, bytes)) {
        pthread_cond_wait(&ahead->moved, &ahead->mutex);
    }
    struct ahead_piece *piece = ahead->is_refused ? NULL : piece_at(ahead, ahead->n_read);
    pthread_mutex_unlock(&ahead->mutex);
    if (piece) {
        piece->bytes = bytes;
    }
    return piece;
}

void
ahead_put(struct ahead *ahead)
{
    pthread_mutex_lock(&ahead->mutex);
    ahead->bytes += piece_at(ahead, ahead->n_read)->bytes;
    ahead->n_read++;
    pthread_mutex_unlock(&ahead->mutex);
    pthread_cond_signal(&ahead->moved);
}

void
ahead_is_over(struct ahead *ahead)
{
    pthread_mutex_lock(&ahead->mutex);
    ahead->is_over = true;
    pthread_mutex_unlock(&ahead->mutex);
    pthread_cond_signal(&ahead->moved);
}

struct ahead_piece *
ahead_next(struct ahead *ahead)
{
    pthread_mutex_lock(&ahead->mutex);
    while (ahead->n_taken == ahead->n_read && !ahead->is_over) {
        pthread_cond_wait(&ahead->moved, &ahead->mutex);
    }
    struct ahead_piece *piece = ahead->n_taken < ahead->n_read ? piece_at(ahead, ahead->n_taken)
                                                               : NULL;
    pthread_mutex_unlock(&ahead->mutex);
    return piece;
}

void
ahead_taken(struct ahead *ahead)
{
    pthread_mutex_lock(&ahead->mutex);
    ahead->bytes -= piece_at(ahead, ahead->n_taken)->bytes;
    ahead->n_taken++;
    pthread_mutex_unlock(&ahead->mutex);
    pthread_cond_signal(&ahead->moved);
}

void
ahead_end(struct ahead *ahead)
{
    if (ahead->is_begun) {
        pthread_mutex_lock(&ahead->mutex);
        ahead->is_refused = true;
        pthread_mutex_unlock(&ahead->mutex);
        pthread_cond_signal(&ahead->moved);
        CHECK(pthread_join(ahead->thread, NULL) == 0);
    }
    for (unsigned i = 0; i < STORE_AHEAD_PIECES; i++) {
        ahead->loader->room_free(ahead->pieces[i].room);
    }
    pthread_cond_destroy(&ahead->moved);
    pthread_mutex_destroy(&ahead->mutex);
}
