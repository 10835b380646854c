/* The server: libmicrohttpd on a socket of ours, one thread, bounded in every way; what is asked of
 * every request before a route runs, and what every answer says. */
#include "ctl/web/web.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Answers are for the one who asked, now, and nothing of another site may use or frame them. */
static const char *const headers[][2] = {
    {"Cache-Control", "no-store"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Referrer-Policy", "no-referrer"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
};

static enum MHD_Result
send_reply(struct MHD_Connection *connection, struct web_reply *reply, bool close_after)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        reply->body.bytes, reply->body.data, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_NO;
    if (response) {
        for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
            MHD_add_response_header(response, headers[i][0], headers[i][1]);
        }
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
        if (reply->status == MHD_HTTP_METHOD_NOT_ALLOWED) {
            MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
        }
        if (close_after) {
            MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
        }
        result = MHD_queue_response(connection, reply->status, response);
        MHD_destroy_response(response);
    }
    buf_fini(&reply->body);
    return result;
}

static const char *
header_of(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* A body is not read, whatever it is. */
static bool
has_body(struct MHD_Connection *connection)
{
    const char *length = header_of(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (length && strcmp(length, "0") != 0) ||
           header_of(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

static void
refuse(struct web_reply *reply, unsigned status, const char *why)
{
    reply->status = status;
    buf_printf(&reply->body, "%s\n", why);
}

/* False: `reply` says why the request goes no further. */
static bool
may_pass(struct MHD_Connection *connection, const char *method, struct web_reply *reply)
{
    if (!web_host_is_ours(header_of(connection, MHD_HTTP_HEADER_HOST))) {
        refuse(reply, MHD_HTTP_FORBIDDEN,
               "the Host of the request is not this machine's loopback: ask for "
               "http://127.0.0.1 or http://localhost with the right port");
    } else if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
               strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        refuse(reply, MHD_HTTP_METHOD_NOT_ALLOWED, "there is only GET and HEAD");
    } else if (has_body(connection)) {
        refuse(reply, MHD_HTTP_CONTENT_TOO_LARGE, "a body is not taken");
    } else {
        return true;
    }
    return false;
}

static void
run_route(struct web *web, const struct web_request *request, struct web_reply *reply)
{
    for (const struct web_route *route = web_routes; route->path; route++) {
        if (strcmp(route->path, request->path) == 0) {
            route->run(web, request, reply);
            return;
        }
    }
    refuse(reply, MHD_HTTP_NOT_FOUND, "there is nothing here; / lists what there is");
}

static enum MHD_Result
answer(void *context, struct MHD_Connection *connection, const char *path, const char *method,
       const char *version, const char *upload, size_t *upload_bytes, void **request_context)
{
    (void)version;
    (void)upload;
    (void)upload_bytes;
    struct web_reply reply = {.status = MHD_HTTP_OK, .type = "text/plain; charset=utf-8"};
    if (!may_pass(connection, method, &reply)) {
        return send_reply(connection, &reply, true);
    }
    /* The first call comes with the headers; what is answered then ends the connection. */
    if (!*request_context) {
        *request_context = context;
        return MHD_YES;
    }
    struct web_request request = {
        .path = path,
        .accept = header_of(connection, MHD_HTTP_HEADER_ACCEPT),
    };
    run_route(context, &request, &reply);
    return send_reply(connection, &reply, false);
}

/* Paths are compared as they were written: what is escaped in one is no path of ours. */
static size_t
leave_escaped(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

/* The address that it has now, for people. */
static void
name_url(struct web *web)
{
    struct sockaddr_storage own;
    socklen_t bytes = sizeof own;
    char host[64], port[8];
    CHECK(getsockname(web->fd, (struct sockaddr *)&own, &bytes) == 0);
    CHECK(getnameinfo((struct sockaddr *)&own, bytes, host, sizeof host, port, sizeof port,
                      NI_NUMERICHOST | NI_NUMERICSERV) == 0);
    snprintf(web->url, sizeof web->url,
             own.ss_family == AF_INET6 ? "http://[%.40s]:%s/" : "http://%.40s:%s/", host, port);
}

static bool
open_socket(struct web *web, const struct sockaddr_storage *address, socklen_t bytes)
{
    int on = 1;
    web->fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return web->fd >= 0 && setsockopt(web->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
           bind(web->fd, (const struct sockaddr *)address, bytes) == 0 &&
           listen(web->fd, WEB_BACKLOG) == 0;
}

bool
web_start(struct web *web, const struct sockaddr_storage *address, socklen_t bytes, char *error,
          size_t error_room)
{
    if (!open_socket(web, address, bytes)) {
        snprintf(error, error_room, "%s", strerror(errno));
        return false;
    }
    name_url(web);
    web->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, 0, NULL, NULL,
                                   answer, web, MHD_OPTION_LISTEN_SOCKET, web->fd,
                                   MHD_OPTION_CONNECTION_LIMIT, (unsigned)WEB_CONNECTIONS_MAX,
                                   MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)WEB_CONNECTION_BYTES,
                                   MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)WEB_IDLE_S,
                                   MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK,
                                   leave_escaped, NULL, MHD_OPTION_END);
    if (!web->daemon) {
        snprintf(error, error_room, "the server did not start: %s", strerror(errno));
        return false;
    }
    web->fd = -1; /* the daemon closes it */
    return true;
}

void
web_stop(struct web *web)
{
    if (web->daemon) {
        MHD_stop_daemon(web->daemon);
    }
    if (web->fd >= 0) {
        close(web->fd);
    }
    web_forget(web);
}
