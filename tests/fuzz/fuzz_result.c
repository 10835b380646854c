/* What agents leave behind: the result file, the end of their output in every known form, the words
 * with which a provider says that it takes no more. Whatever it is, what we make of it is what the
 * broker takes. */
#include "tests/fuzz/fuzz.h"

#include "common/alloc.h"
#include "common/limits.h"
#include "common/text.h"
#include "worker/adapter.h"
#include "worker/clean.h"
#include "worker/handoff.h"
#include "worker/result.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void
check_measures(const struct measures *measures)
{
    CHECK(measures->n <= MEASURES_MAX);
    for (size_t i = 0; i < measures->n; i++) {
        struct measure_text again;
        CHECK(measure_make(measures->list[i].name, measures->list[i].value, measures->list[i].unit,
                           &again));
    }
}

/* The document as it is sent: with the handoff as a card of its own, if it has one. */
static void
check_handoff(const char *document)
{
    struct baton_result result = {.document = document, .document_bytes = strlen(document)};
    struct handoff handoff;
    if (handoff_take(&result, &handoff)) {
        CHECK(handoff.card.n_items > 0 || handoff.card.text);
        CHECK(handoff.card.n_items <= CARD_ITEMS_MAX);
        for (size_t i = 0; i < handoff.card.n_items; i++) {
            const struct baton_item *item = &handoff.card.items[i];
            CHECK(prose_is_valid(item->name, TITLE_BYTES_MAX));
            CHECK(prose_is_valid(item->text, CARD_TEXT_BYTES_MAX));
            CHECK(strcmp(item->tag, "artifact") != 0 || item->name[0] != '/');
            CHECK(item->at >= 0 && item->at <= TIME_MS_MAX);
        }
        CHECK(!strstr(handoff.document, "\"handoff\":{\"from_agent\""));
        handoff_fini(&handoff);
    }
}

static void
check_finding(struct finding *finding)
{
    check_measures(&finding->measures);
    CHECK(finding->retry_after_ms >= 0 && finding->retry_after_ms <= DURATION_MS_MAX);
    CHECK(!finding->summary || prose_is_valid(finding->summary, TITLE_BYTES_MAX));
    if (finding->kind == FINDING_SAID) {
        bool is_parked = finding->outcome == BATON_OUTCOME_PARKED;
        CHECK(is_parked || (finding->outcome >= BATON_OUTCOME_DONE &&
                            finding->outcome <= BATON_OUTCOME_RELEASED));
        CHECK(is_parked == (finding->wait_for != NULL));
    }
    if (finding->kind == FINDING_BAD) {
        CHECK(finding->summary && finding->summary[0]);
    }
    if (finding->document) {
        CHECK(strlen(finding->document) <= DOCUMENT_BYTES_MAX);
        json_t *document = json_loads(finding->document, 0, NULL);
        CHECK(json_is_object(document));
        json_decref(document);
        check_handoff(finding->document);
    }
    finding_fini(finding);
}

static void
check_clean(const char *text, size_t bytes, size_t bytes_max, int one_line)
{
    char *head = clean_head(text, bytes, bytes_max, one_line);
    char *tail = clean_tail(text, bytes, bytes_max);
    CHECK(prose_is_valid(head, bytes_max) && prose_is_valid(tail, bytes_max));
    CHECK(!one_line || !strpbrk(head, "\n\t"));
    free(head);
    free(tail);
}

static void
check_limits(enum adapter adapter, const char *text)
{
    size_t wrong;
    struct adapter_limits *limits = adapter_limits_new(adapter, NULL, 0, &wrong);
    int64_t retry_after_ms = 0;
    if (adapter_limits_match(limits, text, &retry_after_ms)) {
        CHECK(retry_after_ms >= 0 && retry_after_ms <= DURATION_MS_MAX);
    }
    adapter_limits_free(limits);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes};
    unsigned adapter = input_byte(&input) % ADAPTERS;
    uint8_t size = input_byte(&input);
    size_t n = input.bytes;
    char *text = input_text(&input);
    struct finding finding = result_parse(text, n, "the result file");
    check_finding(&finding);
    finding = adapter_read((enum adapter)adapter, text, n);
    check_finding(&finding);
    check_clean(text, n, 4u + size, size & 1);
    check_limits((enum adapter)adapter, text);
    free(text);
    return 0;
}
