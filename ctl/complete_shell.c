/* Completion scripts: each hands the line to `baton completion words` and offers what it says. */
#include "ctl/complete_shell.h"

#include <string.h>

/* readline takes what stands behind a ':' or '=' for a word of its own, so only that is offered.
 * What is offered is quoted: nothing in a name is the shell's. */
static const char bash_script[] =
    "# bash completion of baton: what may stand there is asked of baton itself.\n"
    "_baton() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} cut= word quoted\n"
    "    local -a words found\n"
    "    read -ra words <<<\"$line\"\n"
    "    [[ $line == *[[:space:]] ]] && words+=('')\n"
    "    mapfile -t found < <(baton completion words \"${words[@]:1}\" 2>/dev/null)\n"
    "    COMPREPLY=()\n"
    "    if [[ ${found[0]-} == $'\\tfiles' ]]; then\n"
    "        compopt -o default\n"
    "        return\n"
    "    fi\n"
    "    word=${words[-1]}\n"
    "    [[ $COMP_WORDBREAKS == *:* ]] && cut=${word%\"${word##*[:=]}\"}\n"
    "    for word in \"${found[@]}\"; do\n"
    "        word=${word%%$'\\t'*}\n"
    "        printf -v quoted %q \"${word#\"$cut\"}\"\n"
    "        COMPREPLY+=(\"$quoted\")\n"
    "    done\n"
    "}\n"
    "complete -F _baton baton\n";

static const char zsh_script[] =
    "#compdef baton\n"
    "# What may stand there is asked of baton itself.\n"
    "_baton() {\n"
    "    local -a before found\n"
    "    before=(\"${(@Q)words[2,CURRENT-1]}\")\n"
    "    found=(${(f)\"$(baton completion words \"${before[@]}\" \"${(Q)PREFIX}\" "
    "2>/dev/null)\"})\n"
    "    if [[ $found[1] == $'\\tfiles' ]]; then\n"
    "        _files\n"
    "        return\n"
    "    fi\n"
    "    found=(${found//:/\\\\:})\n"
    "    found=(${found/$'\\t'/:})\n"
    "    _describe baton found\n"
    "}\n"
    "if [[ $funcstack[1] == _baton ]]; then _baton \"$@\"; else compdef _baton baton; fi\n";

static const char fish_script[] =
    "# fish completion of baton: what may stand there is asked of baton itself.\n"
    "function __baton_words\n"
    "    set -l words (commandline -opc)\n"
    "    set -l begun (commandline -ct)\n"
    "    set -l found (baton completion words $words[2..] \"$begun\" 2>/dev/null)\n"
    "    if test \"$found[1]\" = \\tfiles\n"
    "        __fish_complete_path \"$begun\"\n"
    "    else if set -q found[1]\n"
    "        printf '%s\\n' $found\n"
    "    end\n"
    "end\n"
    "complete -c baton -f -a '(__baton_words)'\n";

bool
complete_shell_print(struct ctl *ctl, const char *shell)
{
    static const struct {
        const char *name;
        const char *script;
    } shells[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        if (strcmp(shells[i].name, shell) == 0) {
            ctl_print(ctl, "%s", shells[i].script);
            return true;
        }
    }
    return false;
}
