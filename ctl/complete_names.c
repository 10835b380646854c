/* Names that the broker knows, for completion: tasks, cards, projects, resources, workers. */
#include "ctl/complete.h"

#include <inttypes.h>
#include <string.h>

/* A broker that does not answer at once is not waited for: somebody waits for a key. */
enum { COMPLETE_TIMEOUT_MS = 1000 };

static bool
offer_task(const baton_task *task, void *context)
{
    const struct place *place = *(const struct place *const *)context;
    char name[CTL_REF_ROOM];
    place_offer(place,
                ctl_ref_format(task->spec->project, task->spec->id, place->ctl->project, name),
                NULL);
    return true;
}

/* Those that begin so, of the project at hand or of the one that is begun ("PROJECT//…"). */
static baton_status
offer_tasks(const struct place *place)
{
    char named[NAME_BYTES_MAX + 1];
    const char *project = place->ctl->project;
    const char *parting = strstr(place->begun, "//");
    if (parting) {
        snprintf(named, sizeof named, "%.*s", (int)(parting - place->begun), place->begun);
        project = named;
    }
    struct baton_filter filter = {
        .projects = &project,
        .n_projects = 1,
        .id_prefix = parting ? parting + 2 : place->begun,
        .limit = COMPLETE_NAMES_MAX,
    };
    return baton_list(place->ctl->baton, &filter, offer_task, &place, NULL);
}

struct cards {
    const struct place *place;
    bool by_name;
};

static bool
offer_card(const struct baton_card *card, void *context)
{
    const struct cards *cards = context;
    char number[32];
    snprintf(number, sizeof number, "%" PRIu64, card->number);
    place_offer(cards->place, cards->by_name ? card->name : number, NULL);
    return true;
}

/* Open cards: by their names, which are of one project, or by their numbers. */
static baton_status
offer_cards(const struct place *place, baton_card_kind kind, bool by_name)
{
    struct ctl *ctl = place->ctl;
    struct cards cards = {place, by_name};
    struct baton_card_filter filter = {
        .kinds = &kind, .n_kinds = 1, .open = true, .limit = COMPLETE_NAMES_MAX};
    if (by_name || ctl->project_given) {
        filter.projects = &ctl->project;
        filter.n_projects = 1;
    }
    return baton_cards(ctl->baton, &filter, offer_card, &cards, NULL);
}

static baton_status
offer_projects(const struct place *place)
{
    baton_broker_status *status = NULL;
    baton_status answer = baton_get_status(place->ctl->baton, &status);
    for (size_t i = 0; answer == BATON_OK && i < status->n_projects; i++) {
        place_offer(place, status->projects[i].project, NULL);
    }
    baton_broker_status_free(status);
    return answer;
}

static baton_status
offer_resources(const struct place *place)
{
    baton_resource_list *list = NULL;
    baton_status answer = baton_resources(place->ctl->baton, NULL, 0, &list);
    for (size_t i = 0; answer == BATON_OK && i < list->n_resources; i++) {
        place_offer(place, list->resources[i].name, NULL);
    }
    baton_resource_list_free(list);
    return answer;
}

static baton_status
offer_workers(const struct place *place)
{
    baton_worker_list *list = NULL;
    baton_status answer = baton_list_workers(place->ctl->baton, &list);
    for (size_t i = 0; answer == BATON_OK && i < list->n_workers; i++) {
        place_offer(place, list->workers[i].name, NULL);
    }
    baton_worker_list_free(list);
    return answer;
}

/* Of which kind are the cards of the verb; of `rules`, of the kind that was just said. */
static int
kind_of(const struct place *place)
{
    const char *name = place->verb->name;
    if (strcmp(name, "rules") == 0 && place->n_arguments > 0) {
        name = place->arguments[place->n_arguments - 1];
    }
    return strcmp(name, "reserve") == 0 ? BATON_CARD_RESERVATION : baton_card_kind_of(name);
}

static baton_status
offer_areas(const struct place *place)
{
    return offer_cards(place, BATON_CARD_AREA, true);
}

static baton_status
offer_decisions(const struct place *place)
{
    return offer_cards(place, BATON_CARD_DECISION, false);
}

static baton_status
offer_numbered(const struct place *place)
{
    int kind = kind_of(place);
    return kind > 0 ? offer_cards(place, (baton_card_kind)kind, false) : BATON_OK;
}

static baton_status
offer_named(const struct place *place)
{
    const char *verb = place->verb->name;
    bool of_resources = strcmp(verb, "lock") == 0 || strcmp(verb, "reserve") == 0 ||
                        strcmp(verb, "resources") == 0;
    int kind = kind_of(place);
    return strcmp(verb, "project") == 0 ? offer_projects(place)
           : of_resources               ? offer_resources(place)
           : kind > 0                   ? offer_cards(place, (baton_card_kind)kind, true)
                                        : BATON_OK;
}

void
place_offer_names(const struct place *place, struct span placeholder, const char *option)
{
    static const struct {
        const char *placeholder;
        const char *option; /* only as its value; "": only as an argument; NULL: both */
        baton_status (*offer)(const struct place *place);
    } known[] = {
        {"ID", NULL, offer_tasks},
        {"P", NULL, offer_projects},
        {"W", NULL, offer_workers},
        {"A", NULL, offer_areas},
        {"N", "--supersedes", offer_decisions},
        {"N", "", offer_numbered},
        {"NAME", "--resource", offer_resources},
        {"NAME", "", offer_named},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (span_is(placeholder, known[i].placeholder) &&
            (!known[i].option || strcmp(known[i].option, option) == 0)) {
            place->ctl->options.timeout_ms = COMPLETE_TIMEOUT_MS;
            if (ctl_connect(place->ctl) == CTL_YES) {
                (void)known[i].offer(place); /* nobody reads an error between two keys */
            }
            return;
        }
    }
}
