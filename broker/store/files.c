/* The store's directory: made, locked, synced. */
#include "broker/store/private.h"

#include "common/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *
files_path(const char *dir, const char *name)
{
    size_t room = strlen(dir) + strlen(name) + 2;
    char *path = xmalloc(room);
    snprintf(path, room, "%s/%s", dir, name);
    return path;
}

bool
files_sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool ok = fsync(fd) == 0;
    close(fd);
    return ok;
}

bool
files_sync_dir_of(const char *path)
{
    char *dir = xstrdup(path);
    char *end = dir + strlen(dir);
    while (end > dir + 1 && end[-1] == '/') {
        *--end = '\0';
    }
    char *slash = strrchr(dir, '/');
    if (slash) {
        slash[slash == dir] = '\0';
    }
    bool ok = files_sync_dir(slash ? dir : ".");
    free(dir);
    return ok;
}

int
files_create(const char *path)
{
    /* SQLite gives the files beside it the same rights. */
    return open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

enum store_status
files_status_of(int err)
{
    switch (err) {
    case ENOSPC:
    case EDQUOT:
        return STORE_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case EEXIST:
    case ELOOP:
    case ENAMETOOLONG:
        return STORE_DENIED;
    default:
        return STORE_IO;
    }
}

enum store_status
files_make_dir(const char *dir, char *error, size_t error_room)
{
    if (mkdir(dir, 0700) == 0) {
        if (files_sync_dir_of(dir)) {
            return STORE_OK;
        }
    } else if (errno == EEXIST) {
        struct stat st;
        if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode)) {
            return STORE_OK;
        }
        errno = ENOTDIR;
    }
    int err = errno;
    snprintf(
        error, error_room,
        "store %s: cannot make the directory: %s; check its parent and your rights there, or name "
        "another directory",
        dir, strerror(err));
    return files_status_of(err);
}

/* Who has it, as far as the file tells; 0 when it does not. */
static long
lock_owner(int fd)
{
    char text[32] = {0};
    if (pread(fd, text, sizeof(text) - 1, 0) <= 0) {
        return 0;
    }
    long pid = strtol(text, NULL, 10);
    return pid > 0 ? pid : 0;
}

static bool
lock_sign(int fd)
{
    char text[32];
    int bytes = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)bytes, 0) == bytes;
}

enum store_status
files_lock(const char *dir, bool create, int *ret_fd, char *error, size_t error_room)
{
    char *path = files_path(dir, "lock");
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
    if (fd < 0 && errno == ENOENT && !create) {
        free(path);
        *ret_fd = -1;
        return STORE_OK;
    }
    enum store_status status = STORE_OK;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0 && lock_sign(fd)) {
        *ret_fd = fd;
        free(path);
        return STORE_OK;
    }
    int err = errno;
    long pid = fd >= 0 ? lock_owner(fd) : 0;
    if (fd >= 0 && (err == EAGAIN || err == EACCES)) {
        status = STORE_LOCKED;
        if (pid) {
            snprintf(error, error_room,
                     "store %s is in use by pid %ld; one broker has one store: end that one, or "
                     "name another directory",
                     dir, pid);
        } else {
            snprintf(error, error_room, "store %s is in use by another process", dir);
        }
    } else {
        status = files_status_of(err);
        snprintf(error, error_room, "store %s: cannot lock %s: %s; check its owner and rights", dir,
                 path, strerror(err));
    }
    if (fd >= 0) {
        close(fd);
    }
    free(path);
    return status;
}
