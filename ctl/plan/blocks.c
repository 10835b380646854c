/* Blocks of the strategy that this version knows but has no use for yet: their shape is checked, so
 * that a slip shows today and not with the version that uses them. */
#include "ctl/plan/inner.h"

#include <string.h>

enum { BLOCK_KEYS_MAX = 12 };

static const struct block {
    const char *name;
    bool by_name; /* a map of entries, each with `keys`; else the block has the keys itself */
    const char *keys[BLOCK_KEYS_MAX];
} blocks[] = {
    {"dashboard_config", false, {"refresh_interval", "widgets"}},
};

static void
check_keys(struct plan *plan, const struct source *source, const struct block *block,
           const struct node *map)
{
    if (!field_is(plan, source, map, NODE_MAP)) {
        return;
    }
    for (const struct node *node = map->first; node; node = node->next) {
        size_t i = 0;
        while (block->keys[i] && strcmp(block->keys[i], node->key) != 0) {
            i++;
        }
        if (!block->keys[i]) {
            plan_fail(plan, (struct place){source->at.file, node->key_line},
                      "unknown key %s in %s%s", quote(plan, node->key), block->name,
                      did_you_mean(plan, node->key, block->keys));
        }
    }
}

bool
block_read(struct plan *plan, struct source *source, const struct node *node)
{
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        const struct block *block = &blocks[i];
        if (strcmp(block->name, node->key) != 0) {
            continue;
        }
        if (!field_is(plan, source, node, NODE_MAP)) {
            return true;
        }
        if (block->by_name) {
            for (const struct node *entry = node->first; entry; entry = entry->next) {
                check_keys(plan, source, block, entry);
            }
        } else {
            check_keys(plan, source, block, node);
        }
        plan_note(plan, (struct place){source->at.file, node->key_line},
                  "%s: recognised, used by a later version", node->key);
        return true;
    }
    return false;
}
