/* baton incident: something is on fire; who is called, who has answered, what it was. */
#include "common/alloc.h"
#include "common/units.h"
#include "ctl/cards.h"
#include "ctl/say.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_TITLE = 256,
    OPTION_TEXT,
    OPTION_AREA,
    OPTION_TASK,
    OPTION_ROLE,
    OPTION_SEVERITY,
    OPTION_FOLLOW_UP,
};

static const struct option open_options[] = {
    {"title", required_argument, NULL, OPTION_TITLE},
    {"text", required_argument, NULL, OPTION_TEXT},
    {"area", required_argument, NULL, OPTION_AREA},
    {"task", required_argument, NULL, OPTION_TASK},
    {"role", required_argument, NULL, OPTION_ROLE},
    {0},
};

static int
incident_open(struct ctl *ctl, int argc, char **argv)
{
    struct baton_post post = {.verb = BATON_CARD_RAISE, .card = {.kind = BATON_CARD_INCIDENT}};
    struct baton_card *card = &post.card;
    struct baton_item area = {.tag = "area"};
    struct ctl_ref ref = {0};
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", open_options)) != -1;) {
        bool ok = option != '?';
        if (option == OPTION_TITLE) {
            card->title = optarg;
        } else if (option == OPTION_TEXT) {
            card->text = optarg;
        } else if (option == OPTION_AREA) {
            area.name = optarg;
        } else if (option == OPTION_ROLE) {
            ok = ctl_take_role(ctl, optarg, &card->role);
        } else if (option == OPTION_TASK) {
            ok = ctl_take_ref(ctl, optarg, &ref);
            card->task = ref.id;
            card->project = ref.project;
        }
        if (!ok) {
            return ctl->status;
        }
    }
    if (optind + 1 != argc) {
        return ctl_usage(ctl, "how bad is it? P0, P1, P2 or P3, and --title TEXT");
    }
    if (!card_take_severity(ctl, argv[optind], &card->severity)) {
        return ctl->status;
    }
    if (!card->title) {
        return ctl_usage(ctl, "what has happened? --title TEXT");
    }
    card->items = &area;
    card->n_items = area.name != NULL;
    return card_post(ctl, &post);
}

static const struct option acknowledge_options[] = {
    {"role", required_argument, NULL, OPTION_ROLE},
    {0},
};

static int
incident_acknowledge(struct ctl *ctl, int argc, char **argv)
{
    struct baton_post post = {.verb = BATON_CARD_ACKNOWLEDGE,
                              .card = {.kind = BATON_CARD_INCIDENT}};
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", acknowledge_options)) != -1;) {
        if (option != OPTION_ROLE || !ctl_take_role(ctl, optarg, &post.card.role)) {
            return ctl->status;
        }
    }
    if (optind + 1 != argc) {
        return ctl_usage(ctl, "which incident? its number");
    }
    return card_take_number(ctl, argv[optind], &post.card.number) ? card_post(ctl, &post)
                                                                  : ctl->status;
}

static const struct option amend_options[] = {
    {"severity", required_argument, NULL, OPTION_SEVERITY},
    {"title", required_argument, NULL, OPTION_TITLE},
    {"text", required_argument, NULL, OPTION_TEXT},
    {0},
};

static int
incident_amend(struct ctl *ctl, int argc, char **argv)
{
    struct baton_post post = {.verb = BATON_CARD_AMEND, .card = {.kind = BATON_CARD_INCIDENT}};
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", amend_options)) != -1;) {
        if (option == OPTION_TITLE) {
            post.card.title = optarg;
        } else if (option == OPTION_TEXT) {
            post.card.text = optarg;
        } else if (option != OPTION_SEVERITY ||
                   !card_take_severity(ctl, optarg, &post.card.severity)) {
            return ctl->status;
        }
    }
    if (optind + 1 != argc) {
        return ctl_usage(ctl, "which incident? its number, and what is known now");
    }
    return card_take_number(ctl, argv[optind], &post.card.number) ? card_post(ctl, &post)
                                                                  : ctl->status;
}

static const struct option resolve_options[] = {
    {"follow-up", required_argument, NULL, OPTION_FOLLOW_UP},
    {0},
};

static int
incident_resolve(struct ctl *ctl, int argc, char **argv)
{
    struct baton_post post = {.verb = BATON_CARD_RESOLVE, .card = {.kind = BATON_CARD_INCIDENT}};
    struct baton_item *items = NULL;
    size_t n = 0;
    int status;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", resolve_options)) != -1;) {
        if (option != OPTION_FOLLOW_UP) {
            free(items);
            return ctl->status;
        }
        items = xreallocarray(items, n + 1, sizeof *items);
        items[n++] = (struct baton_item){.tag = "follow_up", .name = optarg};
    }
    if (optind + 2 != argc) {
        status = ctl_usage(ctl, "which incident, and what was the cause? its number and a text");
    } else if (!card_take_number(ctl, argv[optind], &post.card.number)) {
        status = ctl->status;
    } else {
        post.card.outcome = argv[optind + 1];
        post.card.items = items;
        post.card.n_items = n;
        status = card_post(ctl, &post);
    }
    free(items);
    return status;
}

static int
incident_list(struct ctl *ctl, int argc, char **argv)
{
    return card_list_verb(ctl, BATON_CARD_INCIDENT, CARD_LIST_ROLE, argc, argv);
}

static bool
take_one(struct ctl *ctl, int argc, char **argv, uint64_t *ret_number)
{
    static const struct option none[] = {{0}};
    if (ctl_getopt(ctl, argc, argv, "", none) != -1) {
        return false;
    }
    if (optind + 1 != argc) {
        ctl->status = ctl_usage(ctl, "which incident? its number");
        return false;
    }
    return card_take_number(ctl, argv[optind], ret_number);
}

static int
incident_show(struct ctl *ctl, int argc, char **argv)
{
    uint64_t number;
    return take_one(ctl, argc, argv, &number) ? card_show(ctl, BATON_CARD_INCIDENT, number)
                                              : ctl->status;
}

/* ---- post-mortem: what a report needs to know of it ---- */

static json_t *
summoned_json(const struct baton_card *card, const struct baton_item *item)
{
    json_t *object = json_object();
    json_object_set_new(object, "role", ctl_json_text(item->name));
    json_object_set_new(object, "task", ctl_json_text(item->text));
    json_object_set_new(object, "answer", item->unit[0] ? json_string(item->unit) : json_null());
    json_object_set_new(object, "by", item->by[0] ? ctl_json_text(item->by) : json_null());
    json_object_set_new(object, "answered_after_ms",
                        item->unit[0] ? json_integer(item->at - card->created_at) : json_null());
    return object;
}

static json_t *
names_json(const struct baton_card *card, const char *tag)
{
    json_t *array = json_array();
    for (size_t i = 0; i < card->n_items; i++) {
        const struct baton_item *item = &card->items[i];
        if (strcmp(item->tag, tag) == 0) {
            bool contact = strcmp(item->name, "contact") == 0;
            json_array_append_new(array, ctl_json_text(contact ? item->text : item->name));
        }
    }
    return array;
}

static json_t *
postmortem_json(const struct baton_card *card)
{
    char severity[16];
    int64_t end = card->ended_at ? card->ended_at : ctl_now();
    json_t *object = json_object();
    json_t *roles = json_array();
    for (size_t i = 0; i < card->n_items; i++) {
        if (strcmp(card->items[i].tag, "summoned") == 0) {
            json_array_append_new(roles, summoned_json(card, &card->items[i]));
        }
    }
    snprintf(severity, sizeof severity, "P%u", card->severity ? card->severity - 1 : 0);
    json_object_set_new(object, "number", json_integer((json_int_t)card->number));
    json_object_set_new(object, "title", ctl_json_text(card->title));
    json_object_set_new(object, "severity", json_string(severity));
    json_object_set_new(object, "bumped_to", names_json(card, "bump"));
    json_object_set_new(object, "state", ctl_json_text(baton_card_state_name(card->state)));
    json_object_set_new(object, "opened_by", ctl_json_text(card->by));
    json_object_set_new(object, "opened_at", ctl_json_time(card->created_at));
    json_object_set_new(object, "resolved_at",
                        card->ended_at ? ctl_json_time(card->ended_at) : json_null());
    json_object_set_new(object, "lasted_ms", json_integer(end - card->created_at));
    json_object_set_new(object, "rungs_missed", json_integer(card->rung));
    json_object_set_new(object, "escalated_to", names_json(card, "escalated"));
    json_object_set_new(object, "roles", roles);
    json_object_set_new(object, "cause",
                        card->outcome[0] ? ctl_json_text(card->outcome) : json_null());
    json_object_set_new(object, "follow_ups", names_json(card, "follow_up"));
    return object;
}

static void
say_postmortem(struct ctl *ctl, const struct baton_card *card)
{
    int64_t end = card->ended_at ? card->ended_at : ctl_now();
    say(ctl, "incident", "#%" PRIu64 " P%u %s", card->number,
        card->severity ? card->severity - 1 : 0, baton_card_state_name(card->state));
    say(ctl, "title", "%s", card->title);
    say_time(ctl, "opened", card->created_at);
    say_time(ctl, "resolved", card->ended_at);
    say_duration(ctl, "lasted", end - card->created_at);
    for (size_t i = 0; i < card->n_items; i++) {
        const struct baton_item *item = &card->items[i];
        char after[64] = "";
        if (strcmp(item->tag, "summoned") == 0) {
            say(ctl, "role", "%s: %s%s%s", item->name, item->unit[0] ? item->unit : "no answer",
                item->unit[0] ? " after " : "",
                item->unit[0] ? duration_format(item->at - card->created_at, after, sizeof after)
                              : "");
        } else if (strcmp(item->tag, "area") != 0) {
            say(ctl, item->tag, "%s", item->text[0] ? item->text : item->name);
        }
    }
    say_block(ctl, "cause", card->outcome);
}

struct found {
    struct ctl *ctl;
    bool any;
};

static bool
put_postmortem(const struct baton_card *card, void *context)
{
    struct found *found = context;
    found->any = true;
    if (found->ctl->json) {
        ctl_print_json(found->ctl, postmortem_json(card));
    } else {
        say_postmortem(found->ctl, card);
    }
    return false;
}

static int
incident_postmortem(struct ctl *ctl, int argc, char **argv)
{
    static const baton_card_kind kind = BATON_CARD_INCIDENT;
    struct baton_card_filter filter = {.kinds = &kind, .n_kinds = 1};
    struct found found = {.ctl = ctl};
    if (!take_one(ctl, argc, argv, &filter.number)) {
        return ctl->status;
    }
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    baton_status answer = baton_cards(ctl->baton, &filter, put_postmortem, &found, NULL);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    return found.any ? CTL_YES
                     : ctl_fail(ctl, CTL_NO, "not_found", NULL, "there is no incident #%" PRIu64,
                                filter.number);
}

int
verb_incident(struct ctl *ctl, int argc, char **argv)
{
    static const struct card_command commands[] = {
        {"open", incident_open},
        {"acknowledge", incident_acknowledge},
        {"amend", incident_amend},
        {"resolve", incident_resolve},
        {"list", incident_list},
        {"show", incident_show},
        {"postmortem", incident_postmortem},
        {NULL, NULL},
    };
    return card_command(ctl, argc, argv, commands);
}
