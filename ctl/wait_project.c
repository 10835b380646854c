#include "ctl/wait_project.h"

#include <inttypes.h>

struct run {
    struct ctl *ctl;
    const char *project;
    baton_project_reply *reply; /* how it stood when last asked */
    baton_feed *feed;
};

static int
look(struct run *run)
{
    baton_project_reply_free(run->reply);
    run->reply = NULL;
    baton_status answer = baton_project(run->ctl->baton, BATON_PROJECT_SHOW, run->project, NULL,
                                        &run->reply);
    if (answer == BATON_NOT_FOUND) {
        return ctl_fail(run->ctl, CTL_NO, "not_found", "`baton status` shows the projects",
                        "there is no project %s: it begins with its first task", run->project);
    }
    return answer == BATON_OK ? CTL_YES : ctl_fail_status(run->ctl, answer);
}

/* Until the project is told to be complete; it may be opened again at once, and was complete all
 * the same. CTL_LATER: the time is over; nothing is reported yet. */
static int
follow(struct run *run, int64_t end)
{
    struct ctl *ctl = run->ctl;
    bool complete = run->reply->status.complete;
    while (!complete) {
        const struct baton_event *event = NULL;
        baton_status answer = baton_feed_next(run->feed, end < 0 ? -1 : MAX(end - ctl_now(), 0),
                                              &event);
        if (answer == BATON_TIMEOUT) {
            int status = look(run);
            return status == CTL_YES && !run->reply->status.complete ? CTL_LATER : status;
        }
        if (answer != BATON_OK && answer != BATON_TOO_FAR_BEHIND) {
            return ctl_fail(ctl, ctl_exit_of(answer), baton_status_name(answer), NULL,
                            "the events can't be followed: %s", baton_feed_error(run->feed));
        }
        bool told = answer == BATON_OK && event->kind == BATON_EVENT_COMPLETED &&
                    ctl_project_is(event->project, run->project);
        if (told || answer == BATON_TOO_FAR_BEHIND) {
            int status = look(run);
            if (status != CTL_YES) {
                return status;
            }
            complete = told || run->reply->status.complete;
        }
    }
    return CTL_YES;
}

static int
tell(struct run *run, bool late)
{
    struct ctl *ctl = run->ctl;
    const struct baton_project_status *project = &run->reply->status;
    bool met = !late && project->failed == 0;
    if (ctl->json) {
        json_t *object = ctl_project_json(project);
        json_object_set_new(object, "outcome", json_string(late ? "timeout" : met ? "yes" : "no"));
        ctl_print_json(ctl, object);
    }
    if (late) {
        return ctl_fail(ctl, CTL_LATER, "timeout",
                        project->closed
                            ? "`baton list --open` shows what is left"
                            : "a plan is complete when it is closed: `baton project close`",
                        "the time is over: project %s is %s, and %" PRIu64 " of its tasks are open",
                        project->project, project->closed ? "closed" : "not closed", project->open);
    }
    if (!ctl->json) {
        ctl_remark(ctl, "project %s is complete: %" PRIu64 " done, %" PRIu64 " not",
                   project->project, project->done, project->failed);
    }
    return met ? CTL_YES : CTL_NO;
}

int
wait_project(struct ctl *ctl, const char *project, int64_t timeout_ms)
{
    int64_t end = timeout_ms < 0 ? -1 : ctl_now() + timeout_ms;
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    struct run run = {.ctl = ctl, .project = project};
    status = look(&run);
    if (status == CTL_YES) {
        struct baton_options feed_options = ctl->options;
        baton_status answer = baton_feed_open(baton_endpoint(ctl->endpoint), &feed_options,
                                              run.reply->event, &run.feed);
        status = answer == BATON_OK ? follow(&run, end)
                                    : ctl_fail(ctl, ctl_exit_of(answer), baton_status_name(answer),
                                               NULL, "the events can't be followed");
        bool late = answer == BATON_OK && status == CTL_LATER && run.reply;
        status = status == CTL_YES || late ? tell(&run, late) : status;
    }
    baton_feed_close(&run.feed);
    baton_project_reply_free(run.reply);
    return status;
}
