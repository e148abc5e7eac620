#include "harness/machine/disturbance.h"

#include "harness/machine/quota.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICKS_LEAST 10 /* of a span that /proc/stat can speak of */

static double tick_ns(void) { return 1e9 / (double)sysconf(_SC_CLK_TCK); }

static double clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static bool is_ours(const struct topology *topology, unsigned os)
{
    for (size_t i = 0; i < topology->pus; i++)
        if (topology->pu[i].os == os)
            return true;
    return false;
}

bool totals_parse_stat(struct totals *totals, FILE *stat, const struct topology *topology,
                       double tick)
{
    char line[512];
    bool any = false;
    double busy = 0, stolen = 0;
    while (fgets(line, sizeof line, stat)) {
        unsigned os;
        double user, nice, system, idle, wait, irq, softirq, steal;
        if (sscanf(line, "cpu%u %lf %lf %lf %lf %lf %lf %lf %lf", &os, &user, &nice, &system, &idle,
                   &wait, &irq, &softirq, &steal) != 9 ||
            !is_ours(topology, os))
            continue;
        busy += user + nice + system + irq + softirq;
        stolen += steal;
        any = true;
    }
    totals->busy = any ? busy * tick : NAN;
    totals->stolen = any ? stolen * tick : NAN;
    return any;
}

/* Of all threads there are: the sum of a line of /proc/self/task/TID/sched. */
static double read_migrations(void)
{
    DIR *tasks = opendir("/proc/self/task");
    double sum = NAN;
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        char path[300], line[256];
        snprintf(path, sizeof path, "/proc/self/task/%s/sched", task->d_name);
        FILE *file = *task->d_name == '.' ? NULL : fopen(path, "re");
        while (file && fgets(line, sizeof line, file))
            if (strncmp(line, "se.nr_migrations", strlen("se.nr_migrations")) == 0)
                sum = (isnan(sum) ? 0 : sum) + strtod(strchr(line, ':') + 1, NULL);
        if (file)
            fclose(file);
    }
    if (tasks)
        closedir(tasks);
    return sum;
}

void totals_read(struct totals *totals, const struct topology *topology)
{
    *totals = (struct totals){.busy = NAN, .stolen = NAN};
    FILE *stat = fopen("/proc/stat", "re");
    if (stat) {
        totals_parse_stat(totals, stat, topology, tick_ns());
        fclose(stat);
    }
    totals->throttled = quota_throttled("");
    totals->migrations = read_migrations();
    totals->own = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    totals->wall = clock_ns(CLOCK_MONOTONIC);
}

struct disturbance disturbance_between(const struct totals *before, const struct totals *after,
                                       const struct topology *topology)
{
    double wall = after->wall - before->wall;
    bool told = wall >= TICKS_LEAST * tick_ns();
    double others = after->busy - before->busy - (after->own - before->own);
    return (struct disturbance){
        .steal = told ? (after->stolen - before->stolen) / wall / (double)topology->pus : NAN,
        .load = !told || isnan(others) ? NAN : fmax(others, 0) / wall,
        .throttled = (after->throttled - before->throttled) / wall,
        .migrations = after->migrations - before->migrations,
        .own = told ? (after->own - before->own) / wall : NAN,
    };
}
