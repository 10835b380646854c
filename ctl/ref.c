/* Names of tasks as people write them. Pure. */
#include "ctl/ref.h"

#include "common/gate_name.h"
#include "common/text.h"

#include <stdio.h>
#include <string.h>

static const char *
project_or_default(const char *project)
{
    return project && project[0] ? project : CTL_DEFAULT_PROJECT;
}

static bool
name_take(const char *text, size_t bytes, char *out, size_t room)
{
    if (bytes == 0 || bytes >= room || memchr(text, 0, bytes)) {
        return false;
    }
    memcpy(out, text, bytes);
    out[bytes] = 0;
    return name_is_valid(out, room - 1);
}

bool
ctl_ref_parse(const char *text, const char *project, struct ctl_ref *ret_ref, const char **ret_why)
{
    struct ctl_ref ref;
    const char *parting = strstr(text, "//");
    const char *id = parting ? parting + 2 : text;
    project = project_or_default(project);
    if (parting ? !name_take(text, (size_t)(parting - text), ref.project, sizeof ref.project)
                : !name_take(project, strlen(project), ref.project, sizeof ref.project)) {
        *ret_why =
            "the project is not a name: 1 to 128 bytes of letters, digits and . _ : @ / + ~ -";
        return false;
    }
    if (!name_take(id, strlen(id), ref.id, sizeof ref.id)) {
        *ret_why = "not a task's name: 1 to 128 bytes of letters, digits and . _ : @ / + ~ -, "
                   "written ID or PROJECT//ID";
        return false;
    }
    *ret_ref = ref;
    return true;
}

/* The word behind the last colon of text[0..bytes), copied into `word`; its start, or NULL. */
static const char *
last_word(const char *text, size_t bytes, char *word, size_t room)
{
    const char *colon = memrchr(text, ':', bytes);
    size_t n = colon ? bytes - (size_t)(colon + 1 - text) : 0;
    if (!colon || colon == text || n == 0 || n >= room) {
        return NULL;
    }
    memcpy(word, colon + 1, n);
    word[n] = 0;
    return colon;
}

/* A signal or decision, in its one form: it has neither condition nor policy, and a name of several
 * words. */
static bool
gate_parse(const char *text, const char *project, struct ctl_ref *ret_ref, const char **ret_why)
{
    const char *parting = strstr(text, "//");
    const char *id = parting && gate_name_kind(parting + 2, NULL) ? parting + 2 : text;
    char settled[CTL_REF_ROOM];
    if (strlen(text) >= sizeof settled) {
        *ret_why = "a signal's name has at most 128 bytes";
        return false;
    }
    memcpy(settled, text, strlen(text) + 1);
    gate_name_settle(settled + (id - text));
    return ctl_ref_parse(settled, project, ret_ref, ret_why);
}

bool
ctl_edge_parse(const char *text, const char *project, struct ctl_ref *ret_ref,
               baton_condition *ret_condition, baton_policy *ret_policy, const char **ret_why)
{
    const char *parting = strstr(text, "//");
    if (gate_name_kind(text, NULL) || (parting && gate_name_kind(parting + 2, NULL))) {
        *ret_condition = BATON_ON_SUCCESS;
        *ret_policy = BATON_HOLD;
        return gate_parse(text, project, ret_ref, ret_why);
    }
    size_t bytes = strnlen(text, (size_t)CTL_REF_ROOM + 32);
    int condition = -1;
    int policy = -1;
    char word[16];
    const char *colon = last_word(text, bytes, word, sizeof word);
    if (colon && (policy = baton_policy_of(word)) >= 0) {
        bytes = (size_t)(colon - text);
        colon = last_word(text, bytes, word, sizeof word);
    }
    if (colon && (condition = baton_condition_of(word)) >= 0) {
        bytes = (size_t)(colon - text);
    }
    char name[CTL_REF_ROOM];
    if (bytes >= sizeof name) {
        *ret_why = "a task's name has at most 128 bytes";
        return false;
    }
    memcpy(name, text, bytes);
    name[bytes] = 0;
    if (!ctl_ref_parse(name, project, ret_ref, ret_why)) {
        return false;
    }
    *ret_condition = condition < 0 ? BATON_ON_SUCCESS : (baton_condition)condition;
    *ret_policy = policy < 0 ? BATON_HOLD : (baton_policy)policy;
    return true;
}

const char *
ctl_ref_format(const char *project, const char *id, const char *at_hand, char *out)
{
    if (ctl_project_is(project, at_hand)) {
        snprintf(out, CTL_REF_ROOM, "%s", id);
    } else {
        snprintf(out, CTL_REF_ROOM, "%s//%s", project_or_default(project), id);
    }
    return out;
}

bool
ctl_project_is(const char *a, const char *b)
{
    return strcmp(project_or_default(a), project_or_default(b)) == 0;
}
