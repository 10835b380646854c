/* common/log and common/journald: what reaches journald's socket, what a terminal, how much of it.
 * The clock is ours (the linker wraps clock_gettime), so that no test waits for a window. */
#include "common/buf.h"
#include "common/journald.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static int64_t clock_s = 1000;
static char directory[] = "/tmp/baton-log.XXXXXX";
static char path[64]; /* of the journal's socket */
static int own_stderr;

int __wrap_clock_gettime(clockid_t which, struct timespec *ret);

int
__wrap_clock_gettime(clockid_t which, struct timespec *ret)
{
    (void)which;
    *ret = (struct timespec){.tv_sec = clock_s, .tv_nsec = 7000000};
    return 0;
}

/* Standard error goes into a file until end_capture, which gives what was written. */
static void
begin_capture(void)
{
    char name[160];
    snprintf(name, sizeof name, "%s/stderr", directory);
    int fd = open(name, O_CREAT | O_TRUNC | O_RDWR, 0600);
    assert_true(fd >= 0);
    assert_true(dup2(fd, STDERR_FILENO) == STDERR_FILENO);
    close(fd);
}

static const char *
end_capture(void)
{
    static char text[64 * 1024];
    ssize_t n = pread(STDERR_FILENO, text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = 0;
    assert_true(dup2(own_stderr, STDERR_FILENO) == STDERR_FILENO);
    return text;
}

static size_t
count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what)) {
        n++;
    }
    return n;
}

/* ---- without a journal ---- */

static void
test_a_terminal_gets_one_readable_line(void **unused)
{
    (void)unused;
    begin_capture();
    log_event(LOG_LEVEL_INFO, "test.plain", "n=%d", 7);
    struct log_about about = {.task = "FIX-001", .role = "backend", .attempt = 2, .token = 9};
    log_event_about(LOG_LEVEL_ERROR, "test.about", &about, "why=%s", log_quote("no \"disk\"").s);
    log_event(LOG_LEVEL_DEBUG, "test.silent", "%s", "");
    assert_string_equal(end_capture(),
                        "1970-01-01T00:16:40.007Z test.plain n=7\n"
                        "1970-01-01T00:16:40.007Z error test.about task=FIX-001 role=backend "
                        "attempt=2 token=9 why=\"no \\\"disk\\\"\"\n");
}

static void
test_no_value_breaks_the_line_or_steers_the_terminal(void **unused)
{
    (void)unused;
    begin_capture();
    log_event(LOG_LEVEL_INFO, "test.escape", "a=%s b=%s", log_quote("x\n<3>y\x1b[2J\x7f").s,
              "raw\nsecond\x1b]0;t\x07");
    const char *text = end_capture();
    assert_int_equal(count(text, "\n"), 1);
    assert_null(strchr(text, '\x1b'));
    assert_non_null(strstr(text, "a=\"x\\n<3>y\\x1b[2J\\x7f\" b=raw\\nsecond\\x1b]0;t\\x07\n"));
}

static void
test_a_long_line_is_cut_and_ends(void **unused)
{
    (void)unused;
    char *long_text = malloc(10000);
    assert_non_null(long_text);
    memset(long_text, 'x', 9999);
    long_text[9999] = 0;
    begin_capture();
    log_event(LOG_LEVEL_INFO, "test.long", "a=%s", long_text);
    const char *text = end_capture();
    assert_true(strlen(text) <= LOG_LINE_BYTES_MAX);
    assert_int_equal(text[strlen(text) - 1], '\n');
    free(long_text);
}

static void
test_a_flood_is_counted(void **unused)
{
    (void)unused;
    begin_capture();
    for (int i = 0; i < LOG_BURST + 30; i++) {
        log_event(LOG_LEVEL_ERROR, "test.flood", "i=%d", i);
        log_event(LOG_LEVEL_INFO, i % 10 ? "test.many" : "test.few", "i=%d", i);
    }
    clock_s += LOG_WINDOW_MS / 1000;
    log_event(LOG_LEVEL_ERROR, "test.flood", "%s", "later");
    log_event(LOG_LEVEL_ERROR, "test.flood", "%s", "latest");
    const char *text = end_capture();
    assert_int_equal(count(text, " test.flood i="), LOG_BURST);
    assert_int_equal(count(text, " test.few i="), 5); /* another event is not the flood's victim */
    assert_int_equal(count(text, "test.flood later suppressed=30\n"), 1);
    assert_int_equal(count(text, "test.flood latest\n"), 1);
}

static void
test_levels_change_while_running(void **unused)
{
    (void)unused;
    begin_capture();
    log_event(LOG_LEVEL_DEBUG, "test.level", "%s", "one");
    assert_true(log_take_signal(SIGUSR1));
    log_event(LOG_LEVEL_DEBUG, "test.level", "%s", "two");
    assert_true(log_take_signal(SIGUSR1)); /* there is nothing above */
    assert_int_equal(log_level(), LOG_LEVEL_DEBUG);
    assert_true(log_take_signal(SIGUSR2));
    log_event(LOG_LEVEL_DEBUG, "test.level", "%s", "three");
    log_set_level(LOG_LEVEL_ERROR);
    log_event(LOG_LEVEL_WARNING, "test.level", "%s", "four");
    assert_true(log_take_signal(SIGUSR1));
    log_event(LOG_LEVEL_WARNING, "test.level", "%s", "five");
    assert_true(log_take_signal(SIGUSR2));
    assert_int_equal(log_level(), LOG_LEVEL_ERROR);
    assert_false(log_take_signal(SIGHUP));
    log_set_level(LOG_LEVEL_INFO);
    const char *text = end_capture();
    assert_int_equal(count(text, "test.level"), 2);
    assert_non_null(strstr(text, "test.level two\n"));
    assert_non_null(strstr(text, "warning test.level five\n"));
    assert_int_equal(count(text, "log.level level=debug\n"), 2);
}

static void
test_names_of_levels(void **unused)
{
    (void)unused;
    enum log_level level;
    for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
        assert_true(log_level_parse(log_level_name((enum log_level)i), &level));
        assert_int_equal(level, i);
    }
    assert_false(log_level_parse("loud", &level));
    assert_false(log_level_parse("", &level));
}

/* ---- journald's protocol ---- */

static void
test_a_value_with_a_newline_has_its_length(void **unused)
{
    (void)unused;
    struct buf buf = {0};
    journald_add(&buf, "ONE", "a=b");
    journald_add(&buf, "TWO", "x\ny");
    journald_add(&buf, "THREE", "");
    static const char expected[] = "ONE=a=b\nTWO\n\3\0\0\0\0\0\0\0x\ny\nTHREE=\n";
    assert_int_equal(buf.bytes, sizeof expected - 1);
    assert_memory_equal(buf.data, expected, sizeof expected - 1);
    buf_clear(&buf);
    char value[301];
    memset(value, '\n', 300);
    value[300] = 0;
    journald_add(&buf, "LONG", value);
    assert_memory_equal(buf.data, "LONG\n\x2c\x01\0\0\0\0\0\0\n\n", 15);
    buf_fini(&buf);
}

static int
listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* One entry, with NUL behind; "" when there is none. */
static const char *
receive(int fd)
{
    static char entry[8192];
    ssize_t n = recv(fd, entry, sizeof entry - 1, MSG_DONTWAIT);
    entry[n < 0 ? 0 : n] = 0;
    return entry;
}

/* Standard error becomes the journal's stream, as systemd has it. */
static void
become_a_service(void)
{
    struct stat st;
    char stream[64];
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    setenv("BATON_JOURNAL_SOCKET", path, 1);
    log_open("batond", LOG_LEVEL_INFO);
}

static void
test_a_stream_that_is_not_ours_is_not_believed(void **unused)
{
    (void)unused;
    int fd = listen_at(path);
    begin_capture();
    setenv("JOURNAL_STREAM", "1:2", 1);
    setenv("BATON_JOURNAL_SOCKET", path, 1);
    log_open("batond", LOG_LEVEL_INFO);
    log_event(LOG_LEVEL_NOTICE, "test.redirected", "%s", "");
    assert_non_null(strstr(end_capture(), "test.redirected"));
    assert_string_equal(receive(fd), "");
    close(fd);
    unlink(path);
}

static void
test_the_journal_gets_fields(void **unused)
{
    (void)unused;
    int fd = listen_at(path);
    begin_capture();
    become_a_service();
    log_identify(&(struct log_about){.worker = "w-1", .role = "backend"});
    struct log_about about = {.task = "FIX-001", .project = "p", .attempt = 3, .token = 17};
    log_event_about(LOG_LEVEL_WARNING, "test.fields", &about, "why=%s", log_quote("a\nb").s);
    assert_string_equal(receive(fd),
                        "MESSAGE=test.fields task=FIX-001 project=p attempt=3 token=17 "
                        "why=\"a\\nb\"\nPRIORITY=4\nSYSLOG_IDENTIFIER=batond\n"
                        "BATON_EVENT=test.fields\nBATON_TASK=FIX-001\nBATON_PROJECT=p\n"
                        "BATON_ROLE=backend\nBATON_WORKER=w-1\nBATON_ATTEMPT=3\nBATON_TOKEN=17\n");
    log_event_about(LOG_LEVEL_INFO, "test.fields", &(struct log_about){.worker = "w-2"}, "%s", "");
    assert_non_null(strstr(receive(fd), "\nBATON_WORKER=w-2\n")); /* the event knows better */
    log_identify(&(struct log_about){0});
    log_event(LOG_LEVEL_NOTICE, "test.bare", "n=%d", 1);
    assert_string_equal(receive(fd), "MESSAGE=test.bare n=1\nPRIORITY=5\n"
                                     "SYSLOG_IDENTIFIER=batond\nBATON_EVENT=test.bare\n");
    assert_string_equal(end_capture(), "");
    close(fd);
    unlink(path);
}

static void
test_a_journal_that_comes_back_is_found(void **unused)
{
    (void)unused;
    begin_capture();
    log_event(LOG_LEVEL_ERROR, "test.gone", "n=%d", 1); /* nobody listens: with its level */
    int fd = listen_at(path);
    log_event(LOG_LEVEL_ERROR, "test.gone", "n=%d", 2);
    assert_non_null(strstr(receive(fd), "MESSAGE=test.gone n=2\nPRIORITY=3\n"));
    assert_string_equal(end_capture(), "<3>test.gone n=1\n");
    close(fd);
    unlink(path);
}

static void
test_a_journal_that_is_full_is_not_waited_for(void **unused)
{
    (void)unused;
    int fd = listen_at(path);
    begin_capture();
    int sent = 0;
    for (; sent < 5000; sent++) {
        clock_s += LOG_WINDOW_MS / 1000; /* so that the rate is not what stops it */
        log_event(LOG_LEVEL_INFO, "test.full", "n=%d", sent);
    }
    int n = 0;
    while (*receive(fd)) {
        n++;
    }
    assert_in_range(n, 1, sent - 1);
    log_event(LOG_LEVEL_ERROR, "test.after", "%s", "x");
    char expected[64];
    snprintf(expected, sizeof expected, "MESSAGE=test.after x lost=%d\n", sent - n);
    assert_non_null(strstr(receive(fd), expected));
    log_event(LOG_LEVEL_ERROR, "test.after", "%s", "y");
    assert_non_null(strstr(receive(fd), "MESSAGE=test.after y\n"));
    assert_string_equal(end_capture(), "");
    close(fd);
    unlink(path);
}

static int
begin(void **unused)
{
    (void)unused;
    own_stderr = dup(STDERR_FILENO);
    unsetenv("JOURNAL_STREAM");
    if (own_stderr < 0 || !mkdtemp(directory)) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/journal", directory);
    log_open("test", LOG_LEVEL_INFO);
    return 0;
}

static int
end(void **unused)
{
    (void)unused;
    char name[160];
    snprintf(name, sizeof name, "%s/stderr", directory);
    unlink(name);
    return rmdir(directory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_terminal_gets_one_readable_line),
        cmocka_unit_test(test_no_value_breaks_the_line_or_steers_the_terminal),
        cmocka_unit_test(test_a_long_line_is_cut_and_ends),
        cmocka_unit_test(test_a_flood_is_counted),
        cmocka_unit_test(test_levels_change_while_running),
        cmocka_unit_test(test_names_of_levels),
        cmocka_unit_test(test_a_value_with_a_newline_has_its_length),
        cmocka_unit_test(test_a_stream_that_is_not_ours_is_not_believed),
        cmocka_unit_test(test_the_journal_gets_fields),
        cmocka_unit_test(test_a_journal_that_comes_back_is_found),
        cmocka_unit_test(test_a_journal_that_is_full_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
