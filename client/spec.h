/* Specs, references and resources, between the public structs and the messages. What is built
 * points into the source and the memory of a record; running out of it shows as record->failed. */
#ifndef BATON_CLIENT_SPEC_H
#define BATON_CLIENT_SPEC_H

#include "baton.h"
#include "client/record.h"
#include "common/buf.h"

#include <wire.pb-c.h>

/* Appends a packed Spec. `ret_wrong` gets the name of the first text that is not UTF-8 unless it
 * has one already. */
void spec_pack(struct buf *buf, const baton_spec *spec, const char **ret_wrong);
/* The same in the memory of a record. False: no memory. */
bool spec_pack_in(struct record *record, const baton_spec *spec, ProtobufCBinaryData *ret_packed);

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
