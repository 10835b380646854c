#include "common/check.h"
#include "common/config.h"
#include "common/log.h"

#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct values {
    const char *place;
    int64_t pause_ms;
    uint64_t room_bytes;
    uint32_t count;
    bool loud;
    struct config_list names;
    struct config_list command;
    const char *title;
};

#define AT(member) .at = offsetof(struct values, member)

static const struct config_key keys[] = {
    {"place", CONFIG_TEXT, AT(place), .shown = "DIR", .help = "Where"},
    {"pause", CONFIG_DURATION, CONFIG_LIVE | CONFIG_ZERO, AT(pause_ms), .standard = "5s",
     .help = "How long"},
    {"room", CONFIG_SIZE, AT(room_bytes), .standard = "4K", .help = "How much"},
    {"count", CONFIG_NUMBER, AT(count), .min = 1, .max = 9, .standard = "3", .help = "How many"},
    {"loud", CONFIG_SWITCH, CONFIG_LIVE, AT(loud), .standard = "yes", .help = "Or not"},
    {"name", CONFIG_LIST, CONFIG_LIVE, AT(names), .letter = 'n', .help = "Who"},
    {"command", CONFIG_COMMAND, CONFIG_FILE_ONLY, AT(command), .help = "What"},
    {"title", CONFIG_TEXT, CONFIG_LIVE, AT(title), .help = "Of what"},
};

static const struct config_program program = {
    .name = "tried",
    .file = "tried.conf",
    .prefix = "TRIED_",
    .synopsis = "",
    .epilogue = "",
    .keys = keys,
    .n_keys = ARRAY_LEN(keys),
};

static char base[64];
static char path[96];

static void
put(const char *name, const char *text)
{
    char file[160];
    snprintf(file, sizeof file, "%s/%s", base, name);
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

static int
set_up(void **context)
{
    (void)context;
    char directory[160];
    snprintf(base, sizeof base, "/tmp/baton-config-XXXXXX");
    assert_non_null(mkdtemp(base));
    snprintf(path, sizeof path, "%s/tried.conf", base);
    snprintf(directory, sizeof directory, "%s/tried.conf.d", base);
    assert_int_equal(mkdir(directory, 0700), 0);
    unsetenv("TRIED_PAUSE");
    unsetenv("TRIED_NAME");
    return 0;
}

static int
tear_down(void **context)
{
    (void)context;
    char line[128];
    snprintf(line, sizeof line, "rm -rf '%s'", base);
    int status = system(line);
    return status;
}

/* The command line is --config PATH and what follows, ended by NULL. */
static struct config *
load(struct values *values, const char *first, ...)
{
    char *argv[16] = {(char *)(uintptr_t) "tried", (char *)(uintptr_t) "--config", path};
    int argc = 3;
    va_list more;
    va_start(more, first);
    for (const char *arg = first; arg; arg = va_arg(more, const char *)) {
        argv[argc++] = (char *)(uintptr_t)arg;
    }
    va_end(more);
    int status;
    optind = 0;
    struct config *config = config_open(&program, argc, argv, &status);
    assert_int_equal(status, -1);
    config_read(config);
    *values = (struct values){0};
    config_resolve(config, values);
    return config;
}

static void
a_higher_rank_wins(void **context)
{
    (void)context;
    struct values values;
    put("tried.conf",
        "# of the package\n\n  place =  /srv/a b \npause = 1s\nroom=64K\ncount = 2\n");
    put("tried.conf.d/20-b.conf", "pause = 3s\ncount = 5\n");
    put("tried.conf.d/10-a.conf", "pause = 2s\n");
    put("tried.conf.d/30.conf.off", "pause = broken\n");
    struct config *config = load(&values, NULL);
    assert_null(config_errors(config));
    assert_string_equal(values.place, "/srv/a b");
    assert_int_equal(values.pause_ms, 3000);
    assert_int_equal(values.room_bytes, 65536);
    assert_int_equal(values.count, 5);
    assert_true(values.loud);
    config_close(config);

    setenv("TRIED_PAUSE", "4s", 1);
    config = load(&values, "--no-loud", NULL);
    assert_int_equal(values.pause_ms, 4000);
    assert_false(values.loud);
    config_close(config);
    config = load(&values, "--pause", "6s", NULL);
    assert_int_equal(values.pause_ms, 6000);
    config_close(config);
}

static void
lists_add_up_in_files_only(void **context)
{
    (void)context;
    struct values values;
    put("tried.conf", "name = a\nname = b\n");
    put("tried.conf.d/10.conf", "name = c\n");
    struct config *config = load(&values, NULL);
    assert_int_equal(values.names.n, 3);
    assert_string_equal(values.names.items[2], "c");
    assert_null(values.names.items[3]);
    config_close(config);
    put("tried.conf.d/10.conf", "name =\nname = c\n");
    config = load(&values, NULL);
    assert_int_equal(values.names.n, 1);
    config_close(config);
    setenv("TRIED_NAME", "'d e' f", 1);
    config = load(&values, NULL);
    assert_int_equal(values.names.n, 2);
    assert_string_equal(values.names.items[0], "d e");
    config_close(config);
    config = load(&values, "-n", "g", "--name", "h", NULL);
    assert_int_equal(values.names.n, 2);
    assert_string_equal(values.names.items[1], "h");
    config_close(config);
}

static void
commands_are_words(void **context)
{
    (void)context;
    struct values values;
    put("tried.conf", "command = a 'b c'  \"d \\\"e\\\" $x\" f\\ g '' h=\"i\"'j'\n");
    struct config *config = load(&values, NULL);
    static const char *const words[] = {"a", "b c", "d \"e\" $x", "f g", "", "h=ij"};
    assert_int_equal(values.command.n, ARRAY_LEN(words));
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        assert_string_equal(values.command.items[i], words[i]);
    }
    config_close(config);
}

static void
assert_refused(const char *text, const char *said)
{
    struct values values;
    put("tried.conf", text);
    struct config *config = load(&values, NULL);
    const char *errors = config_errors(config);
    assert_non_null(errors);
    if (!strstr(errors, said)) {
        fail_msg("'%s' is not in: %s", said, errors);
    }
    config_close(config);
}

static void
mistakes_have_their_place(void **context)
{
    (void)context;
    assert_refused("pause = 1s\npuase = 1s\n",
                   "tried.conf:2: there is no key 'puase'; is pause meant?");
    assert_refused("\npause = soon\n", "tried.conf:2: pause: a duration such as");
    assert_refused("pause = 1s\npause = 2s\n", "tried.conf:2: pause is set on line 1 already");
    assert_refused("pause\n", "tried.conf:1: 'key = value' is wanted");
    assert_refused("[broker]\n", "tried.conf:1: 'key = value' is wanted");
    assert_refused("count = 0\n", "a number from 1 to 9 is wanted, not '0'");
    assert_refused("count = 10\n", "a number from 1 to 9");
    assert_refused("room = 1X\n", "a size such as");
    assert_refused("room = 99999999999999999999\n", "a size such as");
    assert_refused("loud = perhaps\n", "yes or no");
    assert_refused("place =\n", "tried.conf:1: place: a value is wanted");
    assert_refused("place = a\x1b[31m\n", "control characters");
    assert_refused("place = \xff\n", "UTF-8");
    assert_refused("command = a 'b\n", "quotes in pairs");
}

static void
sizes_are_bounded(void **context)
{
    (void)context;
    struct values values;
    char *text = calloc(1, CONFIG_FILE_BYTES_MAX + 64);
    assert_non_null(text);
    memset(text, '#', CONFIG_FILE_BYTES_MAX + 1);
    assert_refused(text, "too long");
    text[0] = 'p';
    memcpy(text, "place = ", 8);
    text[CONFIG_LINE_BYTES_MAX + 1] = 0;
    assert_refused(text, "at most 65536 bytes");
    size_t n = 0;
    for (int i = 0; i <= CONFIG_LIST_MAX; i++) {
        n += (size_t)sprintf(text + n, "name = %d\n", i);
    }
    assert_refused(text, "name: a value is wanted");
    free(text);
    unlink(path);
    struct config *config = load(&values, NULL);
    assert_non_null(strstr(config_errors(config), "can't be read"));
    config_close(config);
}

static void
again_is_all_or_nothing(void **context)
{
    (void)context;
    struct values values, fresh = {0};
    put("tried.conf", "pause = 1s\nplace = /a\n");
    struct config *config = load(&values, "--no-loud", NULL);
    put("tried.conf", "pause = 2s\nplace = /b\nloud = yes\nname = x\nname = y\ntitle = new\n");
    struct config *again = config_again(config);
    config_read(again);
    config_resolve(again, &fresh);
    log_open("tried", LOG_LEVEL_ERROR);
    assert_true(config_take_over(config, &values, again, &fresh));
    assert_int_equal(values.pause_ms, 2000);
    assert_string_equal(values.place, "/a"); /* waits for a restart */
    assert_false(values.loud);               /* the command line still counts */
    config_close(again);
    assert_int_equal(values.names.n, 2); /* copies, which outlive what they were read from */
    assert_string_equal(values.names.items[1], "y");
    assert_null(values.names.items[2]);
    assert_string_equal(values.title, "new");

    put("tried.conf", "pause = 3s\nroom = much\n");
    again = config_again(config);
    config_read(again);
    fresh = (struct values){0};
    config_resolve(again, &fresh);
    assert_false(config_take_over(config, &values, again, &fresh));
    assert_int_equal(values.pause_ms, 2000);
    config_close(again);
    config_close(config);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_higher_rank_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_add_up_in_files_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(commands_are_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_have_their_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(again_is_all_or_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
