/* Durations, times, sizes, rules of recurring work, measures and names of gates as people write
 * them: in range when taken, and what we print of them is read back as the same. */
#include "tests/fuzz/fuzz.h"

#include "common/gate_name.h"
#include "common/limits.h"
#include "common/measure.h"
#include "common/recur.h"
#include "common/text.h"
#include "common/units.h"

#include <stdlib.h>
#include <string.h>

/* Files of zones are opened by name, so the names are not the fuzzer's to choose freely. */
static const char *const zones[] = {NULL,
                                    "",
                                    "UTC",
                                    "Europe/Zurich",
                                    "America/St_Johns",
                                    "Pacific/Apia",
                                    "Asia/Kathmandu",
                                    "../../etc/passwd",
                                    "No/Such"};

static void
check_duration(const char *text)
{
    int64_t ms;
    if (!duration_parse(text, &ms)) {
        return;
    }
    CHECK(ms >= 0 && ms <= DURATION_MS_MAX);
    char shown[64];
    CHECK(duration_format(ms, shown, sizeof shown) == shown && strlen(shown) < sizeof shown - 1);
    int64_t again;
    CHECK(duration_parse(shown, &again));
    CHECK(again <= ms && ms - again <= ms / 7); /* two units are shown: 1w of 1w 23h */
}

static void
check_time(const char *text, const char *zone, int64_t now)
{
    int64_t ms;
    if (!time_parse(text, zone, now, &ms)) {
        return;
    }
    CHECK(ms >= 0 && ms <= TIME_MS_MAX);
    char shown[64];
    CHECK(time_format(ms, shown, sizeof shown) == shown);
    int64_t again;
    CHECK(time_parse(shown, zone, now, &again) && again == ms);
}

/* The next time is not before the one that was asked for, and is its own next. */
static void
check_rule(const char *text, int64_t now)
{
    struct recur rule;
    const char *wrong = recur_parse(text, &rule);
    if (wrong) {
        check_is_printable(wrong, 0);
        return;
    }
    if (rule.every_ms) {
        CHECK(rule.every_ms >= 1000 && rule.every_ms <= DURATION_MS_MAX);
        return;
    }
    int64_t next = recur_next_local(&rule, now);
    CHECK(next == INT64_MAX || (next >= now && next % 60000 == 0));
    CHECK(next == INT64_MAX || recur_next_local(&rule, next) == next);
}

static void
check_measure(const char *text)
{
    struct measure_text measure;
    if (measure_parse(text, &measure)) {
        CHECK(name_is_valid(measure.name, MEASURE_NAME_BYTES_MAX));
        CHECK(measure.value >= -MEASURE_MAX && measure.value <= MEASURE_MAX);
        CHECK(strlen(measure.unit) <= CARD_TAG_BYTES_MAX);
        CHECK(prose_is_valid(measure.unit, CARD_TAG_BYTES_MAX));
    }
}

/* Settled once, it stays, and is no longer. */
static void
check_gate(const char *text)
{
    char *settled = strdup(text);
    CHECK(settled);
    gate_name_settle(settled);
    CHECK(gate_name_kind(text, NULL) == gate_name_kind(settled, NULL));
    CHECK(strlen(settled) <= strlen(text));
    char *again = strdup(settled);
    CHECK(again);
    gate_name_settle(again);
    CHECK(strcmp(settled, again) == 0);
    free(again);
    free(settled);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes};
    const char *zone = zones[input_byte(&input) % ARRAY_LEN(zones)];
    int64_t now = (int64_t)input_short(&input) * INT64_C(3866500000); /* 0 to the year 9999 */
    char *text = input_text(&input);
    check_duration(text);
    check_time(text, zone, now);
    check_rule(text, now);
    check_measure(text);
    check_gate(text);
    uint64_t size = 0;
    CHECK(size_parse(text, &size) || size == 0);
    free(text);
    return 0;
}
