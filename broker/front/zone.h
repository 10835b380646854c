/* A time zone, and when recurring work comes due in it. The zone itself is GLib's: libc knows one a
 * process, and this process has two threads. */
#ifndef BATON_FRONT_ZONE_H
#define BATON_FRONT_ZONE_H

#include "common/recur.h"

#include <stdbool.h>
#include <stdint.h>

struct zone;

struct zone *zone_open(const char *name); /* IANA; NULL: not known */
void zone_close(struct zone *zone);       /* takes NULL */

/* The first time after `after` at which the rule comes due; INT64_MAX: never. `anchor` is what
 * `every` counts from. A local time that the zone leaves out comes due once, when the clocks have
 * gone forward; one that comes twice counts the first time only, unless the rule goes by the hour
 * (any_hour). */
int64_t zone_next(const struct zone *zone, const struct recur *rule, int64_t anchor, int64_t after);

#endif
