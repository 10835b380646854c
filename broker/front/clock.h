/* The broker's time: never falls, does not leap when the wall clock is set, and still comes to
 * agree with it. It runs with the boot clock (which counts a suspended machine) and is slewed
 * towards the wall clock by at most half its speed, so that a wall clock that jumps an hour does
 * not end an hour's leases at once. Pure but for clock_read_system. */
#ifndef BATON_FRONT_CLOCK_H
#define BATON_FRONT_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t now_us;  /* broker time */
    int64_t wall_us; /* as of the last reading */
    int64_t boot_us; /* as of the last reading */
};

/* Starts at the wall clock's time, or at that of the newest fact if that is later. */
void clock_init(struct clock *clock, int64_t wall_us, int64_t boot_us, int64_t newest_ms);

/* Takes a reading and returns the broker time in ms. `ret_jump_ms`: by how much the wall clock was
 * set since the last reading; 0 when it was not (less than a second does not count). */
int64_t clock_advance(struct clock *clock, int64_t wall_us, int64_t boot_us, int64_t *ret_jump_ms);

/* Both clocks of the system in µs. */
void clock_read_system(int64_t *ret_wall_us, int64_t *ret_boot_us);

#endif
