/* baton reserve: a resource taken by hand, for a time; and whose it is. */
#include "common/limits.h"
#include "common/path_name.h"
#include "common/units.h"
#include "ctl/agent.h"
#include "ctl/cards.h"
#include "ctl/lock_form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_FOR = 256,
    OPTION_UNTIL,
    OPTION_SHARED,
    OPTION_REASON,
    OPTION_TEXT,
    OPTION_ROLE,
    OPTION_OWNER,
    OPTION_NAMES,
    OPTION_TOKEN,
};

static const struct option make_options[] = {
    {"for", required_argument, NULL, OPTION_FOR},
    {"until", required_argument, NULL, OPTION_UNTIL},
    {"shared", no_argument, NULL, OPTION_SHARED},
    {"reason", required_argument, NULL, OPTION_REASON},
    {"text", required_argument, NULL, OPTION_TEXT},
    {"role", required_argument, NULL, OPTION_ROLE},
    {"owner", required_argument, NULL, OPTION_OWNER},
    {0},
};

static bool
take_make_option(struct ctl *ctl, int option, struct baton_card *card, bool *shared)
{
    int64_t ms;
    switch (option) {
    case OPTION_FOR:
        if (!ctl_take_duration(ctl, "--for", optarg, &ms)) {
            return false;
        }
        card->due_at = ctl_now() + ms;
        return true;
    case OPTION_UNTIL:
        return ctl_take_time(ctl, "--until", optarg, &card->due_at);
    case OPTION_SHARED:
        *shared = true;
        return true;
    case OPTION_REASON:
        card->title = optarg;
        return true;
    case OPTION_TEXT:
        card->text = optarg;
        return true;
    case OPTION_ROLE:
        return ctl_take_role(ctl, optarg, &card->role);
    case OPTION_OWNER:
        card->owner = optarg;
        return true;
    default:
        return false;
    }
}

/* "NAME", "NAME=3". */
static bool
take_resource(struct ctl *ctl, char *text, bool shared, struct baton_item *ret)
{
    char *equals = path_name_is(text) ? NULL : strchr(text, '=');
    uint64_t amount = 0;
    if (equals) {
        *equals = 0;
        if (!ctl_take_number(ctl, text, equals + 1, CAPACITY_MAX, &amount)) {
            return false;
        }
    }
    *ret = (struct baton_item){
        .tag = "resource", .name = text, .value = (double)amount, .unit = shared ? "shared" : ""};
    return true;
}

static int
reserve_make(struct ctl *ctl, int argc, char **argv)
{
    struct baton_post post = {.verb = BATON_CARD_RAISE, .card = {.kind = BATON_CARD_RESERVATION}};
    struct baton_item items[CLAIMS_MAX];
    bool shared = false;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", make_options)) != -1;) {
        if (!take_make_option(ctl, option, &post.card, &shared)) {
            return ctl->status;
        }
    }
    if (optind == argc || argc - optind > CLAIMS_MAX) {
        return ctl_usage(ctl, "what is reserved? 1 to %d names, or path:DIR/FILE", CLAIMS_MAX);
    }
    for (; optind < argc; optind++) {
        if (!take_resource(ctl, argv[optind], shared, &items[post.card.n_items++])) {
            return ctl->status;
        }
    }
    post.card.items = items;
    return card_post(ctl, &post);
}

static int
reserve_list(struct ctl *ctl, int argc, char **argv)
{
    return card_list_verb(ctl, BATON_CARD_RESERVATION, 0, argc, argv);
}

static int
reserve_show(struct ctl *ctl, int argc, char **argv)
{
    static const struct option none[] = {{0}};
    uint64_t number;
    if (ctl_getopt(ctl, argc, argv, "", none) != -1) {
        return ctl->status;
    }
    if (optind + 1 != argc) {
        return ctl_usage(ctl, "which reservation? its number");
    }
    return card_take_number(ctl, argv[optind], &number)
               ? card_show(ctl, BATON_CARD_RESERVATION, number)
               : ctl->status;
}

static int
reserve_release(struct ctl *ctl, int argc, char **argv)
{
    static const struct option none[] = {{0}};
    struct baton_post post = {.verb = BATON_CARD_WITHDRAW,
                              .card = {.kind = BATON_CARD_RESERVATION}};
    if (ctl_getopt(ctl, argc, argv, "", none) != -1) {
        return ctl->status;
    }
    if (optind >= argc || optind + 2 < argc) {
        return ctl_usage(ctl, "which reservation? its number, and perhaps why");
    }
    if (!card_take_number(ctl, argv[optind], &post.card.number)) {
        return ctl->status;
    }
    post.card.outcome = optind + 1 < argc ? argv[optind + 1] : NULL;
    return card_post(ctl, &post);
}

/* ---- for hooks ---- */

/* Whether one path is another's; the exit status. */
static int
check_one(struct ctl *ctl, const char *text, bool names, uint64_t token)
{
    char name[RESOURCE_NAME_ROOM + sizeof PATH_NAME_PREFIX];
    bool is_path = !names && !path_name_is(text);
    if (strlen(text) > PATH_NAME_BYTES_MAX) {
        return ctl_usage(ctl, "%.100s… is too long", text);
    }
    snprintf(name, sizeof name, "%s%s", is_path ? PATH_NAME_PREFIX : "", text);
    struct baton_lock lock = {.verb = BATON_LOCK_CHECK, .token = token, .claim = {.name = name}};
    baton_lock_reply *reply = NULL;
    baton_status answer = baton_lock(ctl->baton, &lock, &reply);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    int status = reply->granted ? CTL_YES : CTL_NO;
    if (!reply->granted) {
        lock_print(ctl, name, reply);
    }
    baton_lock_reply_free(reply);
    return status;
}

static int
reserve_check(struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {{"names", no_argument, NULL, OPTION_NAMES},
                                            {"token", required_argument, NULL, OPTION_TOKEN},
                                            {0}};
    bool names = false;
    const char *text = NULL;
    uint64_t token = 0;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option == '?') {
            return ctl->status;
        }
        names |= option == OPTION_NAMES;
        text = option == OPTION_TOKEN ? optarg : text;
    }
    if (optind == argc) {
        return ctl_usage(ctl, "which paths? As git diff --name-only has them");
    }
    if (text ? !agent_token(ctl, text, &token) : !agent_token_from_environment(ctl, &token)) {
        return ctl->status;
    }
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    for (; optind < argc; optind++) {
        int one = check_one(ctl, argv[optind], names, token);
        if (one != CTL_YES && one != CTL_NO) {
            return one;
        }
        status = one == CTL_NO ? CTL_NO : status;
    }
    return status;
}

int
verb_reserve(struct ctl *ctl, int argc, char **argv)
{
    static const struct command commands[] = {
        {"make", reserve_make},   {"list", reserve_list},       {"show", reserve_show},
        {"check", reserve_check}, {"release", reserve_release}, {NULL, NULL},
    };
    const struct command *command = command_find(ctl, argc, argv, commands);
    return command ? command->run(ctl, argc - 1, argv + 1)
                   : reserve_make(ctl, argc, argv); /* `baton reserve NAME…` */
}
