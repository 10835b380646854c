/* Brakes. */
#include "worker/brake.h"

#include "common/check.h"
#include "worker/limits.h"

void
brake_init(struct brake *brake, int64_t first_ms)
{
    *brake = (struct brake){.first_ms = first_ms, .next_ms = first_ms};
}

int64_t
brake_pull(struct brake *brake, int64_t now, int64_t asked_ms)
{
    int64_t hold = asked_ms;
    if (!brake_is_on(brake, now)) {
        hold = asked_ms > 0 ? asked_ms : brake->next_ms;
        brake->next_ms = MIN(brake->next_ms * 2, (int64_t)BRAKE_MAX_MS);
    }
    brake->until = MAX(brake->until, now + hold);
    return brake->until - now;
}

void
brake_ease(struct brake *brake)
{
    brake->next_ms = brake->first_ms;
}

bool
brake_is_on(const struct brake *brake, int64_t now)
{
    return now < brake->until;
}
