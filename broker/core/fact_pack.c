/* Facts on their way into the journal. Those that each task's life is made of are packed by hand,
 * as pack would have them (the simulation compares each); all others, and what is rare in these, by
 * pack. */
#include "broker/core/evolve.h"

#include "common/pack.h"

#include <string.h>

enum {
    FIELDS_MAX = 16, /* of a fact that is packed by hand, with those in it and in its result */
};

/* Begins a message in field `field`; its length, below 0x80, is put in when it has ended. */
static inline uint8_t *
part_begin(uint8_t *p, unsigned field)
{
    return varint_put(p, FIELD_TAG(field, FIELD_SIZED)) + 1;
}

static inline void
part_end(uint8_t *begin, const uint8_t *end)
{
    begin[-1] = (uint8_t)(end - begin);
}

/* NULL: it has more than numbers, and is left to pack. */
static uint8_t *
put_result(uint8_t *p, const Baton__Result *r)
{
    if (r->summary[0] || r->document.len || r->exit_status || r->output_tail[0] || r->wait_for[0] ||
        r->n_measures || r->base.n_unknown_fields) {
        return NULL;
    }
    uint8_t *begin = p = part_begin(p, 2);
    p = pack_number(p, 1, r->outcome);
    p = pack_number(p, 6, r->output_bytes);
    p = pack_number(p, 7, (uint64_t)r->retry_after_ms);
    p = pack_number(p, 8, (uint64_t)r->runtime_ms);
    part_end(begin, p);
    return p;
}

/* … */
static uint8_t *
put_ended(uint8_t *p, const Baton__AttemptEnded *ended)
{
    p = pack_number(p, 1, ended->key);
    p = ended->result ? put_result(p, ended->result) : p;
    if (!p || ended->text[0] || ended->lost || ended->unclean || ended->undo_loss) {
        return NULL;
    }
    p = pack_number(p, 3, ended->to);
    p = pack_number(p, 4, ended->reason);
    p = pack_number(p, 5, (uint64_t)ended->next_at);
    return pack_number(p, 6, ended->counted);
}

static uint8_t *
put_leased(uint8_t *p, const Baton__Leased *leased)
{
    p = pack_number(p, 1, leased->key);
    p = pack_number(p, 2, leased->worker);
    p = pack_number(p, 3, (uint64_t)leased->lease_ms);
    p = pack_number(p, 4, leased->sessionless);
    return pack_number(p, 100, (uint64_t)leased->waited_ms);
}

/* NULL: pack does it. */
static uint8_t *
put_what(uint8_t *p, const Baton__Fact *fact)
{
    switch ((unsigned)fact->what_case) {
    case BATON__FACT__WHAT_LEASED:
        return put_leased(p, fact->leased);
    case BATON__FACT__WHAT_STARTED:
        return pack_number(p, 1, fact->started->key);
    case BATON__FACT__WHAT_ATTEMPT_ENDED:
        return put_ended(p, fact->attempt_ended);
    case BATON__FACT__WHAT_ARCHIVED:
        return pack_number(p, 1, fact->archived->key);
    default:
        return NULL;
    }
}

/* The facts of a request have its time and its actor: packed once for all of them. False: there is
 * no room for such an actor. */
static bool
head_make(struct fact_head *head, const Baton__Fact *fact)
{
    if (head->actor == fact->actor && head->at == fact->at) {
        return true;
    }
    size_t actor_bytes = fact->actor[0] ? strlen(fact->actor) : 0;
    if (actor_bytes > FACT_HEAD_BYTES_MAX - 2 * PACK_HEAD_BYTES_MAX) {
        return false;
    }
    uint8_t *p = pack_number(head->data, 1, (uint64_t)fact->at);
    p = pack_text(p, 2, fact->actor, actor_bytes);
    head->bytes = (size_t)(p - head->data);
    head->actor = fact->actor;
    head->at = fact->at;
    return true;
}

static inline uint8_t *
put_head(uint8_t *p, const struct fact_head *head)
{
    return pack_copy(p, (const char *)head->data, head->bytes);
}

/* A description is longer than one byte of length says, so all lengths are known before. */
static void
pack_added(struct buf *facts, const Baton__Added *added, const struct fact_head *head)
{
    size_t bytes = pack_text_bytes(added->spec.len) + pack_number_bytes(added->parent) +
                   pack_number_bytes(added->depth);
    size_t all = head->bytes + 1 + varint_bytes(bytes) + bytes;
    uint8_t *p = varint_put(buf_reserve(facts, VARINT_BYTES_MAX + all), all);
    p = put_head(p, head);
    p = varint_put(varint_put(p, FIELD_TAG(BATON__FACT__WHAT_ADDED, FIELD_SIZED)), bytes);
    p = pack_text(p, 1, (const char *)added->spec.data, added->spec.len);
    p = pack_number(p, 2, added->parent);
    p = pack_number(p, 3, added->depth);
    facts->bytes = (size_t)(p - facts->data);
}

void
fact_pack(struct buf *facts, const Baton__Fact *fact, struct fact_head *head)
{
    if (!head_make(head, fact)) {
        pack_sized(facts, &fact->base);
        return;
    }
    if (fact->what_case == BATON__FACT__WHAT_ADDED) {
        pack_added(facts, fact->added, head);
        return;
    }
    size_t begin = facts->bytes;
    uint8_t *p = buf_reserve(facts, 1 + FACT_HEAD_BYTES_MAX + FIELDS_MAX * PACK_HEAD_BYTES_MAX);
    uint8_t *what = part_begin(put_head(p + 1, head), fact->what_case);
    uint8_t *end = put_what(what, fact);
    if (!end) {
        pack_sized(facts, &fact->base);
        return;
    }
    part_end(what, end);
    facts->bytes = (size_t)(end - facts->data);
    pack_length(facts, begin);
}
