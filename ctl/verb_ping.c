/* baton ping, backup: short questions to the broker itself. */
#include "common/units.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct option options[] = {{0}};

static int64_t
monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int
verb_ping(struct ctl *ctl, int argc, char **argv)
{
    if (ctl_getopt(ctl, argc, argv, "", options) != -1) {
        return ctl->status;
    }
    if (optind < argc) {
        return ctl_usage(ctl, "%s was not expected", argv[optind]);
    }
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    struct baton_pong pong;
    int64_t began_us = monotonic_us();
    baton_status answer = baton_ping(ctl->baton, &pong);
    int64_t took_us = monotonic_us() - began_us;
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (ctl->json) {
        json_t *object = json_object();
        json_object_set_new(object, "now", ctl_json_time(pong.now));
        json_object_set_new(object, "epoch", json_integer((json_int_t)pong.epoch));
        json_object_set_new(object, "accepting", json_boolean(pong.accepting));
        json_object_set_new(object, "took_us", json_integer(took_us));
        ctl_print_json(ctl, object);
    } else {
        ctl_print(ctl, "the broker answers: epoch %" PRIu64 ", %.3f ms%s\n", pong.epoch,
                  (double)took_us / 1000,
                  pong.accepting ? "" : "; it takes no new work (`baton status` says why)");
    }
    return CTL_YES;
}

/* The absolute form of a path whose last part need not exist. NULL: reported. */
static char *
absolute_path(struct ctl *ctl, const char *path)
{
    char *whole = NULL;
    if (path[0] == '/') {
        whole = strdup(path);
    } else {
        char folder[PATH_MAX];
        if (!getcwd(folder, sizeof folder)) {
            ctl_fail(ctl, CTL_DATA, "file", "give an absolute path",
                     "the working directory is not known: %s", strerror(errno));
            return NULL;
        }
        CHECK(asprintf(&whole, "%s/%s", folder, path) >= 0);
    }
    CHECK(whole);
    return whole;
}

static int
backup(struct ctl *ctl, const char *path)
{
    enum { BACKUP_TIMEOUT_MS = 10 * 60 * 1000 };
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    int64_t timeout_ms = ctl->options.timeout_ms ? ctl->options.timeout_ms : BACKUP_TIMEOUT_MS;
    struct baton_backup_done done;
    baton_status answer = baton_backup(ctl->baton, path, timeout_ms, &done);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (ctl->json) {
        json_t *object = json_object();
        json_object_set_new(object, "path", ctl_json_text(path));
        json_object_set_new(object, "bytes", json_integer((json_int_t)done.bytes));
        json_object_set_new(object, "seq", json_integer((json_int_t)done.seq));
        ctl_print_json(ctl, object);
    } else {
        ctl_print_text(ctl, path);
        ctl_print(ctl, ": %" PRIu64 " bytes, complete up to entry %" PRIu64 "\n", done.bytes,
                  done.seq);
    }
    return CTL_YES;
}

int
verb_backup(struct ctl *ctl, int argc, char **argv)
{
    if (ctl_getopt(ctl, argc, argv, "", options) != -1) {
        return ctl->status;
    }
    if (argc - optind != 1 || !argv[optind][0]) {
        return ctl_usage(ctl, "where to? Name one file that does not exist yet");
    }
    char *path = absolute_path(ctl, argv[optind]);
    int status = path ? backup(ctl, path) : ctl->status;
    free(path);
    return status;
}
