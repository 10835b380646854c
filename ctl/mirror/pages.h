/* The customer's pages, from cards: Markdown in just the form of its strategy. No I/O. */
#ifndef BATON_CTL_MIRROR_PAGES_H
#define BATON_CTL_MIRROR_PAGES_H

#include "client/include/baton.h"
#include "common/buf.h"

/* Text from outside inside a line of Markdown: one line, without control characters, and with
 * nothing that is HTML. */
void page_text(struct buf *page, const char *text);

/* "2025-08-10 14:00" in the zone; "-" for 0. */
void page_time(struct buf *page, int64_t at, const char *zone);
/* "2025-08-10" in the zone. */
void page_date(int64_t at, const char *zone, char out[16]);

/* handoffs/YYYY-MM-DD-ROLE-handoff.md: one handoff after the other. */
void page_handoffs_begin(struct buf *page, const char *date, const char *role);
void page_handoff(struct buf *page, const struct baton_card *card, const char *zone);

/* status/blockers.md: `begin`, every open one, then `middle`, the ended ones. */
void page_blockers_begin(struct buf *page);
void page_blockers_middle(struct buf *page, size_t n_open);
void page_blocker(struct buf *page, const struct baton_card *card, const char *zone);

/* status/current-status.md: one role after the other. */
void page_status(struct buf *page, const struct baton_role_status *role, const char *zone);

/* decisions/….md. */
void page_decisions_begin(struct buf *page, const char *title);
void page_decision(struct buf *page, const struct baton_card *card, const char *zone);

/* "Infrastructure Agent": how the customer calls a role. */
const char *page_agent(const char *role);

#endif
