/* baton: the command line of operators and of agents. Finds the verb and runs it. */
#include "common/streams.h"
#include "ctl/options.h"
#include "ctl/verbs.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The terminal's width, or what COLUMNS says; 0 when there is neither. */
static int
output_width(bool tty)
{
    const char *columns = getenv("COLUMNS");
    long width = columns ? strtol(columns, NULL, 10) : 0;
    struct winsize size;
    if (width <= 0 && tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        width = size.ws_col;
    }
    return width > 0 && width < 10000 ? (int)width : 0;
}

static void
ctl_init(struct ctl *ctl)
{
    const char *project = getenv("BATON_PROJECT");
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool tty = isatty(STDOUT_FILENO);
    bool plain = (no_color && no_color[0]) || !term || strcmp(term, "dumb") == 0;
    *ctl = (struct ctl){
        .out = stdout,
        .err = stderr,
        .project = project && project[0] ? project : CTL_DEFAULT_PROJECT,
        .project_given = project && project[0],
        .tty = tty,
        .color = tty && !plain,
        .width = output_width(tty),
    };
}

/* A name in the environment is checked where names are. */
static int
check_environment(struct ctl *ctl)
{
    struct ctl_ref ref;
    const char *why;
    if (ctl_ref_parse("x", ctl->project, &ref, &why)) {
        return CTL_YES;
    }
    return ctl_fail(ctl, CTL_CONFIG, "bad_project", "correct or unset it",
                    "BATON_PROJECT can't be a project: %s", why);
}

static int
run(struct ctl *ctl, int argc, char **argv)
{
    int status = options_take_leading(ctl, argc, argv);
    if (status != -1) {
        return status;
    }
    if (optind >= argc) {
        return ctl_usage(ctl, "which verb? There are %s, %s, %s, %s and more", "apply", "list",
                         "why", "wait");
    }
    const char *name = argv[optind];
    const struct verb *verb = verb_find(name);
    if (!verb) {
        const struct verb *nearest = verb_nearest(name);
        return ctl_usage(ctl, "there is no verb %.80s%s%s%s", name, nearest ? "; is " : "",
                         nearest ? nearest->name : "", nearest ? " meant?" : "");
    }
    status = check_environment(ctl);
    if (status != CTL_YES) {
        return status;
    }
    ctl->verb = verb;
    int first = optind;
    optind = 0; /* getopt begins anew */
    return verb->run(ctl, argc - first, argv + first);
}

int
main(int argc, char **argv)
{
    struct ctl ctl;
    streams_reserve();
    /* Only for the widths of characters; numbers and messages stay as they are. */
    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        setlocale(LC_CTYPE, "");
    }
    ctl_init(&ctl);
    int status = ctl_finish(&ctl, run(&ctl, argc, argv));
    baton_close(&ctl.baton);
    return status;
}
