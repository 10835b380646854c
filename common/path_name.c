#include "common/path_name.h"

#include "common/text.h"

#include <string.h>

bool
path_name_is(const char *name)
{
    return strncmp(name, PATH_NAME_PREFIX, strlen(PATH_NAME_PREFIX)) == 0;
}

/* One part between slashes. */
static const char *
look_at_part(const char *part, size_t bytes)
{
    if (bytes == 0) {
        return "a path begins at the root of the work tree, without '/' before it or '//' in it: "
               "write path:src/api/**";
    }
    if ((bytes == 1 && part[0] == '.') || (bytes == 2 && memcmp(part, "..", 2) == 0)) {
        return "a path has no '.' or '..' in it: write it from the root of the work tree";
    }
    for (size_t i = 0; i < bytes;) {
        uint32_t code;
        bool plain;
        i += text_look(part + i, bytes - i, &code, &plain);
        if (!plain) {
            return "a path has no control or invisible characters and is UTF-8";
        }
        if (code == '*' || code == '?' || code == '\\') {
            return "a path is meant literally, without * ? \\; only '/**' may stand at its end, "
                   "for all below it";
        }
    }
    return NULL;
}

static const char *
read_path(const char *path, char ret[RESOURCE_NAME_ROOM])
{
    static const char end[] = "/**";
    size_t bytes = strlen(path);
    if (bytes > PATH_NAME_BYTES_MAX - strlen(PATH_NAME_PREFIX)) {
        return "too long: a path has at most 507 bytes";
    }
    if (strcmp(path, "**") == 0) {
        strcpy(ret, PATH_NAME_ALL);
        return NULL;
    }
    if (bytes >= sizeof end && strcmp(path + bytes - strlen(end), end) == 0) {
        bytes -= strlen(end);
    } else if (bytes > 1 && path[bytes - 1] == '/') {
        bytes--;
    }
    unsigned depth = 0;
    for (size_t at = 0; at <= bytes; depth++) {
        const char *slash = memchr(path + at, '/', bytes - at);
        size_t part = slash ? (size_t)(slash - path) - at : bytes - at;
        const char *wrong = look_at_part(path + at, part);
        if (wrong) {
            return wrong;
        }
        at += part + 1;
    }
    if (depth > PATH_DEPTH_MAX) {
        return "too deep: a path has at most 32 parts; claim a directory above it";
    }
    memcpy(ret, PATH_NAME_PREFIX, strlen(PATH_NAME_PREFIX));
    memcpy(ret + strlen(PATH_NAME_PREFIX), path, bytes);
    ret[strlen(PATH_NAME_PREFIX) + bytes] = 0;
    return NULL;
}

const char *
resource_name_read(const char *name, char ret[RESOURCE_NAME_ROOM])
{
    if (path_name_is(name)) {
        return read_path(name + strlen(PATH_NAME_PREFIX), ret);
    }
    if (strnlen(name, NAME_BYTES_MAX + 1) > NAME_BYTES_MAX) {
        return "too long: names have at most 128 bytes";
    }
    if (!name_is_valid(name, NAME_BYTES_MAX)) {
        return "not a name: use letters, digits and . _ : @ / + ~ -, not beginning with - or ., "
               "without '..' or '//'; or a path as path:DIRECTORY/** or path:FILE";
    }
    strcpy(ret, name);
    return NULL;
}

bool
path_name_covers(const char *a, const char *b)
{
    if (!path_name_is(a) || !path_name_is(b)) {
        return strcmp(a, b) == 0;
    }
    size_t bytes = strlen(a);
    return strcmp(a, PATH_NAME_ALL) == 0 ||
           (strncmp(a, b, bytes) == 0 && (b[bytes] == 0 || b[bytes] == '/'));
}

bool
path_names_meet(const char *a, const char *b)
{
    return path_name_covers(a, b) || path_name_covers(b, a);
}
