/* baton ready, baton blocked: what may run now, and what waits for what; the equals of the
 * strategy's dependency checker. */
#include "common/alloc.h"
#include "common/limits.h"
#include "ctl/filter_form.h"
#include "ctl/task_json.h"
#include "ctl/verbs.h"

#include <stdlib.h>
#include <string.h>

enum { OPTION_LIMIT = 256, SHOWN_MAX = 200 };

static const struct option options[] = {
    {"role", required_argument, NULL, FILTER_OPTION_ROLE},
    {"label", required_argument, NULL, FILTER_OPTION_LABEL},
    {"prefix", required_argument, NULL, FILTER_OPTION_PREFIX},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {0},
};

struct names {
    struct ctl *ctl;
    struct ctl_ref *refs;
    size_t n;
    uint64_t limit; /* 0: none */
    bool print;
};

/* A ready task that nobody is given: somebody has to lift what stops it. */
static bool
is_stopped(const baton_task *task)
{
    static const char *const reasons[] = {"blocker",         "budget",         "broker_paused",
                                          "role_paused",     "project_paused", "lock_paused",
                                          "submitter_paused"};
    const char *reason = baton_reason_name(task->reason);
    bool stopped = false;
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        stopped |= strcmp(reason, reasons[i]) == 0;
    }
    return stopped && task->state == BATON_READY;
}

static bool
each(const baton_task *task, void *context)
{
    struct names *names = context;
    struct ctl *ctl = names->ctl;
    char name[CTL_REF_ROOM];
    struct ctl_ref ref;
    const char *why;
    if (task->state == BATON_READY && is_stopped(task) == names->print) {
        return true;
    }
    names->n++;
    if (!names->print) {
        if (ctl_ref_parse(task->spec->id, task->spec->project, &ref, &why)) {
            names->refs = xreallocarray(names->refs, names->n, sizeof *names->refs);
            names->refs[names->n - 1] = ref;
        } else {
            names->n--;
        }
        return names->limit == 0 || names->n < names->limit;
    }
    if (ctl->json) {
        ctl_print_json(ctl, task_json_row(task));
        return names->limit == 0 || names->n < names->limit;
    }
    ctl_print_text(ctl, ctl_ref_format(task->spec->project, task->spec->id, ctl->project, name));
    ctl_print(ctl, "  ");
    ctl_print_text(ctl, task->spec->title);
    ctl_print(ctl, "\n");
    return names->limit == 0 || names->n < names->limit;
}

/* Those of these states; false: the exit status is in ctl->status. */
static bool
read_tasks(struct names *names, const baton_state *states, size_t n_states, int argc, char **argv)
{
    struct ctl *ctl = names->ctl;
    struct filter_form form = {0};
    names->limit = names->print ? 0 : SHOWN_MAX;
    bool ok = true;
    for (int option; ok && (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        ok = option == OPTION_LIMIT
                 ? ctl_take_number(ctl, "--limit", optarg, TASKS_MAX, &names->limit)
                 : option != '?' && filter_form_take(&form, ctl, option, optarg);
    }
    ok = ok && filter_form_take_names(&form, ctl, argc - optind, argv + optind);
    if (ok) {
        struct baton_filter filter = filter_form_filter(&form);
        filter.states = states;
        filter.n_states = n_states;
        ctl->status = ctl_connect(ctl);
        ok = ctl->status == CTL_YES;
        baton_status answer = ok ? baton_list(ctl->baton, &filter, each, names, NULL) : BATON_OK;
        if (answer != BATON_OK) {
            ctl->status = ctl_fail_status(ctl, answer);
            ok = false;
        }
    }
    filter_form_fini(&form);
    return ok;
}

int
verb_ready(struct ctl *ctl, int argc, char **argv)
{
    struct names names = {.ctl = ctl, .print = true};
    static const baton_state ready = BATON_READY;
    if (!read_tasks(&names, &ready, 1, argc, argv)) {
        return ctl->status;
    }
    if (names.n == 0) {
        ctl_remark(ctl, "nothing is ready");
    }
    return names.n ? CTL_YES : CTL_NO;
}

/* ---- blocked ---- */

static json_t *
causes_json(const baton_explained *explained, const char *project)
{
    json_t *causes = json_array();
    for (size_t i = 0; i < explained->n_causes; i++) {
        const struct baton_cause *cause = &explained->causes[i];
        json_t *one = json_object();
        json_object_set_new(one, "reason", ctl_json_text(baton_reason_name(cause->reason)));
        json_object_set_new(one, "text", ctl_json_text(cause->text));
        json_object_set_new(one, "task", task_json_ref(&cause->task, project));
        json_object_set_new(one, "who", cause->who[0] ? ctl_json_text(cause->who) : json_null());
        json_array_append_new(causes, one);
    }
    return causes;
}

static void
print_blocked(struct ctl *ctl, const baton_explained *explained)
{
    const baton_spec *spec = explained->task->spec;
    char name[CTL_REF_ROOM];
    if (ctl->json) {
        json_t *row = task_json_row(explained->task);
        json_object_set_new(row, "causes", causes_json(explained, spec->project));
        ctl_print_json(ctl, row);
        return;
    }
    ctl_print_text(ctl, ctl_ref_format(spec->project, spec->id, ctl->project, name));
    ctl_print(ctl, "  ");
    ctl_print_text(ctl, spec->title);
    ctl_print(ctl, "\n");
    for (size_t i = 0; i < explained->n_causes; i++) {
        ctl_print(ctl, "    ");
        ctl_print_text(ctl, explained->causes[i].text);
        if (explained->causes[i].who[0]) {
            ctl_print(ctl, " (");
            ctl_print_text(ctl, explained->causes[i].who);
            ctl_print(ctl, ")");
        }
        ctl_print(ctl, "\n");
    }
}

int
verb_blocked(struct ctl *ctl, int argc, char **argv)
{
    struct names names = {.ctl = ctl};
    static const baton_state states[] = {BATON_WAITING, BATON_READY, BATON_PARKED, BATON_REVIEW};
    bool ok = read_tasks(&names, states, ARRAY_LEN(states), argc, argv);
    size_t n = 0;
    for (size_t i = 0; ok && i < names.n; i++) {
        struct baton_ref ref = {.project = names.refs[i].project, .id = names.refs[i].id};
        baton_explained *explained;
        baton_status answer = baton_why(ctl->baton, ref, &explained);
        if (answer == BATON_NOT_FOUND) {
            continue; /* meanwhile it has ended and gone */
        }
        if (answer != BATON_OK) {
            ctl->status = ctl_fail_status(ctl, answer);
            ok = false;
            break;
        }
        if (explained->task->state != BATON_READY || is_stopped(explained->task)) {
            print_blocked(ctl, explained);
            n++;
        }
        baton_explained_free(explained);
    }
    free(names.refs);
    if (!ok) {
        return ctl->status;
    }
    if (n == 0) {
        ctl_remark(ctl, "nothing waits");
    } else if (names.n == SHOWN_MAX && names.limit == SHOWN_MAX) {
        ctl_remark(ctl, "the first %d; --limit N shows more", SHOWN_MAX);
    }
    return n ? CTL_YES : CTL_NO;
}
