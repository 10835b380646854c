/* What an agent's environment says. */
#include "ctl/agent.h"

#include <errno.h>
#include <stdlib.h>

bool
agent_token_parse(const char *text, uint64_t *ret_token)
{
    char *end;
    errno = 0;
    unsigned long long token = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || token == 0) {
        return false;
    }
    *ret_token = token;
    return true;
}

bool
agent_token_from_environment(struct ctl *ctl, uint64_t *ret_token)
{
    const char *text = getenv("BATON_TOKEN");
    *ret_token = 0;
    if (!text || !text[0] || agent_token_parse(text, ret_token)) {
        return true;
    }
    ctl_fail(ctl, CTL_CONFIG, "bad_token", "unset it, unless a worker or `baton take` gave it",
             "BATON_TOKEN is not a token: %.40s", text);
    return false;
}

bool
agent_token(struct ctl *ctl, const char *text, uint64_t *ret_token)
{
    if (!text) {
        if (!agent_token_from_environment(ctl, ret_token)) {
            return false;
        }
        if (*ret_token) {
            return true;
        }
        ctl_usage(ctl, "which task? Give --token TOKEN (from `baton take`) or set BATON_TOKEN");
        return false;
    }
    if (agent_token_parse(text, ret_token)) {
        return true;
    }
    ctl_usage(ctl, "--token %.40s: not a token; `baton take` prints one", text);
    return false;
}

int
agent_view(struct ctl *ctl, uint64_t token, baton_token_view **ret_view)
{
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    baton_status answer = baton_check_token(ctl->baton, token, ret_view);
    return answer == BATON_OK ? CTL_YES : ctl_fail_status(ctl, answer);
}
