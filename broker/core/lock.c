/* Locks that a running task asks for beside what it declared. They are claims of its lease: taken
 * with one fact, given back with another or with the lease, and lingering as the declared ones do.
 *
 * Deadlock: what is tried is had at once or not at all, so it waits for nothing. Whoever waits asks
 * for a name behind all that it holds; and as shares can be held on both sides of a name, the whole
 * graph of who waits for whom is looked at too, and the request that would close a cycle is
 * refused. */
#include "broker/core/board/board.h"
#include "broker/core/evolve.h"

#include "common/alloc.h"
#include "common/path_name.h"
#include "common/text.h"
#include "common/units.h"

#include <string.h>

enum { HOLDERS_NAMED_MAX = 100 };

static Baton__Code
read_claim(struct core_request *request, const Baton__Lock *lock, char name[RESOURCE_NAME_ROOM],
           Baton__Claim *ret)
{
    static const Baton__Claim nothing = BATON__CLAIM__INIT;
    const Baton__Claim *claim = lock->claim ? lock->claim : &nothing;
    const char *wrong = resource_name_read(claim->name, name);
    if (wrong) {
        return refuse(request, BATON__CODE__CODE_INVALID, "claim.name", "%s", wrong);
    }
    if (!path_name_is(name) && !name_is_valid(name, NAME_BYTES_MAX)) {
        return refuse(request, BATON__CODE__CODE_INVALID, "claim.name",
                      "which lock? its name is missing or is not one");
    }
    if (claim->amount > CAPACITY_MAX || (claim->shared && claim->amount) ||
        (path_name_is(name) && claim->amount > 1)) {
        return refuse(request, BATON__CODE__CODE_INVALID, "claim.amount",
                      "an amount is at most 1,000,000, and neither of a share nor of a path");
    }
    *ret = *claim;
    ret->name = name;
    ret->amount = path_name_is(name) ? 0 : claim->amount;
    return BATON__CODE__CODE_OK;
}

static const char *
name_of(const struct core *core, const struct claim *claim)
{
    return core->resources[claim->resource]->name;
}

/* Units of one resource count as meeting: it is asked only when there are too few. */
bool
claims_meet(const char *a, bool a_shared, const char *b, bool b_shared)
{
    bool same = path_name_is(b) ? path_name_is(a) && path_names_meet(a, b) : strcmp(a, b) == 0;
    return same && !(a_shared && b_shared);
}

static bool
meets(const struct core *core, const struct claim *held, const Baton__Claim *wanted)
{
    return claims_meet(name_of(core, held), held->shared, wanted->name, wanted->shared);
}

/* The claim by which the task has it already; NULL: none. */
static const struct claim *
covering(const struct core *core, const struct task *task, const Baton__Claim *wanted)
{
    for (uint32_t i = 0; task->ext && i < task->ext->n_claims; i++) {
        const struct claim *held = &task->ext->claims[i];
        const char *name = name_of(core, held);
        bool same = path_name_is(wanted->name)
                        ? path_name_is(name) && path_name_covers(name, wanted->name)
                        : strcmp(name, wanted->name) == 0;
        bool enough = held->shared
                          ? wanted->shared
                          : held->amount == 0 || (wanted->amount && wanted->amount <= held->amount);
        if (same && enough) {
            return held;
        }
    }
    return NULL;
}

typedef bool holder_fn(const struct task *task, void *context);

/* Calls `each` for every other task that holds what is wanted; false: it wants no more. */
static void
each_holder(const struct core *core, const struct task *task, const Baton__Claim *wanted,
            holder_fn *each, void *context)
{
    for (uint32_t w = 1; w < core->n_workers; w++) {
        for (uint32_t slot = core->workers[w]->first; slot;
             slot = task_at(core, slot)->course->run->next) {
            const struct task *holder = task_at(core, slot);
            bool holds = false;
            for (uint32_t i = 0; holder != task && holder->ext && i < holder->ext->n_claims; i++) {
                holds |= meets(core, &holder->ext->claims[i], wanted);
            }
            if (holds && !each(holder, context)) {
                return;
            }
        }
    }
}

struct naming {
    const struct core *core;
    struct arena *arena;
    Baton__LockReply *ret;
};

static bool
name_holder(const struct task *task, void *context)
{
    struct naming *naming = context;
    naming->ret->holders[naming->ret->n_holders++] = ref_make(naming->arena, naming->core, task);
    return naming->ret->n_holders < HOLDERS_NAMED_MAX;
}

/* Reservations in the way, but those made under the task's own lease, or without a task by the one
 * who asks. */
static void
name_reservations(const struct core *core, struct core_request *request, const struct task *task,
                  const Baton__Claim *wanted, Baton__LockReply *ret)
{
    ret->reservations = arena_alloc(request->arena, HOLDERS_NAMED_MAX * sizeof *ret->reservations);
    uint32_t slot = 0;
    const Baton__Card *card;
    while (core->board.reservations.n && ret->n_reservations < HOLDERS_NAMED_MAX &&
           (card = reservation_next(core, &slot, wanted))) {
        bool is_own = task ? card->token == task->course->token
                           : !card->token && strcmp(card->by, request->actor) == 0;
        if (!is_own) {
            ret->reservations[ret->n_reservations++] = card->number;
        }
    }
}

static void
name_holders(const struct core *core, struct core_request *request, const struct task *task,
             const Baton__Claim *wanted, Baton__LockReply *ret)
{
    name_reservations(core, request, task, wanted, ret);
    struct naming naming = {core, request->arena, ret};
    ret->holders = arena_alloc(request->arena, HOLDERS_NAMED_MAX * sizeof *ret->holders);
    each_holder(core, task, wanted, name_holder, &naming);
    for (const struct linger *linger = core->lingers; linger; linger = linger->next) {
        for (uint32_t i = 0; i < linger->n_claims; i++) {
            ret->lingering |= meets(core, &linger->claims[i], wanted);
        }
    }
}

/* Could what is wanted not be held beside what the other waits for? */
static bool
meets_wait(const struct core_lock_wait *wait, const Baton__Claim *wanted)
{
    bool same = path_name_is(wanted->name)
                    ? path_name_is(wait->name) && path_names_meet(wait->name, wanted->name)
                    : strcmp(wait->name, wanted->name) == 0;
    return same && !(wait->shared && wanted->shared);
}

/* Does another task wait for it already? Whoever came first has it first; and as nothing is given
 * past a request that waits, a circle can only close where somebody begins to wait. */
static bool
is_waited_for(const struct task *task, const Baton__Claim *wanted,
              const struct core_lock_wait *waits, size_t n_waits)
{
    for (size_t i = 0; i < n_waits; i++) {
        if (waits[i].token != task->course->token && meets_wait(&waits[i], wanted)) {
            return true;
        }
    }
    return false;
}

/* " until TIME", or "" when nobody has said until when. */
static const char *
until_text(struct core_request *request, const Baton__Card *card)
{
    char time[64];
    return card->due_at ? arena_printf(request->arena, " until %s",
                                       time_format(card->due_at, time, sizeof time))
                        : "";
}

const char *
claim_holders_text(const struct core *core, struct core_request *request,
                   const Baton__Claim *wanted)
{
    enum { SHOWN = 5 };
    Baton__LockReply ret = BATON__LOCK_REPLY__INIT;
    const char *text = "", *comma = "";
    Baton__Claim claim = *wanted;
    name_holders(core, request, NULL, &claim, &ret);
    for (size_t i = 0; i < MIN(ret.n_holders, (size_t)SHOWN); i++, comma = ", ") {
        const Baton__Ref *ref = ret.holders[i];
        bool is_default = !ref->project[0] || strcmp(ref->project, "default") == 0;
        text = arena_printf(request->arena, "%s%s%s%s%s", text, comma,
                            is_default ? "" : ref->project, is_default ? "" : "//", ref->id);
    }
    uint32_t slot = 0;
    const Baton__Card *card;
    for (int i = 0; i < SHOWN && (card = reservation_next(core, &slot, wanted));
         i++, comma = ", ") {
        text = arena_printf(request->arena, "%s%sreservation #%llu of %s%s", text, comma,
                            (unsigned long long)card->number,
                            card->owner[0] ? card->owner : card->by, until_text(request, card));
    }
    return *text ? text : ret.lingering ? "a worker that was lost" : "others";
}

/* ---- the verbs ---- */

static Baton__Code
try_lock(struct core *core, struct core_request *request, struct task *task, Baton__Claim *wanted,
         const struct core_lock_wait *waits, size_t n_waits, Baton__LockReply *ret)
{
    if (covering(core, task, wanted)) {
        ret->granted = true;
        return BATON__CODE__CODE_OK;
    }
    for (uint32_t i = 0; task->ext && i < task->ext->n_claims; i++) {
        if (meets(core, &task->ext->claims[i], wanted)) {
            return refuse(request, BATON__CODE__CODE_CONFLICT, "claim.name",
                          "the task itself holds %s, which is in the way: release it first",
                          name_of(core, &task->ext->claims[i]));
        }
    }
    if (task->ext && task->ext->n_claims >= CLAIMS_MAX) {
        return refuse(request, BATON__CODE__CODE_TOO_LARGE, "claim",
                      "a task holds at most %d resources", (int)CLAIMS_MAX);
    }
    const struct resource *resource = resource_find(core, wanted->name);
    uint32_t capacity = resource ? resource->capacity : 1;
    if (wanted->amount > capacity) {
        return refuse(request, BATON__CODE__CODE_UNSATISFIABLE, "claim.amount",
                      "there are %u of %s, and never %u", capacity, wanted->name, wanted->amount);
    }
    if (!resource && core->n_resources >= RESOURCES_MAX) {
        return refuse(request, BATON__CODE__CODE_FULL, "claim.name",
                      "there are too many resources");
    }
    ret->granted = !is_waited_for(task, wanted, waits, n_waits) &&
                   claim_is_free(core, wanted->name, wanted->amount, wanted->shared, task);
    if (!ret->granted) {
        name_holders(core, request, task, wanted, ret);
        return BATON__CODE__CODE_OK;
    }
    Baton__Locked locked = BATON__LOCKED__INIT;
    locked.key = task->key;
    locked.claim = wanted;
    Baton__Fact fact = BATON__FACT__INIT;
    fact.what_case = BATON__FACT__WHAT_LOCKED;
    fact.locked = &locked;
    emit(core, request, &fact);
    return BATON__CODE__CODE_OK;
}

static Baton__Code
release_lock(struct core *core, struct core_request *request, struct task *task,
             const Baton__Claim *wanted, Baton__LockReply *ret)
{
    for (uint32_t i = 0; task->ext && i < task->ext->n_claims; i++) {
        const struct claim *held = &task->ext->claims[i];
        if (strcmp(name_of(core, held), wanted->name) != 0) {
            continue;
        }
        if (!held->taken) {
            return refuse(request, BATON__CODE__CODE_ILLEGAL_TRANSITION, "claim.name",
                          "%s was declared with the task: it ends with it", wanted->name);
        }
        Baton__LockReleased released = BATON__LOCK_RELEASED__INIT;
        released.key = task->key;
        released.name = wanted->name;
        Baton__Fact fact = BATON__FACT__INIT;
        fact.what_case = BATON__FACT__WHAT_LOCK_RELEASED;
        fact.lock_released = &released;
        emit(core, request, &fact);
        ret->granted = true;
        return BATON__CODE__CODE_OK;
    }
    return refuse(request, BATON__CODE__CODE_NOT_FOUND, "claim.name", "the task does not hold %s",
                  wanted->name);
}

static Baton__Code
find_holder(struct core *core, struct core_request *request, const Baton__Lock *lock,
            struct task **ret)
{
    struct task *task = lock->token ? task_by_token(core, lock->token) : NULL;
    if (!task || task->course->token != lock->token || !task_has_lease(task)) {
        return refuse(request, BATON__CODE__CODE_STALE_TOKEN, "token",
                      "token %llu is no lease (any more): the task was given to somebody else or "
                      "has ended",
                      (unsigned long long)lock->token);
    }
    *ret = task;
    return BATON__CODE__CODE_OK;
}

Baton__Code
core_lock(struct core *core, struct core_request *request, const Baton__Lock *lock,
          const struct core_lock_wait *waits, size_t n_waits, Baton__LockReply *ret)
{
    char name[RESOURCE_NAME_ROOM];
    Baton__Claim wanted;
    struct task *task = NULL;
    baton__lock_reply__init(ret);
    bool is_check = lock->verb == BATON__LOCK__VERB__CHECK;
    Baton__Code code = is_check && lock->token == 0 ? BATON__CODE__CODE_OK
                                                    : find_holder(core, request, lock, &task);
    if (code == BATON__CODE__CODE_OK) {
        code = read_claim(request, lock, name, &wanted);
    }
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    switch ((int)lock->verb) {
    case BATON__LOCK__VERB__TRY:
    case BATON__LOCK__VERB__WAIT:
        return try_lock(core, request, task, &wanted, waits, n_waits, ret);
    case BATON__LOCK__VERB__RELEASE:
        return release_lock(core, request, task, &wanted, ret);
    case BATON__LOCK__VERB__CHECK:
        name_holders(core, request, task, &wanted, ret);
        ret->granted = ret->n_holders == 0 && !ret->lingering && ret->n_reservations == 0;
        return BATON__CODE__CODE_OK;
    default:
        return refuse(request, BATON__CODE__CODE_INVALID, "verb", "no such verb");
    }
}

/* ---- waiting ---- */

struct search {
    struct core *core;
    uint32_t mark;
};

static bool
mark_holder(const struct task *task, void *context)
{
    struct search *search = context;
    if (search->core->marks[task->slot] != search->mark) {
        search->core->marks[task->slot] = search->mark;
        stack_push(search->core, task->slot);
    }
    return true;
}

/* Marks whom `task` waits for when it waits for `wanted`: who holds what is in the way, and who
 * asked for such a thing before it. */
static void
mark_awaited(struct search *search, const struct task *task, const Baton__Claim *wanted,
             const struct core_lock_wait *earlier, size_t n_earlier)
{
    each_holder(search->core, task, wanted, mark_holder, search);
    for (size_t i = 0; i < n_earlier; i++) {
        const struct task *other = task_by_token(search->core, earlier[i].token);
        if (other && other != task && other->course->token == earlier[i].token &&
            meets_wait(&earlier[i], wanted)) {
            (void)mark_holder(other, search);
        }
    }
}

/* Follows who waits for whom from `task`, were it to wait for `wanted`. True: it comes back. */
static bool
closes_cycle(struct core *core, const struct task *task, const Baton__Claim *wanted,
             const struct core_lock_wait *waits, size_t n_waits)
{
    struct search search = {core, mark_new(core)};
    core->n_stack = 0;
    mark_awaited(&search, task, wanted, waits, n_waits);
    for (uint32_t done = 0; done < core->n_stack; done++) {
        const struct task *holder = task_at(core, core->stack[done]);
        for (size_t i = 0; i < n_waits; i++) {
            if (waits[i].token == holder->course->token) {
                Baton__Claim claim = BATON__CLAIM__INIT;
                claim.name = (char *)(uintptr_t)waits[i].name;
                claim.shared = waits[i].shared;
                mark_awaited(&search, holder, &claim, waits, i);
            }
        }
    }
    return core->marks[task->slot] == search.mark;
}

Baton__Code
core_lock_may_wait(struct core *core, struct core_request *request, const Baton__Lock *lock,
                   const struct core_lock_wait *waits, size_t n_waits)
{
    char name[RESOURCE_NAME_ROOM];
    Baton__Claim wanted;
    struct task *task;
    Baton__Code code = find_holder(core, request, lock, &task);
    code = code ? code : read_claim(request, lock, name, &wanted);
    if (code != BATON__CODE__CODE_OK) {
        return code;
    }
    for (uint32_t i = 0; task->ext && i < task->ext->n_claims; i++) {
        const char *held = name_of(core, &task->ext->claims[i]);
        if (strcmp(held, name) >= 0) {
            return refuse(
                request, BATON__CODE__CODE_CONFLICT, "claim.name",
                "the task holds %s, which does not stand before %s: who waits asks in the "
                "order of names; release it and ask again, or declare both with the task",
                held, name);
        }
    }
    if (closes_cycle(core, task, &wanted, waits, n_waits)) {
        return refuse(request, BATON__CODE__CODE_CONFLICT, "claim.name",
                      "whoever holds %s waits for this task: both would wait for ever; release "
                      "something first",
                      name);
    }
    return BATON__CODE__CODE_OK;
}

/* ---- evolve ---- */

void
evolve_locked(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    const Baton__Claim *taken = fact->locked->claim;
    struct task *task = task_by_key(core, fact->locked->key);
    CHECK(task && task->course->run && taken);
    snapshot_keep(core, task);
    struct claim *claim = claim_add(core, task, taken);
    claim->taken = true;
    resource_take(core, claim, 1);
    event_plain(core, out, fact->at, BATON__EVENT__KIND__RESOURCE, taken->name, fact->actor,
                arena_printf(&core->scratch, "taken by %s", task->id));
}

void
evolve_lock_released(struct core *core, const Baton__Fact *fact, struct core_out *out)
{
    struct task *task = task_by_key(core, fact->lock_released->key);
    const struct resource *resource = resource_find(core, fact->lock_released->name);
    CHECK(task && task->course->run && task->ext && resource);
    snapshot_keep(core, task);
    event_plain(core, out, fact->at, BATON__EVENT__KIND__RESOURCE, resource->name, fact->actor,
                arena_printf(&core->scratch, "released by %s", task->id));
    struct task_ext *ext = task->ext;
    for (uint32_t i = 0; i < ext->n_claims; i++) {
        if (ext->claims[i].resource == resource->number && ext->claims[i].taken) {
            struct claim claim = ext->claims[i];
            memmove(&ext->claims[i], &ext->claims[i + 1],
                    (ext->n_claims - i - 1) * sizeof *ext->claims);
            ext->n_claims--;
            resource_give_back(core, &claim, 1);
            resource_unclaim(core, &claim, 1);
            return;
        }
    }
    CHECK(!"the lock was held");
}

/* ---- claims of a task ---- */

struct claim *
claim_add(struct core *core, struct task *task, const Baton__Claim *from)
{
    struct task_ext *ext = task_ext(core, task);
    struct resource *resource = resource_make(core, from->name);
    resource->n_claims++;
    ext->claims = xreallocarray(ext->claims, ext->n_claims + 1, sizeof *ext->claims);
    struct claim *claim = &ext->claims[ext->n_claims++];
    *claim = (struct claim){.resource = resource->number,
                            .amount = resource->is_path ? 0 : from->amount,
                            .shared = from->shared};
    return claim;
}

void
claims_drop_taken(struct core *core, struct task *task)
{
    struct task_ext *ext = task->ext;
    while (ext && ext->n_claims && ext->claims[ext->n_claims - 1].taken) {
        struct claim claim = ext->claims[--ext->n_claims]; /* they stand behind the declared ones */
        resource_unclaim(core, &claim, 1);
    }
}
