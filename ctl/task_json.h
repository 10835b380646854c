/* Tasks as JSON: the shapes that scripts rely on (docs/man/baton.1.scd, JSON). */
#ifndef BATON_CTL_TASK_JSON_H
#define BATON_CTL_TASK_JSON_H

#include "client/include/baton.h"

#include <jansson.h>

/* One line of a list. Never NULL; the caller's, as all here. */
json_t *task_json_row(const baton_task *task);

/* Everything that is known of one task: a row and more. */
json_t *task_json_whole(const baton_task *task);

/* What was submitted, with times, durations in milliseconds and the texts. */
json_t *task_json_spec(const baton_spec *spec);

/* One line of `baton export`: what `baton apply` reads again. */
json_t *task_json_export(const baton_task *task);

/* "ID", or "PROJECT//ID" when it is in another project than `at_hand`. */
json_t *task_json_ref(const struct baton_ref *ref, const char *at_hand);

/* {"outcome":…}. */
json_t *task_json_result(const struct baton_result *result);

/* A token: a string, for it may be above 2^53. */
json_t *task_json_token(uint64_t token);

#endif
