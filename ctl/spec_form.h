/* A task from options: `baton add` and `baton set` read the same ones. */
#ifndef BATON_CTL_SPEC_FORM_H
#define BATON_CTL_SPEC_FORM_H

#include "common/arena.h"
#include "ctl/verbs.h"

enum {
    SPEC_FIELDS_MAX = 25, /* that one `set` can name */
};

/* Values of the options below; a verb's own begin at SPEC_OPTION_END. */
enum {
    SPEC_OPTION_ROLE = 256,
    SPEC_OPTION_TITLE,
    SPEC_OPTION_PRIORITY,
    SPEC_OPTION_DEADLINE,
    SPEC_OPTION_ON_DEADLINE,
    SPEC_OPTION_NOT_BEFORE,
    SPEC_OPTION_ESTIMATE,
    SPEC_OPTION_AFTER,
    SPEC_OPTION_RESOURCE,
    SPEC_OPTION_LABEL,
    SPEC_OPTION_PROMPT,
    SPEC_OPTION_PROMPT_FILE,
    SPEC_OPTION_MAX_ATTEMPTS,
    SPEC_OPTION_CRASH_LIMIT,
    SPEC_OPTION_BACKOFF,
    SPEC_OPTION_BACKOFF_CAP,
    SPEC_OPTION_MAX_RUNTIME,
    SPEC_OPTION_IDLE,
    SPEC_OPTION_LEASE,
    SPEC_OPTION_STALL,
    SPEC_OPTION_REVIEW,
    SPEC_OPTION_APPROVAL,
    SPEC_OPTION_PREEMPTIBLE,
    SPEC_OPTION_END,
};

/* For arrays of struct option. */
#define SPEC_OPTIONS                                                                               \
    {"role", required_argument, NULL, SPEC_OPTION_ROLE},                                           \
        {"title", required_argument, NULL, SPEC_OPTION_TITLE},                                     \
        {"priority", required_argument, NULL, SPEC_OPTION_PRIORITY},                               \
        {"deadline", required_argument, NULL, SPEC_OPTION_DEADLINE},                               \
        {"on-deadline", required_argument, NULL, SPEC_OPTION_ON_DEADLINE},                         \
        {"not-before", required_argument, NULL, SPEC_OPTION_NOT_BEFORE},                           \
        {"estimate", required_argument, NULL, SPEC_OPTION_ESTIMATE},                               \
        {"after", required_argument, NULL, SPEC_OPTION_AFTER},                                     \
        {"resource", required_argument, NULL, SPEC_OPTION_RESOURCE},                               \
        {"label", required_argument, NULL, SPEC_OPTION_LABEL},                                     \
        {"prompt", required_argument, NULL, SPEC_OPTION_PROMPT},                                   \
        {"prompt-file", required_argument, NULL, SPEC_OPTION_PROMPT_FILE},                         \
        {"max-attempts", required_argument, NULL, SPEC_OPTION_MAX_ATTEMPTS},                       \
        {"crash-limit", required_argument, NULL, SPEC_OPTION_CRASH_LIMIT},                         \
        {"backoff", required_argument, NULL, SPEC_OPTION_BACKOFF},                                 \
        {"backoff-cap", required_argument, NULL, SPEC_OPTION_BACKOFF_CAP},                         \
        {"max-runtime", required_argument, NULL, SPEC_OPTION_MAX_RUNTIME},                         \
        {"timeout-run", required_argument, NULL, SPEC_OPTION_MAX_RUNTIME},                         \
        {"idle", required_argument, NULL, SPEC_OPTION_IDLE},                                       \
        {"lease", required_argument, NULL, SPEC_OPTION_LEASE},                                     \
        {"approval", required_argument, NULL, SPEC_OPTION_APPROVAL},                               \
        {"review-within", required_argument, NULL, SPEC_OPTION_REVIEW},                            \
        {"preemptible", required_argument, NULL, SPEC_OPTION_PREEMPTIBLE},                         \
    {                                                                                              \
        "stall", required_argument, NULL, SPEC_OPTION_STALL                                        \
    }

/* A task being filled in. All that it points to is in the arena or on the command line. */
struct spec_form {
    baton_spec *spec; /* ours */
    struct arena arena;
    struct baton_edge *after; /* as all growing lists here: in the arena, becomes spec's */
    struct baton_claim *claims;
    struct baton_label *labels;
    const char **env;
    uint32_t n_any;                      /* groups of alternatives so far */
    const char *fields[SPEC_FIELDS_MAX]; /* of the specification that were named */
    size_t n_fields;
};

void spec_form_init(struct spec_form *form);
void spec_form_fini(struct spec_form *form);

/* Takes one option. False: it was wrong, reported; return ctl->status. With `clear`, "none" empties
 * a field. */
bool spec_form_take(struct spec_form *form, struct ctl *ctl, int option, const char *value,
                    bool clear);

/* "NAME=VALUE" of the task's environment. As spec_form_take. */
bool spec_form_take_env(struct spec_form *form, struct ctl *ctl, const char *value);

/* The words behind `--`. */
void spec_form_take_command(struct spec_form *form, const char *const *words, size_t n);

/* A shell's line that proves the task done. */
void spec_form_take_check(struct spec_form *form, const char *line);

/* Notes that a field of the specification was named (names as in proto/task.proto). */
void spec_form_note(struct spec_form *form, const char *field);

/* Cuts argv at the first "--"; what stands behind it, NULL-terminated, and how many. */
const char *const *command_split(int *argc, char **argv, size_t *ret_n);

#endif
