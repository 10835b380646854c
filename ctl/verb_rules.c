/* baton rules: areas, levels of severity, targets and the like, as they are in force. */
#include "ctl/cards.h"

#include <string.h>

static const baton_card_kind rule_kinds[] = {BATON_CARD_AREA,     BATON_CARD_LEVEL,
                                             BATON_CARD_TARGET,   BATON_CARD_ROLE,
                                             BATON_CARD_SCHEDULE, BATON_CARD_BUDGET};

/* "area"; false: reported. */
static bool
take_kind(struct ctl *ctl, const char *text, baton_card_kind *ret_kind)
{
    int kind = baton_card_kind_of(text);
    for (size_t i = 0; i < ARRAY_LEN(rule_kinds); i++) {
        if ((int)rule_kinds[i] == kind) {
            *ret_kind = rule_kinds[i];
            return true;
        }
    }
    ctl->status = ctl_usage(
        ctl, "%s is no kind of rule: area, level, target, role, schedule, budget", text);
    return false;
}

static const struct option none[] = {{0}};

static int
rules_list(struct ctl *ctl, int argc, char **argv)
{
    baton_card_kind kind;
    struct baton_card_filter filter = {.kinds = rule_kinds, .n_kinds = ARRAY_LEN(rule_kinds)};
    if (ctl_getopt(ctl, argc, argv, "", none) != -1) {
        return ctl->status;
    }
    if (optind < argc) {
        if (!take_kind(ctl, argv[optind], &kind)) {
            return ctl->status;
        }
        filter.kinds = &kind;
        filter.n_kinds = 1;
    }
    if (ctl->project_given) {
        filter.projects = &ctl->project;
        filter.n_projects = 1;
    }
    return card_list(ctl, &filter);
}

static int
rules_remove(struct ctl *ctl, int argc, char **argv)
{
    struct baton_post post = {.verb = BATON_CARD_REMOVE};
    if (ctl_getopt(ctl, argc, argv, "", none) != -1) {
        return ctl->status;
    }
    if (optind + 2 != argc) {
        return ctl_usage(ctl, "which rule? its kind and its name");
    }
    if (!take_kind(ctl, argv[optind], &post.card.kind)) {
        return ctl->status;
    }
    post.card.name = argv[optind + 1];
    return card_post(ctl, &post);
}

int
verb_rules(struct ctl *ctl, int argc, char **argv)
{
    static const struct command commands[] = {
        {"list", rules_list},
        {"remove", rules_remove},
        {NULL, NULL},
    };
    return command_run(ctl, argc, argv, commands);
}
