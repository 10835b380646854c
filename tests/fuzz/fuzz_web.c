/* What a browser or a scraper sends to `baton web`, and what names become in metrics: only this
 * machine's own loopback is taken for it, and no value of a label ends its line. */
#include "tests/fuzz/fuzz.h"

#include "ctl/web/exposition.h"
#include "ctl/web/web.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool
is_loopback(const struct sockaddr_storage *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    return address->ss_family == AF_INET    ? ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
           : address->ss_family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr)
                                            : false;
}

static void
check_address(const char *text)
{
    struct sockaddr_storage address;
    socklen_t bytes;
    char error[512] = "";
    if (web_address_parse(text, &address, &bytes, error, sizeof error)) {
        CHECK(is_loopback(&address) && bytes <= sizeof address);
        CHECK(web_host_is_ours(text)); /* who asks for it by this name is let in */
    } else {
        CHECK(error[0]);
    }
}

static void
check_host(const char *text)
{
    if (web_host_is_ours(text)) {
        CHECK(strlen(text) < 64 && !strpbrk(text, " /\\@#?%\t\r\n"));
        const char *name = text + (text[0] == '[');
        CHECK(strncasecmp(name, "localhost", 9) == 0 || strncmp(name, "127.", 4) == 0 ||
              !text[strspn(text, "[]:.0123456789")]);
    }
}

static void
check_label(const char *text)
{
    struct buf out = {0};
    struct exposition e = {.out = &out, .name = "baton_x", .type = EXPOSE_GAUGE};
    expose_number(&e, (const char *const[]){"project", text, NULL}, 1);
    const char *line = buf_text(&out);
    CHECK(strchr(line, '\n') == line + out.bytes - 1);
    const char *p = line + strlen("baton_x{project=\"");
    for (; *p != '"'; p++) {
        p += *p == '\\';
    }
    CHECK(strcmp(p, "\"} 1\n") == 0);
    buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes};
    char *text = input_text(&input);
    check_address(text);
    check_host(text);
    check_label(text);
    (void)exposition_wants_openmetrics(text);
    free(text);
    return 0;
}
