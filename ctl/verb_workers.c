/* baton workers, resources: lists of what is not a task. */
#include "common/text.h"
#include "ctl/say.h"
#include "ctl/table.h"
#include "ctl/task_json.h"
#include "ctl/verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {{0}};

/* "a, b, c" of roles or tasks, cut where the table cuts it. */
static const char *
join_roles(const struct baton_worker_view *worker, char *out, size_t room)
{
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < worker->n_roles && used < room; i++) {
        used += (size_t)snprintf(out + used, room - used, "%s%s", i ? "," : "", worker->roles[i]);
    }
    return out;
}

static const char *
join_refs(const struct ctl *ctl, const struct baton_ref *refs, size_t n, char *out, size_t room)
{
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < n && used < room; i++) {
        char name[CTL_REF_ROOM];
        used += (size_t)snprintf(out + used, room - used, "%s%s", i ? ", " : "",
                                 ctl_ref_format(refs[i].project, refs[i].id, ctl->project, name));
    }
    return out;
}

static json_t *
refs_json(const struct ctl *ctl, const struct baton_ref *refs, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(array, task_json_ref(&refs[i], ctl->project));
    }
    return array;
}

static void
print_worker_json(struct ctl *ctl, const struct baton_worker_view *worker)
{
    json_t *roles = json_array();
    for (size_t i = 0; i < worker->n_roles; i++) {
        json_array_append_new(roles, ctl_json_text(worker->roles[i]));
    }
    json_t *object = json_object();
    json_object_set_new(object, "name", ctl_json_text(worker->name));
    json_object_set_new(object, "roles", roles);
    json_object_set_new(object, "slots", json_integer(worker->slots));
    json_object_set_new(object, "credit", json_integer(worker->credit));
    json_object_set_new(object, "connected", json_boolean(worker->connected));
    json_object_set_new(object, "draining", json_boolean(worker->draining));
    json_object_set_new(object, "since", ctl_json_time(worker->since));
    json_object_set_new(object, "heard_at", ctl_json_time(worker->heard_at));
    json_object_set_new(object, "tasks", refs_json(ctl, worker->tasks, worker->n_tasks));
    json_object_set_new(object, "software", ctl_json_text(worker->software));
    ctl_print_json(ctl, object);
}

static void
print_workers(struct ctl *ctl, const baton_worker_list *list)
{
    static const struct table_column columns[] = {
        {.title = "NAME", .shrink = true}, {.title = "ROLES"}, {.title = "STATE"},
        {.title = "SLOTS", .right = true}, {.title = "HEARD"}, {.title = "TASKS", .shrink = true},
    };
    struct table table;
    table_init(&table, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < list->n_workers; i++) {
        const struct baton_worker_view *worker = &list->workers[i];
        char text[1024];
        table_add(&table, worker->name);
        table_add(&table, join_roles(worker, text, sizeof text));
        table_add(&table, !worker->connected ? "away"
                          : worker->draining ? "draining"
                                             : "connected");
        if (worker->slots) {
            table_addf(&table, "%zu/%u", worker->n_tasks, worker->slots);
        } else { /* not heard of since the broker started */
            table_addf(&table, "%zu/-", worker->n_tasks);
        }
        table_add(&table, worker->heard_at
                              ? when_format(worker->heard_at, ctl_now(), text, sizeof text)
                              : "-");
        table_add(&table, join_refs(ctl, worker->tasks, worker->n_tasks, text, sizeof text));
    }
    table_print(&table, ctl);
    table_fini(&table);
}

int
verb_workers(struct ctl *ctl, int argc, char **argv)
{
    if (ctl_getopt(ctl, argc, argv, "", options) != -1) {
        return ctl->status;
    }
    if (optind < argc) {
        return ctl_usage(ctl, "%s was not expected", argv[optind]);
    }
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    baton_worker_list *list = NULL;
    baton_status answer = baton_list_workers(ctl->baton, &list);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    for (size_t i = 0; ctl->json && i < list->n_workers; i++) {
        print_worker_json(ctl, &list->workers[i]);
    }
    if (!ctl->json && list->n_workers) {
        print_workers(ctl, list);
    }
    if (list->n_workers == 0) {
        ctl_remark(ctl, "no workers; `baton-worker --role ROLE -- COMMAND` is one");
        status = CTL_NO;
    }
    baton_worker_list_free(list);
    return status;
}

static void
print_resources_json(struct ctl *ctl, const baton_resource_list *list)
{
    for (size_t i = 0; i < list->n_resources; i++) {
        const struct baton_resource_view *resource = &list->resources[i];
        json_t *object = json_object();
        json_object_set_new(object, "name", ctl_json_text(resource->name));
        json_object_set_new(object, "capacity", json_integer(resource->capacity));
        json_object_set_new(object, "used", json_integer(resource->used));
        json_object_set_new(object, "holders",
                            refs_json(ctl, resource->holders, resource->n_holders));
        json_t *reservations = json_array();
        for (size_t k = 0; k < resource->n_reservations; k++) {
            json_array_append_new(reservations,
                                  json_integer((json_int_t)resource->reservations[k]));
        }
        json_object_set_new(object, "reservations", reservations);
        json_object_set_new(object, "waiting", json_integer(resource->n_waiting));
        json_object_set_new(object, "paused", json_boolean(resource->paused));
        ctl_print_json(ctl, object);
    }
}

static void
print_resources(struct ctl *ctl, const baton_resource_list *list)
{
    static const struct table_column columns[] = {
        {.title = "NAME", .shrink = true},    {.title = "USED", .right = true},
        {.title = "WAITING", .right = true},  {.title = "STATE"},
        {.title = "HOLDERS", .shrink = true},
    };
    struct table table;
    table_init(&table, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < list->n_resources; i++) {
        const struct baton_resource_view *resource = &list->resources[i];
        char text[1024];
        table_add(&table, resource->name);
        table_addf(&table, "%u/%u", resource->used, resource->capacity);
        table_add_number(&table, resource->n_waiting);
        table_add(&table, resource->paused ? "paused" : "open");
        join_refs(ctl, resource->holders, resource->n_holders, text, sizeof text);
        for (size_t k = 0; k < resource->n_reservations; k++) {
            size_t used = strlen(text);
            snprintf(text + used, sizeof text - used, "%sreserved (#%" PRIu64 ")", used ? " " : "",
                     resource->reservations[k]);
        }
        table_add(&table, text);
    }
    table_print(&table, ctl);
    table_fini(&table);
}

/* "NAME=N"; cuts the text at the '='. */
static bool
take_capacity(struct ctl *ctl, char *text, struct baton_resource *ret)
{
    char *equals = strchr(text, '=');
    uint64_t capacity;
    if (!equals) {
        ctl_usage(ctl, "%.200s: write NAME=CAPACITY", text);
        return false;
    }
    *equals = 0;
    if (!ctl_take_number(ctl, text, equals + 1, CAPACITY_MAX, &capacity)) {
        return false;
    }
    if (!name_is_valid(text, NAME_BYTES_MAX)) {
        ctl_usage(ctl, "%.200s is not a name", text);
        return false;
    }
    *ret = (struct baton_resource){text, (uint32_t)capacity};
    return true;
}

int
verb_resources(struct ctl *ctl, int argc, char **argv)
{
    struct baton_resource set[64];
    size_t n = 0;
    if (ctl_getopt(ctl, argc, argv, "", options) != -1) {
        return ctl->status;
    }
    for (int i = optind; i < argc; i++) {
        if (n == ARRAY_LEN(set)) {
            return ctl_usage(ctl, "at most %zu capacities at once", ARRAY_LEN(set));
        }
        if (!take_capacity(ctl, argv[i], &set[n++])) {
            return ctl->status;
        }
    }
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    baton_resource_list *list = NULL;
    baton_status answer = baton_resources(ctl->baton, set, n, &list);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (ctl->json) {
        print_resources_json(ctl, list);
    } else if (list->n_resources) {
        print_resources(ctl, list);
    }
    if (list->n_resources == 0 && n == 0) {
        ctl_remark(ctl, "no resources; the first task that claims one makes it known");
        status = CTL_NO;
    }
    baton_resource_list_free(list);
    return status;
}
