/* See store_help.h. */
#include "tests/unit/store_help.h"

#include "common/alloc.h"
#include "common/buf.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *
help_dir(void)
{
    const char *base = getenv("TMPDIR");
    char *dir = help_path(base ? base : "/tmp", "store-test-XXXXXX");
    CHECK(mkdtemp(dir));
    return dir;
}

void
help_remove(char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        if (entry->d_name[0] != '.') {
            char *path = help_path(dir, entry->d_name);
            unlink(path);
            free(path);
        }
    }
    if (d) {
        closedir(d);
    }
    CHECK(rmdir(dir) == 0);
    free(dir);
}

char *
help_path(const char *dir, const char *name)
{
    size_t room = strlen(dir) + strlen(name) + 2;
    char *path = xmalloc(room);
    snprintf(path, room, "%s/%s", dir, name);
    return path;
}

uint8_t *
help_read(const char *path, size_t *ret_bytes)
{
    FILE *file = fopen(path, "rbe");
    if (!file) {
        return NULL;
    }
    CHECK(fseek(file, 0, SEEK_END) == 0);
    size_t bytes = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = xmalloc(bytes);
    CHECK(fread(data, 1, bytes, file) == bytes);
    fclose(file);
    *ret_bytes = bytes;
    return data;
}

void
help_write(const char *path, const uint8_t *data, size_t bytes)
{
    FILE *file = fopen(path, "wbe");
    CHECK(file && fwrite(data, 1, bytes, file) == bytes);
    CHECK(fclose(file) == 0);
}

void
help_copy(const char *from, const char *to)
{
    size_t bytes;
    uint8_t *data = help_read(from, &bytes);
    if (data) {
        help_write(to, data, bytes);
        free(data);
    }
}

static void
fill(uint8_t *data, size_t bytes, uint64_t number)
{
    for (size_t i = 0; i < bytes; i++) {
        data[i] = (uint8_t)((number + i / 8) >> (8 * (i % 8)));
    }
}

static bool
is_filled(const uint8_t *data, size_t bytes, uint64_t number)
{
    for (size_t i = 0; i < bytes; i++) {
        if (data[i] != (uint8_t)((number + i / 8) >> (8 * (i % 8)))) {
            return false;
        }
    }
    return true;
}

static void *
room_new(void *context)
{
    (void)context;
    return xcalloc(1, sizeof(struct buf));
}

static void
room_free(void *room)
{
    buf_fini(room);
    free(room);
}

static uint8_t *
room_bytes(void *room, size_t bytes)
{
    buf_clear(room);
    return buf_reserve(room, bytes);
}

static bool
read_chunk(void *room, const uint8_t *data, size_t bytes)
{
    struct buf *buf = room;
    CHECK(data == buf->data);
    buf->bytes = bytes;
    return true;
}

static bool
read_facts(void *room, uint32_t n, const uint8_t *facts, size_t bytes)
{
    return read_chunk(room, facts, bytes) && n > 0;
}

static bool
take_chunk(void *context, void *room)
{
    struct found *found = context;
    const struct buf *chunk = room;
    found->wrong = found->wrong || !is_filled(chunk->data, chunk->bytes, found->chunks);
    found->chunks++;
    found->chunk_bytes += chunk->bytes;
    return true;
}

static bool
take_batch(void *context, uint64_t seq, uint32_t n, void *room)
{
    struct found *found = context;
    const struct buf *facts = room;
    found->wrong = found->wrong || facts->bytes < (size_t)n * FACT_BYTES ||
                   !is_filled(facts->data, facts->bytes, seq);
    found->first = found->first ? found->first : seq;
    found->last = seq + n - 1;
    found->rows++;
    return true;
}

enum store_status
help_load(const char *dir, struct store **ret_store, struct found *found, char *error,
          size_t error_room)
{
    *found = (struct found){0};
    struct store_loader loader = {.room_new = room_new,
                                  .room_free = room_free,
                                  .room_bytes = room_bytes,
                                  .read_chunk = read_chunk,
                                  .read_facts = read_facts,
                                  .chunk = take_chunk,
                                  .batch = take_batch,
                                  .context = found};
    enum store_status status = store_open(dir, ret_store, error, error_room);
    if (status == STORE_OK) {
        status = store_load(*ret_store, &loader, error, error_room);
        if (status != STORE_OK) {
            store_close(*ret_store);
            *ret_store = NULL;
        } else {
            store_set_wal_bound(*ret_store, 64 << 10); /* else each start writes a log of 4 MiB */
        }
    }
    return status;
}

struct store *
help_start(const char *dir, struct found *found)
{
    char error[512] = "";
    struct store *store;
    enum store_status status = help_load(dir, &store, found, error, sizeof(error));
    if (status == STORE_OK) {
        status = store_start(store, store_epoch(store) + 1, error, sizeof(error));
    }
    if (status != STORE_OK) {
        fprintf(stderr, "%s\n", error);
    }
    CHECK(status == STORE_OK && !found->wrong);
    return store;
}

struct store_batch
help_batch(uint64_t seq, uint32_t n, size_t pad)
{
    struct store_batch batch = {.seq = seq, .n_facts = n, .facts_bytes = n * FACT_BYTES + pad};
    batch.facts = xmalloc(batch.facts_bytes);
    fill(batch.facts, batch.facts_bytes, seq);
    return batch;
}

void
help_add_put(struct store_batch *batch, uint64_t key, size_t bytes)
{
    batch->puts = xreallocarray(batch->puts, batch->n_puts + 1, sizeof(*batch->puts));
    batch->puts[batch->n_puts++] = (struct store_put){
        .key = key, .at = batch->records_bytes, .bytes = bytes};
    if (bytes) {
        batch->records = xrealloc(batch->records, batch->records_bytes + bytes);
        fill(batch->records + batch->records_bytes, bytes, key);
        batch->records_bytes += bytes;
    }
}

void
help_add_chunk(struct store_batch *batch, uint64_t number, size_t bytes)
{
    batch->chunks = xreallocarray(batch->chunks, batch->n_chunks + 1, sizeof(*batch->chunks));
    struct store_chunk chunk = {.data = xmalloc(bytes), .bytes = bytes};
    fill(chunk.data, bytes, number);
    batch->chunks[batch->n_chunks++] = chunk;
}

bool
help_record_is_right(uint64_t key, const uint8_t *data, size_t bytes)
{
    return is_filled(data, bytes, key);
}

bool
help_wait(struct store *store, uint64_t ticket)
{
    struct pollfd fd = {.fd = store_fd(store), .events = POLLIN};
    while (store_durable(store) < ticket) {
        if (store_error(store, NULL)) {
            return false;
        }
        CHECK(poll(&fd, 1, 60000) == 1);
        store_acknowledge(store);
    }
    return true;
}

struct store_answer
help_answer(struct store *store)
{
    struct pollfd fd = {.fd = store_fd(store), .events = POLLIN};
    struct store_answer answer;
    while (!store_next_answer(store, &answer)) {
        CHECK(poll(&fd, 1, 60000) == 1);
        store_acknowledge(store);
    }
    return answer;
}
