/* baton check: is this a plan? Without a broker. */
#include "common/words.h"
#include "ctl/plan_form.h"
#include "ctl/verbs.h"

enum { FORWARD_SHOWN_MAX = 20 };

static const struct option options[] = {PLAN_OPTIONS, {0}};

static void
print_json(struct ctl *ctl, const struct plan *plan)
{
    const struct plan_facts *facts = plan_facts(plan);
    json_t *roles = json_object();
    for (int i = 0; i < ROLES_N; i++) {
        json_object_set_new(roles, role_names[i], json_integer((json_int_t)facts->of_role[i]));
    }
    json_t *forward = json_array();
    for (size_t i = 0; i < facts->n_forward_named; i++) {
        json_array_append_new(forward, ctl_json_text(facts->forward[i]));
    }
    json_t *notes = json_array();
    for (size_t i = 0; plan_note_text(plan, i); i++) {
        json_array_append_new(notes, ctl_json_text(plan_note_text(plan, i)));
    }
    size_t n_cards;
    (void)plan_cards(plan, &n_cards);
    json_t *warnings = json_array();
    for (size_t i = 0; plan_warning(plan, i); i++) {
        json_array_append_new(warnings, ctl_json_text(plan_warning(plan, i)));
    }
    ctl_print_json(ctl,
                   json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:o, s:o, s:o}", "ok", 1,
                             "cards", (json_int_t)n_cards, "tasks", (json_int_t)facts->n_tasks,
                             "milestones", (json_int_t)facts->n_milestones, "edges",
                             (json_int_t)facts->n_edges, "depth", (json_int_t)facts->depth, "roles",
                             roles, "n_forward_refs", (json_int_t)facts->n_forward, "forward_refs",
                             forward, "notes", notes, "warnings", warnings));
}

static void
print_text(struct ctl *ctl, const struct plan *plan)
{
    const struct plan_facts *facts = plan_facts(plan);
    ctl_print(ctl, "ok: %zu task%s, %zu dependenc%s, %zu deep\n", facts->n_tasks,
              facts->n_tasks == 1 ? "" : "s", facts->n_edges, facts->n_edges == 1 ? "y" : "ies",
              facts->depth);
    for (int i = 0; i < ROLES_N; i++) {
        if (facts->of_role[i]) {
            ctl_print(ctl, "  %-12s %zu\n", role_names[i], facts->of_role[i]);
        }
    }
    if (facts->n_milestones) {
        ctl_print(ctl, "  %-12s %zu\n", "milestones", facts->n_milestones);
    }
    size_t n_cards;
    (void)plan_cards(plan, &n_cards);
    if (n_cards) {
        ctl_print(ctl, "  %-12s %zu\n", "cards", n_cards);
    }
    if (facts->n_forward) {
        ctl_print(ctl, "forward references (these tasks wait until the others come): %zu\n",
                  facts->n_forward);
    }
    for (size_t i = 0; i < facts->n_forward_named && i < FORWARD_SHOWN_MAX; i++) {
        ctl_print(ctl, "  ");
        ctl_print_text(ctl, facts->forward[i]);
        ctl_print(ctl, "\n");
    }
    if (facts->n_forward > FORWARD_SHOWN_MAX) {
        ctl_print(ctl, "  and %zu more\n", facts->n_forward - FORWARD_SHOWN_MAX);
    }
}

int
verb_check(struct ctl *ctl, int argc, char **argv)
{
    struct plan_options plan_options = {0};
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (!plan_form_take(&plan_options, option, optarg)) {
            return ctl->status;
        }
    }
    struct plan *plan;
    int status = plan_form_read(ctl, &plan_options, argc - optind, argv + optind, &plan);
    if (status != CTL_YES) {
        return status;
    }
    if (ctl->json) {
        print_json(ctl, plan);
    } else {
        print_text(ctl, plan);
    }
    plan_free(plan);
    return CTL_YES;
}
