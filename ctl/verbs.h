/* What every verb of `baton` shares: the invocation's context, exit statuses, errors, output.
 *
 * A verb is one function in one file, `int verb_NAME(struct ctl *ctl, int argc, char **argv)`, with
 * argv[0] its name; it returns the exit status. It reads its options with ctl_getopt (which takes
 * the global ones out by itself), opens the broker with ctl_connect only when it needs it, prints
 * data to ctl->out and nothing else there, and reports trouble by `return ctl_fail(…)`.
 */
#ifndef BATON_CTL_VERBS_H
#define BATON_CTL_VERBS_H

#include "client/include/baton.h"
#include "common/check.h"
#include "ctl/ref.h"

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Exit statuses (baton(1), EXIT STATUS). */
enum ctl_exit {
    CTL_YES = 0,
    CTL_NO = 1,      /* none found; a waited task failed; not in this state; a stale token */
    CTL_USAGE = 64,  /* the command line is wrong */
    CTL_DATA = 65,   /* what was given is wrong: a file, a task, a name */
    CTL_BROKER = 69, /* no broker answers */
    CTL_BUG = 70,    /* Baton's own fault */
    CTL_CREATE = 73, /* a file can't be made */
    CTL_IO = 74,     /* output can't be written */
    CTL_LATER = 75,  /* a timeout, nothing to take, the queue is full: the same again, later */
    CTL_DENIED = 77, /* not allowed */
    CTL_CONFIG = 78, /* endpoint or environment is wrong */
};

enum {
    CTL_JSON_VERSION = 1, /* "v" of every object printed */
};

struct verb;

/* One invocation. Made by main, borrowed by verbs. */
struct ctl {
    baton *baton;                 /* opened by ctl_connect; NULL before */
    struct baton_options options; /* for ctl_connect and for feeds */
    const char *endpoint;         /* as given; NULL: baton_endpoint decides */
    const char *project;          /* --project or BATON_PROJECT, else "default"; never NULL */
    bool project_given;           /* one of them was given: lists show only it */
    bool json;                    /* --json */
    bool quiet;                   /* --quiet: no remarks on stderr */
    bool color;                   /* ctl->out takes colours */
    bool tty;                     /* ctl->out is a terminal */
    int width;                    /* columns of a table; 0: as wide as needed */
    FILE *out;                    /* data */
    FILE *err;                    /* messages */
    const struct verb *verb;      /* the one that runs, for hints */
    int status;                   /* exit status of the error reported last */
};

/* ---- the table of verbs (verbs.c) --------------------------------------------------------- */

struct verb {
    const char *name;
    int (*run)(struct ctl *ctl, int argc, char **argv);
    const char *group; /* heading in the overview */
    const char *help;  /* one line */
    const char *usage; /* what follows the name: arguments and options, then one line each. It is
                          a grammar too, for completion: ctl/usage.h, ctl/complete.c */
};

/* All, ended by a name of NULL. */
extern const struct verb verbs[];

/* NULL when there is none. */
const struct verb *verb_find(const char *name);

/* The verb that was perhaps meant, or NULL. */
const struct verb *verb_nearest(const char *name);

/* ---- options (options.c) ------------------------------------------------------------------ */

/* getopt_long over the verb's own options (`own` ends with zeros; values from 256 on are free for
 * those without a letter) and the global ones, in any order with the arguments. Returns a value of
 * the verb's own options, -1 at the end (arguments begin at optind), '?' after an error that is
 * reported already: return ctl->status then. An own option hides the global one of its name. */
int ctl_getopt(struct ctl *ctl, int argc, char **argv, const char *letters,
               const struct option *own);

/* Values of options. False: reported already, return ctl->status. `option` is the name to say. */
bool ctl_take_duration(struct ctl *ctl, const char *option, const char *text, int64_t *ret_ms);
bool ctl_take_number(struct ctl *ctl, const char *option, const char *text, uint64_t max,
                     uint64_t *ret_number);
/* In the broker's zone, so it asks the broker; not for verbs without one. */
bool ctl_take_time(struct ctl *ctl, const char *option, const char *text, int64_t *ret_ms);
bool ctl_take_priority(struct ctl *ctl, const char *text, baton_priority *ret_priority);
/* One of the six roles as people write them. */
bool ctl_take_role(struct ctl *ctl, const char *text, const char **ret_role);
/* A task's name in the project of this invocation. */
bool ctl_take_ref(struct ctl *ctl, const char *text, struct ctl_ref *ret_ref);

/* ---- the broker and errors (ctl.c) --------------------------------------------------------- */

/* Opens ctl->baton if it is not open. CTL_YES, or the status to return (reported already). */
int ctl_connect(struct ctl *ctl) MUST_CHECK;

/* Reports an error and returns `exit`: `code` is a stable word in lower case, `hint` what to do
 * (NULL or "": none; never a command that destroys something). Text is escaped here. */
int ctl_fail(struct ctl *ctl, enum ctl_exit exit, const char *code, const char *hint,
             const char *fmt, ...) PRINTF_LIKE(5, 6);

/* The command line is wrong: CTL_USAGE, with a pointer to the verb's help. */
int ctl_usage(struct ctl *ctl, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Reports the failed call on ctl->baton and returns the exit status for it. */
int ctl_fail_status(struct ctl *ctl, baton_status status);
/* The same with a hint of the caller's own; NULL: the usual one. */
int ctl_fail_status_hint(struct ctl *ctl, baton_status status, const char *hint);

/* The exit status for a broker's or the library's answer. */
enum ctl_exit ctl_exit_of(baton_status status);

/* A remark on stderr, unless --quiet. Escaped; with a newline. */
void ctl_remark(struct ctl *ctl, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "role", "resource", …: what people call the scope of a pause. */
const char *ctl_scope_word(enum baton_scope scope);

/* A project as it stands in every answer. */
json_t *ctl_project_json(const struct baton_project_status *project);

/* Milliseconds since 1970, of this machine. */
int64_t ctl_now(void);

/* Checks that all output has been written; CTL_IO (reported) if not, else `status`. */
int ctl_finish(struct ctl *ctl, int status);

/* ---- output (output.c) ---------------------------------------------------------------------- */

/* Writes JSON in which nothing moves a terminal's cursor: what jansson leaves as it is (DEL, C1,
 * bidirectional controls, invisible characters) stands as \uNNNN, so the value is the same. */
void ctl_write_json(FILE *out, const json_t *object);

/* Prints one object as one line, with "v" first; takes the reference. NULL (no memory) aborts. */
void ctl_print_json(struct ctl *ctl, json_t *object);

/* RFC 3339 in UTC, or null for 0. */
json_t *ctl_json_time(int64_t ms);

/* Text as a JSON string; bytes that are not UTF-8 become U+FFFD. NULL counts as "". */
json_t *ctl_json_text(const char *text);

/* Text from outside as one safe line; prints to ctl->out. */
void ctl_print_text(struct ctl *ctl, const char *text);

/* Prints a formatted line part to ctl->out; nothing from outside in it but by ctl_print_text. */
void ctl_print(struct ctl *ctl, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- the verbs --------------------------------------------------------------------------------
 */

int verb_add(struct ctl *ctl, int argc, char **argv);
int verb_apply(struct ctl *ctl, int argc, char **argv);
int verb_backup(struct ctl *ctl, int argc, char **argv);
int verb_blocked(struct ctl *ctl, int argc, char **argv);
int verb_approve(struct ctl *ctl, int argc, char **argv);
int verb_park(struct ctl *ctl, int argc, char **argv);
int verb_refuse(struct ctl *ctl, int argc, char **argv);
int verb_signal(struct ctl *ctl, int argc, char **argv);
int verb_handoff(struct ctl *ctl, int argc, char **argv);
int verb_blocker(struct ctl *ctl, int argc, char **argv);
int verb_budget(struct ctl *ctl, int argc, char **argv);
int verb_cancel(struct ctl *ctl, int argc, char **argv);
int verb_check(struct ctl *ctl, int argc, char **argv);
int verb_config(struct ctl *ctl, int argc, char **argv);
int verb_check_token(struct ctl *ctl, int argc, char **argv);
int verb_complete(struct ctl *ctl, int argc, char **argv);
int verb_completion(struct ctl *ctl, int argc, char **argv);
int verb_decision(struct ctl *ctl, int argc, char **argv);
int verb_context(struct ctl *ctl, int argc, char **argv);
int verb_drain(struct ctl *ctl, int argc, char **argv);
int verb_export(struct ctl *ctl, int argc, char **argv);
int verb_fail(struct ctl *ctl, int argc, char **argv);
int verb_gc(struct ctl *ctl, int argc, char **argv);
int verb_graph(struct ctl *ctl, int argc, char **argv);
int verb_help(struct ctl *ctl, int argc, char **argv);
int verb_hold(struct ctl *ctl, int argc, char **argv);
int verb_incident(struct ctl *ctl, int argc, char **argv);
int verb_list(struct ctl *ctl, int argc, char **argv);
int verb_lock(struct ctl *ctl, int argc, char **argv);
int verb_metrics(struct ctl *ctl, int argc, char **argv);
int verb_mirror(struct ctl *ctl, int argc, char **argv);
int verb_pause(struct ctl *ctl, int argc, char **argv);
int verb_ping(struct ctl *ctl, int argc, char **argv);
int verb_project(struct ctl *ctl, int argc, char **argv);
int verb_progress(struct ctl *ctl, int argc, char **argv);
int verb_ready(struct ctl *ctl, int argc, char **argv);
int verb_release(struct ctl *ctl, int argc, char **argv);
int verb_report(struct ctl *ctl, int argc, char **argv);
int verb_reopen(struct ctl *ctl, int argc, char **argv);
int verb_resources(struct ctl *ctl, int argc, char **argv);
int verb_resume(struct ctl *ctl, int argc, char **argv);
int verb_retry(struct ctl *ctl, int argc, char **argv);
int verb_return(struct ctl *ctl, int argc, char **argv);
int verb_milestones(struct ctl *ctl, int argc, char **argv);
int verb_reserve(struct ctl *ctl, int argc, char **argv);
int verb_rules(struct ctl *ctl, int argc, char **argv);
int verb_schedule(struct ctl *ctl, int argc, char **argv);
int verb_schema(struct ctl *ctl, int argc, char **argv);
int verb_set(struct ctl *ctl, int argc, char **argv);
int verb_show(struct ctl *ctl, int argc, char **argv);
int verb_started(struct ctl *ctl, int argc, char **argv);
int verb_status(struct ctl *ctl, int argc, char **argv);
int verb_take(struct ctl *ctl, int argc, char **argv);
int verb_version(struct ctl *ctl, int argc, char **argv);
int verb_wait(struct ctl *ctl, int argc, char **argv);
int verb_watch(struct ctl *ctl, int argc, char **argv);
int verb_web(struct ctl *ctl, int argc, char **argv);
int verb_why(struct ctl *ctl, int argc, char **argv);
int verb_workers(struct ctl *ctl, int argc, char **argv);

#endif
