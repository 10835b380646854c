/* Configuration: a program declares its keys once, in a table; from it come the reading of files,
 * of the environment and of the command line, --help, --check-config, the manual page, and what may
 * change while the program runs.
 *
 * Values come, each rank over the one before: the table's own, FILE, the drop-ins FILE.d/NAME.conf
 * by name (and what the program adds with config_add_file), the environment, the command line. A
 * file has lines `key = value`; a line that begins with # is a comment. Nothing is taken from a
 * configuration in which anything is wrong. Not thread-safe. */
#ifndef BATON_COMMON_CONFIG_H
#define BATON_COMMON_CONFIG_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONFIG_FILE_BYTES_MAX = 256 * 1024,
    CONFIG_LINE_BYTES_MAX = 64 * 1024,
    CONFIG_FILES_MAX = 128,     /* drop-ins of one file */
    CONFIG_SETTINGS_MAX = 8192, /* of all files together */
    CONFIG_ERRORS_MAX = 20,     /* said at once */
    CONFIG_LIST_MAX = 256,      /* values of one key */
    CONFIG_KEYS_MAX = 96,       /* of one program */
};

/* What a value is, and in the program's struct. */
enum config_type {
    CONFIG_TEXT,     /* const char *, owned by the config */
    CONFIG_DURATION, /* int64_t, ms */
    CONFIG_SIZE,     /* uint64_t, bytes */
    CONFIG_NUMBER,   /* uint32_t */
    CONFIG_SWITCH,   /* bool: yes or no; on the command line --KEY and --no-KEY */
    CONFIG_WORD,     /* an enum, by `take` */
    CONFIG_LIST,     /* struct config_list: one value each time that the key is given */
    CONFIG_COMMAND,  /* struct config_list: words; quotes as in a shell, nothing else of one */
};

struct config_list {
    const char *const *items; /* owned by the config; NULL-terminated when there are any */
    size_t n;
};

enum config_trait {
    CONFIG_LIVE = 1,       /* may change at run time; others wait for a restart */
    CONFIG_RARE = 2,       /* --help has it under the seldom needed */
    CONFIG_FLAG_ONLY = 4,  /* of the command line only */
    CONFIG_SECRET = 8,     /* never printed */
    CONFIG_FILE_ONLY = 32, /* not of the command line, which everybody sees */
    CONFIG_ZERO = 16,      /* a duration or size may be 0 */
};

struct config_key {
    const char *name; /* as it stands in files and behind "--" */
    enum config_type type;
    unsigned traits; /* of config_trait */
    size_t at;       /* where the value is in the program's struct */
    /* Bounds of numbers and sizes; `max` 0: none. */
    uint64_t min, max;
    char letter;          /* of the command line; 0: none */
    const char *standard; /* as in a file; NULL: the program's business, and `help` says it */
    const char *shown;    /* what stands for the value in help: D, SIZE, N */
    const char *wanted;   /* said of a wrong value; NULL: the usual words of its type */
    const char *help;     /* sentences; a backslash is not one of them */
    /* Checks a text or an item of a list, or reads a word into `field`; may put a better text at
     * *(const char **)field. NULL: anything goes. */
    bool (*take)(const char *text, void *field);
};

struct config_program {
    const char *name;     /* "batond" */
    const char *file;     /* "batond.conf": in /etc/baton, or a user's own directory */
    const char *prefix;   /* of variables: "BATON_" and the key in capitals, with _ for - */
    const char *synopsis; /* of --help: usage and what the program is */
    const char *epilogue; /* of --help */
    const struct config_key *keys;
    size_t n_keys;
};

struct config;

/* ---- at the start ---------------------------------------------------------------------------- */

/* Reads the command line; the rest begins at optind. --help, --version and what the manual is made
 * of end here: *ret_status is the exit status to leave with, else -1. Never NULL. */
struct config *config_open(const struct config_program *program, int argc, char **argv,
                           int *ret_status);
void config_close(struct config *config);

/* Reads the file and its drop-ins, and the environment. */
void config_read(struct config *config);

/* Reads NAME in the directory of the file, if it is there. */
void config_add_file(struct config *config, const char *name);

/* A value of the program's own for what nobody has set, and where it is from, to be shown. `key` is
 * in the table. */
void config_settle(struct config *config, const char *key, const char *value, const char *origin);

/* Something is wrong beyond the single values: sets the status. */
void config_wrong(struct config *config, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The values into the program's struct. May be called again when more was read. */
void config_resolve(struct config *config, void *options);

/* The end of reading: says what is wrong on standard error, does what --check-config and
 * --effective-config ask. -1: go on; else the exit status: 64 the command line, 78 a file or the
 * environment. */
int config_finish(struct config *config);

/* ---- again, while the program runs ------------------------------------------------------------
 */

/* A new one with the same command line. */
struct config *config_again(const struct config *config);

/* What is wrong, a line each; NULL: nothing. */
const char *config_errors(struct config *config);

/* Takes into `running`, the values of `config`, what differs in those of `again` and may change;
 * logs what was taken and what waits for a restart. False: something is wrong in `again`, which was
 * logged, and nothing is changed. Texts and lists are copied into `config`, and those that they
 * replace stay there: whoever has one of them keeps it. */
bool config_take_over(struct config *config, void *running, struct config *again,
                      const void *fresh);

/* Where the file is; "" if there is none. */
const char *config_path(const struct config *config);

#endif
