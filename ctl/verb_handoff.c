/* baton handoff: what an agent leaves to whoever goes on with its work, and what these say to it.
 */
#include "common/alloc.h"
#include "ctl/cards.h"
#include "ctl/plan_form.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* A handoff as the command line says it; what a file says comes first. */
struct form {
    struct baton_card card;
    struct baton_item *items; /* ours */
    size_t n_items;
    struct ctl_ref ref;
    struct plan *plan; /* owns what the file says; NULL: no file */
};

static struct baton_item *
add_item(struct form *form, const char *tag)
{
    form->items = xreallocarray(form->items, form->n_items + 1, sizeof *form->items);
    struct baton_item *item = &form->items[form->n_items++];
    *item = (struct baton_item){.tag = tag};
    return item;
}

/* PATH or PATH=DESCRIPTION; cuts the argument. */
static void
add_artifact(struct form *form, char *text)
{
    struct baton_item *item = add_item(form, "artifact");
    char *equals = strchr(text, '=');
    item->name = text;
    if (equals) {
        *equals = 0;
        item->text = equals + 1;
    }
}

static bool
take_give_option(struct ctl *ctl, int option, struct form *form)
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
        add_item(form, "completed")->text = optarg;
        return true;
    case OPTION_READY:
        add_item(form, "ready")->text = optarg;
        return true;
    case OPTION_BLOCKER:
        add_item(form, "blocker")->text = optarg;
        return true;
    case OPTION_NEXT:
        add_item(form, "next_step")->text = optarg;
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

/* What the file says, unless the command line says something else; its lines come first. */
static int
take_file(struct ctl *ctl, char *path, struct form *form)
{
    struct plan_options options = {0};
    int status = plan_form_read(ctl, &options, 1, &path, &form->plan);
    if (status != CTL_YES) {
        return status;
    }
    status = plan_needs_zone(form->plan) ? ctl_connect(ctl) : CTL_YES;
    if (status == CTL_YES) {
        status = plan_form_settle(ctl, form->plan);
    }
    if (status != CTL_YES) {
        return status;
    }
    size_t n_cards, n_specs;
    const struct plan_card *cards = plan_cards(form->plan, &n_cards);
    (void)plan_specs(form->plan, &n_specs);
    if (n_specs || n_cards != 1 || cards[0].card.kind != BATON_CARD_HANDOFF) {
        return ctl_fail(ctl, CTL_DATA, "not_a_handoff", "see `baton help handoff`",
                        "%s: it should have one handoff (\"handoff:\", or a handoff_template "
                        "that is filled in) and nothing else",
                        path);
    }
    const struct baton_card *of = &cards[0].card;
    struct baton_card *card = &form->card;
    card->role = card->role ? card->role : of->role;
    card->to_role = card->to_role ? card->to_role : of->to_role;
    card->text = card->text ? card->text : of->text;
    if (!card->task) {
        card->task = of->task;
    }
    struct baton_item *items = xcalloc(of->n_items + form->n_items + 1, sizeof *items);
    for (size_t i = 0; i < of->n_items; i++) {
        items[i] = of->items[i];
    }
    for (size_t i = 0; i < form->n_items; i++) {
        items[of->n_items + i] = form->items[i];
    }
    free(form->items);
    form->items = items;
    form->n_items += of->n_items;
    return CTL_YES;
}

/* Artifacts that are not here are marked. Paths that lead elsewhere are left to the broker, which
 * refuses them. */
static void
mark_missing(struct form *form)
{
    for (size_t i = 0; i < form->n_items; i++) {
        struct baton_item *item = &form->items[i];
        bool is_here = strcmp(item->tag, "artifact") != 0 || !item->name || !item->name[0] ||
                       item->name[0] == '/' || access(item->name, F_OK) == 0;
        item->unit = is_here ? NULL : "missing";
    }
}

static int
handoff_give(struct ctl *ctl, int argc, char **argv)
{
    struct baton_post post = {.verb = BATON_CARD_RAISE};
    struct form form = {.card = {.kind = BATON_CARD_HANDOFF}};
    int status = CTL_YES;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", give_options)) != -1;) {
        if (!take_give_option(ctl, option, &form)) {
            free(form.items);
            return ctl->status;
        }
    }
    if (optind + 1 < argc) {
        status = ctl_usage(ctl, "one file at most, or - for standard input");
    } else if (optind < argc) {
        status = take_file(ctl, argv[optind], &form);
    }
    bool is_bound = form.card.task || getenv("BATON_TOKEN") ||
                    (form.card.role && form.card.to_role);
    if (status == CTL_YES && !is_bound) {
        status = ctl_usage(ctl, "of which task? --task ID; or from which role to which? --from R "
                                "--to R");
    }
    if (status == CTL_YES) {
        mark_missing(&form);
        post.card = form.card;
        post.card.items = form.items;
        post.card.n_items = form.n_items;
        status = card_post(ctl, &post);
    }
    free(form.items);
    if (form.plan) {
        plan_free(form.plan);
    }
    return status;
}

static int
handoff_list(struct ctl *ctl, int argc, char **argv)
{
    return card_list_verb(ctl, BATON_CARD_HANDOFF,
                          CARD_LIST_UNANSWERED | CARD_LIST_ROLE | CARD_LIST_TASK, argc, argv);
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
    static const struct card_command commands[] = {
        {"give", handoff_give},     {"list", handoff_list},     {"show", handoff_show},
        {"accept", handoff_accept}, {"reject", handoff_reject}, {NULL, NULL},
    };
    return card_command(ctl, argc, argv, commands);
}
