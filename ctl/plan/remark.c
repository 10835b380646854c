/* Errors, warnings and notes of the plan reader: where, what, and what to do. */
#include "common/text.h"
#include "common/units.h"
#include "ctl/plan/inner.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    QUOTE_BYTES_MAX = 60,
    WORD_BYTES_MAX = 32, /* longer words are not compared */
};

static void
remark(struct plan *plan, struct remarks *remarks, struct place at, const char *fmt, va_list args)
{
    if (remarks->n++ >= PLAN_ERRORS_KEPT) {
        return;
    }
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    CHECK(n >= 0);
    char *text = arena_alloc(&plan->arena, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    char *whole = at.line ? arena_printf(&plan->arena, "%s:%u: %s", at.file, at.line, text)
                          : arena_printf(&plan->arena, "%s: %s", at.file, text);
    /* The longest escape of one byte is "\xNN"; of a character of three bytes, "\u{NNNN}". */
    size_t room = 4 * strlen(whole) + 1;
    char *safe = arena_alloc(&plan->arena, room);
    text_escape(safe, room, whole, false);
    remarks->kept[remarks->n - 1] = safe;
}

void
plan_fail(struct plan *plan, struct place at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    remark(plan, &plan->errors, at, fmt, args);
    va_end(args);
}

void
plan_warn(struct plan *plan, struct place at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    remark(plan, &plan->warnings, at, fmt, args);
    va_end(args);
}

void
plan_note(struct plan *plan, struct place at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    remark(plan, &plan->notes, at, fmt, args);
    va_end(args);
}

struct place
place_of(const struct source *source, const struct node *node)
{
    return (struct place){.file = source->at.file, .line = node->line};
}

const char *
quote(struct plan *plan, const char *text)
{
    size_t bytes = strnlen(text, QUOTE_BYTES_MAX + 1);
    if (bytes <= QUOTE_BYTES_MAX) {
        return arena_printf(&plan->arena, "'%s'", text);
    }
    bytes = QUOTE_BYTES_MAX;
    while (bytes && ((unsigned char)text[bytes] & 0xc0) == 0x80) {
        bytes--; /* not within a character */
    }
    return arena_printf(&plan->arena, "'%.*s…'", (int)bytes, text);
}

/* Edits that make one word the other: a letter more, less, another, or two swapped. */
static unsigned
distance(const char *a, size_t n, const char *b, size_t m)
{
    unsigned rows[3][WORD_BYTES_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= m; j++) {
        last[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= n; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);
            best = MIN(best, MIN(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = MIN(best, before[j - 2] + 1);
            }
            row[j] = best;
        }
        unsigned *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[m];
}

const char *
nearest(const char *text, const char *const *words)
{
    size_t n = strnlen(text, WORD_BYTES_MAX + 1);
    if (n > WORD_BYTES_MAX) {
        return NULL;
    }
    const char *best = NULL;
    unsigned best_distance = (unsigned)MIN(n / 3 + 1, 3);
    for (; *words; words++) {
        size_t m = strlen(*words);
        if (m > WORD_BYTES_MAX) {
            continue;
        }
        unsigned d = distance(text, n, *words, m);
        if (d < best_distance) {
            best = *words;
            best_distance = d;
        }
    }
    return best;
}

const char *
did_you_mean(struct plan *plan, const char *text, const char *const *words)
{
    const char *word = nearest(text, words);
    return word ? arena_printf(&plan->arena, "; did you mean '%s'?", word) : "";
}
