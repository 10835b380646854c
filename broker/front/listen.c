#include "broker/front/listen.h"

#include "broker/front/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int
make_directory(const char *path, char *error, size_t error_room)
{
    char directory[sizeof((struct sockaddr_un *)0)->sun_path];
    snprintf(directory, sizeof directory, "%s", path);
    char *slash = strrchr(directory, '/');
    if (!slash || slash == directory) {
        return -1;
    }
    *slash = 0;
    if (mkdir(directory, 0750) == 0 || errno == EEXIST) {
        return -1;
    }
    snprintf(error, error_room, "can't make the directory %s for the socket: %s", directory,
             strerror(errno));
    return EXIT_CONFIG;
}

/* The pid of who listens at `path`; 0: nobody; -1: somebody, unknown who. */
static pid_t
listener(const char *path)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    pid_t pid = 0;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        struct ucred peer;
        socklen_t bytes = sizeof peer;
        pid = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0 && peer.pid > 0 ? peer.pid
                                                                                          : -1;
    } else if (errno != ECONNREFUSED && errno != ENOENT) {
        pid = -1;
    }
    close(fd);
    return pid;
}

int
listen_prepare(const char *path, char *error, size_t error_room)
{
    int failed = make_directory(path, error, error_room);
    if (failed >= 0) {
        return failed;
    }
    struct stat st;
    if (lstat(path, &st) != 0) {
        return -1;
    }
    if (!S_ISSOCK(st.st_mode)) {
        snprintf(error, error_room, "%s exists and is not a socket; name another path", path);
        return EXIT_CONFIG;
    }
    pid_t pid = listener(path);
    if (pid != 0) {
        char who[64] = "another process";
        if (pid > 0) {
            snprintf(who, sizeof who, "process %ld", (long)pid);
        }
        snprintf(error, error_room, "%s listens at %s already; stop it, or use another --listen",
                 who, path);
        return EXIT_BUSY;
    }
    if (unlink(path) != 0) {
        snprintf(error, error_room, "can't remove the old socket %s: %s", path, strerror(errno));
        return EXIT_CONFIG;
    }
    return -1;
}
