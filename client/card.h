/* Cards of the board, between the public structs and the messages. What is built points into the
 * source and the memory of a record. */
#ifndef BATON_CLIENT_CARD_H
#define BATON_CLIENT_CARD_H

#include "baton.h"
#include "client/record.h"

#include <wire.pb-c.h>

/* NULL: no memory. */
Baton__Card *card_to_message(struct record *record, const struct baton_card *card);
/* False: no memory. A NULL message is an empty card. */
bool card_from_message(struct record *record, const Baton__Card *message,
                       struct baton_card *ret_card);

#endif
