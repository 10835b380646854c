/* A brake: while it is on, the worker takes no new task. Each time it is pulled it stays on longer,
 * until something goes well. Pure; times come in. */
#ifndef BATON_WORKER_BRAKE_H
#define BATON_WORKER_BRAKE_H

#include <stdbool.h>
#include <stdint.h>

struct brake {
    int64_t first_ms; /* how long at first */
    int64_t next_ms;  /* how long at the next pull */
    int64_t until;    /* on until then; 0: never was */
};

void brake_init(struct brake *brake, int64_t first_ms);
/* On for `asked_ms` (0: by itself, doubling up to an hour). What is pulled while it is on, by other
 * slots for the same reason, does not double. Returns for how long it is on now. */
int64_t brake_pull(struct brake *brake, int64_t now, int64_t asked_ms);
/* Something went well: the next pull is short again. Does not end a pull. */
void brake_ease(struct brake *brake);
bool brake_is_on(const struct brake *brake, int64_t now);

#endif
