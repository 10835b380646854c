/* Clock, percentiles, options and output of the load generators: see meter.h. */
#include "bench/meter.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void
need(bool ok, const char *what, const char *why)
{
    if (!ok) {
        fprintf(stderr, "bench: %s: %s\n", what, why);
        _exit(1); /* other threads are still at work */
    }
}

int64_t
now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int
dial(const char *endpoint)
{
    if (endpoint[0] == '/') {
        struct sockaddr_un path = {.sun_family = AF_UNIX};
        snprintf(path.sun_path, sizeof path.sun_path, "%s", endpoint);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&path, sizeof path) == 0) {
            return fd;
        }
        close(fd);
        return -1;
    }
    struct sockaddr_in port = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)atoi(endpoint)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&port, sizeof port) == 0) {
        return fd;
    }
    close(fd);
    return -1;
}

int
dial_until(const char *endpoint)
{
    int fd = -1;
    for (int64_t until = now_ns() + 120000000000; fd < 0; usleep(1000)) {
        fd = dial(endpoint);
        need(fd >= 0 || now_ns() < until, endpoint, "nobody listens there");
    }
    return fd;
}

void *
alloc(size_t n, size_t bytes)
{
    void *p = calloc(n ? n : 1, bytes);
    need(p != NULL, "memory", "there is none left");
    return p;
}

/* ---- options ---- */

enum kind { TEXT, COUNT, REAL };

static const struct {
    const char *name;
    enum kind kind;
    size_t offset;
} fields[] = {
    {"endpoint", TEXT, offsetof(struct options, endpoint)},
    {"protocol", TEXT, offsetof(struct options, protocol)},
    {"storage", TEXT, offsetof(struct options, storage)},
    {"file", TEXT, offsetof(struct options, file)},
    {"dir", TEXT, offsetof(struct options, dir)},
    {"list", TEXT, offsetof(struct options, list)},
    {"span", REAL, offsetof(struct options, span_s)},
    {"pid", COUNT, offsetof(struct options, pid)},
    {"n", COUNT, offsetof(struct options, n)},
    {"first", COUNT, offsetof(struct options, first)},
    {"batch", COUNT, offsetof(struct options, batch)},
    {"producers", COUNT, offsetof(struct options, producers)},
    {"window", COUNT, offsetof(struct options, window)},
    {"workers", COUNT, offsetof(struct options, workers)},
    {"slots", COUNT, offsetof(struct options, slots)},
    {"threads", COUNT, offsetof(struct options, threads)},
    {"warm", COUNT, offsetof(struct options, warm)},
    {"gap-us", COUNT, offsetof(struct options, gap_us)},
    {"layers", COUNT, offsetof(struct options, layers)},
};

enum { N_FIELDS = sizeof fields / sizeof fields[0] };

static void
option_set(struct options *options, int i, const char *text)
{
    char *place = (char *)options + fields[i].offset;
    char *end = NULL;
    switch (fields[i].kind) {
    case TEXT:
        *(const char **)(void *)place = text;
        return;
    case COUNT:
        *(uint32_t *)(void *)place = (uint32_t)strtoul(text, &end, 10);
        break;
    case REAL:
        *(double *)(void *)place = strtod(text, &end);
        break;
    }
    need(*text && *end == 0, fields[i].name, "is not a number");
}

struct options
options_read(int argc, char **argv)
{
    struct options options = {
        .endpoint = "",
        .verb = "",
        .protocol = "",
        .storage = "memory",
        .dir = ".",
        .list = "",
        .span_s = 1,
        .n = 1000,
        .batch = 1000,
        .producers = 1,
        .window = 1,
        .workers = 6,
        .slots = 1,
        .threads = 1,
        .gap_us = 5000,
        .layers = 10,
    };
    struct option longs[N_FIELDS + 1] = {{0}};
    for (int i = 0; i < N_FIELDS; i++) {
        longs[i] = (struct option){fields[i].name, required_argument, NULL, 0};
    }
    int c, i;
    while ((c = getopt_long(argc, argv, "", longs, &i)) == 0) {
        option_set(&options, i, optarg);
    }
    need(c == -1 && optind + 1 == argc, "usage", "PROGRAM VERB [--name VALUE]…");
    options.verb = argv[optind];
    return options;
}

/* ---- samples ---- */

void
samples_add(struct samples *samples, double us)
{
    if (samples->n == samples->room) {
        samples->room = samples->room ? samples->room * 2 : 1024;
        samples->us = realloc(samples->us, samples->room * sizeof *samples->us);
        need(samples->us != NULL, "samples", "no memory");
    }
    samples->us[samples->n++] = us;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double
samples_percentile(struct samples *samples, double p)
{
    need(samples->n > 0, "samples", "none");
    qsort(samples->us, samples->n, sizeof *samples->us, compare);
    return samples->us[(size_t)(p * (double)(samples->n - 1))];
}

void
samples_fini(struct samples *samples)
{
    free(samples->us);
    *samples = (struct samples){0};
}

/* ---- each task once ---- */

void
ran_init(struct ran *ran, uint32_t n)
{
    ran->n = n;
    ran->once = alloc(n, sizeof *ran->once);
}

void
ran_once(struct ran *ran, uint64_t number)
{
    need(number < ran->n, "tasks", "one came that this run did not add");
    unsigned char before = atomic_fetch_add_explicit(&ran->once[number], 1, memory_order_relaxed);
    need(before == 0, "tasks", "one ran twice");
}

uint32_t
ran_count(const struct ran *ran)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < ran->n; i++) {
        n += atomic_load_explicit(&ran->once[i], memory_order_relaxed);
    }
    return n;
}

void
ran_fini(struct ran *ran)
{
    free(ran->once);
    *ran = (struct ran){0};
}

void
payload_fill(char payload[PAYLOAD_BYTES], uint64_t number)
{
    memset(payload, 'x', PAYLOAD_BYTES);
    memcpy(payload, &number, sizeof number);
}

uint64_t
payload_number(const void *payload, size_t bytes)
{
    uint64_t number;
    need(bytes == PAYLOAD_BYTES, "tasks", "a payload came back with another length");
    memcpy(&number, payload, sizeof number);
    return number;
}

size_t
name_fill(char name[NAME_ROOM], uint64_t number)
{
    char digits[NAME_ROOM];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    name[0] = 't';
    for (size_t i = 0; i < n; i++) {
        name[1 + i] = digits[n - 1 - i];
    }
    name[1 + n] = 0;
    return 1 + n;
}

/* ---- output ---- */

static bool first_field;

void
print_begin(void)
{
    first_field = true;
    putchar('{');
}

void
print_field(const char *name, double value)
{
    printf("%s\"%s\": %.9g", first_field ? "" : ", ", name, value);
    first_field = false;
}

void
print_samples(struct samples *samples)
{
    print_field("p50_us", samples_percentile(samples, 0.5));
    print_field("p99_us", samples_percentile(samples, 0.99));
    print_field("max_us", samples_percentile(samples, 1));
    print_field("samples", (double)samples->n);
}

void
print_end(void)
{
    puts("}");
    fflush(stdout);
}

/* ---- the server's process ---- */

int64_t
process_cpu_ns(uint32_t pid)
{
    /* schedstat has nanoseconds where /proc/PID/stat has hundredths of a second; a file a thread.
     */
    char path[400], text[256];
    unsigned long long sum = 0;
    snprintf(path, sizeof path, "/proc/%u/task", pid);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        unsigned long long ns = 0;
        snprintf(path, sizeof path, "/proc/%u/task/%.200s/schedstat", pid, entry->d_name);
        FILE *f = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
        if (f && fgets(text, sizeof text, f) && sscanf(text, "%llu", &ns) == 1) {
            sum += ns;
        }
        if (f) {
            fclose(f);
        }
    }
    if (dir) {
        closedir(dir);
    }
    need(sum > 0, path, "can't be read");
    return (int64_t)sum;
}

uint64_t
process_rss_bytes(uint32_t pid)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%u/status", pid);
    FILE *f = fopen(path, "re");
    need(f != NULL, path, "can't be read");
    unsigned long kib = 0;
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kib = strtoul(line + 6, NULL, 10);
        }
    }
    fclose(f);
    return (uint64_t)kib * 1024;
}
