/* A core by hand, with every fact that it ever made: at the end its journal and a snapshot must
 * give the same state again. One thread; texts are in the bench's arena. */
#ifndef BATON_TESTS_CORE_BENCH_H
#define BATON_TESTS_CORE_BENCH_H

#include "broker/core/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct bench {
    struct core *core;
    struct arena arena;
    struct core_out out;
    struct core_request request; /* of "ann" at 1000 */
    struct buf journal;          /* of all facts so far */
    struct buf events;           /* packed, each behind its length, all so far */
    uint32_t n_facts;
};

void bench_init(struct bench *b);
/* Holds the core to its journal and to its snapshot. */
void bench_fini(struct bench *b);
/* Moves what the last request left behind into the journal; the verbs below do that themselves. */
void bench_keep(struct bench *b);

/* Role "": a milestone. */
Baton__Spec *bench_spec(struct bench *b, const char *id, const char *role);
void bench_after(struct bench *b, Baton__Spec *spec, const char *id);
/* `ret` may be NULL. */
Baton__Code bench_submit(struct bench *b, const Baton__Submit *submit, Baton__Submitted *ret);
Baton__Code bench_add(struct bench *b, Baton__Spec *spec);
/* Leases a task of the role to the worker w1: its token, or 0. */
uint64_t bench_take(struct bench *b, const char *role);
Baton__Code bench_end(struct bench *b, uint64_t token, Baton__Outcome outcome);
/* Posts a card, which must be taken; under the lease of `token`, or 0. Its number. */
uint64_t bench_post(struct bench *b, Baton__CardVerb verb, uint64_t token, Baton__Card *card);
/* A constant where protobuf-c wants text of one's own. */
char *bench_text(const char *of);
/* Of a task of the default project; "archived", "unknown". */
const char *bench_state(struct bench *b, const char *id);
unsigned bench_n_events(struct bench *b, Baton__Event__Kind kind);

#endif
