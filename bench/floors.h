/* Floors of the machine, each a verb of baton-bench that prints its figures. */
#ifndef BATON_BENCH_FLOORS_H
#define BATON_BENCH_FLOORS_H

#include "bench/meter.h"

/* All in options->dir. */
/* n writes of 512 bytes, each synced: appends, or (verb "overwrite") into what is written already.
 */
void floor_fdatasync(const struct options *options);
/* n times client -> ROUTER -> worker over ipc, from the send to the receive, gap_us between them.
 */
void floor_route(const struct options *options);
void floor_sqlite(const struct options *options); /* n rows of 200 bytes, batch a transaction */

#endif
