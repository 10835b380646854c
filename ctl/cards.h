/* Cards of the board on the command line: what the verbs on them have in common. */
#ifndef BATON_CTL_CARDS_H
#define BATON_CTL_CARDS_H

#include "ctl/command.h"
#include "ctl/verbs.h"

/* "12" or "#12": the number of a card. False: reported; return ctl->status. */
bool card_take_number(struct ctl *ctl, const char *text, uint64_t *ret_number);

/* "P0" to "P3". False: reported; return ctl->status. */
bool card_take_severity(struct ctl *ctl, const char *text, uint32_t *ret);

/* Everything of a card, as docs/coordination.md has it. The caller's reference. */
json_t *card_json(const struct baton_card *card);

/* Everything of a card, for people. */
void card_say(struct ctl *ctl, const struct baton_card *card);

/* Posts it under the lease of the environment, if there is one and none is given, and tells what
 * became of it: "blocker #12 is taken", or the card as JSON. The exit status. */
int card_post(struct ctl *ctl, struct baton_post *post);

/* Prints times, a line each, as their zone has them and in UTC; as JSON an object each. */
void times_print(struct ctl *ctl, const struct baton_timetable *times);

/* Prints the cards that match, a line each ("title" is the table's column of titles): a table, or
 * one JSON object a line. CTL_NO when there are none. */
int card_list(struct ctl *ctl, const struct baton_card_filter *filter);

/* What `VERB list` takes beside --all, without which only open ones are printed. */
enum {
    CARD_LIST_ROLE = 1,
    CARD_LIST_TASK = 2,
};
/* card_list of a kind with the filter that the command line says. The exit status. */
int card_list_verb(struct ctl *ctl, baton_card_kind kind, unsigned takes, int argc, char **argv);

/* Prints the one card with this number and kind; CTL_NO when there is none. */
int card_show(struct ctl *ctl, baton_card_kind kind, uint64_t number);

/* Prints all cards of this name and kind, oldest first; CTL_NO when there are none. */
int card_show_named(struct ctl *ctl, baton_card_kind kind, const char *name);

#endif
