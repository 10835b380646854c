/* Cards of the board: as JSON, as lines, as a table; and posting one. */
#include "ctl/cards.h"

#include "common/units.h"
#include "ctl/agent.h"
#include "ctl/say.h"
#include "ctl/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool
card_take_number(struct ctl *ctl, const char *text, uint64_t *ret_number)
{
    char *end;
    const char *digits = text + (*text == '#');
    unsigned long long number = strtoull(digits, &end, 10);
    if (*digits < '0' || *digits > '9' || *end || number == 0) {
        ctl->status = ctl_usage(ctl, "%s is not the number of a card: a number such as 12", text);
        return false;
    }
    *ret_number = number;
    return true;
}

bool
card_take_severity(struct ctl *ctl, const char *text, uint32_t *ret)
{
    if ((text[0] == 'P' || text[0] == 'p') && text[1] >= '0' && text[1] <= '3' && !text[2]) {
        *ret = (uint32_t)(text[1] - '0') + 1;
        return true;
    }
    ctl->status = ctl_usage(ctl, "%s is no severity: P0, P1, P2, P3", text);
    return false;
}

/* ---- JSON ---- */

static void
put_text(json_t *object, const char *key, const char *text)
{
    if (text && text[0]) {
        json_object_set_new(object, key, ctl_json_text(text));
    }
}

static void
put_time(json_t *object, const char *key, int64_t at)
{
    if (at) {
        json_object_set_new(object, key, ctl_json_time(at));
    }
}

static json_t *
item_json(const struct baton_item *item)
{
    json_t *object = json_object();
    put_text(object, "tag", item->tag);
    put_text(object, "name", item->name);
    put_text(object, "text", item->text);
    put_text(object, "by", item->by);
    put_time(object, "at", item->at);
    if (item->value != 0 || item->unit[0]) {
        json_object_set_new(object, "value", json_real(item->value));
    }
    put_text(object, "unit", item->unit);
    if (item->number) {
        json_object_set_new(object, "number", json_integer((json_int_t)item->number));
    }
    return object;
}

/* Reviews of a decision are awaited until it is decided. */
static int64_t
due_of(const struct baton_card *card)
{
    bool is_decided = card->kind == BATON_CARD_DECISION && card->state == BATON_CARD_IN_FORCE;
    return is_decided ? 0 : card->due_at;
}

/* The first ring of a decision's clock is a reminder. */
static bool
is_overdue(const struct baton_card *card)
{
    return card->kind == BATON_CARD_DECISION ? due_of(card) && card->rung > 1 : card->rung > 0;
}

json_t *
card_json(const struct baton_card *card)
{
    json_t *object = json_object();
    json_object_set_new(object, "number", json_integer((json_int_t)card->number));
    put_text(object, "kind", baton_card_kind_name(card->kind));
    put_text(object, "project", card->project);
    put_text(object, "name", card->name);
    put_text(object, "state", baton_card_state_name(card->state));
    put_text(object, "title", card->title);
    put_text(object, "text", card->text);
    put_text(object, "task", card->task);
    put_text(object, "role", card->role);
    put_text(object, "to_role", card->to_role);
    put_text(object, "owner", card->owner);
    if (card->severity) {
        char severity[16];
        snprintf(severity, sizeof severity, "P%u", card->severity - 1);
        json_object_set_new(object, "severity", json_string(severity));
    }
    put_text(object, "by", card->by);
    put_time(object, "created_at", card->created_at);
    put_time(object, "changed_at", card->changed_at);
    put_time(object, "due_at", due_of(card));
    put_time(object, "ended_at", card->ended_at);
    json_object_set_new(object, "overdue", json_boolean(is_overdue(card)));
    put_text(object, "outcome", card->outcome);
    put_text(object, "ended_by", card->ended_by);
    if (card->n_items) {
        json_t *items = json_array();
        for (size_t i = 0; i < card->n_items; i++) {
            json_array_append_new(items, item_json(&card->items[i]));
        }
        json_object_set_new(object, "items", items);
    }
    return object;
}

/* ---- for people ---- */

/* A unit is then a word about the item: missing, object, accepted, override, shared. */
static bool
speaks_in_words(baton_card_kind kind)
{
    return kind == BATON_CARD_HANDOFF || kind == BATON_CARD_DECISION ||
           kind == BATON_CARD_INCIDENT || kind == BATON_CARD_RESERVATION;
}

static void
say_items(struct ctl *ctl, const struct baton_card *card)
{
    for (size_t i = 0; i < card->n_items; i++) {
        const struct baton_item *item = &card->items[i];
        char number[64] = "", at[40] = "";
        if (item->value != 0 || (item->unit[0] && !speaks_in_words(card->kind))) {
            snprintf(number, sizeof number, " %g", item->value);
        }
        if (item->at && !item->name[0] && !item->text[0]) {
            time_format(item->at, at, sizeof at);
        }
        bool is_word = item->unit[0] && speaks_in_words(card->kind);
        say(ctl, item->tag, "%s%s%s%s%s%s%s%s", item->name,
            item->name[0] && item->text[0] ? ": " : "", item->text, at, number,
            is_word         ? " ("
            : item->unit[0] ? " "
                            : "",
            item->unit, is_word ? ")" : "");
    }
}

void
card_say(struct ctl *ctl, const struct baton_card *card)
{
    say(ctl, baton_card_kind_name(card->kind), "#%" PRIu64 "%s%s", card->number,
        card->name[0] ? " " : "", card->name);
    say(ctl, "state", "%s%s", baton_card_state_name(card->state),
        is_overdue(card) && card->state < BATON_CARD_RESOLVED ? " (overdue)" : "");
    say(ctl, "project", "%s", card->project);
    say(ctl, "title", "%s", card->title);
    say(ctl, "task", "%s", card->task);
    say(ctl, "role", "%s", card->role);
    say(ctl, "to", "%s", card->to_role);
    say(ctl, "owner", "%s", card->owner);
    if (card->severity) {
        say(ctl, "severity", "P%u", card->severity - 1);
    }
    say(ctl, "by", "%s", card->by);
    say_time(ctl, "made", card->created_at);
    say_time(ctl, "due", due_of(card));
    say_time(ctl, "ended", card->ended_at);
    say(ctl, "ended by", "%s", card->ended_by);
    say_items(ctl, card);
    say_block(ctl, "text", card->text);
    say_block(ctl, "outcome", card->outcome);
}

/* ---- posting ---- */

static const char *
verb_of(baton_card_kind kind)
{
    switch ((int)kind) {
    case BATON_CARD_RESERVATION:
        return "reserve";
    case BATON_CARD_AREA:
    case BATON_CARD_LEVEL:
    case BATON_CARD_TARGET:
    case BATON_CARD_ROLE:
        return "rules";
    default:
        return baton_card_kind_name(kind);
    }
}

static const char *
list_hint(baton_card_kind kind, char hint[256])
{
    snprintf(hint, 256, "`baton %s list` shows them; `baton help %s` says how to see ended ones",
             verb_of(kind), verb_of(kind));
    return hint;
}

/* Of a card that is there no more, or in no state for it: where to look; of a resource that is
 * held: how to wait. NULL: as of tasks. */
static const char *
hint_of(const struct baton_post *post, baton_status status, char hint[256])
{
    bool names_a_card = post->verb != BATON_CARD_RAISE && post->verb != BATON_CARD_SET;
    if (post->card.kind == BATON_CARD_RESERVATION && status == BATON_CONFLICT) {
        return "this does not wait: a task that claims it does (`baton add --resource NAME`); or "
               "`baton pause --resource NAME`, and reserve it when they have ended";
    }
    if (post->card.kind == BATON_CARD_DECISION && status == BATON_DENIED) {
        return "`--role R` says for whom you speak; `baton decision show NAME` says who is asked "
               "and who decides, and --force goes past that, on record";
    }
    if (!names_a_card || post->card.n_items > 0 ||
        (status != BATON_NOT_FOUND && status != BATON_ILLEGAL_TRANSITION)) {
        return NULL;
    }
    return list_hint(post->card.kind, hint);
}

static json_t *
time_json(int64_t at, const char *zone)
{
    char local[64];
    json_t *object = json_object();
    json_object_set_new(object, "at", ctl_json_time(at));
    json_object_set_new(object, "local",
                        json_string(time_format_minute(at, zone, local, sizeof local)));
    json_object_set_new(object, "zone", ctl_json_text(zone));
    return object;
}

void
times_print(struct ctl *ctl, const struct baton_timetable *times)
{
    for (size_t i = 0; i < times->n; i++) {
        char local[64], utc[64];
        int64_t at = times->at[i];
        if (ctl->json) {
            ctl_print_json(ctl, time_json(at, times->zone));
        } else {
            ctl_print(ctl, "%s %s  %s\n", time_format_minute(at, times->zone, local, sizeof local),
                      times->zone, time_format(at, utc, sizeof utc));
        }
    }
}

/* What a dry run says of a schedule. */
static void
put_times(json_t *object, const struct baton_timetable *times)
{
    json_t *list = json_array();
    for (size_t i = 0; i < times->n; i++) {
        json_array_append_new(list, time_json(times->at[i], times->zone));
    }
    json_object_set_new(object, "next", list);
}

int
card_post(struct ctl *ctl, struct baton_post *post)
{
    if (!post->token && !agent_token_from_environment(ctl, &post->token)) {
        return ctl->status;
    }
    if (!post->card.project && ctl->project_given) {
        post->card.project = ctl->project;
    }
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    baton_posted *posted = NULL;
    baton_status answer = baton_post(ctl->baton, post, &posted);
    if (answer != BATON_OK) {
        char hint[256];
        return ctl_fail_status_hint(ctl, answer, hint_of(post, answer, hint));
    }
    const struct baton_card *card = &posted->card;
    if (ctl->json) {
        json_t *object = card_json(card);
        json_object_set_new(object, "changed", json_boolean(posted->changed));
        if (posted->times.zone) {
            put_times(object, &posted->times);
        }
        ctl_print_json(ctl, object);
    } else if (post->dry_run) {
        ctl_remark(ctl, "%s %s", baton_card_kind_name(card->kind),
                   posted->changed ? "would change" : "would stay as it is");
        times_print(ctl, &posted->times);
    } else if (card->name[0]) {
        ctl_print(ctl, "%s ", baton_card_kind_name(card->kind));
        ctl_print_text(ctl, card->name);
        ctl_print(ctl, " %s\n", baton_card_state_name(card->state));
    } else {
        ctl_print(ctl, "%s #%" PRIu64 " %s\n", baton_card_kind_name(card->kind), card->number,
                  baton_card_state_name(card->state));
    }
    baton_posted_free(posted);
    return CTL_YES;
}

/* ---- listing ---- */

struct listing {
    struct ctl *ctl;
    struct table table;
    size_t n;
};

static const char *
about(const struct baton_card *card)
{
    bool has_resource = card->kind == BATON_CARD_RESERVATION && card->n_items;
    return has_resource       ? card->items[0].name
           : card->name[0]    ? card->name
           : card->task[0]    ? card->task
           : card->to_role[0] ? card->to_role
           : card->role[0]    ? card->role
                              : card->project;
}

static bool
list_card(const struct baton_card *card, void *context)
{
    struct listing *listing = context;
    struct ctl *ctl = listing->ctl;
    listing->n++;
    if (ctl->json) {
        ctl_print_json(ctl, card_json(card));
        return true;
    }
    char when[64], due[64] = "-";
    bool is_open = card->state < BATON_CARD_RESOLVED;
    table_addf(&listing->table, "%" PRIu64, card->number);
    table_addf(&listing->table, "%s%s", baton_card_state_name(card->state),
               is_open && is_overdue(card) ? " !" : "");
    table_add(&listing->table, about(card));
    table_add(&listing->table, card->owner[0] ? card->owner : "-");
    table_add(&listing->table, when_format(card->created_at, ctl_now(), when, sizeof when));
    table_add(&listing->table, due_of(card) && is_open
                                   ? when_format(due_of(card), ctl_now(), due, sizeof due)
                                   : "-");
    table_add(&listing->table, card->title[0] ? card->title : card->text);
    return true;
}

int
card_list(struct ctl *ctl, const struct baton_card_filter *filter)
{
    static const struct table_column columns[] = {
        {.title = "NUMBER", .right = true}, {.title = "STATE"}, {.title = "ABOUT", .shrink = true},
        {.title = "OWNER", .shrink = true}, {.title = "MADE"},  {.title = "DUE"},
        {.title = "TITLE", .shrink = true},
    };
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    struct listing listing = {.ctl = ctl};
    table_init(&listing.table, columns, ARRAY_LEN(columns));
    baton_status answer = baton_cards(ctl->baton, filter, list_card, &listing, NULL);
    if (answer == BATON_OK && !ctl->json && listing.n) {
        table_print(&listing.table, ctl);
    }
    table_fini(&listing.table);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (listing.n == 0) {
        ctl_remark(ctl, "there is no %s%s",
                   filter->n_kinds == 1 ? baton_card_kind_name(filter->kinds[0]) : "rule",
                   filter->open ? " that is open; --all lists ended ones too" : "");
    }
    return listing.n ? CTL_YES : CTL_NO;
}

static bool
show_card(const struct baton_card *card, void *context)
{
    struct listing *listing = context;
    if (listing->n++ && !listing->ctl->json) {
        ctl_print(listing->ctl, "\n");
    }
    if (listing->ctl->json) {
        ctl_print_json(listing->ctl, card_json(card));
    } else {
        card_say(listing->ctl, card);
    }
    return true;
}

/* `what` is for the error: nothing matched. */
static int
show(struct ctl *ctl, const struct baton_card_filter *filter, const char *what)
{
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    struct listing listing = {.ctl = ctl};
    baton_status answer = baton_cards(ctl->baton, filter, show_card, &listing, NULL);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (listing.n) {
        return CTL_YES;
    }
    char hint[256];
    return ctl_fail(ctl, CTL_NO, "not_found", list_hint(filter->kinds[0], hint),
                    "there is no %s %s", baton_card_kind_name(filter->kinds[0]), what);
}

int
card_show(struct ctl *ctl, baton_card_kind kind, uint64_t number)
{
    char what[32];
    struct baton_card_filter filter = {.kinds = &kind, .n_kinds = 1, .number = number};
    snprintf(what, sizeof what, "#%" PRIu64, number);
    return show(ctl, &filter, what);
}

int
card_show_named(struct ctl *ctl, baton_card_kind kind, const char *name)
{
    struct baton_card_filter filter = {
        .kinds = &kind, .n_kinds = 1, .name = name, .projects = &ctl->project, .n_projects = 1};
    return show(ctl, &filter, name);
}

enum { OPTION_ALL = 256, OPTION_ROLE, OPTION_TASK };

/* The options of a `list`, and the end. */
static void
list_options(unsigned takes, struct option options[4])
{
    *options++ = (struct option){"all", no_argument, NULL, OPTION_ALL};
    if (takes & CARD_LIST_ROLE) {
        *options++ = (struct option){"role", required_argument, NULL, OPTION_ROLE};
    }
    if (takes & CARD_LIST_TASK) {
        *options++ = (struct option){"task", required_argument, NULL, OPTION_TASK};
    }
    *options = (struct option){0};
}

int
card_list_verb(struct ctl *ctl, baton_card_kind kind, unsigned takes, int argc, char **argv)
{
    struct baton_card_filter filter = {.kinds = &kind, .n_kinds = 1, .open = true};
    struct option options[4];
    struct ctl_ref ref = {0};
    struct baton_ref task;
    const char *role;
    list_options(takes, options);
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        bool ok = option != '?';
        if (option == OPTION_ALL) {
            filter.open = false;
        } else if (option == OPTION_ROLE) {
            ok = ctl_take_role(ctl, optarg, &role);
            filter.roles = &role;
            filter.n_roles = 1;
        } else if (option == OPTION_TASK) {
            ok = ctl_take_ref(ctl, optarg, &ref);
            task = (struct baton_ref){.project = ref.project, .id = ref.id};
            filter.task = &task;
        }
        if (!ok) {
            return ctl->status;
        }
    }
    if (optind != argc) {
        return ctl_usage(ctl, "%s was not expected", argv[optind]);
    }
    if (ctl->project_given) {
        filter.projects = &ctl->project;
        filter.n_projects = 1;
    }
    filter.archived = !filter.open;
    return card_list(ctl, &filter);
}
