#include "broker/front/takes.h"

#include <stdlib.h>
#include <string.h>

void
asker_fini(struct asker *asker)
{
    free(asker->client);
    free(asker->actor);
    *asker = (struct asker){0};
}

static void
count(struct takes *takes, const struct take *take, bool in)
{
    for (unsigned role = 0; role < ARRAY_LEN(takes->n_of_role); role++) {
        if (take->roles & 1u << role) {
            takes->n_of_role[role] += in ? 1 : -1u;
        }
    }
}

bool
takes_add(struct takes *takes, struct take *take)
{
    if (takes->n >= TAKES_MAX) {
        return false;
    }
    take->prev = takes->last;
    take->next = NULL;
    *(takes->last ? &takes->last->next : &takes->first) = take;
    takes->last = take;
    takes->next_at = takes->n > 0 ? MIN(takes->next_at, take->until) : take->until;
    takes->n++;
    count(takes, take, true);
    return true;
}

void
take_free(struct take *take)
{
    for (size_t i = 0; i < take->n_projects; i++) {
        free(take->projects[i]);
    }
    free(take->projects);
    asker_fini(&take->asker);
    free(take);
}

void
takes_remove(struct takes *takes, struct take *take)
{
    *(take->prev ? &take->prev->next : &takes->first) = take->next;
    *(take->next ? &take->next->prev : &takes->last) = take->prev;
    takes->n--;
    count(takes, take, false);
    take_free(take);
}

void
takes_fini(struct takes *takes)
{
    while (takes->first) {
        takes_remove(takes, takes->first);
    }
}

struct take *
takes_find(const struct takes *takes, const char *client, uint64_t number)
{
    struct take *take = takes->first;
    while (take && !(take->asker.number == number && strcmp(take->asker.client, client) == 0)) {
        take = take->next;
    }
    return take;
}

int64_t
takes_next_at(const struct takes *takes)
{
    return takes->n > 0 ? takes->next_at : INT64_MAX;
}

struct take *
takes_expired(struct takes *takes, int64_t now)
{
    if (takes->n == 0 || now < takes->next_at) {
        return NULL;
    }
    takes->next_at = INT64_MAX;
    for (struct take *take = takes->first; take; take = take->next) {
        if (take->until <= now) {
            takes->next_at = now; /* there may be more */
            return take;
        }
        takes->next_at = MIN(takes->next_at, take->until);
    }
    return NULL;
}
