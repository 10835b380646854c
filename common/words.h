/* The words of the protocol: names of the enums in proto/task.proto and of the six roles. One table
 * each; the broker, the library and the command line all read these. */
#ifndef BATON_COMMON_WORDS_H
#define BATON_COMMON_WORDS_H

#include <stddef.h>

enum { ROLES_N = 6 };

/* "infra", "backend", "frontend", "realtime", "integration", "testing". */
extern const char *const role_names[ROLES_N + 1];

/* The number of the role that is written exactly so, or -1. */
int role_number(const char *name);

/* The number of the role that people mean ("Frontend Agent", "Real-time", "DevOps"), or -1. */
int role_number_loose(const char *name);

/* What `baton report` makes: "daily", "weekly", "success", "milestones", "final". */
enum { REPORTS_N = 5 };
extern const char *const report_names[REPORTS_N + 1];
/* The number of the report of this name, or -1. */
int report_number(const char *name);

/* Names in lower case; "" for a number without one. */
const char *priority_name(int n);
const char *state_name(int n);
const char *reason_name(int n);
const char *condition_name(int n);
const char *policy_name(int n);
const char *on_deadline_name(int n);
const char *alert_name(int n);
const char *on_conflict_name(int n);
const char *outcome_name(int n);
const char *event_kind_name(int n);
const char *card_kind_name(int n);
const char *card_state_name(int n);
const char *card_verb_name(int n);
const char *code_name(int n);
const char *scope_name(int n);

/* The number of a name, -1 when there is none. */
int priority_number(const char *name);
int state_number(const char *name);
int reason_number(const char *name);
int condition_number(const char *name);
int policy_number(const char *name);
int on_deadline_number(const char *name);
int on_conflict_number(const char *name);
int outcome_number(const char *name);
int scope_number(const char *name);
int card_kind_number(const char *name);
int card_state_number(const char *name);
int card_verb_number(const char *name);

#endif
