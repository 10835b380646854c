/* Tables of text that fit the terminal. */
#ifndef BATON_CTL_TABLE_H
#define BATON_CTL_TABLE_H

#include "common/check.h"
#include "ctl/verbs.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    TABLE_COLUMNS_MAX = 16,
    TABLE_CELL_BYTES_MAX = 2048, /* longer cells are cut */
};

/* What a column is. */
struct table_column {
    const char *title;
    bool right;  /* aligned to the right */
    bool shrink; /* may be cut to fit the width */
};

struct table {
    const struct table_column *columns; /* borrowed */
    size_t n_columns;
    char **cells; /* owned, row by row; with escapes done */
    size_t n_cells;
    size_t room;
};

void table_init(struct table *table, const struct table_column *columns, size_t n_columns);
/* Adds the next cell, from left to right; text from outside is made safe here. */
void table_add(struct table *table, const char *text);
void table_add_number(struct table *table, uint64_t number);
void table_addf(struct table *table, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Prints titles and rows to ctl->out, at most ctl->width columns wide. */
void table_print(const struct table *table, struct ctl *ctl);
void table_fini(struct table *table);

/* Columns that the text takes on a terminal. */
size_t text_columns(const char *text);

/* Writes `text` cut to `columns` with "…" at the end when it was longer. Returns out. */
const char *text_cut(const char *text, size_t columns, char *out, size_t room);

/* The colour of a state's word, "" for none or when ctl has no colours; color_end ends it. */
const char *color_of_state(const struct ctl *ctl, const char *state);
const char *color_bold(const struct ctl *ctl);
const char *color_red(const struct ctl *ctl);
const char *color_end(const struct ctl *ctl);

#endif
