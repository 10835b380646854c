#include "ctl/once.h"

#include <inttypes.h>
#include <stdio.h>

enum once_result
post_once(struct ctl *ctl, const struct plan_card *card, char reason[ONCE_REASON_BYTES],
          baton_posted **ret_posted)
{
    char client[32];
    snprintf(client, sizeof client, "once-%016" PRIx64, card->identity);
    struct baton_options options = ctl->options;
    options.client = client;
    baton *connection;
    *ret_posted = NULL;
    reason[0] = 0;
    if (baton_open(ctl->endpoint, &options, &connection) != BATON_OK) {
        ctl->status = ctl_fail(ctl, CTL_CONFIG, "bad_argument", NULL, "%s", baton_error(NULL));
        return ONCE_NO_BROKER;
    }
    struct baton_post post = {.verb = card->verb, .card = card->card};
    enum once_result result;
    baton_status answer = baton_post(connection, &post, ret_posted);
    if (answer == BATON_OK) {
        result = (*ret_posted)->replayed ? ONCE_BEFORE : ONCE_POSTED;
    } else if (answer == BATON_NUMBER_USED) {
        result = ONCE_BEFORE; /* the same words, with a time that is another one now, such as +4h */
    } else if (answer == BATON_NO_BROKER) {
        ctl->status = ctl_fail(ctl, CTL_BROKER, "no_broker", NULL, "%s", baton_error(connection));
        result = ONCE_NO_BROKER;
    } else {
        snprintf(reason, ONCE_REASON_BYTES, "%s: %s", card->place, baton_error(connection));
        result = ONCE_REFUSED;
    }
    baton_close(&connection);
    return result;
}

static const char *
card_words(const struct baton_card *card)
{
    return card->title && card->title[0] ? card->title
           : card->name && card->name[0] ? card->name
           : card->task && card->task[0] ? card->task
           : card->text && card->text[0] ? card->text
           : card->to_role               ? card->to_role
                                         : "";
}

/* "+ blocker #12 no keys", and the same into `list`, which keeps no reference of ours. */
static void
tell_happening(struct ctl *ctl, const struct plan_card *card, enum once_result result,
               const baton_posted *posted, json_t *list)
{
    uint64_t number = posted ? posted->card.number : 0;
    const char *kind = baton_card_kind_name(card->card.kind);
    json_t *object = json_object();
    json_object_set_new(object, "change",
                        json_string(result == ONCE_POSTED ? "posted" : "unchanged"));
    json_object_set_new(object, "kind", ctl_json_text(kind));
    if (number) {
        json_object_set_new(object, "number", json_integer((json_int_t)number));
    }
    json_object_set_new(object, "title", ctl_json_text(card_words(&card->card)));
    json_array_append_new(list, object);
    if (ctl->json) {
        return;
    }
    ctl_print(ctl, "%c %s", result == ONCE_POSTED ? '+' : '=', kind);
    if (number) {
        ctl_print(ctl, " #%" PRIu64, number);
    }
    ctl_print(ctl, " ");
    ctl_print_text(ctl, card_words(&card->card));
    ctl_print(ctl, "%s\n", result == ONCE_BEFORE ? " (given before)" : "");
}

int
once_post_all(struct ctl *ctl, const struct plan *plan, bool dry_run, json_t *list)
{
    size_t n;
    const struct plan_card *cards = plan_cards(plan, &n);
    for (size_t i = 0; i < n; i++) {
        char reason[ONCE_REASON_BYTES];
        baton_posted *posted = NULL;
        if (cards[i].verb == BATON_CARD_SET) {
            continue;
        }
        enum once_result result = dry_run ? ONCE_POSTED
                                          : post_once(ctl, &cards[i], reason, &posted);
        if (result == ONCE_NO_BROKER) {
            return ctl->status;
        }
        if (result == ONCE_REFUSED) {
            return ctl_fail(ctl, CTL_DATA, "refused",
                            "what stands before it is done; mend this and apply again: nothing is "
                            "done twice",
                            "%s", reason);
        }
        tell_happening(ctl, &cards[i], result, posted, list);
        if (posted) {
            baton_posted_free(posted);
        }
    }
    return CTL_YES;
}
