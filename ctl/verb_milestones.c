/* baton milestones: how far each is, whether it will be in time, and what holds it up. */
#include "ctl/milestones.h"
#include "ctl/ref.h"
#include "ctl/say.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

#include <stdlib.h>
#include <string.h>

enum { OPTION_ALL = 256 };

static const struct option options[] = {
    {"all", no_argument, NULL, OPTION_ALL},
    {0},
};

static bool
take_task(const baton_task *task, void *context)
{
    milestones_add(context, task);
    return true;
}

static void
print_json(struct ctl *ctl, const struct milestones *all, uint32_t node,
           const struct milestone *milestone)
{
    const struct graph_node *of = &all->graph.nodes[node];
    const struct milestone_task *task = &all->tasks[node];
    const char *id = strstr(of->name, "//") + 2;
    json_t *object = json_object();
    json_object_set_new(object, "id", ctl_json_text(id));
    json_object_set_new(object, "project", json_stringn(of->name, (size_t)(id - 2 - of->name)));
    json_object_set_new(object, "title", ctl_json_text(of->title));
    json_object_set_new(object, "state", json_string(baton_state_name(of->state)));
    json_object_set_new(object, "standing",
                        json_string(milestone_standing_name(milestone->standing)));
    json_object_set_new(object, "done", json_integer(milestone->done));
    json_object_set_new(object, "total", json_integer(milestone->total));
    if (task->deadline) {
        json_object_set_new(object, "deadline", ctl_json_time(task->deadline));
    }
    if (of->state < BATON_DONE && task->ends_at != INT64_MAX) {
        json_object_set_new(object, "forecast", ctl_json_time(task->ends_at));
    }
    if (milestone->held_by != node) {
        const struct graph_node *by = &all->graph.nodes[milestone->held_by];
        json_t *held = json_object();
        json_object_set_new(held, "id", ctl_json_text(graph_name(by, ctl->project)));
        json_object_set_new(held, "role", json_string(by->role));
        json_object_set_new(held, "state", json_string(baton_state_name(by->state)));
        json_object_set_new(held, "reason",
                            json_string(baton_reason_name(all->tasks[milestone->held_by].reason)));
        json_object_set_new(object, "held_up_by", held);
    }
    ctl_print_json(ctl, object);
}

static void
add_row(struct table *table, struct ctl *ctl, const struct milestones *all, uint32_t node,
        const struct milestone *milestone)
{
    const struct graph_node *of = &all->graph.nodes[node];
    const struct milestone_task *task = &all->tasks[node];
    char when[64];
    table_add(table, graph_name(of, ctl->project));
    table_add(table, milestone_standing_name(milestone->standing));
    table_addf(table, "%u/%u", milestone->done, milestone->total);
    table_add(table,
              task->deadline ? when_format(task->deadline, all->now, when, sizeof when) : "-");
    table_add(table,
              of->state < BATON_DONE && task->ends_at > all->now && task->ends_at != INT64_MAX
                  ? when_format(task->ends_at, all->now, when, sizeof when)
                  : "-");
    if (milestone->held_by != node && of->state < BATON_DONE) {
        const struct graph_node *by = &all->graph.nodes[milestone->held_by];
        table_addf(table, "%s (%s)", graph_name(by, ctl->project),
                   by->state ? baton_state_name(by->state) : "not known");
    } else {
        table_add(table, "-");
    }
    table_add(table, of->title);
}

static int
print(struct ctl *ctl, const struct milestones *all, bool barriers)
{
    static const struct table_column columns[] = {
        {.title = "MILESTONE", .shrink = true},
        {.title = "STANDING"},
        {.title = "DONE", .right = true},
        {.title = "DEADLINE"},
        {.title = "FORECAST"},
        {.title = "HELD UP BY", .shrink = true},
        {.title = "TITLE", .shrink = true},
    };
    struct table table;
    size_t n = 0;
    table_init(&table, columns, ARRAY_LEN(columns));
    for (uint32_t node = 0; node < all->graph.n_nodes; node++) {
        if (!all->tasks[node].is_milestone || (milestones_is_barrier(all, node) && !barriers)) {
            continue;
        }
        struct milestone milestone = milestones_look(all, node);
        n++;
        if (ctl->json) {
            print_json(ctl, all, node, &milestone);
        } else {
            add_row(&table, ctl, all, node, &milestone);
        }
    }
    if (!ctl->json && n) {
        table_print(&table, ctl);
    }
    table_fini(&table);
    if (n == 0) {
        ctl_remark(ctl, "there is no milestone; a plan has them (`milestone: true`)");
    }
    return n ? CTL_YES : CTL_NO;
}

int
verb_milestones(struct ctl *ctl, int argc, char **argv)
{
    bool barriers = false;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option == '?') {
            return ctl->status;
        }
        barriers = true;
    }
    if (optind != argc) {
        return ctl_usage(ctl, "%s was not expected", argv[optind]);
    }
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    struct milestones all = {0};
    struct baton_filter filter = {.archived = true};
    if (ctl->project_given) {
        filter.projects = &ctl->project;
        filter.n_projects = 1;
    }
    baton_status answer = baton_list(ctl->baton, &filter, take_task, &all, NULL);
    if (answer == BATON_OK) {
        milestones_finish(&all, ctl_now());
        status = print(ctl, &all, barriers);
    } else {
        status = ctl_fail_status(ctl, answer);
    }
    milestones_fini(&all);
    return status;
}
