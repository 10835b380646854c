/* Sums of what tasks report under names of their own, by project and role. */
#include "broker/core/metrics.h"

#include "common/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *
sum_key(uint32_t project, int role, const char *name, size_t *ret_bytes)
{
    char head[32];
    int n = snprintf(head, sizeof head, "%u %d ", project, role);
    char *key = xmalloc((size_t)n + strlen(name) + 1);
    memcpy(key, head, (size_t)n);
    memcpy(key + n, name, strlen(name) + 1);
    *ret_bytes = (size_t)n + strlen(name);
    return key;
}

struct measure_sum *
sum_make(struct core *core, uint32_t project, int role, const char *name)
{
    size_t bytes;
    char *key = sum_key(project, role, name, &bytes);
    struct measure_sum *sum;
    HASH_FIND(by_key, core->sums, key, bytes, sum);
    if (!sum && core->n_sums < MEASURE_SUMS_MAX) {
        sum = xcalloc(1, sizeof *sum);
        *sum = (struct measure_sum){.key = key,
                                    .project = project,
                                    .project_name = core->projects[project]->name,
                                    .role = role,
                                    .name = xstrdup(name),
                                    .unit = xstrdup("")};
        HASH_ADD_KEYPTR(by_key, core->sums, sum->key, bytes, sum);
        core->n_sums++;
        return sum;
    }
    free(key);
    core->sums_full |= !sum;
    return sum;
}

void
metrics_sum(struct core *core, const struct task *task, const struct measure *measure, double was,
            bool was_said, int64_t at)
{
    struct measure_sum *sum = sum_make(core, task->project, task->role, measure->name);
    if (!sum) {
        return;
    }
    set_text(&sum->unit, measure->unit[0] ? measure->unit : NULL);
    sum->n += !was_said;
    sum->sum += measure->value - was;
    sum->last = measure->value;
    sum->last_at = at;
}

static int
compare_sums(const void *a, const void *b)
{
    const struct measure_sum *x = *(struct measure_sum *const *)a;
    const struct measure_sum *y = *(struct measure_sum *const *)b;
    int by = strcmp(x->project_name, y->project_name);
    by = by ? by : x->role - y->role;
    return by ? by : strcmp(x->name, y->name);
}

struct measure_sum **
sums_sorted(const struct core *core, struct arena *arena)
{
    struct measure_sum **sums = arena_alloc(arena, (core->n_sums + 1) * sizeof *sums);
    size_t n = 0;
    for (struct measure_sum *sum = core->sums; sum; sum = sum->by_key.next) {
        sums[n++] = sum;
    }
    qsort(sums, n, sizeof *sums, compare_sums);
    return sums;
}

void
metrics_fini(struct core *core)
{
    for (struct measure_sum *sum = core->sums, *next; sum; sum = next) {
        next = sum->by_key.next;
        HASH_DELETE(by_key, core->sums, sum);
        free(sum->key);
        free(sum->name);
        free(sum->unit);
        free(sum);
    }
}
