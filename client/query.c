/* Reading tasks: one, many, and why. */
#include "client/handle.h"
#include "client/view.h"

baton_status
baton_get(baton *b, struct baton_ref ref, baton_task **ret_task)
{
    Baton__Ref task = BATON__REF__INIT;
    task.project = pb_text(ref.project);
    task.id = pb_text(ref.id);
    Baton__Get get = BATON__GET__INIT;
    get.task = &task;
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_GET;
    message.get = &get;
    struct ask ask = {
        .message = &message,
        .answer = BATON__FROM_BROKER__OP_TASK,
        .public_bytes = sizeof(baton_task),
    };
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    baton_task *view = record_public(answer.record);
    if (!task_from_message(answer.record, answer.message->task, view)) {
        return no_memory(b, answer.record);
    }
    *ret_task = view;
    return BATON_OK;
}

/* Hands the tasks of a page out. False: the caller has enough, or (ret_status) no memory. */
static bool
page_hand_out(struct record *record, const Baton__Listed *listed, size_t *left, baton_task_fn *each,
              void *context, bool *ret_no_memory)
{
    for (size_t i = 0; i<listed->n_tasks && * left> 0; i++, (*left)--) {
        baton_task task;
        if (!task_from_message(record, listed->tasks[i], &task)) {
            *ret_no_memory = true;
            return false;
        }
        if (!each(&task, context)) {
            return false;
        }
    }
    return *left > 0;
}

baton_status
baton_list(baton *b, const struct baton_filter *filter, baton_task_fn *each, void *context,
           uint64_t *ret_event)
{
    static const struct baton_filter all;
    filter = filter ? filter : &all;
    struct record *scratch = scratch_new(b, 1024);
    Baton__List *list = scratch ? filter_to_message(scratch, filter) : NULL;
    if (!list) {
        return no_memory(b, scratch);
    }
    size_t left = filter->limit ? filter->limit : SIZE_MAX;
    bool first = true, more = true, out_of_memory = false;
    baton_status status = BATON_OK;
    while (more && !status) {
        list->limit = left < PAGE_MAX ? (uint32_t)left : 0;
        Baton__ToBroker message = BATON__TO_BROKER__INIT;
        message.op_case = BATON__TO_BROKER__OP_LIST;
        message.list = list;
        struct ask ask = {.message = &message, .answer = BATON__FROM_BROKER__OP_LISTED};
        struct answer answer;
        status = request(b, &ask, &answer);
        if (status) {
            break;
        }
        const Baton__Listed *listed = answer.message->listed;
        if (first && ret_event) {
            *ret_event = listed->event;
        }
        first = false;
        more = page_hand_out(answer.record, listed, &left, each, context, &out_of_memory) &&
               listed->next > list->after; /* a page that does not advance would be the last word */
        list->after = listed->next;
        record_free(answer.record);
        status = out_of_memory ? no_memory(b, NULL) : BATON_OK;
    }
    record_free(scratch);
    return status;
}

static void
order_fill(baton_explained *explained, const Baton__Order *o)
{
    static const Baton__Order none = BATON__ORDER__INIT;
    o = o ? o : &none;
    explained->order.order_at = o->order_at;
    explained->order.anchor = o->anchor;
    explained->order.patience_ms = o->patience_ms;
    explained->order.own_deadline = o->own_deadline;
    explained->order.effective_deadline = o->effective_deadline;
    explained->order.effective_from = ref_from_message(o->effective_from);
    explained->order.inherited_from = ref_from_message(o->inherited_from);
    explained->order.floor_at = o->floor_at;
    explained->order.base_at = o->base_at;
    explained->order.dependents = o->dependents;
    explained->order.fairness_key = o->fairness_key;
}

static bool
explained_fill(struct record *record, const Baton__Explained *m, baton_explained *explained)
{
    struct baton_cause *causes = record_array(record, m->n_causes, sizeof *causes);
    baton_task *task = record_alloc(record, sizeof *task);
    if (!causes || !task || !task_from_message(record, m->task, task)) {
        return false;
    }
    for (size_t i = 0; i < m->n_causes; i++) {
        const Baton__Cause *c = m->causes[i];
        causes[i] = (struct baton_cause){
            .reason = (int)c->reason,
            .text = c->text,
            .task = ref_from_message(c->task),
            .name = c->name,
            .at = c->at,
            .who = c->who,
        };
    }
    explained->task = task;
    explained->causes = causes;
    explained->n_causes = m->n_causes;
    explained->ahead = m->ahead;
    order_fill(explained, m->order);
    return true;
}

baton_status
baton_why(baton *b, struct baton_ref ref, baton_explained **ret_explained)
{
    Baton__Ref task = BATON__REF__INIT;
    task.project = pb_text(ref.project);
    task.id = pb_text(ref.id);
    Baton__Why why = BATON__WHY__INIT;
    why.task = &task;
    Baton__ToBroker message = BATON__TO_BROKER__INIT;
    message.op_case = BATON__TO_BROKER__OP_WHY;
    message.why = &why;
    struct ask ask = {
        .message = &message,
        .answer = BATON__FROM_BROKER__OP_EXPLAINED,
        .public_bytes = sizeof(baton_explained),
    };
    struct answer answer;
    baton_status status = request(b, &ask, &answer);
    if (status) {
        return status;
    }
    baton_explained *explained = record_public(answer.record);
    if (!explained_fill(answer.record, answer.message->explained, explained)) {
        return no_memory(b, answer.record);
    }
    *ret_explained = explained;
    return BATON_OK;
}

void
baton_explained_free(baton_explained *explained)
{
    record_free(record_of(explained));
}
