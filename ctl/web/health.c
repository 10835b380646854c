/* Is it alive, is it ready, what is it? */
#include "common/text.h"
#include "ctl/web/web.h"

#include <stdlib.h>

static void
say_trouble(struct web_reply *reply, const char *what, const char *why)
{
    char safe[512];
    text_escape(safe, sizeof safe, why, false);
    reply->status = 503;
    buf_printf(&reply->body, "%s: %s\n", what, safe);
}

void
route_livez(struct web *web, const struct web_request *request, struct web_reply *reply)
{
    (void)request;
    if (web_status(web)) {
        buf_add_text(&reply->body, "alive\n");
    } else {
        say_trouble(reply, "the broker does not answer", web->trouble);
    }
}

/* It answers, so it has recovered, and the answer left after all before it was on the disk. */
void
route_readyz(struct web *web, const struct web_request *request, struct web_reply *reply)
{
    (void)request;
    const baton_broker_status *status = web_status(web);
    if (!status) {
        say_trouble(reply, "not ready: the broker does not answer", web->trouble);
    } else if (!status->accepting) {
        say_trouble(reply, "not ready: it takes no new work", status->not_accepting_because);
    } else {
        buf_add_text(&reply->body, "ready\n");
    }
}

void
route_version(struct web *web, const struct web_request *request, struct web_reply *reply)
{
    (void)request;
    const baton_broker_status *status = web_status(web);
    json_t *object = json_object();
    json_object_set_new(object, "v", json_integer(CTL_JSON_VERSION));
    json_object_set_new(object, "baton", json_string(baton_version()));
    json_object_set_new(object, "broker", status ? ctl_json_text(status->version) : json_null());
    char *text = json_dumps(object, JSON_COMPACT);
    CHECK(text);
    reply->type = "application/json";
    buf_printf(&reply->body, "%s\n", text);
    free(text);
    json_decref(object);
}
