/* Completion scripts of the shells. */
#ifndef BATON_CTL_COMPLETE_SHELL_H
#define BATON_CTL_COMPLETE_SHELL_H

#include "ctl/verbs.h"

/* Prints the script for "bash", "zsh" or "fish"; false: none of them. */
bool complete_shell_print(struct ctl *ctl, const char *shell);

#endif
