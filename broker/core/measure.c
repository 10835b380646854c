/* Measures: numbers that agents report of their work. A value is that of the whole attempt so far,
 * so saying it again replaces it: what is sent twice counts once. */
#include "broker/core/state.h"

#include "common/alloc.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>

const char *
measures_fault(Baton__Measure *const *measures, size_t n)
{
    if (n > MEASURES_MAX) {
        return "measures: at most 16 in one report";
    }
    for (size_t i = 0; i < n; i++) {
        const Baton__Measure *m = measures[i];
        if (!name_is_valid(m->name, MEASURE_NAME_BYTES_MAX)) {
            return "measures: a name is missing, longer than 64 bytes, or not one";
        }
        if (m->unit[0] && !prose_is_valid(m->unit, CARD_TAG_BYTES_MAX)) {
            return "measures: a unit is longer than 32 bytes or has control characters";
        }
        if (!(m->value >= -MEASURE_MAX && m->value <= MEASURE_MAX)) {
            return "measures: a value is no number between -1e15 and 1e15";
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(measures[k]->name, m->name) == 0) {
                return "measures: one name stands there twice";
            }
        }
    }
    return NULL;
}

void
measures_begin(struct task *task)
{
    struct measures *measures = task->ext ? task->ext->measures : NULL;
    for (uint32_t i = 0; measures && i < measures->n; i++) {
        struct measure *m = &measures->list[i];
        m->before += m->said ? m->value : 0;
        m->value = 0;
        m->said = false;
    }
}

static struct measure *
find(struct measures *measures, const char *name)
{
    for (uint32_t i = 0; measures && i < measures->n; i++) {
        if (strcmp(measures->list[i].name, name) == 0) {
            return &measures->list[i];
        }
    }
    return NULL;
}

const struct measure *
measures_find(const struct task *task, const char *name)
{
    const struct measure *m = task->ext ? find(task->ext->measures, name) : NULL;
    return m && m->said ? m : NULL;
}

/* NULL: the task knows as many as it may. */
static struct measure *
add(struct task_ext *ext, const char *name)
{
    if (!ext->measures) {
        ext->measures = xcalloc(1, sizeof *ext->measures);
    }
    if (ext->measures->n == MEASURES_KEPT) {
        return NULL;
    }
    struct measure *m = &ext->measures->list[ext->measures->n++];
    *m = (struct measure){.name = xstrdup(name), .unit = xstrdup("")};
    return m;
}

void
measures_take(struct core *core, struct task *task, Baton__Measure *const *said, size_t n,
              struct core_out *out, int64_t at)
{
    struct task_ext *ext = n ? task_ext(core, task) : NULL;
    for (size_t i = 0; i < n; i++) {
        struct measure *m = find(ext->measures, said[i]->name);
        m = m ? m : add(ext, said[i]->name);
        if (!m) {
            continue;
        }
        double was = m->said ? m->value : 0;
        bool was_said = m->said;
        if (strcmp(m->unit, said[i]->unit) != 0) {
            free(m->unit);
            m->unit = xstrdup(said[i]->unit);
        }
        m->value = said[i]->value;
        m->said = true;
        metrics_sum(core, task, m, was, was_said, at);
        budgets_measure(core, task, m->name, was, m->value, out, at);
    }
}

void
measure_message(const struct measure *measure, Baton__TaskMeasure *ret)
{
    baton__task_measure__init(ret);
    ret->name = measure->name;
    ret->unit = measure->unit;
    ret->value = measure->value;
    ret->said = measure->said;
    ret->before = measure->before;
}

Baton__TaskMeasure **
measures_messages(const struct task_ext *ext, struct arena *arena, size_t *ret_n)
{
    size_t n = ext->measures ? ext->measures->n : 0;
    Baton__TaskMeasure **messages = arena_alloc(arena, (n + 1) * sizeof(Baton__TaskMeasure *));
    for (size_t i = 0; i < n; i++) {
        messages[i] = arena_alloc(arena, sizeof(Baton__TaskMeasure));
        measure_message(&ext->measures->list[i], messages[i]);
    }
    *ret_n = n;
    return messages;
}

bool
measures_restore(struct task_ext *ext, Baton__TaskMeasure *const *messages, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct measure *m = find(ext->measures, messages[i]->name) ? NULL
                                                                   : add(ext, messages[i]->name);
        if (!m) {
            return false;
        }
        free(m->unit);
        m->unit = xstrdup(messages[i]->unit);
        m->value = messages[i]->value;
        m->said = messages[i]->said;
        m->before = messages[i]->before;
    }
    return true;
}

void
measures_free(struct task_ext *ext)
{
    for (uint32_t i = 0; ext->measures && i < ext->measures->n; i++) {
        free(ext->measures->list[i].name);
        free(ext->measures->list[i].unit);
    }
    free(ext->measures);
}
