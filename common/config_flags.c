/* Configuration from the command line, and what it prints: help, the manual's part, the values. */
#include "common/config_inner.h"

#include "common/alloc.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPT_KEY = 1000, /* of key 0; those that switch off begin at OPT_KEY_OFF */
    OPT_KEY_OFF = OPT_KEY + CONFIG_KEYS_MAX,
    OPT_CONFIG = 256,
    OPT_CHECK,
    OPT_EFFECTIVE,
    OPT_MANUAL,
    OPT_HELP,
    OPT_VERSION,
    OWN_OPTIONS = 6,
    HELP_COLUMN = 26,
    HELP_WIDTH = 80,
};

static const struct option own_options[OWN_OPTIONS + 1] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"check-config", no_argument, NULL, OPT_CHECK},
    {"effective-config", no_argument, NULL, OPT_EFFECTIVE},
    {"manual-of-config", no_argument, NULL, OPT_MANUAL}, /* for the build */
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {0},
};

/* ---- reading ---- */

struct flags {
    struct option longs[2 * CONFIG_KEYS_MAX + OWN_OPTIONS + 1];
    char off[CONFIG_KEYS_MAX][48]; /* "no-KEY" */
    char letters[2 * CONFIG_KEYS_MAX + 4];
};

static void
flags_make(const struct config_program *program, struct flags *flags)
{
    CHECK(program->n_keys <= CONFIG_KEYS_MAX);
    size_t n = 0;
    size_t n_letters = 0;
    flags->letters[n_letters++] = '+';
    flags->letters[n_letters++] = 'h';
    for (size_t i = 0; i < program->n_keys; i++) {
        const struct config_key *key = &program->keys[i];
        bool plain = key->type == CONFIG_SWITCH;
        if (key->traits & CONFIG_FILE_ONLY) {
            continue;
        }
        flags->longs[n++] = (struct option){key->name, plain ? no_argument : required_argument,
                                            NULL, OPT_KEY + (int)i};
        if (plain && !(key->traits & CONFIG_FLAG_ONLY)) {
            snprintf(flags->off[i], sizeof flags->off[i], "no-%s", key->name);
            flags->longs[n++] = (struct option){flags->off[i], no_argument, NULL,
                                                OPT_KEY_OFF + (int)i};
        }
        if (key->letter) {
            flags->letters[n_letters++] = key->letter;
            flags->letters[n_letters++] = ':';
            n_letters -= plain;
        }
    }
    flags->letters[n_letters] = 0;
    memcpy(&flags->longs[n], own_options, sizeof own_options);
}

static const struct config_key *
key_of(const struct config_program *program, int option)
{
    if (option >= OPT_KEY) {
        return &program->keys[(option - OPT_KEY) % CONFIG_KEYS_MAX];
    }
    for (size_t i = 0; i < program->n_keys; i++) {
        if (program->keys[i].letter == option) {
            return &program->keys[i];
        }
    }
    return NULL;
}

/* -1: go on; else the exit status. */
static int
take_flag(struct config *config, int option, const char *value)
{
    const struct config_program *program = config->program;
    const struct config_key *key;
    switch (option) {
    case OPT_CONFIG:
        config->asked = arena_strdup(&config->arena, value);
        return -1;
    case OPT_CHECK:
        config->checks = true;
        return -1;
    case OPT_EFFECTIVE:
        config->shows = true;
        return -1;
    case OPT_MANUAL:
        config_print_manual(program);
        return 0;
    case OPT_HELP:
    case 'h':
        config_print_help(program);
        return 0;
    case OPT_VERSION:
        printf("%s %s\n", program->name, BATON_SOFTWARE_VERSION);
        return 0;
    case '?':
        fprintf(stderr, "%s: see %s --help\n", program->name, program->name);
        return 64;
    default:
        key = key_of(program, option);
        CHECK(key);
        config_set(
            config, key, RANK_FLAG,
            value                   ? value
            : option >= OPT_KEY_OFF ? "no"
                                    : "yes",
            arena_printf(&config->arena, "--%s%s", option >= OPT_KEY_OFF ? "no-" : "", key->name));
        return -1;
    }
}

static struct config *
config_new(const struct config_program *program)
{
    struct config *config = xcalloc(1, sizeof *config);
    config->program = program;
    config->status = -1;
    arena_init(&config->arena);
    return config;
}

struct config *
config_open(const struct config_program *program, int argc, char **argv, int *ret_status)
{
    struct config *config = config_new(program);
    struct flags flags = {0};
    flags_make(program, &flags);
    int status = -1;
    int option;
    while (status < 0 &&
           (option = getopt_long(argc, argv, flags.letters, flags.longs, NULL)) != -1) {
        status = take_flag(config, option, optarg);
    }
    *ret_status = status;
    return config;
}

struct config *
config_again(const struct config *config)
{
    struct config *again = config_new(config->program);
    again->asked = config->asked ? arena_strdup(&again->arena, config->asked) : NULL;
    for (size_t i = 0; i < config->n; i++) {
        const struct config_setting *setting = &config->settings[i];
        if (setting->rank == RANK_FLAG) {
            config_set(again, setting->key, RANK_FLAG, setting->text, setting->origin);
        }
    }
    return again;
}

void
config_close(struct config *config)
{
    if (config) {
        arena_fini(&config->arena);
        free(config->settings);
        buf_fini(&config->files);
        buf_fini(&config->errors);
        free(config);
    }
}

/* ---- the end of reading ---- */

int
config_finish(struct config *config)
{
    const char *name = config->program->name;
    if (config->status >= 0) {
        for (const char *line = buf_text(&config->errors); *line;) {
            size_t bytes = strcspn(line, "\n");
            fprintf(stderr, "%s: %.*s\n", name, (int)bytes, line);
            line += bytes + (line[bytes] == '\n');
        }
        if (config->n_errors > CONFIG_ERRORS_MAX) {
            fprintf(stderr, "%s: and %zu more\n", name, config->n_errors - CONFIG_ERRORS_MAX);
        }
        if (config->status == 64) {
            fprintf(stderr, "%s: see %s --help\n", name, name);
        }
        return config->status;
    }
    if (config->shows) {
        config_print_effective(config);
        return 0;
    }
    if (config->checks) {
        const char *files = buf_text(&config->files);
        printf("%s: the configuration is good (%s)\n", name, *files ? files : "no file");
        return 0;
    }
    return -1;
}

/* ---- printing ---- */

/* When a change counts. */
static const char *
changes(const struct config_key *key)
{
    return key->traits & CONFIG_LIVE ? "at run time" : "at a restart";
}

void
config_print_effective(const struct config *config)
{
    const struct config_program *program = config->program;
    for (size_t k = 0; k < program->n_keys; k++) {
        const struct config_key *key = &program->keys[k];
        bool is_list = key->type == CONFIG_LIST;
        const char *text = key->standard;
        const char *origin = "default";
        enum config_rank best = RANK_OWN;
        for (size_t i = 0; i < config->n; i++) {
            const struct config_setting *setting = &config->settings[i];
            if (setting->key == key && setting->rank >= best) {
                best = setting->rank;
                text = setting->text;
                origin = setting->origin;
            }
        }
        for (size_t i = 0; is_list && best > RANK_OWN && i < config->n; i++) {
            const struct config_setting *setting = &config->settings[i];
            if (setting->key == key && setting->rank == best) {
                printf("%s\t%s\t%s\t%s\n", key->name, setting->origin, changes(key),
                       key->traits & CONFIG_SECRET ? "(hidden)" : setting->text);
            }
        }
        if (!(key->traits & CONFIG_FLAG_ONLY) && !(is_list && best > RANK_OWN)) {
            printf("%s\t%s\t%s\t%s\n", key->name, origin, changes(key),
                   text && key->traits & CONFIG_SECRET ? "(hidden)"
                   : text                              ? text
                                                       : "");
        }
    }
}

/* Words from `column` on, in lines of HELP_WIDTH. */
static void
print_wrapped(const char *text, int column)
{
    int at = column;
    while (*(text += strspn(text, " "))) {
        int bytes = (int)strcspn(text, " ");
        if (at > HELP_COLUMN && at + 1 + bytes > HELP_WIDTH) {
            printf("\n%*s", HELP_COLUMN, "");
            at = HELP_COLUMN;
        } else if (at > HELP_COLUMN) {
            putchar(' ');
            at++;
        }
        printf("%.*s", bytes, text);
        at += bytes;
        text += bytes;
    }
    putchar('\n');
}

static void
print_help_of(const struct config_key *key)
{
    char head[80];
    char letter[8] = "    ";
    if (key->letter) {
        snprintf(letter, sizeof letter, "-%c, ", key->letter);
    }
    bool is_off = key->type == CONFIG_SWITCH && key->standard && strcmp(key->standard, "yes") == 0;
    int n = snprintf(head, sizeof head, "  %s--%s%s%s%s", letter, is_off ? "no-" : "", key->name,
                     key->shown ? " " : "", key->shown ? key->shown : "");
    if (n > HELP_COLUMN - 2) {
        printf("%s\n%*s", head, HELP_COLUMN, "");
    } else {
        printf("%-*s", HELP_COLUMN, head);
    }
    char text[1024];
    bool tells = key->standard && key->type != CONFIG_SWITCH;
    snprintf(text, sizeof text, "%s%s%s%s%s", is_off ? "not: " : "", key->help, tells ? " [" : "",
             tells ? key->standard : "", tells ? "]" : "");
    print_wrapped(text, HELP_COLUMN);
}

void
config_print_help(const struct config_program *program)
{
    printf("%s", program->synopsis);
    for (unsigned rare = 0; rare <= CONFIG_RARE; rare += CONFIG_RARE) {
        bool begun = false;
        for (size_t i = 0; i < program->n_keys; i++) {
            if ((program->keys[i].traits & (CONFIG_RARE | CONFIG_FILE_ONLY)) == rare) {
                printf("%s", begun ? "" : rare ? "\nLess often needed:\n" : "\n");
                begun = true;
                print_help_of(&program->keys[i]);
            }
        }
    }
    printf("\n      --config FILE       instead of the usual %s\n"
           "      --check-config      only say whether the configuration is good\n"
           "      --effective-config  print every value and where it comes from\n"
           "      --help, --version\n"
           "\nAll of them but the last four may stand in %s as `key = value`, and in the "
           "environment as\n%sKEY; see %s.conf(5).\n%s",
           program->file, program->file, program->prefix, program->name, program->epilogue);
}

/* Plain text for scdoc. */
static void
print_escaped(const char *text)
{
    for (; *text; text++) {
        if (strchr("_*\\#<>[]~", *text)) {
            putchar('\\');
        }
        putchar(*text);
    }
}

void
config_print_manual(const struct config_program *program)
{
    for (size_t i = 0; i < program->n_keys; i++) {
        const struct config_key *key = &program->keys[i];
        if (key->traits & CONFIG_FLAG_ONLY) {
            continue;
        }
        printf("*%s* = _%s_\n\t", key->name, key->shown ? key->shown : "yes|no");
        print_escaped(key->help);
        char last = key->help[strlen(key->help) - 1];
        printf("%s", last == '.' ? "" : ".");
        if (key->standard) {
            printf(" Default: ");
            print_escaped(key->standard);
            printf(".");
        }
        printf("%s%s\n\n",
               key->type == CONFIG_LIST ? " May be given again; a line without a value forgets "
                                          "those before it."
                                        : "",
               key->traits & CONFIG_LIVE ? " Changes at run time." : " A change needs a restart.");
    }
}
