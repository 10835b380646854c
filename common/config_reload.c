/* Configuration read again while the program runs: all or nothing, and only what may change. */
#include "common/config_inner.h"

#include "common/log.h"

#include <stdio.h>
#include <string.h>

static size_t
field_bytes(const struct config_key *key)
{
    switch (key->type) {
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        return sizeof(uint64_t);
    case CONFIG_NUMBER:
    case CONFIG_WORD:
        return sizeof(uint32_t);
    case CONFIG_SWITCH:
        return sizeof(bool);
    case CONFIG_TEXT:
    case CONFIG_LIST:
    case CONFIG_COMMAND:
        break;
    }
    return 0;
}

static bool
lists_are_equal(const struct config_list *a, const struct config_list *b)
{
    bool equal = a->n == b->n;
    for (size_t i = 0; equal && i < a->n; i++) {
        equal = strcmp(a->items[i], b->items[i]) == 0;
    }
    return equal;
}

static bool
is_equal(const struct config_key *key, const void *a, const void *b)
{
    if (key->type == CONFIG_TEXT) {
        const char *one = *(const char *const *)a;
        const char *other = *(const char *const *)b;
        return one == other || (one && other && strcmp(one, other) == 0);
    }
    size_t bytes = field_bytes(key);
    return bytes ? memcmp(a, b, bytes) == 0 : lists_are_equal(a, b);
}

static void
take(struct config *config, const struct config_key *key, void *field, const void *wanted)
{
    if (key->type == CONFIG_TEXT) {
        const char *text = *(const char *const *)wanted;
        *(const char **)field = text ? arena_strdup(&config->arena, text) : NULL;
        return;
    }
    size_t bytes = field_bytes(key);
    if (bytes) {
        memcpy(field, wanted, bytes);
        return;
    }
    const struct config_list *list = wanted;
    const char **items = arena_calloc(&config->arena, list->n + 1, sizeof *items);
    for (size_t i = 0; i < list->n; i++) {
        items[i] = arena_strdup(&config->arena, list->items[i]);
    }
    *(struct config_list *)field = (struct config_list){items, list->n};
}

/* Names of what was taken and of what waits, with spaces between. */
static void
take_live(struct config *config, void *running, const void *fresh, struct buf *taken,
          struct buf *waiting)
{
    const struct config_program *program = config->program;
    for (size_t i = 0; i < program->n_keys; i++) {
        const struct config_key *key = &program->keys[i];
        char *field = (char *)running + key->at;
        const char *wanted = (const char *)fresh + key->at;
        if (is_equal(key, field, wanted)) {
            continue;
        }
        struct buf *names = key->traits & CONFIG_LIVE ? taken : waiting;
        buf_printf(names, "%s%s", names->bytes ? " " : "", key->name);
        if (key->traits & CONFIG_LIVE) {
            take(config, key, field, wanted);
        }
    }
}

bool
config_take_over(struct config *config, void *running, struct config *again, const void *fresh)
{
    const char *errors = config_errors(again);
    for (const char *line = errors; line && *line;) {
        char one[sizeof((struct quoted *)0)->s];
        size_t bytes = strcspn(line, "\n");
        snprintf(one, sizeof one, "%.*s", (int)bytes, line);
        log_event(LOG_LEVEL_ERROR, "config.refused", "error=%s", log_quote(one).s);
        line += bytes + (line[bytes] == '\n');
    }
    if (errors) {
        return false;
    }
    struct buf taken = {0}, waiting = {0};
    take_live(config, running, fresh, &taken, &waiting);
    log_event(LOG_LEVEL_NOTICE, "config.loaded", "changed=%s waiting_for_restart=%s",
              log_quote(buf_text(&taken)).s, log_quote(buf_text(&waiting)).s);
    buf_fini(&taken);
    buf_fini(&waiting);
    return true;
}
