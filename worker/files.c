/* Files: careful openings. */
#include "worker/files.h"

#include "common/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

bool
files_make_directories(const char *path)
{
    char part[PATH_MAX];
    size_t bytes = strlen(path);
    if (bytes == 0 || bytes >= sizeof part) {
        errno = ENAMETOOLONG;
        return false;
    }
    for (size_t i = 1; i <= bytes; i++) {
        if (path[i] != '/' && path[i] != 0) {
            continue;
        }
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0700) && errno != EEXIST) {
            return false;
        }
    }
    struct stat st;
    if (stat(path, &st)) {
        return false;
    }
    if (!S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return false;
    }
    return true;
}

static bool
write_all(int fd, const void *p, size_t bytes)
{
    const char *from = p;
    while (bytes > 0) {
        ssize_t n = write(fd, from, bytes);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        from += n;
        bytes -= (size_t)n;
    }
    return true;
}

bool
files_replace(int dir, const char *name, const void *p, size_t bytes, bool durable)
{
    char temporary[NAME_MAX + 1];
    snprintf(temporary, sizeof temporary, ".%s.tmp", name);
    if (unlinkat(dir, temporary, 0) && errno != ENOENT) {
        return false;
    }
    int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    bool ok = write_all(fd, p, bytes) && (!durable || fsync(fd) == 0);
    ok = close(fd) == 0 && ok;
    ok = ok && renameat(dir, temporary, dir, name) == 0 && (!durable || fsync(dir) == 0);
    if (!ok) {
        int error = errno;
        (void)unlinkat(dir, temporary, 0);
        errno = error;
    }
    return ok;
}

static enum files_read
read_all(int fd, size_t bytes_max, struct buf *ret_content)
{
    struct stat st;
    if (fstat(fd, &st)) {
        return FILES_FAILED;
    }
    if (!S_ISREG(st.st_mode)) {
        return FILES_NOT_REGULAR;
    }
    for (;;) {
        /* One byte more than allowed is asked for: the size may grow while we read. */
        size_t room = bytes_max + 1 - ret_content->bytes;
        uint8_t *to = buf_reserve(ret_content, MIN(room, (size_t)65536));
        ssize_t n = read(fd, to, MIN(room, (size_t)65536));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return FILES_FAILED;
        }
        ret_content->bytes += (size_t)n;
        if (n == 0) {
            return FILES_READ;
        }
        if (ret_content->bytes > bytes_max) {
            return FILES_TOO_LARGE;
        }
    }
}

enum files_read
files_read(int dir, const char *name, size_t bytes_max, struct buf *ret_content)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT                    ? FILES_MISSING
               : errno == ELOOP || errno == ENXIO ? FILES_NOT_REGULAR
                                                  : FILES_FAILED;
    }
    struct buf content = {0};
    enum files_read status = read_all(fd, bytes_max, &content);
    close(fd);
    if (status == FILES_READ) {
        (void)buf_text(&content);
        *ret_content = content;
    } else {
        buf_fini(&content);
    }
    return status;
}

char *
files_path_of(int fd)
{
    char link[64];
    char path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0 || path[0] != '/') {
        return NULL;
    }
    path[n] = 0;
    return xstrdup(path);
}

int
files_open_below(int dir, const char *path)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    const char *name = path && *path ? path : ".";
    return (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
}
