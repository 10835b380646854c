/* The plan reader: files of tasks in several formats become specs to submit.
 *
 * Made for one thread and one use: plan_new, plan_read_file for each file, plan_finish, then the
 * questions. Errors do not stop the reading: they are collected, each as "file:line: what, and what
 * to do". All memory is the plan's and goes with plan_free. docs/plan.md describes the formats. */
#ifndef BATON_CTL_PLAN_PLAN_H
#define BATON_CTL_PLAN_PLAN_H

#include "client/include/baton.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plan;

/* What the command line says about the files. All texts are borrowed for the plan's life; NULL is
 * "not given". */
struct plan_options {
    const char *project;  /* of tasks whose file names none */
    const char *role;     /* for tasks without one: a role, or "spread" */
    const char *role_map; /* file of lines PATTERN ROLE, asked before `role` */
    const char *format;   /* one of plan_formats(); NULL: by content */
    const char *dangling; /* dependencies on tasks that a data format does not have: wait, drop,
                             error; NULL: the format's own policy */
    const char *zone;     /* of times without one, when the file names none; NULL: what
                             plan_set_zone says, else UTC */
    int64_t now;          /* for times like "+2h" */
    bool strict;          /* references to tasks outside of the plan are errors */
    bool with_closed;     /* tasks that a format calls closed are wanted too */
};

/* Names of the formats, ended by NULL. */
const char *const *plan_formats(void);

/* False and a sentence in ret_why: an option is none. */
bool plan_options_are_valid(const struct plan_options *options, const char **ret_why);

/* `options` must be valid. Never NULL. Free with plan_free. */
struct plan *plan_new(const struct plan_options *options);
void plan_free(struct plan *plan);

/* Reads one file; "-" is standard input. What is wrong is in plan_error. */
void plan_read_file(struct plan *plan, const char *path);

/* As plan_read_file, from memory; `name` stands in messages and decides about the format as a
 * file's name does. Copies. */
void plan_read_text(struct plan *plan, const char *name, const char *text, size_t bytes);

/* Joins the files: phases, references, cycles. Once, behind the last file. False: there are errors,
 * and nothing may be submitted. */
bool plan_finish(struct plan *plan);

/* After plan_finish: is there a time for which neither the files nor the options have a zone? */
bool plan_needs_zone(const struct plan *plan);

/* Gives those times a zone, which must be known (zone_is_known). False: there are errors now. */
bool plan_set_zone(struct plan *plan, const char *zone);

/* After plan_finish was true. In the order of the files; borrowed. */
baton_spec *const *plan_specs(const struct plan *plan, size_t *ret_n);
const struct baton_resource *plan_resources(const struct plan *plan, size_t *ret_n);

/* Projects that the files close ("closed: true"), each once; borrowed. */
const char *const *plan_closes(const struct plan *plan, size_t *ret_n);

/* A card of the board that a file says: rules are set (BATON_CARD_SET), all others happen once. */
struct plan_card {
    struct baton_card card;
    baton_card_verb verb;
    const char *place; /* "file:line" */
    uint64_t identity; /* of what the file says there: the same text is the same card */
};

/* After plan_finish was true. In the order of the files; borrowed. */
const struct plan_card *plan_cards(const struct plan *plan, size_t *ret_n);

/* "file:line" of the n-th spec. */
const char *plan_source_of(struct plan *plan, size_t n);

/* How many, and the texts of the first PLAN_ERRORS_KEPT (PLAN_WARNINGS_KEPT) of them, NULL behind.
 * Safe to print: text from outside is escaped. */
size_t plan_n_errors(const struct plan *plan);
size_t plan_n_warnings(const struct plan *plan);
const char *plan_error(const struct plan *plan, size_t n);
const char *plan_warning(const struct plan *plan, size_t n);
/* What was recognised and has nothing to apply, in the same way. */
const char *plan_note_text(const struct plan *plan, size_t n);

/* What plan_finish found out. */
struct plan_facts {
    size_t n_tasks;
    size_t n_milestones; /* of the tasks */
    size_t n_edges;
    size_t depth;               /* tasks on the longest path */
    size_t n_forward;           /* references to tasks that the plan does not have */
    size_t of_role[6];          /* tasks by role, in the order of role_names */
    const char *const *forward; /* "ID <- ID, file:line"; the first PLAN_FORWARD_NAMED_MAX */
    size_t n_forward_named;     /* of them */
};
const struct plan_facts *plan_facts(const struct plan *plan);

#endif
