/* process_*: this process, baton web; the broker's own numbers are its baton_*. */
#include "ctl/web/exposition.h"
#include "ctl/web/web.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Field `number` (from 3) of /proc/self/stat, as proc(5) counts them; 0: it can't be read. */
static unsigned long long
stat_field(int number)
{
    char line[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    size_t bytes = file ? fread(line, 1, sizeof line - 1, file) : 0;
    if (file) {
        fclose(file);
    }
    line[bytes] = 0;
    const char *p = strrchr(line, ')'); /* the name may hold anything */
    for (int i = 2; p && i < number; i++) {
        p = strchr(p + 1, ' ');
    }
    unsigned long long value = 0;
    return p && sscanf(p, "%llu", &value) == 1 ? value : 0;
}

static uint64_t
count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t n = 0;
    while (dir && readdir(dir)) {
        n++;
    }
    if (dir) {
        closedir(dir);
    }
    return n > 3 ? n - 3 : 0; /* ".", "..", and the one that reads them */
}

static double
start_time(void)
{
    struct timespec now, up;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    double boot = (double)(now.tv_sec - up.tv_sec) + (double)(now.tv_nsec - up.tv_nsec) / 1e9;
    return boot + (double)stat_field(22) / (double)sysconf(_SC_CLK_TCK);
}

void
process_expose(struct exposition *e)
{
    struct rusage usage;
    struct rlimit files;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        expose_family(e, EXPOSE_COUNTER, "process_cpu_seconds", "seconds", "Of baton web.");
        expose_real(e, NULL,
                    (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                        (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    }
    expose_family(e, EXPOSE_GAUGE, "process_resident_memory_bytes", "bytes", "Of baton web.");
    expose_number(e, NULL, stat_field(24) * (uint64_t)sysconf(_SC_PAGESIZE));
    expose_family(e, EXPOSE_GAUGE, "process_virtual_memory_bytes", "bytes", "Of baton web.");
    expose_number(e, NULL, stat_field(23));
    expose_family(e, EXPOSE_GAUGE, "process_start_time_seconds", "seconds",
                  "Of baton web, since 1970.");
    expose_real(e, NULL, start_time());
    expose_family(e, EXPOSE_GAUGE, "process_open_fds", "", "Of baton web.");
    expose_number(e, NULL, count_descriptors());
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
        expose_family(e, EXPOSE_GAUGE, "process_max_fds", "", "Of baton web.");
        expose_number(e, NULL, files.rlim_cur);
    }
}
