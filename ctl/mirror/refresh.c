/* From the board to the pages. */
#include "ctl/mirror/mirror.h"

#include "common/alloc.h"
#include "common/units.h"
#include "common/words.h"
#include "ctl/mirror/pages.h"
#include "ctl/report/report.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

unsigned
mirror_pages_of(const struct baton_event *event)
{
    if (event->kind == BATON_EVENT_TASK || event->kind == BATON_EVENT_PROGRESS ||
        event->kind == BATON_EVENT_UPDATED || event->kind == BATON_EVENT_STALLED) {
        return PAGE_STATUS;
    }
    if (event->kind != BATON_EVENT_CARD || !event->card) {
        return 0;
    }
    switch ((int)event->card->kind) {
    case BATON_CARD_HANDOFF:
        return PAGE_HANDOFFS;
    case BATON_CARD_BLOCKER:
        return PAGE_BLOCKERS | PAGE_STATUS;
    case BATON_CARD_DECISION:
        return PAGE_DECISIONS;
    case BATON_CARD_STATUS:
        return PAGE_STATUS;
    case BATON_CARD_SCHEDULE:
        return PAGE_REPORTS;
    default:
        return 0;
    }
}

static bool
write_page(struct mirror *mirror, const char *sub, const char *name, const struct buf *text)
{
    char conflict[FOLDER_PATH_BYTES_MAX];
    switch (folder_write(&mirror->folder, sub, name, text, ctl_now(), conflict)) {
    case FOLDER_SAME:
        return true;
    case FOLDER_WRITTEN:
        ctl_remark(mirror->ctl, "wrote %s/%s", sub, name);
        return true;
    case FOLDER_CONFLICT:
        ctl_remark(mirror->ctl, "%s/%s was changed by hand: the change is kept as %s/%s", sub, name,
                   sub, conflict);
        return true;
    case FOLDER_FAILED:
    default:
        mirror->status = ctl_fail(mirror->ctl, CTL_CREATE, "cannot_write", NULL, "%s/%s: %s", sub,
                                  name, mirror->folder.error);
        return false;
    }
}

static bool
read_cards(struct mirror *mirror, baton_card_kind kind, bool open, baton_card_fn *each,
           void *context)
{
    struct ctl *ctl = mirror->ctl;
    struct baton_card_filter filter = {
        .kinds = &kind, .n_kinds = 1, .open = open, .archived = !open};
    if (ctl->project_given) {
        filter.projects = &ctl->project;
        filter.n_projects = 1;
    }
    baton_status answer = baton_cards(ctl->baton, &filter, each, context, NULL);
    if (answer != BATON_OK) {
        mirror->status = ctl_fail_status(ctl, answer);
    }
    return answer == BATON_OK;
}

/* ---- handoffs: a page a day and role ---- */

struct day_page {
    char name[64];
    struct buf text;
};

struct day_pages {
    struct mirror *mirror;
    struct day_page *pages;
    size_t n;
};

static bool
add_handoff(const struct baton_card *card, void *context)
{
    struct day_pages *days = context;
    char date[16], name[64];
    page_date(card->created_at, days->mirror->zone, date);
    snprintf(name, sizeof name, "%s-%.20s-handoff.md", date, card->role[0] ? card->role : "agent");
    size_t i = days->n;
    while (i > 0 && strcmp(days->pages[i - 1].name, name) != 0) {
        i--;
    }
    if (i == 0) {
        days->pages = xreallocarray(days->pages, days->n + 1, sizeof *days->pages);
        struct day_page *page = &days->pages[days->n++];
        *page = (struct day_page){0};
        memcpy(page->name, name, sizeof name);
        page_handoffs_begin(&page->text, date, card->role);
        i = days->n;
    }
    page_handoff(&days->pages[i - 1].text, card, days->mirror->zone);
    return true;
}

static bool
refresh_handoffs(struct mirror *mirror)
{
    struct day_pages days = {.mirror = mirror};
    bool ok = read_cards(mirror, BATON_CARD_HANDOFF, false, add_handoff, &days);
    for (size_t i = 0; i < days.n; i++) {
        ok = ok && write_page(mirror, "handoffs", days.pages[i].name, &days.pages[i].text);
        buf_fini(&days.pages[i].text);
    }
    free(days.pages);
    return ok;
}

/* ---- blockers ---- */

struct blocker_page {
    const char *zone;
    struct buf open, ended;
    size_t n_open;
};

static bool
add_blocker(const struct baton_card *card, void *context)
{
    struct blocker_page *page = context;
    bool is_open = card->state < BATON_CARD_RESOLVED;
    page->n_open += is_open;
    page_blocker(is_open ? &page->open : &page->ended, card, page->zone);
    return true;
}

static bool
refresh_blockers(struct mirror *mirror)
{
    struct blocker_page page = {.zone = mirror->zone};
    page_blockers_begin(&page.open);
    bool ok = read_cards(mirror, BATON_CARD_BLOCKER, false, add_blocker, &page);
    page_blockers_middle(&page.open, page.n_open);
    if (page.ended.bytes) {
        buf_add(&page.open, page.ended.data, page.ended.bytes);
    } else {
        buf_add_text(&page.open, "\nNone\n");
    }
    ok = ok && write_page(mirror, "status", "blockers.md", &page.open);
    buf_fini(&page.open);
    buf_fini(&page.ended);
    return ok;
}

/* ---- decisions: those about tools and techniques apart ---- */

struct decision_pages {
    const char *zone;
    struct buf architecture, tech;
};

/* As the proposal says, or its area: "tech…". */
static bool
is_tech(const struct baton_card *card)
{
    bool tech = false;
    for (size_t i = 0; i < card->n_items; i++) {
        if (strcmp(card->items[i].tag, "category") == 0) {
            return strcmp(card->items[i].name, "tech") == 0;
        }
        tech |= strcmp(card->items[i].tag, "area") == 0 &&
                strncasecmp(card->items[i].name, "tech", 4) == 0;
    }
    return tech;
}

static bool
add_decision(const struct baton_card *card, void *context)
{
    struct decision_pages *pages = context;
    page_decision(is_tech(card) ? &pages->tech : &pages->architecture, card, pages->zone);
    return true;
}

static bool
refresh_decisions(struct mirror *mirror)
{
    struct decision_pages pages = {.zone = mirror->zone};
    page_decisions_begin(&pages.architecture, "Architecture Decisions");
    page_decisions_begin(&pages.tech, "Tech Choices");
    bool ok = read_cards(mirror, BATON_CARD_DECISION, false, add_decision, &pages) &&
              write_page(mirror, "decisions", "architecture-decisions.md", &pages.architecture) &&
              write_page(mirror, "decisions", "tech-choices.md", &pages.tech);
    buf_fini(&pages.architecture);
    buf_fini(&pages.tech);
    return ok;
}

/* ---- status: what each role does ---- */

static bool
refresh_status(struct mirror *mirror)
{
    struct ctl *ctl = mirror->ctl;
    struct buf page = {0};
    baton_broker_status *status = NULL;
    baton_status answer = baton_get_status_of(ctl->baton, ctl->project_given ? ctl->project : NULL,
                                              &status);
    if (answer != BATON_OK) {
        mirror->status = ctl_fail_status(ctl, answer);
        return false;
    }
    for (size_t i = 0; i < status->n_roles; i++) {
        page_status(&page, &status->roles[i], mirror->zone);
    }
    bool ok = write_page(mirror, "status", "current-status.md", &page);
    baton_broker_status_free(status);
    buf_fini(&page);
    return ok;
}

/* ---- reports: that of the latest occurrence of each schedule that asks for one ---- */

enum { REPORTS_MAX = 64, REPORT_HEAD_BYTES = 512 };

struct due_report {
    char word[32];
    int64_t at;
};

struct due_reports {
    struct due_report due[REPORTS_MAX];
    size_t n;
};

static bool
add_report(const struct baton_card *card, void *context)
{
    struct due_reports *reports = context;
    const char *word = "";
    int64_t at = 0;
    for (size_t i = 0; i < card->n_items; i++) {
        const struct baton_item *item = &card->items[i];
        word = strcmp(item->tag, "report") == 0 ? item->name : word;
        at = strcmp(item->tag, "last") == 0 ? item->at : at;
    }
    if (at && report_number(word) >= 0) {
        struct due_report *due = &reports->due[reports->n++];
        snprintf(due->word, sizeof due->word, "%s", word);
        due->at = at;
    }
    return reports->n < REPORTS_MAX;
}

static int
compare_reports(const void *a, const void *b)
{
    const struct due_report *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* The page says up to when it goes, in its first lines: that is how we know it again. */
static bool
reaches(struct mirror *mirror, const char *name, int64_t at)
{
    char head[REPORT_HEAD_BYTES + 1], until[40], wanted[64];
    struct buf page = {0};
    bool is_there = folder_read(&mirror->folder, "reports", name, FOLDER_FILE_BYTES_MAX, &page);
    snprintf(wanted, sizeof wanted, " to %s (",
             time_format_minute(at, mirror->zone, until, sizeof until));
    snprintf(head, sizeof head, "%.*s", (int)MIN(page.bytes, (size_t)REPORT_HEAD_BYTES),
             is_there ? (const char *)page.data : "");
    buf_fini(&page);
    return strstr(head, wanted) != NULL;
}

static bool
write_report(struct mirror *mirror, const struct due_report *due)
{
    char date[16], name[64];
    page_date(due->at, mirror->zone, date);
    snprintf(name, sizeof name, "%s-%s.md", date, due->word);
    if (reaches(mirror, name, due->at)) {
        return true;
    }
    struct buf page = {0};
    bool ok = report_markdown(mirror->ctl, due->word, due->at, mirror->zone, &page);
    mirror->status = ok ? mirror->status : mirror->ctl->status;
    ok = ok && write_page(mirror, "reports", name, &page);
    buf_fini(&page);
    return ok;
}

static bool
refresh_reports(struct mirror *mirror)
{
    struct due_reports reports = {0};
    bool ok = read_cards(mirror, BATON_CARD_SCHEDULE, true, add_report, &reports);
    qsort(reports.due, reports.n, sizeof *reports.due, compare_reports);
    for (size_t i = 0; ok && i < reports.n; i++) {
        /* Of two for the same page the later one stays. */
        char date[16], next[16] = "";
        page_date(reports.due[i].at, mirror->zone, date);
        bool is_last = true;
        for (size_t j = i + 1; j < reports.n; j++) {
            page_date(reports.due[j].at, mirror->zone, next);
            is_last &= strcmp(date, next) != 0 ||
                       strcmp(reports.due[i].word, reports.due[j].word) != 0;
        }
        ok = !is_last || write_report(mirror, &reports.due[i]);
    }
    return ok;
}

bool
mirror_refresh(struct mirror *mirror)
{
    static const struct {
        unsigned page;
        bool (*refresh)(struct mirror *mirror);
    } pages[] = {
        {PAGE_HANDOFFS, refresh_handoffs},   {PAGE_BLOCKERS, refresh_blockers},
        {PAGE_DECISIONS, refresh_decisions}, {PAGE_STATUS, refresh_status},
        {PAGE_REPORTS, refresh_reports},
    };
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        if ((mirror->stale & pages[i].page) && !pages[i].refresh(mirror)) {
            return false;
        }
        mirror->stale &= ~pages[i].page;
    }
    return true;
}
