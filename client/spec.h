/* Specs, references and resources, between the public structs and the messages. What is built
 * points into the source and the memory of a record; running out of it shows as record->failed. */
#ifndef BATON_CLIENT_SPEC_H
#define BATON_CLIENT_SPEC_H

#include "baton.h"
#include "client/layout.h"
#include "client/record.h"

#include <wire.pb-c.h>

/* A Spec. */
extern const struct layout spec_layout;
/* Packed, in the memory of a record. False: no memory. */
bool spec_pack_in(struct record *record, const baton_spec *spec, ProtobufCBinaryData *ret_packed);
/* NULL: no memory, or malformed (the record tells). */
baton_spec *spec_read(struct record *record, ProtobufCBinaryData packed);

/* To messages. NULL: no memory. Counts are as given; pointers may be NULL where they are 0. */
Baton__Spec *spec_to_message(struct record *record, const baton_spec *spec);
Baton__Ref *ref_to_message(struct record *record, const struct baton_ref *ref);
Baton__Ref **refs_to_messages(struct record *record, const struct baton_ref *refs, size_t n);
Baton__Resource **resources_to_messages(struct record *record,
                                        const struct baton_resource *resources, size_t n);
Baton__List *filter_to_message(struct record *record, const struct baton_filter *filter);

/* From messages. NULL messages become empty ones. NULL answers: no memory. */
baton_spec *spec_from_message(struct record *record, const Baton__Spec *message);
struct baton_ref ref_from_message(const Baton__Ref *message);
struct baton_ref *refs_from_messages(struct record *record, Baton__Ref *const *messages, size_t n);

#endif
