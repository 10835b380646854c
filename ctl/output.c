/* Output: JSON lines and text made safe for a terminal. */
#include "common/alloc.h"
#include "common/buf.h"
#include "common/limits.h"
#include "common/text.h"
#include "common/units.h"
#include "ctl/verbs.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A character as \\uNNNN, in two halves where it needs them. */
static void
write_escaped(FILE *out, uint32_t c)
{
    if (c >= 0x10000) {
        fprintf(out, "\\u%04X\\u%04X", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + (c & 0x3ff));
    } else {
        fprintf(out, "\\u%04X", c);
    }
}

void
ctl_write_json(FILE *out, const json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    CHECK(text);
    size_t bytes = strlen(text);
    size_t plain_from = 0;
    for (size_t i = 0; i < bytes;) {
        if ((unsigned char)text[i] < 0x7f) { /* nearly all; below 0x20 there is nothing */
            i++;
            continue;
        }
        uint32_t c;
        bool is_plain;
        size_t n = text_look(text + i, bytes - i, &c, &is_plain);
        if (!is_plain) {
            fwrite(text + plain_from, 1, i - plain_from, out);
            write_escaped(out, c);
            plain_from = i + n;
        }
        i += n;
    }
    fwrite(text + plain_from, 1, bytes - plain_from, out);
    free(text);
}

void
ctl_print_json(struct ctl *ctl, json_t *object)
{
    json_t *line = json_object();
    CHECK(object && line);
    json_object_set_new(line, "v", json_integer(CTL_JSON_VERSION));
    json_object_update(line, object);
    json_decref(object);
    ctl_write_json(ctl->out, line);
    fputc('\n', ctl->out);
    json_decref(line);
}

json_t *
ctl_json_time(int64_t ms)
{
    char text[40];
    return ms > 0 ? json_string(time_format(ms, text, sizeof text)) : json_null();
}

json_t *
ctl_json_text(const char *text)
{
    text = text ? text : "";
    json_t *string = json_string(text);
    if (string) {
        return string;
    }
    struct buf clean = {0};
    for (size_t i = 0, bytes = strlen(text); i < bytes;) {
        size_t n = 1;
        while (n <= 4 && i + n <= bytes && !utf8_is_valid(text + i, n)) {
            n++;
        }
        if (n > 4 || i + n > bytes) {
            buf_add_text(&clean, "\xef\xbf\xbd");
            i++;
        } else {
            buf_add(&clean, text + i, n);
            i += n;
        }
    }
    string = json_string(buf_text(&clean));
    buf_fini(&clean);
    CHECK(string);
    return string;
}

void
ctl_print_text(struct ctl *ctl, const char *text)
{
    /* The longest escape is 10 bytes for one. */
    size_t room = strlen(text) * 10 + 1;
    char *safe = xmalloc(room);
    text_escape(safe, room, text, false);
    fputs(safe, ctl->out);
    free(safe);
}

void
ctl_print(struct ctl *ctl, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(ctl->out, fmt, args);
    va_end(args);
}
