/* baton handoff: what an agent leaves to whoever goes on with its work, and what these say to it.
 */
#include "ctl/cards.h"
#include "ctl/handoff_form.h"

#include <stdlib.h>
#include <string.h>

enum {
    OPTION_TASK = PLAN_OPTION_END,
    OPTION_FROM,
    OPTION_TO,
    OPTION_COMPLETED,
    OPTION_READY,
    OPTION_BLOCKER,
    OPTION_NEXT,
    OPTION_ARTIFACT,
    OPTION_NOTES,
};

static const struct option give_options[] = {
    {"task", required_argument, NULL, OPTION_TASK},
    {"from", required_argument, NULL, OPTION_FROM},
    {"to", required_argument, NULL, OPTION_TO},
    {"completed", required_argument, NULL, OPTION_COMPLETED},
    {"ready", required_argument, NULL, OPTION_READY},
    {"blocker", required_argument, NULL, OPTION_BLOCKER},
    {"next", required_argument, NULL, OPTION_NEXT},
    {"artifact", required_argument, NULL, OPTION_ARTIFACT},
    {"notes", required_argument, NULL, OPTION_NOTES},
    {0},
};

/* PATH or PATH=DESCRIPTION; cuts the argument. */
static void
add_artifact(struct handoff_form *form, char *text)
{
    struct baton_item *item = handoff_form_add(form, "artifact");
    char *equals = strchr(text, '=');
    item->name = text;
    if (equals) {
        *equals = 0;
        item->text = equals + 1;
    }
}

static bool
take_give_option(struct ctl *ctl, int option, struct handoff_form *form)
{
    switch (option) {
    case OPTION_TASK:
        if (!ctl_take_ref(ctl, optarg, &form->ref)) {
            return false;
        }
        form->card.task = form->ref.id;
        form->card.project = form->ref.project;
        return true;
    case OPTION_FROM:
        return ctl_take_role(ctl, optarg, &form->card.role);
    case OPTION_TO:
        return ctl_take_role(ctl, optarg, &form->card.to_role);
    case OPTION_COMPLETED:
        handoff_form_add(form, "completed")->text = optarg;
        return true;
    case OPTION_READY:
        handoff_form_add(form, "ready")->text = optarg;
        return true;
    case OPTION_BLOCKER:
        handoff_form_add(form, "blocker")->text = optarg;
        return true;
    case OPTION_NEXT:
        handoff_form_add(form, "next_step")->text = optarg;
        return true;
    case OPTION_ARTIFACT:
        add_artifact(form, optarg);
        return true;
    case OPTION_NOTES:
        form->card.text = optarg;
        return true;
    default:
        return false;
    }
}

static int
handoff_give(struct ctl *ctl, int argc, char **argv)
{
    struct baton_post post = {.verb = BATON_CARD_RAISE};
    struct handoff_form form = {.card = {.kind = BATON_CARD_HANDOFF}};
    int status = CTL_YES;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", give_options)) != -1;) {
        if (!take_give_option(ctl, option, &form)) {
            handoff_form_fini(&form);
            return ctl->status;
        }
    }
    if (optind + 1 < argc) {
        status = ctl_usage(ctl, "one file at most, or - for standard input");
    } else if (optind < argc) {
        status = handoff_form_load(&form, ctl, argv[optind]);
    }
    bool is_bound = form.card.task || getenv("BATON_TOKEN") ||
                    (form.card.role && form.card.to_role);
    if (status == CTL_YES && !is_bound) {
        status = ctl_usage(ctl, "of which task? --task ID; or from which role to which? --from R "
                                "--to R");
    }
    if (status == CTL_YES) {
        post.card = *handoff_form_settle(&form);
        status = card_post(ctl, &post);
    }
    handoff_form_fini(&form);
    return status;
}

static int
handoff_list(struct ctl *ctl, int argc, char **argv)
{
    return card_list_verb(ctl, BATON_CARD_HANDOFF, CARD_LIST_ROLE | CARD_LIST_TASK, argc, argv);
}

static const struct option none[] = {{0}};

static int
answer(struct ctl *ctl, int argc, char **argv, baton_card_verb verb)
{
    struct baton_post post = {.verb = verb, .card = {.kind = BATON_CARD_HANDOFF}};
    bool rejects = verb == BATON_CARD_REJECT;
    if (ctl_getopt(ctl, argc, argv, "", none) != -1) {
        return ctl->status;
    }
    if (optind + 1 + rejects > argc || optind + 2 < argc) {
        return ctl_usage(ctl, rejects ? "which handoff, and why? its number and the reason"
                                      : "which handoff? its number, and perhaps a word on it");
    }
    if (!card_take_number(ctl, argv[optind], &post.card.number)) {
        return ctl->status;
    }
    post.card.outcome = optind + 1 < argc ? argv[optind + 1] : NULL;
    return card_post(ctl, &post);
}

static int
handoff_accept(struct ctl *ctl, int argc, char **argv)
{
    return answer(ctl, argc, argv, BATON_CARD_ACCEPT);
}

static int
handoff_reject(struct ctl *ctl, int argc, char **argv)
{
    return answer(ctl, argc, argv, BATON_CARD_REJECT);
}

static int
handoff_show(struct ctl *ctl, int argc, char **argv)
{
    uint64_t number;
    if (ctl_getopt(ctl, argc, argv, "", none) != -1) {
        return ctl->status;
    }
    if (optind + 1 != argc) {
        return ctl_usage(ctl, "which handoff? its number");
    }
    return card_take_number(ctl, argv[optind], &number) ? card_show(ctl, BATON_CARD_HANDOFF, number)
                                                        : ctl->status;
}

int
verb_handoff(struct ctl *ctl, int argc, char **argv)
{
    static const struct command commands[] = {
        {"give", handoff_give},     {"list", handoff_list},     {"show", handoff_show},
        {"accept", handoff_accept}, {"reject", handoff_reject}, {NULL, NULL},
    };
    return command_run(ctl, argc, argv, commands);
}
