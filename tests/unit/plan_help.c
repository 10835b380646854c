#include "tests/unit/plan_help.h"

#include "common/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct plan *
plan_with(struct plan_options options, const char *name, const char *text)
{
    const char *why = "";
    if (!plan_options_are_valid(&options, &why)) {
        fail_msg("%s", why);
    }
    struct plan *plan = plan_new(&options);
    plan_read_text(plan, name, text, strlen(text));
    plan_finish(plan);
    return plan;
}

struct plan *
plan_of(const char *name, const char *text)
{
    return plan_with((struct plan_options){.now = 1000}, name, text);
}

void
assert_good(const struct plan *plan)
{
    for (size_t i = 0; plan_error(plan, i); i++) {
        print_error("%s\n", plan_error(plan, i));
    }
    assert_int_equal(plan_n_errors(plan), 0);
}

struct plan *
plan_good(const char *name, const char *text)
{
    struct plan *plan = plan_of(name, text);
    assert_good(plan);
    return plan;
}

void
assert_error(const struct plan *plan, const char *wanted)
{
    for (size_t i = 0; plan_error(plan, i); i++) {
        if (strstr(plan_error(plan, i), wanted)) {
            return;
        }
    }
    for (size_t i = 0; plan_error(plan, i); i++) {
        print_error("%s\n", plan_error(plan, i));
    }
    fail_msg("no error says: %s", wanted);
}

void
assert_refused(const char *name, const char *text, const char *wanted)
{
    struct plan *plan = plan_of(name, text);
    assert_error(plan, wanted);
    plan_free(plan);
}

const baton_spec *
spec_of(const struct plan *plan, const char *id)
{
    size_t n;
    baton_spec *const *specs = plan_specs(plan, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(specs[i]->id, id) == 0) {
            return specs[i];
        }
    }
    fail_msg("there is no task %s", id);
    return NULL;
}

bool
waits_for(const struct plan *plan, const char *id, const char *other)
{
    const baton_spec *spec = spec_of(plan, id);
    for (size_t i = 0; i < spec->n_after; i++) {
        if (strcmp(spec->after[i].id, other) == 0) {
            return true;
        }
    }
    return false;
}

const char *
shared_path(const char *name)
{
    static char path[4096];
    const char *folder = getenv("BATON_SHARED");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : BATON_SOURCE_DIR "/../shared", name);
    if (access(path, R_OK) == 0) {
        return path;
    }
    print_message("SKIPPED: %s is not there; set BATON_SHARED to the shared data\n", path);
    return NULL;
}

const char *
data_path(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/tests/data/plan/%s", BATON_SOURCE_DIR, name);
    return path;
}

double
cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

char *
repeat(const char *unit, size_t n)
{
    size_t bytes = strlen(unit);
    char *text = xmalloc(bytes * n + 1);
    for (size_t i = 0; i < n; i++) {
        memcpy(text + i * bytes, unit, bytes);
    }
    text[bytes * n] = 0;
    return text;
}
