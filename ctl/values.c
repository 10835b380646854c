/* Values of options and arguments: read, checked, and refused with a sentence. */
#include "common/units.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool
ctl_take_duration(struct ctl *ctl, const char *option, const char *text, int64_t *ret_ms)
{
    if (duration_parse(text, ret_ms)) {
        return true;
    }
    ctl_usage(ctl, "%s %s: not a duration; write 90s, 15m, 2h30m or 1d", option, text);
    return false;
}

bool
ctl_take_number(struct ctl *ctl, const char *option, const char *text, uint64_t max,
                uint64_t *ret_number)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && !*end && errno == 0 && number <= max) {
        *ret_number = number;
        return true;
    }
    ctl_usage(ctl, "%s %s: not a number from 0 to %llu", option, text, (unsigned long long)max);
    return false;
}

bool
ctl_take_time(struct ctl *ctl, const char *option, const char *text, int64_t *ret_ms)
{
    /* The zone is the broker's; only a time that needs one asks for it. */
    int64_t ms;
    int64_t elsewhere;
    int64_t now = ctl_now();
    bool ok = time_parse(text, "UTC", now, &ms);
    if (ok && time_parse(text, "Asia/Tokyo", now, &elsewhere) && elsewhere != ms) {
        const char *zone = "";
        if (ctl_connect(ctl) != CTL_YES) {
            return false;
        }
        baton_status status = baton_zone(ctl->baton, &zone);
        if (status != BATON_OK) {
            ctl_fail_status(ctl, status);
            return false;
        }
        ok = time_parse(text, zone, now, &ms);
    }
    if (!ok) {
        ctl_usage(ctl, "%s %s: not a time; write 2025-08-12, 2025-08-12T18:00:00Z or +2h", option,
                  text);
        return false;
    }
    *ret_ms = ms;
    return true;
}

bool
ctl_take_priority(struct ctl *ctl, const char *text, baton_priority *ret_priority)
{
    int priority = baton_priority_of(text);
    if (priority <= 0) {
        ctl_usage(ctl, "--priority %s: it is critical, high, medium or low", text);
        return false;
    }
    *ret_priority = (baton_priority)priority;
    return true;
}

bool
ctl_take_role(struct ctl *ctl, const char *text, const char **ret_role)
{
    const char *role = baton_role_of(text);
    if (!role) {
        ctl_fail(ctl, CTL_DATA, "unknown_role",
                 "the roles are infra, backend, frontend, realtime, integration and testing",
                 "%s is not a role", text);
        return false;
    }
    *ret_role = role;
    return true;
}

bool
ctl_take_ref(struct ctl *ctl, const char *text, struct ctl_ref *ret_ref)
{
    const char *why;
    if (ctl_ref_parse(text, ctl->project, ret_ref, &why)) {
        return true;
    }
    ctl_fail(ctl, CTL_DATA, "invalid", NULL, "%.200s: %s", text, why);
    return false;
}
