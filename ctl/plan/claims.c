/* Named resources: what a task claims, and how much there is. */
#include "common/alloc.h"
#include "common/limits.h"
#include "common/path_name.h"
#include "common/text.h"
#include "ctl/plan/inner.h"

#include <string.h>

static const char *const claim_keys[] = {"name", "amount", "shared", NULL};

bool
resource_read_name(struct plan *plan, const struct source *source, const struct node *node,
                   const char **ret)
{
    if (!node->text || !path_name_is(node->text)) {
        return field_name(plan, source, node, NAME_BYTES_MAX, ret);
    }
    char name[RESOURCE_NAME_ROOM];
    const char *wrong = resource_name_read(node->text, name);
    if (wrong) {
        plan_fail(plan, place_of(source, node), "resource %s: %s", quote(plan, node->text), wrong);
        return false;
    }
    *ret = arena_strdup(&plan->arena, name);
    return true;
}

static bool
read_claim(struct plan *plan, const struct source *source, const struct node *node,
           struct baton_claim *claim)
{
    if (node->kind != NODE_MAP) {
        return resource_read_name(plan, source, node, &claim->name);
    }
    bool ok = true;
    for (const struct node *item = node->first; item; item = item->next) {
        if (strcmp(item->key, "name") == 0) {
            ok = resource_read_name(plan, source, item, &claim->name) && ok;
        } else if (strcmp(item->key, "amount") == 0) {
            ok = field_count(plan, source, item, 1, CAPACITY_MAX, &claim->amount) && ok;
        } else if (strcmp(item->key, "shared") == 0) {
            ok = field_bool(plan, source, item, &claim->shared) && ok;
        } else {
            plan_fail(plan, (struct place){source->at.file, item->key_line},
                      "unknown key %s in a resource%s", quote(plan, item->key),
                      did_you_mean(plan, item->key, claim_keys));
            ok = false;
        }
    }
    if (ok && claim->shared && claim->amount > 1) {
        plan_fail(plan, place_of(source, node),
                  "a resource is claimed shared or by an amount, not both; remove one of them");
        ok = false;
    }
    if (ok && claim->name && path_name_is(claim->name) && claim->amount > 1) {
        plan_fail(plan, place_of(source, node),
                  "a path has no amounts: it is held whole, or with shared: true; remove amount");
        ok = false;
    }
    if (ok && !claim->name) {
        plan_fail(plan, place_of(source, node), "the resource has no name; write name: NAME");
        ok = false;
    }
    return ok;
}

void
claims_read(struct plan *plan, const struct source *source, struct draft *draft,
            const struct node *node)
{
    bool one = node->kind != NODE_LIST;
    size_t n_items = one ? 1 : node->n;
    if (n_items > CLAIMS_MAX) {
        plan_fail(plan, place_of(source, node), "resources: more than %d; join some under one name",
                  CLAIMS_MAX);
        return;
    }
    struct baton_claim *claims = arena_calloc(&plan->arena, n_items + 1, sizeof *claims);
    size_t n = 0;
    for (const struct node *item = one ? node : node->first; item; item = one ? NULL : item->next) {
        struct baton_claim claim = {0};
        if (!read_claim(plan, source, item, &claim)) {
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            if (strcmp(claims[i].name, claim.name) == 0) {
                plan_fail(plan, place_of(source, item),
                          "resource %s is claimed twice; write the "
                          "sum as amount:",
                          quote(plan, claim.name));
            } else if (path_names_meet(claims[i].name, claim.name)) {
                plan_fail(plan, place_of(source, item),
                          "paths %s and %s lie in each other; claim the upper one",
                          quote(plan, claims[i].name), quote(plan, claim.name));
            }
        }
        claims[n++] = claim;
    }
    draft->spec->claims = claims;
    draft->spec->n_claims = n;
}

static void
capacity_add(struct plan *plan, struct place at, struct baton_resource resource)
{
    for (size_t i = 0; i < plan->n_limits; i++) {
        const struct capacity *other = &plan->limits[i];
        if (strcmp(other->resource.name, resource.name) != 0) {
            continue;
        }
        if (other->resource.capacity != resource.capacity) {
            plan_fail(plan, at, "resource %s has a capacity of %u at %s:%u; say it once",
                      quote(plan, resource.name), other->resource.capacity, other->at.file,
                      other->at.line);
        }
        return;
    }
    if (plan->n_limits == plan->room_limits) {
        plan->room_limits = plan->room_limits ? plan->room_limits * 2 : 16;
        plan->limits = xreallocarray(plan->limits, plan->room_limits, sizeof *plan->limits);
    }
    plan->limits[plan->n_limits++] = (struct capacity){.resource = resource, .at = at};
}

void
capacities_read(struct plan *plan, const struct source *source, const struct node *map)
{
    if (!field_is(plan, source, map, NODE_MAP)) {
        return;
    }
    if (map->n + plan->n_limits > PLAN_RESOURCES_MAX) {
        plan_fail(plan, place_of(source, map), "resources: more than %d in one plan",
                  PLAN_RESOURCES_MAX);
        return;
    }
    for (const struct node *item = map->first; item; item = item->next) {
        struct place at = {source->at.file, item->key_line};
        struct baton_resource resource = {.name = item->key};
        if (path_name_is(item->key)) {
            plan_fail(plan, at, "%s: a path has no capacity: it is held whole, or shared",
                      quote(plan, item->key));
        } else if (!name_is_valid(item->key, NAME_BYTES_MAX)) {
            plan_fail(plan, at,
                      "%s can't be the name of a resource; use letters, digits and . _ : "
                      "@ / + ~ -",
                      quote(plan, item->key));
        } else if (field_count(plan, source, item, 1, CAPACITY_MAX, &resource.capacity)) {
            capacity_add(plan, at, resource);
        }
    }
}
