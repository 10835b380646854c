/* ctl/web without a network: where it may listen, whose Host it believes, how metrics are written.
 */
#include "common/check.h"
#include "ctl/web/exposition.h"
#include "ctl/web/web.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
test_only_the_loopback(void **unused)
{
    (void)unused;
    struct sockaddr_storage address;
    socklen_t bytes;
    char error[512];
    static const char *const good[] = {"127.0.0.1:9464", "127.0.0.1:0", "127.1.2.3:80",
                                       "localhost:9464", "LOCALHOST:1", "[::1]:65535"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(web_address_parse(good[i], &address, &bytes, error, sizeof error));
    }
    assert_int_equal(((struct sockaddr_in6 *)&address)->sin6_port, htons(65535));
    static const char *const others[] = {"0.0.0.0:9464",          "192.168.1.1:80", "[::]:80",
                                         "[::ffff:127.0.0.1]:80", "example.com:80", "128.0.0.1:80"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_false(web_address_parse(others[i], &address, &bytes, error, sizeof error));
        assert_non_null(strstr(error, "loopback"));
    }
    static const char *const bad[] = {"",
                                      "9464",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:-1",
                                      "127.0.0.1:1x",
                                      "[::1]",
                                      "[::1:80",
                                      "[::1]80",
                                      "127.0.0.1:000080"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(web_address_parse(bad[i], &address, &bytes, error, sizeof error));
        assert_non_null(strstr(error, "form"));
    }
}

static void
test_hosts(void **unused)
{
    (void)unused;
    static const char *const ours[] = {"[0::1]:9464", "localhost", "localhost:9464", "127.0.0.1",
                                       "127.0.0.1:1", "[::1]",     "[::1]:9464",     "LocalHost"};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        assert_true(web_host_is_ours(ours[i]));
    }
    static const char *const others[] = {"",
                                         "evil.example",
                                         "evil.example:9464",
                                         "127.0.0.1.evil.example",
                                         "localhost.evil.example",
                                         "localhost:x",
                                         "0.0.0.0",
                                         "[::]",
                                         "127.0.0.1:9464:1",
                                         "localhost@evil.example"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_false(web_host_is_ours(others[i]));
    }
    assert_false(web_host_is_ours(NULL));
    char long_host[300];
    memset(long_host, 'a', sizeof long_host - 1);
    long_host[sizeof long_host - 1] = 0;
    assert_false(web_host_is_ours(long_host));
}

static void
test_what_accept_likes(void **unused)
{
    (void)unused;
    static const char *const openmetrics[] = {
        "application/openmetrics-text",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
        "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "text/plain;q=0.3, application/openmetrics-text;q=0.4",
    };
    for (size_t i = 0; i < ARRAY_LEN(openmetrics); i++) {
        assert_true(exposition_wants_openmetrics(openmetrics[i]));
    }
    static const char *const text[] = {"",
                                       "*/*",
                                       "text/plain",
                                       "text/plain, application/openmetrics-text;q=0.9",
                                       "application/openmetrics-text;q=0",
                                       "application/openmetrics-textual",
                                       "application/openmetrics-text;q=9",
                                       ",,;",
                                       "text/html,application/xhtml+xml"};
    for (size_t i = 0; i < ARRAY_LEN(text); i++) {
        assert_false(exposition_wants_openmetrics(text[i]));
    }
    assert_false(exposition_wants_openmetrics(NULL));
}

static void
put_all(struct exposition *e)
{
    static const int64_t bounds[] = {500, 1000000};
    static const uint64_t counts[] = {2, 1, 4};
    expose_family(e, EXPOSE_COUNTER, "a", "", "Help.");
    expose_number(e, (const char *const[]){"x", "q\"b\\n\n", NULL}, 18446744073709551615u);
    expose_family(e, EXPOSE_INFO, "b", "", "Help.");
    expose_number(e, NULL, 1);
    expose_family(e, EXPOSE_HISTOGRAM, "c_seconds", "seconds", "Help.");
    expose_histogram(e, (const char *const[]){"role", "infra", NULL}, bounds, counts, 2, 2500000);
    expose_end(e);
}

#define HISTOGRAM                                                                                  \
    "c_seconds_bucket{role=\"infra\",le=\"0.0005\"} 2\n"                                           \
    "c_seconds_bucket{role=\"infra\",le=\"1.0\"} 3\n"                                              \
    "c_seconds_bucket{role=\"infra\",le=\"+Inf\"} 7\n"                                             \
    "c_seconds_sum{role=\"infra\"} 2.5\nc_seconds_count{role=\"infra\"} 7\n"

static void
test_both_forms(void **unused)
{
    (void)unused;
    struct buf out = {0};
    struct exposition e = {.out = &out};
    put_all(&e);
    assert_string_equal(buf_text(&out),
                        "# TYPE a_total counter\n# HELP a_total Help.\n"
                        "a_total{x=\"q\\\"b\\\\n\\n\"} 18446744073709551615\n"
                        "# TYPE b_info gauge\n# HELP b_info Help.\nb_info 1\n"
                        "# TYPE c_seconds histogram\n# HELP c_seconds Help.\n" HISTOGRAM);
    buf_clear(&out);
    e.openmetrics = true;
    put_all(&e);
    assert_string_equal(buf_text(&out), "# TYPE a counter\n# HELP a Help.\n"
                                        "a_total{x=\"q\\\"b\\\\n\\n\"} 18446744073709551615\n"
                                        "# TYPE b info\n# HELP b Help.\nb_info 1\n"
                                        "# TYPE c_seconds histogram\n# UNIT c_seconds seconds\n"
                                        "# HELP c_seconds Help.\n" HISTOGRAM "# EOF\n");
    buf_fini(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_loopback),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_what_accept_likes),
        cmocka_unit_test(test_both_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
