/* What a run says: a hash of all that came out, messages in words, and how it failed. */
#include "sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

void
trace_hash(struct world *w, const void *data, size_t bytes)
{
    w->hash = XXH3_64bits_withSeed(data, bytes, w->hash);
}

void
trace_hash_message(struct world *w, const ProtobufCMessage *message)
{
    size_t bytes = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(&w->arena, bytes ? bytes : 1);
    protobuf_c_message_pack(message, data);
    trace_hash(w, data, bytes);
}

void
trace_line(struct world *w, const char *fmt, ...)
{
    if (!w->trace) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    printf("%6u  ", w->step);
    vprintf(fmt, args);
    printf("\n");
    va_end(args);
}

/* ---- messages ---- */

static void print_fields(const ProtobufCMessage *message, int depth);

static void
print_value(const ProtobufCFieldDescriptor *field, const void *at, int depth)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        printf("%" PRId32, *(const int32_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        printf("%" PRIu32, *(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        printf("%" PRId64, *(const int64_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        printf("%" PRIu64, *(const uint64_t *)at);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        printf("%s", *(const protobuf_c_boolean *)at ? "yes" : "no");
        break;
    case PROTOBUF_C_TYPE_ENUM: {
        const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(field->descriptor,
                                                                               *(const int *)at);
        printf("%s", value ? value->name : "?");
        break;
    }
    case PROTOBUF_C_TYPE_STRING: {
        char text[160];
        const char *s = *(char *const *)at;
        size_t n = 0;
        for (; *s && n + 5 < sizeof text; s++) {
            unsigned char c = (unsigned char)*s;
            n += (size_t)snprintf(text + n, sizeof text - n, c < 32 || c > 126 ? "\\x%02x" : "%c",
                                  c);
        }
        text[n] = 0;
        printf("\"%s\"%s", text, *s ? "…" : "");
        break;
    }
    case PROTOBUF_C_TYPE_BYTES:
        printf("<%zu bytes>", ((const ProtobufCBinaryData *)at)->len);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        print_fields(*(ProtobufCMessage *const *)at, depth + 1);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    default:
        printf("?");
        break;
    }
}

static bool
is_empty(const ProtobufCFieldDescriptor *field, const void *at)
{
    static const uint8_t zero[16];
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return !*(char *const *)at || !**(char *const *)at;
    case PROTOBUF_C_TYPE_MESSAGE:
        return !*(ProtobufCMessage *const *)at;
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)at)->len == 0;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return memcmp(at, zero, 8) == 0;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
    default:
        return memcmp(at, zero, 4) == 0;
    }
}

static size_t
width(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_BOOL:
        return 4;
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
    default:
        return 8;
    }
}

static void
print_repeated(const ProtobufCFieldDescriptor *field, const uint8_t *base, int depth)
{
    size_t n = *(const size_t *)(base + field->quantifier_offset);
    const uint8_t *items = *(uint8_t *const *)(base + field->offset);
    printf(" %s=[", field->name);
    for (size_t i = 0; i < n; i++) {
        printf("%s", i ? ", " : "");
        print_value(field, items + i * width(field), depth);
    }
    printf("]");
}

/* Messages nest four deep at most. */
static void
print_fields(const ProtobufCMessage *message, int depth)
{
    const uint8_t *base = (const uint8_t *)message;
    printf("%s", depth ? "{" : "");
    for (unsigned i = 0; depth < 8 && i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            if (*(const size_t *)(base + field->quantifier_offset)) {
                print_repeated(field, base, depth);
            }
            continue;
        }
        bool in_oneof = field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
        if (in_oneof ? *(const uint32_t *)(base + field->quantifier_offset) != field->id
                     : is_empty(field, base + field->offset)) {
            continue;
        }
        printf(" %s=", field->name);
        print_value(field, base + field->offset, depth);
    }
    printf("%s", depth ? " }" : "");
}

void
trace_message(struct world *w, const char *what, const ProtobufCMessage *message)
{
    if (!w->trace) {
        return;
    }
    printf("%6u  %s", w->step, what);
    print_fields(message, 0);
    printf("\n");
}

/* ---- failing ---- */

const char *
trace_codes(codes set, char *out, size_t room)
{
    size_t n = 0;
    out[0] = 0;
    for (int i = 0; i < 32; i++) {
        if (set & (1u << i)) {
            n += (size_t)snprintf(out + n, room - n, "%s%s", n ? " or " : "", code_name(i));
            n = MIN(n, room - 1);
        }
    }
    return out;
}

const char *
trace_reasons(reasons set, char *out, size_t room)
{
    size_t n = 0;
    out[0] = 0;
    for (int i = 0; i < 64; i++) {
        if (set & (UINT64_C(1) << i)) {
            n += (size_t)snprintf(out + n, room - n, "%s%s", n ? " or " : "",
                                  reason_name(reason_name(i)[0] ? i : i + 64));
            n = MIN(n, room - 1);
        }
    }
    return out;
}

void
sim_fail(struct world *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(w->message, sizeof w->message, fmt, args);
    va_end(args);
    w->kind = fmt;
    longjmp(*w->failed, 1);
}
