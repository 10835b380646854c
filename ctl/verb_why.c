/* baton why: every reason for the state of a task, and the terms of its order. */
#include "common/units.h"
#include "ctl/say.h"
#include "ctl/table.h"
#include "ctl/task_json.h"
#include "ctl/verbs.h"

static const struct option options[] = {{0}};

static json_t *
order_json(const baton_explained *explained, const char *project)
{
    json_t *order = json_object();
    json_object_set_new(order, "order_at", ctl_json_time(explained->order.order_at));
    json_object_set_new(order, "anchor", ctl_json_time(explained->order.anchor));
    json_object_set_new(order, "patience_ms", json_integer(explained->order.patience_ms));
    json_object_set_new(order, "base_at", ctl_json_time(explained->order.base_at));
    json_object_set_new(order, "floor_at", ctl_json_time(explained->order.floor_at));
    json_object_set_new(order, "own_deadline", ctl_json_time(explained->order.own_deadline));
    json_object_set_new(order, "effective_deadline",
                        ctl_json_time(explained->order.effective_deadline));
    json_object_set_new(order, "effective_from",
                        task_json_ref(&explained->order.effective_from, project));
    json_object_set_new(order, "inherited_from",
                        task_json_ref(&explained->order.inherited_from, project));
    json_object_set_new(order, "dependents", json_integer(explained->order.dependents));
    json_object_set_new(order, "fairness_key", ctl_json_text(explained->order.fairness_key));
    return order;
}

static void
print_json(struct ctl *ctl, const baton_explained *explained)
{
    const baton_task *task = explained->task;
    const char *project = task->spec->project;
    json_t *causes = json_array();
    for (size_t i = 0; i < explained->n_causes; i++) {
        const struct baton_cause *cause = &explained->causes[i];
        json_t *one = json_object();
        json_object_set_new(one, "reason", ctl_json_text(baton_reason_name(cause->reason)));
        json_object_set_new(one, "text", ctl_json_text(cause->text));
        json_object_set_new(one, "task", task_json_ref(&cause->task, project));
        json_object_set_new(one, "name", cause->name[0] ? ctl_json_text(cause->name) : json_null());
        json_object_set_new(one, "at", ctl_json_time(cause->at));
        json_object_set_new(one, "who", cause->who[0] ? ctl_json_text(cause->who) : json_null());
        json_array_append_new(causes, one);
    }
    json_t *object = json_object();
    json_object_set_new(object, "id", ctl_json_text(task->spec->id));
    json_object_set_new(object, "project", ctl_json_text(project));
    json_object_set_new(object, "state", ctl_json_text(baton_state_name(task->state)));
    json_object_set_new(object, "reason", ctl_json_text(baton_reason_name(task->reason)));
    json_object_set_new(object, "causes", causes);
    json_object_set_new(object, "ahead", json_integer(explained->ahead));
    json_object_set_new(object, "alert",
                        task->alert ? ctl_json_text(baton_alert_name(task->alert)) : json_null());
    json_object_set_new(object, "latest_start", ctl_json_time(task->latest_start));
    json_object_set_new(object, "order", order_json(explained, project));
    ctl_print_json(ctl, object);
}

static void
print_cause(struct ctl *ctl, const struct baton_cause *cause)
{
    char when[64];
    char name[CTL_REF_ROOM];
    ctl_print(ctl, "  - ");
    ctl_print_text(ctl, cause->text[0] ? cause->text : baton_reason_name(cause->reason));
    bool marked = cause->reason || cause->name[0] || (cause->task.id && cause->task.id[0]);
    ctl_print(ctl, "%s%s", marked ? " [" : "",
              cause->reason ? baton_reason_name(cause->reason) : "");
    const char *gap = cause->reason ? " " : "";
    if (cause->task.id && cause->task.id[0]) {
        ctl_print(ctl, "%s", gap);
        ctl_print_text(ctl,
                       ctl_ref_format(cause->task.project, cause->task.id, ctl->project, name));
        gap = " ";
    }
    if (cause->name[0]) {
        ctl_print(ctl, "%s", gap);
        ctl_print_text(ctl, cause->name);
    }
    ctl_print(ctl, marked ? "]" : "");
    if (cause->at) {
        ctl_print(ctl, ", ends %s", when_format(cause->at, ctl_now(), when, sizeof when));
    }
    ctl_print(ctl, "\n");
    if (cause->who[0]) {
        ctl_print(ctl, "      who can act: ");
        ctl_print_text(ctl, cause->who);
        ctl_print(ctl, "\n");
    }
}

static void
print_order(struct ctl *ctl, const baton_explained *explained)
{
    char name[CTL_REF_ROOM];
    const struct baton_ref *from = &explained->order.effective_from;
    const struct baton_ref *heir = &explained->order.inherited_from;
    ctl_print(ctl, "Its place in the order (the earliest time comes first):\n");
    say_time(ctl, "  counts as", explained->order.order_at);
    say_time(ctl, "  anchor", explained->order.anchor);
    say_duration(ctl, "  patience", explained->order.patience_ms);
    say_time(ctl, "  latest", explained->order.base_at);
    say_time(ctl, "  earliest", explained->order.floor_at);
    say_time(ctl, "  deadline", explained->order.own_deadline);
    if (explained->order.effective_deadline != explained->order.own_deadline) {
        say_time(ctl, "  presses", explained->order.effective_deadline);
    }
    if (from->id && from->id[0]) {
        say(ctl, "  because of", "%s", ctl_ref_format(from->project, from->id, ctl->project, name));
    }
    if (heir->id && heir->id[0]) {
        say(ctl, "  as urgent as", "%s",
            ctl_ref_format(heir->project, heir->id, ctl->project, name));
    }
    say(ctl, "  dependents", "%u", explained->order.dependents);
    say(ctl, "  fairness", "%s", explained->order.fairness_key);
}

/* How it stands to its deadline. */
static void
print_alert(struct ctl *ctl, const baton_task *task)
{
    char when[64];
    switch (task->alert) {
    case BATON_ALERT_AT_RISK:
        ctl_print(ctl, "At risk: for its deadline it had to start by %s.\n",
                  when_format(task->latest_start, ctl_now(), when, sizeof when));
        break;
    case BATON_ALERT_LATE:
        ctl_print(ctl, "Late: its deadline has passed.\n");
        break;
    case BATON_ALERT_ESCALATED:
        ctl_print(ctl, "Escalated: its deadline has passed, so it counts as critical.\n");
        break;
    case BATON_ALERT_NONE:
    default:
        break;
    }
}

static void
print(struct ctl *ctl, const baton_explained *explained)
{
    const baton_task *task = explained->task;
    const char *state = baton_state_name(task->state);
    char name[CTL_REF_ROOM];
    ctl_print_text(ctl, ctl_ref_format(task->spec->project, task->spec->id, ctl->project, name));
    ctl_print(ctl, " is %s%s%s", color_of_state(ctl, state), state,
              color_of_state(ctl, state)[0] ? color_end(ctl) : "");
    if (task->reason) {
        ctl_print(ctl, " (%s)", baton_reason_name(task->reason));
    }
    ctl_print(ctl, explained->n_causes ? ":\n" : ".\n");
    for (size_t i = 0; i < explained->n_causes; i++) {
        print_cause(ctl, &explained->causes[i]);
    }
    print_alert(ctl, task);
    if (task->state == BATON_READY) {
        ctl_print(ctl, "%u ready %s of its role come%s first.\n", explained->ahead,
                  explained->ahead == 1 ? "task" : "tasks", explained->ahead == 1 ? "s" : "");
    }
    if (!baton_state_is_terminal(task->state)) {
        print_order(ctl, explained);
    }
}

int
verb_why(struct ctl *ctl, int argc, char **argv)
{
    if (ctl_getopt(ctl, argc, argv, "", options) != -1) {
        return ctl->status;
    }
    if (argc - optind != 1) {
        return ctl_usage(ctl, "which task? Name one");
    }
    struct ctl_ref ref;
    if (!ctl_take_ref(ctl, argv[optind], &ref)) {
        return ctl->status;
    }
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    baton_explained *explained = NULL;
    baton_status answer = baton_why(ctl->baton, (struct baton_ref){ref.project, ref.id},
                                    &explained);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (ctl->json) {
        print_json(ctl, explained);
    } else {
        print(ctl, explained);
    }
    baton_explained_free(explained);
    return CTL_YES;
}
