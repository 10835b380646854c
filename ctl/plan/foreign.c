/* What the formats of others have in common: names and references that are not quite ours. */
#include "common/alloc.h"
#include "common/limits.h"
#include "common/text.h"
#include "ctl/plan/inner.h"

#include <stdlib.h>
#include <string.h>

const char *
foreign_id(struct plan *plan, const char *id)
{
    if (name_is_valid(id, ID_BYTES_MAX)) {
        return id;
    }
    size_t bytes = strlen(id);
    if (bytes > ID_BYTES_MAX) {
        return NULL;
    }
    char *made = arena_alloc(&plan->arena, bytes + 1);
    size_t n = 0;
    for (const char *p = id; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool ours = c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    (c >= '0' && c <= '9') || strchr("._:@/+~-", c);
        if (ours) {
            made[n++] = (char)c;
        } else if (c < ' ' || c == 0x7f) {
            return NULL; /* not a slip of taste but an attack or an accident */
        } else if (n && made[n - 1] != '-') {
            made[n++] = '-';
        }
    }
    while (n && made[n - 1] == '-') {
        n--;
    }
    made[n] = 0;
    return name_is_valid(made, ID_BYTES_MAX) ? made : NULL;
}

const char *
foreign_title(struct plan *plan, const char *title)
{
    if (prose_is_valid(title, TITLE_BYTES_MAX)) {
        return title;
    }
    size_t bytes = MIN(strlen(title), (size_t)TITLE_BYTES_MAX);
    while (bytes && ((unsigned char)title[bytes] & 0xc0) == 0x80) {
        bytes--;
    }
    char *made = arena_memdup(&plan->arena, title, bytes + 1);
    made[bytes] = 0;
    for (char *p = made; *p; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f) {
            *p = ' ';
        }
    }
    return prose_is_valid(made, TITLE_BYTES_MAX) ? made : NULL;
}

enum dangling
foreign_dangling(const struct plan *plan, enum dangling otherwise)
{
    const char *policy = plan->options.dangling;
    if (!policy) {
        return otherwise;
    }
    return strcmp(policy, "wait") == 0   ? DANGLING_WAIT
           : strcmp(policy, "drop") == 0 ? DANGLING_DROP
                                         : DANGLING_ERROR;
}

void
foreign_settle(struct plan *plan, const struct source *source, size_t first, enum dangling policy)
{
    if (policy == DANGLING_WAIT || first == plan->n_drafts) {
        return;
    }
    if (plan->n_unsettled == plan->room_unsettled) {
        plan->room_unsettled = plan->room_unsettled ? plan->room_unsettled * 2 : 8;
        plan->unsettled = xreallocarray(plan->unsettled, plan->room_unsettled,
                                        sizeof *plan->unsettled);
    }
    plan->unsettled[plan->n_unsettled++] = (struct unsettled){
        .at = source->at, .first = first, .end = plan->n_drafts, .policy = (int)policy};
}

/* Drops or refuses the edges of one task that lead nowhere; returns how many were dropped. */
static size_t
settle_draft(struct plan *plan, const struct unsettled *of, struct draft *draft)
{
    size_t kept = 0, n = MIN(draft->n_after, (size_t)EDGES_MAX);
    for (size_t i = 0; i < n; i++) {
        if (draft_find(plan, draft->spec->project, draft->after[i].id) < 0) {
            if (of->policy == DANGLING_DROP) {
                continue;
            }
            plan_fail(plan, (struct place){draft->at.file, draft->after_lines[i]},
                      "%s depends on %s, which is nowhere; add it, or give --dangling drop or wait",
                      quote(plan, draft->spec->id), quote(plan, draft->after[i].id));
        }
        draft->after[kept] = draft->after[i];
        draft->after_lines[kept++] = draft->after_lines[i];
    }
    draft->n_after = kept;
    return n - kept;
}

void
foreign_finish(struct plan *plan)
{
    for (size_t i = 0; i < plan->n_unsettled; i++) {
        const struct unsettled *of = &plan->unsettled[i];
        size_t dropped = 0;
        for (size_t j = of->first; j < of->end; j++) {
            dropped += settle_draft(plan, of, &plan->drafts[j]);
        }
        if (dropped) {
            plan_warn(plan, of->at,
                      "%zu dependencies on tasks that are not in the plan are dropped (--dangling "
                      "wait or error does otherwise)",
                      dropped);
        }
    }
}
