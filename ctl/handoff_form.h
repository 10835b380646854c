/* A handoff as the command line says it: `baton handoff give`, `baton complete --handoff`. */
#ifndef BATON_CTL_HANDOFF_FORM_H
#define BATON_CTL_HANDOFF_FORM_H

#include "ctl/plan_form.h"

/* Zeroed but for card.kind it is empty. */
struct handoff_form {
    struct baton_card card;
    struct baton_item *items; /* ours */
    size_t n_items;
    struct ctl_ref ref;
    struct plan *plan; /* owns what the file says; NULL: no file */
};

/* A line more, without content yet; until the next one is added. */
struct baton_item *handoff_form_add(struct handoff_form *form, const char *tag);

/* Reads a file with one handoff (-: standard input) and nothing else. What the command line says
 * goes before what the file says, but for its lines: those come behind. CTL_YES, or what was
 * reported. */
int handoff_form_load(struct handoff_form *form, struct ctl *ctl, char *path) MUST_CHECK;

/* The card, whole; artifacts that are not here are marked as missing. Borrowed. */
const struct baton_card *handoff_form_settle(struct handoff_form *form);

void handoff_form_fini(struct handoff_form *form);

#endif
