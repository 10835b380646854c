/* baton help, version, completion: about the command itself. */
#include "ctl/complete.h"
#include "ctl/complete_shell.h"
#include "ctl/options.h"
#include "ctl/verbs.h"

#include <string.h>

static void
print_overview(struct ctl *ctl)
{
    ctl_print(ctl, "usage: baton [OPTION…] VERB [ARGUMENT…]\n");
    const char *group = "";
    for (const struct verb *verb = verbs; verb->name; verb++) {
        if (strcmp(verb->group, group) != 0) {
            group = verb->group;
            ctl_print(ctl, "\n%s:\n", group);
        }
        ctl_print(ctl, "  %-11s %s\n", verb->name, verb->help);
    }
    ctl_print(ctl,
              "\nOptions of every verb:\n%s\n"
              "A task is ID (in --project) or PROJECT//ID. `baton help VERB` says more, baton(1)\n"
              "all. Status: 0 yes, 1 no, 64 usage, 65 bad input, 69 no broker, 75 try later,\n"
              "77 denied, 78 configuration.\n",
              global_usage);
}

static void
print_json(struct ctl *ctl)
{
    for (const struct verb *verb = verbs; verb->name; verb++) {
        json_t *object = json_object();
        json_object_set_new(object, "verb", json_string(verb->name));
        json_object_set_new(object, "group", json_string(verb->group));
        json_object_set_new(object, "help", json_string(verb->help));
        json_object_set_new(object, "usage", ctl_json_text(verb->usage));
        ctl_print_json(ctl, object);
    }
}

int
verb_help(struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    if (argc > 1 && ctl_getopt(ctl, argc, argv, "", options) != -1) {
        return ctl->status;
    }
    if (argc <= 1 || optind >= argc) {
        if (ctl->json) {
            print_json(ctl);
        } else {
            print_overview(ctl);
        }
        return CTL_YES;
    }
    const struct verb *verb = verb_find(argv[optind]);
    if (argc - optind > 1) {
        return ctl_usage(ctl, "one verb at a time");
    }
    if (!verb) {
        const struct verb *nearest = verb_nearest(argv[optind]);
        return ctl_fail(ctl, CTL_USAGE, "usage", "`baton help` lists them",
                        "there is no verb %.80s%s%s%s", argv[optind], nearest ? "; is " : "",
                        nearest ? nearest->name : "", nearest ? " meant?" : "");
    }
    options_print_help(ctl, verb);
    return CTL_YES;
}

int
verb_version(struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    if (argc > 1 && ctl_getopt(ctl, argc, argv, "", options) != -1) {
        return ctl->status;
    }
    if (argc > 1 && optind < argc) {
        return ctl_usage(ctl, "%s was not expected", argv[optind]);
    }
    if (ctl->json) {
        json_t *object = json_object();
        json_object_set_new(object, "version", json_string(BATON_SOFTWARE_VERSION));
        json_object_set_new(object, "library", ctl_json_text(baton_version()));
        ctl_print_json(ctl, object);
    } else {
        ctl_print(ctl, "baton %s\n", BATON_SOFTWARE_VERSION);
    }
    return CTL_YES;
}

int
verb_completion(struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    if (argc > 1 && strcmp(argv[1], "words") == 0) {
        return complete_words(ctl, argc - 2,
                              (const char *const *)argv + 2); /* none of those options is ours */
    }
    if (ctl_getopt(ctl, argc, argv, "", options) != -1) {
        return ctl->status;
    }
    if (argc - optind != 1 || !complete_shell_print(ctl, argv[optind])) {
        return ctl_usage(ctl, "for which shell? bash, zsh or fish");
    }
    return CTL_YES;
}
