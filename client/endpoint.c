/* Endpoints: which one is meant, and is it one. */
#include "client/endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* The kernel's room for the path of a local socket, without the NUL. */
enum { IPC_PATH_BYTES_MAX = sizeof((struct sockaddr_un *)0)->sun_path - 1 };

#define SYSTEM_DIRECTORY "/run/baton"

const char *
baton_endpoint(const char *endpoint)
{
    static _Thread_local char own[512];
    if (endpoint && *endpoint) {
        return endpoint;
    }
    const char *named = getenv("BATON_ENDPOINT");
    if (named && *named) {
        return named;
    }
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime && *runtime == '/' && access(runtime, F_OK) == 0) {
        int n = snprintf(own, sizeof own, "ipc://%s/baton/broker.sock", runtime);
        bool fits = n > 0 && (size_t)n < sizeof own;
        /* Who comes before any broker waits where a broker of this user will listen. */
        if (fits &&
            (access(own + strlen("ipc://"), F_OK) == 0 || access(SYSTEM_DIRECTORY, F_OK) != 0)) {
            return own;
        }
    }
    return "ipc://" SYSTEM_DIRECTORY "/broker.sock";
}

static bool
begins_with(const char *s, const char *start)
{
    return strncmp(s, start, strlen(start)) == 0;
}

baton_status
endpoint_check(const char *endpoint, struct fault *fault)
{
    if (begins_with(endpoint, "tcp://")) {
        return fault_set(
            fault, BATON_BAD_ARGUMENT,
            "the endpoint %.200s is refused: TCP is not spoken before keys (CURVE) are "
            "there; use ipc://PATH",
            endpoint);
    }
    if (!begins_with(endpoint, "ipc://")) {
        return fault_set(fault, BATON_BAD_ARGUMENT,
                         "\"%.200s\" is not an endpoint: write ipc://PATH, for example "
                         "ipc:///run/baton/broker.sock",
                         endpoint);
    }
    const char *path = endpoint + strlen("ipc://");
    if (!*path || strcmp(path, "*") == 0 || strcmp(path, "@") == 0) {
        return fault_set(fault, BATON_BAD_ARGUMENT,
                         "the endpoint %s has no path: write ipc://PATH, for example "
                         "ipc:///run/baton/broker.sock",
                         endpoint);
    }
    if (strlen(path) > IPC_PATH_BYTES_MAX) {
        return fault_set(fault, BATON_BAD_ARGUMENT,
                         "the path of the endpoint ipc://%.60s… has %zu bytes, and a local socket "
                         "may have %d: use a shorter path",
                         path, strlen(path), IPC_PATH_BYTES_MAX);
    }
    return BATON_OK;
}
