#include "ctl/handoff_form.h"

#include "common/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct baton_item *
handoff_form_add(struct handoff_form *form, const char *tag)
{
    form->items = xreallocarray(form->items, form->n_items + 1, sizeof *form->items);
    struct baton_item *item = &form->items[form->n_items++];
    *item = (struct baton_item){.tag = tag};
    return item;
}

int
handoff_form_load(struct handoff_form *form, struct ctl *ctl, char *path)
{
    struct plan_options options = {0};
    int status = plan_form_read(ctl, &options, 1, &path, &form->plan);
    if (status != CTL_YES) {
        return status;
    }
    status = plan_needs_zone(form->plan) ? ctl_connect(ctl) : CTL_YES;
    if (status == CTL_YES) {
        status = plan_form_settle(ctl, form->plan);
    }
    if (status != CTL_YES) {
        return status;
    }
    size_t n_cards, n_specs;
    const struct plan_card *cards = plan_cards(form->plan, &n_cards);
    (void)plan_specs(form->plan, &n_specs);
    if (n_specs || n_cards != 1 || cards[0].card.kind != BATON_CARD_HANDOFF) {
        return ctl_fail(ctl, CTL_DATA, "not_a_handoff", "see `baton help handoff`",
                        "%s: it should have one handoff (\"handoff:\", or a handoff_template "
                        "that is filled in) and nothing else",
                        path);
    }
    const struct baton_card *of = &cards[0].card;
    struct baton_card *card = &form->card;
    card->role = card->role ? card->role : of->role;
    card->to_role = card->to_role ? card->to_role : of->to_role;
    card->text = card->text ? card->text : of->text;
    if (!card->task) {
        card->task = of->task;
    }
    struct baton_item *items = xcalloc(of->n_items + form->n_items + 1, sizeof *items);
    for (size_t i = 0; i < of->n_items; i++) {
        items[i] = of->items[i];
    }
    for (size_t i = 0; i < form->n_items; i++) {
        items[of->n_items + i] = form->items[i];
    }
    free(form->items);
    form->items = items;
    form->n_items += of->n_items;
    return CTL_YES;
}

/* Artifacts that are not here are marked. Paths that lead elsewhere are left to the broker, which
 * refuses them. */
static void
mark_missing(struct handoff_form *form)
{
    for (size_t i = 0; i < form->n_items; i++) {
        struct baton_item *item = &form->items[i];
        bool is_here = strcmp(item->tag, "artifact") != 0 || !item->name || !item->name[0] ||
                       item->name[0] == '/' || access(item->name, F_OK) == 0;
        item->unit = is_here ? NULL : "missing";
    }
}

const struct baton_card *
handoff_form_settle(struct handoff_form *form)
{
    mark_missing(form);
    form->card.items = form->items;
    form->card.n_items = form->n_items;
    return &form->card;
}

void
handoff_form_fini(struct handoff_form *form)
{
    free(form->items);
    if (form->plan) {
        plan_free(form->plan);
    }
}
