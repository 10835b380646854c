/* baton schedule: recurring work. */
#include "common/units.h"
#include "ctl/cards.h"
#include "ctl/say.h"
#include "ctl/spec_form.h"
#include "ctl/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS_MAX = 12, TIMES_SHOWN = 10 };

enum {
    OPTION_WHEN = SPEC_OPTION_END,
    OPTION_ZONE,
    OPTION_OVERLAP,
    OPTION_MISSED,
    OPTION_JITTER,
    OPTION_START,
    OPTION_END,
    OPTION_WITHIN,
    OPTION_REPORT,
    OPTION_TEXT,
    OPTION_ENV,
    OPTION_WORKDIR,
    OPTION_DRY_RUN,
};

static const struct option set_options[] = {
    SPEC_OPTIONS,
    {"when", required_argument, NULL, OPTION_WHEN},
    {"zone", required_argument, NULL, OPTION_ZONE},
    {"overlap", required_argument, NULL, OPTION_OVERLAP},
    {"missed", required_argument, NULL, OPTION_MISSED},
    {"jitter", required_argument, NULL, OPTION_JITTER},
    {"start", required_argument, NULL, OPTION_START},
    {"end", required_argument, NULL, OPTION_END},
    {"within", required_argument, NULL, OPTION_WITHIN},
    {"report", required_argument, NULL, OPTION_REPORT},
    {"text", required_argument, NULL, OPTION_TEXT},
    {"env", required_argument, NULL, OPTION_ENV},
    {"workdir", required_argument, NULL, OPTION_WORKDIR},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {0},
};

/* What the command line says of a schedule. */
struct form {
    struct spec_form spec;
    struct baton_post post;
    struct baton_item items[ITEMS_MAX];
    size_t n_items;
};

static struct baton_item *
add_item(struct form *form, const char *tag)
{
    size_t i = 0;
    while (i < form->n_items && strcmp(form->items[i].tag, tag) != 0) {
        i++; /* said twice: the last counts */
    }
    CHECK(i < ITEMS_MAX);
    form->n_items = MAX(form->n_items, i + 1);
    form->items[i] = (struct baton_item){.tag = tag};
    return &form->items[i];
}

/* "run-once", "skip", "all:5". */
static bool
take_missed(struct form *form, struct ctl *ctl, const char *value)
{
    struct baton_item *item = add_item(form, "missed");
    if (strncmp(value, "all:", 4) != 0) {
        item->name = value;
        return true;
    }
    uint64_t n;
    item->name = "all";
    bool ok = ctl_take_number(ctl, "--missed", value + 4, SCHEDULE_MISSED_MAX, &n);
    item->value = ok ? (double)n : 0;
    return ok;
}

static bool
take_ms(struct form *form, struct ctl *ctl, const char *option, const char *value)
{
    int64_t ms = 0;
    struct baton_item *item = add_item(form, option + 2);
    bool ok = ctl_take_duration(ctl, option, value, &ms);
    item->value = (double)ms;
    item->unit = "ms";
    return ok;
}

static bool
take_rule_option(struct form *form, struct ctl *ctl, int option, const char *value)
{
    switch (option) {
    case OPTION_WHEN:
        add_item(form, "when")->text = value;
        return true;
    case OPTION_ZONE:
        add_item(form, "zone")->name = value;
        return true;
    case OPTION_OVERLAP:
        add_item(form, "overlap")->name = value;
        return true;
    case OPTION_REPORT:
        add_item(form, "report")->name = value;
        return true;
    case OPTION_MISSED:
        return take_missed(form, ctl, value);
    case OPTION_JITTER:
        return take_ms(form, ctl, "--jitter", value);
    case OPTION_WITHIN:
        return take_ms(form, ctl, "--within", value);
    case OPTION_START:
        return ctl_take_time(ctl, "--start", value, &add_item(form, "start")->at);
    default:
        return ctl_take_time(ctl, "--end", value, &add_item(form, "end")->at);
    }
}

static bool
take_set_option(struct form *form, struct ctl *ctl, int option, const char *value)
{
    if (option >= OPTION_WHEN && option <= OPTION_REPORT) {
        return take_rule_option(form, ctl, option, value);
    }
    switch (option) {
    case '?':
        return false;
    case OPTION_TEXT:
        form->post.card.text = value;
        return true;
    case OPTION_ENV:
        return spec_form_take_env(&form->spec, ctl, value);
    case OPTION_WORKDIR:
        form->spec.spec->workdir = value;
        return true;
    case OPTION_DRY_RUN:
        form->post.dry_run = true;
        return true;
    case SPEC_OPTION_TITLE:
        form->post.card.title = value;
        return true;
    case SPEC_OPTION_DEADLINE:
    case SPEC_OPTION_NOT_BEFORE:
        ctl->status = ctl_usage(ctl, "each occurrence has its own time: --within D gives it a "
                                     "deadline, --start T begins the schedule");
        return false;
    default:
        return spec_form_take(&form->spec, ctl, option, value, false);
    }
}

static bool
read_set(struct form *form, struct ctl *ctl, int argc, char **argv)
{
    size_t n_command;
    const char *const *command = command_split(&argc, argv, &n_command);
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", set_options)) != -1;) {
        if (!take_set_option(form, ctl, option, optarg)) {
            return false;
        }
    }
    if (command && n_command) {
        spec_form_take_command(&form->spec, command, n_command);
    }
    struct baton_card *card = &form->post.card;
    if (optind + 1 != argc) {
        ctl->status = ctl_usage(ctl, "which schedule? its name, in one argument");
        return false;
    }
    if (form->n_items == 0 || strcmp(form->items[0].tag, "when") != 0) {
        for (size_t i = 1; i < form->n_items;
             i++) { /* in one order, so that saying it again is the same */
            if (strcmp(form->items[i].tag, "when") == 0) {
                struct baton_item item = form->items[i];
                form->items[i] = form->items[0];
                form->items[0] = item;
            }
        }
    }
    if (form->n_items == 0 || strcmp(form->items[0].tag, "when") != 0) {
        ctl->status = ctl_usage(ctl, "--when RULE: \"0 9 * * 1-5\", \"every 4h\", \"daily 9:00\", "
                                     "\"weekly Monday 10:00\"");
        return false;
    }
    bool has_task = form->spec.n_fields > 0 || form->spec.spec->n_env || form->spec.spec->workdir;
    if (has_task && !form->spec.spec->role) {
        ctl->status = ctl_usage(ctl, "whose work is it? --role R; without a task a schedule is a "
                                     "synchronisation point, which is only told");
        return false;
    }
    card->name = argv[optind];
    card->spec = has_task ? form->spec.spec : NULL;
    card->items = form->items;
    card->n_items = form->n_items;
    return true;
}

static int
schedule_set(struct ctl *ctl, int argc, char **argv)
{
    struct form form = {.post = {.verb = BATON_CARD_SET, .card = {.kind = BATON_CARD_SCHEDULE}}};
    spec_form_init(&form.spec);
    int status = read_set(&form, ctl, argc, argv) ? card_post(ctl, &form.post) : ctl->status;
    spec_form_fini(&form.spec);
    return status;
}

/* ---- reading ---- */

static const struct baton_item *
find_item(const struct baton_card *card, const char *tag)
{
    static const struct baton_item none = {.tag = "", .name = "", .text = "", .by = "", .unit = ""};
    for (size_t i = 0; i < card->n_items; i++) {
        if (strcmp(card->items[i].tag, tag) == 0) {
            return &card->items[i];
        }
    }
    return &none;
}

struct listing {
    struct ctl *ctl;
    struct table table;
    size_t n;
};

static bool
list_one(const struct baton_card *card, void *context)
{
    struct listing *listing = context;
    struct ctl *ctl = listing->ctl;
    struct table *table = &listing->table;
    char text[64];
    listing->n++;
    if (ctl->json) {
        ctl_print_json(ctl, card_json(card));
        return true;
    }
    const struct baton_item *next = find_item(card, "next"), *last = find_item(card, "last");
    bool is_paused = find_item(card, "paused")->tag[0];
    bool has_trouble = find_item(card, "trouble")->tag[0];
    table_add(table, card->name);
    table_add(table, is_paused        ? "paused"
                     : has_trouble    ? "trouble"
                     : card->rings_at ? "on"
                                      : "over");
    table_add(table, card->spec ? card->spec->role : "-");
    table_add(table, find_item(card, "when")->text);
    table_add(table, find_item(card, "zone")->name);
    table_add(table, next->at ? when_format(next->at, ctl_now(), text, sizeof text) : "-");
    table_add(table, last->at ? when_format(last->at, ctl_now(), text, sizeof text) : "-");
    table_addf(table, "%.0f", find_item(card, "ran")->value);
    table_addf(table, "%.0f", find_item(card, "skipped")->value);
    table_add(table, card->title);
    return true;
}

static int
schedule_list(struct ctl *ctl, int argc, char **argv)
{
    static const baton_card_kind kind = BATON_CARD_SCHEDULE;
    static const struct option none[] = {{0}};
    static const struct table_column columns[] = {
        {.title = "NAME", .shrink = true},
        {.title = "STATE"},
        {.title = "ROLE"},
        {.title = "WHEN", .shrink = true},
        {.title = "ZONE", .shrink = true},
        {.title = "NEXT"},
        {.title = "LAST"},
        {.title = "RAN", .right = true},
        {.title = "SKIPPED", .right = true},
        {.title = "TITLE", .shrink = true},
    };
    if (ctl_getopt(ctl, argc, argv, "", none) != -1) {
        return ctl->status;
    }
    if (optind != argc) {
        return ctl_usage(ctl, "%s was not expected", argv[optind]);
    }
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    struct listing listing = {.ctl = ctl};
    struct baton_card_filter filter = {.kinds = &kind, .n_kinds = 1};
    if (ctl->project_given) {
        filter.projects = &ctl->project;
        filter.n_projects = 1;
    }
    table_init(&listing.table, columns, ARRAY_LEN(columns));
    baton_status answer = baton_cards(ctl->baton, &filter, list_one, &listing, NULL);
    if (answer == BATON_OK && !ctl->json && listing.n) {
        table_print(&listing.table, ctl);
    }
    table_fini(&listing.table);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (listing.n == 0) {
        ctl_remark(ctl, "there is no schedule; `baton schedule set NAME --when RULE` makes one");
    }
    return listing.n ? CTL_YES : CTL_NO;
}

static bool
show_one(const struct baton_card *card, void *context)
{
    struct listing *listing = context;
    struct ctl *ctl = listing->ctl;
    listing->n++;
    if (ctl->json) {
        ctl_print_json(ctl, card_json(card));
        return false;
    }
    card_say(ctl, card);
    if (card->spec) {
        say(ctl, "role", "%s", card->spec->role);
        for (size_t i = 0; i < card->spec->n_command; i++) {
            say(ctl, i ? "" : "command", "%s", card->spec->command[i]);
        }
        say_block(ctl, "prompt", card->spec->prompt);
    }
    return false;
}

/* The one name behind `word`; NULL: reported. */
static const char *
take_name(struct ctl *ctl, int argc, char **argv)
{
    if (optind + 1 != argc) {
        ctl->status = ctl_usage(ctl, "which schedule? its name, in one argument");
        return NULL;
    }
    return argv[optind];
}

static int
schedule_show(struct ctl *ctl, int argc, char **argv)
{
    static const baton_card_kind kind = BATON_CARD_SCHEDULE;
    static const struct option none[] = {{0}};
    if (ctl_getopt(ctl, argc, argv, "", none) != -1) {
        return ctl->status;
    }
    const char *name = take_name(ctl, argc, argv);
    int status = name ? ctl_connect(ctl) : ctl->status;
    if (status != CTL_YES) {
        return status;
    }
    struct listing listing = {.ctl = ctl};
    struct baton_card_filter filter = {
        .kinds = &kind, .n_kinds = 1, .projects = &ctl->project, .n_projects = 1, .name = name};
    baton_status answer = baton_cards(ctl->baton, &filter, show_one, &listing, NULL);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    return listing.n ? CTL_YES
                     : ctl_fail(ctl, CTL_NO, "not_found", "`baton schedule list` shows them",
                                "there is no schedule %s in project %s", name, ctl->project);
}

enum { OPTION_FROM = 256, OPTION_TO, OPTION_N, OPTION_UNTIL };

static int
schedule_next(struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {
        {"from", required_argument, NULL, OPTION_FROM},
        {"number", required_argument, NULL, OPTION_N},
        {0},
    };
    int64_t from = 0;
    uint64_t wanted = TIMES_SHOWN;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        bool ok = option == OPTION_FROM ? ctl_take_time(ctl, "--from", optarg, &from)
                  : option == OPTION_N
                      ? ctl_take_number(ctl, "--number", optarg, SCHEDULE_TIMES_MAX, &wanted)
                      : false;
        if (!ok) {
            return ctl->status;
        }
    }
    const char *name = take_name(ctl, argc, argv);
    int status = name ? ctl_connect(ctl) : ctl->status;
    if (status != CTL_YES) {
        return status;
    }
    struct baton_timetable *times;
    baton_status answer = baton_schedule_times(ctl->baton, ctl->project, name, from, (size_t)wanted,
                                               &times);
    if (answer != BATON_OK) {
        return ctl_fail_status_hint(
            ctl, answer, answer == BATON_NOT_FOUND ? "`baton schedule list` shows them" : NULL);
    }
    times_print(ctl, times);
    if (times->n == 0) {
        ctl_remark(ctl, "it does not come any more");
    }
    status = times->n ? CTL_YES : CTL_NO;
    baton_timetable_free(times);
    return status;
}

/* ---- changing ---- */

static int
change(struct ctl *ctl, int argc, char **argv, baton_card_verb verb, const struct option *options)
{
    struct baton_post post = {.verb = verb, .card = {.kind = BATON_CARD_SCHEDULE}};
    struct baton_item items[2];
    size_t n_items = 0;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        bool ok = option != '?';
        if (option == OPTION_UNTIL) {
            ok = ctl_take_time(ctl, "--until", optarg, &post.card.due_at);
        } else if (ok && n_items < ARRAY_LEN(items)) {
            bool is_from = option == OPTION_FROM;
            items[n_items] = (struct baton_item){.tag = is_from ? "from" : "to"};
            ok = ctl_take_time(ctl, is_from ? "--from" : "--to", optarg, &items[n_items++].at);
        }
        if (!ok) {
            return ctl->status;
        }
    }
    if (n_items && strcmp(items[0].tag, "from") != 0 &&
        (n_items < 2 || strcmp(items[1].tag, "from") != 0)) {
        return ctl_usage(ctl, "--to T needs --from T");
    }
    if (verb == BATON_CARD_PAUSE && optind + 2 == argc) {
        post.card.text = argv[--argc];
    }
    post.card.name = take_name(ctl, argc, argv);
    post.card.items = items;
    post.card.n_items = n_items;
    return post.card.name ? card_post(ctl, &post) : ctl->status;
}

static const struct option no_options[] = {{0}};

static int
schedule_pause(struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {{"until", required_argument, NULL, OPTION_UNTIL}, {0}};
    return change(ctl, argc, argv, BATON_CARD_PAUSE, options);
}

static int
schedule_resume(struct ctl *ctl, int argc, char **argv)
{
    return change(ctl, argc, argv, BATON_CARD_RESUME, no_options);
}

static int
schedule_remove(struct ctl *ctl, int argc, char **argv)
{
    return change(ctl, argc, argv, BATON_CARD_REMOVE, no_options);
}

static int
schedule_run(struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {{"from", required_argument, NULL, OPTION_FROM},
                                            {"to", required_argument, NULL, OPTION_TO},
                                            {0}};
    return change(ctl, argc, argv, BATON_CARD_RUN, options);
}

int
verb_schedule(struct ctl *ctl, int argc, char **argv)
{
    static const struct command commands[] = {
        {"set", schedule_set},     {"list", schedule_list},     {"show", schedule_show},
        {"pause", schedule_pause}, {"resume", schedule_resume}, {"remove", schedule_remove},
        {"run", schedule_run},     {"next", schedule_next},     {NULL, NULL},
    };
    return command_run(ctl, argc, argv, commands);
}
