/* What may stand in a place of the command line. */
#include "ctl/complete.h"

#include "ctl/options.h"

#include <string.h>

void
place_offer(const struct place *place, const char *word, const char *help)
{
    if (strncmp(word, place->begun, strlen(place->begun)) != 0) {
        return;
    }
    ctl_print(place->ctl, "%.*s", (int)place->before.bytes, place->before.at);
    ctl_print_text(place->ctl, word);
    ctl_print(place->ctl, help ? "\t%s\n" : "\n", help);
}

static void
offer_span(const struct place *place, struct span span)
{
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)span.bytes, span.at);
    place_offer(place, word, NULL);
}

/* ---- placeholders ---- */

/* "X": its words stand in the option's text, behind its last colon, with commas between them. */
static void
offer_listed(const struct place *place, struct span text)
{
    const char *end = text.at + text.bytes;
    const char *p = text.at;
    for (const char *q = p; q + 1 < end && *q != ';'; q++) {
        p = q[0] == ':' && q[1] == ' ' ? q + 1 : p;
    }
    while (p < end) {
        p += strspn(p, " \n,");
        struct span word = {p, strcspn(p, " ,;\n")};
        if (word.bytes && !memchr(word.at, '=', word.bytes) && !memchr(word.at, ':', word.bytes)) {
            offer_span(place, word);
        }
        p += strcspn(p, ",;");
        if (*p != ',') {
            break;
        }
    }
}

static void
offer_rule_kinds(const struct place *place)
{
    static const baton_card_kind kinds[] = {BATON_CARD_AREA,     BATON_CARD_LEVEL,
                                            BATON_CARD_TARGET,   BATON_CARD_ROLE,
                                            BATON_CARD_SCHEDULE, BATON_CARD_BUDGET};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        place_offer(place, baton_card_kind_name(kinds[i]), NULL);
    }
}

static void
offer_verbs(const struct place *place)
{
    for (const struct verb *verb = verbs; verb->name; verb++) {
        place_offer(place, verb->name, verb->help);
    }
}

/* `option` is whose value it is, NULL: an argument. */
static void
offer_placeholder(const struct place *place, struct span piece, const struct usage_option *option)
{
    char name[32] = "";
    if (option) {
        snprintf(name, sizeof name, "%.*s", (int)option->name.bytes, option->name.at);
    }
    if (span_is(piece, "R") || span_is(piece, "WHO")) {
        for (const char *const *role = baton_roles(); *role; role++) {
            place_offer(place, *role, NULL);
        }
    } else if (span_is(piece, "S")) {
        for (int state = BATON_WAITING; *baton_state_name((baton_state)state); state++) {
            place_offer(place, baton_state_name((baton_state)state), NULL);
        }
    } else if (span_is(piece, "X") && option) {
        offer_listed(place, option->text);
    } else if (span_is(piece, "KIND")) {
        offer_rule_kinds(place);
    } else if (span_is(piece, "VERB")) {
        offer_verbs(place);
    } else if (span_is(piece, "FILE") || span_is(piece, "F") || span_is(piece, "DIR") ||
               span_is(piece, "PATH")) {
        ctl_print(place->ctl, COMPLETE_FILES "\n");
    } else {
        place_offer_names(place, piece, name);
    }
}

static void
offer_token(const struct place *place, struct span token, const struct usage_option *option)
{
    struct span piece;
    while (usage_next_piece(&token, &piece)) {
        if (usage_is_word(piece)) {
            offer_span(place, piece);
        } else {
            offer_placeholder(place, piece, option);
        }
    }
}

/* ---- arguments and options ---- */

/* Offers what follows the arguments in this alternative. False: it is not this one. */
static bool
offer_of(const struct place *place, struct span alternative, bool by_word)
{
    struct span token;
    size_t i = 0;
    while (usage_next_token(&alternative, &token)) {
        bool is_word = false;
        if (i == place->n_arguments) {
            offer_token(place, token, NULL);
            return true;
        }
        if (!usage_takes(token, place->arguments[i], &is_word) || (i == 0 && by_word && !is_word)) {
            return false;
        }
        if (usage_repeats(token)) {
            offer_token(place, token, NULL);
            return true;
        }
        i++;
    }
    return i > 0;
}

/* A first argument that is a word of one alternative is no name in another. */
static void
offer_arguments(const struct place *place)
{
    for (int by_word = place->n_arguments > 0; by_word >= 0; by_word--) {
        const char *at = place->verb->usage;
        bool found = false;
        for (struct span alternative; usage_next_alternative(&at, &alternative);) {
            found |= offer_of(place, alternative, by_word);
        }
        if (found) {
            return;
        }
    }
}

static void
offer_options(const struct place *place)
{
    const char *const texts[] = {place->verb ? place->verb->usage : "", global_usage};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *at = texts[i];
        for (struct usage_option option, first; usage_next_option(&at, &option);) {
            if (usage_find_option(texts[i], option.name, &first) &&
                first.name.at == option.name.at) {
                offer_span(place, option.name);
            }
        }
    }
}

/* ---- the words before it ---- */

/* The broker and the project that the line itself names are asked. */
static void
take_global(struct ctl *ctl, const struct usage_option *option, const char *value)
{
    struct ctl_ref ref;
    const char *why;
    if (span_is(option->name, "--endpoint")) {
        ctl->endpoint = value;
    } else if (span_is(option->name, "--project") && value[0] &&
               ctl_ref_parse("x", value, &ref, &why)) {
        ctl->project = value;
        ctl->project_given = true;
    }
}

/* Takes an option that stands before the place, with its value. False: the place is its value. */
static bool
take_option(struct place *place, const char *const *words, int n, int *i, struct usage_option *ret)
{
    if (!options_find(place->verb, words[*i], ret) || ret->value.bytes == 0) {
        return true;
    }
    const char *equals = strchr(words[*i], '=');
    if (!equals && *i + 1 == n) {
        return false;
    }
    take_global(place->ctl, ret, equals ? equals + 1 : words[++*i]);
    return true;
}

int
complete_words(struct ctl *ctl, int n, const char *const *words)
{
    struct place place = {.ctl = ctl, .begun = n > 0 ? words[n - 1] : ""};
    struct usage_option option;
    for (int i = 0; i < n - 1; i++) {
        if (strcmp(words[i], "--") == 0) {
            return CTL_NO; /* a command of its own */
        }
        if (words[i][0] == '-' && words[i][1]) {
            if (!take_option(&place, words, n - 1, &i, &option)) {
                offer_token(&place, option.value, &option);
                return CTL_YES;
            }
        } else if (!place.verb) {
            place.verb = verb_find(words[i]);
            if (!place.verb) {
                return CTL_NO;
            }
        } else if (place.n_arguments < COMPLETE_ARGUMENTS_MAX) {
            place.arguments[place.n_arguments++] = words[i];
        }
    }
    const char *equals = strchr(place.begun, '=');
    if (place.begun[0] == '-' && equals && options_find(place.verb, place.begun, &option)) {
        place.before = (struct span){place.begun, (size_t)(equals + 1 - place.begun)};
        place.begun = equals + 1;
        offer_token(&place, option.value, &option);
    } else if (place.begun[0] == '-') {
        offer_options(&place);
    } else if (place.verb) {
        offer_arguments(&place);
    } else {
        offer_verbs(&place);
    }
    return CTL_YES;
}
