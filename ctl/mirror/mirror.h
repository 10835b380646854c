/* The mirror: the customer's files, made from the board and kept so. */
#ifndef BATON_CTL_MIRROR_MIRROR_H
#define BATON_CTL_MIRROR_MIRROR_H

#include "ctl/mirror/folder.h"
#include "ctl/verbs.h"

/* Pages, as bits: which are out of date. */
enum {
    PAGE_HANDOFFS = 1,
    PAGE_BLOCKERS = 2,
    PAGE_DECISIONS = 4,
    PAGE_STATUS = 8,
    PAGE_REPORTS = 16,
    PAGE_ALL = 31,
};

struct mirror {
    struct ctl *ctl;
    struct folder folder;
    char *zone;     /* of times on the pages; owned */
    unsigned stale; /* PAGE_…: to be written */
    int status;     /* of what failed last; CTL_YES */
};

/* Which pages the event makes stale. */
unsigned mirror_pages_of(const struct baton_event *event);

/* Writes the stale pages from what the broker says now. False: reported, mirror->status. */
bool mirror_refresh(struct mirror *mirror);

/* Files what stands in inbox/ and moves it to inbox/done/, or with the reason to inbox/refused/.
 * False: reported. */
bool mirror_take_inbox(struct mirror *mirror);

#endif
