/* baton watch: events as they happen. */
#include "common/units.h"
#include "ctl/cards.h"
#include "ctl/concern.h"
#include "ctl/table.h"
#include "ctl/task_json.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

enum {
    OPTION_SINCE = 256,
    OPTION_TASK,
    OPTION_ROLE,
    OPTION_UNTIL_IDLE,
    SETTLE_MS = 200, /* silence after which a queue that looks idle is looked at again */
};

static const struct option options[] = {
    {"since", required_argument, NULL, OPTION_SINCE},
    {"task", required_argument, NULL, OPTION_TASK},
    {"role", required_argument, NULL, OPTION_ROLE},
    {"until-idle", no_argument, NULL, OPTION_UNTIL_IDLE},
    {0},
};

struct watch {
    struct ctl *ctl;
    bool has_since;
    uint64_t since;
    bool has_task;
    struct ctl_ref task;
    baton_task *view; /* of the task, when it was last asked for; NULL: not known */
    bool view_is_old; /* the task has changed since */
    const char *role; /* NULL: all */
    bool until_idle;
    baton_feed *feed;
    size_t n_moving; /* of the last look: tasks that run, may run or will run by themselves */
    uint64_t event;  /* the newest that the last look knew of */
};

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static json_t *
event_json(const struct baton_event *event)
{
    static const char *const none = "";
    json_t *object = json_object();
    const char *from = event->from ? baton_state_name(event->from) : none;
    const char *to = event->to ? baton_state_name(event->to) : none;
    json_object_set_new(object, "event", json_integer((json_int_t)event->number));
    json_object_set_new(object, "at", ctl_json_time(event->at));
    json_object_set_new(object, "kind", ctl_json_text(baton_event_kind_name(event->kind)));
    json_object_set_new(object, "id", event->id[0] ? ctl_json_text(event->id) : json_null());
    json_object_set_new(object, "project",
                        event->project[0] ? ctl_json_text(event->project) : json_null());
    json_object_set_new(object, "role", event->role[0] ? ctl_json_text(event->role) : json_null());
    json_object_set_new(object, "from", from[0] ? ctl_json_text(from) : json_null());
    json_object_set_new(object, "to", to[0] ? ctl_json_text(to) : json_null());
    json_object_set_new(object, "reason", ctl_json_text(baton_reason_name(event->reason)));
    json_object_set_new(object, "attempt", json_integer(event->attempt));
    json_object_set_new(object, "token", task_json_token(event->token));
    json_object_set_new(object, "worker",
                        event->worker[0] ? ctl_json_text(event->worker) : json_null());
    json_object_set_new(object, "actor",
                        event->actor[0] ? ctl_json_text(event->actor) : json_null());
    json_object_set_new(object, "text", ctl_json_text(event->text));
    json_object_set_new(object, "progress", json_integer(event->progress));
    json_object_set_new(object, "card", event->card ? card_json(event->card) : json_null());
    return object;
}

/* "12:00:05Z ID  running on w1: text". */
static void
print_event(struct ctl *ctl, const struct baton_event *event)
{
    char time[40];
    char name[CTL_REF_ROOM] = "";
    time_format(event->at / 1000 * 1000, time, sizeof time);
    const char *clock = strchr(time, 'T');
    ctl_print(ctl, "%s ", clock ? clock + 1 : time);
    if (event->id[0]) {
        ctl_print_text(ctl, ctl_ref_format(event->project, event->id, ctl->project, name));
        ctl_print(ctl, "  ");
    } else if (event->project[0]) {
        ctl_print(ctl, "project ");
        ctl_print_text(ctl, event->project);
        ctl_print(ctl, "  ");
    }
    if (event->kind == BATON_EVENT_TASK) {
        const char *to = baton_state_name(event->to);
        const char *color = color_of_state(ctl, to);
        ctl_print(ctl, "%s%s%s", color, to, color[0] ? color_end(ctl) : "");
        if (event->reason) {
            ctl_print(ctl, " (%s)", baton_reason_name(event->reason));
        }
    } else {
        ctl_print(ctl, "%s", baton_event_kind_name(event->kind));
    }
    if (event->card) {
        ctl_print(ctl, " %s #%" PRIu64, baton_card_kind_name(event->card->kind),
                  event->card->number);
    }
    if (event->kind == BATON_EVENT_PROGRESS) {
        ctl_print(ctl, " %u%%", event->progress);
    }
    if (event->worker[0]) {
        ctl_print(ctl, " on ");
        ctl_print_text(ctl, event->worker);
    }
    if (event->text[0]) {
        ctl_print(ctl, ": ");
        ctl_print_text(ctl, event->text);
    }
    ctl_print(ctl, "\n");
}

/* Asked for when a card comes that does not name the task. If there is no answer, the last one
 * stands. */
static void
look_at_task(struct watch *watch)
{
    struct baton_ref ref = {.project = watch->task.project, .id = watch->task.id};
    baton_task *view;
    if (watch->view_is_old && baton_get(watch->ctl->baton, ref, &view) == BATON_OK) {
        baton_task_free(watch->view);
        watch->view = view;
        watch->view_is_old = false;
    }
}

static bool
is_of_task(struct watch *watch, const struct baton_event *event)
{
    if (strcmp(event->id, watch->task.id) == 0 &&
        ctl_project_is(event->project, watch->task.project)) {
        watch->view_is_old |= event->kind != BATON_EVENT_PROGRESS;
        return true;
    }
    if (event->kind != BATON_EVENT_CARD || !event->card) {
        return false;
    }
    look_at_task(watch);
    return watch->view && !watch->view->purged && card_concerns_task(event->card, watch->view);
}

static bool
is_wanted(struct watch *watch, const struct baton_event *event)
{
    if (watch->has_task && !is_of_task(watch, event)) {
        return false;
    }
    if (watch->role && strcmp(event->role, watch->role) != 0) {
        return false;
    }
    /* What concerns everybody has no project. */
    return watch->has_task || !watch->ctl->project_given || !event->project[0] ||
           ctl_project_is(event->project, watch->ctl->project);
}

/* A waiting task moves if time alone lets it go on. */
static bool
count_moving(const baton_task *task, void *context)
{
    struct watch *watch = context;
    const char *reason = baton_reason_name(task->reason);
    bool stuck = task->state == BATON_WAITING && strcmp(reason, "backoff") != 0 &&
                 strcmp(reason, "not_before") != 0;
    watch->n_moving += !stuck;
    return true;
}

/* Counts what still moves, in the project of the invocation if one was given. */
static int
look(struct watch *watch)
{
    static const baton_state states[] = {BATON_WAITING, BATON_READY,      BATON_LEASED,
                                         BATON_RUNNING, BATON_CANCELLING, BATON_REVIEW};
    struct ctl *ctl = watch->ctl;
    struct baton_filter filter = {.states = states,
                                  .n_states = ARRAY_LEN(states),
                                  .projects = &ctl->project,
                                  .n_projects = ctl->project_given ? 1 : 0};
    watch->n_moving = 0;
    baton_status answer = baton_list(ctl->baton, &filter, count_moving, watch, &watch->event);
    return answer == BATON_OK ? CTL_YES : ctl_fail_status(ctl, answer);
}

static void
show(struct watch *watch, const struct baton_event *event)
{
    struct ctl *ctl = watch->ctl;
    if (!is_wanted(watch, event)) {
        return;
    }
    if (ctl->json) {
        ctl_print_json(ctl, event_json(event));
    } else {
        print_event(ctl, event);
    }
    fflush(ctl->out);
}

/* Until a signal, a reader that is gone, or idleness. */
static int
follow(struct watch *watch)
{
    struct ctl *ctl = watch->ctl;
    while (!interrupted && !ferror(ctl->out)) {
        const struct baton_event *event = NULL;
        baton_status answer = baton_feed_next(watch->feed, watch->until_idle ? SETTLE_MS : -1,
                                              &event);
        int status = CTL_YES;
        switch ((int)answer) {
        case BATON_OK:
            show(watch, event);
            break;
        case BATON_INTERRUPTED:
            break;
        case BATON_TIMEOUT:
            status = look(watch);
            if (status != CTL_YES || watch->n_moving == 0) {
                return status;
            }
            break;
        case BATON_TOO_FAR_BEHIND:
            ctl_remark(ctl, "some events are lost: too far behind; it goes on with the newest");
            break;
        default:
            return ctl_fail(ctl, ctl_exit_of(answer), baton_status_name(answer), NULL,
                            "the events can't be followed: %s", baton_feed_error(watch->feed));
        }
    }
    return CTL_YES;
}

static int
run(struct watch *watch)
{
    struct ctl *ctl = watch->ctl;
    struct sigaction action = {.sa_handler = on_signal};
    ctl->options.interruptible = true;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int status = ctl_connect(ctl);
    /* Asked first, so that a broker that is away is an error and not a silence. */
    if (status != CTL_YES || (status = look(watch)) != CTL_YES) {
        return interrupted ? CTL_YES : status;
    }
    baton_status answer = baton_feed_open(baton_endpoint(ctl->endpoint), &ctl->options,
                                          watch->has_since ? watch->since : watch->event,
                                          &watch->feed);
    if (answer != BATON_OK) {
        return ctl_fail(ctl, ctl_exit_of(answer), baton_status_name(answer), NULL,
                        "the events can't be followed");
    }
    status = follow(watch);
    baton_feed_close(&watch->feed);
    baton_task_free(watch->view);
    return status;
}

static bool
take_option(struct watch *watch, int option)
{
    struct ctl *ctl = watch->ctl;
    switch (option) {
    case OPTION_SINCE:
        watch->has_since = true;
        return ctl_take_number(ctl, "--since", optarg, UINT64_MAX - 1, &watch->since);
    case OPTION_TASK:
        watch->has_task = true;
        return ctl_take_ref(ctl, optarg, &watch->task);
    case OPTION_ROLE:
        return ctl_take_role(ctl, optarg, &watch->role);
    case OPTION_UNTIL_IDLE:
        watch->until_idle = true;
        return true;
    default:
        return false;
    }
}

int
verb_watch(struct ctl *ctl, int argc, char **argv)
{
    struct watch watch = {.ctl = ctl, .view_is_old = true};
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option == '?' || !take_option(&watch, option)) {
            return ctl->status;
        }
    }
    if (optind < argc) {
        return ctl_usage(ctl, "%s was not expected; one task is watched by --task ID",
                         argv[optind]);
    }
    return run(&watch);
}
