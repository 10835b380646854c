/* What an agent writes to one stream: counted, its beginning written to the log file as it comes,
 * its end kept in memory. However much comes, it costs no more than `kept` bytes here and twice
 * that in the file. */
#ifndef BATON_WORKER_OUTPUT_H
#define BATON_WORKER_OUTPUT_H

#include "common/buf.h"

#include <stddef.h>
#include <stdint.h>

struct output {
    size_t kept;    /* most bytes kept at each end */
    uint64_t total; /* bytes that came */
    uint64_t filed; /* of them written to the file: the first ones */
    int file;       /* -1: none (or it failed); borrowed */
    uint8_t *ring;  /* the last min(total, kept) bytes; owned; grows up to `kept` */
    size_t room;    /* of the ring */
};

void output_init(struct output *output, size_t kept, int file);
void output_add(struct output *output, const void *p, size_t bytes);
/* Writes what the file lacks of the end, with a line that says how much was left out between. */
void output_finish(struct output *output, const char *name);
/* The end of what came, at most `bytes_max` bytes of it, added to `buf`. */
void output_tail(const struct output *output, size_t bytes_max, struct buf *buf);
/* True when the ring holds all that came. */
int output_is_whole(const struct output *output);
void output_fini(struct output *output);

#endif
