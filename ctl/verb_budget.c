/* baton budget: how much may be used, and what is left. */
#include "ctl/cards.h"
#include "ctl/say.h"
#include "ctl/table.h"

#include "common/measure.h"
#include "common/units.h"
#include "ctl/metrics.h"

#include <string.h>

enum {
    OPTION_TASK = 256,
    OPTION_ROLE,
    OPTION_EVERYWHERE,
    OPTION_DAY,
    OPTION_HARD,
    OPTION_RESERVE,
    OPTION_OWNER,
    OPTION_TITLE,
};

static const struct option none[] = {{0}};
static const struct option set_options[] = {
    {"task", required_argument, NULL, OPTION_TASK},
    {"role", required_argument, NULL, OPTION_ROLE},
    {"everywhere", no_argument, NULL, OPTION_EVERYWHERE},
    {"day", no_argument, NULL, OPTION_DAY},
    {"hard", no_argument, NULL, OPTION_HARD},
    {"reserve", required_argument, NULL, OPTION_RESERVE},
    {"owner", required_argument, NULL, OPTION_OWNER},
    {"title", required_argument, NULL, OPTION_TITLE},
    {0},
};

enum { ITEMS_MAX = 2 * BUDGET_LIMITS_MAX + 3 };

struct form {
    struct baton_post post;
    struct ctl_ref ref;
    struct baton_item items[ITEMS_MAX];
    struct measure_text texts[ITEMS_MAX];
    size_t n_items;
};

static struct baton_item *
add_item(struct form *form, struct ctl *ctl, const char *tag)
{
    if (form->n_items == ITEMS_MAX) {
        ctl->status = ctl_usage(ctl, "a budget has at most %d limits", (int)BUDGET_LIMITS_MAX);
        return NULL;
    }
    form->items[form->n_items] = (struct baton_item){.tag = tag};
    return &form->items[form->n_items++];
}

/* tokens=2000, cost=50 USD, time=8h */
static bool
take_amount(struct form *form, struct ctl *ctl, const char *tag, const char *text)
{
    struct baton_item *item = add_item(form, ctl, tag);
    if (!item) {
        return false;
    }
    struct measure_text *said = &form->texts[form->n_items - 1];
    int64_t ms;
    if (strncmp(text, "time=", 5) == 0 && duration_parse(text + 5, &ms)) {
        (void)measure_make("time", (double)ms, "ms", said);
    } else if (strncmp(text, "time=", 5) == 0 || !measure_parse(text, said)) {
        ctl->status = ctl_usage(ctl, "%s: OF=AMOUNT, like tokens=2000000, time=8h or tasks=100",
                                text);
        return false;
    }
    item->name = said->name;
    item->unit = said->unit;
    item->value = said->value;
    return true;
}

static bool
take_option(struct form *form, struct ctl *ctl, int option)
{
    struct baton_card *card = &form->post.card;
    switch (option) {
    case OPTION_TASK:
        if (!ctl_take_ref(ctl, optarg, &form->ref)) {
            return false;
        }
        card->task = form->ref.id;
        card->project = form->ref.project;
        return true;
    case OPTION_ROLE:
        return ctl_take_role(ctl, optarg, &card->role);
    case OPTION_EVERYWHERE:
        return add_item(form, ctl, "everywhere") != NULL;
    case OPTION_DAY:
        return add_item(form, ctl, "day") != NULL;
    case OPTION_HARD:
        return add_item(form, ctl, "hard") != NULL;
    case OPTION_RESERVE:
        return true; /* behind the limits */
    case OPTION_OWNER:
        card->owner = optarg;
        return true;
    case OPTION_TITLE:
        card->title = optarg;
        return true;
    default:
        return false;
    }
}

static int
budget_set(struct ctl *ctl, int argc, char **argv)
{
    struct form form = {.post = {.verb = BATON_CARD_SET, .card = {.kind = BATON_CARD_BUDGET}}};
    const char *reserves[BUDGET_LIMITS_MAX];
    size_t n_reserves = 0;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", set_options)) != -1;) {
        if (option == OPTION_RESERVE && n_reserves == BUDGET_LIMITS_MAX) {
            return ctl_usage(ctl, "--reserve: at most %d of them", (int)BUDGET_LIMITS_MAX);
        }
        if (!take_option(&form, ctl, option)) {
            return ctl->status;
        }
        if (option == OPTION_RESERVE) {
            reserves[n_reserves++] = optarg;
        }
    }
    if (argc - optind < 2) {
        return ctl_usage(ctl, "a budget has a name and a limit: baton budget set NAME tokens=1000");
    }
    form.post.card.name = argv[optind];
    for (int i = optind + 1; i < argc; i++) {
        if (!take_amount(&form, ctl, "limit", argv[i])) {
            return ctl->status;
        }
    }
    for (size_t i = 0; i < n_reserves; i++) {
        if (!take_amount(&form, ctl, "reserve", reserves[i])) {
            return ctl->status;
        }
    }
    form.post.card.items = form.items;
    form.post.card.n_items = form.n_items;
    return card_post(ctl, &form.post);
}

static int
budget_remove(struct ctl *ctl, int argc, char **argv)
{
    struct baton_post post = {.verb = BATON_CARD_REMOVE, .card = {.kind = BATON_CARD_BUDGET}};
    if (ctl_getopt(ctl, argc, argv, "", none) != -1) {
        return ctl->status;
    }
    if (optind + 1 != argc) {
        return ctl_usage(ctl, "which budget? its name");
    }
    post.card.name = argv[optind];
    return card_post(ctl, &post);
}

/* ---- looking ---- */

static json_t *
budget_json(const struct baton_budget *b)
{
    json_t *object = json_object();
    json_t *limits = json_array();
    for (size_t i = 0; i < b->n_limits; i++) {
        const struct baton_budget_limit *l = &b->limits[i];
        json_t *limit = json_object();
        json_object_set_new(limit, "of", ctl_json_text(l->name));
        json_object_set_new(limit, "unit", ctl_json_text(l->unit));
        json_object_set_new(limit, "limit", json_real(l->limit));
        json_object_set_new(limit, "used", json_real(l->used));
        json_object_set_new(limit, "reserved", json_real(l->reserved));
        json_object_set_new(limit, "left", json_real(l->limit - l->used));
        json_array_append_new(limits, limit);
    }
    json_object_set_new(object, "number", json_integer((json_int_t)b->number));
    json_object_set_new(object, "name", ctl_json_text(b->name));
    json_object_set_new(object, "project", ctl_json_text(b->project));
    json_object_set_new(object, "role", b->role[0] ? ctl_json_text(b->role) : json_null());
    json_object_set_new(object, "task", b->task[0] ? ctl_json_text(b->task) : json_null());
    json_object_set_new(object, "owner", b->owner[0] ? ctl_json_text(b->owner) : json_null());
    json_object_set_new(object, "everywhere", json_boolean(b->everywhere));
    json_object_set_new(object, "hard", json_boolean(b->hard));
    json_object_set_new(object, "day_ends_at", ctl_json_time(b->day_ends_at));
    json_object_set_new(object, "spent", json_boolean(b->spent));
    json_object_set_new(object, "limits", limits);
    return object;
}

static void
add_rows(struct table *table, const struct baton_budget *b)
{
    for (size_t i = 0; i < b->n_limits; i++) {
        const struct baton_budget_limit *l = &b->limits[i];
        char text[64];
        table_add(table, i ? "" : b->name);
        table_addf(table, "%s%s%s", b->everywhere ? "everywhere" : b->project,
                   b->task[0] || b->role[0] ? "/" : "", b->task[0] ? b->task : b->role);
        table_add(table, l->name);
        table_add(table, metric_format(l->limit, l->unit, text, sizeof text));
        table_add(table, metric_format(l->used, l->unit, text, sizeof text));
        table_add(table, metric_format(l->reserved, l->unit, text, sizeof text));
        table_addf(table, "%s%s%s", b->spent ? "spent" : "", b->hard ? " hard" : "",
                   b->day_ends_at ? " day" : "");
    }
}

static int
look(struct ctl *ctl, const char *name)
{
    static const struct table_column columns[] = {
        {"BUDGET", false, true}, {"WHOSE", false, true}, {"OF", false, false},
        {"LIMIT", true, false},  {"USED", true, false},  {"RESERVED", true, false},
        {"", false, false},
    };
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    baton_budget_list *list = NULL;
    baton_status answer = baton_budgets(
        ctl->baton, NULL, name || ctl->project_given ? ctl->project : NULL, name, &list);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    struct table table;
    table_init(&table, columns, ARRAY_LEN(columns));
    bool spent = false;
    for (size_t i = 0; i < list->n_budgets; i++) {
        spent |= list->budgets[i].spent;
        if (ctl->json) {
            ctl_print_json(ctl, budget_json(&list->budgets[i]));
        } else {
            add_rows(&table, &list->budgets[i]);
        }
    }
    if (!ctl->json && list->n_budgets) {
        table_print(&table, ctl);
    }
    table_fini(&table);
    bool found = list->n_budgets > 0;
    baton_budget_list_free(list);
    if (!found && name) {
        return ctl_fail(ctl, CTL_NO, "not_found", "`baton budget list` shows them",
                        "there is no budget %s in project %s", name, ctl->project);
    }
    if (!found) {
        ctl_remark(ctl, "there is no budget; `baton budget set NAME tokens=1000` makes one");
    }
    return found && !(name && spent) ? CTL_YES : CTL_NO;
}

static int
budget_list(struct ctl *ctl, int argc, char **argv)
{
    if (ctl_getopt(ctl, argc, argv, "", none) != -1) {
        return ctl->status;
    }
    return optind < argc ? ctl_usage(ctl, "%s was not expected", argv[optind]) : look(ctl, NULL);
}

static int
budget_show(struct ctl *ctl, int argc, char **argv)
{
    if (ctl_getopt(ctl, argc, argv, "", none) != -1) {
        return ctl->status;
    }
    return optind + 1 != argc ? ctl_usage(ctl, "which budget? its name") : look(ctl, argv[optind]);
}

int
verb_budget(struct ctl *ctl, int argc, char **argv)
{
    static const struct command commands[] = {
        {"set", budget_set},       {"list", budget_list}, {"show", budget_show},
        {"remove", budget_remove}, {NULL, NULL},
    };
    return command_run(ctl, argc, argv, commands);
}
