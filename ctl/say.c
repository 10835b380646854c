/* Lines "name: value" for people. */
#include "ctl/say.h"

#include "common/alloc.h"
#include "common/units.h"
#include "ctl/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_WIDTH = 15 };

void
say(struct ctl *ctl, const char *name, const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    CHECK(vasprintf(&text, fmt, args) >= 0);
    va_end(args);
    if (text[0]) {
        ctl_print(ctl, "%-*s ", NAME_WIDTH, name);
        ctl_print_text(ctl, text);
        ctl_print(ctl, "\n");
    }
    free(text);
}

const char *
when_format(int64_t ms, int64_t now, char *out, size_t room)
{
    char length[40];
    int64_t off = ms > now ? ms - now : now - ms;
    duration_format(off >= 1000 ? off / 1000 * 1000 : off, length, sizeof length);
    snprintf(out, room, ms > now ? "in %s" : "%s ago", length);
    return out;
}

void
say_time(struct ctl *ctl, const char *name, int64_t ms)
{
    char time[40];
    char when[64];
    if (ms > 0) {
        say(ctl, name, "%s (%s)", time_format(ms, time, sizeof time),
            when_format(ms, ctl_now(), when, sizeof when));
    }
}

void
say_duration(struct ctl *ctl, const char *name, int64_t ms)
{
    char text[40];
    if (ms > 0) {
        say(ctl, name, "%s", duration_format(ms, text, sizeof text));
    }
}

void
say_block(struct ctl *ctl, const char *name, const char *text)
{
    if (!text[0]) {
        return;
    }
    ctl_print(ctl, "%s\n", name);
    while (*text) {
        size_t n = strcspn(text, "\n");
        char *line = strndup(text, n);
        CHECK(line);
        ctl_print(ctl, "    ");
        ctl_print_text(ctl, line);
        ctl_print(ctl, "\n");
        free(line);
        text += n + (text[n] == '\n');
    }
}
