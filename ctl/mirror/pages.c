#include "ctl/mirror/pages.h"

#include "common/check.h"
#include "common/text.h"
#include "common/units.h"

#include <stdio.h>
#include <string.h>

const char *
page_agent(const char *role)
{
    static const struct {
        const char *role;
        const char *agent;
    } agents[] = {
        {"infra", "Infrastructure Agent"},    {"backend", "Backend Agent"},
        {"frontend", "Frontend Agent"},       {"realtime", "Real-time Agent"},
        {"integration", "Integration Agent"}, {"testing", "Testing Agent"},
    };
    for (size_t i = 0; i < ARRAY_LEN(agents); i++) {
        if (strcmp(agents[i].role, role) == 0) {
            return agents[i].agent;
        }
    }
    return role;
}

/* ---- text ---- */

static void
add_plain(struct buf *page, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '<') {
            buf_add_text(page, "&lt;");
        } else if (*c == '&') {
            buf_add_text(page, "&amp;");
        } else {
            buf_add(page, c, 1);
        }
    }
}

void
page_text(struct buf *page, const char *text)
{
    char clean[8192];
    text_escape(clean, sizeof clean, text, false);
    add_plain(page, clean);
}

/* Each line as a quotation, so that nothing in it is a heading of ours. */
static void
add_block(struct buf *page, const char *text)
{
    while (*text) {
        size_t bytes = strcspn(text, "\n");
        char line[4096];
        snprintf(line, sizeof line, "%.*s", (int)MIN(bytes, sizeof line - 1), text);
        buf_add_text(page, "> ");
        page_text(page, line);
        buf_add_text(page, "\n");
        text += bytes + (text[bytes] == '\n');
    }
}

void
page_time(struct buf *page, int64_t at, const char *zone)
{
    char text[40];
    buf_add_text(page, at ? time_format_minute(at, zone, text, sizeof text) : "-");
}

void
page_date(int64_t at, const char *zone, char out[16])
{
    char text[40];
    time_format_minute(at, zone, text, sizeof text);
    snprintf(out, 16, "%.10s", text);
}

static void
add_field(struct buf *page, const char *name, const char *text)
{
    if (text[0]) {
        buf_printf(page, "**%s**: ", name);
        page_text(page, text);
        buf_add_text(page, "\n");
    }
}

static void
add_time(struct buf *page, const char *name, int64_t at, const char *zone)
{
    if (at) {
        buf_printf(page, "**%s**: ", name);
        page_time(page, at, zone);
        buf_add_text(page, "\n");
    }
}

/* A heading and the items with this tag, if there are any. */
static void
add_items(struct buf *page, const char *title, const struct baton_card *card, const char *tag)
{
    bool any = false;
    for (size_t i = 0; i < card->n_items; i++) {
        const struct baton_item *item = &card->items[i];
        if (strcmp(item->tag, tag) != 0) {
            continue;
        }
        if (!any) {
            buf_printf(page, "\n**%s**:\n", title);
        }
        any = true;
        buf_add_text(page, "- ");
        if (item->name[0]) {
            buf_add_text(page, "`");
            page_text(page, item->name);
            buf_add_text(page, item->text[0] ? "`: " : "`");
        }
        page_text(page, item->text);
        if (strcmp(item->unit, "missing") == 0) {
            buf_add_text(page, " (missing)");
        }
        if (item->by[0]) {
            buf_add_text(page, " (");
            page_text(page, item->by);
            buf_add_text(page, ")");
        }
        buf_add_text(page, "\n");
    }
}

/* ---- handoffs ---- */

/* When it was written, if its giver says so. */
static int64_t
written_at(const struct baton_card *card)
{
    for (size_t i = 0; i < card->n_items; i++) {
        if (strcmp(card->items[i].tag, "timestamp") == 0) {
            return card->items[i].at;
        }
    }
    return card->created_at;
}

void
page_handoffs_begin(struct buf *page, const char *date, const char *role)
{
    buf_printf(page, "# %s Handoffs, %s\n", page_agent(role), date);
}

void
page_handoff(struct buf *page, const struct baton_card *card, const char *zone)
{
    buf_printf(page, "\n## Handoff #%llu", (unsigned long long)card->number);
    if (card->task[0]) {
        buf_add_text(page, ": ");
        page_text(page, card->task);
    }
    buf_add_text(page, "\n");
    add_field(page, "From", page_agent(card->role));
    add_field(page, "To", page_agent(card->to_role));
    add_time(page, "Timestamp", written_at(card), zone);
    add_field(page, "State", baton_card_state_name(card->state));
    add_field(page, "Answer", card->outcome);
    add_items(page, "Task Completed", card, "completed");
    add_items(page, "Dependencies Ready", card, "ready");
    add_items(page, "Blockers", card, "blocker");
    add_items(page, "Next Steps", card, "next_step");
    add_items(page, "Artifacts", card, "artifact");
    if (card->text[0]) {
        buf_add_text(page, "\n**Notes**:\n\n");
        add_block(page, card->text);
    }
}

/* ---- blockers ---- */

void
page_blockers_begin(struct buf *page)
{
    buf_add_text(page, "# Blockers\n\n## Open\n");
}

void
page_blockers_middle(struct buf *page, size_t n_open)
{
    buf_add_text(page, n_open ? "\n## Ended\n" : "\nNone\n\n## Ended\n");
}

void
page_blocker(struct buf *page, const struct baton_card *card, const char *zone)
{
    buf_printf(page, "\n### #%llu: ", (unsigned long long)card->number);
    page_text(page, card->title);
    buf_add_text(page, "\n");
    add_field(page, "State", baton_card_state_name(card->state));
    add_field(page, "Task", card->task);
    add_field(page, "Role", card->role);
    if (!card->task[0] && !card->role[0]) {
        add_field(page, "Project", card->project);
    }
    if (card->severity) {
        buf_printf(page, "**Severity**: P%u\n", card->severity - 1);
    }
    add_field(page, "Owner", card->owner);
    add_field(page, "Raised by", card->by);
    add_time(page, "Raised", card->created_at, zone);
    add_time(page, "Due", card->due_at, zone);
    if (card->rung > 0) {
        buf_add_text(page, "**Overdue**: yes\n");
    }
    add_time(page, "Ended", card->ended_at, zone);
    add_field(page, "Resolution", card->outcome);
    if (card->text[0]) {
        buf_add_text(page, "\n");
        add_block(page, card->text);
    }
}

/* ---- status ---- */

void
page_status(struct buf *page, const struct baton_role_status *role, const char *zone)
{
    buf_printf(page, "%s## %s Status\n", page->bytes ? "\n" : "", page_agent(role->role));
    buf_add_text(page, "**Last Updated**: ");
    page_time(page, role->updated_at, zone);
    buf_add_text(page, "\n**Current Task**: ");
    page_text(page, role->current[0] ? role->current : role->n_blockers ? "Waiting" : "None");
    buf_printf(page, "\n**Progress**: %u%%\n**Blockers**: ", role->progress);
    for (size_t i = 0; i < role->n_blockers; i++) {
        buf_add_text(page, i ? "; " : "");
        page_text(page, role->blockers[i]);
    }
    buf_add_text(page, role->n_blockers ? "\n**Next Update**: " : "None\n**Next Update**: ");
    if (role->next_update_at) {
        page_time(page, role->next_update_at, zone);
        buf_add_text(page, role->stale ? " (missed)\n" : "\n");
    } else {
        buf_add_text(page, role->n_blockers ? "When unblocked\n" : "-\n");
    }
}

/* ---- decisions ---- */

void
page_decisions_begin(struct buf *page, const char *title)
{
    buf_printf(page, "# %s\n", title);
}

static const char *
item_named(const struct baton_card *card, const char *tag)
{
    for (size_t i = 0; i < card->n_items; i++) {
        if (strcmp(card->items[i].tag, tag) == 0) {
            return card->items[i].name;
        }
    }
    return "";
}

static void
add_decided(struct buf *page, const struct baton_card *card, const char *zone)
{
    for (size_t i = 0; i < card->n_items; i++) {
        const struct baton_item *item = &card->items[i];
        if (strcmp(item->tag, "decided") == 0) {
            add_time(page, "Decided", item->at, zone);
            buf_add_text(page, "**Decided by**: ");
            page_text(page, page_agent(item->name));
            buf_add_text(page, item->unit[0] ? " (override)\n" : "\n");
        }
    }
}

/* Who was asked, and what they said: "- Infrastructure Agent: object: too slow". */
static void
add_reviews(struct buf *page, const struct baton_card *card)
{
    bool any = false;
    for (size_t i = 0; i < card->n_items; i++) {
        const struct baton_item *item = &card->items[i];
        if (strcmp(item->tag, "review") != 0) {
            continue;
        }
        buf_add_text(page, any ? "" : "\n**Reviews**:\n");
        any = true;
        buf_add_text(page, "- ");
        page_text(page, page_agent(item->name));
        buf_printf(page, ": %s%s", item->unit, item->text[0] ? ": " : "");
        page_text(page, item->text);
        buf_add_text(page, "\n");
    }
}

void
page_decision(struct buf *page, const struct baton_card *card, const char *zone)
{
    buf_printf(page, "\n## #%llu: ", (unsigned long long)card->number);
    page_text(page, card->title[0] ? card->title : card->name);
    buf_add_text(page, "\n");
    add_field(page, "Status", baton_card_state_name(card->state));
    add_field(page, "Name", card->name);
    add_field(page, "Area", item_named(card, "area"));
    add_field(page, "Decision maker", page_agent(card->owner));
    add_field(page, "Proposed by", card->role[0] ? page_agent(card->role) : card->by);
    add_time(page, "Proposed", card->created_at, zone);
    add_time(page, "Reviews until", card->due_at, zone);
    add_decided(page, card, zone);
    add_field(page, "Decision", card->outcome);
    add_items(page, "Options", card, "option");
    add_reviews(page, card);
    if (card->text[0]) {
        buf_add_text(page, "\n");
        add_block(page, card->text);
    }
}
