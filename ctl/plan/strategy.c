/* The strategy's task queue: lists of tasks by priority. */
#include "common/words.h"
#include "ctl/plan/inner.h"

#include <string.h>

static const char *const level_keys[] = {"critical_priority", "high_priority", "medium_priority",
                                         "low_priority", NULL};

void
strategy_read_queue(struct plan *plan, struct source *source, const struct node *queue)
{
    if (!field_is(plan, source, queue, NODE_MAP)) {
        return;
    }
    for (const struct node *level = queue->first; level; level = level->next) {
        size_t i = 0;
        while (level_keys[i] && strcmp(level_keys[i], level->key) != 0) {
            i++;
        }
        if (!level_keys[i]) {
            plan_fail(plan, (struct place){source->at.file, level->key_line},
                      "unknown key %s in task_queue%s", quote(plan, level->key),
                      did_you_mean(plan, level->key, level_keys));
            continue;
        }
        if (level->kind == NODE_NULL || !field_is(plan, source, level, NODE_LIST)) {
            continue;
        }
        for (const struct node *item = level->first; item; item = item->next) {
            /* The levels stand in the order of the priorities' numbers, which begin at 1. */
            task_read(plan, source, item, (baton_priority)(i + 1));
        }
    }
}
