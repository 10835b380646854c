/* baton context: the document that an agent gets with a task, for whoever wants to read it. */
#include "context/prompt.h"
#include "context/taskfile.h"
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

int
verb_context(struct ctl *ctl, int argc, char **argv)
{
    struct ctl_ref ref;
    if (ctl_getopt(ctl, argc, argv, "", options) != -1) {
        return ctl->status;
    }
    const char *own = getenv("BATON_TASK_ID");
    const char *id = optind < argc ? argv[optind] : own && own[0] ? own : NULL;
    if (!id || argc - optind > 1) {
        return ctl_usage(ctl, "which task? Name one");
    }
    if (!ctl_take_ref(ctl, id, &ref)) {
        return ctl->status;
    }
    int status = ctl_connect(ctl);
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
