/* baton export: every task, in the form that `baton apply` reads. */
#include "ctl/filter_form.h"
#include "ctl/task_json.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    OPTION_ARCHIVED = 256,
};

static const struct option options[] = {
    FILTER_OPTIONS,
    {"archived", no_argument, NULL, OPTION_ARCHIVED},
    {0},
};

struct run {
    struct ctl *ctl;
    size_t n;
};

static bool
each(const baton_task *task, void *context)
{
    struct run *run = context;
    run->n++;
    ctl_print_json(run->ctl, task_json_export(task));
    return !ferror(run->ctl->out);
}

static int
export_tasks(struct ctl *ctl, const struct baton_filter *filter)
{
    struct run run = {.ctl = ctl};
    baton_status answer = baton_list(ctl->baton, filter, each, &run, NULL);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (run.n == 0) {
        ctl_remark(ctl, "no task fits");
        return CTL_NO;
    }
    return CTL_YES;
}

/* A new file only: an export never replaces what is there. One that is not whole does not stay,
 * lest it be taken for an export, or be in the way of the next try. */
static int
export_to_file(struct ctl *ctl, const struct baton_filter *filter, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        return ctl_fail(ctl, CTL_CREATE, "file", errno == EEXIST ? "choose another name" : NULL,
                        "%s can't be made: %s", path, strerror(errno));
    }
    FILE *before = ctl->out;
    ctl->out = file;
    int status = export_tasks(ctl, filter);
    bool failed = fflush(file) != 0 || ferror(file) || fsync(fd) != 0;
    int error = errno;
    ctl->out = before;
    failed = fclose(file) != 0 || failed;
    if (failed || status != CTL_YES) {
        (void)unlink(path);
    }
    if (failed && status == CTL_YES) {
        return ctl_fail(ctl, CTL_IO, "io", NULL, "%s can't be written: %s", path, strerror(error));
    }
    return status;
}

int
verb_export(struct ctl *ctl, int argc, char **argv)
{
    struct filter_form form = {0};
    bool archived = false;
    int status = CTL_YES;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option == OPTION_ARCHIVED) {
            archived = true;
        } else if (option == '?' || !filter_form_take(&form, ctl, option, optarg)) {
            filter_form_fini(&form);
            return ctl->status;
        }
    }
    filter_form_take_names(&form, ctl, 0, NULL);
    struct baton_filter filter = filter_form_filter(&form);
    filter.specs = true;
    filter.archived = archived;
    if (argc - optind > 1) {
        status = ctl_usage(ctl, "%s was not expected: one file, or standard output",
                           argv[optind + 1]);
    } else if ((status = ctl_connect(ctl)) == CTL_YES) {
        bool to_file = optind < argc && strcmp(argv[optind], "-") != 0;
        status = to_file ? export_to_file(ctl, &filter, argv[optind]) : export_tasks(ctl, &filter);
    }
    filter_form_fini(&form);
    return status;
}
