/* Configuration from files and from the environment. */
#include "common/config_inner.h"

#include "common/alloc.h"
#include "common/nearest.h"
#include "common/text.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- lines ---- */

struct reading {
    struct config *config;
    const char *path;
    unsigned line;
    unsigned seen[CONFIG_KEYS_MAX]; /* the line of each key */
};

static char *
trim(char *text)
{
    text += strspn(text, " \t");
    size_t bytes = strlen(text);
    while (bytes > 0 && strchr(" \t\r", text[bytes - 1])) {
        text[--bytes] = 0;
    }
    return text;
}

static void
say_unknown(struct reading *reading, const char *name)
{
    const struct config_program *program = reading->config->program;
    const char *names[CONFIG_KEYS_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i < program->n_keys; i++) {
        if (!(program->keys[i].traits & CONFIG_FLAG_ONLY)) {
            names[n++] = program->keys[i].name;
        }
    }
    names[n] = NULL;
    const char *nearest = nearest_word(name, names);
    config_wrong(reading->config, 78, "%s:%u: there is no key '%.60s'%s%s%s", reading->path,
                 reading->line, name, nearest ? "; is " : "", nearest ? nearest : "",
                 nearest ? " meant?" : "");
}

static void
take_line(struct reading *reading, char *line)
{
    struct config *config = reading->config;
    line = trim(line);
    if (!*line || *line == '#') {
        return;
    }
    if (strlen(line) > CONFIG_LINE_BYTES_MAX) {
        config_wrong(config, 78, "%s:%u: a line has at most %d bytes", reading->path, reading->line,
                     CONFIG_LINE_BYTES_MAX);
        return;
    }
    if (!prose_is_valid(line, CONFIG_LINE_BYTES_MAX)) {
        config_wrong(config, 78, "%s:%u: only text in UTF-8 without control characters is taken",
                     reading->path, reading->line);
        return;
    }
    char *value = strchr(line, '=');
    if (!value) {
        config_wrong(config, 78, "%s:%u: 'key = value' is wanted, or a comment that begins with #",
                     reading->path, reading->line);
        return;
    }
    *value++ = 0;
    const char *name = trim(line);
    const struct config_key *key = config_key_find(config->program, name);
    if (!key || key->traits & CONFIG_FLAG_ONLY) {
        say_unknown(reading, name);
        return;
    }
    unsigned *seen = &reading->seen[key - config->program->keys];
    if (*seen && key->type != CONFIG_LIST) {
        config_wrong(config, 78, "%s:%u: %s is set on line %u already", reading->path,
                     reading->line, name, *seen);
        return;
    }
    *seen = reading->line;
    config_set(config, key, RANK_FILE, trim(value),
               arena_printf(&config->arena, "%s:%u", reading->path, reading->line));
}

/* ---- files ---- */

/* The content with a NUL behind, to be freed; NULL: said why. */
static char *
slurp(struct config *config, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        config_wrong(config, 78, "%s: can't be read: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    bool is_file = S_ISREG(st.st_mode) || S_ISCHR(st.st_mode); /* /dev/null is nothing said */
    char *text = xmalloc(CONFIG_FILE_BYTES_MAX + 2);
    size_t bytes = 0;
    ssize_t n = is_file ? 1 : -1;
    while (n > 0 && bytes <= CONFIG_FILE_BYTES_MAX) {
        n = read(fd, text + bytes, CONFIG_FILE_BYTES_MAX + 1 - bytes);
        bytes += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    const char *why = !is_file                        ? "not a file"
                      : n < 0                         ? "can't be read"
                      : bytes > CONFIG_FILE_BYTES_MAX ? "too long (256 KiB at most)"
                      : memchr(text, 0, bytes)        ? "not a text"
                                                      : NULL;
    if (why) {
        config_wrong(config, 78, "%s: %s", path, why);
        free(text);
        return NULL;
    }
    text[bytes] = 0;
    return text;
}

void
config_read_file(struct config *config, const char *path)
{
    char *text = slurp(config, path);
    if (!text) {
        return;
    }
    buf_printf(&config->files, "%s%s", config->files.bytes ? " " : "", path);
    struct reading reading = {.config = config, .path = path};
    for (char *line = text; line;) {
        char *end = strchr(line, '\n');
        if (end) {
            *end++ = 0;
        }
        reading.line++;
        take_line(&reading, line);
        line = end;
    }
    free(text);
}

static int
is_drop_in(const struct dirent *entry)
{
    size_t bytes = strlen(entry->d_name);
    return entry->d_name[0] != '.' && bytes > 5 && strcmp(entry->d_name + bytes - 5, ".conf") == 0;
}

static void
read_drop_ins(struct config *config)
{
    const char *directory = arena_printf(&config->arena, "%s.d", config->path);
    struct dirent **entries = NULL;
    int n = scandir(directory, &entries, is_drop_in, NULL);
    if (n < 0 && errno != ENOENT && errno != ENOTDIR) {
        config_wrong(config, 78, "%s: can't be read: %s", directory, strerror(errno));
    }
    if (n > CONFIG_FILES_MAX) {
        config_wrong(config, 78, "%s: more than %d files", directory, CONFIG_FILES_MAX);
    }
    const char *paths[CONFIG_FILES_MAX];
    size_t n_paths = 0;
    for (int i = 0; i < n; i++) {
        if (n_paths < CONFIG_FILES_MAX) {
            /* By name whatever the locale: insertion, for there are few. */
            size_t at = n_paths++;
            const char *path = arena_printf(&config->arena, "%s/%s", directory, entries[i]->d_name);
            for (; at > 0 && strcmp(paths[at - 1], path) > 0; at--) {
                paths[at] = paths[at - 1];
            }
            paths[at] = path;
        }
        free(entries[i]);
    }
    free(entries);
    for (size_t i = 0; i < n_paths; i++) {
        config_read_file(config, paths[i]);
    }
}

void
config_add_file(struct config *config, const char *name)
{
    const char *slash = config->path ? strrchr(config->path, '/') : NULL;
    if (!config->path) {
        return;
    }
    const char *path = arena_printf(
        &config->arena, "%.*s%s", slash ? (int)(slash + 1 - config->path) : 0, config->path, name);
    if (access(path, F_OK) == 0) {
        config_read_file(config, path);
    }
}

/* ---- where the file is ---- */

/* Of the system for root, else the user's own; NULL: nowhere. */
static const char *
usual_path(struct config *config)
{
    const char *file = config->program->file;
    const char *own = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    const char *service = getenv(
        "CONFIGURATION_DIRECTORY"); /* of systemd, for the unit that we are */
    if (service && service[0] == '/') {
        return arena_printf(&config->arena, "%s/%s", service, file);
    }
    if (geteuid() == 0) {
        return arena_printf(&config->arena, "/etc/baton/%s", file);
    }
    if (own && own[0] == '/') {
        return arena_printf(&config->arena, "%s/baton/%s", own, file);
    }
    return home && home[0] == '/' ? arena_printf(&config->arena, "%s/.config/baton/%s", home, file)
                                  : NULL;
}

const char *
config_variable(const struct config_program *program, const struct config_key *key, char *out,
                size_t room)
{
    int n = snprintf(out, room, "%s%s", program->prefix, key->name);
    CHECK(n > 0 && (size_t)n < room);
    for (char *p = out; *p; p++) {
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    }
    return out;
}

static void
read_environment(struct config *config)
{
    const struct config_program *program = config->program;
    for (size_t i = 0; i < program->n_keys; i++) {
        const struct config_key *key = &program->keys[i];
        char name[64];
        const char *value = getenv(config_variable(program, key, name, sizeof name));
        if (!value || !*value || key->traits & CONFIG_FLAG_ONLY) {
            continue;
        }
        const char *origin = arena_printf(&config->arena, "environment %s", name);
        if (!prose_is_valid(value, CONFIG_LINE_BYTES_MAX)) {
            config_wrong(config, 78, "%s: only text in UTF-8 without control characters is taken",
                         origin);
            continue;
        }
        config_set(config, key, RANK_ENVIRONMENT, value, origin);
    }
}

void
config_read(struct config *config)
{
    static const struct config_key file = {.name = "config"};
    char name[64];
    const char *variable = getenv(config_variable(config->program, &file, name, sizeof name));
    const char *named = config->asked ? config->asked : variable && *variable ? variable : NULL;
    config->path = named ? arena_strdup(&config->arena, named) : usual_path(config);
    if (config->path) {
        if (named || access(config->path, F_OK) == 0) {
            config_read_file(config, config->path);
        }
        read_drop_ins(config);
    }
    read_environment(config);
}
