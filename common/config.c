/* Configuration: the settings that were read, in ranks, and what they come to. */
#include "common/config_inner.h"

#include "common/alloc.h"
#include "common/text.h"
#include "common/units.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- settings ---- */

const struct config_key *
config_key_find(const struct config_program *program, const char *name)
{
    for (size_t i = 0; i < program->n_keys; i++) {
        if (strcmp(program->keys[i].name, name) == 0) {
            return &program->keys[i];
        }
    }
    return NULL;
}

void
config_set(struct config *config, const struct config_key *key, enum config_rank rank,
           const char *text, const char *origin)
{
    if (config->n == CONFIG_SETTINGS_MAX) {
        config_wrong(config, 78, "%s: more than %d settings", origin, CONFIG_SETTINGS_MAX);
        return;
    }
    if (config->n == config->room) {
        config->room = config->room ? 2 * config->room : 64;
        config->settings = xreallocarray(config->settings, config->room, sizeof *config->settings);
    }
    config->settings[config->n++] = (struct config_setting){
        .key = key,
        .rank = rank,
        .text = arena_strdup(&config->arena, text),
        .origin = arena_strdup(&config->arena, origin),
    };
}

void
config_settle(struct config *config, const char *name, const char *value, const char *origin)
{
    const struct config_key *key = config_key_find(config->program, name);
    CHECK(key);
    config_set(config, key, RANK_OWN, value, origin);
}

void
config_wrong(struct config *config, int status, const char *fmt, ...)
{
    config->status = config->status < 0 ? status : config->status;
    char line[2048];
    char safe[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line - 1, fmt, args);
    va_end(args);
    text_escape(safe, sizeof safe - 1, line, false);
    strcat(safe, "\n");
    /* A value that is wrong is so each time that settings are resolved. */
    bool is_said = config->n_errors > 0 && strstr(buf_text(&config->errors), safe);
    if (!is_said && config->n_errors++ < CONFIG_ERRORS_MAX) {
        buf_add_text(&config->errors, safe);
    }
}

const char *
config_errors(struct config *config)
{
    return config->n_errors > 0 ? buf_text(&config->errors) : NULL;
}

const char *
config_path(const struct config *config)
{
    return config->path ? config->path : "";
}

/* ---- values ---- */

/* The words of a command. False: a quote without its other half, or too many words. */
static bool
words_split(struct arena *arena, const char *text, const char **items, size_t *n)
{
    char *copy = arena_alloc(arena, strlen(text) + 1);
    const char *p = text;
    for (;;) {
        p += strspn(p, " \t");
        if (!*p) {
            return true;
        }
        if (*n == CONFIG_LIST_MAX) {
            return false;
        }
        items[(*n)++] = copy;
        for (char quote = 0; *p && (quote || !strchr(" \t", *p)); p++) {
            if (quote == *p) {
                quote = 0;
            } else if (!quote && (*p == '\'' || *p == '"')) {
                quote = *p;
            } else if (*p == '\\' && quote != '\'' && p[1]) {
                *copy++ = *++p;
            } else {
                *copy++ = *p;
            }
            if (quote && !p[1]) {
                return false;
            }
        }
        *copy++ = 0;
    }
}

/* A list while it grows. */
struct bag {
    const char **items;
    size_t n;
    enum config_rank rank; /* of what is in it */
};

static bool
list_add(struct config *config, const struct config_setting *setting, struct bag *bag)
{
    bool whole = setting->key->type == CONFIG_COMMAND || setting->rank == RANK_ENVIRONMENT;
    if (!bag->items) {
        bag->items = arena_calloc(&config->arena, CONFIG_LIST_MAX + 1, sizeof *bag->items);
    }
    /* A higher rank says all of it again; in files, so does a line without a value. */
    if (whole || setting->rank != bag->rank || !*setting->text) {
        bag->n = 0;
    }
    bag->rank = setting->rank;
    size_t from = bag->n;
    if (whole) {
        if (!words_split(&config->arena, setting->text, bag->items, &bag->n)) {
            return false;
        }
    } else if (*setting->text) {
        if (bag->n == CONFIG_LIST_MAX) {
            return false;
        }
        bag->items[bag->n++] = setting->text;
    }
    for (size_t i = from; setting->key->take && i < bag->n; i++) {
        if (!setting->key->take(bag->items[i], &bag->items[i])) {
            return false;
        }
    }
    return setting->key->max == 0 || bag->n <= setting->key->max;
}

static bool
switch_parse(const char *text, bool *ret)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *ret = i % 2;
            return true;
        }
    }
    return false;
}

static bool
number_take(const struct config_key *key, const char *text, void *field)
{
    bool is_none = (key->traits & CONFIG_ZERO) && strcmp(text, "none") == 0;
    uint64_t least = MAX(key->min, key->traits & CONFIG_ZERO ? 0 : UINT64_C(1));
    uint64_t most = key->max ? key->max : UINT64_MAX;
    uint64_t n = 0;
    int64_t ms = 0;
    if (key->type == CONFIG_DURATION) {
        bool ok = is_none || duration_parse(text, &ms);
        n = (uint64_t)ms;
        if (!ok || n < least || n > most) {
            return false;
        }
        memcpy(field, &ms, sizeof ms);
        return true;
    }
    most = key->type == CONFIG_NUMBER ? MIN(most, UINT32_MAX) : most;
    if (!(is_none || size_parse(text, &n)) || n < least || n > most) {
        return false;
    }
    if (key->type == CONFIG_NUMBER) {
        *(uint32_t *)field = (uint32_t)n;
    } else {
        *(uint64_t *)field = n;
    }
    return true;
}

static bool
value_take(struct config *config, const struct config_setting *setting, void *field,
           struct bag *bag)
{
    const struct config_key *key = setting->key;
    switch (key->type) {
    case CONFIG_TEXT:
        *(const char **)field = setting->text;
        return *setting->text && (!key->take || key->take(setting->text, field));
    case CONFIG_WORD:
        return key->take(setting->text, field);
    case CONFIG_DURATION:
    case CONFIG_SIZE:
    case CONFIG_NUMBER:
        return number_take(key, setting->text, field);
    case CONFIG_SWITCH:
        return switch_parse(setting->text, field);
    case CONFIG_LIST:
    case CONFIG_COMMAND:
        return list_add(config, setting, bag);
    }
    return false;
}

static const char *
wanted_by(struct config *config, const struct config_key *key)
{
    if (key->wanted) {
        return key->wanted;
    }
    switch (key->type) {
    case CONFIG_DURATION:
        return "a duration such as 250ms, 90s or 5m";
    case CONFIG_SIZE:
        return "a size such as 4096, 64K or 1GiB";
    case CONFIG_NUMBER:
        return key->max ? arena_printf(&config->arena, "a number from %llu to %llu",
                                       (unsigned long long)key->min, (unsigned long long)key->max)
                        : arena_printf(&config->arena, "a number from %llu up",
                                       (unsigned long long)key->min);
    case CONFIG_SWITCH:
        return "yes or no";
    case CONFIG_COMMAND:
        return "a command with its quotes in pairs";
    case CONFIG_TEXT:
    case CONFIG_WORD:
    case CONFIG_LIST:
        break;
    }
    return "a value";
}

static void
say_wrong(struct config *config, const struct config_setting *setting)
{
    bool of_flag = setting->rank == RANK_FLAG;
    char text[256];
    snprintf(text, sizeof text, "%.200s", setting->text);
    if (setting->key->traits & CONFIG_SECRET) {
        snprintf(text, sizeof text, "(hidden)");
    }
    config_wrong(config, of_flag ? 64 : 78, "%s: %s%s%s is wanted, not '%s'", setting->origin,
                 of_flag ? "" : setting->key->name, of_flag ? "" : ": ",
                 wanted_by(config, setting->key), text);
}

void
config_resolve(struct config *config, void *options)
{
    const struct config_program *program = config->program;
    struct bag bags[CONFIG_KEYS_MAX] = {0};
    CHECK(program->n_keys <= CONFIG_KEYS_MAX);
    for (size_t i = 0; i < program->n_keys; i++) {
        const struct config_key *key = &program->keys[i];
        struct config_setting own = {.key = key, .text = key->standard, .origin = "default"};
        bool ok = !key->standard || value_take(config, &own, (char *)options + key->at, &bags[i]);
        CHECK(ok);
    }
    for (int rank = RANK_OWN; rank < RANKS; rank++) {
        for (size_t i = 0; i < config->n; i++) {
            const struct config_setting *setting = &config->settings[i];
            void *field = (char *)options + setting->key->at;
            if ((int)setting->rank == rank &&
                !value_take(config, setting, field, &bags[setting->key - program->keys])) {
                say_wrong(config, setting);
            }
        }
    }
    for (size_t i = 0; i < program->n_keys; i++) {
        const struct config_key *key = &program->keys[i];
        if (key->type == CONFIG_LIST || key->type == CONFIG_COMMAND) {
            struct config_list list = {.items = bags[i].items, .n = bags[i].n};
            if (list.items) {
                bags[i].items[list.n] = NULL;
            }
            *(struct config_list *)((char *)options + key->at) = list;
        }
    }
}
