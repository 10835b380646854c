/* baton apply: makes the broker's tasks what the plan says, whole or not at all. */
#include "common/alloc.h"
#include "common/units.h"
#include "ctl/once.h"
#include "ctl/plan_form.h"
#include "ctl/task_json.h"
#include "ctl/verbs.h"

#include <stdlib.h>
#include <string.h>

enum {
    FORWARD_SHOWN_MAX = 20,
    WAIT_NAMED_MAX = 10 * 1000, /* tasks that `baton wait` takes by name */
};

enum {
    OPTION_DRY_RUN = PLAN_OPTION_END,
    OPTION_UPDATE,
    OPTION_NO_UPDATE,
    OPTION_CLOSE,
    OPTION_WAIT,
    OPTION_TIMEOUT,
};

static const struct option options[] = {
    PLAN_OPTIONS,
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"update", no_argument, NULL, OPTION_UPDATE},
    {"no-update", no_argument, NULL, OPTION_NO_UPDATE},
    {"close", no_argument, NULL, OPTION_CLOSE},
    {"wait", no_argument, NULL, OPTION_WAIT},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {0},
};

/* What the command line said. */
struct form {
    struct plan_options plan;
    struct baton_submit_options submit;
    bool wait;
    bool close;    /* the projects of the tasks; else those that the plan closes */
    char *timeout; /* with wait: of it; else of the broker's answer; NULL: not given */
};

static bool
read_command_line(struct form *form, struct ctl *ctl, int argc, char **argv)
{
    form->submit.update = true;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        switch (option) {
        case OPTION_DRY_RUN:
            form->submit.dry_run = true;
            break;
        case OPTION_UPDATE:
        case OPTION_NO_UPDATE:
            form->submit.update = option == OPTION_UPDATE;
            break;
        case OPTION_CLOSE:
            form->close = true;
            break;
        case OPTION_WAIT:
            form->wait = true;
            break;
        case OPTION_TIMEOUT:
            form->timeout = optarg;
            break;
        default:
            if (!plan_form_take(&form->plan, option, optarg)) {
                return false;
            }
        }
    }
    int64_t timeout_ms;
    if (form->timeout && !ctl_take_duration(ctl, "--timeout", form->timeout, &timeout_ms)) {
        return false;
    }
    if (form->timeout && !form->wait) {
        ctl->options.timeout_ms = timeout_ms;
    }
    /* The broker knows tasks that the plan does not: it decides what is a forward reference. */
    form->submit.strict = form->plan.strict;
    form->plan.strict = false;
    return true;
}

/* "tasks[3].role" of the broker's answer as the place in the files; NULL: no task is meant. */
static const char *
place_of_field(struct plan *plan, const char *field)
{
    size_t n_specs;
    plan_specs(plan, &n_specs);
    if (strncmp(field, "tasks[", 6) != 0) {
        return NULL;
    }
    char *end;
    unsigned long n = strtoul(field + 6, &end, 10);
    return *end == ']' && end > field + 6 && n < n_specs ? plan_source_of(plan, n) : NULL;
}

static int
report_refusal(struct ctl *ctl, struct plan *plan, baton_status answer)
{
    const char *place = place_of_field(plan, baton_error_field(ctl->baton));
    if (place && !ctl->json) {
        ctl_remark(ctl, "%s:", place);
    }
    return ctl_fail_status(ctl, answer);
}

/* ---- what came of it ---- */

static const char *const kind_names[] = {"created", "updated", "unchanged", "existing"};
static const char kind_signs[] = {'+', '~', '=', '='};

static json_t *
difference_json(struct ctl *ctl, const struct baton_difference *difference)
{
    json_t *fields = json_array();
    for (size_t i = 0; i < difference->n_fields; i++) {
        json_array_append_new(fields, ctl_json_text(difference->fields[i]));
    }
    return json_pack("{s:s, s:o, s:o}", "kind", kind_names[difference->kind], "task",
                     task_json_ref(&difference->task, ctl->project), "fields", fields);
}

static json_t *
card_difference_json(const struct baton_card_difference *difference)
{
    static const char *const words[] = {"created", "updated", "unchanged", "existing"};
    json_t *object = json_object();
    json_object_set_new(object, "change", json_string(words[difference->kind]));
    json_object_set_new(object, "kind", ctl_json_text(baton_card_kind_name(difference->card_kind)));
    json_object_set_new(object, "project", ctl_json_text(difference->project));
    json_object_set_new(object, "name", ctl_json_text(difference->name));
    return object;
}

static void
print_json(struct ctl *ctl, const struct form *form, const baton_submitted *submitted,
           json_t *posted)
{
    json_t *differences = json_array();
    for (size_t i = 0; i < submitted->n_differences; i++) {
        json_array_append_new(differences, difference_json(ctl, &submitted->differences[i]));
    }
    json_t *forward = json_array();
    for (size_t i = 0; i < submitted->n_forward_refs_named; i++) {
        json_array_append_new(forward, task_json_ref(&submitted->forward_refs[i], ctl->project));
    }
    json_t *rules = json_array();
    for (size_t i = 0; i < submitted->n_cards; i++) {
        json_array_append_new(rules, card_difference_json(&submitted->cards[i]));
    }
    ctl_print_json(ctl, json_pack("{s:b, s:i, s:i, s:i, s:o, s:i, s:o, s:o, s:o, s:I}", "dry_run",
                                  (int)form->submit.dry_run, "created", (int)submitted->created,
                                  "updated", (int)submitted->updated, "unchanged",
                                  (int)submitted->unchanged, "differences", differences,
                                  "n_forward_refs", (int)submitted->n_forward_refs, "forward_refs",
                                  forward, "rules", rules, "cards", posted, "event",
                                  (json_int_t)submitted->event));
}

static void
print_ref(struct ctl *ctl, const struct baton_ref *ref)
{
    char name[CTL_REF_ROOM];
    ctl_print_text(ctl, ctl_ref_format(ref->project, ref->id, ctl->project, name));
}

static void
print_difference(struct ctl *ctl, const struct baton_difference *difference)
{
    if (difference->kind == BATON_UNCHANGED) {
        return; /* counted below */
    }
    ctl_print(ctl, "%c ", kind_signs[difference->kind]);
    print_ref(ctl, &difference->task);
    for (size_t i = 0; i < difference->n_fields; i++) {
        ctl_print(ctl, i ? ", " : ": ");
        ctl_print_text(ctl, difference->fields[i]);
    }
    ctl_print(ctl, "\n");
}

static void
print_card_difference(struct ctl *ctl, const struct baton_card_difference *difference)
{
    if (difference->kind != BATON_UNCHANGED) {
        ctl_print(ctl, "%c %s ", kind_signs[difference->kind],
                  baton_card_kind_name(difference->card_kind));
        ctl_print_text(ctl, difference->name);
        ctl_print(ctl, "\n");
    }
}

static void
print_card_counts(struct ctl *ctl, const baton_submitted *submitted)
{
    size_t n[4] = {0};
    for (size_t i = 0; i < submitted->n_cards; i++) {
        n[submitted->cards[i].kind]++;
    }
    if (submitted->n_cards) {
        ctl_print(ctl, "rules: + %zu created, ~ %zu updated, = %zu unchanged\n", n[BATON_CREATED],
                  n[BATON_UPDATED], n[BATON_UNCHANGED]);
    }
}

static void
print_text(struct ctl *ctl, const struct form *form, const baton_submitted *submitted)
{
    for (size_t i = 0; i < submitted->n_differences; i++) {
        print_difference(ctl, &submitted->differences[i]);
    }
    for (size_t i = 0; i < submitted->n_cards; i++) {
        print_card_difference(ctl, &submitted->cards[i]);
    }
    ctl_print(ctl, "%s+ %u created, ~ %u updated, = %u unchanged\n",
              form->submit.dry_run ? "dry run, nothing is changed: " : "", submitted->created,
              submitted->updated, submitted->unchanged);
    print_card_counts(ctl, submitted);
    if (submitted->n_forward_refs == 0) {
        return;
    }
    ctl_print(ctl, "%u task%s referred to but not known yet (what depends on %s waits):",
              submitted->n_forward_refs, submitted->n_forward_refs == 1 ? " is" : "s are",
              submitted->n_forward_refs == 1 ? "it" : "them");
    for (size_t i = 0; i < submitted->n_forward_refs_named && i < FORWARD_SHOWN_MAX; i++) {
        ctl_print(ctl, " ");
        print_ref(ctl, &submitted->forward_refs[i]);
    }
    if (submitted->n_forward_refs > FORWARD_SHOWN_MAX) {
        ctl_print(ctl, " and %u more", submitted->n_forward_refs - FORWARD_SHOWN_MAX);
    }
    ctl_print(ctl, "\n");
}

/* The project of all tasks, or NULL. */
static const char *
only_project(const struct plan *plan)
{
    size_t n;
    baton_spec *const *specs = plan_specs(plan, &n);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(specs[i]->project, specs[0]->project) != 0) {
            return NULL;
        }
    }
    return n ? specs[0]->project : NULL;
}

/* "PROJECT//ID" of each task of the plan: where another stands for it, the other. */
static void
name_tasks(const struct plan *plan, const baton_submitted *submitted, char **ret_names)
{
    size_t n;
    baton_spec *const *specs = plan_specs(plan, &n);
    for (size_t i = 0; i < submitted->n_differences; i++) {
        const struct baton_difference *d = &submitted->differences[i];
        if (d->kind == BATON_EXISTING && d->index < n) {
            CHECK(asprintf(&ret_names[d->index], "%s//%s", d->task.project, d->task.id) > 0);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!ret_names[i]) {
            CHECK(asprintf(&ret_names[i], "%s//%s", specs[i]->project, specs[i]->id) > 0);
        }
    }
}

/* As `baton wait` with the plan's tasks; of a plan with too many names, with its project. */
static int
wait_for_plan(struct ctl *ctl, const struct form *form, const struct plan *plan,
              const baton_submitted *submitted)
{
    size_t n, n_words = 0;
    plan_specs(plan, &n);
    char **argv = xcalloc(n + 8, sizeof *argv);
    argv[n_words++] = xstrdup("wait");
    if (form->timeout) {
        argv[n_words++] = xstrdup("--timeout");
        argv[n_words++] = xstrdup(form->timeout);
    }
    if (n > WAIT_NAMED_MAX) {
        argv[n_words++] = xstrdup("--all");
        argv[n_words++] = xstrdup("--project");
        argv[n_words++] = xstrdup(only_project(plan));
    }
    if (n <= WAIT_NAMED_MAX) {
        name_tasks(plan, submitted, argv + n_words);
        n_words += n;
    }
    optind = 0; /* getopt begins anew */
    int status = verb_wait(ctl, (int)n_words, argv);
    for (size_t i = 0; i < n_words; i++) {
        free(argv[i]);
    }
    free(argv);
    return status;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Projects to close: those of all tasks with --close, else those that the plan names. Ours. */
static const char **
closes_of(const struct form *form, const struct plan *plan, size_t *ret_n)
{
    size_t n_specs, n_named;
    baton_spec *const *specs = plan_specs(plan, &n_specs);
    const char *const *named = plan_closes(plan, &n_named);
    const char **names = xcalloc(n_specs + n_named + 1, sizeof *names);
    size_t n = 0;
    for (size_t i = 0; i < n_named; i++) {
        names[n++] = named[i];
    }
    for (size_t i = 0; form->close && i < n_specs; i++) {
        names[n++] = specs[i]->project;
    }
    qsort(names, n, sizeof *names, compare_names);
    *ret_n = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(names[*ret_n - 1], names[i]) != 0) {
            names[(*ret_n)++] = names[i];
        }
    }
    return names;
}

/* The plan's rules, ours to free, which are set with its tasks. */
static struct baton_card *
rules_of(const struct plan *plan, size_t *ret_n)
{
    size_t n;
    const struct plan_card *cards = plan_cards(plan, &n);
    struct baton_card *rules = xcalloc(n + 1, sizeof *rules);
    *ret_n = 0;
    for (size_t i = 0; i < n; i++) {
        if (cards[i].verb == BATON_CARD_SET) {
            rules[(*ret_n)++] = cards[i].card;
        }
    }
    return rules;
}

static int
submit(struct ctl *ctl, struct form *form, struct plan *plan, baton_submitted **ret_submitted)
{
    size_t n;
    baton_spec *const *specs = plan_specs(plan, &n);
    form->submit.resources = plan_resources(plan, &form->submit.n_resources);
    if (form->wait && n > WAIT_NAMED_MAX && !only_project(plan)) {
        return ctl_usage(ctl, "--wait takes at most %d tasks, or those of one project",
                         WAIT_NAMED_MAX);
    }
    struct baton_card *rules = rules_of(plan, &form->submit.n_cards);
    const char **closes = closes_of(form, plan, &form->submit.n_close);
    form->submit.cards = rules;
    form->submit.close = closes;
    baton_status answer = baton_submit(ctl->baton, specs, n, &form->submit, ret_submitted);
    free(closes);
    free(rules);
    return answer == BATON_OK ? CTL_YES : report_refusal(ctl, plan, answer);
}

static bool
is_empty(const struct plan *plan)
{
    size_t n_specs, n_cards, n_resources;
    (void)plan_specs(plan, &n_specs);
    (void)plan_cards(plan, &n_cards);
    (void)plan_resources(plan, &n_resources);
    return n_specs == 0 && n_cards == 0 && n_resources == 0 && !plan_note_text(plan, 0);
}

static int
apply(struct ctl *ctl, struct form *form, struct plan *plan)
{
    baton_submitted *submitted;
    json_t *posted = json_array();
    if (is_empty(plan)) {
        json_decref(posted);
        return ctl_fail(ctl, CTL_DATA, "empty_plan", NULL, "there are no tasks in the plan");
    }
    int status = submit(ctl, form, plan, &submitted);
    if (status != CTL_YES) {
        json_decref(posted);
        return status;
    }
    if (!ctl->json) {
        print_text(ctl, form, submitted);
    }
    status = once_post_all(ctl, plan, form->submit.dry_run, posted);
    if (ctl->json) {
        print_json(ctl, form, submitted, posted);
    } else {
        json_decref(posted);
    }
    size_t n;
    (void)plan_specs(plan, &n);
    if (status == CTL_YES && form->wait && !form->submit.dry_run && n) {
        status = wait_for_plan(ctl, form, plan, submitted);
    }
    baton_submitted_free(submitted);
    return status;
}

int
verb_apply(struct ctl *ctl, int argc, char **argv)
{
    struct form form = {0};
    if (!read_command_line(&form, ctl, argc, argv)) {
        return ctl->status;
    }
    /* The plan comes first: what is wrong with it can be told without a broker. */
    struct plan *plan;
    int status = plan_form_read(ctl, &form.plan, argc - optind, argv + optind, &plan);
    if (status != CTL_YES) {
        return status;
    }
    status = ctl_connect(ctl);
    if (status == CTL_YES) {
        status = plan_form_settle(ctl, plan);
    }
    if (status == CTL_YES) {
        status = apply(ctl, &form, plan);
    }
    plan_free(plan);
    return status;
}
