/* baton mirror: the customer's files, kept up to date from the feed. What is on the pages follows
 * from the board alone, so a mirror that was away begins by writing what differs. */
#include "common/alloc.h"
#include "ctl/mirror/mirror.h"

#include <signal.h>
#include <stdlib.h>

enum {
    OPTION_ONCE = 256,
    SETTLE_MS = 200,    /* silence after which stale pages are written … */
    PATIENCE_MS = 2000, /* … or this long after they became stale */
    INBOX_MS = 1000,    /* between looks into inbox/ */
};

static const struct option options[] = {
    {"once", no_argument, NULL, OPTION_ONCE},
    {0},
};

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static bool
no_card(const struct baton_card *card, void *context)
{
    (void)card;
    (void)context;
    return false;
}

static bool
begin(struct mirror *mirror, const char *dir, uint64_t *event)
{
    struct ctl *ctl = mirror->ctl;
    if (!folder_open(&mirror->folder, dir)) {
        mirror->status = ctl_fail(ctl, CTL_CREATE, "cannot_write", NULL, "%s",
                                  mirror->folder.error);
        return false;
    }
    mirror->status = ctl_connect(ctl);
    if (mirror->status != CTL_YES) {
        return false;
    }
    const char *zone;
    baton_status answer = baton_zone(ctl->baton, &zone);
    if (answer != BATON_OK) {
        mirror->status = ctl_fail_status(ctl, answer);
        return false;
    }
    mirror->zone = xstrdup(zone);
    /* What changes from here on comes with the feed; the pages are written from what is there. */
    struct baton_card_filter first = {.limit = 1};
    answer = baton_cards(ctl->baton, &first, no_card, NULL, event);
    if (answer != BATON_OK) {
        mirror->status = ctl_fail_status(ctl, answer);
    }
    return answer == BATON_OK;
}

/* Waits for the next event, at most until pages or inbox are due. False: reported. */
static bool
wait_event(struct mirror *mirror, baton_feed *feed, int64_t *stale_since)
{
    const struct baton_event *event;
    baton_status answer = baton_feed_next(feed, mirror->stale ? SETTLE_MS : INBOX_MS, &event);
    int64_t now = ctl_now();
    switch ((int)answer) {
    case BATON_OK:
        *stale_since = mirror->stale ? *stale_since : now;
        mirror->stale |= mirror_pages_of(event);
        return true;
    case BATON_TOO_FAR_BEHIND:
        mirror->stale = PAGE_ALL;
        *stale_since = 0;
        return true;
    case BATON_TIMEOUT:
        *stale_since = 0; /* it is quiet: write what there is */
        return true;
    case BATON_INTERRUPTED:
        return true;
    default:
        mirror->status = ctl_fail(mirror->ctl, ctl_exit_of(answer), baton_status_name(answer), NULL,
                                  "%s", baton_feed_error(feed));
        return false;
    }
}

static bool
follow(struct mirror *mirror, uint64_t after)
{
    struct ctl *ctl = mirror->ctl;
    struct baton_options feed_options = ctl->options;
    feed_options.interruptible = true;
    baton_feed *feed;
    if (baton_feed_open(ctl->endpoint, &feed_options, after, &feed) != BATON_OK) {
        mirror->status = ctl_fail(ctl, CTL_CONFIG, "bad_argument", NULL, "%s",
                                  baton_feed_error(NULL));
        return false;
    }
    bool ok = true;
    int64_t stale_since = 0, inbox_at = 0;
    while (ok && !interrupted) {
        int64_t now = ctl_now();
        if (mirror->stale && now - stale_since >= PATIENCE_MS) {
            ok = mirror_refresh(mirror);
        }
        if (ok && now >= inbox_at) {
            ok = mirror_take_inbox(mirror);
            inbox_at = now + INBOX_MS;
        }
        if (!ok && mirror->status == CTL_BROKER) {
            ok = true; /* a broker that is away comes back: the pages wait */
        }
        ok = ok && wait_event(mirror, feed, &stale_since);
    }
    baton_feed_close(&feed);
    return ok;
}

int
verb_mirror(struct ctl *ctl, int argc, char **argv)
{
    bool once = false;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option == '?') {
            return ctl->status;
        }
        once = true;
    }
    if (optind + 1 != argc) {
        return ctl_usage(ctl, "which directory?");
    }
    struct mirror mirror = {.ctl = ctl, .stale = PAGE_ALL, .status = CTL_YES};
    uint64_t event = 0;
    bool ok = begin(&mirror, argv[optind], &event);
    if (ok && once) {
        ok = mirror_take_inbox(&mirror) && mirror_refresh(&mirror);
    } else if (ok) {
        struct sigaction action = {.sa_handler = on_signal};
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        ok = follow(&mirror, event);
        mirror.status = ok ? CTL_YES : mirror.status;
    }
    folder_close(&mirror.folder);
    free(mirror.zone);
    return mirror.status;
}
