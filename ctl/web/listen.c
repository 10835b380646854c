/* Only this machine's own loopback: there is no identity behind a request. */
#include "ctl/web/web.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* 0..65535; false: not a port. */
static bool
port_parse(const char *text, in_port_t *ret)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || port > 65535 || end - text > 5) {
        return false;
    }
    *ret = htons((in_port_t)port);
    return true;
}

/* Splits HOST:PORT or [HOST]:PORT; `host` has room for it. NULL: it has no port. */
static const char *
split(const char *text, char *host, size_t room)
{
    bool bracket = text[0] == '[';
    const char *end = bracket ? strchr(text, ']') : strchr(text, ':');
    const char *colon = bracket && end ? end + 1 : end;
    if (!end || *colon != ':') {
        return NULL;
    }
    const char *begin = bracket ? text + 1 : text;
    if ((size_t)(end - begin) >= room) {
        return NULL;
    }
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = 0;
    return colon + 1;
}

bool
web_address_parse(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_bytes,
                  char *error, size_t error_room)
{
    char host[64];
    in_port_t port;
    const char *port_text = split(text, host, sizeof host);
    if (!port_text || !port_parse(port_text, &port)) {
        snprintf(error, error_room, "is not an address of the form 127.0.0.1:9464 or [::1]:9464");
        return false;
    }
    struct sockaddr_storage address = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    const char *name = strcasecmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    if (inet_pton(AF_INET, name, &v4->sin_addr) == 1 &&
        ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET) {
        v4->sin_family = AF_INET;
        v4->sin_port = port;
        *ret_bytes = sizeof *v4;
    } else if (inet_pton(AF_INET6, name, &v6->sin6_addr) == 1 &&
               IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr)) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = port;
        *ret_bytes = sizeof *v6;
    } else {
        snprintf(error, error_room,
                 "is not this machine's loopback, and whoever reaches this server may read all of "
                 "it: listen on 127.0.0.1 and put a proxy that asks who it is in front, or use "
                 "ssh -L");
        return false;
    }
    *ret_address = address;
    return true;
}

bool
web_host_is_ours(const char *text)
{
    char host[64];
    in_port_t port;
    if (!text || strlen(text) >= sizeof host) {
        return false;
    }
    const char *port_text = split(text, host, sizeof host);
    if (port_text && !port_parse(port_text, &port)) {
        return false;
    }
    if (!port_text) {
        strcpy(host, strcasecmp(text, "[::1]") == 0 ? "::1" : text);
    }
    struct in_addr v4;
    struct in6_addr v6;
    return strcasecmp(host, "localhost") == 0 ||
           (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6)) ||
           (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET);
}
