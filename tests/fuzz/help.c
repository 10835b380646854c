#include "tests/fuzz/fuzz.h"

#include "common/alloc.h"
#include "common/text.h"

#include <string.h>

uint8_t
input_byte(struct input *input)
{
    if (input->bytes == 0) {
        return 0;
    }
    input->bytes--;
    return *input->data++;
}

uint16_t
input_short(struct input *input)
{
    unsigned low = input_byte(input);
    return (uint16_t)(low | (unsigned)input_byte(input) << 8);
}

struct input
input_piece(struct input *input)
{
    size_t asked = input_short(input);
    size_t bytes = MIN(asked, input->bytes);
    struct input piece = {input->data, bytes};
    input->data += bytes;
    input->bytes -= bytes;
    return piece;
}

char *
input_text(struct input *input)
{
    char *text = xmalloc(input->bytes + 1);
    if (input->bytes > 0) {
        memcpy(text, input->data, input->bytes);
    }
    text[input->bytes] = 0;
    input->bytes = 0;
    return text;
}

void
check_is_printable(const char *text, int lines)
{
    CHECK(utf8_is_valid(text, strlen(text)));
    const unsigned char *s = (const unsigned char *)text;
    for (; *s; s++) {
        CHECK(*s >= 0x20 || (lines && *s == '\n'));
        CHECK(*s != 0x7f);
        CHECK(!(s[0] == 0xc2 && s[1] < 0xa0));                                  /* C1 */
        CHECK(!(s[0] == 0xd8 && s[1] == 0x9c));                                 /* U+061C */
        CHECK(!(s[0] == 0xe2 && s[1] == 0x80 && s[2] >= 0x8e && s[2] <= 0x8f)); /* LRM, RLM */
        CHECK(!(s[0] == 0xe2 && s[1] == 0x80 && s[2] >= 0xa8 && s[2] <= 0xae)); /* to U+202E */
        CHECK(!(s[0] == 0xe2 && s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9)); /* to U+2069 */
    }
}
