/* A report's document, and how it is written: Markdown, or one page of HTML without script. Every
 * text is escaped, whoever wrote it. */
#include "ctl/report/report.h"

#include "common/check.h"
#include "ctl/mirror/pages.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- making ---- */

json_t *
doc_new(const char *title)
{
    json_t *doc = json_object();
    json_object_set_new(doc, "title", ctl_json_text(title));
    json_object_set_new(doc, "sections", json_array());
    CHECK(json_object_get(doc, "sections"));
    return doc;
}

json_t *
doc_section(json_t *doc, const char *title)
{
    json_t *section = json_object();
    json_object_set_new(section, "title", ctl_json_text(title));
    json_object_set_new(section, "lines", json_array());
    json_object_set_new(section, "columns", json_array());
    json_object_set_new(section, "rows", json_array());
    json_object_set_new(section, "left_out", json_integer(0));
    CHECK(json_array_append_new(json_object_get(doc, "sections"), section) == 0);
    return section;
}

static json_t *
text_of(const char *fmt, va_list args)
{
    va_list copy;
    va_copy(copy, args);
    int n = vsnprintf(NULL, 0, fmt, copy);
    va_end(copy);
    char *room = malloc((size_t)n + 1);
    CHECK(room);
    vsnprintf(room, (size_t)n + 1, fmt, args);
    json_t *value = ctl_json_text(room);
    free(room);
    return value;
}

void
doc_line(json_t *section, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    json_array_append_new(json_object_get(section, "lines"), text_of(fmt, args));
    va_end(args);
}

void
doc_columns(json_t *section, const char *titles)
{
    json_t *columns = json_object_get(section, "columns");
    while (*titles) {
        size_t n = strcspn(titles, "|");
        json_array_append_new(columns, json_stringn(titles, n));
        titles += n + (titles[n] == '|');
    }
}

bool
doc_row(json_t *section)
{
    json_t *rows = json_object_get(section, "rows");
    if (json_array_size(rows) == REPORT_ROWS_MAX) {
        json_int_t left = json_integer_value(json_object_get(section, "left_out"));
        json_object_set_new(section, "left_out", json_integer(left + 1));
        return false;
    }
    json_array_append_new(rows, json_array());
    return true;
}

void
doc_cell(json_t *section, const char *fmt, ...)
{
    json_t *rows = json_object_get(section, "rows");
    va_list args;
    va_start(args, fmt);
    json_array_append_new(json_array_get(rows, json_array_size(rows) - 1), text_of(fmt, args));
    va_end(args);
}

/* ---- Markdown ---- */

static const char *
member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* As page_text; a bar would end the cell. */
static void
add_cell(struct buf *out, const char *text)
{
    struct buf safe = {0};
    page_text(&safe, text);
    for (const char *p = buf_text(&safe); *p; p++) {
        buf_printf(out, *p == '|' ? "\\%c" : "%c", *p);
    }
    buf_fini(&safe);
}

static void
markdown_row(struct buf *out, const json_t *cells)
{
    size_t i;
    json_t *cell;
    json_array_foreach(cells, i, cell)
    {
        buf_add_text(out, "| ");
        add_cell(out, json_string_value(cell));
        buf_add_text(out, " ");
    }
    buf_add_text(out, "|\n");
}

static void
markdown_table(struct buf *out, const json_t *section)
{
    const json_t *columns = json_object_get(section, "columns");
    const json_t *rows = json_object_get(section, "rows");
    json_int_t left = json_integer_value(json_object_get(section, "left_out"));
    size_t i;
    json_t *row;
    if (json_array_size(rows) == 0) {
        return;
    }
    buf_add_text(out, "\n");
    markdown_row(out, columns);
    for (i = 0; i < json_array_size(columns); i++) {
        buf_add_text(out, "| --- ");
    }
    buf_add_text(out, "|\n");
    json_array_foreach(rows, i, row)
    {
        markdown_row(out, row);
    }
    if (left) {
        buf_printf(out, "\n%lld more are left out.\n", (long long)left);
    }
}

void
render_markdown(const json_t *doc, struct buf *out)
{
    size_t i, k;
    json_t *section, *line;
    buf_add_text(out, "# ");
    page_text(out, member(doc, "title"));
    buf_add_text(out, "\n");
    json_array_foreach(json_object_get(doc, "sections"), i, section)
    {
        buf_add_text(out, "\n## ");
        page_text(out, member(section, "title"));
        buf_add_text(out, "\n");
        if (json_array_size(json_object_get(section, "lines"))) {
            buf_add_text(out, "\n");
        }
        json_array_foreach(json_object_get(section, "lines"), k, line)
        {
            buf_add_text(out, "- ");
            page_text(out, json_string_value(line));
            buf_add_text(out, "\n");
        }
        markdown_table(out, section);
    }
}

/* ---- HTML ---- */

static void
html_text(struct buf *out, const char *text)
{
    struct buf safe = {0};
    for (const char *p = text; *p; p++) {
        switch (*p) {
        case '<':
            buf_add_text(&safe, "&lt;");
            break;
        case '>':
            buf_add_text(&safe, "&gt;");
            break;
        case '&':
            buf_add_text(&safe, "&amp;");
            break;
        case '"':
            buf_add_text(&safe, "&quot;");
            break;
        case '\'':
            buf_add_text(&safe, "&#39;");
            break;
        default:
            if ((unsigned char)*p >= ' ' && *p != 0x7f) {
                buf_add(&safe, p, 1);
            } else {
                buf_add_text(&safe, " ");
            }
        }
    }
    buf_add_text(out, buf_text(&safe));
    buf_fini(&safe);
}

static void
html_row(struct buf *out, const json_t *cells, const char *tag)
{
    size_t i;
    json_t *cell;
    buf_add_text(out, "<tr>");
    json_array_foreach(cells, i, cell)
    {
        buf_printf(out, "<%s>", tag);
        html_text(out, json_string_value(cell));
        buf_printf(out, "</%s>", tag);
    }
    buf_add_text(out, "</tr>\n");
}

static void
html_section(struct buf *out, const json_t *section)
{
    const json_t *rows = json_object_get(section, "rows");
    json_int_t left = json_integer_value(json_object_get(section, "left_out"));
    size_t i;
    json_t *at;
    buf_add_text(out, "<section>\n<h2>");
    html_text(out, member(section, "title"));
    buf_add_text(out, "</h2>\n<ul>\n");
    json_array_foreach(json_object_get(section, "lines"), i, at)
    {
        buf_add_text(out, "<li>");
        html_text(out, json_string_value(at));
        buf_add_text(out, "</li>\n");
    }
    buf_add_text(out, "</ul>\n");
    if (json_array_size(rows)) {
        buf_add_text(out, "<table>\n<thead>\n");
        html_row(out, json_object_get(section, "columns"), "th");
        buf_add_text(out, "</thead>\n<tbody>\n");
        json_array_foreach(rows, i, at)
        {
            html_row(out, at, "td");
        }
        buf_add_text(out, "</tbody>\n</table>\n");
    }
    if (left) {
        buf_printf(out, "<p>%lld more are left out.</p>\n", (long long)left);
    }
    buf_add_text(out, "</section>\n");
}

void
render_html(const json_t *doc, struct buf *out)
{
    size_t i;
    json_t *section;
    buf_add_text(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                      "style-src 'unsafe-inline'\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    html_text(out, member(doc, "title"));
    buf_add_text(
        out, "</title>\n<style>\n"
             "body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; "
             "padding: 0 1rem; color: #222; background: #fff }\n"
             "table { border-collapse: collapse; width: 100%; margin: 1rem 0 }\n"
             "th, td { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid #ccc; "
             "overflow-wrap: anywhere }\n"
             "@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } "
             "th, td { border-color: #444 } }\n"
             "</style>\n</head>\n<body>\n<h1>");
    html_text(out, member(doc, "title"));
    buf_add_text(out, "</h1>\n");
    json_array_foreach(json_object_get(doc, "sections"), i, section)
    {
        html_section(out, section);
    }
    buf_add_text(out, "</body>\n</html>\n");
}
