/* baton decision: what is to be decided, what the reviewers say, and what was decided. */
#include "common/alloc.h"
#include "ctl/cards.h"

#include <stdlib.h>
#include <string.h>

enum {
    OPTION_AREA = 256,
    OPTION_TITLE,
    OPTION_TEXT,
    OPTION_OPTION,
    OPTION_OWNER,
    OPTION_REVIEWER,
    OPTION_ROLE,
    OPTION_DUE,
    OPTION_SUPERSEDES,
    OPTION_TECH,
    OPTION_FORCE,
};

static const struct option propose_options[] = {
    {"area", required_argument, NULL, OPTION_AREA},
    {"title", required_argument, NULL, OPTION_TITLE},
    {"text", required_argument, NULL, OPTION_TEXT},
    {"option", required_argument, NULL, OPTION_OPTION},
    {"owner", required_argument, NULL, OPTION_OWNER},
    {"reviewer", required_argument, NULL, OPTION_REVIEWER},
    {"role", required_argument, NULL, OPTION_ROLE},
    {"due", required_argument, NULL, OPTION_DUE},
    {"supersedes", required_argument, NULL, OPTION_SUPERSEDES},
    {"tech", no_argument, NULL, OPTION_TECH},
    {0},
};

/* A proposal as the command line says it. */
struct form {
    struct baton_card card;
    struct baton_item *items; /* ours */
    size_t n_items;
};

static struct baton_item *
add_item(struct form *form, const char *tag, const char *name)
{
    form->items = xreallocarray(form->items, form->n_items + 1, sizeof *form->items);
    struct baton_item *item = &form->items[form->n_items++];
    *item = (struct baton_item){.tag = tag, .name = name};
    return item;
}

/* A role as people write it becomes its name; whoever else stays. */
static const char *
party(const char *text)
{
    const char *role = baton_role_of(text);
    return role ? role : text;
}

/* NAME or NAME=WHAT IT MEANS; cuts the argument. */
static void
add_option(struct form *form, char *text)
{
    struct baton_item *item = add_item(form, "option", text);
    char *equals = strchr(text, '=');
    if (equals) {
        *equals = 0;
        item->text = equals + 1;
    }
}

static bool
take_propose_option(struct ctl *ctl, int option, struct form *form)
{
    switch (option) {
    case OPTION_AREA:
        add_item(form, "area", optarg);
        return true;
    case OPTION_TITLE:
        form->card.title = optarg;
        return true;
    case OPTION_TEXT:
        form->card.text = optarg;
        return true;
    case OPTION_OPTION:
        add_option(form, optarg);
        return true;
    case OPTION_OWNER:
        form->card.owner = party(optarg);
        return true;
    case OPTION_REVIEWER:
        add_item(form, "reviewer", party(optarg));
        return true;
    case OPTION_ROLE:
        return ctl_take_role(ctl, optarg, &form->card.role);
    case OPTION_DUE:
        return ctl_take_time(ctl, "--due", optarg, &form->card.due_at);
    case OPTION_SUPERSEDES:
        return card_take_number(ctl, optarg, &add_item(form, "supersedes", NULL)->number);
    case OPTION_TECH:
        add_item(form, "category", "tech");
        return true;
    default:
        return false;
    }
}

static int
decision_propose(struct ctl *ctl, int argc, char **argv)
{
    struct baton_post post = {.verb = BATON_CARD_RAISE};
    struct form form = {.card = {.kind = BATON_CARD_DECISION}};
    int status = CTL_YES;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", propose_options)) != -1;) {
        if (!take_propose_option(ctl, option, &form)) {
            free(form.items);
            return ctl->status;
        }
    }
    if (optind + 1 != argc) {
        status = ctl_usage(ctl, "how is the decision called? one name, such as db-engine");
    } else if (!form.card.title) {
        status = ctl_usage(ctl, "what is to be decided? --title TEXT");
    } else {
        post.card = form.card;
        post.card.name = argv[optind];
        post.card.items = form.items;
        post.card.n_items = form.n_items;
        status = card_post(ctl, &post);
    }
    free(form.items);
    return status;
}

static const struct option answer_options[] = {
    {"role", required_argument, NULL, OPTION_ROLE},
    {"force", no_argument, NULL, OPTION_FORCE},
    {0},
};

/* "#12": a number; else a name. False: reported. */
static bool
take_which(struct ctl *ctl, const char *text, uint64_t *ret_number, const char **ret_name)
{
    if (text[0] == '#') {
        return card_take_number(ctl, text, ret_number);
    }
    *ret_name = text;
    return true;
}

/* Options, and which decision; what is left stands behind optind. */
static bool
begin_answer(struct ctl *ctl, int argc, char **argv, struct baton_post *post)
{
    post->card.kind = BATON_CARD_DECISION;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", answer_options)) != -1;) {
        if (option == OPTION_FORCE) {
            post->force = true;
        } else if (option != OPTION_ROLE || !ctl_take_role(ctl, optarg, &post->card.role)) {
            return false;
        }
    }
    if (optind >= argc) {
        ctl->status = ctl_usage(ctl, "which decision? its name, or #NUMBER");
        return false;
    }
    return take_which(ctl, argv[optind++], &post->card.number, &post->card.name);
}

static int
decision_review(struct ctl *ctl, int argc, char **argv)
{
    struct baton_post post = {.verb = BATON_CARD_REVIEW};
    struct baton_item review = {.tag = "review"};
    if (!begin_answer(ctl, argc, argv, &post)) {
        return ctl->status;
    }
    const char *verdict = optind < argc ? argv[optind++] : "";
    if ((strcmp(verdict, "approve") != 0 && strcmp(verdict, "object") != 0) || optind + 1 < argc) {
        return ctl_usage(ctl, "approve or object, and then a text");
    }
    if (strcmp(verdict, "object") == 0 && optind == argc) {
        return ctl_usage(ctl, "why? object TEXT");
    }
    review.unit = verdict;
    review.text = optind < argc ? argv[optind] : NULL;
    post.card.items = &review;
    post.card.n_items = 1;
    return card_post(ctl, &post);
}

static int
decision_decide(struct ctl *ctl, int argc, char **argv)
{
    struct baton_post post = {.verb = BATON_CARD_DECIDE};
    if (!begin_answer(ctl, argc, argv, &post)) {
        return ctl->status;
    }
    if (optind + 1 != argc) {
        return ctl_usage(ctl, "what is decided? say it in one argument");
    }
    post.card.outcome = argv[optind];
    return card_post(ctl, &post);
}

static int
decision_withdraw(struct ctl *ctl, int argc, char **argv)
{
    struct baton_post post = {.verb = BATON_CARD_WITHDRAW};
    if (!begin_answer(ctl, argc, argv, &post)) {
        return ctl->status;
    }
    if (optind + 1 < argc) {
        return ctl_usage(ctl, "the decision, and perhaps why, in one argument");
    }
    post.card.outcome = optind < argc ? argv[optind] : NULL;
    return card_post(ctl, &post);
}

static int
decision_list(struct ctl *ctl, int argc, char **argv)
{
    return card_list_verb(ctl, BATON_CARD_DECISION, CARD_LIST_ROLE, argc, argv);
}

static int
decision_show(struct ctl *ctl, int argc, char **argv)
{
    static const struct option none[] = {{0}};
    uint64_t number = 0;
    const char *name = NULL;
    if (ctl_getopt(ctl, argc, argv, "", none) != -1) {
        return ctl->status;
    }
    if (optind + 1 != argc) {
        return ctl_usage(ctl, "which decision? its name, or #NUMBER");
    }
    if (!take_which(ctl, argv[optind], &number, &name)) {
        return ctl->status;
    }
    return name ? card_show_named(ctl, BATON_CARD_DECISION, name)
                : card_show(ctl, BATON_CARD_DECISION, number);
}

int
verb_decision(struct ctl *ctl, int argc, char **argv)
{
    static const struct command commands[] = {
        {"propose", decision_propose},
        {"review", decision_review},
        {"decide", decision_decide},
        {"withdraw", decision_withdraw},
        {"list", decision_list},
        {"show", decision_show},
        {NULL, NULL},
    };
    return command_run(ctl, argc, argv, commands);
}
