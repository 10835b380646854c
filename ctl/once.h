/* Cards of a file that happen once, posted so that the same entry of a file, given again, is the
 * same request: after a crash, in a second `apply`, in the inbox of two mirrors. */
#ifndef BATON_CTL_ONCE_H
#define BATON_CTL_ONCE_H

#include "ctl/plan/plan.h"
#include "ctl/verbs.h"

enum { ONCE_REASON_BYTES = 1024 };

enum once_result {
    ONCE_POSTED,    /* *ret_posted is the caller's, by baton_posted_free */
    ONCE_BEFORE,    /* it was posted before; *ret_posted as it was then, or NULL: long ago */
    ONCE_REFUSED,   /* `reason` says where and why */
    ONCE_NO_BROKER, /* reported in ctl->status */
};

/* Posts one through a connection named after what the file says. The broker remembers it for as
 * long as it remembers answers (docs/protocol.md, "Limits"). */
enum once_result post_once(struct ctl *ctl, const struct plan_card *card,
                           char reason[ONCE_REASON_BYTES], baton_posted **ret_posted);

/* Posts all of a plan, in the order of its files, until one is refused: what was posted stays, and
 * is not posted again by the next try. Prints a line of each, or with --json adds an object of each
 * to `list`. With dry_run it only tells. The exit status. */
int once_post_all(struct ctl *ctl, const struct plan *plan, bool dry_run, json_t *list);

#endif
