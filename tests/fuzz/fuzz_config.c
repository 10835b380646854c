/* A configuration's file, with a key of every type: whatever is in it, what is wrong is said in
 * lines that can be printed and do not repeat a secret, and what is taken is in its bounds. */
#include "tests/fuzz/fuzz.h"

#include "common/config_inner.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/text.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct values {
    const char *text;
    int64_t duration_ms;
    uint64_t size;
    uint32_t number;
    bool is_on;
    enum log_level level;
    struct config_list list, command, secrets;
    bool flag;
};

static bool
take_level(const char *text, void *field)
{
    return log_level_parse(text, field);
}

/* As set-env of a worker: NAME=VALUE. */
static bool
take_pair(const char *text, void *field)
{
    (void)field;
    return strchr(text, '=') != NULL;
}

#define AT(member) .at = offsetof(struct values, member)

static const struct config_key keys[] = {
    {"text", CONFIG_TEXT, AT(text), .help = "t"},
    {"duration", CONFIG_DURATION, CONFIG_ZERO, AT(duration_ms), .standard = "5s", .help = "d"},
    {"size", CONFIG_SIZE, AT(size), .max = 1 << 30, .standard = "4K", .help = "s"},
    {"number", CONFIG_NUMBER, AT(number), .min = 1, .max = 9, .standard = "3", .help = "n"},
    {"switch", CONFIG_SWITCH, AT(is_on), .standard = "yes", .help = "o"},
    {"word", CONFIG_WORD, AT(level), .standard = "info", .take = take_level, .help = "w"},
    {"list", CONFIG_LIST, AT(list), .max = 5, .help = "l"},
    {"command", CONFIG_COMMAND, AT(command), .help = "c"},
    {"secret", CONFIG_LIST, CONFIG_FILE_ONLY | CONFIG_SECRET, AT(secrets), .take = take_pair,
     .help = "x"},
    {"flag", CONFIG_SWITCH, CONFIG_FLAG_ONLY, AT(flag), .help = "f"},
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

static void
check_list(const struct config_list *list, size_t max)
{
    CHECK(list->n <= max);
    for (size_t i = 0; i < list->n; i++) {
        CHECK(prose_is_valid(list->items[i], CONFIG_LINE_BYTES_MAX));
    }
    CHECK(!list->items || !list->items[list->n]);
}

/* Everything was taken. */
static void
check_values(const struct values *values)
{
    CHECK(!values->text || (*values->text && prose_is_valid(values->text, CONFIG_LINE_BYTES_MAX)));
    CHECK(values->duration_ms >= 0 && values->duration_ms <= DURATION_MS_MAX);
    CHECK(values->size >= 1 && values->size <= 1 << 30);
    CHECK(values->number >= 1 && values->number <= 9);
    CHECK(values->level >= LOG_LEVEL_ERROR && values->level <= LOG_LEVEL_DEBUG);
    CHECK(!values->flag);
    check_list(&values->list, 5);
    check_list(&values->command, CONFIG_LIST_MAX);
    check_list(&values->secrets, CONFIG_LIST_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char path[40];
    char *argv[] = {(char *)(uintptr_t) "tried", NULL};
    int status;
    int fd = memfd_create("config", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct config *config = config_open(&program, 1, argv, &status);
    CHECK(status < 0);
    config_read_file(config, path);
    struct values values = {0};
    config_resolve(config, &values);
    const char *errors = config_errors(config);
    if (errors) {
        check_is_printable(errors, 1);
    } else {
        check_values(&values);
    }
    config_close(config);
    close(fd);
    return 0;
}
