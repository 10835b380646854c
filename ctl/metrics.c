/* Rates and targets. */
#include "ctl/metrics.h"

#include "common/alloc.h"
#include "common/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct baton_metrics
metrics_add(const baton_metrics_reply *reply, const char *project, const char *role)
{
    struct baton_metrics sum = {.project = project, .role = role};
    for (size_t i = 0; i < reply->n_rows; i++) {
        const struct baton_metrics *m = &reply->rows[i];
        if ((project && strcmp(m->project, project) != 0) || (role && strcmp(m->role, role) != 0)) {
            continue;
        }
        sum.ended += m->ended;
        sum.done += m->done;
        sum.on_time += m->on_time;
        sum.accepted += m->accepted;
        sum.rejected += m->rejected;
        sum.unanswered += m->unanswered;
        sum.resolved += m->resolved;
        sum.resolved_ms += m->resolved_ms;
        sum.resolved_ms_max = MAX(sum.resolved_ms_max, m->resolved_ms_max);
        sum.overdue += m->overdue;
        sum.coverage += m->coverage;
        sum.lines += m->lines;
        sum.coverage_plain += m->coverage_plain;
        sum.n_plain += m->n_plain;
    }
    return sum;
}

bool
metrics_value(const struct baton_metrics *m, size_t metric, double *ret_value)
{
    double of = 0, n = 0;
    switch (metric) {
    case 0:
        of = 100 * (double)m->on_time;
        n = (double)m->ended;
        break;
    case 1:
        of = 100 * (double)m->accepted;
        n = (double)(m->accepted + m->rejected + m->unanswered);
        break;
    case 2:
        of = (double)m->resolved_ms;
        n = (double)m->resolved;
        break;
    default: /* who says how many lines outweighs who does not */
        of = m->lines > 0 ? m->coverage : m->coverage_plain;
        n = m->lines > 0 ? m->lines : (double)m->n_plain;
        break;
    }
    *ret_value = n > 0 ? of / n : 0;
    return n > 0;
}

/* ---- targets ---- */

bool
target_is_met(const struct target *target, double value)
{
    bool below = strcmp(target->bound, "below") == 0 || strcmp(target->bound, "at most") == 0;
    return below ? value <= target->wanted : value >= target->wanted;
}

/* The latest that was reported under the name, in the target's unit. */
static bool
latest_measure(const baton_metrics_reply *reply, const struct target *target, double *ret_value)
{
    int64_t at = 0;
    bool comparable = false;
    for (size_t i = 0; i < reply->n_sums; i++) {
        const struct baton_measure_sum *sum = &reply->sums[i];
        if (strcmp(sum->name, target->name) == 0 && strcmp(sum->project, target->project) == 0 &&
            (!target->role[0] || strcmp(sum->role, target->role) == 0) && sum->last_at >= at) {
            at = sum->last_at;
            comparable = unit_convert(sum->last, sum->unit, target->unit, ret_value);
        }
    }
    return comparable;
}

static void
judge(struct target *target, const baton_metrics_reply *reply)
{
    struct baton_metrics sum = metrics_add(reply, target->project,
                                           target->role[0] ? target->role : NULL);
    bool known = false;
    size_t i = 0;
    while (i < METRICS_N && strcmp(metrics_known[i].name, target->name) != 0) {
        i++;
    }
    known = i < METRICS_N ? metrics_value(&sum, i, &target->value)
                          : latest_measure(reply, target, &target->value);
    if (known) {
        target->verdict = target_is_met(target, target->value) ? TARGET_MET : TARGET_MISSED;
    }
}

static bool
take_target(const struct baton_card *card, void *context)
{
    struct targets *targets = context;
    if (card->n_items == 0) {
        return true;
    }
    const char *unit = metric_unit(card->name);
    unit = unit && !card->items[0].unit[0] ? unit : card->items[0].unit;
    if (targets->n == targets->room) {
        targets->room = targets->room ? targets->room * 2 : 16;
        targets->list = xreallocarray(targets->list, targets->room, sizeof *targets->list);
    }
    targets->list[targets->n++] = (struct target){
        .project = xstrdup(card->project),
        .name = xstrdup(card->name),
        .role = xstrdup(card->role),
        .bound = xstrdup(card->items[0].name),
        .unit = xstrdup(unit),
        .text = xstrdup(card->items[0].text),
        .wanted = card->items[0].value,
    };
    return true;
}

bool
targets_read(struct ctl *ctl, const baton_metrics_reply *reply, const char *const *projects,
             size_t n, struct targets *ret)
{
    static const baton_card_kind kind = BATON_CARD_TARGET;
    struct baton_card_filter filter = {
        .kinds = &kind, .n_kinds = 1, .projects = projects, .n_projects = n};
    *ret = (struct targets){0};
    baton_status status = baton_cards(ctl->baton, &filter, take_target, ret, NULL);
    if (status != BATON_OK) {
        ctl->status = ctl_fail_status(ctl, status);
        targets_fini(ret);
        return false;
    }
    for (size_t i = 0; i < ret->n; i++) {
        judge(&ret->list[i], reply);
    }
    return true;
}

void
targets_fini(struct targets *targets)
{
    for (size_t i = 0; i < targets->n; i++) {
        struct target *t = &targets->list[i];
        free(t->project);
        free(t->name);
        free(t->role);
        free(t->bound);
        free(t->unit);
        free(t->text);
    }
    free(targets->list);
    *targets = (struct targets){0};
}

/* ---- for people ---- */

const char *
metric_format(double value, const char *unit, char *out, size_t room)
{
    if (strcmp(unit, "ms") == 0 && value >= 1000 && value < 9e15) {
        return duration_format((int64_t)value, out, room);
    }
    char number[64];
    bool small = value != 0 && value > -0.1 && value < 0.1;
    snprintf(number, sizeof number, small ? "%.3g" : "%.2f", value);
    size_t n = strlen(number);
    while (!small && number[n - 1] == '0') {
        number[--n] = 0;
    }
    if (number[n - 1] == '.') {
        number[n - 1] = 0;
    }
    snprintf(out, room, "%s%s%s", number, unit[0] ? " " : "", unit);
    return out;
}

const char *
verdict_word(enum verdict verdict)
{
    return verdict == TARGET_MET ? "met" : verdict == TARGET_MISSED ? "missed" : "nothing counted";
}
