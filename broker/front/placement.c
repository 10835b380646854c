#include "broker/front/placement.h"

#include "common/check.h"

#include <stdlib.h>

enum {
    SETTLED_TRIALS = 100,  /* until all are tried again */
    WORSE_TRIALS = 8,      /* the same when it became worse than it was: by half */
    WINDOW_US = 20 * 1000, /* the load is looked at so often */
    CALM_WINDOWS = 5,
};

void
placement_init(struct placement *placement, uint32_t n_cpus, int64_t now_us)
{
    *placement = (struct placement){
        .n_seats = n_cpus < 2 ? 1 : MIN(n_cpus + 1, (uint32_t)PLACEMENT_SEATS_MAX),
        .is_trying = true,
        .window_us = now_us};
}

/* What was measured before the threads moved, or was disturbed by it, does not count. */
static void
sit(struct placement *placement, uint32_t seat)
{
    placement->seat = seat;
    placement->n_commits = 0;
}

/* Together costs less CPU too, so apart must be faster by a tenth. */
static uint32_t
best(const struct placement *placement)
{
    uint32_t best = 1;
    for (uint32_t seat = 2; seat < placement->n_seats; seat++) {
        best = placement->median_us[seat] < placement->median_us[best] ? seat : best;
    }
    bool is_apart = placement->median_us[PLACEMENT_APART] < placement->median_us[best] * 9 / 10;
    return is_apart ? PLACEMENT_APART : best;
}

static void
end_trial(struct placement *placement, int64_t median_us)
{
    if (placement->is_trying) {
        placement->median_us[placement->seat] = median_us;
        bool is_last = placement->seat + 1 == placement->n_seats;
        placement->is_trying = !is_last;
        placement->n_trials = 0;
        placement->settled = is_last ? best(placement) : placement->settled;
        sit(placement, is_last ? placement->settled : placement->seat + 1);
        return;
    }
    placement->n_trials++;
    bool is_worse = placement->n_trials >= WORSE_TRIALS &&
                    median_us > placement->median_us[placement->seat] * 3 / 2;
    placement->is_trying = is_worse || placement->n_trials >= SETTLED_TRIALS;
    sit(placement, placement->is_trying ? PLACEMENT_APART : placement->seat);
}

static int
compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void
placement_commit(struct placement *placement, int64_t us)
{
    if (placement->is_busy || placement->n_seats == 1) {
        return;
    }
    placement->commit_us[placement->n_commits++] = us;
    if (placement->n_commits == PLACEMENT_TRIAL) {
        qsort(placement->commit_us, PLACEMENT_TRIAL, sizeof(int64_t), compare);
        end_trial(placement, placement->commit_us[PLACEMENT_TRIAL / 2]);
    }
}

/* Awake for two fifths of the time is busy, since the other two threads need about as much; for
 * less than a quarter of some windows in a row, calm. */
void
placement_slept(struct placement *placement, int64_t slept_us, int64_t now_us)
{
    placement->slept_us += slept_us;
    int64_t window_us = now_us - placement->window_us;
    if (window_us < WINDOW_US) {
        return;
    }
    int64_t awake_us = window_us - placement->slept_us;
    placement->window_us = now_us;
    placement->slept_us = 0;
    placement->n_calm = awake_us * 4 < window_us ? placement->n_calm + 1 : 0;
    if (!placement->is_busy && awake_us * 5 > window_us * 2) {
        placement->is_busy = true;
        sit(placement, PLACEMENT_APART);
    } else if (placement->is_busy && placement->n_calm >= CALM_WINDOWS) {
        placement->is_busy = false;
        sit(placement, placement->is_trying ? PLACEMENT_APART : placement->settled);
    }
}
