/* Durations and times as people write them: in range when taken, and what we print of them is read
 * back as the same. */
#include "tests/fuzz/fuzz.h"

#include "common/limits.h"
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes};
    const char *zone = zones[input_byte(&input) % ARRAY_LEN(zones)];
    int64_t now = (int64_t)input_short(&input) * INT64_C(3866500000); /* 0 to the year 9999 */
    char *text = input_text(&input);
    check_duration(text);
    check_time(text, zone, now);
    free(text);
    return 0;
}
