/* The items of a schedule's card, and how it is written anew. */
#include "broker/core/board/schedule.h"

#include "common/unpack.h"

#include <string.h>

enum { OWN_ITEMS = 16 }; /* a schedule keeps at most so many beside its open tasks */

const Baton__Item *
schedule_item(const Baton__Card *card, const char *tag)
{
    for (size_t i = 0; i < card->n_items; i++) {
        if (strcmp(card->items[i]->tag, tag) == 0) {
            return card->items[i];
        }
    }
    return NULL;
}

Baton__Spec *
schedule_spec(const Baton__Card *card, struct arena *arena)
{
    return unpack_own(arena, &baton__spec__descriptor, card->body.len, card->body.data);
}

void
rewrite_begin(struct rewriting *r, struct core *core, struct core_request *request,
              const Baton__Card *from, size_t more)
{
    *r = (struct rewriting){.core = core, .request = request, .next = *from};
    r->room = from->n_items + more + SCHEDULE_OPEN_MAX + OWN_ITEMS;
    r->next.items = arena_alloc(request->arena, r->room * sizeof *r->next.items);
    for (size_t i = 0; i < from->n_items; i++) {
        r->next.items[i] = arena_memdup(request->arena, from->items[i], sizeof(Baton__Item));
    }
}

Baton__Item *
rewrite_put(struct rewriting *r, const char *tag, const char *name)
{
    Baton__Item *item = arena_alloc(r->request->arena, sizeof *item);
    CHECK(r->next.n_items < r->room);
    baton__item__init(item);
    item->tag = (char *)(uintptr_t)tag;
    item->name = (char *)(uintptr_t)name;
    r->next.items[r->next.n_items++] = item;
    return item;
}

void
rewrite_drop(struct rewriting *r, const char *tag)
{
    size_t n = 0;
    for (size_t i = 0; i < r->next.n_items; i++) {
        if (strcmp(r->next.items[i]->tag, tag) != 0) {
            r->next.items[n++] = r->next.items[i];
        }
    }
    r->next.n_items = n;
}

Baton__Item *
rewrite_set(struct rewriting *r, const char *tag)
{
    for (size_t i = 0; i < r->next.n_items; i++) {
        if (strcmp(r->next.items[i]->tag, tag) == 0) {
            return r->next.items[i];
        }
    }
    return rewrite_put(r, tag, "");
}

void
rewrite_anew(struct rewriting *r)
{
    rewrite_drop(r, "next");
    rewrite_set(r, "told")->at = r->request->now;
    r->next.rings_at = schedule_item(&r->next, "paused") ? 0 : MAX(r->request->now, 1);
}
