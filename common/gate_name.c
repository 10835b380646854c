#include "common/gate_name.h"

#include "common/check.h"

#include "card.pb-c.h"

#include <string.h>

static const struct {
    const char *prefix;
    int kind;
} gates[] = {
    {"signal:", BATON__CARD_KIND__CARD_SIGNAL},
    {"decision:", BATON__CARD_KIND__CARD_DECISION},
    {"deliverable:", BATON__CARD_KIND__CARD_SIGNAL},
};

int
gate_name_kind(const char *id, const char **ret_name)
{
    for (size_t i = 0; i < ARRAY_LEN(gates); i++) {
        if (id[0] != gates[i].prefix[0]) {
            continue; /* most ids, and each is asked about some times */
        }
        size_t bytes = strlen(gates[i].prefix);
        if (strncmp(id, gates[i].prefix, bytes) == 0) {
            if (ret_name) {
                *ret_name = id + bytes;
            }
            return gates[i].kind;
        }
    }
    return 0;
}

void
gate_name_settle(char *id)
{
    const char *name;
    int kind = gate_name_kind(id, &name);
    for (size_t i = 0; kind && i < ARRAY_LEN(gates); i++) {
        if (gates[i].kind == kind) {
            /* The first of the kind; no other prefix of it is shorter. */
            size_t bytes = strlen(gates[i].prefix);
            memmove(id + bytes, name, strlen(name) + 1);
            memcpy(id, gates[i].prefix, bytes);
            slug_make(id + bytes);
            return;
        }
    }
}

void
slug_make(char *name)
{
    size_t n = 0;
    for (const char *c = name; *c; c++) {
        bool is_upper = *c >= 'A' && *c <= 'Z';
        bool is_word = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || (*c & 0x80) ||
                       *c == '.' || *c == '_' || *c == '/' || *c == ':';
        if (is_upper || is_word) {
            name[n++] = is_upper ? (char)(*c - 'A' + 'a') : *c;
        } else if (n && name[n - 1] != '-') {
            name[n++] = '-';
        }
    }
    while (n && strchr("-.:/", name[n - 1])) {
        n--; /* "The database is ready." */
    }
    name[n] = 0;
}
