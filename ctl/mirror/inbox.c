/* inbox/: handoffs, blockers and what else happens once, written by hand as YAML or JSON of a plan
 * file. A file is filed whole, each of its cards once however often this is tried. */
#include "ctl/mirror/mirror.h"

#include "ctl/once.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { INBOX_BYTES_MAX = 1024 * 1024 };

/* Beside a refused file: why. */
static void
write_reason(struct mirror *mirror, const char *name, const char *reason)
{
    struct buf text = {0};
    char file[256], conflict[FOLDER_PATH_BYTES_MAX];
    snprintf(file, sizeof file, "%.200s.reason.txt", name);
    buf_printf(&text, "%s\n", reason);
    (void)folder_write(&mirror->folder, "inbox/refused", file, &text, ctl_now(), conflict);
    buf_fini(&text);
}

/* False: refused (reason says why) or no broker (it is empty). */
static bool
post_cards(struct mirror *mirror, const struct plan *plan, char reason[ONCE_REASON_BYTES])
{
    size_t n;
    const struct plan_card *cards = plan_cards(plan, &n);
    for (size_t i = 0; i < n; i++) {
        baton_posted *posted;
        enum once_result result = post_once(mirror->ctl, &cards[i], reason, &posted);
        if (result == ONCE_REFUSED || result == ONCE_NO_BROKER) {
            mirror->status = result == ONCE_NO_BROKER ? mirror->ctl->status : mirror->status;
            return false;
        }
        if (posted) {
            ctl_remark(mirror->ctl, "inbox: %s #%" PRIu64, baton_card_kind_name(posted->card.kind),
                       posted->card.number);
            baton_posted_free(posted);
        }
    }
    return true;
}

static bool
read_plan(struct mirror *mirror, const char *name, const struct buf *content,
          struct plan **ret_plan, char reason[ONCE_REASON_BYTES])
{
    struct plan_options options = {
        .project = mirror->ctl->project, .zone = mirror->zone, .now = ctl_now()};
    struct plan *plan = plan_new(&options);
    plan_read_text(plan, name, (const char *)content->data, content->bytes);
    size_t n_specs = 0, n_cards = 0, n_rules = 0;
    const struct plan_card *cards = NULL;
    bool ok = plan_finish(plan);
    if (ok) {
        (void)plan_specs(plan, &n_specs);
        cards = plan_cards(plan, &n_cards);
    }
    for (size_t i = 0; i < n_cards; i++) {
        n_rules += cards[i].verb == BATON_CARD_SET;
    }
    reason[0] = 0;
    if (!ok) {
        snprintf(reason, ONCE_REASON_BYTES, "%s", plan_error(plan, 0));
    } else if (n_specs > 0 || n_rules > 0 || n_cards == 0) {
        snprintf(reason, ONCE_REASON_BYTES,
                 "%s: the inbox takes handoff(s):, blocker(s):, decision(s):, incident(s): and "
                 "signal(s):; tasks and rules are set by baton apply",
                 name);
    }
    *ret_plan = plan;
    return reason[0] == 0;
}

/* False: the broker or the disk failed; the file stays. */
static bool
take_file(struct mirror *mirror, const char *name)
{
    struct buf content = {0};
    struct plan *plan = NULL;
    char reason[ONCE_REASON_BYTES] = "";
    bool ok = folder_read(&mirror->folder, "inbox", name, INBOX_BYTES_MAX, &content);
    if (!ok) {
        snprintf(reason, sizeof reason, "%s", mirror->folder.error);
    } else if (read_plan(mirror, name, &content, &plan, reason)) {
        ok = post_cards(mirror, plan, reason);
    }
    if (plan) {
        plan_free(plan);
    }
    buf_fini(&content);
    if (!ok && !reason[0]) {
        return false;
    }
    if (reason[0]) {
        ctl_remark(mirror->ctl, "inbox/%s is refused: %s", name, reason);
        write_reason(mirror, name, reason);
    }
    if (!folder_move_inbox(&mirror->folder, name, reason[0] ? "refused" : "done", ctl_now())) {
        mirror->status = ctl_fail(mirror->ctl, CTL_CREATE, "cannot_write", NULL, "%s",
                                  mirror->folder.error);
        return false;
    }
    return true;
}

static bool
is_ours(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot &&
           (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0);
}

bool
mirror_take_inbox(struct mirror *mirror)
{
    char **names;
    size_t n;
    if (!folder_list(&mirror->folder, "inbox", &names, &n)) {
        mirror->status = ctl_fail(mirror->ctl, CTL_CREATE, "cannot_write", NULL, "%s",
                                  mirror->folder.error);
        return false;
    }
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        ok = ok && (!is_ours(names[i]) || take_file(mirror, names[i]));
        free(names[i]);
    }
    free(names);
    return ok;
}
