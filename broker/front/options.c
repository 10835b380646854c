#include "broker/front/options.h"

#include "common/alloc.h"
#include "common/limits.h"
#include "common/units.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char synopsis[] =
    "Usage: batond [OPTION]...\n"
    "The Baton broker: keeps the tasks, and gives them to workers. Runs in the foreground.\n";

static const char epilogue[] =
    "Signals: TERM or INT: end in good order; HUP: read the configuration again.\n";

/* ---- the keys ---- */

static bool
take_zone(const char *text, void *field)
{
    (void)field;
    return zone_is_known(text);
}

static bool
take_level(const char *text, void *field)
{
    return log_level_parse(text, field);
}

#define AT(member) .at = offsetof(struct options, member)
#define RARELY .traits = CONFIG_RARE

static const struct config_key keys[] = {
    {"data", CONFIG_TEXT, AT(data), .shown = "DIR",
     .help = "Where the store is; made (mode 0700) if it is not there "
             "[$XDG_STATE_HOME/baton, else ~/.local/state/baton; for root /var/lib/baton]"},
    {"listen", CONFIG_TEXT, AT(listen), .shown = "ipc://PATH",
     .help = "Where clients connect; events are at PATH.feed. The directory is made (mode 0750) if "
             "it is not there, the sockets have mode 0660: who may enter may do everything. TCP is "
             "refused until the protocol has keys [$BATON_ENDPOINT, else "
             "ipc://$XDG_RUNTIME_DIR/baton/broker.sock if that variable names a directory, else "
             "ipc:///run/baton/broker.sock]"},
    {"zone", CONFIG_TEXT, CONFIG_LIVE, AT(zone), .standard = "UTC", .shown = "ZONE",
     .take = take_zone,
     .wanted = "a time zone that this machine knows, such as Europe/Berlin (the package tzdata "
               "has them)",
     .help = "IANA name of the zone of plain dates, such as Europe/Berlin; clients ask the broker "
             "for it"},
    {"lease", CONFIG_DURATION, CONFIG_LIVE, AT(core.lease_ms), .standard = "5m", .shown = "D",
     .help = "How long a worker's task stays leased without a word from the worker"},
    {"reserve", CONFIG_SIZE, CONFIG_LIVE, AT(reserve_bytes), .shown = "SIZE",
     .help = "Free space on the disk below which no new tasks are taken; what was accepted is "
             "finished [64M, or a quarter of the disk if that is less]"},
    {"keep-ended", CONFIG_DURATION, CONFIG_LIVE, AT(keep_ended_ms), .standard = "90d", .shown = "D",
     .help = "How long after their end the archive keeps the records of done, cancelled and "
             "aborted tasks. Looked at once a day, and by baton gc"},
    {"keep-failed", CONFIG_DURATION, CONFIG_LIVE, AT(keep_failed_ms), .standard = "365d",
     .shown = "D", .help = "The same for failed and expired tasks"},
    {"export", CONFIG_SWITCH, AT(is_exporting), .standard = "no",
     .help = "Write what happens to PostgreSQL too. Where that is says libpq's own environment "
             "(PGHOST, PGSERVICE and their like, ~/.pgpass) or the systemd credential "
             "baton-postgres, which holds a connection string"},
    {"log-level", CONFIG_WORD, CONFIG_LIVE, AT(level), .standard = "info", .shown = "LEVEL",
     .take = take_level, .wanted = "error, warning, notice, info or debug",
     .help = "error, warning, notice, info or debug"},

    {"heartbeat", CONFIG_DURATION, CONFIG_RARE | CONFIG_LIVE, AT(heartbeat_ms), .standard = "5s",
     .shown = "D",
     .help = "Workers send something at least this often; after four of them without a word a "
             "worker counts as lost"},
    {"start-timeout", CONFIG_DURATION, CONFIG_RARE | CONFIG_LIVE, AT(core.start_ms),
     .standard = "30s", .shown = "D", .help = "From a lease to the worker's word that it started"},
    {"suspect", CONFIG_DURATION, CONFIG_RARE | CONFIG_LIVE, AT(core.suspect_ms), .standard = "60s",
     .shown = "D", .help = "How long the leases of a lost worker wait for it"},
    {"restart-grace", CONFIG_DURATION, RARELY, AT(core.restart_grace_ms), .standard = "90s",
     .shown = "D", .help = "How long leases last at least after a restart of the broker"},
    {"cancel-grace", CONFIG_DURATION, CONFIG_RARE | CONFIG_LIVE, AT(core.cancel_grace_ms),
     .standard = "60s", .shown = "D", .help = "For a cancelled agent to end"},
    {"stall", CONFIG_DURATION, CONFIG_RARE | CONFIG_LIVE, AT(core.stall_ms), .standard = "20m",
     .shown = "D", .help = "Without a word of progress for this long a task is shown as stalled"},
    {"linger", CONFIG_DURATION, CONFIG_RARE | CONFIG_LIVE, AT(core.linger_ms), .standard = "120s",
     .shown = "D", .help = "How long resources stay taken after an unclean end"},
    {"backoff", CONFIG_DURATION, CONFIG_RARE | CONFIG_LIVE, AT(core.backoff_ms), .standard = "30s",
     .shown = "D", .help = "Before the second attempt of a failed task; doubles with each"},
    {"hot-ended", CONFIG_NUMBER, CONFIG_RARE | CONFIG_LIVE, AT(core.hot_ended_max), .min = 1,
     .standard = "100000", .shown = "N",
     .help = "Ended tasks kept in memory; older ones are in the archive"},
    {"hot-cards", CONFIG_NUMBER, CONFIG_RARE | CONFIG_LIVE, AT(core.hot_cards_max), .min = 1,
     .standard = "20000", .shown = "N",
     .help = "Ended cards of the board kept in memory; older ones are in the archive"},
    {"snapshot-bytes", CONFIG_SIZE, CONFIG_RARE | CONFIG_LIVE, AT(snapshot_bytes), .shown = "SIZE",
     .help = "Length of the journal at which a new snapshot is written, if it is longer than the "
             "snapshot, too [64M, or an eighth of the disk if that is less]"},
    {"export-keep", CONFIG_DURATION, CONFIG_RARE | CONFIG_LIVE, AT(export_keep_ms),
     .standard = "400d", .shown = "D",
     .help = "How long PostgreSQL keeps the rows of what has ended, and samples"},
    {"export-sample", CONFIG_DURATION, CONFIG_RARE | CONFIG_LIVE, AT(export_sample_ms),
     .standard = "10s", .shown = "D",
     .help = "How often the lengths of the queues are sampled for PostgreSQL"},
    {"export-journal", CONFIG_SIZE, CONFIG_RARE | CONFIG_LIVE, AT(export_journal_bytes),
     .standard = "1G", .shown = "SIZE",
     .help = "Facts kept while PostgreSQL is away; with more it begins again with what is stored"},
    {"foreground", CONFIG_SWITCH, CONFIG_RARE | CONFIG_FLAG_ONLY, AT(foreground),
     .help = "Does nothing; it always runs in the foreground"},
};

static const struct config_program program = {
    .name = "batond",
    .file = "batond.conf",
    .prefix = "BATON_",
    .synopsis = synopsis,
    .epilogue = epilogue,
    .keys = keys,
    .n_keys = ARRAY_LEN(keys),
};

/* ---- what nobody has set ---- */

static const char *
environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* Into `path`; empty: nobody says where. */
static void
default_data(struct buf *path)
{
    const char *service = environment("STATE_DIRECTORY"); /* of systemd, for the unit that we are */
    const char *state = environment("XDG_STATE_HOME");
    const char *home = environment("HOME");
    if (service) {
        buf_add_text(path, service);
    } else if (geteuid() == 0) {
        buf_add_text(path, "/var/lib/baton");
    } else if (state) {
        buf_printf(path, "%s/baton", state);
    } else if (home) {
        buf_printf(path, "%s/.local/state/baton", home);
    }
}

/* The rule of baton_endpoint in client/include/baton.h, seen from the other side. */
static void
default_listen(struct buf *endpoint)
{
    const char *given = environment("BATON_ENDPOINT");
    const char *service = environment("RUNTIME_DIRECTORY");
    const char *runtime = environment("XDG_RUNTIME_DIR");
    struct stat st;
    if (given) {
        buf_add_text(endpoint, given);
    } else if (service) {
        buf_printf(endpoint, "ipc://%s/broker.sock", service);
    } else if (runtime && stat(runtime, &st) == 0 && S_ISDIR(st.st_mode)) {
        buf_printf(endpoint, "ipc://%s/baton/broker.sock", runtime);
    } else {
        buf_add_text(endpoint, "ipc:///run/baton/broker.sock");
    }
}

static void
check_listen(struct options *options)
{
    const char *listen = options->listen;
    if (strncmp(listen, "tcp://", 6) == 0) {
        config_wrong(options->config, EXIT_CONFIG,
                     "--listen %s: TCP waits for keys (CURVE), since without them everybody would "
                     "be let in; listen on ipc://PATH",
                     listen);
        return;
    }
    if (strncmp(listen, "ipc://", 6) != 0 || listen[6] == 0 || listen[6] == '@' ||
        listen[6] == '*') {
        config_wrong(options->config, EXIT_CONFIG,
                     "--listen %s: not an endpoint of the form ipc://PATH", listen);
        return;
    }
    options->path = listen + 6;
    size_t room = sizeof((struct sockaddr_un *)0)->sun_path - sizeof ".feed";
    if (strlen(options->path) > room) {
        config_wrong(options->config, EXIT_CONFIG,
                     "--listen %s: the path of a socket has at most %zu bytes", listen, room);
    }
}

/* Everything but the command line. */
static void
read_all(struct options *options)
{
    struct config *config = options->config;
    config_read(config);
    struct buf text = {0};
    default_data(&text);
    if (text.bytes > 0) {
        config_settle(config, "data", buf_text(&text), "default");
    }
    buf_clear(&text);
    default_listen(&text);
    config_settle(config, "listen", buf_text(&text),
                  environment("BATON_ENDPOINT") ? "environment BATON_ENDPOINT" : "default");
    buf_fini(&text);
    config_resolve(config, options);
    if (!options->data) {
        config_wrong(config, EXIT_CONFIG, "no --data, and neither XDG_STATE_HOME nor HOME is set");
    }
    check_listen(options);
}

int
options_read(int argc, char **argv, struct options *ret)
{
    struct options options = {0};
    int status;
    options.config = config_open(&program, argc, argv, &status);
    if (status < 0 && optind < argc) {
        config_wrong(options.config, EXIT_USAGE, "unexpected argument: %s", argv[optind]);
    }
    if (status < 0) {
        read_all(&options);
        status = config_finish(options.config);
    }
    *ret = options;
    return status;
}

void
options_fini(struct options *options)
{
    config_close(options->config);
    *options = (struct options){0};
}

/* ---- again ---- */

bool
options_reload(struct options *options)
{
    struct options fresh = {.config = config_again(options->config)};
    read_all(&fresh);
    bool ok = config_take_over(options->config, options, fresh.config, &fresh);
    options_fini(&fresh);
    return ok;
}
