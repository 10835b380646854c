/* The result that an agent leaves: one JSON object with an outcome. */
#ifndef BATON_WORKER_RESULT_H
#define BATON_WORKER_RESULT_H

#include "worker/finding.h"

#include <jansson.h>
#include <stddef.h>

/* Reads the file `name` in `dir`. FINDING_NONE: there is none. FINDING_BAD: not a regular file, too
 * large, not such an object. */
struct finding result_read(int dir, const char *name);

/* The same from text; `source` is named in what is said of mistakes. */
struct finding result_parse(const char *text, size_t bytes, const char *source);

/* The same from an object, borrowed. */
struct finding result_from_json(json_t *object, const char *source);

#endif
