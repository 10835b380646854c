/* List: a page of the core's tasks, and with `archived` the ended ones of the archive between them.
 *
 * The core's page is taken first and the archive looked through afterwards, so a task that is
 * archived meanwhile is in both, and shown once. */
#include "broker/front/store_ops.h"

#include "common/limits.h"
#include "common/unpack.h"

#include <stdlib.h>
#include <string.h>

enum {
    PAGE_DEFAULT = 1000,
    SCAN_RECORDS = 500,                /* asked of the store at once */
    SCAN_PAGES_MAX = 40,               /* for one answer: then it ends early */
    SCAN_BYTES_MAX = 24 * 1024 * 1024, /* of records kept for one answer, the same */
    FOUND_BYTES_MAX = 6 * 1024 * 1024, /* of them in the answer, the same */
};

/* ---- the filter, as the core applies it to its own ---- */

static bool
has_text(char *const *texts, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(texts[i], text) == 0) {
            return true;
        }
    }
    return n == 0;
}

static bool
has_state(const Baton__List *list, Baton__TaskState state)
{
    for (size_t i = 0; i < list->n_states; i++) {
        if (list->states[i] == state) {
            return true;
        }
    }
    return list->n_states == 0;
}

static bool
has_label(const Baton__Spec *spec, const char *name, const char *value)
{
    for (size_t i = 0; i < spec->n_labels; i++) {
        if (strcmp(spec->labels[i]->key, name) == 0) {
            return strcmp(spec->labels[i]->value, value) == 0;
        }
    }
    return false;
}

static bool
matches(const Baton__List *list, const Baton__TaskView *view)
{
    const Baton__Spec *spec = view->spec;
    if (!spec || !has_text(list->projects, list->n_projects, spec->project) ||
        !has_text(list->roles, list->n_roles, spec->role) || !has_state(list, view->state) ||
        strncmp(spec->id, list->id_prefix, strlen(list->id_prefix)) != 0) {
        return false;
    }
    for (size_t i = 0; i < list->n_labels; i++) {
        if (!has_label(spec, list->labels[i]->key, list->labels[i]->value)) {
            return false;
        }
    }
    return true;
}

/* ---- what was found ---- */

static size_t
page_limit(const Baton__List *list)
{
    return list->limit ? MIN(list->limit, (uint32_t)PAGE_MAX) : PAGE_DEFAULT;
}

/* Keeps a record that passes the filter. */
static void
keep(struct front *front, struct store_op *op, const struct store_record *record)
{
    struct list_op *list = &op->list;
    Baton__TaskView *view = arena_alloc(&op->arena, sizeof *view);
    *view = (Baton__TaskView)BATON__TASK_VIEW__INIT;
    if (!core_view_record(front->core, &op->arena, record->data, record->bytes, view) ||
        !matches(list->list, view)) {
        return;
    }
    if (!list->list->specs) {
        view->spec->prompt = (char *)(uintptr_t) "";
        view->spec->payload = (ProtobufCBinaryData){0};
        view->spec->n_env = 0;
    }
    if (list->n_found == list->room) {
        size_t room = MAX(list->room * 2, (size_t)64);
        Baton__TaskView **found = arena_alloc(&op->arena, room * sizeof(Baton__TaskView *));
        if (list->n_found > 0) {
            memcpy(found, list->found, list->n_found * sizeof(Baton__TaskView *));
        }
        list->found = found;
        list->room = room;
    }
    list->found[list->n_found++] = view;
}

static int
by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int
by_key(const void *a, const void *b)
{
    const Baton__TaskView *x = *(Baton__TaskView *const *)a;
    const Baton__TaskView *y = *(Baton__TaskView *const *)b;
    return x->key < y->key ? -1 : x->key > y->key;
}

/* The core's tasks and the archive's in one order, without doubles. */
static Baton__TaskView **
merge(struct store_op *op, size_t *ret_n)
{
    struct list_op *list = &op->list;
    size_t n = list->memory->n_tasks + list->n_found;
    Baton__TaskView **all = arena_alloc(&op->arena, (n + 1) * sizeof(Baton__TaskView *));
    if (list->memory->n_tasks > 0) {
        memcpy(all, list->memory->tasks, list->memory->n_tasks * sizeof(Baton__TaskView *));
    }
    if (list->n_found > 0) {
        memcpy(all + list->memory->n_tasks, list->found, list->n_found * sizeof(Baton__TaskView *));
    }
    qsort(all, n, sizeof(Baton__TaskView *), by_key);
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (n_kept == 0 || all[n_kept - 1]->key != all[i]->key) {
            all[n_kept++] = all[i];
        }
    }
    *ret_n = n_kept;
    return all;
}

static void
finish(struct front *front, struct store_op *op)
{
    struct list_op *list = &op->list;
    size_t n;
    Baton__TaskView **all = merge(op, &n);
    uint64_t up_to = list->is_exhausted ? list->bound : MIN(list->bound, list->scanned);
    size_t n_page = 0;
    size_t bytes = 0;
    while (n_page < n && n_page < page_limit(list->list) && all[n_page]->key <= up_to) {
        bytes += baton__task_view__get_packed_size(all[n_page]);
        if (bytes > MESSAGE_BYTES_MAX / 2 && n_page > 0) {
            break;
        }
        n_page++;
    }
    Baton__Listed listed = BATON__LISTED__INIT;
    listed.tasks = all;
    listed.n_tasks = n_page;
    listed.event = list->memory->event;
    if (n_page < n && all[n_page]->key <= up_to) {
        listed.next = all[n_page - 1]->key;
    } else if (up_to < UINT64_MAX) {
        listed.next = up_to;
    }
    Baton__FromBroker reply = BATON__FROM_BROKER__INIT;
    reply.op_case = BATON__FROM_BROKER__OP_LISTED;
    reply.listed = &listed;
    store_op_answer(front, op, &reply);
}

/* ---- looking through the archive ---- */

static void
scan_on(struct front *front, struct store_op *op)
{
    op->n_awaiting = 1;
    store_scan_archive(front->store, STORE_TASKS, op->list.scanned, SCAN_RECORDS, op->cookie);
}

/* True when the page can be made. */
static bool
take_records(struct front *front, struct store_op *op, const struct store_answer *answer)
{
    struct list_op *list = &op->list;
    for (size_t i = 0; i < answer->n_records; i++) {
        const struct store_record *record = &answer->records[i];
        if (record->key > list->bound) {
            list->is_exhausted = true;
            return true;
        }
        keep(front, op, record);
        list->scanned = record->key;
        if (list->n_found > page_limit(list->list) || op->arena.used > SCAN_BYTES_MAX) {
            return true;
        }
    }
    list->is_exhausted = !answer->has_more;
    list->n_pages++;
    return list->is_exhausted || list->n_pages >= SCAN_PAGES_MAX;
}

/* Answers come in the order of asking. */
static void
take_named(struct front *front, struct store_op *op, const struct store_answer *answer)
{
    struct list_op *list = &op->list;
    size_t n_taken = MIN(list->n_named, (size_t)NAMED_MAX) - op->n_awaiting;
    list->scanned = list->named[n_taken - 1];
    list->is_exhausted = n_taken == list->n_named;
    if (answer->n_records > 0) {
        keep(front, op, &answer->records[0]);
    }
}

void
list_continue(struct front *front, struct store_op *op, const struct store_answer *answer)
{
    op->n_awaiting--;
    if (answer->status != STORE_OK) {
        /* Answers to come find no operation any more, and are dropped. */
        store_op_refuse(front, op, BATON__CODE__CODE_INTERNAL, answer->error);
        return;
    }
    if (answer->kind == STORE_ANSWER_RECORD) {
        take_named(front, op, answer);
        if (op->n_awaiting == 0 || op->arena.used > SCAN_BYTES_MAX) {
            finish(front, op);
        }
    } else if (take_records(front, op, answer)) {
        finish(front, op);
    } else {
        scan_on(front, op);
    }
}

/* ---- the request ---- */

/* Asks the archive for the named tasks that are there, the first NAMED_MAX by key. False: none is.
 */
static bool
read_named(struct front *front, struct store_op *op)
{
    struct list_op *list = &op->list;
    size_t n_ids = list->list->n_ids;
    list->named = arena_alloc(&op->arena, n_ids * sizeof *list->named);
    for (size_t i = 0; i < n_ids; i++) {
        uint64_t key;
        if (core_archived_state(front->core, list->list->ids[i], &key) && key > list->list->after &&
            key <= list->bound) {
            list->named[list->n_named++] = key;
        }
    }
    qsort(list->named, list->n_named, sizeof *list->named, by_number);
    for (size_t i = 0; i < list->n_named && i < NAMED_MAX; i++) {
        op->n_awaiting++;
        store_read_archive(front->store, STORE_TASKS, list->named[i], op->cookie);
    }
    return op->n_awaiting > 0;
}

enum answered
handle_list(struct call *call, Baton__FromBroker *reply)
{
    struct front *front = call->front;
    const Baton__List *list = call->message->list;
    struct store_op *op = NULL;
    struct core_request request = front_request(front, call->actor);
    if (list->archived) {
        op = store_op_begin(call, STORE_OP_LIST, reply);
        if (!op) {
            return ANSWER_NOW;
        }
        request.arena = &op->arena;
    }
    Baton__Listed *listed = arena_alloc(request.arena, sizeof *listed);
    *listed = (Baton__Listed)BATON__LISTED__INIT;
    if (core_list(front->core, &request, list, listed) != BATON__CODE__CODE_OK) {
        /* The texts of the error may be in the operation's arena. */
        reply_refuse(call, reply, request.error.code, request.error.field, "%s",
                     request.error.message);
        if (op) {
            store_op_end(front, op);
        }
        return ANSWER_NOW;
    }
    if (!op) {
        reply->op_case = BATON__FROM_BROKER__OP_LISTED;
        reply->listed = listed;
        return ANSWER_NOW;
    }
    size_t bytes = baton__list__get_packed_size(list);
    uint8_t *packed = arena_alloc(&op->arena, bytes + 1);
    baton__list__pack(list, packed);
    op->list = (struct list_op){
        .list = unpack_own(&op->arena, &baton__list__descriptor, bytes, packed),
        .memory = listed,
        .bound = listed->next ? listed->next : UINT64_MAX,
        .scanned = list->after};
    CHECK(op->list.list);
    if (list->n_ids == 0) {
        scan_on(front, op);
    } else if (!read_named(front, op)) {
        op->list.is_exhausted = true;
        finish(front, op);
    }
    return ANSWER_LATER;
}
