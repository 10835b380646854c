#include "common/words.h"

#include "common/check.h"

#include <string.h>
#include <strings.h>

const char *const role_names[ROLES_N + 1] = {"infra",       "backend", "frontend", "realtime",
                                             "integration", "testing", NULL};

const char *const report_names[REPORTS_N + 1] = {"daily",      "weekly", "success",
                                                 "milestones", "final",  NULL};

int
report_number(const char *name)
{
    for (int i = 0; i < REPORTS_N; i++) {
        if (strcmp(report_names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

int
role_number(const char *name)
{
    for (int i = 0; i < ROLES_N; i++) {
        if (role_names[i][0] == name[0] && strcmp(role_names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

/* How the customer's documents, and people, call the roles. Compared without case, spaces, '-',
 * '_', '&'. */
static const struct {
    const char *word;
    int role;
} role_words[] = {
    {"infra", 0},
    {"infrastructure", 0},
    {"devops", 0},
    {"devopsspecialist", 0},
    {"ops", 0},
    {"backend", 1},
    {"api", 1},
    {"backenddevelopment", 1},
    {"apispecialist", 1},
    {"frontend", 2},
    {"frontenddevelopment", 2},
    {"ui", 2},
    {"uiux", 2},
    {"uiuxspecialist", 2},
    {"realtime", 3},
    {"realtimesystems", 3},
    {"websocket", 3},
    {"websocketspecialist", 3},
    {"integration", 4},
    {"integrations", 4},
    {"thirdparty", 4},
    {"thirdpartyspecialist", 4},
    {"testing", 5},
    {"test", 5},
    {"testingqa", 5},
    {"qa", 5},
    {"quality", 5},
    {"qualityspecialist", 5},
};

int
role_number_loose(const char *name)
{
    char word[40];
    size_t n = 0;
    for (const char *p = name; *p; p++) {
        if (strchr(" -_&/\t", *p)) {
            continue;
        }
        if (n + 1 == sizeof word) {
            return -1;
        }
        word[n++] = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
    }
    word[n] = 0;
    if (n > 5 && strcmp(word + n - 5, "agent") == 0) {
        word[n - 5] = 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(role_words); i++) {
        if (strcmp(role_words[i].word, word) == 0) {
            return role_words[i].role;
        }
    }
    return -1;
}

static const char *const priorities[] = {"", "critical", "high", "medium", "low"};
static const char *const states[] = {"",          "waiting",    "ready",  "leased", "running",
                                     "parked",    "cancelling", "review", "done",   "failed",
                                     "cancelled", "aborted",    "expired"};
static const char *const reasons[] = {
    [0] = "none",
    [1] = "deps",
    [2] = "forward_ref",
    [3] = "not_before",
    [4] = "backoff",
    [5] = "held",
    [6] = "upstream_failed",
    [7] = "blocker",
    [10] = "no_worker",
    [11] = "no_credit",
    [12] = "lock",
    [13] = "role_paused",
    [14] = "project_paused",
    [15] = "broker_paused",
    [16] = "lock_paused",
    [17] = "queued",
    [18] = "submitter_paused",
    [20] = "ok",
    [21] = "stalled",
    [22] = "suspect",
    [30] = "operator",
    [31] = "subtree",
    [32] = "deadline",
    [33] = "timeout",
    [40] = "exhausted",
    [41] = "fatal",
    [42] = "crash_limit",
    [43] = "unclean",
    [50] = "upstream",
    [72] = "preempted",
    [90] = "budget",
    [58] = "rework",
    [59] = "rejected",
    [60] = "gate",
    [61] = "approval",
    [62] = "children",
};
static const char *const conditions[] = {"success", "finished", "failed", "started"};
static const char *const policies[] = {"hold", "abort", "ignore"};
static const char *const on_deadlines[] = {"nothing", "expire", "cancel", "escalate"};
static const char *const on_conflicts[] = {"reject", "existing", "replace", "raise", "attach"};
static const char *const outcomes[] = {
    "",         "done",      "failed",    "fatal", "rate_limited",
    "released", "cancelled", "timed_out", "lost",  "parked"};
static const char *const event_kinds[] = {"task",
                                          "progress",
                                          "updated",
                                          "paused",
                                          "resumed",
                                          "epoch",
                                          "orphan",
                                          "resource",
                                          "held",
                                          "stalled",
                                          "closed",
                                          "opened",
                                          "completed",
                                          [15] = "card",
                                          [20] = "at_risk",
                                          [21] = "late",
                                          [22] = "escalated",
                                          [90] = "budget",
                                          [150] = "review_due",
                                          [151] = "review_overdue"};
static const char *const card_kinds_words[] = {
    [1] = "handoff", [2] = "signal",      [3] = "blocker", [4] = "decision", [5] = "incident",
    [6] = "status",  [7] = "reservation", [20] = "area",   [21] = "level",   [22] = "target",
    [23] = "role",   [24] = "schedule",   [25] = "budget"};
static const char *const card_states[] = {
    [1] = "open",       [2] = "taken",       [3] = "submitted", [4] = "in_force",
    [5] = "stale",      [10] = "resolved",   [11] = "accepted", [12] = "rejected",
    [13] = "withdrawn", [14] = "superseded", [15] = "expired"};
/* clang-format off */
static const char *const card_verbs[] = {"",         "raise",  "set",    "take",   "resolve",
                                         "accept",   "reject", "review", "decide", "acknowledge",
                                         "withdraw", "remove", "amend",
                                         [80] = "pause", [81] = "resume", [82] = "run"};
/* clang-format on */
static const char *const alerts[] = {
    "none", "at_risk", "late", "escalated", [150] = "review_due", [151] = "review_overdue"};
static const char *const codes[] = {"ok",           "malformed",   "version",
                                    "hello_first",  "invalid",     "too_large",
                                    "not_found",    "conflict",    "cycle",
                                    "unknown_role", "forward_ref", "illegal_transition",
                                    "stale_token",  "full",        "paused",
                                    "denied",       "busy",        "too_far_behind",
                                    "internal",     "number_used", "unsatisfiable",
                                    "limit",        "closed"};
static const char *const scopes[] = {"broker", "role", "project", "lock", "worker", "submitter"};

static const char *
name_of(const char *const *names, size_t n_names, int n)
{
    return n >= 0 && (size_t)n < n_names && names[n] ? names[n] : "";
}

static int
number_of(const char *const *names, size_t n_names, const char *name)
{
    for (size_t i = 0; i < n_names; i++) {
        if (names[i] && names[i][0] && strcasecmp(names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

#define NAMES(what, table)                                                                         \
    const char *what##_name(int n)                                                                 \
    {                                                                                              \
        return name_of(table, ARRAY_LEN(table), n);                                                \
    }
#define NUMBERS(what, table)                                                                       \
    int what##_number(const char *name)                                                            \
    {                                                                                              \
        return number_of(table, ARRAY_LEN(table), name);                                           \
    }

NAMES(priority, priorities)
NAMES(state, states)
NAMES(reason, reasons)
NAMES(condition, conditions)
NAMES(policy, policies)
NAMES(on_deadline, on_deadlines)
NAMES(on_conflict, on_conflicts)
NAMES(outcome, outcomes)
NAMES(card_kind, card_kinds_words)
NAMES(card_state, card_states)
NAMES(card_verb, card_verbs)
NAMES(event_kind, event_kinds)
NAMES(alert, alerts)
NAMES(code, codes)
NAMES(scope, scopes)
NUMBERS(priority, priorities)
NUMBERS(state, states)
NUMBERS(reason, reasons)
NUMBERS(condition, conditions)
NUMBERS(policy, policies)
NUMBERS(on_deadline, on_deadlines)
NUMBERS(on_conflict, on_conflicts)
NUMBERS(outcome, outcomes)
NUMBERS(card_kind, card_kinds_words)
NUMBERS(card_state, card_states)
NUMBERS(card_verb, card_verbs)
NUMBERS(scope, scopes)
