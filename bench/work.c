/* Producing and consuming: the two loops that every measurement is made of. */
#include "bench/bench.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
add_tasks(baton *client, const char *prefix, const char *role, uint32_t n, uint32_t batch)
{
    static const char payload[100] = "payload";
    baton_spec **specs = calloc(batch, sizeof *specs);
    char(*ids)[32] = calloc(batch, sizeof *ids);
    need(specs && ids, "add", "no memory");
    for (uint32_t i = 0; i < batch; i++) {
        specs[i] = baton_spec_new();
        need(specs[i] != NULL, "add", "no memory");
        specs[i]->id = ids[i];
        specs[i]->role = role;
        specs[i]->payload = payload;
        specs[i]->payload_bytes = sizeof payload;
    }
    for (uint32_t done = 0; done < n;) {
        uint32_t m = n - done < batch ? n - done : batch;
        for (uint32_t i = 0; i < m; i++) {
            snprintf(ids[i], sizeof ids[i], "%.16s%u", prefix, done + i);
        }
        baton_submitted *submitted;
        baton_status status = baton_submit(client, specs, m, NULL, &submitted);
        need(status == BATON_OK, "add", baton_error(client));
        need(submitted->created == m, "add", "not all tasks are new");
        baton_submitted_free(submitted);
        done += m;
    }
    for (uint32_t i = 0; i < batch; i++) {
        baton_spec_free(specs[i]);
    }
    free(specs);
    free(ids);
}

struct crew {
    baton_worker *workers[6];
    struct pollfd fds[6];
    uint32_t busy[6]; /* taken, not acknowledged */
    uint32_t done;
    uint32_t want;
    uint64_t *keys; /* of the tasks that came, to see that each came once */
    uint32_t n_keys;
};

static void
crew_event(struct crew *crew, int i, struct baton_worker_event *event)
{
    baton_worker *worker = crew->workers[i];
    static const struct baton_result done = {.outcome = BATON_OUTCOME_DONE};
    switch (event->kind) {
    case BATON_WORK_ASSIGNED:
        need(crew->n_keys < crew->want, "run", "more tasks came than there are");
        crew->keys[crew->n_keys++] = event->assignment->key;
        crew->busy[i]++;
        baton_worker_started(worker, event->assignment->token);
        need(baton_worker_report(worker, event->assignment->token, &done) == BATON_OK, "report",
             baton_worker_error(worker));
        baton_assignment_free(event->assignment);
        break;
    case BATON_WORK_REPORTED:
        need(event->status == BATON_OK, "report", baton_status_name(event->status));
        crew->done++;
        crew->busy[i]--;
        break;
    case BATON_WORK_LOST:
        need(0, "run", "a lease was lost");
        break;
    case BATON_WORK_STOP:
    case BATON_WORK_DRAIN:
    case BATON_WORK_RESUME:
    case BATON_WORK_UP:
    case BATON_WORK_DOWN:
        break;
    }
}

static int
compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int64_t
run_tasks(const struct broker *broker, uint32_t n, uint32_t slots)
{
    struct crew crew = {.want = n, .keys = calloc(n, sizeof(uint64_t))};
    need(crew.keys != NULL, "run", "no memory");
    const char *const *roles = baton_roles();
    for (int i = 0; i < 6; i++) {
        char name[32];
        snprintf(name, sizeof name, "bench-%s", roles[i]);
        struct baton_worker_options options = {
            .name = name, .roles = &roles[i], .n_roles = 1, .slots = slots};
        need(baton_worker_open(broker->endpoint, &options, &crew.workers[i]) == BATON_OK, "worker",
             name);
        baton_worker_credit(crew.workers[i], slots);
        crew.fds[i] = (struct pollfd){.fd = baton_worker_fd(crew.workers[i]), .events = POLLIN};
    }
    int64_t began = now_us();
    while (crew.done < n) {
        for (int i = 0; i < 6; i++) {
            struct baton_worker_event event;
            baton_status status;
            while ((status = baton_worker_next(crew.workers[i], 0, &event)) == BATON_OK) {
                crew_event(&crew, i, &event);
            }
            baton_worker_credit(crew.workers[i], slots - crew.busy[i]);
            need(status == BATON_TIMEOUT, "worker", baton_worker_error(crew.workers[i]));
        }
        if (crew.done < n) {
            (void)poll(crew.fds, 6, 100);
        }
    }
    int64_t took = now_us() - began;
    for (int i = 0; i < 6; i++) {
        baton_worker_close(&crew.workers[i], 1000, false);
    }
    qsort(crew.keys, n, sizeof *crew.keys, compare_keys);
    for (uint32_t i = 1; i < n; i++) {
        need(crew.keys[i] != crew.keys[i - 1], "run", "a task came twice");
    }
    free(crew.keys);
    return took;
}
