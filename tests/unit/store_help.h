/* What the store's tests share: a directory, batches whose content follows from their numbers, and
 * a loader that checks them. */
#ifndef BATON_TESTS_UNIT_STORE_HELP_H
#define BATON_TESTS_UNIT_STORE_HELP_H

#include "broker/store/store.h"

#include <stddef.h>
#include <stdint.h>

/* What a load found. */
struct found {
    uint64_t chunks;
    uint64_t chunk_bytes;
    uint64_t first; /* seq of the first fact; 0: none */
    uint64_t last;  /* of the last one; 0: none */
    uint64_t rows;
    bool wrong; /* content that does not follow from its number */
};

char *help_dir(void);                                    /* a new one; malloced */
void help_remove(char *dir);                             /* with all that is in it; frees */
char *help_path(const char *dir, const char *name);      /* malloced */
uint8_t *help_read(const char *path, size_t *ret_bytes); /* malloced; NULL: not there */
void help_write(const char *path, const uint8_t *data, size_t bytes);
void help_copy(const char *from, const char *to); /* a file; nothing if there is none */

/* Opens and loads; prints the sentence on failure when `loud`. */
enum store_status help_load(const char *dir, struct store **ret_store, struct found *found,
                            char *error, size_t error_room);
/* Opens, loads, starts; anything wrong fails the test. */
struct store *help_start(const char *dir, struct found *found);

/* Fact i is FACT_BYTES of its number; `pad` adds bytes to the last one. */
enum { FACT_BYTES = 16 };
struct store_batch help_batch(uint64_t seq, uint32_t n, size_t pad);
void help_add_put(struct store_batch *batch, uint64_t key, size_t bytes); /* bytes 0: deletes it */
void help_add_chunk(struct store_batch *batch, uint64_t number, size_t bytes);
bool help_record_is_right(uint64_t key, const uint8_t *data, size_t bytes);

/* Waits until the ticket is durable; false when the store fails. */
bool help_wait(struct store *store, uint64_t ticket);
struct store_answer help_answer(struct store *store); /* waits for one */

#endif
