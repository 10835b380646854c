#include "broker/front/clock.h"

#include "common/check.h"

#include <time.h>

enum { JUMP_US = 1000 * 1000, MOMENT_US = 1000, READ_TRIES = 10 };

void
clock_init(struct clock *clock, int64_t wall_us, int64_t boot_us, int64_t newest_ms)
{
    *clock = (struct clock){
        .now_us = MAX(wall_us, newest_ms * 1000), .wall_us = wall_us, .boot_us = boot_us};
}

int64_t
clock_advance(struct clock *clock, int64_t wall_us, int64_t boot_us, int64_t *ret_jump_ms)
{
    int64_t step = MAX(boot_us - clock->boot_us, 0);
    int64_t set_by = (wall_us - clock->wall_us) - step;
    *ret_jump_ms = set_by >= JUMP_US || set_by <= -JUMP_US ? set_by / 1000 : 0;
    clock->wall_us = wall_us;
    clock->boot_us = MAX(clock->boot_us, boot_us);

    int64_t ahead = wall_us - (clock->now_us + step);
    int64_t slew = MAX(MIN(ahead, step / 2), -(step / 2));
    clock->now_us += step + slew;
    return clock->now_us / 1000;
}

static int64_t
read_us(clockid_t id)
{
    struct timespec t;
    CHECK(clock_gettime(id, &t) == 0);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Both of one moment: whoever is held up between two readings would take the time that passed for a
 * wall clock that was set. */
void
clock_read_system(int64_t *ret_wall_us, int64_t *ret_boot_us)
{
    int64_t before_us;
    int tries = READ_TRIES;
    do {
        before_us = read_us(CLOCK_BOOTTIME);
        *ret_wall_us = read_us(CLOCK_REALTIME);
        *ret_boot_us = read_us(CLOCK_BOOTTIME);
    } while (*ret_boot_us - before_us > MOMENT_US && --tries > 0);
}
