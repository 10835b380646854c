/* Cleaning of foreign text. A character at a time through utf8_is_valid: this text is small. */
#include "worker/clean.h"

#include "common/alloc.h"
#include "common/buf.h"
#include "common/text.h"

#include <string.h>

static const char replacement[] = "\xef\xbf\xbd";

/* Length of the character at s, 0 when it is none. */
static size_t
character_bytes(const char *s, size_t bytes)
{
    for (size_t n = 1; n <= 4 && n <= bytes; n++) {
        if (utf8_is_valid(s, n)) {
            return n;
        }
    }
    return 0;
}

static int
is_control(const char *s, size_t n)
{
    unsigned char c = (unsigned char)s[0];
    return (n == 1 && (c < 0x20 || c == 0x7f)) ||
           (n == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0);
}

static void
clean_into(struct buf *out, const char *s, size_t bytes, int one_line)
{
    for (size_t i = 0; i < bytes;) {
        size_t n = character_bytes(s + i, bytes - i);
        if (n == 0) {
            buf_add(out, replacement, 3);
            i++;
            continue;
        }
        if (s[i] == '\r') {
            /* "\r\n" is one end of line; a lone one is a line drawn over. */
            if (i + 1 >= bytes || s[i + 1] != '\n') {
                buf_add(out, one_line ? " " : "\n", 1);
            }
        } else if (s[i] == '\n' || s[i] == '\t') {
            buf_add(out, one_line ? " " : s + i, 1);
        } else if (is_control(s + i, n)) {
            buf_add(out, replacement, 3);
        } else {
            buf_add(out, s + i, n);
        }
        i += n;
    }
}

/* Cuts without tearing a character. */
static size_t
cut(const char *s, size_t bytes, size_t bytes_max)
{
    if (bytes <= bytes_max) {
        return bytes;
    }
    while (bytes_max > 0 && ((unsigned char)s[bytes_max] & 0xc0) == 0x80) {
        bytes_max--;
    }
    return bytes_max;
}

char *
clean_head(const void *s, size_t bytes, size_t bytes_max, int one_line)
{
    struct buf out = {0};
    clean_into(&out, s, MIN(bytes, bytes_max), one_line);
    size_t n = cut(buf_text(&out), out.bytes, bytes_max);
    char *text = xmemdup(buf_text(&out), n + 1);
    text[n] = 0;
    buf_fini(&out);
    return text;
}

char *
clean_tail(const void *s, size_t bytes, size_t bytes_max)
{
    const char *from = s;
    if (bytes > bytes_max) {
        from += bytes - bytes_max;
        bytes = bytes_max;
        for (int i = 0; i < 3 && bytes > 0 && ((unsigned char)*from & 0xc0) == 0x80; i++) {
            from++;
            bytes--;
        }
    }
    struct buf out = {0};
    clean_into(&out, from, bytes, 0);
    const char *text = buf_text(&out);
    size_t n = out.bytes;
    if (n > bytes_max) {
        text += n - bytes_max;
        n = bytes_max;
        for (; n > 0 && ((unsigned char)*text & 0xc0) == 0x80; n--) {
            text++;
        }
    }
    char *tail = xmemdup(text, n + 1);
    buf_fini(&out);
    return tail;
}
