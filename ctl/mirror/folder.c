#include "ctl/mirror/folder.h"

#include "common/alloc.h"
#include "common/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FOLDER_FILES_MAX = 10000 };

static bool PRINTF_LIKE(2, 3) fail(struct folder *folder, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(folder->error, sizeof folder->error, fmt, args);
    va_end(args);
    return false;
}

/* A folder inside of DIR, one or two plain names deep; made when it is missing. -1: failed. */
static int
sub_open(struct folder *folder, const char *sub)
{
    char path[FOLDER_PATH_BYTES_MAX];
    int fd = dup(folder->fd);
    snprintf(path, sizeof path, "%s", sub);
    for (char *rest = path, *name; fd >= 0 && (name = strsep(&rest, "/"));) {
        (void)mkdirat(fd, name, 0777);
        int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int error = errno;
        close(fd);
        fd = next;
        errno = error;
    }
    if (fd < 0) {
        fail(folder, "%s: %s", sub, strerror(errno));
    }
    return fd;
}

bool
folder_open(struct folder *folder, const char *dir)
{
    static const char *const subs[] = {"handoffs", "status", "decisions",
                                       "reports",  "inbox",  ".baton/last"};
    *folder = (struct folder){.fd = -1, .lock_fd = -1};
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        return fail(folder, "%s: %s", dir, strerror(errno));
    }
    folder->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0) {
        return fail(folder, "%s: %s", dir, strerror(errno));
    }
    for (size_t i = 0; i < ARRAY_LEN(subs); i++) {
        int fd = sub_open(folder, subs[i]);
        if (fd < 0) {
            return false;
        }
        close(fd);
    }
    folder->lock_fd = openat(folder->fd, ".baton/lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                             0666);
    if (folder->lock_fd < 0) {
        return fail(folder, "%s/.baton/lock: %s", dir, strerror(errno));
    }
    if (flock(folder->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return fail(folder, "%s: another mirror writes there", dir);
    }
    return true;
}

void
folder_close(struct folder *folder)
{
    if (folder->lock_fd >= 0) {
        close(folder->lock_fd);
    }
    if (folder->fd >= 0) {
        close(folder->fd);
    }
    folder->fd = folder->lock_fd = -1;
}

/* ---- reading ---- */

static bool
read_all(int fd, size_t bytes_max, struct buf *text)
{
    for (;;) {
        uint8_t *at = buf_reserve(text, 65536);
        ssize_t n = read(fd, at, 65536);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return false;
        }
        if (n == 0) {
            return true;
        }
        text->bytes += (size_t)n;
        if (text->bytes > bytes_max) {
            errno = EFBIG;
            return false;
        }
    }
}

/* -1: nothing there; 0: failed; 1: read. */
static int
read_file(struct folder *folder, int dir, const char *name, size_t bytes_max, struct buf *text)
{
    buf_clear(text);
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        fail(folder, "%s: there is no such file", name);
        return -1;
    }
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        fail(folder, "%s: %s", name, fd < 0 ? strerror(errno) : "not a plain file");
        if (fd >= 0) {
            close(fd);
        }
        return 0;
    }
    bool ok = read_all(fd, bytes_max, text);
    if (!ok) {
        fail(folder, "%s: %s", name, strerror(errno));
    }
    close(fd);
    return ok;
}

bool
folder_read(struct folder *folder, const char *sub, const char *name, size_t bytes_max,
            struct buf *ret_text)
{
    int dir = sub_open(folder, sub);
    if (dir < 0) {
        return false;
    }
    int got = read_file(folder, dir, name, bytes_max, ret_text);
    close(dir);
    return got == 1;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool
folder_list(struct folder *folder, const char *sub, char ***ret_names, size_t *ret_n)
{
    int fd = sub_open(folder, sub);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        return false;
    }
    char **names = NULL;
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir)) && n < FOLDER_FILES_MAX;) {
        struct stat st;
        if (entry->d_name[0] != '.' && fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode)) {
            names = xreallocarray(names, n + 1, sizeof *names);
            names[n++] = xstrdup(entry->d_name);
        }
    }
    closedir(dir);
    if (n) {
        qsort(names, n, sizeof *names, compare_names);
    }
    *ret_names = names;
    *ret_n = n;
    return true;
}

/* ---- writing ---- */

static bool
write_all(int fd, const struct buf *text)
{
    for (size_t done = 0; done < text->bytes;) {
        ssize_t n = write(fd, text->data + done, text->bytes - done);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Under a temporary name, synced, then renamed; the directory is synced too. */
static bool
replace(struct folder *folder, int dir, const char *name, const struct buf *text)
{
    char temporary[NAME_MAX + 1];
    snprintf(temporary, sizeof temporary, ".%.200s.new", name);
    (void)unlinkat(dir, temporary, 0);
    int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    bool ok = fd >= 0 && write_all(fd, text) && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (ok && renameat(dir, temporary, dir, name) != 0) {
        ok = false;
        error = errno;
    }
    if (!ok) {
        (void)unlinkat(dir, temporary, 0);
        return fail(folder, "%s: %s", name, strerror(error));
    }
    (void)fsync(dir);
    return true;
}

static bool
is_equal(const struct buf *a, const struct buf *b)
{
    return a->bytes == b->bytes && (a->bytes == 0 || memcmp(a->data, b->data, a->bytes) == 0);
}

/* "blockers.md" to "blockers.conflict-20250810T140000.md", or with a number behind it. */
static bool
set_aside(struct folder *folder, int dir, const char *name, int64_t at,
          char conflict[FOLDER_PATH_BYTES_MAX])
{
    const char *dot = strrchr(name, '.');
    int stem = dot ? (int)(dot - name) : (int)strlen(name);
    time_t seconds = (time_t)(at / 1000);
    struct tm tm;
    char when[32];
    gmtime_r(&seconds, &tm);
    strftime(when, sizeof when, "%Y%m%dT%H%M%S", &tm);
    for (int i = 0; i < 1000; i++) {
        char more[16] = "";
        if (i) {
            snprintf(more, sizeof more, "-%d", i);
        }
        snprintf(conflict, FOLDER_PATH_BYTES_MAX, "%.*s.conflict-%s%s%s", stem, name, when, more,
                 dot ? dot : "");
        if (linkat(dir, name, dir, conflict, 0) == 0) {
            return unlinkat(dir, name, 0) == 0;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return fail(folder, "%s: its change by hand can't be kept: %s", name, strerror(errno));
}

static enum folder_written
write_in(struct folder *folder, int dir, int last_dir, const char *last_name, const char *name,
         const struct buf *text, int64_t at, char conflict[FOLDER_PATH_BYTES_MAX])
{
    struct buf now = {0}, last = {0};
    enum folder_written written = FOLDER_FAILED;
    int has_now = read_file(folder, dir, name, FOLDER_FILE_BYTES_MAX, &now);
    int has_last = has_now ? read_file(folder, last_dir, last_name, FOLDER_FILE_BYTES_MAX, &last)
                           : 0;
    bool is_ours = has_now < 0 || (has_last == 1 && is_equal(&now, &last)) ||
                   (has_now == 1 && is_equal(&now, text));
    if (has_now == 0 || has_last == 0) {
        written = FOLDER_FAILED;
    } else if (has_now == 1 && is_equal(&now, text) && has_last == 1 && is_equal(&last, text)) {
        written = FOLDER_SAME;
    } else if ((is_ours || set_aside(folder, dir, name, at, conflict)) &&
               replace(folder, dir, name, text) && replace(folder, last_dir, last_name, text)) {
        written = is_ours ? FOLDER_WRITTEN : FOLDER_CONFLICT;
    }
    buf_fini(&now);
    buf_fini(&last);
    return written;
}

enum folder_written
folder_write(struct folder *folder, const char *sub, const char *name, const struct buf *text,
             int64_t at, char ret_conflict[FOLDER_PATH_BYTES_MAX])
{
    char last_name[NAME_MAX + 1];
    CHECK(!strchr(name, '/') && name[0] != '.');
    snprintf(last_name, sizeof last_name, "%.40s+%.200s", sub, name);
    int dir = sub_open(folder, sub);
    int last_dir = dir >= 0 ? sub_open(folder, ".baton/last") : -1;
    enum folder_written written = FOLDER_FAILED;
    if (last_dir >= 0) {
        written = write_in(folder, dir, last_dir, last_name, name, text, at, ret_conflict);
        close(last_dir);
    }
    if (dir >= 0) {
        close(dir);
    }
    return written;
}

bool
folder_move_inbox(struct folder *folder, const char *name, const char *to, int64_t at)
{
    char sub[64], target[NAME_MAX + 1];
    snprintf(sub, sizeof sub, "inbox/%s", to);
    int from_dir = sub_open(folder, "inbox");
    int to_dir = from_dir >= 0 ? sub_open(folder, sub) : -1;
    bool ok = false;
    for (int i = 0; to_dir >= 0 && !ok && i < 1000; i++) {
        if (i == 0) {
            snprintf(target, sizeof target, "%.200s", name);
        } else {
            snprintf(target, sizeof target, "%lld-%d-%.200s", (long long)at, i, name);
        }
        ok = linkat(from_dir, name, to_dir, target, 0) == 0 && unlinkat(from_dir, name, 0) == 0;
        if (!ok && errno != EEXIST) {
            fail(folder, "inbox/%s: %s", name, strerror(errno));
            break;
        }
    }
    if (to_dir >= 0) {
        close(to_dir);
    }
    if (from_dir >= 0) {
        close(from_dir);
    }
    return ok;
}
