/* baton signal: what others wait for is there. */
#include "ctl/cards.h"

enum { OPTION_TASK = 256, OPTION_TEXT };

static const struct option raise_options[] = {
    {"task", required_argument, NULL, OPTION_TASK},
    {"text", required_argument, NULL, OPTION_TEXT},
    {0},
};

static int
signal_raise(struct ctl *ctl, int argc, char **argv)
{
    struct baton_post post = {.verb = BATON_CARD_RAISE, .card = {.kind = BATON_CARD_SIGNAL}};
    struct ctl_ref ref = {0};
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", raise_options)) != -1;) {
        if (option == OPTION_TEXT) {
            post.card.text = optarg;
        } else if (option == OPTION_TASK && ctl_take_ref(ctl, optarg, &ref)) {
            post.card.task = ref.id;
            post.card.project = ref.project;
        } else {
            return ctl->status;
        }
    }
    if (optind + 1 != argc) {
        return ctl_usage(ctl, "what is ready? its name, in one argument");
    }
    post.card.name = argv[optind];
    return card_post(ctl, &post);
}

static const struct option none[] = {{0}};

static int
signal_withdraw(struct ctl *ctl, int argc, char **argv)
{
    struct baton_post post = {.verb = BATON_CARD_WITHDRAW, .card = {.kind = BATON_CARD_SIGNAL}};
    if (ctl_getopt(ctl, argc, argv, "", none) != -1) {
        return ctl->status;
    }
    if (optind >= argc || optind + 2 < argc) {
        return ctl_usage(ctl, "which signal? its name, and perhaps why");
    }
    post.card.name = argv[optind];
    post.card.outcome = optind + 1 < argc ? argv[optind + 1] : NULL;
    return card_post(ctl, &post);
}

static int
signal_list(struct ctl *ctl, int argc, char **argv)
{
    return card_list_verb(ctl, BATON_CARD_SIGNAL, 0, argc, argv);
}

int
verb_signal(struct ctl *ctl, int argc, char **argv)
{
    static const struct command commands[] = {
        {"raise", signal_raise},
        {"withdraw", signal_withdraw},
        {"list", signal_list},
        {NULL, NULL},
    };
    return command_run(ctl, argc, argv, commands);
}
