/* What there is, a row each. */
#include "ctl/web/web.h"

const struct web_route web_routes[] = {
    {"/", route_index, "this list"},
    {"/livez", route_livez, "200 while the broker answers, else 503"},
    {"/readyz", route_readyz, "200 while it takes new work, else 503 and why"},
    {"/version", route_version, "of baton and of the broker, as JSON"},
    {"/metrics", route_metrics, "for Prometheus"},
    {0},
};

void
route_index(struct web *web, const struct web_request *request, struct web_reply *reply)
{
    (void)web;
    (void)request;
    buf_add_text(&reply->body, "baton web\n\n");
    for (const struct web_route *route = web_routes; route->path; route++) {
        buf_printf(&reply->body, "%-10s %s\n", route->path, route->about);
    }
}
