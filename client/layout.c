/* Public structs as packed messages: see layout.h. */
#include "client/layout.h"

#include "common/fields.h"
#include "common/pack.h"
#include "common/text.h"

#include <string.h>

_Static_assert(sizeof(bool) == 1 && sizeof(int) == 4 && sizeof(size_t) == 8 && sizeof(void *) == 8,
               "values are of other sizes");

/* ---- a list, or bytes: a pointer and how many behind it ---- */

struct list {
    const void *at;
    size_t n;
};

static struct list
list_of(const void *place)
{
    struct list list;
    memcpy(&list, place, sizeof list);
    return list;
}

static size_t *
list_n(void *place)
{
    return (size_t *)(void *)((char *)place + offsetof(struct list, n));
}

/* ---- out ---- */

static uint32_t
zigzag(int32_t value)
{
    return (uint32_t)value << 1 ^ (value < 0 ? UINT32_MAX : 0);
}

static void
add_double(struct buf *buf, const struct layout_field *field, const void *at)
{
    double value;
    memcpy(&value, at, sizeof value);
    if (value != 0 && buf_has_room(buf, PACK_HEAD_BYTES_MAX)) {
        uint8_t *p = varint_put(buf->data + buf->bytes,
                                FIELD_TAG(field->number, FIELD_EIGHT_BYTES));
        memcpy(p, at, sizeof value); /* little-endian, as this machine */
        buf->bytes = (size_t)(p + sizeof value - buf->data);
    }
}

static inline void
add_number(struct buf *buf, const struct layout_field *field, uint64_t value)
{
    if (value && buf_has_room(buf, PACK_HEAD_BYTES_MAX)) {
        uint8_t *p = pack_number(buf->data + buf->bytes, field->number, value);
        buf->bytes = (size_t)(p - buf->data);
    }
}

/* Is said although it may be empty. */
static void
add_bytes(struct buf *buf, const struct layout_field *field, const void *data, size_t bytes)
{
    if (buf_has_room(buf, PACK_HEAD_BYTES_MAX + bytes)) {
        uint8_t *p = varint_put(buf->data + buf->bytes, FIELD_TAG(field->number, FIELD_SIZED));
        p = pack_copy(varint_put(p, bytes), bytes ? data : "", bytes);
        buf->bytes = (size_t)(p - buf->data);
    }
}

static void
add_text(struct buf *buf, const struct layout *layout, const struct layout_field *field,
         const char *text, const char **ret_wrong)
{
    size_t bytes = text ? strlen(text) : 0;
    if (!*ret_wrong && !utf8_is_valid(text, bytes)) {
        *ret_wrong = protobuf_c_message_descriptor_get_field(layout->type, field->number)->name;
    }
    add_bytes(buf, field, text, bytes);
}

static void
add_structs(struct buf *buf, const struct layout_field *field, struct list structs,
            const char **ret_wrong)
{
    const char *at = structs.at;
    for (size_t i = 0; i < structs.n && buf_has_room(buf, PACK_HEAD_BYTES_MAX); i++) {
        uint8_t *p = varint_put(buf->data + buf->bytes, FIELD_TAG(field->number, FIELD_SIZED));
        buf->bytes = (size_t)(p - buf->data);
        size_t begin = buf->bytes++;
        layout_pack(buf, field->inner, at + i * field->inner->bytes, ret_wrong);
        pack_length(buf, begin);
    }
}

static void
add_list(struct buf *buf, const struct layout *layout, const struct layout_field *field,
         struct list list, const char **ret_wrong)
{
    if (field->kind == LAYOUT_BYTES) {
        add_bytes(buf, field, list.at, list.n);
    } else if (field->kind == LAYOUT_STRUCTS) {
        add_structs(buf, field, list, ret_wrong);
    } else {
        for (size_t i = 0; i < list.n; i++) {
            add_text(buf, layout, field, ((const char *const *)list.at)[i], ret_wrong);
        }
    }
}

void
layout_pack(struct buf *buf, const struct layout *layout, const void *from, const char **ret_wrong)
{
    for (const struct layout_field *field = layout->fields; field->number != LAYOUT_END; field++) {
        const void *at = (const char *)from + field->offset;
        switch ((enum layout_kind)field->kind) {
        case LAYOUT_LONG:
            add_number(buf, field, *(const uint64_t *)at);
            break;
        case LAYOUT_WORD:
            add_number(buf, field, *(const uint32_t *)at);
            break;
        case LAYOUT_ENUM:
            add_number(buf, field, (uint64_t)(int64_t) * (const int32_t *)at);
            break;
        case LAYOUT_ZIGZAG:
            add_number(buf, field, zigzag(*(const int32_t *)at));
            break;
        case LAYOUT_FLAG:
            add_number(buf, field, *(const bool *)at);
            break;
        case LAYOUT_DOUBLE:
            add_double(buf, field, at);
            break;
        case LAYOUT_TEXT: {
            const char *text = *(const char *const *)at;
            if (text && text[0]) {
                add_text(buf, layout, field, text, ret_wrong);
            }
            break;
        }
        case LAYOUT_BYTES:
        case LAYOUT_TEXTS:
        case LAYOUT_STRUCTS:
            if (list_of(at).n > 0) {
                add_list(buf, layout, field, list_of(at), ret_wrong);
            }
            break;
        case LAYOUT_STRUCT:
        case LAYOUT_COUNT:
            break;
        }
    }
}

/* ---- in ---- */

/* Ends with a NUL that is not counted. */
static void *
copy(struct record *record, const struct field *field)
{
    uint8_t *p = record_alloc(record, field->bytes + 1);
    if (p) {
        *pack_copy(p, (const char *)field->data, field->bytes) = 0;
    }
    return p;
}

static void *
read_struct(struct record *record, const struct layout *layout, const struct field *field)
{
    void *made = record_alloc(record, layout->bytes);
    if (made) {
        layout_read(record, layout, field->bytes, field->data, made);
    }
    return made;
}

/* The field of that number, or one with a higher number. They come in rising order, so the search
 * goes on where the last one was found. */
static const struct layout_field *
find(const struct layout *layout, const struct layout_field *last, uint32_t number)
{
    last = last->number <= number ? last : layout->fields;
    while (last->number < number) {
        last++;
    }
    return last;
}

static bool
is_list(const struct layout_field *field)
{
    return field->kind == LAYOUT_TEXTS || field->kind == LAYOUT_STRUCTS;
}

/* Numbers have a varint, the others a length; anything counts. */
static bool
fits(const struct layout_field *field, const struct field *there)
{
    return field->kind == LAYOUT_COUNT ||
           there->wire_type == (field->kind < LAYOUT_TEXT ? FIELD_VARINT : FIELD_SIZED);
}

/* Elements of lists are counted only. */
static void
read_value(struct record *record, const struct layout_field *field, const struct field *there,
           void *at)
{
    switch ((enum layout_kind)field->kind) {
    case LAYOUT_LONG:
        *(uint64_t *)at = there->value;
        break;
    case LAYOUT_WORD:
    case LAYOUT_ENUM:
        *(uint32_t *)at = (uint32_t)there->value;
        break;
    case LAYOUT_ZIGZAG:
        *(uint32_t *)at = (uint32_t)there->value >> 1 ^ (0u - (uint32_t)(there->value & 1));
        break;
    case LAYOUT_FLAG:
        *(bool *)at = there->value != 0;
        break;
    case LAYOUT_DOUBLE:
        break;
    case LAYOUT_TEXT:
        *(const void **)at = copy(record, there);
        break;
    case LAYOUT_BYTES:
        *(const void **)at = copy(record, there);
        *list_n(at) = there->bytes;
        break;
    case LAYOUT_TEXTS:
    case LAYOUT_STRUCTS:
        ++*list_n(at);
        break;
    case LAYOUT_STRUCT:
        *(const void **)at = read_struct(record, field->inner, there);
        break;
    case LAYOUT_COUNT:
        ++*(size_t *)at;
        break;
    }
}

/* Another look, for the lists whose lengths are known now. */
static void
read_lists(struct record *record, const struct layout *layout, size_t bytes, const uint8_t *data,
           char *to)
{
    for (const struct layout_field *field = layout->fields; field->number != LAYOUT_END; field++) {
        void *at = to + field->offset;
        if (is_list(field) && *list_n(at) > 0) {
            size_t element = field->kind == LAYOUT_TEXTS ? sizeof(char *) : field->inner->bytes;
            *(void **)at = record_array(record, *list_n(at), element);
            *list_n(at) = 0; /* counts again */
        }
    }
    const struct layout_field *field = layout->fields;
    struct field there;
    for (size_t pos = 0; !record->failed && pos < bytes && field_next(data, bytes, &pos, &there);) {
        field = there.number < LAYOUT_END ? find(layout, field, there.number) : field;
        if (field->number != there.number || !is_list(field)) {
            continue;
        }
        void *at = to + field->offset;
        size_t i = (*list_n(at))++;
        if (field->kind == LAYOUT_TEXTS) {
            (*(const char ***)at)[i] = copy(record, &there);
        } else {
            layout_read(record, field->inner, there.bytes, there.data,
                        *(char **)at + i * field->inner->bytes);
        }
    }
}

void
layout_read(struct record *record, const struct layout *layout, size_t bytes, const uint8_t *data,
            void *to)
{
    memcpy(to, layout->empty, layout->bytes);
    const struct layout_field *field = layout->fields;
    bool has_lists = false;
    struct field there;
    size_t pos = 0;
    while (pos < bytes && field_next(data, bytes, &pos, &there)) {
        field = there.number < LAYOUT_END ? find(layout, field, there.number) : field;
        if (field->number != there.number) {
            continue;
        }
        if (!fits(field, &there)) {
            record->malformed = true;
            return;
        }
        has_lists |= is_list(field);
        read_value(record, field, &there, (char *)to + field->offset);
    }
    record->malformed |= pos < bytes;
    if (has_lists && !record->malformed) {
        read_lists(record, layout, bytes, data, to);
    }
}
