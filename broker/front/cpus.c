#include "broker/front/cpus.h"

#include "broker/store/store.h"
#include "common/check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char ZEROMQ_THREAD[] = "ZMQbg/IO/0"; /* libzmq's name for its first one of sockets */

void
cpus_init(struct cpus *cpus)
{
    *cpus = (struct cpus){0};
    if (sched_getaffinity(0, sizeof cpus->allowed, &cpus->allowed) != 0) {
        return;
    }
    for (int cpu = 0; cpu < CPU_SETSIZE && cpus->n < ARRAY_LEN(cpus->cpu); cpu++) {
        if (CPU_ISSET(cpu, &cpus->allowed)) {
            cpus->cpu[cpus->n++] = cpu;
        }
    }
}

static bool
is_ours(const char *id)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", id);
    FILE *file = fopen(path, "re");
    if (!file) {
        return false;
    }
    bool has_name = fgets(name, sizeof name, file);
    fclose(file);
    name[strcspn(name, "\n")] = '\0';
    return has_name && (strcmp(name, STORE_THREAD_NAME) == 0 || strcmp(name, ZEROMQ_THREAD) == 0);
}

/* ZeroMQ tells nobody which threads it made, but it names them. */
static void
find_threads(struct cpus *cpus)
{
    cpus->threads[cpus->n_threads++] = getpid(); /* the main thread's number */
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    while (tasks && (task = readdir(tasks)) && cpus->n_threads < CPUS_THREADS_MAX) {
        if (is_ours(task->d_name)) {
            cpus->threads[cpus->n_threads++] = (pid_t)strtol(task->d_name, NULL, 10);
        }
    }
    if (tasks) {
        closedir(tasks);
    }
}

bool
cpus_move(struct cpus *cpus, uint32_t seat)
{
    if (cpus->n_threads == 0) {
        find_threads(cpus);
    }
    cpu_set_t set = cpus->allowed;
    if (seat != PLACEMENT_APART) {
        CPU_ZERO(&set);
        CPU_SET(cpus->cpu[seat - 1], &set);
    }
    bool moved = true;
    for (size_t i = 0; i < cpus->n_threads; i++) {
        moved = sched_setaffinity(cpus->threads[i], sizeof set, &set) == 0 && moved;
    }
    cpus->seat = seat;
    return moved;
}
