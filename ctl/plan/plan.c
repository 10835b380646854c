/* The plan reader's outside: options, files, and what came of them. */
#include "ctl/plan/plan.h"

#include "common/alloc.h"
#include "common/limits.h"
#include "common/text.h"
#include "common/units.h"
#include "common/words.h"
#include "ctl/plan/index.h"
#include "ctl/plan/inner.h"

#include <stdlib.h>
#include <string.h>

bool
plan_options_are_valid(const struct plan_options *options, const char **ret_why)
{
    static const char *const dangling[] = {"wait", "drop", "error"};
    bool policy = !options->dangling;
    for (size_t i = 0; i < ARRAY_LEN(dangling) && !policy; i++) {
        policy = strcmp(options->dangling, dangling[i]) == 0;
    }
    if (!policy) {
        *ret_why = "--dangling is wait, drop or error";
    } else if (options->format && format_of_name(options->format) == FORMAT_UNKNOWN) {
        *ret_why = "--format is baton, wfformat, beads, edges, jobs, groups or lines";
    } else if (options->role && strcmp(options->role, "spread") != 0 &&
               role_number_loose(options->role) < 0) {
        *ret_why = "--role is infra, backend, frontend, realtime, integration, testing or spread";
    } else if (options->project && !name_is_valid(options->project, NAME_BYTES_MAX)) {
        *ret_why = "--project is no name: letters, digits and . _ : @ / + ~ - make one";
    } else if (!zone_is_known(options->zone)) {
        *ret_why = "--zone: this machine does not know it; write one such as Europe/Berlin";
    } else {
        return true;
    }
    return false;
}

struct plan *
plan_new(const struct plan_options *options)
{
    struct plan *plan = xcalloc(1, sizeof *plan);
    arena_init(&plan->arena);
    plan->options = *options;
    plan->index = index_new();
    if (options->role_map) {
        role_map_read(plan, options->role_map);
    }
    return plan;
}

void
plan_free(struct plan *plan)
{
    if (!plan) {
        return;
    }
    for (size_t i = 0; i < plan->n_drafts; i++) {
        baton_spec_free(plan->drafts[i].spec);
    }
    for (size_t i = 0; i < plan->n_recurring; i++) {
        baton_spec_free(plan->recurring[i]);
    }
    free(plan->recurring);
    free(plan->drafts);
    free(plan->specs);
    free(plan->limits);
    free(plan->resources);
    free(plan->rules);
    free(plan->unsettled);
    free(plan->zoneless);
    free(plan->cards);
    free(plan->card_times);
    free(plan->closes);
    index_free(plan->index);
    arena_fini(&plan->arena);
    free(plan);
}

static void
read_tree(struct plan *plan, struct source *source, const struct node *root, enum format format)
{
    if (format == FORMAT_JSON) {
        format = format_of_json(root);
    }
    if (format == FORMAT_WFFORMAT) {
        wfformat_read(plan, source, root);
    } else if (format == FORMAT_GROUPS) {
        groups_read(plan, source, root);
    } else if (format == FORMAT_JOBS) {
        jobs_read(plan, source, root);
    } else if (format == FORMAT_BEADS) {
        lines_read(plan, source);
    } else {
        document_read(plan, source, root);
    }
}

static void
read_source(struct plan *plan, struct source *source)
{
    CHECK(!plan->finished);
    enum format format = plan->options.format
                             ? format_of_name(plan->options.format)
                             : format_guess(source->at.file, source->text, source->bytes);
    if (format == FORMAT_YAML) {
        yaml_read(plan, source, document_read);
        return;
    }
    if (!source_check(plan, source, PLAN_DATA_BYTES_MAX)) {
        return;
    }
    if (format == FORMAT_BEADS || format == FORMAT_LINES) {
        lines_read(plan, source);
    } else if (format == FORMAT_EDGES) {
        edges_read(plan, source);
    } else {
        const struct node *root = json_read(plan, source, source->text, source->bytes, 1);
        if (root) {
            read_tree(plan, source, root, format);
        }
    }
}

void
plan_read_file(struct plan *plan, const char *path)
{
    struct source source;
    if (source_read(plan, path, &source)) {
        read_source(plan, &source);
    }
}

void
plan_read_text(struct plan *plan, const char *name, const char *text, size_t bytes)
{
    char *copy = arena_alloc(&plan->arena, bytes + 1);
    memcpy(copy, text, bytes);
    copy[bytes] = 0;
    struct source source = {
        .at.file = arena_strdup(&plan->arena, name), .text = copy, .bytes = bytes};
    read_source(plan, &source);
}

/* A claim that is larger than the capacity that the plan itself gives can never be met. */
static void
check_claims(struct plan *plan)
{
    struct index *names = index_new();
    for (size_t i = 0; i < plan->n_limits; i++) {
        index_add(names, "", plan->limits[i].resource.name);
    }
    for (size_t i = 0; i < plan->n_drafts; i++) {
        const struct draft *draft = &plan->drafts[i];
        for (size_t j = 0; j < draft->spec->n_claims; j++) {
            const struct baton_claim *claim = &draft->spec->claims[j];
            ptrdiff_t n = index_find(names, "", claim->name);
            if (n >= 0 && claim->amount > plan->limits[n].resource.capacity) {
                plan_fail(plan, draft->at,
                          "%s claims %u of resource %s, which has %u; lower the claim or raise the "
                          "capacity",
                          quote(plan, draft->spec->id), claim->amount, quote(plan, claim->name),
                          plan->limits[n].resource.capacity);
            }
        }
    }
    index_free(names);
}

static void
fill_results(struct plan *plan)
{
    plan->specs = xcalloc(plan->n_drafts + 1, sizeof(baton_spec *));
    for (size_t i = 0; i < plan->n_drafts; i++) {
        struct draft *draft = &plan->drafts[i];
        draft->spec->after = draft->after;
        draft->spec->n_after = draft->n_after;
        plan->specs[i] = draft->spec;
        if (draft->spec->milestone) {
            plan->facts.n_milestones++;
        }
        int role = draft->spec->role ? role_number(draft->spec->role) : -1;
        if (role >= 0) {
            plan->facts.of_role[role]++;
        }
    }
    plan->facts.n_tasks = plan->n_drafts;
    plan->resources = xcalloc(plan->n_limits + 1, sizeof *plan->resources);
    for (size_t i = 0; i < plan->n_limits; i++) {
        plan->resources[i] = plan->limits[i].resource;
    }
}

bool
plan_finish(struct plan *plan)
{
    CHECK(!plan->finished);
    plan->finished = true;
    foreign_finish(plan);
    graph_check(plan);
    check_claims(plan);
    fill_results(plan);
    return plan->errors.n == 0;
}

bool
plan_needs_zone(const struct plan *plan)
{
    return plan->n_zoneless > 0;
}

bool
plan_set_zone(struct plan *plan, const char *zone)
{
    for (size_t i = 0; i < plan->n_zoneless; i++) {
        const struct zoneless *time = &plan->zoneless[i];
        if (!time_parse(time->text, zone, plan->options.now, time->ret_ms)) {
            plan_fail(plan, time->at, "there is no time %s in the zone %s; write it with an offset",
                      quote(plan, time->text), quote(plan, zone));
        }
    }
    plan->n_zoneless = 0;
    cards_settle_times(plan);
    return plan->errors.n == 0;
}

baton_spec *const *
plan_specs(const struct plan *plan, size_t *ret_n)
{
    *ret_n = plan->n_drafts;
    return plan->specs;
}

const struct baton_resource *
plan_resources(const struct plan *plan, size_t *ret_n)
{
    *ret_n = plan->n_limits;
    return plan->resources;
}

const char *const *
plan_closes(const struct plan *plan, size_t *ret_n)
{
    *ret_n = plan->n_closes;
    return plan->closes;
}

const char *
plan_source_of(struct plan *plan, size_t n)
{
    CHECK(n < plan->n_drafts);
    return arena_printf(&plan->arena, "%s:%u", plan->drafts[n].at.file, plan->drafts[n].at.line);
}

size_t
plan_n_errors(const struct plan *plan)
{
    return plan->errors.n;
}

size_t
plan_n_warnings(const struct plan *plan)
{
    return plan->warnings.n;
}

const char *
plan_error(const struct plan *plan, size_t n)
{
    return n < MIN(plan->errors.n, (size_t)PLAN_ERRORS_KEPT) ? plan->errors.kept[n] : NULL;
}

const char *
plan_note_text(const struct plan *plan, size_t n)
{
    return n < MIN(plan->notes.n, (size_t)PLAN_WARNINGS_KEPT) ? plan->notes.kept[n] : NULL;
}

const char *
plan_warning(const struct plan *plan, size_t n)
{
    return n < MIN(plan->warnings.n, (size_t)PLAN_WARNINGS_KEPT) ? plan->warnings.kept[n] : NULL;
}

const struct plan_facts *
plan_facts(const struct plan *plan)
{
    return &plan->facts;
}
