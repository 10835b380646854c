/* The state directory. */
#include "worker/state.h"

#include "common/alloc.h"
#include "common/buf.h"
#include "common/log.h"
#include "worker/files.h"
#include "worker/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CRASH_TASKS_MAX = 1000, CRASHES_BYTES_MAX = 1024 * 1024, LEASE_BYTES_MAX = 1024 };

static int
open_directory(int parent, const char *name)
{
    if (mkdirat(parent, name, 0700) && errno != EEXIST) {
        return -1;
    }
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A lock of the process, not of the open file: between fork and exec a child has all that its
 * parent had open, and it would hold the lock of a worker that was killed in that moment. Nothing
 * else of this process may open the file, since any close of it lets go. */
static enum state_open
take_lock(struct state *state, pid_t *ret_holder)
{
    state->lock = openat(state->dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (state->lock < 0) {
        return STATE_FAILED;
    }
    char text[32] = "";
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(state->lock, F_SETLK, &whole) != 0) {
        if (errno != EAGAIN && errno != EACCES) {
            return STATE_FAILED;
        }
        *ret_holder = read(state->lock, text, sizeof text - 1) > 0 ? (pid_t)atoi(text) : 0;
        return STATE_IN_USE;
    }
    int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
    bool ok = ftruncate(state->lock, 0) == 0 && pwrite(state->lock, text, (size_t)n, 0) == n;
    return ok ? STATE_OPENED : STATE_FAILED;
}

/* Results for people to look at, not for ever. */
static void
trim_orphans(const struct state *state)
{
    size_t n;
    uint64_t *tokens = state_tokens(state->orphans, &n);
    for (size_t i = 0; i + ORPHANS_KEPT_MAX < n; i++) {
        (void)unlinkat(state->orphans, token_name(tokens[i]).s, 0);
    }
    free(tokens);
}

static void
load_crashes(struct state *state)
{
    struct buf content = {0};
    if (files_read(state->dir, "crashes", CRASHES_BYTES_MAX, &content) == FILES_READ) {
        state->crashes = json_loadb((char *)content.data, content.bytes, 0, NULL);
        buf_fini(&content);
    }
    if (!json_is_object(state->crashes)) {
        json_decref(state->crashes);
        state->crashes = json_object();
    }
}

static void
save_crashes(struct state *state)
{
    char *text = json_dumps(state->crashes, JSON_COMPACT);
    if (!text || !files_replace(state->dir, "crashes", text, strlen(text), true)) {
        log_event(LOG_LEVEL_WARNING, "state.write_failed", "file=crashes why=%s",
                  log_quote(strerror(errno)).s);
    }
    free(text);
}

enum state_open
state_open(struct state *state, const char *path, pid_t *ret_holder)
{
    *state = (struct state){
        .dir = -1, .lock = -1, .spool = -1, .orphans = -1, .leases = -1, .run = -1};
    if (!files_make_directories(path)) {
        return STATE_FAILED;
    }
    state->path = realpath(path, NULL);
    state->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!state->path || state->dir < 0) {
        return STATE_FAILED;
    }
    enum state_open status = take_lock(state, ret_holder);
    if (status != STATE_OPENED) {
        return status;
    }
    state->spool = open_directory(state->dir, "spool");
    state->orphans = open_directory(state->dir, "orphans");
    state->leases = open_directory(state->dir, "leases");
    state->run = open_directory(state->dir, "run");
    if (state->spool < 0 || state->orphans < 0 || state->leases < 0 || state->run < 0) {
        return STATE_FAILED;
    }
    free(state_tokens(state->run, &state->n_runs));
    trim_orphans(state);
    load_crashes(state);
    return STATE_OPENED;
}

void
state_close(struct state *state)
{
    const int fds[] = {state->spool, state->orphans, state->leases,
                       state->run,   state->lock,    state->dir};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    json_decref(state->crashes);
    free(state->path);
    *state = (struct state){.dir = -1};
}

struct token_name
token_name(uint64_t token)
{
    struct token_name name;
    snprintf(name.s, sizeof name.s, "%" PRIu64, token);
    return name;
}

static bool
token_of(const char *name, uint64_t *ret_token)
{
    char *end;
    errno = 0;
    *ret_token = strtoull(name, &end, 10);
    return name[0] >= '1' && name[0] <= '9' && *end == 0 && errno == 0;
}

static int
by_token(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

uint64_t *
state_tokens(int dir, size_t *ret_n)
{
    uint64_t *tokens = NULL;
    size_t n = 0;
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        uint64_t token;
        if (token_of(entry->d_name, &token)) {
            if ((n & (n - 1)) == 0) {
                tokens = xreallocarray(tokens, n ? n * 2 : 1, sizeof *tokens);
            }
            tokens[n++] = token;
        }
    }
    if (listing) {
        closedir(listing);
    }
    if (n) {
        qsort(tokens, n, sizeof *tokens, by_token);
    }
    *ret_n = n;
    return tokens;
}

/* ---- runs ---- */

/* The directories of agents may be huge; deleting them must not hold up the beats. */
static void
remove_in_background(struct state *state, const uint64_t *tokens, size_t n)
{
    char **argv = xcalloc(n + 4, sizeof *argv);
    argv[0] = xstrdup("rm");
    argv[1] = xstrdup("-rf");
    argv[2] = xstrdup("--");
    for (size_t i = 0; i < n; i++) {
        struct buf path = {0};
        buf_printf(&path, "%s/run/%" PRIu64, state->path, tokens[i]);
        argv[3 + i] = xstrdup(buf_text(&path));
        buf_fini(&path);
    }
    static char *const no_variables[] = {NULL};
    if (posix_spawn(&state->janitor, "/bin/rm", NULL, NULL, argv, no_variables)) {
        log_event(LOG_LEVEL_WARNING, "state.prune_failed", "path=%s/run", state->path);
    }
    for (size_t i = 0; i < n + 3; i++) {
        free(argv[i]);
    }
    free(argv);
}

bool
state_is_janitor(const struct state *state, pid_t pid)
{
    return pid > 0 && pid == state->janitor;
}

void
state_prune(struct state *state)
{
    if (state->n_runs <= 2 * RUNS_KEPT_MAX) {
        return;
    }
    size_t n;
    uint64_t *tokens = state_tokens(state->run, &n);
    if (n > RUNS_KEPT_MAX) {
        /* A run that goes on is never deleted, however old. */
        size_t n_old = 0;
        for (size_t i = 0; i < n - RUNS_KEPT_MAX; i++) {
            if (faccessat(state->leases, token_name(tokens[i]).s, F_OK, 0)) {
                tokens[n_old++] = tokens[i];
            }
        }
        n_old = MIN(n_old, (size_t)1000);
        remove_in_background(state, tokens, n_old);
        n -= n_old;
    }
    state->n_runs = n;
    free(tokens);
}

int
state_run_begin(struct state *state, uint64_t token)
{
    struct token_name name = token_name(token);
    if (mkdirat(state->run, name.s, 0700)) {
        if (errno != EEXIST) {
            return -1;
        }
        /* The token was here before: what a broker restored from a backup gives out again. */
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        char aside[80];
        snprintf(aside, sizeof aside, "%s.%lld.%09ld", name.s, (long long)now.tv_sec, now.tv_nsec);
        if (renameat(state->run, name.s, state->run, aside) || mkdirat(state->run, name.s, 0700)) {
            return -1;
        }
    }
    state->n_runs++;
    return openat(state->run, name.s, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* ---- leases ---- */

static char *
crash_key(const char *project, const char *id)
{
    struct buf key = {0};
    buf_printf(&key, "%s/%s", project, id);
    char *text = xstrdup(buf_text(&key));
    buf_fini(&key);
    return text;
}

void
state_lease_begin(struct state *state, uint64_t token, const char *project, const char *id)
{
    char *key = crash_key(project, id);
    /* Not synced: it is for the death of this process. After that of the machine the broker's own
     * clock gives the task to another. */
    if (!files_replace(state->leases, token_name(token).s, key, strlen(key), false)) {
        log_event(LOG_LEVEL_WARNING, "state.write_failed", "file=leases/%" PRIu64 " why=%s", token,
                  log_quote(strerror(errno)).s);
    }
    free(key);
}

void
state_lease_end(struct state *state, uint64_t token, const char *project, const char *id)
{
    char *key = crash_key(project, id);
    if (json_object_get(state->crashes, key)) {
        json_object_del(state->crashes, key);
        save_crashes(state);
    }
    free(key);
    state_lease_forget(state, token);
}

void
state_lease_forget(struct state *state, uint64_t token)
{
    (void)unlinkat(state->leases, token_name(token).s, 0);
}

static int
count_crash(struct state *state, uint64_t token)
{
    struct buf key = {0};
    if (files_read(state->leases, token_name(token).s, LEASE_BYTES_MAX, &key) != FILES_READ) {
        return 1;
    }
    json_int_t n = json_integer_value(json_object_get(state->crashes, buf_text(&key))) + 1;
    if (json_object_size(state->crashes) >= CRASH_TASKS_MAX) {
        json_object_clear(state->crashes);
    }
    json_object_set_new(state->crashes, buf_text(&key), json_integer(n));
    buf_fini(&key);
    return (int)MIN(n, (json_int_t)1000);
}

struct state_interrupted *
state_interrupted(struct state *state, size_t *ret_n)
{
    size_t n;
    uint64_t *tokens = state_tokens(state->leases, &n);
    struct state_interrupted *list = xcalloc(n, sizeof *list);
    for (size_t i = 0; i < n; i++) {
        list[i] = (struct state_interrupted){tokens[i], count_crash(state, tokens[i])};
    }
    if (n) {
        save_crashes(state);
    }
    free(tokens);
    *ret_n = n;
    return list;
}
