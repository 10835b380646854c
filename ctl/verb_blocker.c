/* baton blocker: what is in the way, and who clears it. */
#include "ctl/cards.h"

#include <stdlib.h>

enum {
    OPTION_TASK = 256,
    OPTION_ROLE,
    OPTION_WHOLE_PROJECT,
    OPTION_TEXT,
    OPTION_SEVERITY,
    OPTION_OWNER,
    OPTION_DUE,
    OPTION_OUTCOME,
};

static const struct option raise_options[] = {
    {"task", required_argument, NULL, OPTION_TASK},
    {"role", required_argument, NULL, OPTION_ROLE},
    {"whole-project", no_argument, NULL, OPTION_WHOLE_PROJECT},
    {"text", required_argument, NULL, OPTION_TEXT},
    {"severity", required_argument, NULL, OPTION_SEVERITY},
    {"owner", required_argument, NULL, OPTION_OWNER},
    {"due", required_argument, NULL, OPTION_DUE},
    {0},
};

static bool
take_raise_option(struct ctl *ctl, int option, struct baton_card *card, struct ctl_ref *ref,
                  bool *whole)
{
    switch (option) {
    case OPTION_TASK:
        if (!ctl_take_ref(ctl, optarg, ref)) {
            return false;
        }
        card->task = ref->id;
        card->project = ref->project;
        return true;
    case OPTION_ROLE:
        return ctl_take_role(ctl, optarg, &card->role);
    case OPTION_WHOLE_PROJECT:
        *whole = true;
        return true;
    case OPTION_TEXT:
        card->text = optarg;
        return true;
    case OPTION_SEVERITY:
        return card_take_severity(ctl, optarg, &card->severity);
    case OPTION_OWNER:
        card->owner = optarg;
        return true;
    case OPTION_DUE:
        return ctl_take_time(ctl, "--due", optarg, &card->due_at);
    default:
        return false;
    }
}

static int
blocker_raise(struct ctl *ctl, int argc, char **argv)
{
    struct baton_post post = {.verb = BATON_CARD_RAISE, .card = {.kind = BATON_CARD_BLOCKER}};
    struct ctl_ref ref = {0};
    bool whole = false;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", raise_options)) != -1;) {
        if (!take_raise_option(ctl, option, &post.card, &ref, &whole)) {
            return ctl->status;
        }
    }
    int status;
    bool is_agent = getenv("BATON_TOKEN") != NULL;
    if (optind + 1 != argc) {
        status = ctl_usage(ctl, "say what is in the way, in one argument");
    } else if (!post.card.task && !post.card.role && !whole && !is_agent) {
        status = ctl_usage(ctl, "what is blocked? --task ID, --role R or --whole-project");
    } else {
        post.card.title = argv[optind];
        status = card_post(ctl, &post);
    }
    return status;
}

static int
blocker_list(struct ctl *ctl, int argc, char **argv)
{
    return card_list_verb(ctl, BATON_CARD_BLOCKER, CARD_LIST_ROLE | CARD_LIST_TASK, argc, argv);
}

static const struct option change_options[] = {
    {"owner", required_argument, NULL, OPTION_OWNER},
    {"outcome", required_argument, NULL, OPTION_OUTCOME},
    {0},
};

static int
change(struct ctl *ctl, int argc, char **argv, baton_card_verb verb)
{
    struct baton_post post = {.verb = verb, .card = {.kind = BATON_CARD_BLOCKER}};
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", change_options)) != -1;) {
        if (option == '?') {
            return ctl->status;
        }
        *(option == OPTION_OWNER ? &post.card.owner : &post.card.outcome) = optarg;
    }
    if (optind >= argc || optind + 2 < argc) {
        return ctl_usage(ctl, "which blocker? its number, and perhaps what became of it");
    }
    if (!card_take_number(ctl, argv[optind], &post.card.number)) {
        return ctl->status;
    }
    if (optind + 1 < argc) {
        post.card.outcome = argv[optind + 1];
    }
    return card_post(ctl, &post);
}

static int
blocker_take(struct ctl *ctl, int argc, char **argv)
{
    return change(ctl, argc, argv, BATON_CARD_TAKE);
}

static int
blocker_resolve(struct ctl *ctl, int argc, char **argv)
{
    return change(ctl, argc, argv, BATON_CARD_RESOLVE);
}

static int
blocker_withdraw(struct ctl *ctl, int argc, char **argv)
{
    return change(ctl, argc, argv, BATON_CARD_WITHDRAW);
}

static int
blocker_show(struct ctl *ctl, int argc, char **argv)
{
    static const struct option none[] = {{0}};
    uint64_t number;
    if (ctl_getopt(ctl, argc, argv, "", none) != -1) {
        return ctl->status;
    }
    if (optind + 1 != argc) {
        return ctl_usage(ctl, "which blocker? its number");
    }
    return card_take_number(ctl, argv[optind], &number) ? card_show(ctl, BATON_CARD_BLOCKER, number)
                                                        : ctl->status;
}

int
verb_blocker(struct ctl *ctl, int argc, char **argv)
{
    static const struct command commands[] = {
        {"raise", blocker_raise},
        {"list", blocker_list},
        {"show", blocker_show},
        {"take", blocker_take},
        {"resolve", blocker_resolve},
        {"withdraw", blocker_withdraw},
        {NULL, NULL},
    };
    return command_run(ctl, argc, argv, commands);
}
