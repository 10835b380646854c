#include "broker/export/copy.h"

#include "common/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void
put(struct buf *rows, char c)
{
    *buf_reserve(rows, 1) = (uint8_t)c;
    rows->bytes++;
}

/* The escape of COPY for a byte; 0: it needs none. */
static char
escape_of(char c)
{
    switch (c) {
    case '\\':
        return '\\';
    case '\t':
        return 't';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    default:
        return 0;
    }
}

/* How many bytes of `text` can go as they are. The broker takes only UTF-8; but a row that the
 * server refuses would be in the way of all others for ever, so this does not rely on it. */
static size_t
plain_span(const char *text, size_t left, bool is_valid, bool is_json)
{
    size_t n = 0;
    while (n < left) {
        unsigned char c = (unsigned char)text[n];
        bool special = is_json ? c < 0x20 || c == '"' || c == '\\' : escape_of(text[n]) != 0;
        if (special) {
            break;
        }
        size_t bytes = 1;
        if (!is_valid && c >= 0x80) {
            uint32_t code;
            bool plain;
            bytes = text_look(text + n, left - n, &code, &plain);
            if (bytes == 1) {
                break; /* a byte that is none of UTF-8 */
            }
        }
        n += bytes;
    }
    return n;
}

/* What plain_span stopped at. */
static void
put_special(struct buf *out, char c, bool is_json)
{
    if ((unsigned char)c >= 0x80) {
        buf_add_text(out, "\xef\xbf\xbd");
    } else if (!is_json) {
        put(out, '\\');
        put(out, escape_of(c));
    } else if (c == '"' || c == '\\') {
        put(out, '\\');
        put(out, c);
    } else {
        buf_printf(out, "\\u%04x", (unsigned)c);
    }
}

static void
put_text(struct buf *out, const char *text, bool is_json)
{
    size_t left = strlen(text);
    bool is_valid = utf8_is_valid(text, left);
    while (left > 0) {
        size_t n = plain_span(text, left, is_valid, is_json);
        buf_add(out, text, n);
        text += n;
        left -= n;
        if (left > 0) {
            put_special(out, *text++, is_json);
            left--;
        }
    }
}

void
copy_text(struct buf *rows, const char *text)
{
    put_text(rows, text, false);
    put(rows, '\t');
}

void
copy_null(struct buf *rows)
{
    buf_add(rows, "\\N\t", 3);
}

void
copy_text_or_null(struct buf *rows, const char *text)
{
    if (text && *text) {
        copy_text(rows, text);
    } else {
        copy_null(rows);
    }
}

void
copy_number(struct buf *rows, int64_t n)
{
    char digits[24];
    char *p = digits + sizeof digits;
    *--p = '\t';
    uint64_t rest = n < 0 ? -(uint64_t)n : (uint64_t)n;
    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (n < 0) {
        *--p = '-';
    }
    buf_add(rows, p, (size_t)(digits + sizeof digits - p));
}

void
copy_number_or_null(struct buf *rows, int64_t n)
{
    if (n) {
        copy_number(rows, n);
    } else {
        copy_null(rows);
    }
}

void
copy_double(struct buf *rows, double value)
{
    buf_printf(rows, "%.17g\t", value);
}

static void
digits(char *out, int n, int64_t value)
{
    while (n > 0) {
        out[--n] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* "2025-08-12 18:00:00.123+00" by arithmetic on the days of the Gregorian calendar, counted from a
 * first of March: strftime and its like take longer than all the rest of a row. */
void
copy_time(struct buf *rows, int64_t ms)
{
    if (ms <= 0) {
        copy_null(rows);
        return;
    }
    int64_t day = ms / 86400000 + 719468;
    int64_t in_day = ms % 86400000;
    int64_t era = day / 146097;
    int64_t of_era = day % 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t year = year_of_era + era * 400 + (month >= 10);
    char text[] = "0000-00-00 00:00:00.000+00\t";
    digits(text, 4, year);
    digits(text + 5, 2, month < 10 ? month + 3 : month - 9);
    digits(text + 8, 2, of_year - (153 * month + 2) / 5 + 1);
    digits(text + 11, 2, in_day / 3600000);
    digits(text + 14, 2, in_day / 60000 % 60);
    digits(text + 17, 2, in_day / 1000 % 60);
    digits(text + 20, 3, in_day % 1000);
    buf_add(rows, text, sizeof text - 1);
}

void
copy_bool(struct buf *rows, bool value)
{
    buf_add(rows, value ? "t\t" : "f\t", 2);
}

void
copy_end(struct buf *rows)
{
    rows->data[rows->bytes - 1] = '\n'; /* was the tab behind the last value */
}

void
json_string(struct buf *json, const char *text)
{
    put(json, '"');
    put_text(json, text, true);
    put(json, '"');
}

void
json_number(struct buf *json, double value)
{
    if (isfinite(value)) {
        buf_printf(json, "%.17g", value);
    } else {
        buf_add_text(json, "null");
    }
}
