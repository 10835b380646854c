#include "broker/front/options.h"

#include "common/alloc.h"
#include "common/buf.h"
#include "common/limits.h"
#include "common/units.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEARTBEAT_MS = 5000 };

enum option_number {
    OPT_DATA = 256,
    OPT_LISTEN,
    OPT_ZONE,
    OPT_LOG_LEVEL,
    OPT_LEASE,
    OPT_HEARTBEAT,
    OPT_START_TIMEOUT,
    OPT_SUSPECT,
    OPT_RESTART_GRACE,
    OPT_CANCEL_GRACE,
    OPT_STALL,
    OPT_LINGER,
    OPT_BACKOFF,
    OPT_HOT_ENDED,
    OPT_KEEP_ENDED,
    OPT_KEEP_FAILED,
    OPT_SNAPSHOT_BYTES,
    OPT_RESERVE,
    OPT_FOREGROUND,
    OPT_HELP,
    OPT_VERSION,
};

static const struct option table[] = {
    {"data", required_argument, NULL, OPT_DATA},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"zone", required_argument, NULL, OPT_ZONE},
    {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
    {"lease", required_argument, NULL, OPT_LEASE},
    {"heartbeat", required_argument, NULL, OPT_HEARTBEAT},
    {"start-timeout", required_argument, NULL, OPT_START_TIMEOUT},
    {"suspect", required_argument, NULL, OPT_SUSPECT},
    {"restart-grace", required_argument, NULL, OPT_RESTART_GRACE},
    {"cancel-grace", required_argument, NULL, OPT_CANCEL_GRACE},
    {"stall", required_argument, NULL, OPT_STALL},
    {"linger", required_argument, NULL, OPT_LINGER},
    {"backoff", required_argument, NULL, OPT_BACKOFF},
    {"hot-ended", required_argument, NULL, OPT_HOT_ENDED},
    {"keep-ended", required_argument, NULL, OPT_KEEP_ENDED},
    {"keep-failed", required_argument, NULL, OPT_KEEP_FAILED},
    {"snapshot-bytes", required_argument, NULL, OPT_SNAPSHOT_BYTES},
    {"reserve", required_argument, NULL, OPT_RESERVE},
    {"foreground", no_argument, NULL, OPT_FOREGROUND},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "Usage: batond [OPTION]...\n"
    "The Baton broker: keeps the tasks, and gives them to workers. Runs in the foreground.\n"
    "\n"
    "  --data DIR          where the store is ($XDG_STATE_HOME/baton; for root /var/lib/baton)\n"
    "  --listen ipc://PATH where clients connect ($BATON_ENDPOINT, else\n"
    "                      ipc://$XDG_RUNTIME_DIR/baton/broker.sock, else\n"
    "                      ipc:///run/baton/broker.sock); events are at PATH.feed\n"
    "  --zone ZONE         of plain dates, as Europe/Berlin (UTC)\n"
    "  --lease D           of a worker's task without a word from the worker (5m)\n"
    "  --reserve SIZE      free disk space below which no new tasks are taken\n"
    "  --log-level LEVEL   error, warning, notice, info or debug (info)\n"
    "  --help, --version\n"
    "\n"
    "Less often needed: --heartbeat D (5s), --start-timeout D (30s), --suspect D (60s),\n"
    "--restart-grace D (90s), --cancel-grace D (60s), --stall D (20m), --linger D (120s),\n"
    "--backoff D (30s), --hot-ended N (100000), --keep-ended D (90d), --keep-failed D (365d),\n"
    "--snapshot-bytes SIZE (32M). See batond(8).\n";

/* Bytes, with K, M, G or KiB, MiB, GiB behind. */
static bool
size_parse(const char *s, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(s, &end, 10);
    if (!isdigit((unsigned char)s[0]) || errno != 0) {
        return false;
    }
    static const char units[] = "KMGT";
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    uint64_t factor = 1;
    if (unit) {
        factor <<= 10 * (unit - units + 1);
        end++;
        if (strcmp(end, "iB") == 0) {
            end += 2;
        }
    }
    uint64_t bytes;
    if (*end || __builtin_mul_overflow((uint64_t)n, factor, &bytes)) {
        return false;
    }
    *ret = bytes;
    return true;
}

static bool
count_parse(const char *s, uint32_t *ret)
{
    uint64_t n;
    if (!size_parse(s, &n) || n > UINT32_MAX) {
        return false;
    }
    *ret = (uint32_t)n;
    return true;
}

/* Where the duration of an option goes; NULL: it has none. */
static int64_t *
duration_of(struct options *options, int number)
{
    switch (number) {
    case OPT_LEASE:
        return &options->core.lease_ms;
    case OPT_HEARTBEAT:
        return &options->heartbeat_ms;
    case OPT_START_TIMEOUT:
        return &options->core.start_ms;
    case OPT_SUSPECT:
        return &options->core.suspect_ms;
    case OPT_RESTART_GRACE:
        return &options->core.restart_grace_ms;
    case OPT_CANCEL_GRACE:
        return &options->core.cancel_grace_ms;
    case OPT_STALL:
        return &options->core.stall_ms;
    case OPT_LINGER:
        return &options->core.linger_ms;
    case OPT_BACKOFF:
        return &options->core.backoff_ms;
    case OPT_KEEP_ENDED:
        return &options->keep_ended_ms;
    case OPT_KEEP_FAILED:
        return &options->keep_failed_ms;
    default:
        return NULL;
    }
}

/* False: the value is not one. */
static bool
take_value(struct options *options, int number, const char *value)
{
    int64_t *duration = duration_of(options, number);
    if (duration) {
        return duration_parse(value, duration) && *duration > 0;
    }
    switch (number) {
    case OPT_DATA:
        options->data = value;
        return *value != 0;
    case OPT_LISTEN:
        options->listen = value;
        return true;
    case OPT_ZONE:
        options->zone = value;
        return zone_is_known(value);
    case OPT_LOG_LEVEL:
        return log_level_parse(value, &options->level);
    case OPT_HOT_ENDED:
        return count_parse(value, &options->core.hot_ended_max) && options->core.hot_ended_max > 0;
    case OPT_SNAPSHOT_BYTES:
        return size_parse(value, &options->snapshot_bytes);
    case OPT_RESERVE:
        return size_parse(value, &options->reserve_bytes);
    default:
        return true;
    }
}

/* What take_value would have taken. */
static const char *
wanted_by(int number)
{
    switch (number) {
    case OPT_DATA:
        return "a directory";
    case OPT_ZONE:
        return "a time zone that this machine knows, such as Europe/Berlin (the package tzdata has "
               "them)";
    case OPT_LOG_LEVEL:
        return "error, warning, notice, info or debug";
    case OPT_HOT_ENDED:
        return "a number from 1 up";
    case OPT_SNAPSHOT_BYTES:
    case OPT_RESERVE:
        return "a size such as 4096, 64K or 1GiB";
    default:
        return "a duration such as 250ms, 90s or 5m";
    }
}

static char *
join(const char *before, const char *directory, const char *rest)
{
    struct buf buf = {0};
    buf_printf(&buf, "%s%s%s", before, directory, rest);
    char *text = xstrdup(buf_text(&buf));
    buf_fini(&buf);
    return text;
}

static const char *
environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* NULL: nobody says where. */
static const char *
default_data(void)
{
    if (geteuid() == 0) {
        return "/var/lib/baton";
    }
    const char *state = environment("XDG_STATE_HOME");
    if (state) {
        return join("", state, "/baton");
    }
    const char *home = environment("HOME");
    return home ? join("", home, "/.local/state/baton") : NULL;
}

/* The rule of baton_endpoint in client/include/baton.h, seen from the other side. */
static const char *
default_listen(void)
{
    const char *endpoint = environment("BATON_ENDPOINT");
    const char *runtime = environment("XDG_RUNTIME_DIR");
    struct stat st;
    if (endpoint) {
        return endpoint;
    }
    if (runtime && stat(runtime, &st) == 0 && S_ISDIR(st.st_mode)) {
        return join("ipc://", runtime, "/baton/broker.sock");
    }
    return "ipc:///run/baton/broker.sock";
}

static int
check_listen(struct options *options)
{
    const char *listen = options->listen;
    if (strncmp(listen, "tcp://", 6) == 0) {
        fprintf(stderr,
                "batond: --listen %s: TCP waits for keys (CURVE), since without them everybody "
                "would be let in; listen on ipc://PATH\n",
                listen);
        return EXIT_CONFIG;
    }
    if (strncmp(listen, "ipc://", 6) != 0 || listen[6] == 0 || listen[6] == '@' ||
        listen[6] == '*') {
        fprintf(stderr, "batond: --listen %s: not an endpoint of the form ipc://PATH\n", listen);
        return EXIT_CONFIG;
    }
    options->path = listen + 6;
    size_t room = sizeof((struct sockaddr_un *)0)->sun_path - sizeof ".feed";
    if (strlen(options->path) > room) {
        fprintf(stderr, "batond: --listen %s: the path of a socket has at most %zu bytes\n", listen,
                room);
        return EXIT_CONFIG;
    }
    return -1;
}

static int
fill_in_defaults(struct options *options)
{
    if (!options->data) {
        options->data = default_data();
    }
    if (!options->data) {
        fputs("batond: no --data, and neither XDG_STATE_HOME nor HOME is set\n", stderr);
        return EXIT_CONFIG;
    }
    if (!options->listen) {
        options->listen = default_listen();
    }
    return check_listen(options);
}

int
options_parse(int argc, char **argv, struct options *ret)
{
    struct options options = {.zone = "UTC", .level = LOG_LEVEL_INFO, .heartbeat_ms = HEARTBEAT_MS};
    int index = 0;
    for (;;) {
        int number = getopt_long(argc, argv, "h", table, &index);
        if (number == -1) {
            break;
        }
        if (number == OPT_HELP || number == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (number == OPT_VERSION) {
            puts("batond " BATON_SOFTWARE_VERSION);
            return 0;
        }
        if (number == '?') {
            fputs("batond: see batond --help\n", stderr);
            return EXIT_USAGE;
        }
        if (!take_value(&options, number, optarg)) {
            fprintf(stderr, "batond: --%s: %s is wanted, not '%s'\n", table[index].name,
                    wanted_by(number), optarg);
            return number == OPT_ZONE ? EXIT_CONFIG : EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "batond: unexpected argument: %s\n", argv[optind]);
        return EXIT_USAGE;
    }
    int status = fill_in_defaults(&options);
    *ret = options;
    return status;
}
