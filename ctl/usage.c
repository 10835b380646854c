/* A verb's usage as a grammar. */
#include "ctl/usage.h"

#include <string.h>

static const char lower[] = "abcdefghijklmnopqrstuvwxyz";

bool
span_is(struct span span, const char *text)
{
    return strlen(text) == span.bytes && memcmp(text, span.at, span.bytes) == 0;
}

/* ---- options ---- */

/* Behind an option that is followed by one space stands its placeholder; by more, its text. */
static struct span
value_at(const char *p)
{
    struct span none = {p, 0};
    if (p[0] != ' ' || strchr(" |-[\n", p[1])) {
        return none;
    }
    return (struct span){p + 1, strcspn(p + 1, " \n")};
}

/* The start of the next option, and whether the text up to it left a backtick open. */
static const char *
find_option(const char *p)
{
    for (bool quoted = false; *p; p++) {
        quoted ^= *p == '`';
        if (!quoted && p[0] == '-' && p[1] == '-' && p[2] && strchr(lower, p[2])) {
            return p;
        }
    }
    return NULL;
}

bool
usage_next_option(const char **at, struct usage_option *ret)
{
    const char *p = find_option(*at);
    if (!p) {
        return false;
    }
    ret->name = (struct span){p, 2 + strspn(p + 2, "abcdefghijklmnopqrstuvwxyz-")};
    ret->value = value_at(p + ret->name.bytes);
    *at = ret->value.at + ret->value.bytes;
    const char *next = find_option(*at);
    ret->text = (struct span){*at, next ? (size_t)(next - *at) : strlen(*at)};
    return true;
}

bool
usage_find_option(const char *usage, struct span name, struct usage_option *ret)
{
    struct usage_option option;
    while (usage_next_option(&usage, &option)) {
        if (option.name.bytes == name.bytes && memcmp(option.name.at, name.at, name.bytes) == 0) {
            *ret = option;
            return true;
        }
    }
    return false;
}

/* ---- the synopsis ---- */

bool
usage_next_alternative(const char **at, struct span *ret)
{
    const char *p = *at;
    if (!*p || (*p == '\n' && p[1] != '|')) {
        return false;
    }
    p += *p == '\n';
    p += strspn(p, "| ");
    const char *begin = p;
    while (*p && *p != '\n' && strncmp(p, " | ", 3) != 0) {
        p++;
    }
    *ret = (struct span){begin, (size_t)(p - begin)};
    *at = p;
    return true;
}

const char *
usage_synopsis_end(const char *usage)
{
    for (struct span alternative; usage_next_alternative(&usage, &alternative);) {
    }
    return usage;
}

static struct span
take_word(struct span *rest)
{
    size_t skip = 0, bytes = 0;
    while (skip < rest->bytes && rest->at[skip] == ' ') {
        skip++;
    }
    while (skip + bytes < rest->bytes && rest->at[skip + bytes] != ' ') {
        bytes++;
    }
    struct span word = {rest->at + skip, bytes};
    rest->at += skip + bytes;
    rest->bytes -= skip + bytes;
    return word;
}

bool
usage_next_token(struct span *alternative, struct span *ret)
{
    for (;;) {
        struct span word = take_word(alternative);
        if (word.bytes == 0) {
            return false;
        }
        size_t bracket = word.at[0] == '[';
        if (word.bytes < bracket + 2 || strncmp(word.at + bracket, "--", 2) != 0) {
            *ret = word;
            return true;
        }
        struct span before = *alternative;
        struct span value = take_word(alternative);
        if (value.bytes == 0 || value.at[0] == '[' || value.at[0] == '-') {
            *alternative = before;
        }
    }
}

bool
usage_repeats(struct span token)
{
    return memmem(token.at, token.bytes, "…", strlen("…")) != NULL;
}

bool
usage_next_piece(struct span *token, struct span *ret)
{
    size_t skip = 0, bytes = 0;
    while (skip < token->bytes && (token->at[skip] == '|' || token->at[skip] == '[')) {
        skip++;
    }
    /* What follows in brackets, behind '=' or ':' is for people; so are the dots, which are not
     * ASCII. */
    while (skip + bytes < token->bytes && !strchr("|[]=:", token->at[skip + bytes]) &&
           (signed char)token->at[skip + bytes] > 0) {
        bytes++;
    }
    *ret = (struct span){token->at + skip, bytes};
    const char *more = memchr(ret->at + bytes, '|', token->bytes - skip - bytes);
    token->bytes = more ? (size_t)(token->at + token->bytes - more) : 0;
    token->at = more ? more : token->at;
    return bytes > 0;
}

bool
usage_is_word(struct span piece)
{
    bool is_level = piece.bytes == 2 && piece.at[0] == 'P' && strchr("0123", piece.at[1]);
    return is_level || (piece.bytes > 0 && strchr(lower, piece.at[0]));
}

bool
usage_takes(struct span token, const char *argument, bool *ret_word)
{
    struct span piece;
    bool takes = false;
    *ret_word = false;
    while (usage_next_piece(&token, &piece)) {
        bool is_it = usage_is_word(piece) && span_is(piece, argument);
        *ret_word = *ret_word || is_it;
        takes = takes || is_it || !usage_is_word(piece);
    }
    return takes;
}
