/* The broker as the routes see it. It is asked at most once in WEB_FRESH_MS, so that no number of
 * readers is a load for it, and one that hangs holds nobody longer than its answer may take. */
#include "common/log.h"
#include "ctl/web/web.h"

#include <stdio.h>
#include <time.h>

static int64_t
monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
note_change(struct web *web, bool is_lost)
{
    if (is_lost == web->is_lost) {
        return;
    }
    web->is_lost = is_lost;
    if (is_lost) {
        log_event(LOG_LEVEL_WARNING, "web.broker_lost", "why=%s", log_quote(web->trouble).s);
    } else {
        log_event(LOG_LEVEL_NOTICE, "web.broker_back", "epoch=%llu",
                  (unsigned long long)web->status->epoch);
    }
}

void
web_forget(struct web *web)
{
    baton_broker_status_free(web->status);
    baton_metrics_reply_free(web->agents);
    baton_budget_list_free(web->budgets);
    web->status = NULL;
    web->agents = NULL;
    web->budgets = NULL;
}

const baton_broker_status *
web_status(struct web *web)
{
    int64_t now = monotonic_ms();
    if (web->asked_at && now - web->asked_at < WEB_FRESH_MS) {
        return web->status;
    }
    web_forget(web);
    baton_status answer = baton_get_status(web->ctl->baton, &web->status);
    if (answer != BATON_OK) {
        web->status = NULL;
        snprintf(web->trouble, sizeof web->trouble, "%s", baton_error(web->ctl->baton));
    }
    web->asked_at = monotonic_ms();
    note_change(web, !web->status);
    return web->status;
}

const baton_metrics_reply *
web_agents(struct web *web)
{
    if (web_status(web) && !web->agents) {
        struct baton_metrics_query query = {.window_ms = INT64_C(86400000) * WEB_WINDOW_DAYS};
        if (baton_get_metrics(web->ctl->baton, &query, &web->agents) != BATON_OK) {
            web->agents = NULL;
        }
    }
    return web->agents;
}

const baton_budget_list *
web_budgets(struct web *web)
{
    if (web_status(web) && !web->budgets &&
        baton_budgets(web->ctl->baton, NULL, NULL, NULL, &web->budgets) != BATON_OK) {
        web->budgets = NULL;
    }
    return web->budgets;
}
