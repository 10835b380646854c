/* baton list: tasks, one a line. */
#include "common/units.h"
#include "ctl/filter_form.h"
#include "ctl/table.h"
#include "ctl/task_json.h"
#include "ctl/verbs.h"

enum {
    OPTION_IDS = 256,
    OPTION_ARCHIVED,
    OPTION_LIMIT,
};

static const struct option options[] = {
    FILTER_OPTIONS,
    {"ids", no_argument, NULL, OPTION_IDS},
    {"archived", no_argument, NULL, OPTION_ARCHIVED},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {0},
};

static const struct table_column columns[] = {
    {.title = "ID", .shrink = true},
    {.title = "ROLE"},
    {.title = "STATE"},
    {.title = "PRIO"},
    {.title = "AGE", .right = true},
    {.title = "WHY", .shrink = true},
    {.title = "TITLE", .shrink = true},
};

struct list {
    struct ctl *ctl;
    struct table table;
    bool ids_only;
    size_t n;
    int64_t now;
};

/* What happens to it now, in few words. */
static void
add_why(struct list *list, const baton_task *task)
{
    char text[64];
    if (task->state == BATON_RUNNING || task->state == BATON_LEASED) {
        table_addf(&list->table, "%s %u%% %s", task->worker, task->progress, task->progress_text);
    } else if (task->next_at > list->now) {
        table_addf(&list->table, "%s, in %s", baton_reason_name(task->reason),
                   duration_format(task->next_at - list->now, text, sizeof text));
    } else if (task->reason == 0) {
        table_add(&list->table, task->reason_text);
    } else {
        table_addf(&list->table, "%s%s%s", baton_reason_name(task->reason),
                   task->reason_text[0] ? ": " : "", task->reason_text);
    }
}

static bool
each(const baton_task *task, void *context)
{
    struct list *list = context;
    struct ctl *ctl = list->ctl;
    const baton_spec *spec = task->spec;
    char name[CTL_REF_ROOM];
    list->n++;
    if (ctl->json) {
        ctl_print_json(ctl, task_json_row(task));
        return !ferror(ctl->out);
    }
    ctl_ref_format(spec->project, spec->id, ctl->project, name);
    if (list->ids_only) {
        ctl_print_text(ctl, name);
        ctl_print(ctl, "\n");
        return !ferror(ctl->out);
    }
    char age[32];
    table_add(&list->table, name);
    table_add(&list->table, spec->role[0] ? spec->role : "-");
    table_add(&list->table, baton_state_name(task->state));
    table_add(&list->table, baton_priority_name(spec->priority ? spec->priority : BATON_MEDIUM));
    int64_t age_ms = list->now - task->created_at;
    table_add(&list->table,
              duration_format(age_ms > 999 ? age_ms / 1000 * 1000 : 0, age, sizeof age));
    add_why(list, task);
    table_add(&list->table, spec->title);
    return true;
}

static int
print(struct ctl *ctl, const struct baton_filter *filter, bool ids_only)
{
    struct list list = {.ctl = ctl, .ids_only = ids_only, .now = ctl_now()};
    table_init(&list.table, columns, ARRAY_LEN(columns));
    int status = ctl_connect(ctl);
    if (status == CTL_YES) {
        baton_status answer = baton_list(ctl->baton, filter, each, &list, NULL);
        if (answer != BATON_OK) {
            status = ctl_fail_status(ctl, answer);
        } else if (list.n == 0) {
            ctl_remark(ctl, "no task fits");
            status = CTL_NO;
        } else if (!ctl->json && !ids_only) {
            table_print(&list.table, ctl);
        }
    }
    table_fini(&list.table);
    return status;
}

static bool
read_command_line(struct filter_form *form, struct baton_filter *ret_filter, bool *ret_ids_only,
                  struct ctl *ctl, int argc, char **argv)
{
    bool archived = false;
    uint64_t limit = 0;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        bool ok = true;
        switch (option) {
        case '?':
            return false;
        case OPTION_IDS:
            *ret_ids_only = true;
            break;
        case OPTION_ARCHIVED:
            archived = true;
            break;
        case OPTION_LIMIT:
            ok = ctl_take_number(ctl, "--limit", optarg, TASKS_MAX, &limit);
            break;
        default:
            ok = filter_form_take(form, ctl, option, optarg);
        }
        if (!ok) {
            return false;
        }
    }
    if (!filter_form_take_names(form, ctl, argc - optind, argv + optind)) {
        return false;
    }
    *ret_filter = filter_form_filter(form);
    ret_filter->archived = archived || form->n_ids > 0;
    ret_filter->limit = (size_t)limit;
    return true;
}

int
verb_list(struct ctl *ctl, int argc, char **argv)
{
    struct filter_form form = {0};
    struct baton_filter filter;
    bool ids_only = false;
    int status = read_command_line(&form, &filter, &ids_only, ctl, argc, argv)
                     ? print(ctl, &filter, ids_only)
                     : ctl->status;
    filter_form_fini(&form);
    return status;
}
