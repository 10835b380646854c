/* A broker and its library in one place, for tests of the worker's loop: hands out tasks, keeps
 * reports, and asks the worker to end when it has as many as expected. */
#ifndef BATON_TESTS_WORKER_FAKE_H
#define BATON_TESTS_WORKER_FAKE_H

#include "client/include/baton.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FAKE_TASKS_MAX = 64 };

struct fake_report {
    bool came;
    bool started;
    baton_outcome outcome;
    char summary[1100];
    char document[8192];
    char tail[9000];
    int exit_status;
    uint64_t output_bytes;
    int64_t retry_after_ms;
    int64_t runtime_ms;
    uint32_t percent; /* the last progress told */
    char progress[256];
    int n_progress;
};

/* Everything anew. After `n_expected` reports the test's process gets a TERM. */
void fake_reset(size_t n_expected);
/* A task with token 1, 2, …; the spec is the caller's to fill and to keep until the run is over. */
baton_spec *fake_task(const char *id);
struct baton_upstream *fake_upstream(size_t token);
/* What the broker does once the task has started, or has told its first progress: */
void fake_stop_when_started(uint64_t token);
void fake_stop_at_progress(uint64_t token);
void fake_lose_when_started(uint64_t token);
/* The agent has ended the task itself; the session has not noticed yet. */
void fake_lease_is_over(uint64_t token);
/* Every report is answered with this status (BATON_OK at first); `away`: none is answered. */
void fake_answer(baton_status status, bool away);
/* The report for a token (also one of an earlier life). */
struct fake_report *fake_report(uint64_t token);
size_t fake_n_reports(void);
bool fake_was_held(uint64_t token);
uint32_t fake_credit(void);
/* Sends this signal to the test's process when the task has started. */
void fake_signal_when_started(uint64_t token, int signal);

#endif
