/* Runs of one seed, in a process of their own where they may abort, and the search for a short one
 * that still fails. */
#include "sim.h"

#include "common/alloc.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where an abort happened: read by the parent. */
static struct outcome *shared;
static struct world *current;

static void
on_abort(int sig)
{
    (void)sig;
    if (shared && current) {
        shared->step = current->step;
    }
    _exit(99);
}

void
run_world(const struct run *run, struct outcome *ret, uint64_t *n_kinds, uint64_t *n_accepted)
{
    jmp_buf failed;
    struct world *w = world_new(run->seed, run->trace);
    current = w;
    w->failed = &failed;
    *ret = (struct outcome){0};
    if (setjmp(failed) == 0) {
        for (uint32_t step = 0; step < run->n_steps; step++) {
            if (!run->leave_out || !run->leave_out[step]) {
                step_run(w, step);
                ret->n_done++;
            }
        }
        w->doing = "the end";
        model_begin(w->m);
        world_tick(w);
        w->ticked = true;
        check_step(w);
        world_commit(w);
        model_begin(w->m);
        check_all(w);
        check_step(w);
        world_commit(w);
        world_crash(w);
        check_step(w);
        world_commit(w);
    } else {
        ret->failed = true;
        ret->step = w->step;
        ret->kind = w->kind;
        snprintf(ret->message, sizeof ret->message, "%s: %.3000s", w->doing ? w->doing : "",
                 w->message);
    }
    ret->hash = w->hash;
    for (int i = 0; n_kinds && i < STEP_KINDS; i++) {
        n_kinds[i] += w->n_steps_of[i];
        n_accepted[i] += w->n_accepted_of[i];
    }
    current = NULL;
    if (!ret->failed) {
        world_free(w);
    }
}

void
run_guarded(const struct run *run, struct outcome *ret)
{
    if (!shared) {
        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        CHECK(shared != MAP_FAILED);
    }
    memset(shared, 0, sizeof *shared);
    fflush(stdout);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        struct outcome out;
        signal(SIGABRT, on_abort);
        signal(SIGSEGV, on_abort);
        setvbuf(stdout, NULL, _IOLBF, 0);
        if (run->quiet && !freopen("/dev/null", "w", stderr)) {
            _exit(98);
        }
        run_world(run, &out, NULL, NULL);
        *shared = out;
        fflush(stdout);
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid);
    *ret = *shared;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        ret->failed = true;
        snprintf(ret->message, sizeof ret->message, "the core aborted (exit %d)", status);
    }
}

static bool
still_fails(uint64_t seed, uint32_t n_steps, const uint8_t *leave_out, struct outcome *ret)
{
    const struct run run = {
        .seed = seed, .n_steps = n_steps, .leave_out = leave_out, .quiet = true};
    run_guarded(&run, ret);
    return ret->failed;
}

void
shrink(uint64_t seed, uint32_t n_steps)
{
    struct outcome out, first;
    uint8_t *leave_out = xcalloc(n_steps, 1);
    uint8_t *attempt = xcalloc(n_steps, 1);
    if (!still_fails(seed, n_steps, leave_out, &out)) {
        printf("seed %llu does not fail\n", (unsigned long long)seed);
        free(leave_out);
        free(attempt);
        return;
    }
    first = out;
    n_steps = MIN(n_steps, out.step + 1);
    for (uint32_t piece = n_steps / 2; piece > 0; piece = piece > 1 ? (piece + 1) / 2 : 0) {
        bool again = true;
        while (again) {
            again = false;
            for (uint32_t from = 0; from < n_steps; from += piece) {
                bool any = false;
                memcpy(attempt, leave_out, n_steps);
                for (uint32_t i = from; i < MIN(from + piece, n_steps); i++) {
                    any |= !attempt[i];
                    attempt[i] = 1;
                }
                if (any && still_fails(seed, n_steps, attempt, &out) && out.kind == first.kind) {
                    memcpy(leave_out, attempt, n_steps);
                    again = piece == 1;
                }
            }
        }
        if (piece == 1) {
            break;
        }
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_steps; i++) {
        n += !leave_out[i];
    }
    printf("%u of %u steps are left:\n", n, n_steps);
    const struct run run = {
        .seed = seed, .n_steps = n_steps, .leave_out = leave_out, .trace = true};
    run_guarded(&run, &out);
    printf("step %u: %s\n", out.step, out.message);
    free(leave_out);
    free(attempt);
}
