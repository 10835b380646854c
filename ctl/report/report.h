/* Reports: what is read for one, the document that is made of it, and how that is written.
 * Between the files of ctl/report. */
#ifndef BATON_CTL_REPORT_REPORT_H
#define BATON_CTL_REPORT_REPORT_H

#include "common/buf.h"
#include "ctl/metrics.h"

enum {
    REPORT_TASKS_MAX = 100 * 1000, /* read for one report */
    REPORT_CARDS_MAX = 100 * 1000,
    REPORT_ROWS_MAX = 200, /* of one table; what is left out is said */
    REPORT_TOP = 10,       /* of the slowest and the most retried */
    REPORT_INCIDENTS = 20, /* whose post-mortem is in one report: the latest */
};

struct report_edge {
    char *project, *id; /* owned */
};

struct report_task {
    char *project, *id, *role, *title; /* owned */
    baton_state state;
    baton_alert alert;
    bool milestone;
    uint32_t attempt;
    int64_t created_at, ready_at, started_at, ended_at, deadline;
    struct report_edge *after; /* owned */
    size_t n_after;
    size_t n_held; /* tasks that wait for it now */
};

struct report_item {
    char *tag, *name, *text, *by, *unit; /* owned */
    int64_t at;
    double value;
};

struct report_card {
    baton_card_kind kind;
    baton_card_state state;
    uint64_t number;
    char *project, *name, *title, *text, *task, *role, *owner, *by, *outcome, *ended_by; /* owned */
    struct report_item *items; /* owned; of incidents */
    size_t n_items;
    uint32_t severity, rung;
    int64_t created_at, changed_at, due_at, ended_at;
};

/* Everything that is read. */
struct report_data {
    int64_t since, until;
    const char *zone;
    struct report_task *tasks; /* by key; with the archive */
    size_t n_tasks, room_tasks;
    struct report_card *cards; /* by number */
    size_t n_cards, room_cards;
    baton_metrics_reply *metrics; /* of the window */
    struct targets targets;
    json_t *index; /* "project id" to the place of a task */
    bool cut;      /* there was more than may be read */
};

/* False: reported. */
bool report_read(struct ctl *ctl, struct report_data *data);
/* What the post-mortem of one incident is made of; it is the first card. False: reported. */
bool report_read_incident(struct ctl *ctl, struct report_data *data, uint64_t number);
void report_fini(struct report_data *data);
struct report_task *report_find(const struct report_data *data, const char *project,
                                const char *id);
bool report_in_window(const struct report_data *data, int64_t at);

/* ---- the document: a title and sections, each with lines and perhaps a table ---- */

json_t *doc_new(const char *title);
json_t *doc_section(json_t *doc, const char *title);
void doc_line(json_t *section, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Titles of columns, divided by '|'. */
void doc_columns(json_t *section, const char *titles);
/* Starts a row; false: the table is full, and that is counted. */
bool doc_row(json_t *section);
void doc_cell(json_t *section, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- parts.c, postmortem.c, success.c: sections ---- */

void part_done(json_t *doc, const struct report_data *data);
void part_blockers(json_t *doc, const struct report_data *data);
void part_targets(json_t *doc, const struct report_data *data);
void part_slowest(json_t *doc, const struct report_data *data);
void part_waits(json_t *doc, const struct report_data *data);
void part_suggestions(json_t *doc, const struct report_data *data);
void part_milestones(json_t *doc, const struct report_data *data);
void part_incidents(json_t *doc, const struct report_data *data);
void part_decisions(json_t *doc, const struct report_data *data);
void part_success(json_t *doc, const struct report_data *data);

/* ---- verb_report.c ---- */

/* The report of this name up to `until`, in `zone`, as Markdown. False: reported. */
bool report_markdown(struct ctl *ctl, const char *word, int64_t until, const char *zone,
                     struct buf *out);

/* ---- render.c ---- */

void render_markdown(const json_t *doc, struct buf *out);
/* One page that needs nothing else; no script. */
void render_html(const json_t *doc, struct buf *out);

#endif
