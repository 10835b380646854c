/* Messages that wait until what they say is durable.
 *
 * What a turn sends is added unsealed, then sealed with the ticket of the turn's batch (or of the
 * newest batch, when the turn wrote nothing: its answers may still rest on what an earlier turn
 * wrote). Messages leave in order once their ticket is durable. Knows nothing of sockets. */
#ifndef BATON_FRONT_OUTBOX_H
#define BATON_FRONT_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

struct outbox_entry {
    uint64_t ticket;  /* leaves when this is durable */
    uint64_t peer;    /* to whom */
    uint8_t *data;    /* malloced; the whole message */
    size_t bytes;     /* of data */
    uint64_t *tokens; /* malloced; leases that the message hands out, NULL for none */
    size_t n_tokens;
    uint32_t worker; /* of the session that the leases are for; 0: a Take's */
};

struct outbox {
    struct outbox_entry *entries; /* a ring */
    size_t room;                  /* a power of two */
    size_t first;
    size_t n;
    size_t n_sealed; /* of the first ones */
    size_t bytes;    /* of all messages in it */
};

void outbox_fini(struct outbox *outbox);

/* Takes data and tokens; ticket is set later. */
void outbox_add(struct outbox *outbox, const struct outbox_entry *entry);
void outbox_seal(struct outbox *outbox, uint64_t ticket);

/* Sends one message. May take entry->data by setting it to NULL, and may add to the outbox. */
typedef void outbox_send_fn(void *context, struct outbox_entry *entry);

/* Sends everything sealed whose ticket is at most `durable`; returns how many. */
size_t outbox_release(struct outbox *outbox, uint64_t durable, outbox_send_fn *send, void *context);

#endif
