/* The leases that a worker session holds: see lease.h. */
#include "client/lease.h"

#include "common/check.h"

#include <stdlib.h>
#include <string.h>

enum { NEIGHBOURS_BITS = 2 }; /* tokens of one message follow each other: so many share a line */

static struct lease lease_gone; /* stands for all that have ended */

static size_t
home_of(const struct leases *leases, uint64_t token)
{
    uint64_t hash = (token >> NEIGHBOURS_BITS) * 0x9e3779b97f4a7c15u >> 20;
    uint64_t place = token & ((1 << NEIGHBOURS_BITS) - 1);
    return (size_t)(hash << NEIGHBOURS_BITS | place) & (leases->n_slots - 1);
}

/* Where it is, or would be. */
static size_t
slot_of(const struct leases *leases, uint64_t token)
{
    size_t slot = home_of(leases, token);
    while (leases->slots[slot].lease && leases->slots[slot].token != token) {
        slot = (slot + 1) & (leases->n_slots - 1);
    }
    return slot;
}

static bool
grow(struct leases *leases)
{
    size_t n_old = leases->n_slots;
    struct lease_slot *old = leases->slots;
    size_t n_slots = n_old ? n_old * 2 : 64;
    struct lease_slot *slots = calloc(n_slots, sizeof *slots);
    if (!slots) {
        return false;
    }
    leases->slots = slots;
    leases->n_slots = n_slots;
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].lease) {
            slots[slot_of(leases, old[i].token)] = old[i];
        }
    }
    free(old);
    return true;
}

static void
lease_empty(struct lease *lease)
{
    if (lease->line != lease->room) {
        free(lease->line);
    }
    free(lease->handoff);
    free(lease->progress);
    if (lease->name != lease->name_room) {
        free(lease->name);
    }
    lease->line = lease->progress = lease->handoff = NULL;
    lease->handoff_bytes = 0;
    lease->name = NULL;
    lease->say_started = lease->say_beat = lease->say_result = false;
}

static void
list_free(struct lease *lease)
{
    for (struct lease *next; lease; lease = next) {
        next = lease->next;
        lease_empty(lease);
        free(lease);
    }
}

void
leases_fini(struct leases *leases)
{
    for (size_t i = 0; i < leases->n_slots; i++) {
        struct lease *lease = leases->slots[i].lease;
        if (lease && lease != &lease_gone && !lease->queued) {
            lease_empty(lease);
            free(lease);
        }
    }
    list_free(leases->first);
    list_free(leases->free);
    free(leases->slots);
    *leases = (struct leases){0};
}

struct lease *
leases_find(const struct leases *leases, uint64_t token)
{
    struct lease *lease = leases->n_slots ? leases->slots[slot_of(leases, token)].lease : NULL;
    return lease != &lease_gone ? lease : NULL;
}

bool
leases_knows(const struct leases *leases, uint64_t token)
{
    return leases->n_slots && leases->slots[slot_of(leases, token)].lease;
}

struct lease *
leases_add(struct leases *leases, uint64_t token)
{
    if (leases->n >= leases->n_slots / 2 && !grow(leases)) {
        return NULL;
    }
    struct lease_slot *slot = &leases->slots[slot_of(leases, token)];
    CHECK(!slot->lease || slot->lease == &lease_gone);
    struct lease *lease = leases->free;
    if (lease) {
        leases->free = lease->next;
    } else if (!(lease = malloc(sizeof *lease))) {
        return NULL;
    }
    memset(lease, 0, offsetof(struct lease, room));
    lease->token = token;
    leases->n += !slot->lease;
    leases->n_held++;
    *slot = (struct lease_slot){.token = token, .lease = lease};
    return lease;
}

/* Empties a slot, moving back what would no longer be found behind the hole. */
static void
slot_remove(struct leases *leases, size_t hole)
{
    size_t mask = leases->n_slots - 1;
    for (size_t at = (hole + 1) & mask; leases->slots[at].lease; at = (at + 1) & mask) {
        size_t home = home_of(leases, leases->slots[at].token);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            leases->slots[hole] = leases->slots[at];
            hole = at;
        }
    }
    leases->slots[hole] = (struct lease_slot){0};
    leases->n--;
}

static void
lease_recycle(struct leases *leases, struct lease *lease)
{
    lease->next = leases->free;
    leases->free = lease;
}

void
leases_end(struct leases *leases, struct lease *lease)
{
    uint64_t token = lease->token;
    leases->slots[slot_of(leases, token)].lease = &lease_gone;
    leases->n_held--;
    lease_empty(lease);
    if (lease->queued) {
        lease->ended = true;
    } else {
        lease_recycle(leases, lease);
    }
    size_t place = leases->n_ended++ % LEASES_ENDED_KEPT;
    uint64_t oldest = leases->ended[place];
    leases->ended[place] = token;
    if (leases->n_ended > LEASES_ENDED_KEPT && oldest != token) {
        size_t slot = slot_of(leases, oldest);
        /* It may be gone, and be held again, if it was reported once more after its end. */
        if (leases->slots[slot].lease == &lease_gone) {
            slot_remove(leases, slot);
        }
    }
}

void
leases_queue(struct leases *leases, struct lease *lease)
{
    if (lease->queued) {
        return;
    }
    lease->queued = true;
    lease->next = NULL;
    if (leases->first) {
        leases->last->next = lease;
    } else {
        leases->first = lease;
    }
    leases->last = lease;
}

struct lease *
leases_unqueue(struct leases *leases)
{
    for (;;) {
        struct lease *lease = leases->first;
        if (!lease) {
            return NULL;
        }
        leases->first = lease->next;
        lease->queued = false;
        if (!lease->ended) {
            return lease;
        }
        lease_recycle(leases, lease);
    }
}

struct lease *
leases_each(const struct leases *leases, size_t *at)
{
    while (*at < leases->n_slots) {
        struct lease *lease = leases->slots[(*at)++].lease;
        if (lease && lease != &lease_gone) {
            return lease;
        }
    }
    return NULL;
}
