/* What the tests of ctl share: an invocation whose output is text, and tasks made by hand. */
#ifndef BATON_TESTS_UNIT_CTL_BENCH_H
#define BATON_TESTS_UNIT_CTL_BENCH_H

#include "ctl/verbs.h"

#include <jansson.h>

/* Ends with NULL, as bench_run wants it. */
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* A test's set-up: no token, and an endpoint where nobody is. */
int bench_without_broker(void **state);

/* An invocation with its output and errors in memory. */
struct bench {
    struct ctl ctl;
    char *out; /* read by bench_out */
    size_t out_bytes;
    char *err; /* read by bench_err */
    size_t err_bytes;
};

void bench_init(struct bench *bench);
/* All that was printed so far; borrowed until the next print. */
const char *bench_out(struct bench *bench);
const char *bench_err(struct bench *bench);
/* What was printed, as one JSON object (fails the test if it is none); the caller's. */
json_t *bench_out_json(struct bench *bench);
/* Runs a verb; `words` ends with NULL and begins with its name. */
int bench_run(struct bench *bench, const char *const *words);
void bench_fini(struct bench *bench);

/* A task with all texts set to ""; spec and task live in static storage of the caller. */
void task_make(baton_task *task, baton_spec *spec, const char *id, baton_state state);

#endif
