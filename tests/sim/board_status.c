/* Steps on what roles say that they do: docs/coordination.md, "Status". */
#include "sim.h"

#include "common/limits.h"

#include <string.h>

#define STATE(name) BATON__CARD_STATE__CARD_##name

static struct m_card *
find(struct model *m, int project, int role)
{
    for (int i = 0; i < m->n_cards; i++) {
        struct m_card *card = &m->cards[i];
        if (card->kind == BATON__CARD_KIND__CARD_STATUS && card->project == project &&
            card->name == role) {
            return card;
        }
    }
    return NULL;
}

/* A running task of a role that has promised to speak does so. False: there is none. */
static bool
speak(struct world *w)
{
    struct model *m = w->m;
    for (int i = 0; i < m->n_cards; i++) {
        const struct m_card *of = &m->cards[i];
        bool waits = of->kind == BATON__CARD_KIND__CARD_STATUS &&
                     (of->rings_at || of->state == STATE(STALE));
        for (int n = 0; waits && n < m->n_leases; n++) {
            const struct m_lease *lease = &m->leases[m->n_leases - 1 - n];
            const struct m_task *task = &m->task[lease->task];
            if (lease->end == END_LIVE && m->state[lease->task] == RUNNING &&
                !check_in_flux(w, lease->task) && task->project == of->project &&
                task->spec.role == of->name) {
                struct m_report said = {.token = lease->token, .worker = -1, .what = R_PROGRESS};
                said.next_update_at = pick(w, 2) ? m->now + (int64_t)pick(w, 100000) : 0;
                report_it(w, &said, false);
                return true;
            }
        }
    }
    return false;
}

void
step_status(struct world *w)
{
    struct model *m = w->m;
    if (pick(w, 2) && speak(w)) {
        return;
    }
    Baton__Card card = BATON__CARD__INIT;
    Baton__Post message = BATON__POST__INIT;
    Baton__Posted ret;
    struct m_card made = {.kind = BATON__CARD_KIND__CARD_STATUS,
                          .state = STATE(IN_FORCE),
                          .project = (int8_t)pick(w, (uint64_t)w->rates.projects),
                          .name = (int8_t)pick(w, M_ROLES),
                          .role = -1,
                          .task = -1};
    uint64_t ignored;
    int busy = pick(w, 3) ? board_pick_holder(w, &ignored) : -1;
    if (busy >= 0) { /* where somebody may speak in time */
        made.project = m->task[busy].project;
        made.name = m->task[busy].spec.role;
    }
    struct m_card *known = find(m, made.project, made.name);
    bool removes = known && pick(w, 8) == 0;
    if (!known && !board_make_room(m)) {
        return;
    }
    int holder = pick(w, 3) == 0 ? board_pick_holder(w, &message.token) : -1;
    message.verb = removes ? BATON__CARD_VERB__CARD_REMOVE : BATON__CARD_VERB__CARD_SET;
    message.card = &card;
    card.kind = BATON__CARD_KIND__CARD_STATUS;
    card.project = arena_strdup(&w->arena, sim_projects[made.project]);
    card.name = arena_strdup(&w->arena, role_names[made.name]);
    card.title = arena_strdup(&w->arena, pick(w, 15) ? "looking" : "");
    card.due_at = pick(w, 2) ? m->now + 1 + (int64_t)pick(w, pick(w, 2) ? 400000 : 4000) : 0;
    card.due_at = pick(w, 20) ? card.due_at : m->now;
    bool may = removes || holder < 0 || m->task[holder].spec.role == made.name;
    bool fine = removes || (card.title[0] && (!card.due_at || card.due_at > m->now));
    codes expected = !may ? CODE(DENIED) : fine ? CODE(OK) : CODE(INVALID);
    if (board_post(w, &message, &ret, expected) != BATON__CODE__CODE_OK) {
        return;
    }
    made.number = ret.card->number;
    made.rings_at = card.due_at;
    made.created_at = m->now;
    if (removes) {
        *known = m->cards[--m->n_cards];
    } else if (known) {
        *known = made;
    } else {
        m->cards[m->n_cards++] = made;
    }
}

/* The latest word of a task of the role that is in progress, 0: none; and when it speaks next. */
static int64_t
heard(const struct model *m, const struct m_card *of, int64_t *ret_again)
{
    int64_t latest = 0;
    int by = -1;
    for (int t = 0; t < m->n_tasks; t++) {
        const struct m_task *task = &m->task[t];
        bool counts = (m->seen[t] == LEASED || m->seen[t] == RUNNING || m->seen[t] == CANCELLING) &&
                      task->project == of->project && task->spec.role == of->name;
        int64_t at = MAX(task->said_at, m->seen[t] == RUNNING ? task->begun_at : 0);
        bool later = at != latest || by < 0 ? at > latest || by < 0 : m->key[t] < m->key[by];
        by = counts && later ? t : by;
        latest = counts ? MAX(latest, at) : latest;
    }
    *ret_again = by >= 0 ? m->task[by].next_update_at : 0;
    return latest;
}

void
status_take_event(struct world *w, const Baton__Event *e, struct m_card *of)
{
    struct model *m = w->m;
    if (e->text[0] && !of->owed) {
        return; /* a verb: its step compares */
    }
    bool stale = e->card->state == STATE(STALE);
    int64_t again, said = heard(m, of, &again);
    if (e->text[0]) {
        if (stale) {
            sim_fail(w, "status %llu was told anew, and is stale", (unsigned long long)of->number);
        }
        of->owed = false;
        of->rung = 0;
    } else if (!of->rings_at || of->rings_at > m->now || of->state != STATE(IN_FORCE)) {
        sim_fail(w, "the clock of status %llu rang, and it was not due",
                 (unsigned long long)of->number);
    } else if (stale == (said > of->created_at)) {
        sim_fail(w, "status %llu is %s, last heard %lld ms after its own word",
                 (unsigned long long)of->number, stale ? "stale" : "fresh",
                 (long long)(said - of->created_at));
    } else if (e->card->rings_at != (!stale && again > m->now ? again : 0)) {
        sim_fail(w, "status %llu rings next at %lld, and its task speaks at %lld",
                 (unsigned long long)of->number, (long long)e->card->rings_at, (long long)again);
    }
    if (e->card->rings_at && (stale || e->card->rings_at <= m->now)) {
        sim_fail(w, "status %llu rings again at once", (unsigned long long)of->number);
    }
    of->state = (uint8_t)e->card->state;
    of->rings_at = e->card->rings_at;
    of->created_at = m->now;
}

void
status_hears(struct world *w, int t, const Baton__Event *e)
{
    struct model *m = w->m;
    struct m_task *task = &m->task[t];
    bool begins = e->kind == BATON__EVENT__KIND__TASK && (int)e->from == LEASED &&
                  (int)e->to == RUNNING;
    if (e->kind == BATON__EVENT__KIND__TASK && (int)e->to == LEASED) {
        task->said_at = task->begun_at = 0;
    }
    if (!begins && e->kind != BATON__EVENT__KIND__PROGRESS) {
        return;
    }
    *(begins ? &task->begun_at : &task->said_at) = e->at;
    struct m_card *of = find(m, task->project, task->spec.role);
    if (of && of->state == STATE(STALE)) {
        of->owed = true;
    }
}
