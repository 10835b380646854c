/* baton web: a small server for this machine, and what it answers.
 *
 * A route is a row in routes.c and a function in a file of its own, `void route_NAME(struct web *,
 * const struct web_request *, struct web_reply *)`. Routes run on one thread, the server's, which
 * alone uses the connection to the broker. */
#ifndef BATON_CTL_WEB_WEB_H
#define BATON_CTL_WEB_WEB_H

#include "common/buf.h"
#include "ctl/verbs.h"
#include "ctl/web/limits.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct MHD_Daemon;

struct web {
    struct ctl *ctl;
    struct MHD_Daemon *daemon;
    int fd;       /* that listens, until the daemon has it; else -1 */
    char url[64]; /* http://127.0.0.1:9464/ */

    /* What the broker said last, at most WEB_FRESH_MS ago: on the server's thread only. */
    baton_broker_status *status; /* owned; NULL: it did not answer */
    baton_metrics_reply *agents; /* of WEB_WINDOW_DAYS; owned; NULL: as above */
    baton_budget_list *budgets;  /* owned; NULL: as above */
    char trouble[256];           /* then: why */
    int64_t asked_at;            /* monotonic; 0: never */
    bool is_lost;                /* as it was logged */
};

struct web_request {
    const char *path;
    const char *accept; /* NULL: not said */
};

struct web_reply {
    unsigned status;
    const char *type;
    struct buf body;
};

struct web_route {
    const char *path; /* exactly */
    void (*run)(struct web *web, const struct web_request *request, struct web_reply *reply);
    const char *about; /* one line for people */
};

/* All, ended by a path of NULL. */
extern const struct web_route web_routes[];

/* ---- listen.c: where ---- */

/* HOST:PORT of this machine's own loopback; false, and a sentence: it is not one. */
bool web_address_parse(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_bytes,
                       char *error, size_t error_room);
/* Is this Host header one of ours? A page of somebody else whose name leads here (DNS rebinding)
 * is not. */
bool web_host_is_ours(const char *host);

/* ---- server.c ---- */

/* Listens and serves from a thread of its own. False, and why. */
bool web_start(struct web *web, const struct sockaddr_storage *address, socklen_t bytes,
               char *error, size_t error_room);
void web_stop(struct web *web);

/* ---- broker.c ---- */

/* The broker's status, fresh enough; borrowed until the next call. NULL: web->trouble says why. */
const baton_broker_status *web_status(struct web *web);
/* Frees what is kept of it. */
void web_forget(struct web *web);
/* The same of the agents' metrics. */
const baton_metrics_reply *web_agents(struct web *web);
/* And of the budgets. */
const baton_budget_list *web_budgets(struct web *web);

/* ---- the routes ---- */

void route_index(struct web *web, const struct web_request *request, struct web_reply *reply);
void route_livez(struct web *web, const struct web_request *request, struct web_reply *reply);
void route_readyz(struct web *web, const struct web_request *request, struct web_reply *reply);
void route_version(struct web *web, const struct web_request *request, struct web_reply *reply);
void route_metrics(struct web *web, const struct web_request *request, struct web_reply *reply);

/* Appends what is known of this process itself. */
struct exposition;
void process_expose(struct exposition *e);

#endif
