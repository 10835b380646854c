#include "common/nearest.h"

#include "common/check.h"

#include <stddef.h>
#include <string.h>

/* Edit distance with neighbours swapped counting as one, up to `max`; words of at most 31 bytes. */
static size_t
distance(const char *a, const char *b, size_t max)
{
    enum { WORD_MAX = 32 };
    size_t rows[3][WORD_MAX + 1];
    size_t n = strlen(a);
    size_t m = strlen(b);
    if (n >= WORD_MAX || m >= WORD_MAX) {
        return max + 1;
    }
    for (size_t j = 0; j <= m; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            best = MIN(best, above[j] + 1);
            best = MIN(best, row[j - 1] + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = MIN(best, two_above[j - 2] + 1);
            }
            row[j] = best;
        }
    }
    return rows[n % 3][m];
}

const char *
nearest_word(const char *text, const char *const *words)
{
    size_t max = strlen(text) < 4 ? 1 : 2;
    const char *nearest = NULL;
    for (; *words; words++) {
        size_t d = distance(text, *words, max);
        if (d <= max) {
            nearest = *words;
            max = d ? d - 1 : 0;
        }
    }
    return nearest;
}
