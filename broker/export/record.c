#include "broker/export/record.h"

#include "broker/export/copy.h"
#include "common/words.h"

#include <stdbool.h>

void
record_put_spec_head(struct buf *row, uint64_t key, const Baton__Spec *spec)
{
    copy_number(row, (int64_t)key);
    copy_text(row, spec->project);
    copy_text(row, spec->id);
    copy_text_or_null(row, spec->role);
}

static void
labels_json(struct buf *json, const Baton__Spec *spec)
{
    buf_clear(json);
    buf_add_text(json, "{");
    for (size_t i = 0; i < spec->n_labels; i++) {
        buf_add_text(json, i ? "," : "");
        json_string(json, spec->labels[i]->key);
        buf_add_text(json, ":");
        json_string(json, spec->labels[i]->value);
    }
    buf_add_text(json, "}");
}

void
record_put_spec(struct buf *row, struct buf *json, const Baton__Spec *spec)
{
    copy_text_or_null(row, spec->title);
    copy_text(row, priority_name(spec->priority ? (int)spec->priority
                                                : BATON__PRIORITY__PRIORITY_MEDIUM));
    if (spec->n_labels) {
        labels_json(json, spec);
        copy_text(row, buf_text(json));
    } else {
        copy_null(row);
    }
}

void
record_put_state(struct buf *row, Baton__TaskState state, Baton__Reason reason, const char *text,
                 int64_t ended_at)
{
    bool ended = state >= BATON__TASK_STATE__STATE_DONE;
    copy_text(row, ended ? state_name((int)state) : "open");
    copy_text_or_null(row, ended && reason ? reason_name((int)reason) : "");
    copy_text_or_null(row, ended ? text : "");
    copy_time(row, ended ? ended_at : 0);
}

void
record_put_measure(struct buf *row, uint64_t task, uint64_t token, const char *name, double value,
                   const char *unit, int64_t at)
{
    copy_number(row, (int64_t)task);
    copy_number_or_null(row, (int64_t)token);
    copy_text(row, name);
    copy_double(row, value);
    copy_text_or_null(row, unit);
    copy_time(row, at);
    copy_end(row);
}

/* ---- cards ---- */

static void
item_json(struct buf *json, const Baton__Item *item)
{
    const struct {
        const char *name;
        const char *value;
    } texts[] = {{"tag", item->tag},
                 {"name", item->name},
                 {"text", item->text},
                 {"by", item->by},
                 {"unit", item->unit}};
    const char *comma = "{";
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].value[0]) {
            buf_printf(json, "%s\"%s\":", comma, texts[i].name);
            json_string(json, texts[i].value);
            comma = ",";
        }
    }
    if (item->at) {
        buf_printf(json, "%s\"at\":%lld", comma, (long long)item->at);
        comma = ",";
    }
    if (item->value != 0) {
        buf_printf(json, "%s\"value\":", comma);
        json_number(json, item->value);
        comma = ",";
    }
    if (item->number) {
        buf_printf(json, "%s\"number\":%llu", comma, (unsigned long long)item->number);
        comma = ",";
    }
    buf_add_text(json, *comma == '{' ? "{}" : "}");
}

static void
put_items(struct buf *row, struct buf *json, const Baton__Card *card)
{
    buf_clear(json);
    buf_add_text(json, "[");
    for (size_t i = 0; i < card->n_items; i++) {
        buf_add_text(json, i ? "," : "");
        item_json(json, card->items[i]);
    }
    buf_add_text(json, "]");
    copy_text(row, buf_text(json));
}

void
record_put_card(struct buf *row, struct buf *json, const Baton__Card *card, int64_t removed_at)
{
    copy_number(row, (int64_t)card->number);
    copy_text(row, card_kind_name((int)card->kind));
    copy_text(row, card->project);
    copy_text_or_null(row, card->name);
    copy_text(row, card_state_name((int)card->state));
    copy_text_or_null(row, card->title);
    copy_text_or_null(row, card->text);
    copy_text_or_null(row, card->task);
    copy_text_or_null(row, card->role);
    copy_text_or_null(row, card->to_role);
    copy_text_or_null(row, card->owner);
    copy_number_or_null(row, card->severity);
    copy_text_or_null(row, card->by);
    copy_time(row, card->created_at);
    copy_time(row, card->changed_at);
    copy_time(row, card->due_at);
    copy_time(row, card->ended_at);
    copy_number(row, card->rung);
    copy_number_or_null(row, (int64_t)card->token);
    copy_text_or_null(row, card->outcome);
    copy_text_or_null(row, card->ended_by);
    put_items(row, json, card);
    copy_time(row, removed_at);
    copy_end(row);
}
