/* Options: the global ones, and getopt_long with errors that say what was meant. */
#include "ctl/options.h"

#include "common/alloc.h"
#include "common/check.h"
#include "common/nearest.h"
#include "common/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTIONS_MAX = 96, /* own and global ones of a verb */
};

const struct option global_options[] = {
    {"endpoint", required_argument, NULL, OPTION_ENDPOINT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"project", required_argument, NULL, OPTION_PROJECT},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"request-id", required_argument, NULL, OPTION_REQUEST_ID},
    {"actor", required_argument, NULL, OPTION_ACTOR},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"no-color", no_argument, NULL, OPTION_NO_COLOR},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

const char global_usage[] =
    "  --endpoint E      the broker, ipc://PATH (BATON_ENDPOINT)\n"
    "  --project P       the project of names without one (BATON_PROJECT, else default)\n"
    "  --json            data as JSON objects, one a line; errors as one object on stderr\n"
    "  --timeout D       longest wait for the broker's answer (10s)\n"
    "  --request-id ID   the same request with the same id happens once\n"
    "  --actor NAME      who asks, for the journal (USER@HOST)\n"
    "  --quiet           no remarks\n"
    "  --no-color        no colours (NO_COLOR)\n";

void
options_print_help(struct ctl *ctl, const struct verb *verb)
{
    const char *rest = usage_synopsis_end(verb->usage);
    int bytes = (int)(rest - verb->usage);
    rest += *rest == '\n';
    size_t rest_bytes = strlen(rest);
    rest_bytes -= rest_bytes && rest[rest_bytes - 1] == '\n';
    ctl_print(ctl, "usage: baton %s%s%.*s\n\n%s\n\n%.*s%sOptions of every verb:\n%s", verb->name,
              bytes ? " " : "", bytes, verb->usage, verb->help, (int)rest_bytes, rest,
              rest_bytes ? "\n\n" : "", global_usage);
}

bool
options_find(const struct verb *verb, const char *word, struct usage_option *ret)
{
    struct span name = {word, strcspn(word, "=")};
    return (verb && usage_find_option(verb->usage, name, ret)) ||
           usage_find_option(global_usage, name, ret);
}

/* Takes one global option. -1: go on, else the status to leave with. */
static int
take_global(struct ctl *ctl, int option, const char *value)
{
    switch (option) {
    case OPTION_ENDPOINT:
        ctl->endpoint = value;
        return -1;
    case OPTION_JSON:
        ctl->json = true;
        return -1;
    case OPTION_PROJECT: {
        struct ctl_ref ref;
        const char *why;
        if (!ctl_ref_parse("x", value, &ref, &why) || !value[0]) {
            return ctl_usage(ctl, "--project %s: %s", value,
                             value[0] ? why : "is empty; leave it out for the default project");
        }
        ctl->project = value;
        ctl->project_given = true;
        return -1;
    }
    case OPTION_TIMEOUT:
        return ctl_take_duration(ctl, "--timeout", value, &ctl->options.timeout_ms) ? -1
                                                                                    : ctl->status;
    case OPTION_REQUEST_ID:
        if (!value[0] || strlen(value) > CLIENT_BYTES_MAX) {
            return ctl_usage(ctl, "--request-id takes 1 to %d bytes", CLIENT_BYTES_MAX);
        }
        ctl->options.client = value;
        return -1;
    case OPTION_ACTOR:
        ctl->options.actor = value;
        return -1;
    case OPTION_QUIET:
        ctl->quiet = true;
        return -1;
    case OPTION_NO_COLOR:
        ctl->color = false;
        return -1;
    default:
        CHECK(!"a global option without a case");
        return CTL_BUG;
    }
}

/* Says what is wrong with the option that getopt_long has just refused. */
static void
refuse(struct ctl *ctl, int refusal, const char *word, const struct option *all)
{
    if (refusal == ':') {
        ctl_usage(ctl, "%s needs a value", word);
        return;
    }
    if (word[0] != '-' || word[1] != '-') {
        ctl_usage(ctl, "there is no option -%c", optopt ? optopt : '?');
        return;
    }
    const char *names[OPTIONS_MAX + 1];
    size_t n = 0;
    for (; all[n].name; n++) {
        names[n] = all[n].name;
    }
    names[n] = NULL;
    char name[40];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            ctl_usage(ctl, "--%s takes no value", name);
            return;
        }
    }
    const char *nearest = nearest_word(name, names);
    ctl_usage(ctl, "there is no option --%s%s%s%s", name, nearest ? "; is --" : "",
              nearest ? nearest : "", nearest ? " meant?" : "");
}

/* One step of getopt_long over `all`; the statuses of take_global and values from own options. */
static int
step(int argc, char **argv, const char *letters, const struct option *all, const char **ret_word)
{
    /* glibc begins anew when optind is 0; the word that it looks at is then the first. */
    int at = optind ? optind : 1;
    opterr = 0;
    int option = getopt_long(argc, argv, letters, all, NULL);
    /* With permutation the refused word is the one before optind. */
    *ret_word = optind > 0 && optind <= argc && optind - 1 >= 1 ? argv[optind - 1] : argv[at];
    return option;
}

/* Help and version end the program from inside of a verb: output is flushed by exit. */
_Noreturn static void
leave(struct ctl *ctl, int option)
{
    if (option == OPTION_VERSION) {
        ctl_print(ctl, "baton %s\n", BATON_SOFTWARE_VERSION);
    } else {
        options_print_help(ctl, ctl->verb);
    }
    exit(ctl_finish(ctl, CTL_YES));
}

/* The verb's own options and the global ones that they do not hide, in one array. */
static void
merge(const struct option *own, struct option *all)
{
    size_t n = 0;
    for (; own && own->name; own++) {
        CHECK(n < OPTIONS_MAX);
        all[n++] = *own;
    }
    size_t n_own = n;
    for (const struct option *global = global_options; global->name; global++) {
        bool hidden = false;
        for (size_t i = 0; i < n_own; i++) {
            hidden = hidden || strcmp(all[i].name, global->name) == 0;
        }
        CHECK(n < OPTIONS_MAX);
        if (!hidden) {
            all[n++] = *global;
        }
    }
}

/* Takes --project and --json ahead of everything else: names that other options hold are of that
 * project, and errors are of that form, wherever it stands. What is wrong is said by the reading
 * proper. */
static void
take_form_first(struct ctl *ctl, int argc, char **argv, const char *letters,
                const struct option *all)
{
    char **copy = xmemdup(argv, ((size_t)argc + 1) * sizeof *argv); /* getopt moves words */
    const char *word;
    optind = 0;
    for (int option; (option = step(argc, copy, letters, all, &word)) != -1;) {
        struct ctl_ref ref;
        const char *why;
        ctl->json |= option == OPTION_JSON;
        if (option == OPTION_PROJECT && optarg[0] && ctl_ref_parse("x", optarg, &ref, &why)) {
            ctl->project = optarg;
            ctl->project_given = true;
        }
    }
    optind = 0;
    free(copy);
}

int
ctl_getopt(struct ctl *ctl, int argc, char **argv, const char *letters, const struct option *own)
{
    struct option all[OPTIONS_MAX + 1] = {0};
    merge(own, all);
    char with_colon[64];
    snprintf(with_colon, sizeof with_colon, ":qh%s", letters);
    if (optind == 0) {
        take_form_first(ctl, argc, argv, with_colon, all);
    }
    for (;;) {
        const char *word;
        int option = step(argc, argv, with_colon, all, &word);
        if (option == -1) {
            return -1;
        }
        if (option == '?' || option == ':') {
            refuse(ctl, option, word, all);
            return '?';
        }
        option = option == 'q' ? OPTION_QUIET : option == 'h' ? OPTION_HELP : option;
        if (option == OPTION_HELP || option == OPTION_VERSION) {
            leave(ctl, option);
        }
        if (option < OPTION_ENDPOINT) {
            return option;
        }
        if (take_global(ctl, option, optarg) != -1) {
            return '?';
        }
    }
}

int
options_take_leading(struct ctl *ctl, int argc, char **argv)
{
    optind = 0;
    for (;;) {
        const char *word;
        int option = step(argc, argv, "+:qhV", global_options, &word);
        switch (option) {
        case -1:
            return -1;
        case '?':
        case ':':
            refuse(ctl, option, word, global_options);
            return ctl->status;
        case 'h':
        case OPTION_HELP:
            return verb_help(ctl, 1, (char *[]){argv[0], NULL});
        case 'V':
        case OPTION_VERSION:
            return verb_version(ctl, 1, (char *[]){argv[0], NULL});
        default: {
            int status = take_global(ctl, option == 'q' ? OPTION_QUIET : option, optarg);
            if (status != -1) {
                return status;
            }
        }
        }
    }
}
