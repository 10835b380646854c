/* Text from outside on its way to a terminal or a name: what comes out of text_escape never moves a
 * cursor, fits its room, and a name that is taken is none that could be a path, an option or an
 * escape. */
#include "tests/fuzz/fuzz.h"

#include "common/alloc.h"
#include "common/limits.h"
#include "common/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void
check_escape(const char *text, bool lines, size_t room)
{
    char *out = xmalloc(room ? room : 1);
    size_t n = text_escape(out, room, text, lines);
    CHECK(room == 0 ? n == 0 : n < room);
    if (room > 0) {
        CHECK(out[n] == 0 && strlen(out) == n);
        check_is_printable(out, lines);
    }
    free(out);
}

static void
check_name(const char *text)
{
    if (!name_is_valid(text, NAME_BYTES_MAX)) {
        return;
    }
    size_t bytes = strlen(text);
    CHECK(bytes >= 1 && bytes <= NAME_BYTES_MAX);
    CHECK(text[0] != '-' && text[0] != '.' && text[0] != '/' && text[bytes - 1] != '/');
    CHECK(!strstr(text, "..") && !strstr(text, "//"));
    CHECK(!strpbrk(text, " \\\"'`$&|;<>(){}[]*?!#%=,^"));
    check_is_printable(text, false);
    /* What is printed of a name is the name. */
    char same[NAME_BYTES_MAX * 8];
    text_escape(same, sizeof same, text, false);
    CHECK(strcmp(same, text) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes};
    bool lines = input_byte(&input) & 1;
    size_t room = input_byte(&input);
    char *text = input_text(&input);
    check_escape(text, lines, room);
    check_escape(text, lines, strlen(text) * 8 + 1);
    check_name(text);
    if (prose_is_valid(text, TITLE_BYTES_MAX)) {
        CHECK(utf8_is_valid(text, strlen(text)) && strlen(text) <= TITLE_BYTES_MAX);
        CHECK(!strpbrk(text, "\r\033\a\b\v\f\177"));
    }
    free(text);
    return 0;
}
