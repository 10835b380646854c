/* baton wait: until tasks have ended, by events, without asking again and again. */
#include "common/alloc.h"
#include "common/units.h"
#include "ctl/filter_form.h"
#include "ctl/names.h"
#include "ctl/verbs.h"
#include "ctl/wait_project.h"
#include "ctl/waiting.h"

#include <stdlib.h>
#include <string.h>

enum {
    OPTION_ALL = 256,
    OPTION_ANY,
    OPTION_FOR,
    OPTION_TIMEOUT,
};

static const struct option options[] = {
    FILTER_OPTIONS,
    {"all", no_argument, NULL, OPTION_ALL},
    {"any", no_argument, NULL, OPTION_ANY},
    {"for", required_argument, NULL, OPTION_FOR},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {0},
};

struct form {
    struct filter_form filter;
    struct waiting_for want;
    bool all;
    bool any;
    bool project; /* for the project as a plan */
    bool has_for;
    int64_t timeout_ms; /* -1: for ever */
};

static bool
take_for(struct ctl *ctl, const char *value, struct waiting_for *want)
{
    if (waiting_for_parse(value, want)) {
        return true;
    }
    ctl_usage(ctl, "--for %.60s: it is done, terminal, started, or state=STATE", value);
    return false;
}

static bool
take_option(struct form *form, struct ctl *ctl, int option)
{
    switch (option) {
    case OPTION_ALL:
        form->all = true;
        return true;
    case OPTION_ANY:
        form->any = true;
        return true;
    case OPTION_FOR:
        form->has_for = true;
        return take_for(ctl, optarg, &form->want);
    case OPTION_TIMEOUT:
        return ctl_take_duration(ctl, "--timeout", optarg, &form->timeout_ms);
    default:
        return filter_form_take(&form->filter, ctl, option, optarg);
    }
}

static bool
read_command_line(struct form *form, struct ctl *ctl, int argc, char **argv)
{
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option == '?' || !take_option(form, ctl, option)) {
            return false;
        }
    }
    if (!filter_form_take_names(&form->filter, ctl, argc - optind, argv + optind)) {
        return false;
    }
    bool filtered = filter_form_is_narrow(&form->filter);
    form->project = form->filter.n_ids == 0 && !form->all && !filtered && ctl->project_given;
    if (form->project) {
        if (form->any || form->has_for) {
            ctl_usage(ctl,
                      "a plan is waited for as a whole; --any and --for go with tasks or --all");
        }
        return !form->any && !form->has_for;
    }
    if ((form->filter.n_ids > 0) == form->all || (filtered && !form->all)) {
        ctl_usage(ctl, form->all ? "name tasks or say --all, not both"
                                 : "which tasks? Name them, say --all (with a filter), or only "
                                   "--project P: until that plan is closed and complete");
        return false;
    }
    return true;
}

/* One run of the verb. */
struct run {
    struct ctl *ctl;
    const struct form *form;
    struct waiting waiting;
    baton_feed *feed;
    uint64_t event; /* the newest that the list knew of */
};

static bool
see_task(const baton_task *task, void *context)
{
    struct run *run = context;
    waiting_see(&run->waiting, task->spec->project, task->spec->id, task->state,
                task->started_at != 0);
    return true;
}

/* Reads how things stand. With names, each of them must be there. */
static int
look(struct run *run)
{
    struct ctl *ctl = run->ctl;
    struct baton_filter filter = filter_form_filter(&run->form->filter);
    filter.archived = filter.n_ids > 0;
    baton_status answer = baton_list(ctl->baton, &filter, see_task, run, &run->event);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    for (size_t i = 0; i < filter.n_ids; i++) {
        if (names_find(&run->waiting.names, filter.ids[i].project, filter.ids[i].id) ==
            NAMES_NONE) {
            return ctl_fail(ctl, CTL_NO, "not_found", "`baton list --ids` shows the names",
                            "there is no task %s in project %s", filter.ids[i].id,
                            filter.ids[i].project);
        }
    }
    return CTL_YES;
}

/* A task that came after the list counts when everything of the project is waited for. A filter by
 * role is known from the event; labels and states are not, so these stay with what the list saw. */
static bool
is_wanted(const struct run *run, const struct baton_event *event)
{
    const struct filter_form *filter = &run->form->filter;
    if (names_find(&run->waiting.names, event->project, event->id) != NAMES_NONE) {
        return true;
    }
    if (!run->form->all || filter->n_labels || filter->n_states ||
        (filter->project && !ctl_project_is(filter->project, event->project)) ||
        (filter->prefix && strncmp(event->id, filter->prefix, strlen(filter->prefix)) != 0)) {
        return false;
    }
    for (size_t i = 0; i < filter->n_roles; i++) {
        if (strcmp(filter->roles[i], event->role) == 0) {
            return true;
        }
    }
    return filter->n_roles == 0;
}

/* Follows the events until there is an answer. CTL_YES: decided; else a status, reported. */
static int
follow(struct run *run)
{
    struct ctl *ctl = run->ctl;
    int64_t end = run->form->timeout_ms < 0 ? -1 : ctl_now() + run->form->timeout_ms;
    while (!waiting_is_decided(&run->waiting)) {
        const struct baton_event *event = NULL;
        int64_t left = end < 0 ? -1 : MAX(end - ctl_now(), 0);
        baton_status answer = baton_feed_next(run->feed, left, &event);
        if (answer == BATON_TIMEOUT) {
            return CTL_LATER;
        }
        if (answer == BATON_TOO_FAR_BEHIND) {
            int status = look(run);
            if (status != CTL_YES) {
                return status;
            }
            continue;
        }
        if (answer != BATON_OK) {
            return ctl_fail(ctl, ctl_exit_of(answer), baton_status_name(answer), NULL,
                            "the events can't be followed: %s", baton_feed_error(run->feed));
        }
        /* Older events than the list would turn the clock back. */
        if (event->number > run->event && event->kind == BATON_EVENT_TASK &&
            is_wanted(run, event)) {
            waiting_see(&run->waiting, event->project, event->id, event->to,
                        event->to == BATON_RUNNING);
        }
    }
    return CTL_YES;
}

/* Says how it came out, and returns the exit status. */
static int
tell(struct run *run, bool late)
{
    struct ctl *ctl = run->ctl;
    const struct waiting *waiting = &run->waiting;
    bool met = !late && waiting_is_met(waiting);
    int status = late ? CTL_LATER : met ? CTL_YES : CTL_NO;
    if (ctl->json) {
        json_t *bad = json_array();
        for (size_t i = 0; i < waiting->names.n; i++) {
            if (waiting_missed(waiting, i)) {
                json_array_append_new(bad, ctl_json_text(waiting_name(waiting, i, ctl->project)));
            }
        }
        json_t *object = json_object();
        json_object_set_new(object, "outcome", json_string(late ? "timeout" : met ? "yes" : "no"));
        json_object_set_new(object, "tasks", json_integer((json_int_t)waiting->names.n));
        json_object_set_new(object, "met", json_integer((json_int_t)waiting->n_met));
        json_object_set_new(object, "missed", bad);
        json_object_set_new(object, "pending",
                            json_integer((json_int_t)waiting_n_pending(waiting)));
        ctl_print_json(ctl, object);
    }
    size_t said = 0;
    for (size_t i = 0; !ctl->json && i < waiting->names.n && said < 20; i++) {
        if (waiting_missed(waiting, i)) {
            said++;
            ctl_remark(ctl, "%s is %s", waiting_name(waiting, i, ctl->project),
                       baton_state_name(waiting->tasks[i].state));
        }
    }
    if (late) {
        return ctl_fail(ctl, CTL_LATER, "timeout", "`baton why ID` says what a task waits for",
                        "the time is over: %zu of %zu tasks are still open",
                        waiting_n_pending(waiting), waiting->names.n);
    }
    if (!ctl->json) {
        ctl_remark(ctl, "%zu of %zu tasks %s", waiting->n_met, waiting->names.n,
                   run->form->want.word);
    }
    return status;
}

static int
wait_for(struct run *run)
{
    struct ctl *ctl = run->ctl;
    int status = ctl_connect(ctl);
    if (status != CTL_YES || (status = look(run)) != CTL_YES) {
        return status;
    }
    /* Everything after the list's own event comes from the feed, by its number: nothing between
     * the two is lost. */
    struct baton_options feed_options = ctl->options;
    baton_status answer = baton_feed_open(baton_endpoint(ctl->endpoint), &feed_options, run->event,
                                          &run->feed);
    if (answer != BATON_OK) {
        return ctl_fail(ctl, ctl_exit_of(answer), baton_status_name(answer), NULL,
                        "the events can't be followed");
    }
    status = follow(run);
    baton_feed_close(&run->feed);
    bool late = status == CTL_LATER;
    return status == CTL_YES || late ? tell(run, late) : status;
}

int
verb_wait(struct ctl *ctl, int argc, char **argv)
{
    struct form form = {.timeout_ms = -1, .want = {.state = BATON_DONE, .word = "done"}};
    int status;
    if (!read_command_line(&form, ctl, argc, argv)) {
        status = ctl->status;
    } else if (form.project) {
        status = wait_project(ctl, form.filter.project, form.timeout_ms);
    } else {
        struct run run = {.ctl = ctl, .form = &form};
        waiting_init(&run.waiting, form.want, form.any);
        status = wait_for(&run);
        waiting_fini(&run.waiting);
    }
    filter_form_fini(&form.filter);
    return status;
}
