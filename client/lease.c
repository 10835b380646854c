/* The leases that a worker session holds: see lease.h. */
#include "client/lease.h"

#include "common/check.h"

#include <stdlib.h>
#include <string.h>

static size_t
home_of(const struct leases *leases, uint64_t token)
{
    return (size_t)((token * 0x9e3779b97f4a7c15u) >> 20) & (leases->n_slots - 1);
}

static size_t
slot_of(const struct leases *leases, uint64_t token)
{
    size_t slot = home_of(leases, token);
    while (leases->slots[slot] && leases->slots[slot]->token != token) {
        slot = (slot + 1) & (leases->n_slots - 1);
    }
    return slot;
}

static bool
grow(struct leases *leases)
{
    size_t n_old = leases->n_slots;
    struct lease **old = leases->slots;
    size_t n_slots = n_old ? n_old * 2 : 64;
    struct lease **slots = calloc(n_slots, sizeof(struct lease *));
    if (!slots) {
        return false;
    }
    leases->slots = slots;
    leases->n_slots = n_slots;
    for (size_t i = 0; i < n_old; i++) {
        if (old[i]) {
            slots[slot_of(leases, old[i]->token)] = old[i];
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
        struct lease *lease = leases->slots[i];
        if (lease && !lease->queued) {
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
    return leases->n_slots ? leases->slots[slot_of(leases, token)] : NULL;
}

struct lease *
leases_add(struct leases *leases, uint64_t token)
{
    if (leases->n >= leases->n_slots / 2 && !grow(leases)) {
        return NULL;
    }
    size_t slot = slot_of(leases, token);
    CHECK(!leases->slots[slot]);
    struct lease *lease = leases->free;
    if (lease) {
        leases->free = lease->next;
    } else if (!(lease = malloc(sizeof *lease))) {
        return NULL;
    }
    memset(lease, 0, offsetof(struct lease, room));
    lease->token = token;
    leases->slots[slot] = lease;
    leases->n++;
    leases->n_held++;
    return lease;
}

/* Takes it out of the table, moving back what would no longer be found behind the hole. */
static void
table_remove(struct leases *leases, size_t hole)
{
    size_t mask = leases->n_slots - 1;
    for (size_t at = (hole + 1) & mask; leases->slots[at]; at = (at + 1) & mask) {
        size_t home = home_of(leases, leases->slots[at]->token);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            leases->slots[hole] = leases->slots[at];
            hole = at;
        }
    }
    leases->slots[hole] = NULL;
    leases->n--;
}

static void
lease_recycle(struct leases *leases, struct lease *lease)
{
    lease->next = leases->free;
    leases->free = lease;
}

/* Forgets an ended lease for good. */
static void
lease_forget(struct leases *leases, uint64_t token)
{
    size_t slot = slot_of(leases, token);
    struct lease *lease = leases->slots[slot];
    if (!lease || !lease->ended) {
        return; /* the caller reported it again after its end */
    }
    table_remove(leases, slot);
    if (lease->queued) {
        lease->dropped = true;
    } else {
        lease_recycle(leases, lease);
    }
}

void
leases_end(struct leases *leases, struct lease *lease)
{
    lease_empty(lease);
    lease->ended = true;
    leases->n_held--;
    size_t place = leases->n_ended++ % LEASES_ENDED_KEPT;
    uint64_t oldest = leases->ended[place];
    leases->ended[place] = lease->token;
    if (leases->n_ended > LEASES_ENDED_KEPT && oldest != lease->token) {
        lease_forget(leases, oldest);
    }
}

void
leases_revive(struct leases *leases, struct lease *lease)
{
    lease->ended = false;
    lease->said_at = 0;
    lease->result_id = 0;
    leases->n_held++;
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
        if (!lease->dropped) {
            return lease;
        }
        lease_recycle(leases, lease);
    }
}

struct lease *
leases_each(const struct leases *leases, size_t *at)
{
    while (*at < leases->n_slots) {
        struct lease *lease = leases->slots[(*at)++];
        if (lease && !lease->ended) {
            return lease;
        }
    }
    return NULL;
}
