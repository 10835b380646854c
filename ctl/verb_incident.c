/* baton incident: something is on fire; who is called, who has answered, what it was. */
#include "common/alloc.h"
#include "common/units.h"
#include "ctl/cards.h"
#include "ctl/report/postmortem.h"
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

/* ---- post-mortem ---- */

static void
say_postmortem(struct ctl *ctl, const struct report_data *data, const struct postmortem *pm)
{
    const struct report_card *card = pm->card;
    say(ctl, "incident", "#%" PRIu64 " P%u %s", card->number,
        card->severity ? card->severity - 1 : 0, baton_card_state_name(card->state));
    say(ctl, "title", "%s", card->title);
    say_time(ctl, "opened", card->created_at);
    say_time(ctl, "resolved", card->ended_at);
    say_duration(ctl, "lasted", pm->end - card->created_at);
    say(ctl, "answer", "%s", postmortem_answer(pm));
    for (size_t i = 0; i < pm->n_roles; i++) {
        char text[128];
        say(ctl, "role", "%s: %s", pm->roles[i].item->name,
            postmortem_role_text(&pm->roles[i], text, sizeof text));
    }
    for (size_t i = 0; i < card->n_items; i++) {
        const char *id = card->items[i].name;
        const struct report_task *task = report_find(data, card->project, id);
        if (strcmp(card->items[i].tag, "follow_up") == 0) {
            say(ctl, "follow-up", "%s%s%s", id, task ? ", " : "",
                task ? baton_state_name(task->state) : "");
        }
    }
    say_block(ctl, "cause", card->outcome);
    for (size_t i = 0; i < pm->n_moments; i++) {
        char at[40];
        say(ctl, i ? "" : "timeline", "%s  %s", time_format(pm->moments[i].at, at, sizeof at),
            pm->moments[i].what);
    }
}

static int
incident_postmortem(struct ctl *ctl, int argc, char **argv)
{
    uint64_t number;
    int status = take_one(ctl, argc, argv, &number) ? ctl_connect(ctl) : ctl->status;
    if (status != CTL_YES) {
        return status;
    }
    struct report_data data = {0};
    if (report_read_incident(ctl, &data, number)) {
        struct postmortem pm;
        postmortem_make(&data, &data.cards[0], &pm);
        if (ctl->json) {
            ctl_print_json(ctl, postmortem_json(&pm));
        } else {
            say_postmortem(ctl, &data, &pm);
        }
        postmortem_fini(&pm);
    } else {
        status = ctl->status;
    }
    report_fini(&data);
    return status;
}

int
verb_incident(struct ctl *ctl, int argc, char **argv)
{
    static const struct command commands[] = {
        {"open", incident_open},
        {"acknowledge", incident_acknowledge},
        {"amend", incident_amend},
        {"resolve", incident_resolve},
        {"list", incident_list},
        {"show", incident_show},
        {"postmortem", incident_postmortem},
        {NULL, NULL},
    };
    return command_run(ctl, argc, argv, commands);
}
