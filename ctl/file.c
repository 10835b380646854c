/* Files that an option names. */
#include "ctl/file.h"

#include "common/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

char *
ctl_read_file(struct ctl *ctl, const char *path, size_t bytes_max, size_t *ret_bytes)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    if (!file) {
        ctl_fail(ctl, CTL_DATA, "file", NULL, "%s can't be read: %s", path, strerror(errno));
        return NULL;
    }
    size_t room = 4096;
    size_t used = 0;
    char *text = xmalloc(room);
    for (size_t n; used <= bytes_max && (n = fread(text + used, 1, room - used - 1, file)) > 0;) {
        used += n;
        if (room - used < 2) {
            room *= 2;
            text = xrealloc(text, room);
        }
    }
    bool failed = ferror(file) != 0;
    int error = errno;
    if (!is_stdin) {
        fclose(file);
    }
    if (failed || used > bytes_max) {
        free(text);
        if (failed) {
            ctl_fail(ctl, CTL_DATA, "file", NULL, "%s can't be read: %s", path, strerror(error));
        } else {
            ctl_fail(ctl, CTL_DATA, "too_large", NULL, "%s is longer than %zu bytes", path,
                     bytes_max);
        }
        return NULL;
    }
    text[used] = 0;
    *ret_bytes = used;
    return text;
}
