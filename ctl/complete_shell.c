/* Completion scripts, made from the table of verbs. Live names come from `baton list --ids`. */
#include "ctl/complete_shell.h"

#include "ctl/options.h"

#include <string.h>

#define LIVE_IDS "baton list --ids --limit 2000 --timeout 1 --quiet 2>/dev/null"
#define PRIORITIES "critical high medium low"

/* Verbs whose arguments are tasks that there are. */
static bool
takes_tasks(const struct verb *verb)
{
    return strcmp(verb->name, "add") != 0 &&
           (strncmp(verb->usage, "ID", 2) == 0 || strncmp(verb->usage, "[ID", 3) == 0);
}

static bool
takes_files(const struct verb *verb)
{
    return strncmp(verb->usage, "FILE", 4) == 0 || strncmp(verb->usage, "[FILE]", 6) == 0 ||
           strncmp(verb->usage, "PATH", 4) == 0;
}

/* Calls `each` for every "--word" of the text. */
static void
each_option(const char *usage, void (*each)(struct ctl *ctl, const char *option, int bytes),
            struct ctl *ctl)
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyz-";
    for (const char *p = usage; (p = strstr(p, "--"));) {
        size_t bytes = strspn(p, word);
        if (bytes > 2) {
            each(ctl, p, (int)bytes);
        }
        p += bytes;
    }
}

static void
print_word(struct ctl *ctl, const char *option, int bytes)
{
    ctl_print(ctl, " %.*s", bytes, option);
}

static void
print_roles(struct ctl *ctl)
{
    for (const char *const *role = baton_roles(); *role; role++) {
        ctl_print(ctl, "%s%s", role == baton_roles() ? "" : " ", *role);
    }
}

static void
print_case_words(struct ctl *ctl, const struct verb *verb)
{
    each_option(verb->usage, print_word, ctl);
    each_option(global_usage, print_word, ctl);
}

static void
print_bash(struct ctl *ctl)
{
    ctl_print(ctl,
              "# bash completion of baton\n_baton() {\n"
              "    local cur=${COMP_WORDS[COMP_CWORD]} verb= i words= ids=\n"
              "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
              "        case ${COMP_WORDS[i]} in\n"
              "        --endpoint | --project | --timeout | --request-id | --actor) ((i++)) ;;\n"
              "        -*) ;;\n"
              "        *) verb=${COMP_WORDS[i]}; break ;;\n"
              "        esac\n    done\n"
              "    case $verb in\n    '') words='");
    for (const struct verb *verb = verbs; verb->name; verb++) {
        ctl_print(ctl, "%s%s", verb == verbs ? "" : " ", verb->name);
    }
    each_option(global_usage, print_word, ctl);
    ctl_print(ctl, "' ;;\n");
    for (const struct verb *verb = verbs; verb->name; verb++) {
        ctl_print(ctl, "    %s) words='", verb->name);
        print_case_words(ctl, verb);
        ctl_print(ctl, "'%s ;;\n",
                  takes_tasks(verb)   ? " ids=1"
                  : takes_files(verb) ? "; compopt -o default"
                                      : "");
    }
    ctl_print(ctl, "    esac\n"
                   "    case ${COMP_WORDS[COMP_CWORD-1]} in\n"
                   "    --role) words='");
    print_roles(ctl);
    ctl_print(ctl, "' ids= ;;\n"
                   "    --priority) words='" PRIORITIES "' ids= ;;\n"
                   "    --after | --task | --from | --to | --around) words= ids=1 ;;\n"
                   "    esac\n"
                   "    if [[ $ids && $cur != -* ]]; then\n"
                   "        words+=\" $(" LIVE_IDS ")\"\n"
                   "    fi\n"
                   "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                   "}\ncomplete -F _baton baton\n");
}

/* Help text in single quotes for zsh and fish. */
static void
print_quoted(struct ctl *ctl, const char *text)
{
    ctl_print(ctl, "'");
    for (; *text; text++) {
        ctl_print(ctl, *text == '\'' ? "'\\''" : "%c", *text);
    }
    ctl_print(ctl, "'");
}

static void
print_zsh(struct ctl *ctl)
{
    ctl_print(ctl, "#compdef baton\n_baton() {\n    local -a verbs\n    local verb= i\n"
                   "    verbs=(\n");
    for (const struct verb *verb = verbs; verb->name; verb++) {
        ctl_print(ctl, "        ");
        char entry[160];
        snprintf(entry, sizeof entry, "%s:%s", verb->name, verb->help);
        print_quoted(ctl, entry);
        ctl_print(ctl, "\n");
    }
    ctl_print(ctl, "    )\n"
                   "    for ((i = 2; i < CURRENT; i++)); do\n"
                   "        case $words[i] in\n"
                   "        --endpoint|--project|--timeout|--request-id|--actor) ((i++)) ;;\n"
                   "        -*) ;;\n"
                   "        *) verb=$words[i]; break ;;\n"
                   "        esac\n    done\n"
                   "    local -a choices\n    local ids=\n    case $verb in\n"
                   "    '') _describe verb verbs; return ;;\n");
    for (const struct verb *verb = verbs; verb->name; verb++) {
        ctl_print(ctl, "    %s) choices=(", verb->name);
        print_case_words(ctl, verb);
        ctl_print(ctl, ")%s ;;\n",
                  takes_tasks(verb)   ? " ids=1"
                  : takes_files(verb) ? "; _files"
                                      : "");
    }
    ctl_print(ctl, "    esac\n    case $words[CURRENT-1] in\n    --role) choices=(");
    print_roles(ctl);
    ctl_print(ctl, ") ids= ;;\n"
                   "    --priority) choices=(" PRIORITIES ") ids= ;;\n"
                   "    --after|--task|--from|--to|--around) choices=() ids=1 ;;\n"
                   "    esac\n"
                   "    if [[ -n $ids && $PREFIX != -* ]]; then\n"
                   "        choices+=(${(f)\"$(" LIVE_IDS ")\"})\n"
                   "    fi\n"
                   "    compadd -a choices\n}\n"
                   "if [[ $funcstack[1] == _baton ]]; then _baton \"$@\"; "
                   "else compdef _baton baton; fi\n");
}

static const char *fish_verb; /* whose options print_fish_option prints */

static bool
is_one_of(const char *option, int bytes, const char *const *names)
{
    for (; *names; names++) {
        if (strlen(*names) == (size_t)bytes && strncmp(*names, option, (size_t)bytes) == 0) {
            return true;
        }
    }
    return false;
}

static void
print_fish_option(struct ctl *ctl, const char *option, int bytes)
{
    static const char *const tasks[] = {"--after", "--task", "--from", "--to", "--around", NULL};
    ctl_print(ctl, "complete -c baton -f -n '__fish_seen_subcommand_from %s' -l %.*s", fish_verb,
              bytes - 2, option + 2);
    if (is_one_of(option, bytes, tasks)) {
        ctl_print(ctl, " -x -a '(" LIVE_IDS ")'");
    } else if (is_one_of(option, bytes, (const char *const[]){"--role", NULL})) {
        ctl_print(ctl, " -x -a '");
        print_roles(ctl);
        ctl_print(ctl, "'");
    } else if (is_one_of(option, bytes, (const char *const[]){"--priority", NULL})) {
        ctl_print(ctl, " -x -a '" PRIORITIES "'");
    }
    ctl_print(ctl, "\n");
}

static void
print_fish(struct ctl *ctl)
{
    ctl_print(ctl, "# fish completion of baton\ncomplete -c baton -f\n");
    for (const struct verb *verb = verbs; verb->name; verb++) {
        ctl_print(ctl, "complete -c baton -n __fish_use_subcommand -a %s -d ", verb->name);
        print_quoted(ctl, verb->help);
        ctl_print(ctl, "\n");
        fish_verb = verb->name;
        each_option(verb->usage, print_fish_option, ctl);
        if (takes_tasks(verb)) {
            ctl_print(ctl,
                      "complete -c baton -n '__fish_seen_subcommand_from %s' -a "
                      "'(" LIVE_IDS ")'\n",
                      verb->name);
        } else if (takes_files(verb)) {
            ctl_print(ctl, "complete -c baton -F -n '__fish_seen_subcommand_from %s'\n",
                      verb->name);
        }
    }
}

bool
complete_shell_print(struct ctl *ctl, const char *shell)
{
    if (strcmp(shell, "bash") == 0) {
        print_bash(ctl);
    } else if (strcmp(shell, "zsh") == 0) {
        print_zsh(ctl);
    } else if (strcmp(shell, "fish") == 0) {
        print_fish(ctl);
    } else {
        return false;
    }
    return true;
}
