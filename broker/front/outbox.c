#include "broker/front/outbox.h"

#include "common/alloc.h"
#include "common/check.h"

#include <stdlib.h>

enum { ROOM_MIN = 64 };

static struct outbox_entry *
at(struct outbox *outbox, size_t i)
{
    return &outbox->entries[(outbox->first + i) & (outbox->room - 1)];
}

void
outbox_fini(struct outbox *outbox)
{
    for (size_t i = 0; i < outbox->n; i++) {
        free(at(outbox, i)->data);
        free(at(outbox, i)->tokens);
    }
    free(outbox->entries);
    *outbox = (struct outbox){0};
}

static void
grow(struct outbox *outbox)
{
    size_t room = MAX(outbox->room * 2, (size_t)ROOM_MIN);
    struct outbox_entry *entries = xreallocarray(NULL, room, sizeof *entries);
    for (size_t i = 0; i < outbox->n; i++) {
        entries[i] = *at(outbox, i);
    }
    free(outbox->entries);
    outbox->entries = entries;
    outbox->room = room;
    outbox->first = 0;
}

void
outbox_add(struct outbox *outbox, const struct outbox_entry *entry)
{
    if (outbox->n == outbox->room) {
        grow(outbox);
    }
    outbox->n++;
    *at(outbox, outbox->n - 1) = *entry;
    outbox->bytes += entry->bytes;
}

void
outbox_seal(struct outbox *outbox, uint64_t ticket)
{
    while (outbox->n_sealed < outbox->n) {
        at(outbox, outbox->n_sealed)->ticket = ticket;
        outbox->n_sealed++;
    }
}

size_t
outbox_release(struct outbox *outbox, uint64_t durable, outbox_send_fn *send, void *context)
{
    size_t n = 0;
    while (outbox->n_sealed > 0 && at(outbox, 0)->ticket <= durable) {
        struct outbox_entry entry = *at(outbox, 0);
        outbox->first = (outbox->first + 1) & (outbox->room - 1);
        outbox->n--;
        outbox->n_sealed--;
        outbox->bytes -= entry.bytes;
        send(context, &entry);
        free(entry.data);
        free(entry.tokens);
        n++;
    }
    return n;
}
