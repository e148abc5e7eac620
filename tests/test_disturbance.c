/* What speaks against a figure: the clock, other work, quotas, and what follows from them. */
#include "harness/bench/run.h"
#include "harness/measure/chain.h"
#include "harness/machine/quota.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the clock ------------------------------------------------------------------------------- */

Test(chain, tells_a_plausible_clock_however_long_it_is)
{
    double best[2] = {0, 0};
    for (int i = 0; i < 200; i++)
        for (int k = 0; k < 2; k++)
            best[k] = fmax(best[k], chain_clock(k ? 100000 : 25000));
    cr_expect(best[0] > 0.2 && best[0] < 10, "%g GHz", best[0]);
    cr_expect(best[1] > 0.9 * best[0] && best[1] < 1.1 * best[0], "%g and %g GHz", best[0],
              best[1]);
}

/* ---- the system's words ---------------------------------------------------------------------- */

static FILE *text_file(const char *text)
{
    return fmemopen((void *)(uintptr_t)text, strlen(text), "r");
}

Test(disturbance, stat_counts_our_processors_only)
{
    struct pu pu[] = {{.os = 1}, {.os = 12}};
    struct topology t = {.pus = 2, .pu = pu};
    struct totals totals;
    FILE *stat = text_file("cpu  1000 0 0 0 0 0 0 0 0 0\n"
                           "cpu0 500 0 0 9 0 0 0 77 0 0\n"
                           "cpu1 100 20 3 1000 50 4 5 6 0 0\n"
                           "cpu12 10 0 0 1000 50 0 0 4 0 0\n"
                           "intr 1 2 3\n");
    cr_assert(totals_parse_stat(&totals, stat, &t, 1e7));
    fclose(stat);
    cr_expect_float_eq(totals.busy, (100 + 20 + 3 + 4 + 5 + 10) * 1e7, 1);
    cr_expect_float_eq(totals.stolen, 10 * 1e7, 1);
    stat = text_file("cpu7 1 2 3 4 5 6 7 8 9 0\n");
    cr_expect_not(totals_parse_stat(&totals, stat, &t, 1e7));
    cr_expect(isnan(totals.busy) && isnan(totals.stolen));
    fclose(stat);
}

Test(disturbance, is_the_difference_and_never_below_nothing)
{
    struct topology t = {.pus = 2};
    struct totals before = {0, 0, 0, 0, 0, 5}, after = {1e9, 0.5e9, 1.75e9, 0.2e9, 0.1e9, 7};
    struct disturbance d = disturbance_between(&before, &after, &t);
    cr_expect_float_eq(d.load, 1.25, 1e-9);
    cr_expect_float_eq(d.steal, 0.1, 1e-9);
    cr_expect_float_eq(d.throttled, 0.1, 1e-9);
    cr_expect_float_eq(d.migrations, 2, 1e-9);
    after.busy = 0.4e9; /* ticks lag behind our own clock */
    cr_expect_float_eq(disturbance_between(&before, &after, &t).load, 0, 1e-9);
    after.wall = 1e6; /* less than a tick */
    d = disturbance_between(&before, &after, &t);
    cr_expect(isnan(d.load) && isnan(d.steal) && isnan(d.own));
}

Test(disturbance, throttling_is_read_by_name)
{
    FILE *stat = text_file("nr_throttled 3\nthrottled_usec 1234\nthrottled_usec_other 9\n");
    double found = quota_value(stat, "throttled_usec");
    cr_expect_float_eq(found, 1234, 1e-9);
    rewind(stat);
    found = quota_value(stat, "throttled_time");
    cr_expect(isnan(found));
    fclose(stat);
}

Test(disturbance, of_this_machine_can_be_read)
{
    struct topology t;
    struct fault fault;
    struct totals before, after;
    cr_assert(topology_load(&t, NULL, &fault), "%s", fault.text);
    totals_read(&before, &t);
    uint64_t begin = clock_now();
    while (clock_now() - begin < 200000000)
        ;
    totals_read(&after, &t);
    struct disturbance d = disturbance_between(&before, &after, &t);
    cr_expect(d.own > 0.1, "%g processors", d.own); /* libraries may have threads of their own */
    cr_expect(isnan(d.load) || (d.load >= 0 && d.load <= (double)t.pus + 0.5), "%g", d.load);
    topology_free(&t);
}

/* ---- counters and energy --------------------------------------------------------------------- */

Test(counters, what_is_not_to_be_had_is_no_number)
{
    struct counters counters;
    double total[COUNTERS];
    counters_open(&counters);
    counters_read(&counters, total);
    for (enum counter c = 0; c < COUNTERS; c++)
        cr_expect(counters.file[c] >= 0 ? total[c] >= 0 : isnan(total[c]), "%s", counter_name(c));
    counters_close(&counters);
    counters_read(&counters, total);
    for (enum counter c = 0; c < COUNTERS; c++)
        cr_expect(isnan(total[c]));
}

static void write_number(const char *folder, const char *zone, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, zone);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", folder, zone, name);
    FILE *file = fopen(path, "w");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
}

Test(energy, packages_are_summed_and_wrap_around)
{
    char folder[] = "/tmp/ektm-powercap-XXXXXX", command[64];
    double range;
    cr_assert(mkdtemp(folder));
    cr_expect(isnan(energy_read(folder, &range)));
    write_number(folder, "intel-rapl:0", "energy_uj", "2000000\n");
    write_number(folder, "intel-rapl:0", "max_energy_range_uj", "262143000000\n");
    write_number(folder, "intel-rapl:1", "energy_uj", "3500000\n");
    write_number(folder, "intel-rapl:1", "max_energy_range_uj", "262143000000\n");
    write_number(folder, "intel-rapl:0:0", "energy_uj", "1000000\n");
    cr_expect_float_eq(energy_read(folder, &range), 5.5, 1e-9);
    cr_expect_float_eq(range, 262143, 1e-9);
    cr_expect_float_eq(energy_between(5.5, 7.5, range), 2, 1e-9);
    cr_expect_float_eq(energy_between(262142, 3, range), 4, 1e-9);
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_assert_eq(system(command), 0);
}

/* ---- verdicts -------------------------------------------------------------------------------- */

static const struct circumstances quiet = {
    .pinned = true, .threads = 1, .had = 1, .samples = 20, .wanted = 11, .spread = 0.01};

static void expect_verdict(struct circumstances c, bool noisy, bool invalid, const char *reason)
{
    struct doubts d = doubts_of(&c);
    cr_expect_eq(d.noisy, noisy, "%s", d.reason);
    cr_expect_eq(d.invalid, invalid, "%s", d.reason);
    cr_expect(strstr(d.reason, reason) != NULL, "'%s' lacks '%s'", d.reason, reason);
}

Test(verdict, each_doubt_has_its_word_and_its_weight)
{
    struct circumstances c = quiet;
    expect_verdict(c, false, false, "");
    c.had = 0.9;
    expect_verdict(c, true, false, BUSY_REASON " 90 %");
    c.had = 0.5;
    expect_verdict(c, true, true, BUSY_REASON " 50 %");
    c.oversubscribed = true; /* as the caller wished */
    expect_verdict(c, true, false, "more threads than processors");
    c = quiet;
    c.spread = 0.06;
    expect_verdict(c, true, false, "+-6 %");
    c.spread = 0.4;
    expect_verdict(c, true, true, "+-40 %");
    c = quiet;
    c.clock_range = 0.3;
    expect_verdict(c, true, true, "clock moved by 30 %");
    c = quiet;
    c.disturbance.steal = 0.05;
    expect_verdict(c, true, false, "hypervisor took 5 %");
    c.disturbance.steal = 0.2;
    expect_verdict(c, true, true, "hypervisor took 20 %");
    c = quiet;
    c.disturbance.load = 0.9;
    expect_verdict(c, true, false, "0.9 processors");
    c = quiet;
    c.disturbance.throttled = 0.2;
    expect_verdict(c, true, true, "quota took 20 %");
    c = quiet;
    c.disturbance.migrations = 2;
    expect_verdict(c, true, false, "moved 2 times");
    c = quiet;
    c.disturbance = (struct disturbance){NAN, NAN, NAN, NAN, NAN};
    c.had = c.clock_range = NAN;
    expect_verdict(c, false, false, "");
}

/* ---- re-runs --------------------------------------------------------------------------------- */

/* Sleeps in some calls, so that its thread has no processor. */
struct sleeper {
    size_t calls, awake_after;
};

static void sleep_at_times(void *argument)
{
    struct sleeper *s = argument;
    uint64_t begin = clock_now();
    if (s->calls++ < s->awake_after)
        usleep(200);
    while (clock_now() - begin < 20000)
        ;
}

/* Samples the sleeper as a run would; how often it was sampled again. */
static size_t reruns_of(struct sleeper *sleeper, bool *invalid, size_t *samples)
{
    static volatile sig_atomic_t stop;
    struct arguments arguments = {.seed = 1};
    struct run run = {.arguments = &arguments, .stop = &stop};
    struct fault fault;
    run.clock = clock_measure();
    cr_assert(topology_load(&run.topology, NULL, &fault), "%s", fault.text);
    run.plan.sampling = (struct sampling){
        .clock = &run.clock, .budget = 1e9, .sample = 50e3, .least = 11, .most = 11};
    cr_assert(run_seat(&run, (struct seating){1, PLACEMENT_COMPACT}, &fault), "%s", fault.text);
    struct competitor c = {.run = sleep_at_times, .argument = sleeper};
    cr_assert(run_sample(&run, &run.plan.sampling, &c, 1, &fault), "%s", fault.text);
    *invalid = c.invalid;
    *samples = c.count;
    competitor_free(&c);
    team_stop(run.team);
    topology_free(&run.topology);
    return run.reruns;
}

Test(reruns, are_bounded_and_drop_what_they_replace)
{
    bool invalid;
    size_t samples;
    struct sleeper always = {0, SIZE_MAX};
    cr_expect_eq(reruns_of(&always, &invalid, &samples), 2);
    cr_expect(invalid);
    cr_expect_eq(samples, 11, "%zu samples", samples);
}

Test(reruns, mend_what_was_disturbed_once)
{
    bool invalid = true;
    size_t samples, reruns = 0;
    for (int attempt = 0; attempt < 10 && (invalid || !reruns); attempt++) {
        struct sleeper once = {0, 12}; /* some samples after calibration */
        reruns = reruns_of(&once, &invalid, &samples);
    }
    cr_expect(!invalid && reruns >= 1 && samples == 11, "%zu re-runs", reruns);
}
