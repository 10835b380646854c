/* baton status: the broker on one screen, trouble first. */
#include "common/units.h"
#include "ctl/cards.h"
#include "ctl/say.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {{0}};

enum { EXPORT_LATE_MS = 60 * 1000 }; /* worth a word */

static json_t *
role_json(const struct baton_role_status *role)
{
    json_t *object = json_object();
    json_object_set_new(object, "role", ctl_json_text(role->role));
    json_object_set_new(object, "waiting", json_integer(role->waiting));
    json_object_set_new(object, "ready", json_integer(role->ready));
    json_object_set_new(object, "running", json_integer(role->running));
    json_object_set_new(object, "done", json_integer((json_int_t)role->done));
    json_object_set_new(object, "failed", json_integer((json_int_t)role->failed));
    json_object_set_new(object, "cancelled", json_integer((json_int_t)role->cancelled));
    json_object_set_new(object, "workers", json_integer(role->workers));
    json_object_set_new(object, "slots", json_integer(role->slots));
    json_object_set_new(object, "credit", json_integer(role->credit));
    json_object_set_new(object, "oldest_ready_at", ctl_json_time(role->oldest_ready_at));
    json_object_set_new(object, "paused", json_boolean(role->paused));
    json_t *blockers = json_array();
    for (size_t i = 0; i < role->n_blockers; i++) {
        json_array_append_new(blockers, ctl_json_text(role->blockers[i]));
    }
    json_object_set_new(object, "current_task",
                        role->current[0] ? ctl_json_text(role->current) : json_null());
    json_object_set_new(object, "task", role->task[0] ? ctl_json_text(role->task) : json_null());
    json_object_set_new(object, "progress", json_integer(role->progress));
    json_object_set_new(object, "text", role->text[0] ? ctl_json_text(role->text) : json_null());
    json_object_set_new(object, "blockers", blockers);
    json_object_set_new(object, "last_updated", ctl_json_time(role->updated_at));
    json_object_set_new(object, "next_update", ctl_json_time(role->next_update_at));
    json_object_set_new(object, "stale", json_boolean(role->stale));
    return object;
}

static json_t *
pause_json(const struct baton_pause_view *pause)
{
    json_t *object = json_object();
    json_object_set_new(object, "scope", json_string(ctl_scope_word(pause->scope)));
    json_object_set_new(object, "name", pause->name[0] ? ctl_json_text(pause->name) : json_null());
    json_object_set_new(object, "reason", ctl_json_text(pause->reason));
    json_object_set_new(object, "actor", ctl_json_text(pause->actor));
    json_object_set_new(object, "since", ctl_json_time(pause->since));
    json_object_set_new(object, "until", ctl_json_time(pause->until));
    json_object_set_new(object, "refuse", json_boolean(pause->refuse));
    return object;
}

static json_t *
exporter_json(const struct baton_exporter_status *exporter)
{
    if (!exporter) {
        return json_null();
    }
    json_t *object = json_object();
    json_object_set_new(object, "state", ctl_json_text(exporter->state));
    json_object_set_new(object, "position", json_integer((json_int_t)exporter->position));
    json_object_set_new(object, "lag_facts", json_integer((json_int_t)exporter->lag_facts));
    json_object_set_new(object, "lag_ms", json_integer(exporter->lag_ms));
    json_object_set_new(object, "error",
                        exporter->error[0] ? ctl_json_text(exporter->error) : json_null());
    json_object_set_new(object, "error_at", ctl_json_time(exporter->error_at));
    json_object_set_new(object, "facts", json_integer((json_int_t)exporter->facts));
    json_object_set_new(object, "batches", json_integer((json_int_t)exporter->batches));
    json_object_set_new(object, "loads", json_integer((json_int_t)exporter->loads));
    json_object_set_new(object, "failures", json_integer((json_int_t)exporter->failures));
    json_object_set_new(object, "purged", json_integer((json_int_t)exporter->purged));
    json_object_set_new(object, "cut", json_boolean(exporter->cut));
    return object;
}

static void
put_numbers(json_t *object, const baton_broker_status *status)
{
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {
        {"epoch", status->epoch},
        {"tasks", status->n_tasks},
        {"archived", status->n_archived},
        {"workers", status->n_workers},
        {"sessions", status->n_sessions},
        {"event", status->event},
        {"journal_seq", status->journal_seq},
        {"durable_seq", status->durable_seq},
        {"journal_bytes", status->journal_bytes},
        {"commits", status->commits},
        {"last_commit_us", (uint64_t)status->last_commit_us},
        {"memory_bytes", status->memory_bytes},
        {"snapshot_bytes", status->snapshot_bytes},
        {"free_bytes", status->free_bytes},
        {"feed_event", status->feed_event},
        {"recovery_us", (uint64_t)status->recovery_us},
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        json_object_set_new(object, numbers[i].key, json_integer((json_int_t)numbers[i].value));
    }
}

static json_t *
count_json(const struct baton_count *count)
{
    return json_pack("{s:s, s:s, s:s, s:I}", "name", count->name, "role", count->role, "of",
                     count->of, "value", (json_int_t)count->value);
}

static json_t *
times_json(const struct baton_times *times)
{
    json_t *bounds = json_array();
    json_t *counts = json_array();
    for (size_t i = 0; i <= times->n_bounds; i++) {
        if (i < times->n_bounds) {
            json_array_append_new(bounds, json_integer(times->bounds_us[i]));
        }
        json_array_append_new(counts, json_integer((json_int_t)times->counts[i]));
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:I}", "name", times->name, "role", times->role,
                     "bounds_us", bounds, "counts", counts, "sum_us", (json_int_t)times->sum_us);
}

static json_t *
card_count_json(const struct baton_card_count *cards)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:o}", "kind", cards->kind, "state", cards->state, "n",
                     (json_int_t)cards->n, "overdue", (json_int_t)cards->n_overdue, "oldest_at",
                     ctl_json_time(cards->oldest_at));
}

static void
put_tallies(json_t *object, const baton_broker_status *status)
{
    json_t *counts = json_array();
    json_t *times = json_array();
    json_t *cards = json_array();
    for (size_t i = 0; i < status->n_counts; i++) {
        json_array_append_new(counts, count_json(&status->counts[i]));
    }
    for (size_t i = 0; i < status->n_times; i++) {
        json_array_append_new(times, times_json(&status->times[i]));
    }
    for (size_t i = 0; i < status->n_cards; i++) {
        json_array_append_new(cards, card_count_json(&status->cards[i]));
    }
    json_object_set_new(object, "counts", counts);
    json_object_set_new(object, "times", times);
    json_object_set_new(object, "cards", cards);
}

static void
print_json(struct ctl *ctl, const baton_broker_status *status)
{
    json_t *object = json_object();
    json_t *roles = json_array();
    json_t *pauses = json_array();
    json_t *projects = json_array();
    json_t *counters = json_object();
    for (size_t i = 0; i < status->n_roles; i++) {
        json_array_append_new(roles, role_json(&status->roles[i]));
    }
    for (size_t i = 0; i < status->n_pauses; i++) {
        json_array_append_new(pauses, pause_json(&status->pauses[i]));
    }
    for (size_t i = 0; i < status->n_projects; i++) {
        json_array_append_new(projects, ctl_project_json(&status->projects[i]));
    }
    for (size_t i = 0; i < status->n_counters; i++) {
        json_object_set_new(counters, status->counters[i].name,
                            json_integer((json_int_t)status->counters[i].value));
    }
    json_object_set_new(object, "version", ctl_json_text(status->version));
    json_object_set_new(object, "now", ctl_json_time(status->now));
    json_object_set_new(object, "started_at", ctl_json_time(status->started_at));
    json_object_set_new(object, "accepting", json_boolean(status->accepting));
    json_object_set_new(object, "not_accepting_because",
                        status->not_accepting_because[0]
                            ? ctl_json_text(status->not_accepting_because)
                            : json_null());
    put_numbers(object, status);
    json_object_set_new(object, "roles", roles);
    json_object_set_new(object, "pauses", pauses);
    json_object_set_new(object, "projects", projects);
    json_object_set_new(object, "store_path", ctl_json_text(status->store_path));
    json_object_set_new(object, "endpoint", ctl_json_text(status->endpoint));
    json_object_set_new(object, "feed", ctl_json_text(status->feed));
    json_object_set_new(object, "counters", counters);
    put_tallies(object, status);
    json_object_set_new(object, "exporter", exporter_json(status->exporter));
    ctl_print_json(ctl, object);
}

static void PRINTF_LIKE(2, 3) trouble(struct ctl *ctl, const char *fmt, ...)
{
    char line[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    ctl_print(ctl, "%s! ", color_red(ctl));
    ctl_print_text(ctl, line);
    ctl_print(ctl, "%s\n", color_end(ctl));
}

/* What somebody should act on, before everything else. */
static void
print_troubles(struct ctl *ctl, const baton_broker_status *status)
{
    if (!status->accepting) {
        trouble(ctl, "the broker takes no new work%s%s",
                status->not_accepting_because[0] ? ": " : "", status->not_accepting_because);
    }
    for (size_t i = 0; i < status->n_pauses; i++) {
        const struct baton_pause_view *pause = &status->pauses[i];
        char until[64] = "";
        char at[40];
        if (pause->until) {
            snprintf(until, sizeof until, ", until %s", time_format(pause->until, at, sizeof at));
        }
        trouble(ctl, "%s%s%s is paused by %s%s%s%s", ctl_scope_word(pause->scope),
                pause->name[0] ? " " : "", pause->name, pause->actor, until,
                pause->reason[0] ? ": " : "", pause->reason);
    }
    for (size_t i = 0; i < status->n_roles; i++) {
        const struct baton_role_status *role = &status->roles[i];
        if (role->ready > 0 && role->workers == 0) {
            trouble(ctl, "%s has %u ready %s and no worker", role->role, role->ready,
                    role->ready == 1 ? "task" : "tasks");
        }
    }
    if (status->durable_seq < status->journal_seq && status->last_commit_us > 1000000) {
        trouble(ctl, "the store is slow: its last commit took over a second");
    }
    const struct baton_exporter_status *exporter = status->exporter;
    char lag[40];
    if (exporter && exporter->error[0]) {
        trouble(ctl, "the exporter to Postgres is %s behind: %s",
                duration_format(exporter->lag_ms / 1000 * 1000, lag, sizeof lag), exporter->error);
    } else if (exporter && exporter->lag_ms > EXPORT_LATE_MS) {
        trouble(ctl, "the exporter to Postgres is %s behind",
                duration_format(exporter->lag_ms / 1000 * 1000, lag, sizeof lag));
    }
    if (exporter && exporter->cut) {
        trouble(ctl, "the exporter was behind for too long and begins again with what is stored");
    }
}

static void
print_head(struct ctl *ctl, const baton_broker_status *status)
{
    char up[40];
    say(ctl, "broker", "batond %s, epoch %" PRIu64 ", up %s", status->version, status->epoch,
        duration_format((status->now - status->started_at) / 1000 * 1000, up, sizeof up));
    say(ctl, "endpoint", "%s", status->endpoint);
    say(ctl, "tasks", "%" PRIu64 " in memory, %" PRIu64 " archived", status->n_tasks,
        status->n_archived);
    say(ctl, "workers", "%u, %u sessions", status->n_workers, status->n_sessions);
    say(ctl, "store", "%s, %" PRIu64 " commits, the last in %.1f ms, journal %.1f MiB",
        status->store_path, status->commits, (double)status->last_commit_us / 1000,
        (double)status->journal_bytes / 1048576);
    say(ctl, "memory", "%.1f MiB", (double)status->memory_bytes / 1048576);
    if (status->exporter) {
        say(ctl, "postgres", "%s, at fact %" PRIu64 ", %" PRIu64 " behind", status->exporter->state,
            status->exporter->position, status->exporter->lag_facts);
    }
}

static void
print_roles(struct ctl *ctl, const baton_broker_status *status)
{
    static const struct table_column columns[] = {
        {.title = "ROLE"},
        {.title = "WAITING", .right = true},
        {.title = "READY", .right = true},
        {.title = "RUNNING", .right = true},
        {.title = "DONE", .right = true},
        {.title = "FAILED", .right = true},
        {.title = "CANCELLED", .right = true},
        {.title = "WORKERS", .right = true},
        {.title = "FREE", .right = true},
        {.title = "OLDEST READY"},
    };
    struct table table;
    table_init(&table, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < status->n_roles; i++) {
        const struct baton_role_status *role = &status->roles[i];
        char age[64];
        table_addf(&table, "%s%s", role->role[0] ? role->role : "(milestones)",
                   role->paused ? " (paused)" : "");
        table_add_number(&table, role->waiting);
        table_add_number(&table, role->ready);
        table_add_number(&table, role->running);
        table_add_number(&table, role->done);
        table_add_number(&table, role->failed);
        table_add_number(&table, role->cancelled);
        table_add_number(&table, role->workers);
        table_addf(&table, "%u/%u", role->credit, role->slots);
        table_add(&table, role->oldest_ready_at
                              ? when_format(role->oldest_ready_at, status->now, age, sizeof age)
                              : "-");
    }
    table_print(&table, ctl);
    table_fini(&table);
}

/* What each role does, for those of which anything is known. */
static void
print_words(struct ctl *ctl, const baton_broker_status *status)
{
    static const struct table_column columns[] = {
        {.title = "ROLE"},
        {.title = "UPDATED"},
        {.title = "CURRENT TASK", .shrink = true},
        {.title = "PROGRESS", .right = true},
        {.title = "BLOCKERS", .shrink = true},
        {.title = "NEXT UPDATE"},
    };
    struct table table;
    size_t n = 0;
    table_init(&table, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < status->n_roles; i++) {
        const struct baton_role_status *role = &status->roles[i];
        char updated[64], next[64];
        if (!role->current[0] && !role->n_blockers) {
            continue;
        }
        n++;
        table_addf(&table, "%s%s", role->role, role->stale ? " (stale)" : "");
        table_add(&table, role->updated_at
                              ? when_format(role->updated_at, status->now, updated, sizeof updated)
                              : "-");
        table_add(&table, role->current[0] ? role->current : "-");
        table_addf(&table, "%u%%", role->progress);
        table_addf(&table, "%s%s", role->n_blockers ? role->blockers[0] : "-",
                   role->n_blockers > 1 ? ", …" : "");
        table_add(&table, role->next_update_at
                              ? when_format(role->next_update_at, status->now, next, sizeof next)
                          : role->n_blockers ? "when unblocked"
                                             : "-");
    }
    if (n) {
        ctl_print(ctl, "\n");
        table_print(&table, ctl);
    }
    table_fini(&table);
}

static void
print_projects(struct ctl *ctl, const baton_broker_status *status)
{
    static const struct table_column columns[] = {
        {.title = "PROJECT", .shrink = true},
        {.title = "OPEN", .right = true},
        {.title = "DONE", .right = true},
        {.title = "FAILED", .right = true},
    };
    struct table table;
    table_init(&table, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < status->n_projects; i++) {
        const struct baton_project_status *project = &status->projects[i];
        table_addf(&table, "%s%s%s", project->project, project->paused ? " (paused)" : "",
                   project->complete ? " (complete)"
                   : project->closed ? " (closed)"
                                     : "");
        table_add_number(&table, project->open);
        table_add_number(&table, project->done);
        table_add_number(&table, project->failed);
    }
    ctl_print(ctl, "\n");
    table_print(&table, ctl);
    table_fini(&table);
}

enum { OPTION_ROLE = 256, OPTION_TEXT, OPTION_DETAILS, OPTION_PROGRESS, OPTION_NEXT_UPDATE };

static const struct option set_options[] = {
    {"role", required_argument, NULL, OPTION_ROLE},
    {"text", required_argument, NULL, OPTION_TEXT},
    {"details", required_argument, NULL, OPTION_DETAILS},
    {"progress", required_argument, NULL, OPTION_PROGRESS},
    {"next-update", required_argument, NULL, OPTION_NEXT_UPDATE},
    {0},
};

static bool
take_set_option(struct ctl *ctl, int option, struct baton_card *card, struct baton_item *progress)
{
    char *end;
    switch (option) {
    case OPTION_ROLE:
        return ctl_take_role(ctl, optarg, &card->name);
    case OPTION_TEXT:
        card->title = optarg;
        return true;
    case OPTION_DETAILS:
        card->text = optarg;
        return true;
    case OPTION_PROGRESS:
        progress->value = (double)strtoul(optarg, &end, 10);
        card->n_items = 1;
        if (optarg[0] >= '0' && optarg[0] <= '9' && (!*end || strcmp(end, "%") == 0) &&
            progress->value <= 100) {
            return true;
        }
        ctl->status = ctl_usage(ctl, "--progress: %s is not 0 to 100", optarg);
        return false;
    case OPTION_NEXT_UPDATE:
        return ctl_take_time(ctl, "--next-update", optarg, &card->due_at);
    default:
        return false;
    }
}

/* A role's own word. */
static int
status_set(struct ctl *ctl, int argc, char **argv)
{
    struct baton_item progress = {.tag = "progress", .unit = "%"};
    struct baton_post post = {.verb = BATON_CARD_SET,
                              .card = {.kind = BATON_CARD_STATUS, .items = &progress}};
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", set_options)) != -1;) {
        if (!take_set_option(ctl, option, &post.card, &progress)) {
            return ctl->status;
        }
    }
    if (optind < argc) {
        return ctl_usage(ctl, "%s was not expected", argv[optind]);
    }
    if (!post.card.name) {
        post.card.name = getenv("BATON_ROLE");
    }
    if (!post.card.name || !post.card.title) {
        return ctl_usage(ctl, "whose status, and what does it do? --role R --text TEXT");
    }
    return card_post(ctl, &post);
}

int
verb_status(struct ctl *ctl, int argc, char **argv)
{
    static const struct command commands[] = {{"set", status_set}, {NULL, NULL}};
    if (command_find(ctl, argc, argv, commands)) {
        return status_set(ctl, argc - 1, argv + 1);
    }
    if (ctl_getopt(ctl, argc, argv, "", options) != -1) {
        return ctl->status;
    }
    if (optind < argc) {
        return ctl_usage(ctl, "%s was not expected; one task is shown by `baton show ID`",
                         argv[optind]);
    }
    int exit = ctl_connect(ctl);
    if (exit != CTL_YES) {
        return exit;
    }
    baton_broker_status *status = NULL;
    baton_status answer = baton_get_status_of(ctl->baton, ctl->project_given ? ctl->project : NULL,
                                              &status);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (ctl->json) {
        print_json(ctl, status);
    } else {
        print_troubles(ctl, status);
        print_head(ctl, status);
        ctl_print(ctl, "\n");
        print_roles(ctl, status);
        print_words(ctl, status);
        bool closed = status->n_projects == 1 && status->projects[0].closed;
        if (status->n_projects > 1 || closed) {
            print_projects(ctl, status);
        }
    }
    baton_broker_status_free(status);
    return CTL_YES;
}
