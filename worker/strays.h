/* Processes of a run whose supervisor was killed: they have become children of the worker. */
#ifndef BATON_WORKER_STRAYS_H
#define BATON_WORKER_STRAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct strays {
    pid_t *before; /* children that this process had before it was a worker; owned */
    size_t n_before;
    bool expected; /* a supervisor was killed; until a look finds nothing any more */
};

/* True for a child that is no stray. */
typedef bool strays_known_fn(const void *context, pid_t pid);

/* Notes the children that are there already (of a shell that executed us): they are left alone. */
void strays_init(struct strays *strays);
void strays_fini(struct strays *strays);

/* Kills all strays with what is below them, when some are expected. Call after every reaping. */
void strays_kill(struct strays *strays, strays_known_fn *known, const void *context);

#endif
