/* Which format is it? By --format, else by the file's name, else by its beginning. */
#include "ctl/plan/inner.h"

#include <string.h>
#include <strings.h>

static const char *const names[] = {"baton", "wfformat", "beads", "edges",
                                    "jobs",  "groups",   "lines", NULL};

const char *const *
plan_formats(void)
{
    return names;
}

enum format
format_of_name(const char *name)
{
    for (size_t i = 0; names[i]; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum format)i;
        }
    }
    return FORMAT_UNKNOWN;
}

static enum format
guess_by_name(const char *name)
{
    static const struct {
        const char *ending;
        enum format format;
    } endings[] = {
        {".yaml", FORMAT_YAML},   {".yml", FORMAT_YAML},     {".json", FORMAT_JSON},
        {".jsonl", FORMAT_LINES}, {".ndjson", FORMAT_LINES}, {".tsv", FORMAT_EDGES},
        {".edges", FORMAT_EDGES},
    };
    size_t n = strlen(name);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        size_t m = strlen(endings[i].ending);
        if (n > m && strcasecmp(name + n - m, endings[i].ending) == 0) {
            return endings[i].format;
        }
    }
    return FORMAT_UNKNOWN;
}

enum format
format_guess(const char *name, const char *text, size_t bytes)
{
    enum format format = guess_by_name(name);
    if (format != FORMAT_UNKNOWN) {
        return format;
    }
    const char *end = text + bytes;
    while (text < end && strchr(" \t\r\n", *text)) {
        text++;
    }
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    const char *line_end = newline ? newline : end;
    if (text < end && (*text == '{' || *text == '[')) {
        /* One object a line is JSONL; an object over lines, or a list, is JSON. */
        const char *last = line_end;
        while (last > text && strchr(" \t\r", last[-1])) {
            last--;
        }
        bool whole = *text == '{' && last > text + 1 && last[-1] == '}';
        bool more = newline && newline + 1 < end && newline[1] == '{';
        return whole && more ? FORMAT_LINES : FORMAT_JSON;
    }
    return memchr(text, '\t', (size_t)(line_end - text)) ? FORMAT_EDGES : FORMAT_YAML;
}

enum format
format_of_json(const struct node *root)
{
    if (root->kind == NODE_LIST) {
        return root->first && node_get(root->first, "members") ? FORMAT_GROUPS : FORMAT_JOBS;
    }
    if (node_get(root, "workflow")) {
        return FORMAT_WFFORMAT;
    }
    bool jobs = node_get(root, "jobs") || node_get(root, "nodes") ||
                (node_get(root, "tasks") && node_get(root, "dependencies"));
    if (jobs) {
        return FORMAT_JOBS;
    }
    /* A single issue on a single line. */
    return node_get(root, "id") && node_get(root, "status") ? FORMAT_BEADS : FORMAT_YAML;
}
