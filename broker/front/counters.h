/* What the broker counts of itself since it started; shown by status. */
#ifndef BATON_FRONT_COUNTERS_H
#define BATON_FRONT_COUNTERS_H

#include <stdint.h>

/* name, in the code and in the status */
#define COUNTERS(X)                                                                                \
    X(MESSAGES_RECEIVED, "messages_received")                                                      \
    X(MESSAGES_SENT, "messages_sent")                                                              \
    X(MESSAGES_DROPPED, "messages_dropped")                                                        \
    X(MESSAGES_MALFORMED, "messages_malformed")                                                    \
    X(ANSWERS_UNROUTABLE, "answers_unroutable")                                                    \
    X(ANSWERS_NOT_TAKEN, "answers_not_taken")                                                      \
    X(REQUESTS_REFUSED, "requests_refused")                                                        \
    X(REQUESTS_REPLAYED, "requests_replayed")                                                      \
    X(TASKS_ASSIGNED, "tasks_assigned")                                                            \
    X(TASKS_GIVEN_BACK, "tasks_given_back")                                                        \
    X(REPORT_LINES, "report_lines")                                                                \
    X(REPORTS_STALE, "reports_stale")                                                              \
    X(CONNECTIONS_REFUSED, "connections_refused")                                                  \
    X(SESSIONS_OPENED, "sessions_opened")                                                          \
    X(SESSIONS_LOST, "sessions_lost")                                                              \
    X(EVENTS_PUBLISHED, "events_published")                                                        \
    X(SNAPSHOTS, "snapshots")                                                                      \
    X(TURNS, "turns")                                                                              \
    X(TURNS_BEHIND, "turns_behind")                                                                \
    X(TURNS_NOT_READING, "turns_not_reading")

enum counter {
#define X(name, text) COUNT_##name,
    COUNTERS(X)
#undef X
        COUNTERS_N
};

struct counters {
    uint64_t n[COUNTERS_N];
};

extern const char *const counter_names[COUNTERS_N];

#endif
