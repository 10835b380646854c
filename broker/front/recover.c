#include "broker/front/recover.h"

#include "broker/store/tail.h"
#include "common/huge.h"
#include "common/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

struct recovery {
    struct front *front;
    uint64_t n_facts;
    uint64_t n_chunks;
    bool is_sound;
    char *error;
    size_t error_room;
};

static void *
piece_new(void *context)
{
    const struct recovery *recovery = context;
    return core_piece_new(recovery->front->core);
}

static void
piece_free(void *piece)
{
    core_piece_free(piece);
}

static uint8_t *
piece_bytes(void *piece, size_t bytes)
{
    return core_piece_bytes(piece, bytes);
}

static bool
read_chunk(void *piece, const uint8_t *data, size_t bytes)
{
    return core_piece_read_chunk(piece, data, bytes);
}

static bool
read_facts(void *piece, uint32_t n, const uint8_t *facts, size_t bytes)
{
    return core_piece_read_facts(piece, n, facts, bytes);
}

static bool
take_chunk(void *context, void *piece)
{
    struct recovery *recovery = context;
    recovery->n_chunks++;
    return core_restore_piece(recovery->front->core, piece);
}

/* Events of facts go to the window; the rest of what follows from facts was done in an earlier
 * life, or is done again by time. */
static bool
take_batch(void *context, uint64_t seq, uint32_t n, void *piece)
{
    struct recovery *recovery = context;
    struct front *front = recovery->front;
    recovery->n_facts += n;
    if (!core_replay_piece(front->core, seq, piece, &front->out)) {
        return false;
    }
    if (front->out.n_events > 0) {
        window_add(&front->window, front->out.first_event, front->out.n_events, &front->out.events,
                   0);
    }
    core_out_clear(&front->out);
    return true;
}

static void
check_core(void *context)
{
    struct recovery *recovery = context;
    recovery->is_sound = core_recovered(recovery->front->core, recovery->error,
                                        recovery->error_room);
}

static int
exit_status_of(enum store_status status)
{
    switch (status) {
    case STORE_LOCKED:
        return EXIT_BUSY;
    case STORE_NEWER:
    case STORE_FOREIGN:
    case STORE_DENIED:
        return EXIT_CONFIG;
    case STORE_CORRUPT:
        return EXIT_DATA;
    case STORE_OK:
    case STORE_IO:
    case STORE_FULL:
        break;
    }
    return EXIT_IO;
}

/* The parents of the data directory, which the store does not make. */
static void
make_parents(const char *path)
{
    char *copy = strdup(path);
    CHECK(copy);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        (void)mkdir(copy, 0755); /* the store says what is wrong */
        *slash = '/';
    }
    free(copy);
}

static int
load(struct recovery *recovery)
{
    struct front *front = recovery->front;
    struct store_loader loader = {.room_new = piece_new,
                                  .room_free = piece_free,
                                  .room_bytes = piece_bytes,
                                  .read_chunk = read_chunk,
                                  .read_facts = read_facts,
                                  .chunk = take_chunk,
                                  .batch = take_batch,
                                  .whole = check_core,
                                  .context = recovery};
    enum store_status status = store_load(front->store, &loader, recovery->error,
                                          recovery->error_room);
    if (status != STORE_OK) {
        return exit_status_of(status);
    }
    if (!recovery->is_sound) {
        return EXIT_SOFTWARE;
    }
    window_begin(&front->window, core_event(front->core));
    return -1;
}

static void
start_clock(struct front *front, int64_t newest_ms)
{
    int64_t wall_us, boot_us;
    clock_read_system(&wall_us, &boot_us);
    clock_init(&front->clock, wall_us, boot_us, newest_ms);
    front->now = front->clock.now_us / 1000;
    front->started_at = front->now;
    if (newest_ms > wall_us / 1000 + 1000) {
        log_event(LOG_LEVEL_WARNING, "clock.behind",
                  "by_ms=%lld note=\"the wall clock was set back "
                  "since the last start\"",
                  (long long)(newest_ms - wall_us / 1000));
    }
}

void
apply_options(struct front *front)
{
    const struct options *options = front->options;
    space_init(&front->space, options->data, options->reserve_bytes);
    store_set_reserve(front->store, front->space.reserve_bytes);
    front->snapshot.journal_bytes_min = options->snapshot_bytes
                                            ? options->snapshot_bytes
                                            : MIN((uint64_t)SNAPSHOT_JOURNAL_BYTES_MIN,
                                                  front->space.total_bytes / 8);
}

int
recover(struct front *front, char *error, size_t error_room)
{
    make_parents(front->options->data);
    enum store_status status = store_open(front->options->data, &front->store, error, error_room);
    if (status != STORE_OK) {
        return exit_status_of(status);
    }
    apply_options(front);
    struct core_config config = front->options->core;
    const char *id = store_id(front->store);
    config.hash_seed = XXH3_64bits(id, strlen(id));
    front->core = core_new(&config);
    window_init(&front->window, front->core);

    struct recovery recovery = {.front = front, .error = error, .error_room = error_room};
    huge_ahead_begin();
    int failed = load(&recovery);
    huge_ahead_end();
    if (failed >= 0) {
        return failed;
    }
    /* The core refuses a `now` below that of facts it knows. */
    start_clock(front, core_now(front->core));

    bool restored = store_is_restored(front->store);
    if (restored) {
        core_skip_to(front->core, store_next_seq(front->store));
    }
    if (front->options->is_exporting) {
        tail_begin(front->store, front->options->export_journal_bytes);
    }
    uint64_t epoch = store_epoch(front->store) + 1;
    status = store_start(front->store, epoch, error, error_room);
    if (status != STORE_OK) {
        return exit_status_of(status);
    }
    struct core_request request = front_request(front, "");
    core_begin_epoch(front->core, &request, epoch, SOFTWARE);
    if (restored) {
        core_release_all(front->core, &request, "the store was restored from a backup");
        log_event(LOG_LEVEL_WARNING, "broker.restored",
                  "epoch=%llu note=\"work that was done after the backup is done again\"",
                  (unsigned long long)epoch);
    }
    log_event(LOG_LEVEL_NOTICE, "broker.recovered",
              "epoch=%llu tasks=%llu archived=%llu facts=%llu chunks=%llu",
              (unsigned long long)epoch, (unsigned long long)core_n_tasks(front->core),
              (unsigned long long)core_n_archived(front->core),
              (unsigned long long)recovery.n_facts, (unsigned long long)recovery.n_chunks);
    return -1;
}
