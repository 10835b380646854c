/* baton context: the document that an agent gets with a task, for whoever wants to read it. */
#include "context/prompt.h"
#include "context/taskfile.h"
#include "ctl/agent.h"
#include "ctl/verbs.h"

#include <stdlib.h>
#include <string.h>

static const struct option options[] = {{0}};

/* Line by line, each made safe for a terminal. */
static void
print_lines(struct ctl *ctl, char *text)
{
    for (char *line = text, *end; *line; line = end + (*end == '\n')) {
        end = strchrnul(line, '\n');
        char kept = *end;
        *end = 0;
        ctl_print_text(ctl, line);
        ctl_print(ctl, "\n");
        *end = kept;
        if (!kept) {
            break;
        }
    }
}

static int
print_context(struct ctl *ctl, const baton_assignment *task)
{
    struct attempt attempt = {
        .task = task, .check = task->spec->check, .n_check = task->spec->n_check};
    if (ctl->json) {
        char *text = taskfile_make(&attempt);
        json_t *object = json_loads(text, 0, NULL);
        free(text);
        CHECK(object);
        json_object_del(object, "token"); /* nothing was leased */
        ctl_print_json(ctl, object);
    } else {
        size_t bytes;
        char *text = prompt_make(&attempt, &bytes);
        print_lines(ctl, text);
        free(text);
    }
    return CTL_YES;
}

/* The task whose lease the agent has. CTL_YES, or the status to return (reported). */
static int
own_task(struct ctl *ctl, struct ctl_ref *ret_ref)
{
    const char *id = getenv("BATON_TASK_ID");
    uint64_t token;
    if (id && id[0]) {
        return ctl_take_ref(ctl, id, ret_ref) ? CTL_YES : ctl->status;
    }
    if (!agent_token_from_environment(ctl, &token)) {
        return ctl->status;
    }
    if (!token) {
        return ctl_usage(ctl, "which task? Name one; an agent has its own (BATON_TASK_ID)");
    }
    baton_token_view *view = NULL;
    int status = agent_view(ctl, token, &view);
    if (status != CTL_YES) {
        return status;
    }
    bool live = view->live;
    if (live) {
        snprintf(ret_ref->project, sizeof ret_ref->project, "%s", view->task.project);
        snprintf(ret_ref->id, sizeof ret_ref->id, "%s", view->task.id);
    }
    baton_token_view_free(view);
    return live ? CTL_YES
                : ctl_fail(ctl, CTL_NO, "stale_token", "`baton context ID` shows any task",
                           "BATON_TOKEN is of no task any more");
}

int
verb_context(struct ctl *ctl, int argc, char **argv)
{
    struct ctl_ref ref;
    if (ctl_getopt(ctl, argc, argv, "", options) != -1) {
        return ctl->status;
    }
    if (argc - optind > 1) {
        return ctl_usage(ctl, "one task at a time");
    }
    int status = optind == argc                          ? own_task(ctl, &ref)
                 : ctl_take_ref(ctl, argv[optind], &ref) ? CTL_YES
                                                         : ctl->status;
    status = status == CTL_YES ? ctl_connect(ctl) : status;
    if (status != CTL_YES) {
        return status;
    }
    baton_assignment *task = NULL;
    baton_status answer = baton_context(ctl->baton, (struct baton_ref){ref.project, ref.id}, &task);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    status = print_context(ctl, task);
    baton_assignment_free(task);
    return status;
}
