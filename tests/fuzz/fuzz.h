/* What every target gives, and small help for all. A target is a file fuzz_NAME.c with the one
 * function that libFuzzer calls; linked with main.c instead, the same file is a plain program that
 * replays a corpus with any compiler. */
#ifndef BATON_TESTS_FUZZ_FUZZ_H
#define BATON_TESTS_FUZZ_FUZZ_H

#include "common/check.h"

#include <stddef.h>
#include <stdint.h>

/* One input. Aborts (CHECK, a sanitizer) when a promise is broken; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Input is read from the front, piece by piece; at its end everything is 0 or empty. */
struct input {
    const uint8_t *data;
    size_t bytes;
};

uint8_t input_byte(struct input *input);
/* Two bytes, the low one first. */
uint16_t input_short(struct input *input);
/* A short length, then that many bytes (fewer at the end), borrowed. */
struct input input_piece(struct input *input);
/* What is left, or up to the next byte `end`, as new memory, NUL-terminated. */
char *input_text(struct input *input);

/* CHECKs that no byte of the text can move a cursor, ring, or turn the line around: nothing of C0
 * (newline only with `lines`), DEL, C1, bidirectional controls, and all of it UTF-8. */
void check_is_printable(const char *text, int lines);

#endif
