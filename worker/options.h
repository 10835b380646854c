/* What baton-worker was asked to do. */
#ifndef BATON_WORKER_OPTIONS_H
#define BATON_WORKER_OPTIONS_H

#include "worker/adapter.h"
#include "worker/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
    const char *roles[ROLES_MAX];
    size_t n_roles;
    const char *projects[WORKER_NAMES_MAX];
    size_t n_projects;
    const char *pass[WORKER_NAMES_MAX]; /* --env */
    size_t n_pass;
    const char *check[ARGS_MAX];
    size_t n_check;
    const char *patterns[WORKER_PATTERNS_MAX];
    size_t n_patterns;
    const char *const *command;
    size_t n_command;
    char *program;        /* owned: the command's first word, made absolute; or NULL */
    char *name;           /* owned */
    char *state;          /* owned */
    const char *endpoint; /* NULL: the usual one */
    const char *workdir;  /* NULL: the attempt's own directory */
    uint32_t slots;
    int64_t max_runtime_ms; /* 0: none */
    int64_t idle_ms;        /* 0: none */
    int64_t grace_ms;
    int64_t drain_ms; /* -1: for ever */
    size_t output_kept;
    enum adapter adapter;
    bool task_commands;
    bool verbose;
};

/* Exit status to end with at once, or -1 to go on. Says on standard error what is wrong. */
int options_read(struct options *options, int argc, char **argv);
void options_fini(struct options *options);

#endif
