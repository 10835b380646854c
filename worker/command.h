/* Arguments and environment of an agent. No shell is ever involved: a value that is put in stays
 * one argument, whatever is in it. */
#ifndef BATON_WORKER_COMMAND_H
#define BATON_WORKER_COMMAND_H

#include "context/attempt.h"

#include <stdbool.h>

/* `argv` with {task_id}, {project}, {role}, {attempt}, {token}, {prompt_file}, {task_file},
 * {result_file}, {workdir} and {endpoint} replaced; anything else in braces stays. New memory,
 * ended by NULL; free with command_free. */
char **command_arguments(const char *const *argv, size_t n, const struct attempt *attempt);

struct command_environment {
    char *const *from;       /* the worker's own; NULL: environ */
    const char *const *pass; /* names that pass too (--env) */
    size_t n_pass;
    const char *tools;      /* directory put at the end of PATH, for `baton progress`; NULL: none */
    const char *const *set; /* NAME=VALUE of the role */
    size_t n_set;
    bool listed_only; /* the task may only set names in `pass` */
};

/* The environment of an agent: what the allow-list lets through, what the role sets, what the task
 * sets (never BATON_…), and the BATON_… variables. New memory, ended by NULL. */
char **command_environ(const struct command_environment *rules, const struct attempt *attempt);

void command_free(char **list);

#endif
