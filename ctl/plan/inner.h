/* What the files of the plan reader share, and nobody else sees. */
#ifndef BATON_CTL_PLAN_INNER_H
#define BATON_CTL_PLAN_INNER_H

#include "common/arena.h"
#include "common/check.h"
#include "ctl/plan/limits.h"
#include "ctl/plan/node.h"
#include "ctl/plan/plan.h"

/* Where something was said. */
struct place {
    const char *file; /* as given on the command line; in the arena */
    unsigned line;    /* from 1; 0: the file as a whole */
};

/* A file being read. */
struct source {
    struct place at;    /* its name; the line is 0 */
    const char *folder; /* that prompt_file is relative to; NULL: the working directory */
    const char *text;   /* NUL-terminated valid UTF-8 without NUL, in the arena or the caller's */
    size_t bytes;
    /* Of the document at hand: */
    const char *project;      /* NULL: the option's */
    const char *zone;         /* NULL: the option's */
    const struct node *shape; /* its `defaults:`, or NULL */
};

/* A task being built. */
struct draft {
    baton_spec *spec;         /* from the library; strings are the arena's */
    struct place at;          /* of its beginning */
    struct baton_edge *after; /* growing; becomes spec->after */
    unsigned *after_lines;    /* of each */
    size_t n_after;
    size_t room_after;
};

/* Collected sentences. */
struct remarks {
    const char *kept[PLAN_ERRORS_KEPT];
    size_t n; /* all of them */
};

/* A capacity, and where it was said. */
struct capacity {
    struct baton_resource resource;
    struct place at;
};

/* Drafts of a file whose edges may lead nowhere (foreign.c). */
struct unsettled {
    struct place at;
    size_t first, end;
    int policy; /* enum dangling */
};

/* A time that says no zone, in a file that says none, when the options say none. */
struct zoneless {
    struct place at;
    const char *text; /* in the arena */
    int64_t *ret_ms;  /* in a draft's spec; read as UTC until plan_set_zone */
};

struct role_rule {
    const char *pattern;
    const char *role;
};

struct index;
struct card_time;

struct plan {
    struct arena arena; /* everything that has no other owner */
    struct plan_options options;
    struct remarks errors;
    struct remarks warnings;
    struct remarks notes; /* what was recognised and has nothing to apply */
    struct draft *drafts; /* heap */
    size_t n_drafts;
    size_t room_drafts;
    struct index *index;     /* of drafts by project and id */
    baton_spec **specs;      /* heap; filled by plan_finish */
    struct capacity *limits; /* heap */
    size_t n_limits;
    size_t room_limits;
    struct baton_resource *resources; /* heap; filled by plan_finish */
    struct role_rule *rules;          /* heap */
    size_t n_rules;
    struct unsettled *unsettled; /* heap */
    size_t n_unsettled;
    size_t room_unsettled;
    struct zoneless *zoneless; /* heap */
    size_t n_zoneless;
    size_t room_zoneless;
    struct plan_card *cards; /* heap; what they point to is the arena's */
    size_t n_cards;
    size_t room_cards;
    struct card_time *card_times; /* heap */
    size_t n_card_times;
    size_t room_card_times;
    baton_spec **recurring; /* heap; tasks of schedules */
    size_t n_recurring;
    const char **closes; /* heap; projects, each once */
    size_t n_closes;
    struct plan_facts facts;
    bool finished;
};

_Static_assert((int)PLAN_ERRORS_KEPT == (int)PLAN_WARNINGS_KEPT, "struct remarks serves both");

/* ---- remark.c ---- */

/* Collects an error, a warning or a note at a place. Text is escaped whole. */
void plan_fail(struct plan *plan, struct place at, const char *fmt, ...) PRINTF_LIKE(3, 4);
void plan_warn(struct plan *plan, struct place at, const char *fmt, ...) PRINTF_LIKE(3, 4);
void plan_note(struct plan *plan, struct place at, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The place of a node in a source. */
struct place place_of(const struct source *source, const struct node *node);

/* Text from outside for a message: in quotes, its beginning only. In the arena. */
const char *quote(struct plan *plan, const char *text);

/* The word of `words` (ended by NULL) that was perhaps meant by `text`, or NULL. */
const char *nearest(const char *text, const char *const *words);

/* "; did you mean 'x'?" or "". In the arena. */
const char *did_you_mean(struct plan *plan, const char *text, const char *const *words);

/* ---- source.c ---- */

/* Reads a whole file ("-": standard input) into the arena. False: reported. */
bool source_read(struct plan *plan, const char *path, struct source *ret_source);

/* Is the text what we take? Reports and returns false if not. Skips a byte order mark. */
bool source_check(struct plan *plan, struct source *source, size_t bytes_max);

/* Text of a file below the source's folder, at most bytes_max; NULL: reported at `at`. */
const char *source_read_beside(struct plan *plan, const struct source *source, struct place at,
                               const char *path, size_t bytes_max);

/* ---- yaml.c, json.c: text to nodes ---- */

/* Calls `each` for every document of the text. Stops at the first error, which is reported. */
void yaml_read(struct plan *plan, struct source *source,
               void (*each)(struct plan *plan, struct source *source, const struct node *root));

/* The tree of one JSON text that begins on line `line`; NULL: reported. */
const struct node *json_read(struct plan *plan, const struct source *source, const char *text,
                             size_t bytes, unsigned line);

/* ---- draft.c ---- */

/* A new task with its id; NULL: the id is none or taken, reported. Valid until the next one: no
 * pointer to a draft lives longer than the reading of its task, only its number does. */
struct draft *draft_new(struct plan *plan, struct place at, const char *project, const char *id);
void draft_after(struct plan *plan, struct draft *draft, unsigned line, struct baton_edge edge);

/* The draft of a task, or -1. */
ptrdiff_t draft_find(const struct plan *plan, const char *project, const char *id);

/* Gives the draft a role by the plan's policy if it has none; reports if there is none. */
void draft_role(struct plan *plan, struct draft *draft);

/* Is the whole within the bounds of one task? Reports. Called at the end of each task. */
void draft_check(struct plan *plan, struct draft *draft);

/* The project of tasks in the document at hand. Never NULL. */
const char *source_project(const struct plan *plan, const struct source *source);

/* ---- field.c: values of nodes. All report what is wrong and then return false. ---- */

bool field_text(struct plan *plan, const struct source *source, const struct node *node,
                size_t bytes_max, const char **ret_text);
bool field_name(struct plan *plan, const struct source *source, const struct node *node,
                size_t bytes_max, const char **ret_name);
bool field_bool(struct plan *plan, const struct source *source, const struct node *node,
                bool *ret_bool);
bool field_count(struct plan *plan, const struct source *source, const struct node *node,
                 uint32_t min, uint32_t max, uint32_t *ret_count);
bool field_duration(struct plan *plan, const struct source *source, const struct node *node,
                    int64_t *ret_ms);
/* A plain date is the end of its day, or its beginning with `begin`. */
bool field_time(struct plan *plan, const struct source *source, const struct node *node, bool begin,
                int64_t *ret_ms);
/* A word that one of the functions of common/words.h knows; `words` says which there are. */
bool field_word(struct plan *plan, const struct source *source, const struct node *node,
                int (*number_of)(const char *), const char *words, int *ret_number);
/* A list of texts. */
bool field_texts(struct plan *plan, const struct source *source, const struct node *node,
                 size_t n_max, size_t bytes_max, const char *const **ret_texts, size_t *ret_n);
bool field_is(struct plan *plan, const struct source *source, const struct node *node,
              enum node_kind kind);

/* ---- attribute.c: what a task can say ---- */

/* A task being read. */
struct reading {
    struct plan *plan;
    const struct source *source;
    struct draft *draft;
    baton_spec *spec; /* the draft's */
};

enum { ATTRIBUTE_SLOTS = 36 };

/* Keys with the same slot say the same thing: a task has one of them. */
struct attribute {
    const char *key;
    unsigned slot;   /* below ATTRIBUTE_SLOTS */
    bool by_default; /* may stand in `defaults:` */
    void (*read)(struct reading *reading, const struct node *node);
};
extern const struct attribute attributes[]; /* ended by a key of NULL */

/* ---- readers of documents ---- */

/* One YAML document, or a JSON text that says the same. */
void document_read(struct plan *plan, struct source *source, const struct node *root);

enum { CARD_TIMES_MAX = 4, CARD_DUE_AT = -1 };

/* A time of a card. The card and its items move while they are read, and the time may wait for its
 * zone: so it is read into a place of its own, and copied when it is known. */
struct card_time {
    int64_t *ms;              /* in the arena */
    size_t card;              /* of plan->cards */
    struct baton_item *items; /* of it */
    int item;                 /* of them; or CARD_DUE_AT */
};

/* A card of the board being read (cards.c). */
struct card_draft {
    struct plan *plan;
    const struct source *source;
    struct baton_card card;
    struct baton_item *items; /* in the arena */
    size_t n_items, room_items;
    struct card_time times[CARD_TIMES_MAX];
    size_t n_times;
};
void card_begin(struct card_draft *draft, struct plan *plan, const struct source *source,
                baton_card_kind kind);
/* Good until the next one. */
struct baton_item *card_add_item(struct card_draft *draft, const char *tag);
void card_end(struct card_draft *draft, baton_card_verb verb, struct place at);
/* Reads a time into due_at, or with a tag into an item of its own. */
void card_read_time(struct card_draft *draft, const struct node *node, bool begin, const char *tag);
/* Copies the times of all cards to where they belong, now that their zones are known. */
void cards_settle_times(struct plan *plan);
/* A role as people write it; NULL: reported. */
const char *card_read_role(struct card_draft *draft, const struct node *node);

/* "P0", "P0_critical": that of P0, which is 1. 0: none. */
uint32_t card_severity_of(const char *name);

/* One text or a list of them, each an item. */
void card_read_items(struct card_draft *draft, const struct node *node, const char *tag);
/* Reports it; `keys` ends with NULL. */
void card_unknown_key(struct card_draft *draft, const struct node *node, const char *where,
                      const char *const *keys);

/* ---- handoffs.c ---- */

void handoff_read(struct plan *plan, const struct source *source, const struct node *map);
/* `handoff_template:`, which may be a form and no handoff. */
void handoff_form_read(struct plan *plan, const struct source *source, const struct node *node);

/* ---- once.c: an entry of what happens once ---- */

void blocker_read(struct plan *plan, const struct source *source, const struct node *map);
void decision_read(struct plan *plan, const struct source *source, const struct node *map);
void incident_read(struct plan *plan, const struct source *source, const struct node *map);
void signal_read(struct plan *plan, const struct source *source, const struct node *entry);

/* ---- budgets.c ---- */

/* One entry of `budgets:`. */
void budget_read(struct plan *plan, const struct source *source, const struct node *entry);

/* `schedules:` and `synchronization_points:` (schedules.c). */
void schedules_read(struct plan *plan, struct source *source, const struct node *node);
void sync_points_read(struct plan *plan, struct source *source, const struct node *node);

/* Cards of the board: false when the key is none of theirs (cards.c). */
bool cards_read(struct plan *plan, const struct source *source, const struct node *node);

/* `task_queue:` (strategy.c), and blocks of the strategy that a later version uses (blocks.c). */
void strategy_read_queue(struct plan *plan, struct source *source, const struct node *queue);
bool block_read(struct plan *plan, struct source *source, const struct node *block);

/* `tasks:` (tasks.c). A task read on its own; SIZE_MAX: reported. `priority` is that of its list,
 * or 0. Returns the number of its draft. */
void tasks_read(struct plan *plan, struct source *source, const struct node *list);
size_t task_read(struct plan *plan, struct source *source, const struct node *map,
                 baton_priority priority);
/* A task without an id, a time and a deadline of its own, which recurs; NULL: reported. The plan
 * owns it. */
baton_spec *task_read_recurring(struct plan *plan, struct source *source, const struct node *map);
/* Checks `defaults:` and makes them those of the document. */
void task_read_defaults(struct plan *plan, struct source *source, const struct node *map);

/* `after:` (after.c) and `resources:` of a task (claims.c). */
void after_read(struct plan *plan, const struct source *source, struct draft *draft,
                const struct node *node);
void claims_read(struct plan *plan, const struct source *source, struct draft *draft,
                 const struct node *node);
/* The name of a resource, in its one form. */
bool resource_read_name(struct plan *plan, const struct source *source, const struct node *node,
                        const char **ret);
/* `resources:` of a document. */
void capacities_read(struct plan *plan, const struct source *source, const struct node *map);

/* `phases:` and `milestones:` (phases.c). */
void phases_read(struct plan *plan, struct source *source, const struct node *list, bool chained);

/* Formats of others. */
void wfformat_read(struct plan *plan, struct source *source, const struct node *root);
void jobs_read(struct plan *plan, struct source *source, const struct node *root);
void groups_read(struct plan *plan, struct source *source, const struct node *root);
/* JSON lines, of Beads or ours. */
void lines_read(struct plan *plan, struct source *source);
void beads_read(struct plan *plan, struct source *source, const struct node *const *issues,
                size_t n);
void edges_read(struct plan *plan, struct source *source);

/* ---- foreign.c: what the formats of others have in common ---- */

/* An id as ours: characters that we do not take become '-'. NULL: it can't be made a name. */
const char *foreign_id(struct plan *plan, const char *id);

/* A title as ours: control characters become spaces, and what is too long is cut. */
const char *foreign_title(struct plan *plan, const char *title);

enum dangling { DANGLING_WAIT, DANGLING_DROP, DANGLING_ERROR };
enum dangling foreign_dangling(const struct plan *plan, enum dangling otherwise);

/* Says that the drafts from number `first` on have edges that may lead nowhere, to be settled when
 * all files are read. */
void foreign_settle(struct plan *plan, const struct source *source, size_t first,
                    enum dangling policy);
/* Settles them. */
void foreign_finish(struct plan *plan);

/* ---- roles.c ---- */

bool role_map_read(struct plan *plan, const char *path);
/* By --role-map, then --role; NULL: none. */
const char *role_by_policy(const struct plan *plan, const char *id);

/* ---- format.c ---- */

enum format {
    FORMAT_YAML,
    FORMAT_WFFORMAT,
    FORMAT_BEADS,
    FORMAT_EDGES,
    FORMAT_JOBS,
    FORMAT_GROUPS,
    FORMAT_LINES, /* FORMAT_BEADS, or tasks of ours: by the first object */
    FORMAT_JSON,  /* ours, written as JSON, or one of the above: by its keys */
    FORMAT_UNKNOWN,
};
enum format format_of_name(const char *name); /* of --format */
/* By the file's name and the beginning of its text. */
enum format format_guess(const char *name, const char *text, size_t bytes);
/* By the keys of a JSON text. */
enum format format_of_json(const struct node *root);

/* ---- graph.c ---- */

/* References, cycles, depth; fills plan->facts. */
void graph_check(struct plan *plan);

#endif
