/* baton report: what happened, what is in the way, what to do about it. */
#include "common/units.h"
#include "common/words.h"
#include "ctl/report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_SINCE = 256, OPTION_UNTIL, OPTION_ZONE, OPTION_HTML };

#define DAY_MS INT64_C(86400000)

typedef void part_fn(json_t *doc, const struct report_data *data);

enum { PARTS_MAX = 10 };

static const struct kind {
    const char *title;
    int64_t window_ms; /* 0: everything */
    part_fn *parts[PARTS_MAX];
} kinds[REPORTS_N] = {
    /* as report_names has them */
    {"Daily report",
     DAY_MS,
     {part_done, part_blockers, part_incidents, part_targets, part_slowest, part_waits,
      part_suggestions}},
    {"Weekly review",
     7 * DAY_MS,
     {part_milestones, part_done, part_blockers, part_incidents, part_targets, part_slowest,
      part_waits, part_suggestions}},
    {"Success metrics", 0, {part_success}},
    {"Milestones", 0, {part_milestones}},
    {"Post-launch analysis",
     0,
     {part_success, part_incidents, part_decisions, part_done, part_blockers, part_targets,
      part_slowest, part_waits, part_suggestions}},
};

struct form {
    const struct kind *kind;
    struct report_data data;
    const char *html;
};

static bool
take_option(struct form *form, struct ctl *ctl, int option)
{
    switch (option) {
    case OPTION_SINCE:
        return ctl_take_time(ctl, "--since", optarg, &form->data.since);
    case OPTION_UNTIL:
        return ctl_take_time(ctl, "--until", optarg, &form->data.until);
    case OPTION_ZONE:
        form->data.zone = optarg;
        if (!zone_is_known(optarg)) {
            ctl->status = ctl_usage(ctl, "--zone %s: not a zone that this machine knows", optarg);
            return false;
        }
        return true;
    case OPTION_HTML:
        form->html = optarg;
        return true;
    default:
        return false;
    }
}

static const struct kind *
kind_find(const char *word)
{
    int number = report_number(word);
    return number < 0 ? NULL : &kinds[number];
}

static bool
take_kind(struct form *form, struct ctl *ctl, int n, char **words)
{
    form->kind = n == 1 ? kind_find(words[0]) : NULL;
    if (!form->kind) {
        ctl->status = ctl_usage(ctl, "which report? daily, weekly, success, milestones, final");
    }
    return form->kind != NULL;
}

/* The window: what was said, else as long as the report's name says, up to now. */
static bool
settle_window(struct form *form, struct ctl *ctl)
{
    struct report_data *data = &form->data;
    data->until = data->until ? data->until : ctl_now() + 1;
    if (!data->since && form->kind->window_ms) {
        data->since = data->until - form->kind->window_ms;
    }
    if (data->since >= data->until) {
        ctl->status = ctl_usage(ctl, "the report ends before it begins");
        return false;
    }
    if (!data->zone) {
        baton_status status = baton_zone(ctl->baton, &data->zone);
        if (status != BATON_OK) {
            ctl->status = ctl_fail_status(ctl, status);
            return false;
        }
    }
    return true;
}

static json_t *
make(const struct form *form, const struct ctl *ctl)
{
    const struct report_data *data = &form->data;
    char since[40], until[40];
    json_t *doc = doc_new(form->kind->title);
    json_t *section = doc_section(doc, "About");
    doc_line(section, "Project: %s", ctl->project_given ? ctl->project : "all");
    doc_line(section, "From %s to %s (%s)",
             data->since ? time_format_minute(data->since, data->zone, since, sizeof since)
                         : "the beginning",
             time_format_minute(data->until, data->zone, until, sizeof until),
             data->zone[0] ? data->zone : "UTC");
    if (data->cut) {
        doc_line(section, "Not everything was read: there is more than one report takes in; name "
                          "a project");
    }
    for (size_t i = 0; i < PARTS_MAX && form->kind->parts[i]; i++) {
        form->kind->parts[i](doc, data);
    }
    return doc;
}

bool
report_markdown(struct ctl *ctl, const char *word, int64_t until, const char *zone, struct buf *out)
{
    struct form form = {.kind = kind_find(word), .data = {.until = until, .zone = zone}};
    if (!form.kind || !settle_window(&form, ctl)) {
        return false;
    }
    bool ok = report_read(ctl, &form.data);
    if (ok) {
        json_t *doc = make(&form, ctl);
        render_markdown(doc, out);
        json_decref(doc);
    }
    report_fini(&form.data);
    return ok;
}

/* A new file only: a report never replaces what is there. */
static int
write_file(struct ctl *ctl, const char *path, const struct buf *page)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        return ctl_fail(ctl, CTL_CREATE, "file", errno == EEXIST ? "choose another name" : NULL,
                        "%s can't be made: %s", path, strerror(errno));
    }
    bool ok = fwrite(page->data, 1, page->bytes, file) == page->bytes;
    ok = fflush(file) == 0 && fsync(fd) == 0 && ok;
    int error = errno;
    ok = fclose(file) == 0 && ok;
    return ok ? CTL_YES
              : ctl_fail(ctl, CTL_IO, "io", NULL, "%s can't be written: %s", path, strerror(error));
}

static int
say(struct ctl *ctl, const struct form *form, json_t *doc)
{
    struct buf page = {0};
    int status = CTL_YES;
    if (form->html) {
        render_html(doc, &page);
        status = write_file(ctl, form->html, &page);
    } else if (ctl->json) {
        json_object_set_new(doc, "report", json_string(report_names[form->kind - kinds]));
        json_object_set_new(doc, "since", ctl_json_time(form->data.since));
        json_object_set_new(doc, "until", ctl_json_time(form->data.until));
        ctl_print_json(ctl, json_incref(doc));
    } else {
        render_markdown(doc, &page);
        fwrite(page.data, 1, page.bytes, ctl->out);
    }
    buf_fini(&page);
    return status;
}

int
verb_report(struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {
        {"since", required_argument, NULL, OPTION_SINCE},
        {"until", required_argument, NULL, OPTION_UNTIL},
        {"zone", required_argument, NULL, OPTION_ZONE},
        {"html", required_argument, NULL, OPTION_HTML},
        {0},
    };
    struct form form = {0};
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option == '?' || !take_option(&form, ctl, option)) {
            return ctl->status;
        }
    }
    if (!take_kind(&form, ctl, argc - optind, argv + optind)) {
        return ctl->status;
    }
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    if (!settle_window(&form, ctl)) {
        return ctl->status;
    }
    if (report_read(ctl, &form.data)) {
        json_t *doc = make(&form, ctl);
        status = say(ctl, &form, doc);
        json_decref(doc);
    } else {
        status = ctl->status;
    }
    report_fini(&form.data);
    return status;
}
