/* What `baton wait` knows of the tasks it waits for, and when that is an answer. Pure. */
#ifndef BATON_CTL_WAITING_H
#define BATON_CTL_WAITING_H

#include "client/include/baton.h"
#include "ctl/names.h"

#include <stdbool.h>

/* What is waited for. */
struct waiting_for {
    baton_state state; /* this one; NONE: see the others */
    bool terminal;     /* any end; the answer is yes when every end is done */
    bool started;      /* running, or ended after having run */
    const char *word;  /* as written, for messages; borrowed */
};

/* "done", "terminal", "started", "state=X". False: none of them. */
bool waiting_for_parse(const char *text, struct waiting_for *ret_want);

struct waited_task {
    baton_state state;
    bool started; /* has run */
    bool met;
};

struct waiting {
    struct waiting_for want;
    bool any; /* one is enough */
    struct names names;
    struct waited_task *tasks; /* by number of the name */
    size_t room;
    size_t n_met;
    size_t n_missed; /* ended, and not as wanted */
};

void waiting_init(struct waiting *waiting, struct waiting_for want, bool any);

/* A task is in this state now; new names are added. */
void waiting_see(struct waiting *waiting, const char *project, const char *id, baton_state state,
                 bool started);

/* True when nothing that may still come changes the answer soon enough to wait for it: all met, one
 * missed (with `any`: one met, or all missed; with terminal: all ended). */
bool waiting_is_decided(const struct waiting *waiting);

/* When decided: is the answer yes? */
bool waiting_is_met(const struct waiting *waiting);

bool waiting_missed(const struct waiting *waiting, size_t n);
size_t waiting_n_pending(const struct waiting *waiting);

/* The n-th name as people write it in project `at_hand`; borrowed. */
const char *waiting_name(const struct waiting *waiting, size_t n, const char *at_hand);

void waiting_fini(struct waiting *waiting);

#endif
