/* baton gc: what of the archive was kept long enough, and away with it. */
#include "ctl/verbs.h"

#include <inttypes.h>

enum { OPTION_DRY_RUN = 256, GC_TIMEOUT_MS = 10 * 60 * 1000 };

static const struct option options[] = {{"dry-run", no_argument, NULL, OPTION_DRY_RUN}, {0}};

static void
print_json(struct ctl *ctl, bool dry_run, const struct baton_gc_done *done)
{
    json_t *purged = json_object();
    uint64_t n = 0, bytes = 0;
    for (size_t i = 0; i < done->n_purged; i++) {
        json_t *one = json_object();
        json_object_set_new(one, "n", json_integer((json_int_t)done->purged[i].n));
        json_object_set_new(one, "bytes", json_integer((json_int_t)done->purged[i].bytes));
        json_object_set_new(purged, baton_state_name(done->purged[i].state), one);
        n += done->purged[i].n;
        bytes += done->purged[i].bytes;
    }
    json_t *object = json_object();
    json_object_set_new(object, "dry_run", json_boolean(dry_run));
    json_object_set_new(object, "n_purged", json_integer((json_int_t)n));
    json_object_set_new(object, "bytes", json_integer((json_int_t)bytes));
    json_object_set_new(object, "purged", purged);
    json_object_set_new(object, "n_cards", json_integer((json_int_t)done->cards));
    json_object_set_new(object, "cards_bytes", json_integer((json_int_t)done->cards_bytes));
    json_object_set_new(object, "n_archived", json_integer((json_int_t)done->to_archive));
    json_object_set_new(object, "n_kept", json_integer((json_int_t)done->kept));
    json_object_set_new(object, "kept_bytes", json_integer((json_int_t)done->kept_bytes));
    ctl_print_json(ctl, object);
}

static void
print(struct ctl *ctl, bool dry_run, const struct baton_gc_done *done)
{
    const char *would = dry_run ? "would be " : "";
    for (size_t i = 0; i < done->n_purged; i++) {
        ctl_print(ctl, "%" PRIu64 " %s: %spurged (%" PRIu64 " bytes)\n", done->purged[i].n,
                  baton_state_name(done->purged[i].state), would, done->purged[i].bytes);
    }
    if (done->cards) {
        ctl_print(ctl, "%" PRIu64 " cards: %spurged (%" PRIu64 " bytes)\n", done->cards, would,
                  done->cards_bytes);
    }
    if (done->n_purged == 0 && done->cards == 0) {
        ctl_print(ctl, "nothing in the archive is old enough\n");
    }
    if (done->to_archive) {
        ctl_print(ctl, "%" PRIu64 " ended: %smoved to the archive\n", done->to_archive, would);
    }
    ctl_print(ctl, "%" PRIu64 " kept in the archive (%" PRIu64 " bytes)\n", done->kept,
              done->kept_bytes);
}

int
verb_gc(struct ctl *ctl, int argc, char **argv)
{
    bool dry_run = false;
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option != OPTION_DRY_RUN) {
            return ctl->status;
        }
        dry_run = true;
    }
    if (argc != optind) {
        return ctl_usage(ctl, "it takes no names: what goes is decided by age");
    }
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    int64_t timeout_ms = ctl->options.timeout_ms ? ctl->options.timeout_ms : GC_TIMEOUT_MS;
    struct baton_gc_done done;
    baton_status answer = baton_gc(ctl->baton, dry_run, timeout_ms, &done);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (ctl->json) {
        print_json(ctl, dry_run, &done);
    } else {
        print(ctl, dry_run, &done);
    }
    return CTL_YES;
}
