/* The handoff in an agent's result file: the member "handoff", with the fields of the strategy's
 * handoff_template. It becomes a card of the broker's board in the commit that ends the attempt. */
#ifndef BATON_WORKER_HANDOFF_H
#define BATON_WORKER_HANDOFF_H

#include "client/include/baton.h"

#include <jansson.h>
#include <stdbool.h>

enum { HANDOFF_WHY_ROOM = 256 };

struct handoff {
    struct baton_card card;
    struct baton_item *items;
    json_t *object; /* what the texts are borrowed from */
    char *document; /* without the handoff; owned */
};

/* True when the result has none, or one that is well-formed; else what is wrong. */
bool handoff_check(json_t *result, char why[HANDOFF_WHY_ROOM]);

/* Says of each artifact that is not there, seen from the directory, that it is missing. Takes the
 * document (may be NULL) and returns it or another one. */
char *handoff_mark_missing(char *document, int workdir);

/* The handoff in a result's document; false: there is none, and *ret is empty. handoff_fini it
 * either way. */
bool handoff_take(const struct baton_result *result, struct handoff *ret);
void handoff_fini(struct handoff *handoff);

#endif
