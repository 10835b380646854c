/* Verbs with words behind them. */
#include "ctl/command.h"

#include "ctl/options.h"

#include <string.h>

/* Where the first word behind the verb stands; argc: nowhere. */
static int
first_word(const struct ctl *ctl, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct usage_option option;
        if (argv[i][0] != '-' || !argv[i][1]) {
            return i;
        }
        bool has_value = options_find(ctl->verb, argv[i], &option) && option.value.bytes > 0;
        i += has_value && !strchr(argv[i], '=');
    }
    return argc;
}

const struct command *
command_find(const struct ctl *ctl, int argc, char **argv, const struct command *commands)
{
    int at = first_word(ctl, argc, argv);
    for (; at < argc && commands->word; commands++) {
        if (strcmp(argv[at], commands->word) == 0) {
            char *word = argv[at];
            memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof *argv);
            argv[1] = word;
            return commands;
        }
    }
    return NULL;
}

int
command_run(struct ctl *ctl, int argc, char **argv, const struct command *commands)
{
    static const struct option none[] = {{0}};
    const struct command *command = command_find(ctl, argc, argv, commands);
    if (command) {
        return command->run(ctl, argc - 1, argv + 1);
    }
    char words[256] = "";
    for (size_t i = 0; commands[i].word; i++) {
        size_t used = strlen(words);
        snprintf(words + used, sizeof words - used, "%s%s", i ? ", " : "", commands[i].word);
    }
    int at = first_word(ctl, argc, argv);
    if (at < argc) {
        return ctl_usage(ctl, "%s is not one of %s", argv[at], words);
    }
    /* Only options: help, or one that is wrong. */
    if (ctl_getopt(ctl, argc, argv, "", none) != -1) {
        return ctl->status;
    }
    return ctl_usage(ctl, "say one of %s", words);
}
