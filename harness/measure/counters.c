#include "harness/measure/counters.h"

#include <glob.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *counter_name(enum counter counter)
{
    static const char *const names[COUNTERS] = {"cycles", "instructions", "cache_misses",
                                                "tlb_misses"};
    return names[counter];
}

/* ---- counters -------------------------------------------------------------------------------- */

static int open_event(uint32_t type, uint64_t config)
{
    struct perf_event_attr event = {
        .type = type,
        .size = sizeof event,
        .config = config,
        .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
        .inherit = 1,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };
    return (int)syscall(SYS_perf_event_open, &event, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

void counters_open(struct counters *counters)
{
    const uint64_t tlb = PERF_COUNT_HW_CACHE_DTLB | PERF_COUNT_HW_CACHE_OP_READ << 8 |
                         PERF_COUNT_HW_CACHE_RESULT_MISS << 16;
    const struct {
        uint32_t type;
        uint64_t config;
    } events[COUNTERS] = {
        [COUNTER_CYCLES] = {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
        [COUNTER_INSTRUCTIONS] = {PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
        [COUNTER_CACHE_MISSES] = {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
        [COUNTER_TLB_MISSES] = {PERF_TYPE_HW_CACHE, tlb},
    };
    counters->any = false;
    for (size_t c = 0; c < COUNTERS; c++) {
        counters->file[c] = open_event(events[c].type, events[c].config);
        counters->any = counters->any || counters->file[c] >= 0;
    }
}

void counters_close(struct counters *counters)
{
    for (size_t c = 0; c < COUNTERS; c++)
        if (counters->file[c] >= 0)
            close(counters->file[c]);
    *counters = (struct counters){.file = {-1, -1, -1, -1}};
}

void counters_read(const struct counters *counters, double total[COUNTERS])
{
    for (size_t c = 0; c < COUNTERS; c++) {
        uint64_t value[3]; /* count, ns enabled, ns running */
        bool read_it = counters->file[c] >= 0 &&
                       read(counters->file[c], value, sizeof value) == sizeof value && value[2] > 0;
        total[c] = read_it ? (double)value[0] * ((double)value[1] / (double)value[2]) : NAN;
    }
}

/* ---- energy ---------------------------------------------------------------------------------- */

/* The number in `folder`/`name`; NAN: it is not to be had. */
static double read_number(const char *folder, const char *name)
{
    char path[512];
    double number = NAN;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%lf", &number) != 1)
        number = NAN;
    if (file)
        fclose(file);
    return number;
}

/* Packages are zones of one number, such as intel-rapl:0; zones of two are parts of them. */
double energy_read(const char *powercap, double *range)
{
    char pattern[512];
    glob_t zones;
    double sum = NAN;
    *range = NAN;
    snprintf(pattern, sizeof pattern, "%s/intel-rapl:[0-9]*", powercap);
    if (glob(pattern, 0, NULL, &zones) != 0)
        return NAN;
    for (size_t i = 0; i < zones.gl_pathc; i++) {
        const char *zone = zones.gl_pathv[i];
        size_t colons = 0;
        for (const char *at = zone; *at; at++)
            colons += *at == ':';
        double joules = read_number(zone, "energy_uj") * 1e-6;
        if (colons != 1 || isnan(joules))
            continue;
        sum = (isnan(sum) ? 0 : sum) + joules;
        *range = fmin(*range, read_number(zone, "max_energy_range_uj") * 1e-6);
    }
    globfree(&zones);
    return sum;
}

double energy_between(double before, double after, double range)
{
    return after >= before ? after - before : after - before + range;
}
