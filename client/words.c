/* Names of the numbers: the library's face of common/words.h. */
#include "baton.h"

#include "common/words.h"

const char *
baton_status_name(baton_status status)
{
    switch ((int)status) {
    case BATON_NO_BROKER:
        return "no_broker";
    case BATON_TIMEOUT:
        return "timeout";
    case BATON_NO_MEMORY:
        return "no_memory";
    case BATON_BAD_ARGUMENT:
        return "bad_argument";
    case BATON_INTERRUPTED:
        return "interrupted";
    default:
        break;
    }
    const char *name = code_name((int)status);
    return *name ? name : "unknown";
}

const char *
baton_priority_name(baton_priority priority)
{
    return priority_name((int)priority);
}

const char *
baton_state_name(baton_state state)
{
    return state_name((int)state);
}

const char *
baton_reason_name(int reason)
{
    return reason_name(reason);
}

const char *
baton_condition_name(baton_condition condition)
{
    return condition_name((int)condition);
}

const char *
baton_policy_name(baton_policy policy)
{
    return policy_name((int)policy);
}

const char *
baton_on_deadline_name(baton_on_deadline value)
{
    return on_deadline_name((int)value);
}

const char *
baton_alert_name(baton_alert alert)
{
    return alert_name((int)alert);
}

const char *
baton_on_conflict_name(baton_on_conflict value)
{
    return on_conflict_name((int)value);
}

const char *
baton_outcome_name(baton_outcome outcome)
{
    return outcome_name((int)outcome);
}

const char *
baton_event_kind_name(int kind)
{
    return event_kind_name(kind);
}

int
baton_priority_of(const char *name)
{
    return name ? priority_number(name) : -1;
}

int
baton_state_of(const char *name)
{
    return name ? state_number(name) : -1;
}

int
baton_condition_of(const char *name)
{
    return name ? condition_number(name) : -1;
}

int
baton_policy_of(const char *name)
{
    return name ? policy_number(name) : -1;
}

int
baton_on_deadline_of(const char *name)
{
    return name ? on_deadline_number(name) : -1;
}

int
baton_on_conflict_of(const char *name)
{
    return name ? on_conflict_number(name) : -1;
}

int
baton_outcome_of(const char *name)
{
    return name ? outcome_number(name) : -1;
}

bool
baton_state_is_terminal(baton_state state)
{
    return state >= BATON_DONE && state <= BATON_EXPIRED;
}

const char *const *
baton_roles(void)
{
    return role_names;
}

const char *
baton_role_of(const char *name)
{
    int role = name ? role_number_loose(name) : -1;
    return role < 0 ? NULL : role_names[role];
}

const char *
baton_card_kind_name(baton_card_kind kind)
{
    return card_kind_name((int)kind);
}

const char *
baton_card_state_name(baton_card_state state)
{
    return card_state_name((int)state);
}

const char *
baton_card_verb_name(baton_card_verb verb)
{
    return card_verb_name((int)verb);
}

int
baton_card_kind_of(const char *name)
{
    return card_kind_number(name);
}

int
baton_card_state_of(const char *name)
{
    return card_state_number(name);
}
