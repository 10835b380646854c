/* Facts that are packed by hand: the same bytes as protobuf-c's own, for any content. */
#include "broker/core/evolve.h"
#include "tests/unit/filling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 3000 };

static void
assert_packs_alike(struct filling *f, const Baton__Fact *fact)
{
    size_t bytes = baton__fact__get_packed_size(fact);
    uint8_t *expected = arena_alloc(&f->arena, bytes + 1);
    baton__fact__pack(fact, expected);
    struct buf facts = {0};
    buf_add_text(&facts, "x");
    struct fact_head head = {0};
    fact_pack(&facts, fact, &head);
    size_t once = facts.bytes - 1;
    fact_pack(&facts, fact, &head); /* the same request's next one */
    assert_int_equal(facts.bytes, 1 + 2 * once);
    assert_memory_equal(facts.data + 1, facts.data + 1 + once, once);
    facts.bytes -= once;
    uint64_t length;
    size_t pos = 1;
    assert_true(varint_read(facts.data, facts.bytes, &pos, &length));
    assert_int_equal(length, bytes);
    assert_int_equal(facts.bytes, pos + bytes);
    assert_memory_equal(facts.data + pos, expected, bytes);
    buf_fini(&facts);
}

static void
test_facts_are_packed_as_protobuf_c_does(void **state)
{
    (void)state;
    struct filling f = {.rng = {.state = 1}, .known_values = true};
    arena_init(&f.arena);
    const ProtobufCMessageDescriptor *type = &baton__fact__descriptor;
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (type->fields[i].type != PROTOBUF_C_TYPE_MESSAGE) {
            continue;
        }
        for (int round = 0; round < ROUNDS; round++) {
            Baton__Fact *fact = (Baton__Fact *)filling_make(&f, type);
            ProtobufCMessage *what = filling_make(&f, type->fields[i].descriptor);
            fact->what_case = (Baton__Fact__WhatCase)type->fields[i].id;
            memcpy((char *)fact + type->fields[i].offset, &what, sizeof what);
            assert_packs_alike(&f, fact);
            arena_reset(&f.arena);
        }
    }
    arena_fini(&f.arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts_are_packed_as_protobuf_c_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
