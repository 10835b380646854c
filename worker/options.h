/* The configuration of baton-worker: its table of keys. */
#ifndef BATON_WORKER_OPTIONS_H
#define BATON_WORKER_OPTIONS_H

#include "common/config.h"
#include "common/log.h"
#include "worker/adapter.h"
#include "worker/limits.h"
#include "worker/scope.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
    struct config *config; /* owned: where the values are from; the texts live in it */
    struct config_list roles;
    struct config_list projects;
    struct config_list pass;    /* names of variables for the agent */
    struct config_list set_env; /* NAME=VALUE */
    struct config_list check;   /* a command */
    struct config_list patterns;
    struct config_list command;
    const char *check_line; /* NULL, or the check as a line for /bin/sh */
    const char *shell_check[4];
    const char **program; /* owned: the command with its first word made absolute; or NULL */
    const char *name;
    const char *state;
    const char *endpoint; /* NULL: the usual one */
    const char *workdir;  /* NULL: the attempt's own directory */
    uint32_t slots;
    int64_t max_runtime_ms; /* 0: none */
    int64_t idle_ms;        /* 0: none */
    int64_t grace_ms;
    int64_t drain_ms;          /* -1: for ever */
    struct scope_limits scope; /* of each run */
    uint64_t output_kept;
    enum adapter adapter;
    enum log_level level;
    bool task_commands;
    bool has_argument; /* the command is of the command line */
    bool verbose;
};

/* Exit status to end with at once, or -1 to go on. Says on standard error what is wrong. */
int options_read(struct options *options, int argc, char **argv);
void options_fini(struct options *options);

/* Reads all of it again, and takes over what may change while the worker runs. False: something is
 * wrong, which was logged, and nothing has changed. */
bool options_reload(struct options *options);

#endif
