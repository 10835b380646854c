/* What one source (result file, agent's output) says of how the work ended. */
#ifndef BATON_WORKER_FINDING_H
#define BATON_WORKER_FINDING_H

#include "client/include/baton.h"
#include "common/check.h"
#include "worker/measures.h"

enum finding_kind {
    FINDING_NONE,     /* the source says nothing */
    FINDING_BAD,      /* it is there, but not valid: `summary` says what is wrong */
    FINDING_UNPROVEN, /* it says something that proves nothing: `summary` */
    FINDING_SAID,     /* an outcome */
};

struct finding {
    enum finding_kind kind;
    baton_outcome outcome;    /* with FINDING_SAID: what it says became of the task */
    char *summary;            /* owned; NULL: none; valid for the broker */
    char *document;           /* owned JSON text; NULL: none */
    int64_t retry_after_ms;   /* 0: not said */
    char *wait_for;           /* owned; with parked: what for; NULL */
    struct measures measures; /* said beside it, whatever the kind */
};

void finding_fini(struct finding *finding);

/* A finding with a summary made here, cleaned and bounded. */
struct finding finding_say(enum finding_kind kind, baton_outcome outcome, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

#endif
