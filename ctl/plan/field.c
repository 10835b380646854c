/* Values of nodes, typed and bounded. */
#include "common/alloc.h"
#include "common/limits.h"
#include "common/text.h"
#include "common/units.h"
#include "ctl/plan/inner.h"

#include <stdlib.h>
#include <string.h>

/* "deadline: ", or nothing for an item of a list. */
static const char *
prefix(struct plan *plan, const struct node *node)
{
    return node->key ? arena_printf(&plan->arena, "%s: ", node->key) : "";
}

bool
field_is(struct plan *plan, const struct source *source, const struct node *node,
         enum node_kind kind)
{
    if (node->kind == kind) {
        return true;
    }
    const struct node wanted = {.kind = kind};
    plan_fail(plan, place_of(source, node), "%s%s is wanted here, not %s", prefix(plan, node),
              node_kind_name(&wanted), node_kind_name(node));
    return false;
}

bool
field_text(struct plan *plan, const struct source *source, const struct node *node,
           size_t bytes_max, const char **ret_text)
{
    if (!field_is(plan, source, node, NODE_SCALAR)) {
        return false;
    }
    if (strlen(node->text) > bytes_max) {
        plan_fail(plan, place_of(source, node), "%s%s is longer than %zu bytes; shorten it",
                  prefix(plan, node), quote(plan, node->text), bytes_max);
        return false;
    }
    if (!prose_is_valid(node->text, bytes_max)) {
        plan_fail(plan, place_of(source, node),
                  "%s%s has a control character in it; only newline and tab are taken",
                  prefix(plan, node), quote(plan, node->text));
        return false;
    }
    *ret_text = node->text;
    return true;
}

bool
field_name(struct plan *plan, const struct source *source, const struct node *node,
           size_t bytes_max, const char **ret_name)
{
    if (!field_is(plan, source, node, NODE_SCALAR)) {
        return false;
    }
    if (strlen(node->text) > bytes_max) {
        plan_fail(plan, place_of(source, node), "%s%s is longer than %zu bytes; shorten it",
                  prefix(plan, node), quote(plan, node->text), bytes_max);
        return false;
    }
    if (!name_is_valid(node->text, bytes_max)) {
        plan_fail(plan, place_of(source, node),
                  "%s%s can't be a name; use letters, digits and . _ : @ / + ~ -, not beginning "
                  "with - . or /, without .. or //",
                  prefix(plan, node), quote(plan, node->text));
        return false;
    }
    *ret_name = node->text;
    return true;
}

bool
field_bool(struct plan *plan, const struct source *source, const struct node *node, bool *ret_bool)
{
    bool yes = node->kind == NODE_SCALAR && strcmp(node->text, "true") == 0;
    bool no = node->kind == NODE_SCALAR && strcmp(node->text, "false") == 0;
    if (!yes && !no) {
        plan_fail(plan, place_of(source, node), "%strue or false is wanted here, not %s",
                  prefix(plan, node),
                  node->kind == NODE_SCALAR ? quote(plan, node->text) : node_kind_name(node));
        return false;
    }
    *ret_bool = yes;
    return true;
}

bool
field_count(struct plan *plan, const struct source *source, const struct node *node, uint32_t min,
            uint32_t max, uint32_t *ret_count)
{
    const char *text = node->kind == NODE_SCALAR ? node->text : "";
    size_t n = strspn(text, "0123456789");
    unsigned long value = n && n <= 10 && !text[n] ? strtoul(text, NULL, 10) : ULONG_MAX;
    if (value < min || value > max) {
        plan_fail(plan, place_of(source, node), "%sa number from %u to %u is wanted here, not %s",
                  prefix(plan, node), min, max,
                  node->kind == NODE_SCALAR ? quote(plan, node->text) : node_kind_name(node));
        return false;
    }
    *ret_count = (uint32_t)value;
    return true;
}

bool
field_duration(struct plan *plan, const struct source *source, const struct node *node,
               int64_t *ret_ms)
{
    if (node->kind != NODE_SCALAR || !duration_parse(node->text, ret_ms)) {
        plan_fail(plan, place_of(source, node),
                  "%sa duration such as 90s, 15m or 2h30m, ten years at most, is wanted here, not "
                  "%s",
                  prefix(plan, node),
                  node->kind == NODE_SCALAR ? quote(plan, node->text) : node_kind_name(node));
        return false;
    }
    return true;
}

static bool
is_plain_date(const char *text)
{
    static const char form[] = "dddd-dd-dd";
    for (size_t i = 0; i < sizeof form; i++) {
        bool ok = form[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == form[i];
        if (!ok) {
            return false;
        }
    }
    return true;
}

/* Nobody has said the zone yet; plan_set_zone reads it again. */
static void
remember_zoneless(struct plan *plan, struct zoneless time)
{
    if (plan->n_zoneless == plan->room_zoneless) {
        plan->room_zoneless = plan->room_zoneless ? plan->room_zoneless * 2 : 16;
        plan->zoneless = xreallocarray(plan->zoneless, plan->room_zoneless, sizeof *plan->zoneless);
    }
    plan->zoneless[plan->n_zoneless++] = time;
}

bool
field_time(struct plan *plan, const struct source *source, const struct node *node, bool begin,
           int64_t *ret_ms)
{
    const char *zone = source->zone ? source->zone : plan->options.zone;
    const char *text = node->text;
    if (begin && node->kind == NODE_SCALAR && is_plain_date(text)) {
        text = arena_printf(&plan->arena, "%sT00:00", text);
    }
    if (node->kind != NODE_SCALAR || !time_parse(text, zone, plan->options.now, ret_ms)) {
        plan_fail(plan, place_of(source, node),
                  "%sa date or time such as 2025-08-12, 2025-08-12T18:00Z or +2h is wanted here, "
                  "not %s",
                  prefix(plan, node),
                  node->kind == NODE_SCALAR ? quote(plan, node->text) : node_kind_name(node));
        return false;
    }
    if (!zone && time_needs_zone(text)) {
        remember_zoneless(plan, (struct zoneless){place_of(source, node), text, ret_ms});
    }
    return true;
}

bool
field_word(struct plan *plan, const struct source *source, const struct node *node,
           int (*number_of)(const char *), const char *words, int *ret_number)
{
    int number = node->kind == NODE_SCALAR ? number_of(node->text) : -1;
    if (number < 0) {
        plan_fail(plan, place_of(source, node), "%sone of %s is wanted here, not %s",
                  prefix(plan, node), words,
                  node->kind == NODE_SCALAR ? quote(plan, node->text) : node_kind_name(node));
        return false;
    }
    *ret_number = number;
    return true;
}

bool
field_texts(struct plan *plan, const struct source *source, const struct node *node, size_t n_max,
            size_t bytes_max, const char *const **ret_texts, size_t *ret_n)
{
    if (!field_is(plan, source, node, NODE_LIST)) {
        return false;
    }
    if (node->n > n_max) {
        plan_fail(plan, place_of(source, node), "%smore than %zu items; shorten the list",
                  prefix(plan, node), n_max);
        return false;
    }
    const char **texts = arena_calloc(&plan->arena, node->n + 1, sizeof *texts);
    size_t n = 0;
    for (const struct node *item = node->first; item; item = item->next) {
        if (!field_is(plan, source, item, NODE_SCALAR)) {
            return false;
        }
        if (strlen(item->text) > bytes_max) {
            plan_fail(plan, place_of(source, item), "the item is longer than %zu bytes; shorten it",
                      bytes_max);
            return false;
        }
        texts[n++] = item->text;
    }
    *ret_texts = texts;
    *ret_n = n;
    return true;
}
