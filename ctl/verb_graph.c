/* baton graph: what waits for what. */
#include "ctl/filter_form.h"
#include "ctl/graph.h"
#include "ctl/verbs.h"

#include <string.h>

enum {
    OPTION_FORMAT = 256,
    OPTION_FULL,
    OPTION_FROM,
    OPTION_TO,
    OPTION_AROUND,
    OPTION_DEPTH,
    OPTION_LIMIT,
    OPTION_ARCHIVED,
    MERMAID_LIMIT = 500, /* what viewers still draw */
};

static const struct option options[] = {
    FILTER_OPTIONS,
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"full", no_argument, NULL, OPTION_FULL},
    {"from", required_argument, NULL, OPTION_FROM},
    {"to", required_argument, NULL, OPTION_TO},
    {"around", required_argument, NULL, OPTION_AROUND},
    {"depth", required_argument, NULL, OPTION_DEPTH},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {"archived", no_argument, NULL, OPTION_ARCHIVED},
    {0},
};

enum format { FORMAT_TEXT, FORMAT_MERMAID, FORMAT_DOT };

struct form {
    struct filter_form filter;
    enum format format;
    bool full;
    bool archived;
    bool has_start;
    struct ctl_ref start;
    enum graph_direction direction;
    uint64_t depth;
    bool has_limit;
    uint64_t limit;
};

static bool
take_format(struct form *form, struct ctl *ctl, const char *value)
{
    static const char *const names[] = {"text", "mermaid", "dot"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], value) == 0) {
            form->format = (enum format)i;
            return true;
        }
    }
    ctl_usage(ctl, "%.40s: the formats are text, mermaid and dot", value);
    return false;
}

static bool
take_start(struct form *form, struct ctl *ctl, enum graph_direction direction)
{
    form->has_start = true;
    form->direction = direction;
    return ctl_take_ref(ctl, optarg, &form->start);
}

static bool
take_option(struct form *form, struct ctl *ctl, int option)
{
    switch (option) {
    case OPTION_FORMAT:
        return take_format(form, ctl, optarg);
    case OPTION_FULL:
        form->full = true;
        return true;
    case OPTION_FROM:
        return take_start(form, ctl, GRAPH_AFTER);
    case OPTION_TO:
        return take_start(form, ctl, GRAPH_BEFORE);
    case OPTION_AROUND:
        return take_start(form, ctl, GRAPH_BOTH);
    case OPTION_DEPTH:
        return ctl_take_number(ctl, "--depth", optarg, TASKS_MAX, &form->depth);
    case OPTION_LIMIT:
        form->has_limit = true;
        return ctl_take_number(ctl, "--limit", optarg, TASKS_MAX, &form->limit);
    case OPTION_ARCHIVED:
        form->archived = true;
        return true;
    default:
        return filter_form_take(&form->filter, ctl, option, optarg);
    }
}

static bool
add_task(const baton_task *task, void *context)
{
    graph_add(context, task);
    return true;
}

static int
load(struct graph *graph, struct ctl *ctl, const struct form *form)
{
    struct baton_filter filter = filter_form_filter(&form->filter);
    filter.archived = form->archived;
    baton_status answer = baton_list(ctl->baton, &filter, add_task, graph, NULL);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (graph->n_nodes == 0) {
        ctl_remark(ctl, "no task fits");
        return CTL_NO;
    }
    graph_finish(graph);
    if (form->has_start) {
        size_t start = names_find(&graph->names, form->start.project, form->start.id);
        if (start == NAMES_NONE) {
            return ctl_fail(ctl, CTL_NO, "not_found", "`baton list --ids` shows the names",
                            "there is no task %s in project %s", form->start.id,
                            form->start.project);
        }
        graph_select(graph, start, form->direction, form->depth);
    }
    return CTL_YES;
}

static void
draw(const struct graph *graph, struct ctl *ctl, const struct form *form)
{
    size_t limit = form->has_limit                  ? (size_t)form->limit
                   : form->format == FORMAT_MERMAID ? MERMAID_LIMIT
                                                    : 0;
    switch (form->format) {
    case FORMAT_TEXT:
        graph_print_text(graph, ctl, form->full);
        return;
    case FORMAT_MERMAID:
        graph_print_mermaid(graph, ctl, limit);
        return;
    case FORMAT_DOT:
        graph_print_dot(graph, ctl, limit);
        return;
    }
}

static int
run(struct ctl *ctl, const struct form *form)
{
    struct graph graph = {0};
    int status = ctl_connect(ctl);
    if (status == CTL_YES && (status = load(&graph, ctl, form)) == CTL_YES) {
        draw(&graph, ctl, form);
    }
    graph_fini(&graph);
    return status;
}

int
verb_graph(struct ctl *ctl, int argc, char **argv)
{
    struct form form = {.depth = TASKS_MAX};
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option == '?' || !take_option(&form, ctl, option)) {
            filter_form_fini(&form.filter);
            return ctl->status;
        }
    }
    int status = CTL_YES;
    if (argc - optind > 1) {
        status = ctl_usage(ctl, "%s was not expected", argv[optind + 1]);
    } else if (optind < argc && !take_format(&form, ctl, argv[optind])) {
        status = ctl->status;
    } else if (ctl->json) {
        status = ctl_usage(ctl, "the formats are text, mermaid and dot; `baton list --json` has "
                                "the graph in depends_on");
    } else {
        filter_form_take_names(&form.filter, ctl, 0, NULL);
        status = run(ctl, &form);
    }
    filter_form_fini(&form.filter);
    return status;
}
