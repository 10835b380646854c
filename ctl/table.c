/* Tables of text that fit the terminal. */
#include "ctl/table.h"

#include "common/alloc.h"
#include "common/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum {
    GAP = 2,           /* spaces between columns */
    SHRUNK_MIN = 8,    /* a column is not cut below this */
    WIDTH_MAX = 65536, /* of a line without a terminal */
};

/* Decodes one character of valid or broken UTF-8; returns its bytes (1 for broken ones). */
static size_t
next_character(const char *s, wchar_t *ret)
{
    for (size_t n = 1; n <= 4 && s[n - 1]; n++) {
        if (!utf8_is_valid(s, n)) {
            continue;
        }
        uint32_t c = (uint8_t)s[0];
        if (n > 1) {
            c &= 0x7fu >> n;
            for (size_t i = 1; i < n; i++) {
                c = c << 6 | ((uint8_t)s[i] & 0x3f);
            }
        }
        *ret = (wchar_t)c;
        return n;
    }
    *ret = L'?';
    return 1;
}

static size_t
character_columns(wchar_t c)
{
    int columns = wcwidth(c); /* -1 in a locale that does not know it */
    return columns < 0 ? 1 : (size_t)columns;
}

size_t
text_columns(const char *text)
{
    size_t columns = 0;
    while (*text) {
        wchar_t c;
        text += next_character(text, &c);
        columns += character_columns(c);
    }
    return columns;
}

const char *
text_cut(const char *text, size_t columns, char *out, size_t room)
{
    bool whole = text_columns(text) <= columns && strlen(text) < room;
    size_t limit = whole ? columns : columns > 0 ? columns - 1 : 0;
    size_t used = 0;
    size_t at = 0;
    while (text[at]) {
        wchar_t c;
        size_t n = next_character(text + at, &c);
        if (used + character_columns(c) > limit || at + n + sizeof "…" > room) {
            break;
        }
        memcpy(out + at, text + at, n);
        used += character_columns(c);
        at += n;
    }
    memcpy(out + at, whole || columns == 0 ? "" : "…", whole || columns == 0 ? 1 : sizeof "…");
    return out;
}

void
table_init(struct table *table, const struct table_column *columns, size_t n_columns)
{
    CHECK(n_columns > 0 && n_columns <= TABLE_COLUMNS_MAX);
    *table = (struct table){.columns = columns, .n_columns = n_columns};
}

void
table_add(struct table *table, const char *text)
{
    if (table->n_cells == table->room) {
        table->room = table->room ? table->room * 2 : 256;
        table->cells = xreallocarray(table->cells, table->room, sizeof *table->cells);
    }
    char safe[TABLE_CELL_BYTES_MAX];
    text_escape(safe, sizeof safe, text, false);
    table->cells[table->n_cells++] = xstrdup(safe);
}

void
table_add_number(struct table *table, uint64_t number)
{
    table_addf(table, "%llu", (unsigned long long)number);
}

void
table_addf(struct table *table, const char *fmt, ...)
{
    char text[TABLE_CELL_BYTES_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    table_add(table, text);
}

/* Cuts the widest column that may be cut, until all fit or none may be cut further. */
static void
fit(const struct table *table, size_t width, size_t *widths)
{
    for (;;) {
        size_t total = GAP * (table->n_columns - 1);
        size_t widest = table->n_columns;
        for (size_t c = 0; c < table->n_columns; c++) {
            total += widths[c];
            bool may = table->columns[c].shrink && widths[c] > SHRUNK_MIN;
            if (may && (widest == table->n_columns || widths[c] > widths[widest])) {
                widest = c;
            }
        }
        if (total <= width || widest == table->n_columns) {
            return;
        }
        widths[widest]--;
    }
}

static void
print_cell(const struct table *table, struct ctl *ctl, size_t column, const char *text,
           size_t width, bool last, const char *color)
{
    char cut[TABLE_CELL_BYTES_MAX + 8];
    text_cut(text, width, cut, sizeof cut);
    size_t pad = width - MIN(width, text_columns(cut));
    bool right = table->columns[column].right;
    ctl_print(ctl, "%*s%s%s%s", right ? (int)pad : 0, "", color, cut,
              color[0] ? color_end(ctl) : "");
    if (!last) {
        ctl_print(ctl, "%*s", (int)(right ? GAP : pad + GAP), "");
    }
}

void
table_print(const struct table *table, struct ctl *ctl)
{
    size_t n_rows = table->n_cells / table->n_columns;
    size_t widths[TABLE_COLUMNS_MAX];
    for (size_t c = 0; c < table->n_columns; c++) {
        widths[c] = text_columns(table->columns[c].title);
        for (size_t r = 0; r < n_rows; r++) {
            widths[c] = MAX(widths[c], text_columns(table->cells[r * table->n_columns + c]));
        }
    }
    size_t width = ctl->width > 0 ? (size_t)ctl->width : WIDTH_MAX;
    fit(table, width, widths);
    for (size_t r = 0; r <= n_rows; r++) {
        size_t left = width;
        for (size_t c = 0; c < table->n_columns && left > 0; c++) {
            const char *text = r ? table->cells[(r - 1) * table->n_columns + c]
                                 : table->columns[c].title;
            /* What can't be made narrower is cut at the edge. */
            bool last = c + 1 == table->n_columns || left <= widths[c] + GAP;
            print_cell(table, ctl, c, text, MIN(widths[c], left), last,
                       r ? color_of_state(ctl, text) : color_bold(ctl));
            left -= MIN(left, widths[c] + GAP);
        }
        ctl_print(ctl, "\n");
    }
}

void
table_fini(struct table *table)
{
    for (size_t i = 0; i < table->n_cells; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    *table = (struct table){0};
}

const char *
color_of_state(const struct ctl *ctl, const char *state)
{
    static const struct {
        const char *state;
        const char *color;
    } colors[] = {
        {"ready", "\033[36m"},   {"leased", "\033[34m"},     {"running", "\033[34m"},
        {"done", "\033[32m"},    {"failed", "\033[31m"},     {"cancelled", "\033[35m"},
        {"aborted", "\033[31m"}, {"cancelling", "\033[35m"}, {"expired", "\033[31m"},
    };
    for (size_t i = 0; ctl->color && i < ARRAY_LEN(colors); i++) {
        if (strcmp(colors[i].state, state) == 0) {
            return colors[i].color;
        }
    }
    return "";
}

const char *
color_bold(const struct ctl *ctl)
{
    return ctl->color ? "\033[1m" : "";
}

const char *
color_red(const struct ctl *ctl)
{
    return ctl->color ? "\033[31m" : "";
}

const char *
color_end(const struct ctl *ctl)
{
    return ctl->color ? "\033[0m" : "";
}
