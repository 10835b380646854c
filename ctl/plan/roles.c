/* The role of tasks whose file names none. */
#include "common/alloc.h"
#include "common/words.h"
#include "ctl/plan/inner.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* One line: PATTERN ROLE, or a comment, or nothing. `line` is cut up. */
static void
rule_read(struct plan *plan, struct place at, char *line)
{
    char *rest = line;
    const char *pattern = strsep(&rest, " \t");
    if (!*pattern || *pattern == '#') {
        return;
    }
    const char *name = rest ? rest + strspn(rest, " \t") : "";
    int role = role_number_loose(name);
    if (role < 0) {
        plan_fail(plan, at, "%s is not a role; a line is PATTERN ROLE, such as 'ui-* frontend'%s",
                  quote(plan, name), did_you_mean(plan, name, role_names));
        return;
    }
    if (plan->n_rules == PLAN_ROLE_RULES_MAX) {
        return;
    }
    plan->rules[plan->n_rules++] = (struct role_rule){pattern, role_names[role]};
}

bool
role_map_read(struct plan *plan, const char *path)
{
    struct source source;
    if (!source_read(plan, path, &source) || !source_check(plan, &source, PLAN_LINE_BYTES_MAX)) {
        return false;
    }
    plan->rules = xcalloc(PLAN_ROLE_RULES_MAX, sizeof *plan->rules);
    char *rest = arena_memdup(&plan->arena, source.text, source.bytes + 1);
    struct place at = {source.at.file, 1};
    for (char *line; (line = strsep(&rest, "\n")); at.line++) {
        line += strspn(line, " \t");
        size_t n = strlen(line);
        while (n && strchr(" \t\r", line[n - 1])) {
            line[--n] = 0;
        }
        rule_read(plan, at, line);
    }
    if (plan->n_rules == PLAN_ROLE_RULES_MAX) {
        plan_fail(plan, source.at, "%d rules or more; use patterns", PLAN_ROLE_RULES_MAX);
        return false;
    }
    return true;
}

const char *
role_by_policy(const struct plan *plan, const char *id)
{
    for (size_t i = 0; i < plan->n_rules; i++) {
        if (fnmatch(plan->rules[i].pattern, id, 0) == 0) {
            return plan->rules[i].role;
        }
    }
    const char *role = plan->options.role;
    if (!role) {
        return NULL;
    }
    if (strcmp(role, "spread") == 0) {
        /* Stable: the same id has the same role for ever and everywhere. */
        return role_names[XXH64(id, strlen(id), 0) % ROLES_N];
    }
    return role_names[role_number_loose(role)];
}
