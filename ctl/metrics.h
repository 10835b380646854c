/* Metrics as people read them: rates of what was counted, and targets met or missed. */
#ifndef BATON_CTL_METRICS_H
#define BATON_CTL_METRICS_H

#include "common/measure.h"
#include "ctl/verbs.h"

/* Sums `rows` of the project (NULL: of all) and role (NULL: of all). */
struct baton_metrics metrics_add(const baton_metrics_reply *reply, const char *project,
                                 const char *role);
/* False: nothing was counted that it could be computed from. */
bool metrics_value(const struct baton_metrics *metrics, size_t metric, double *ret_value);

enum verdict { TARGET_UNKNOWN, TARGET_MET, TARGET_MISSED };

/* A rule of the board, and how it stands. */
struct target {
    char *project, *name, *role, *bound; /* owned; bound: "above" or "below" */
    char *unit;                          /* of a known metric its own; owned */
    char *text;                          /* as it was written; owned */
    double wanted;
    enum verdict verdict;
    double value; /* with a verdict */
};
struct targets {
    struct target *list;
    size_t n, room;
};

/* Reads the targets of the projects (n 0: of all) and judges them. False: reported. */
bool targets_read(struct ctl *ctl, const baton_metrics_reply *reply, const char *const *projects,
                  size_t n, struct targets *ret);
void targets_fini(struct targets *targets);

/* Is a value as it is wanted ("above" and "at least", "below" and "at most")? */
bool target_is_met(const struct target *target, double value);

/* A number with its unit for people: "93.3 %", "3h 20m", "1,200". Returns out. */
const char *metric_format(double value, const char *unit, char *out, size_t room);
const char *verdict_word(enum verdict verdict);

#endif
