/* Resources: their capacities are set, and they are shown. */
#include "broker/core/board/board.h"

#include "common/path_name.h"

Baton__Code
resources_check(struct core *core, struct core_request *request, Baton__Resource *const *resources,
                size_t n)
{
    if (n > RESOURCES_MAX || HASH_CNT(by_name, core->resources_by_name) + n > RESOURCES_MAX) {
        return refuse(request, BATON__CODE__CODE_FULL, "resources", "more than 100,000 resources");
    }
    for (size_t i = 0; i < n; i++) {
        const char *field = arena_printf(request->arena, "resources[%zu]", i);
        char name[RESOURCE_NAME_ROOM];
        const char *wrong = resource_name_read(resources[i]->name, name);
        if (!wrong && path_name_is(name)) {
            wrong = "a path has no capacity: it is held whole, or shared";
        }
        if (wrong) {
            return refuse(request, BATON__CODE__CODE_INVALID, field, "%s: %s", field, wrong);
        }
        if (resources[i]->capacity > CAPACITY_MAX) {
            return refuse(request, BATON__CODE__CODE_INVALID, field,
                          "%s: a capacity is at most 1,000,000", field);
        }
    }
    return BATON__CODE__CODE_OK;
}

void
resources_emit(struct core *core, struct core_request *request, Baton__Resource *const *resources,
               size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct resource *resource = resource_find(core, resources[i]->name);
        bool same = resource ? resource->capacity ==
                                       (resources[i]->capacity ? resources[i]->capacity : 1) &&
                                   resource->set == (resources[i]->capacity != 0)
                             : resources[i]->capacity == 0;
        if (same) {
            continue;
        }
        Baton__ResourceSet set = BATON__RESOURCE_SET__INIT;
        set.name = resources[i]->name;
        set.capacity = resources[i]->capacity;
        Baton__Fact fact = BATON__FACT__INIT;
        fact.what_case = BATON__FACT__WHAT_RESOURCE_SET;
        fact.resource_set = &set;
        emit(core, request, &fact);
    }
}

static Baton__ResourceView *
resource_view(const struct core *core, struct core_request *request,
              const struct resource *resource)
{
    struct arena *arena = request->arena;
    Baton__ResourceView *view = arena_alloc(arena, sizeof *view);
    baton__resource_view__init(view);
    view->name = resource->name;
    view->capacity = resource->capacity;
    view->used = resource->n_shared ? resource->n_shared : MIN(resource->used, resource->capacity);
    view->paused = resource->paused || resource->n_frozen;
    view->holders = arena_alloc(arena, 100 * sizeof *view->holders);
    for (uint32_t w = 1; w < core->n_workers; w++) {
        for (uint32_t slot = core->workers[w]->first; slot;) {
            const struct task *task = task_at(core, slot);
            for (uint32_t i = 0; task->ext && i < task->ext->n_claims; i++) {
                if (task->ext->claims[i].resource == resource->number && view->n_holders < 100) {
                    view->holders[view->n_holders++] = ref_make(arena, core, task);
                }
            }
            slot = task->course->run->next;
        }
    }
    view->reservations = arena_alloc(arena, 100 * sizeof *view->reservations);
    Baton__Claim wanted = BATON__CLAIM__INIT;
    wanted.name = resource->name;
    uint32_t at = 0;
    const Baton__Card *card;
    while (core->board.reservations.n && view->n_reservations < 100 &&
           (card = reservation_next(core, &at, &wanted))) {
        view->reservations[view->n_reservations++] = card->number;
    }
    for (const struct line *line = resource->lines; line; line = line->next) {
        view->n_waiting += line->heap.n;
    }
    return view;
}

/* Not a directory that is only there because claimed paths lie in it. */
static bool
is_known(const struct resource *resource)
{
    return !resource->is_path || resource->n_claims || resource->paused;
}

Baton__Code
core_resources(struct core *core, struct core_request *request, const Baton__Resources *resources,
               Baton__ResourceList *ret)
{
    baton__resource_list__init(ret);
    Baton__Code code = resources_check(core, request, resources->set, resources->n_set);
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    resources_emit(core, request, resources->set, resources->n_set);
    size_t room = MIN(HASH_CNT(by_name, core->resources_by_name), (unsigned)NAMED_MAX);
    ret->resources = arena_alloc(request->arena, room * sizeof *ret->resources);
    for (uint32_t i = 1; i < core->n_resources && ret->n_resources < room; i++) {
        if (core->resources[i] && is_known(core->resources[i])) {
            ret->resources[ret->n_resources++] = resource_view(core, request, core->resources[i]);
        }
    }
    return BATON__CODE__CODE_OK;
}
