#include "common/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Decodes one character; returns its length, 0 when the bytes are not UTF-8. */
static size_t
utf8_decode(const uint8_t *s, size_t bytes, uint32_t *ret)
{
    if (s[0] < 0x80) {
        *ret = s[0];
        return 1;
    }
    size_t n = s[0] >= 0xf0 && s[0] <= 0xf4  ? 4
               : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
                                             : 0;
    if (n == 0 || n > bytes) {
        return 0;
    }
    uint32_t c = s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        c = c << 6 | (s[i] & 0x3f);
    }
    if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10ffff ||
        (c >= 0xd800 && c < 0xe000)) {
        return 0;
    }
    *ret = c;
    return n;
}

static bool
is_plain_word(uint64_t word)
{
    return !(((word - UINT64_C(0x0101010101010101)) | word) & UINT64_C(0x8080808080808080));
}

static bool
is_plain(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return is_plain_word(word);
}

/* Of four to seven bytes. */
static bool
is_plain_short(const uint8_t *p, size_t bytes)
{
    uint32_t first, last;
    memcpy(&first, p, sizeof first);
    memcpy(&last, p + bytes - sizeof last, sizeof last);
    return is_plain_word((uint64_t)first << 32 | last);
}

/* Leading bytes that are ASCII and not 0; may be less, when what is behind them is neither. */
static size_t
plain_bytes(const uint8_t *p, size_t bytes)
{
    size_t n = 0;
    while (bytes - n >= sizeof(uint64_t)) {
        if (!is_plain(p + n)) {
            return n;
        }
        n += sizeof(uint64_t);
    }
    if (n > 0 && n < bytes && is_plain(p + bytes - sizeof(uint64_t))) {
        return bytes; /* the rest, with some of before it */
    }
    if (n == 0 && bytes >= sizeof(uint32_t) && is_plain_short(p, bytes)) {
        return bytes;
    }
    while (n < bytes && p[n] - 1u < 0x7f) {
        n++;
    }
    return n;
}

bool
utf8_is_valid(const char *s, size_t bytes)
{
    const uint8_t *p = (const uint8_t *)s;
    for (size_t i = plain_bytes(p, bytes); i < bytes; i += plain_bytes(p + i, bytes - i)) {
        uint32_t c;
        size_t n = utf8_decode(p + i, bytes - i, &c);
        if (n == 0 || c == 0) {
            return false;
        }
        i += n;
    }
    return true;
}

/* Invisible or direction-changing characters, with which text can pretend to be other text. */
static bool
is_deceptive(uint32_t c)
{
    return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0x061c ||
           (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

static bool
is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* Of ASCII: may it stand in a name? */
enum { NO, YES, ONCE /* not twice in a row */ };
static const uint8_t name_classes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0,    /* controls */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0,    /* … */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, ONCE, ONCE, /* + - . / */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0,    0,    /* digits : */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,    1,    /* @ A to O */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0,    1,    /* P to Z _ */
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,    1,    /* a to o */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1,    0,    /* p to z ~ */
};

/* Length of the character that is not ASCII at s; 0: no name has it. */
static size_t
name_letter(const uint8_t *s)
{
    uint32_t c;
    size_t n = utf8_decode(s, 4, &c); /* a NUL ends it in time */
    return n == 0 || is_control(c) || is_deceptive(c) || c == 0xa0 || c == 0x3000 ? 0 : n;
}

bool
name_is_valid(const char *s, size_t bytes_max)
{
    const uint8_t *p = (const uint8_t *)s;
    if (p[0] == 0 || p[0] == '-' || p[0] == '.' || p[0] == '/') {
        return false;
    }
    for (;;) {
        while (name_classes[*p] == YES) {
            p++;
        }
        size_t n = 1;
        if (*p == 0) {
            break;
        }
        if (*p >= 0x80) {
            n = name_letter(p);
        } else if (name_classes[*p] != ONCE || p[1] == p[0]) {
            n = 0;
        }
        if (n == 0) {
            return false;
        }
        p += n;
    }
    return (size_t)(p - (const uint8_t *)s) <= bytes_max && p[-1] != '/';
}

void
text_head(char *out, size_t room, const char *s)
{
    size_t bytes = strlen(s);
    if (bytes >= room) {
        bytes = room - 1;
        while (bytes > 0 && ((uint8_t)s[bytes] & 0xc0) == 0x80) {
            bytes--;
        }
    }
    memcpy(out, s, bytes);
    out[bytes] = 0;
}

bool
prose_is_valid(const char *s, size_t bytes_max)
{
    size_t bytes = strnlen(s, bytes_max + 1);
    if (bytes > bytes_max) {
        return false;
    }
    const uint8_t *p = (const uint8_t *)s;
    for (size_t i = 0; i < bytes;) {
        uint32_t c;
        size_t n = utf8_decode(p + i, bytes - i, &c);
        if (n == 0 || (is_control(c) && c != '\n' && c != '\t')) {
            return false;
        }
        i += n;
    }
    return true;
}

uint32_t
prose_control(const char *s)
{
    for (size_t left = strlen(s); left;) {
        uint32_t c;
        size_t n = utf8_decode((const uint8_t *)s, left, &c);
        if (n && is_control(c) && c != '\n' && c != '\t') {
            return c;
        }
        s += n ? n : 1;
        left -= n ? n : 1;
    }
    return 0;
}

bool
path_stays_below(const char *path)
{
    if (!path[0] || path[0] == '/') {
        return false;
    }
    for (const char *part = path; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        if (part[0] == '.' && part[1] == '.' && (!part[2] || part[2] == '/')) {
            return false;
        }
    }
    return true;
}

size_t
text_escape(char *out, size_t room, const char *s, bool lines)
{
    const uint8_t *p = (const uint8_t *)s;
    size_t bytes = strlen(s);
    size_t used = 0;
    for (size_t i = 0; i < bytes;) {
        uint32_t c = 0;
        char piece[16];
        size_t n = utf8_decode(p + i, bytes - i, &c);
        if (n == 0) {
            n = 1;
            snprintf(piece, sizeof piece, "\\x%02x", p[i]);
        } else if (c == '\n' && lines) {
            snprintf(piece, sizeof piece, "\n");
        } else if (c == '\n') {
            snprintf(piece, sizeof piece, "\\n");
        } else if (c == '\t') {
            snprintf(piece, sizeof piece, " ");
        } else if (is_control(c)) {
            snprintf(piece, sizeof piece, "\\x%02x", (unsigned)c);
        } else if (is_deceptive(c)) {
            snprintf(piece, sizeof piece, "\\u{%x}", (unsigned)c);
        } else {
            memcpy(piece, p + i, n);
            piece[n] = 0;
        }
        size_t m = strlen(piece);
        if (used + m + 1 > room) {
            break;
        }
        memcpy(out + used, piece, m);
        used += m;
        i += n;
    }
    if (room) {
        out[used] = 0;
    }
    return used;
}

size_t
text_look(const char *s, size_t bytes, uint32_t *ret_code, bool *ret_plain)
{
    uint32_t c = 0;
    size_t n = utf8_decode((const uint8_t *)s, bytes, &c);
    *ret_code = c;
    *ret_plain = n > 0 && !is_control(c) && !is_deceptive(c);
    return n > 0 ? n : 1;
}
