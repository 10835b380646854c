/* baton-sim: lives through many worlds, each made from a seed, and says where the core did
 * something that docs/semantics.md does not. */
#include "sim.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { STEPS_PER_SEED = 3000 };

struct options {
    uint64_t seed, n_seeds, n_commands;
    uint32_t n_steps; /* of each seed */
    uint64_t depth;   /* of histories to exhaust; 0: random worlds */
    bool trace, shrink, twice, keep_going;
};

static void
usage(void)
{
    printf(
        "usage: baton-sim [--seed N] [--seeds K] [--commands N] [--steps N] [--trace] [--shrink]\n"
        "                 [--twice] [--keep-going] [--exhaust N]\n"
        "  --seed N      the first seed [1]\n"
        "  --seeds K     how many worlds [as many as the commands need]\n"
        "  --commands N  how many commands in all [10^6, or BATON_SIM_COMMANDS]\n"
        "  --steps N     commands a world [%d]\n"
        "  --trace       say everything that happens\n"
        "  --shrink      of one failing seed, leave out steps while it still fails\n"
        "  --twice       live through some of the worlds twice and compare\n"
        "  --keep-going  report failing seeds and go on; one line each\n"
        "  --exhaust N   instead: every history of N steps in a world of three tasks and two "
        "workers\n",
        STEPS_PER_SEED);
}

static bool
parse_number(const char *text, uint64_t *ret)
{
    char *end;
    *ret = strtoull(text, &end, 0);
    return *text && !*end;
}

static int
parse(int argc, char **argv, struct options *o)
{
    static const struct option table[] = {{"seed", required_argument, NULL, 's'},
                                          {"seeds", required_argument, NULL, 'k'},
                                          {"commands", required_argument, NULL, 'c'},
                                          {"steps", required_argument, NULL, 'n'},
                                          {"trace", no_argument, NULL, 't'},
                                          {"shrink", no_argument, NULL, 'x'},
                                          {"twice", no_argument, NULL, '2'},
                                          {"keep-going", no_argument, NULL, 'g'},
                                          {"exhaust", required_argument, NULL, 'e'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *commands = getenv("BATON_SIM_COMMANDS");
    uint64_t steps = STEPS_PER_SEED;
    *o = (struct options){.seed = 1, .n_commands = 1000000};
    bool ok = !commands || !*commands || parse_number(commands, &o->n_commands);
    int c;
    while (ok && (c = getopt_long(argc, argv, "", table, NULL)) != -1) {
        switch (c) {
        case 's':
            ok = parse_number(optarg, &o->seed);
            o->n_seeds = o->n_seeds ? o->n_seeds : UINT64_MAX;
            break;
        case 'k':
            ok = parse_number(optarg, &o->n_seeds);
            break;
        case 'c':
            ok = parse_number(optarg, &o->n_commands);
            break;
        case 'n':
            ok = parse_number(optarg, &steps) && steps > 0 && steps < 10000000;
            break;
        case 't':
            o->trace = true;
            break;
        case 'x':
            o->shrink = true;
            break;
        case '2':
            o->twice = true;
            break;
        case 'e':
            ok = parse_number(optarg, &o->depth) && o->depth > 0 && o->depth <= 12;
            break;
        case 'g':
            o->keep_going = true;
            break;
        default:
            usage();
            return c == 'h' ? 0 : 64;
        }
    }
    if (!ok || optind < argc) {
        usage();
        return 64;
    }
    o->n_steps = (uint32_t)steps;
    return -1;
}

static uint64_t running_seed;
static uint32_t running_steps;

static void
on_abort(int sig)
{
    char text[200];
    int n = snprintf(
        text, sizeof text,
        "\nthe core aborted (signal %d) at seed %llu\nreproduce: baton-sim --seed %llu "
        "--seeds 1 --steps %u --shrink\n",
        sig, (unsigned long long)running_seed, (unsigned long long)running_seed, running_steps);
    if (write(2, text, (size_t)n) < 0) {
        _exit(98);
    }
    signal(sig, SIG_DFL);
    raise(sig);
}

/* The last steps before the failure in words, and how to get there again. */
static void
tell(const struct options *o, uint64_t seed, const struct outcome *out)
{
    if (o->keep_going) {
        printf("seed %llu step %u: %.300s\n", (unsigned long long)seed, out->step, out->message);
        fflush(stdout);
        return;
    }
    printf(
        "FAILED at seed %llu, step %u\n  %s\nreproduce: baton-sim --seed %llu --seeds 1 --steps %u "
        "--trace   (or --shrink)\n",
        (unsigned long long)seed, out->step, out->message, (unsigned long long)seed, o->n_steps);
}

static double
seconds_since(const struct timespec *from)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - from->tv_sec) + (double)(now.tv_nsec - from->tv_nsec) / 1e9;
}

static void
print_kinds(const uint64_t *n, const uint64_t *accepted)
{
    for (int i = 0; i < STEP_KINDS; i++) {
        printf("%s%s %llu", i ? ", " : "", step_names[i], (unsigned long long)n[i]);
        if (accepted[i]) {
            printf(" (%llu yes)", (unsigned long long)accepted[i]);
        }
    }
    printf("\n");
}

static int
live(const struct options *o)
{
    uint64_t n_kinds[STEPS_KINDS_MAX] = {0};
    uint64_t n_accepted[STEPS_KINDS_MAX] = {0};
    uint64_t n_done = 0, n_failed = 0, hash = 0, n_worlds = 0;
    struct timespec began;
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (uint64_t i = 0; o->n_seeds ? i < o->n_seeds : n_done < o->n_commands; i++) {
        struct run run = {.seed = o->seed + i, .n_steps = o->n_steps, .trace = o->trace};
        struct outcome out;
        running_seed = run.seed;
        running_steps = run.n_steps;
        if (o->keep_going) {
            run.quiet = true;
            run_guarded(&run, &out);
        } else {
            run_world(&run, &out, n_kinds, n_accepted);
        }
        n_worlds++;
        n_done += out.n_done;
        hash = hash * 31 + out.hash;
        n_failed += out.failed;
        if (out.failed) {
            tell(o, run.seed, &out);
            if (!o->keep_going) {
                return 1;
            }
        } else if (o->twice && i % 50 == 0) {
            struct outcome again;
            run_world(&run, &again, n_kinds, n_accepted);
            n_done += again.n_done;
            if (again.hash != out.hash || again.failed) {
                printf("FAILED: seed %llu gives other bytes when it is lived twice\n",
                       (unsigned long long)run.seed);
                return 1;
            }
        }
    }
    double s = seconds_since(&began);
    printf("%llu worlds, %llu commands in %.1f s (%.0f a second), hash %016llx%s\n",
           (unsigned long long)n_worlds, (unsigned long long)n_done, s, (double)n_done / s,
           (unsigned long long)hash, n_failed ? ", FAILED" : "");
    print_kinds(n_kinds, n_accepted);
    if (n_failed) {
        printf("%llu of %llu worlds failed\n", (unsigned long long)n_failed,
               (unsigned long long)n_worlds);
    }
    return n_failed ? 1 : 0;
}

int
main(int argc, char **argv)
{
    struct options o;
    int status = parse(argc, argv, &o);
    if (status >= 0) {
        return status;
    }
    if (o.n_seeds == UINT64_MAX) {
        o.n_seeds = o.trace || o.shrink ? 1 : 0;
    }
    if (o.shrink) {
        shrink(o.seed, o.n_steps);
        return 0;
    }
    if (o.depth) {
        return exhaust((uint32_t)o.depth, o.trace) ? 0 : 1;
    }
    signal(SIGABRT, on_abort);
    return live(&o);
}
