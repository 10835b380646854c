/* Files into memory: bounded, and checked before anything looks into them. */
#include "common/text.h"
#include "ctl/plan/inner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP_BYTES = 256 * 1024 };

/* Reads up to bytes_max and one more byte, so that the caller sees that there is more. Returns -1
 * with errno. */
static ssize_t
read_bounded(struct plan *plan, int fd, size_t bytes_hint, size_t bytes_max, char **ret_text)
{
    size_t room = MIN(MAX(bytes_hint, (size_t)READ_STEP_BYTES), bytes_max) + 2;
    char *text = arena_alloc(&plan->arena, room);
    size_t used = 0;
    for (;;) {
        if (used + 1 == room) {
            if (used > bytes_max) {
                break;
            }
            room = MIN(room * 2, bytes_max + 2);
            char *more = arena_alloc(&plan->arena, room);
            memcpy(more, text, used);
            text = more;
        }
        ssize_t n = read(fd, text + used, room - 1 - used);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        used += (size_t)n;
    }
    text[used] = 0;
    *ret_text = text;
    return (ssize_t)used;
}

static void
fail_too_large(struct plan *plan, struct place at, size_t bytes_max)
{
    plan_fail(plan, at, "the file is larger than %zu MiB; split the plan into several files",
              bytes_max >> 20);
}

static bool
read_file(struct plan *plan, struct place at, int fd, size_t bytes_max, char **ret_text,
          size_t *ret_bytes)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        plan_fail(plan, at, "can't be read: %s", strerror(errno));
        return false;
    }
    if (S_ISDIR(st.st_mode)) {
        plan_fail(plan, at, "is a directory; name the files in it");
        return false;
    }
    /* A size that is known is refused before it is read. */
    if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > bytes_max) {
        fail_too_large(plan, at, bytes_max);
        return false;
    }
    size_t hint = S_ISREG(st.st_mode) ? (size_t)st.st_size : 0;
    ssize_t n = read_bounded(plan, fd, hint, bytes_max, ret_text);
    if (n < 0) {
        plan_fail(plan, at, "can't be read: %s", strerror(errno));
        return false;
    }
    if ((size_t)n > bytes_max) {
        fail_too_large(plan, at, bytes_max);
        return false;
    }
    *ret_bytes = (size_t)n;
    return true;
}

bool
source_read(struct plan *plan, const char *path, struct source *ret_source)
{
    bool is_stdin = strcmp(path, "-") == 0;
    struct source source = {.at.file = is_stdin ? "standard input"
                                                : arena_strdup(&plan->arena, path)};
    const char *slash = strrchr(path, '/');
    if (slash) {
        source.folder = arena_printf(&plan->arena, "%.*s", (int)(slash - path + 1), path);
    }
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        plan_fail(plan, source.at, "can't be opened: %s", strerror(errno));
        return false;
    }
    char *text;
    bool ok = read_file(plan, source.at, fd, PLAN_DATA_BYTES_MAX, &text, &source.bytes);
    if (!is_stdin) {
        close(fd);
    }
    if (!ok) {
        return false;
    }
    source.text = text;
    *ret_source = source;
    return true;
}

/* The line of the first thing that is wrong, and what it is; 0: nothing is. */
static unsigned
find_fault(const char *text, size_t bytes, const char **ret_what)
{
    unsigned line = 1;
    for (const char *p = text, *end = text + bytes; p < end; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((newline ? newline : end) - p);
        if (memchr(p, 0, n)) {
            *ret_what = "a NUL byte; is this a text file?";
            return line;
        }
        if (!utf8_is_valid(p, n)) {
            *ret_what = "not UTF-8; save the file as UTF-8";
            return line;
        }
        p += n + (newline ? 1 : 0);
    }
    return 0;
}

bool
source_check(struct plan *plan, struct source *source, size_t bytes_max)
{
    if (source->bytes > bytes_max) {
        fail_too_large(plan, source->at, bytes_max);
        return false;
    }
    if (source->bytes >= 3 && memcmp(source->text, "\xef\xbb\xbf", 3) == 0) {
        source->text += 3;
        source->bytes -= 3;
    }
    const char *what;
    unsigned line = find_fault(source->text, source->bytes, &what);
    if (line) {
        plan_fail(plan, (struct place){source->at.file, line}, "%s", what);
        return false;
    }
    if (strspn(source->text, " \t\r\n") == source->bytes) {
        plan_fail(plan, source->at, "the file is empty; docs/plan.md says what a plan looks like");
        return false;
    }
    return true;
}

/* A path that stays below the folder it is relative to. */
static bool
path_is_below(const char *path)
{
    if (!*path || *path == '/') {
        return false;
    }
    for (const char *p = path;; p++) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            return false;
        }
        p += n;
        if (!*p) {
            return true;
        }
    }
}

const char *
source_read_beside(struct plan *plan, const struct source *source, struct place at,
                   const char *path, size_t bytes_max)
{
    if (!path_is_below(path)) {
        plan_fail(plan, at, "%s must be a path below the plan's own folder", quote(plan, path));
        return NULL;
    }
    const char *whole = arena_printf(&plan->arena, "%s%s", source->folder ? source->folder : "",
                                     path);
    /* Without O_NONBLOCK a named pipe would hold us for ever. */
    int fd = open(whole, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        plan_fail(plan, at, "%s can't be opened: %s", quote(plan, whole), strerror(errno));
        return NULL;
    }
    struct stat st;
    char *text = NULL;
    ssize_t n = -1;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        plan_fail(plan, at, "%s is not a file", quote(plan, whole));
    } else if ((n = read_bounded(plan, fd, (size_t)st.st_size, bytes_max, &text)) < 0) {
        plan_fail(plan, at, "%s can't be read: %s", quote(plan, whole), strerror(errno));
    } else if ((size_t)n > bytes_max) {
        plan_fail(plan, at, "%s is longer than %zu KiB; shorten it", quote(plan, whole),
                  bytes_max >> 10);
        n = -1;
    } else if (!utf8_is_valid(text, (size_t)n)) {
        plan_fail(plan, at, "%s is not UTF-8 text", quote(plan, whole));
        n = -1;
    }
    close(fd);
    return n < 0 ? NULL : text;
}
