/* The checksum of each row: XXH3, 64 bits, over the row's own place and its content, so that a row
 * which is whole but in the wrong place does not pass. Numbers go in as little endian. */
#include "broker/store/private.h"

#include <string.h>

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

static void
put_u64(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

/* XXH3 of the two runs one after the other. */
static uint64_t
hash_two(const uint8_t *head, size_t head_bytes, const void *data, size_t bytes)
{
    XXH3_state_t state;
    CHECK(XXH3_64bits_reset(&state) == XXH_OK);
    CHECK(XXH3_64bits_update(&state, head, head_bytes) == XXH_OK);
    if (bytes) {
        CHECK(XXH3_64bits_update(&state, data, bytes) == XXH_OK);
    }
    return XXH3_64bits_digest(&state);
}

uint64_t
crc_journal(uint64_t seq, uint32_t n, uint64_t epoch, const uint8_t *facts, size_t bytes)
{
    uint8_t head[1 + 24] = {'j'};
    put_u64(head + 1, seq);
    put_u64(head + 9, n);
    put_u64(head + 17, epoch);
    return hash_two(head, sizeof(head), facts, bytes);
}

uint64_t
crc_keyed(char table, uint64_t key, const uint8_t *data, size_t bytes)
{
    uint8_t head[1 + 8] = {(uint8_t)table};
    put_u64(head + 1, key);
    return hash_two(head, sizeof(head), data, bytes);
}

uint64_t
crc_run(uint64_t first, uint64_t last, const uint8_t *data, size_t bytes)
{
    uint8_t head[1 + 16] = {'r'};
    put_u64(head + 1, first);
    put_u64(head + 9, last);
    return hash_two(head, sizeof(head), data, bytes);
}

uint64_t
crc_meta(const char *name, const char *value)
{
    uint8_t head[64] = {'m'};
    size_t bytes = strlen(name) + 1;
    CHECK(bytes < sizeof(head));
    memcpy(head + 1, name, bytes);
    return hash_two(head, bytes + 1, value, strlen(value));
}
