/* baton-bench: load on one Baton broker, and the floors of the machine. A load generator like those
 * of the peers; scripts/bench starts the servers, alternates, and makes the table. */
#include "bench/floors.h"
#include "bench/load.h"

#include <string.h>
#include <sys/resource.h>

int
main(int argc, char **argv)
{
    struct options options = options_read(argc, argv);
    static const struct {
        const char *name;
        void (*run)(const struct options *options);
    } verbs[] = {
        {"enqueue", run_throughput},    {"consume", run_throughput},    {"both", run_throughput},
        {"latency", run_latency},       {"chain", run_chain},           {"layers", run_layers},
        {"graph", run_graph},           {"lengths", run_lengths},       {"one", run_one},
        {"fdatasync", floor_fdatasync}, {"overwrite", floor_fdatasync}, {"route", floor_route},
        {"sqlite", floor_sqlite},
    };
    /* A thousand sessions have ten thousand descriptors. */
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(options.verb, verbs[i].name) == 0) {
            verbs[i].run(&options);
            return 0;
        }
    }
    need(false, options.verb, "is no verb");
    return 1;
}
