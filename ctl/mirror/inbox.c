/* inbox/: handoffs and blockers that people write by hand, as YAML or JSON of a plan file. A file
 * is filed whole, each of its cards once however often this is tried: the request is named after
 * the file's content. */
#include "ctl/mirror/mirror.h"

#include "ctl/plan/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

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

/* Sends the plan's cards through a connection of the file's own name, so that the same file, taken
 * again after a crash, is the same requests. False: refused (*ret_reason) or no broker (not set).
 */
static bool
post_cards(struct mirror *mirror, const struct plan *plan, const struct buf *content,
           char reason[1024])
{
    struct ctl *ctl = mirror->ctl;
    char client[32];
    size_t n;
    const struct plan_card *cards = plan_cards(plan, &n);
    snprintf(client, sizeof client, "inbox-%016" PRIx64,
             XXH3_64bits(content->data, content->bytes));
    struct baton_options options = ctl->options;
    options.client = client;
    baton *connection;
    reason[0] = 0;
    if (baton_open(ctl->endpoint, &options, &connection) != BATON_OK) {
        mirror->status = ctl_fail(ctl, CTL_CONFIG, "bad_argument", NULL, "%s", baton_error(NULL));
        return false;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        struct baton_post post = {.verb = cards[i].verb, .card = cards[i].card};
        baton_posted *posted;
        baton_status answer = baton_post(connection, &post, &posted);
        ok = answer == BATON_OK;
        if (ok) {
            ctl_remark(ctl, "inbox: %s #%" PRIu64, baton_card_kind_name(posted->card.kind),
                       posted->card.number);
            baton_posted_free(posted);
        } else if (answer == BATON_NO_BROKER) {
            mirror->status = ctl_fail(ctl, CTL_BROKER, "no_broker", NULL, "%s",
                                      baton_error(connection));
        } else {
            snprintf(reason, 1024, "%s: %s", cards[i].place, baton_error(connection));
        }
    }
    baton_close(&connection);
    return ok;
}

static bool
read_plan(struct mirror *mirror, const char *name, const struct buf *content,
          struct plan **ret_plan, char reason[1024])
{
    struct plan_options options = {
        .project = mirror->ctl->project, .zone = mirror->zone, .now = ctl_now()};
    struct plan *plan = plan_new(&options);
    plan_read_text(plan, name, (const char *)content->data, content->bytes);
    size_t n_specs = 0, n_cards = 0;
    bool ok = plan_finish(plan);
    if (ok) {
        (void)plan_specs(plan, &n_specs);
        (void)plan_cards(plan, &n_cards);
    }
    reason[0] = 0;
    if (!ok) {
        snprintf(reason, 1024, "%s", plan_error(plan, 0));
    } else if (n_specs > 0 || n_cards == 0) {
        snprintf(reason, 1024,
                 "%s: the inbox takes handoff:, handoffs:, blocker: and blockers:; tasks are added "
                 "by baton apply",
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
    char reason[1024] = "";
    bool ok = folder_read(&mirror->folder, "inbox", name, INBOX_BYTES_MAX, &content);
    if (!ok) {
        snprintf(reason, sizeof reason, "%s", mirror->folder.error);
    } else if (read_plan(mirror, name, &content, &plan, reason)) {
        ok = post_cards(mirror, plan, &content, reason);
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
