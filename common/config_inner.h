/* Private to common/config*.c. */
#ifndef BATON_COMMON_CONFIG_INNER_H
#define BATON_COMMON_CONFIG_INNER_H

#include "common/arena.h"
#include "common/config.h"

enum config_rank { RANK_OWN, RANK_FILE, RANK_ENVIRONMENT, RANK_FLAG, RANKS };

struct config_setting {
    const struct config_key *key;
    enum config_rank rank;
    const char *text;
    const char *origin; /* "FILE:LINE", "environment NAME", "--NAME", "default" */
};

struct config {
    const struct config_program *program;
    struct arena arena;              /* of all texts and lists */
    struct config_setting *settings; /* owned; in the order of reading */
    size_t n, room;
    const char *path;   /* of the file; NULL: there is none */
    const char *asked;  /* --config, or NULL */
    bool checks, shows; /* --check-config, --effective-config */
    struct buf files;   /* read so far, with spaces between */
    struct buf errors;  /* a line each */
    size_t n_errors;
    int status; /* of the first error; -1: none */
};

/* Copies text and origin. */
void config_set(struct config *config, const struct config_key *key, enum config_rank rank,
                const char *text, const char *origin);
const struct config_key *config_key_find(const struct config_program *program, const char *name);
/* The variable that gives a key. Returns out. */
const char *config_variable(const struct config_program *program, const struct config_key *key,
                            char *out, size_t room);
/* One file, which must be there. */
void config_read_file(struct config *config, const char *path);
/* --help, the manual's part, and KEY, TAB, where from, TAB, when a change counts, TAB, value: a
 * line each. */
void config_print_help(const struct config_program *program);
void config_print_manual(const struct config_program *program);
void config_print_effective(const struct config *config);

#endif
