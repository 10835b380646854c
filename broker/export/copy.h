/* Rows in the text format of COPY: values one after the other, then copy_end. Pure. */
#ifndef BATON_EXPORT_COPY_H
#define BATON_EXPORT_COPY_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void copy_text(struct buf *rows, const char *text);         /* as it is */
void copy_text_or_null(struct buf *rows, const char *text); /* NULL for "" */
void copy_number(struct buf *rows, int64_t n);
void copy_number_or_null(struct buf *rows, int64_t n); /* NULL for 0 */
void copy_double(struct buf *rows, double value);
void copy_time(struct buf *rows, int64_t ms); /* since 1970; NULL for 0 */
void copy_bool(struct buf *rows, bool value);
void copy_null(struct buf *rows);
void copy_end(struct buf *rows); /* of the row */

/* JSON, to be given to copy_text. What is not UTF-8 becomes U+FFFD, there and in texts. */
void json_string(struct buf *json, const char *text);
void json_number(struct buf *json, double value); /* null if there is no such number */

#endif
