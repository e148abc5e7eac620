/* Statistics on samples whose distribution is known, and sampling on work whose time is known. */
#include "harness/measure/sample.h"
#include "harness/measure/statistics.h"
#include "harness/random.h"

#include <criterion/criterion.h>
#include <math.h>

static double normal(struct random *random)
{
    double u = random_uniform(random), v = random_uniform(random);
    return sqrt(-2 * log1p(-u)) * cos(2 * 3.14159265358979323846 * v);
}

/* ---- medians and outliers -------------------------------------------------------------------- */

Test(median, of_odd_even_one_and_none)
{
    double odd[] = {5, 1, 9}, even[] = {4, 1, 3, 2}, one[] = {7}, none[1];
    cr_assert_eq(median_of(odd, 3), 5);
    cr_assert_eq(median_of(even, 4), 2.5);
    cr_assert_eq(median_of(one, 1), 7);
    cr_assert(isnan(median_of(none, 0)));
}

Test(outliers, are_counted_where_planted_and_nowhere_else)
{
    /* Quartiles 2.5 and 7.5 (1 .. 9 and one more): fences at about -5 and 15. */
    double plain[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    double one[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1000};
    double both[] = {-1000, 2, 3, 4, 5, 6, 7, 8, 9, 1000};
    double constant[] = {4, 4, 4, 4, 4, 4, 4};
    cr_assert_eq(outliers_of(plain, 10), 0);
    cr_assert_eq(outliers_of(one, 10), 1);
    cr_assert_eq(outliers_of(both, 10), 2);
    cr_assert_eq(outliers_of(constant, 7), 0);
}

Test(outliers, fences_stand_at_one_and_a_half_ranges)
{
    /* Quartiles 2 and 6: fences at -4 and 12. */
    double inside[] = {0, 1, 2, 3, 4, 5, 6, 7, 12};
    double beyond[] = {0, 1, 2, 3, 4, 5, 6, 7, 12.01};
    cr_assert_eq(outliers_of(inside, 9), 0);
    cr_assert_eq(outliers_of(beyond, 9), 1);
}

/* ---- intervals ------------------------------------------------------------------------------- */

/* The share of `trials` in which the interval holds the true median. */
static double coverage(size_t samples, bool skewed)
{
    enum { TRIALS = 600 };
    size_t held = 0;
    for (size_t trial = 0; trial < TRIALS; trial++) {
        struct random random = random_stream(17, trial);
        double x[64];
        for (size_t i = 0; i < samples; i++)
            x[i] = skewed ? exp(normal(&random)) : 10 + normal(&random);
        struct estimate e = median_estimate(x, samples, trial);
        double truth = skewed ? 1 : 10;
        held += e.low <= truth && truth <= e.high;
    }
    return (double)held / TRIALS;
}

Test(interval, covers_the_median_of_normal_samples)
{
    double held = coverage(31, false);
    cr_assert(held > 0.92 && held < 0.985, "%.3f of the intervals hold the median", held);
}

Test(interval, covers_the_median_of_lognormal_samples)
{
    double held = coverage(30, true);
    cr_assert(held > 0.92 && held < 0.985, "%.3f of the intervals hold the median", held);
}

Test(interval, covers_the_ratio_of_medians)
{
    enum { TRIALS = 400, SAMPLES = 25 };
    size_t held = 0;
    for (size_t trial = 0; trial < TRIALS; trial++) {
        struct random random = random_stream(18, trial);
        double x[SAMPLES], y[SAMPLES];
        for (size_t i = 0; i < SAMPLES; i++)
            x[i] = 6 * exp(0.1 * normal(&random));
        for (size_t i = 0; i < SAMPLES; i++)
            y[i] = 2 * exp(0.1 * normal(&random));
        struct estimate e = ratio_estimate(&(struct series){x, NULL, SAMPLES},
                                           &(struct series){y, NULL, SAMPLES}, trial);
        held += e.low <= 3 && 3 <= e.high;
    }
    double share = (double)held / TRIALS;
    cr_assert(share > 0.92 && share < 0.99, "%.3f of the intervals hold the ratio", share);
}

Test(interval, narrows_with_the_root_of_the_samples)
{
    double few[25], many[400];
    struct random random = random_stream(19, 0);
    for (size_t i = 0; i < 25; i++)
        few[i] = 10 + normal(&random);
    for (size_t i = 0; i < 400; i++)
        many[i] = 10 + normal(&random);
    struct estimate of_few = median_estimate(few, 25, 1), of_many = median_estimate(many, 400, 1);
    double ratio = estimate_spread(&of_few) / estimate_spread(&of_many);
    cr_assert(ratio > 2 && ratio < 8, "sixteen times the samples narrow it %.2f times", ratio);
}

Test(interval, depends_on_nothing_but_samples_and_seed)
{
    double x[40], shuffled[40];
    struct random random = random_stream(20, 0);
    for (size_t i = 0; i < 40; i++)
        shuffled[39 - i] = x[i] = normal(&random);
    struct estimate a = median_estimate(x, 40, 5), b = median_estimate(shuffled, 40, 5);
    cr_assert(a.median == b.median && a.low == b.low && a.high == b.high);
}

Test(interval, of_constant_samples_is_a_point)
{
    double x[] = {3, 3, 3, 3, 3}, y[] = {2, 2, 2};
    struct estimate e = median_estimate(x, 5, 1),
                    r = ratio_estimate(&(struct series){x, NULL, 5}, &(struct series){y, NULL, 3},
                                       1);
    cr_assert(e.median == 3 && e.low == 3 && e.high == 3);
    cr_assert(r.median == 1.5 && r.low == 1.5 && r.high == 1.5);
    cr_assert_eq(estimate_spread(&e), 0);
}

Test(interval, of_one_sample_is_the_sample_and_of_two_their_range)
{
    double one[] = {4}, two[] = {1, 2}, none[1];
    struct estimate e = median_estimate(one, 1, 1);
    cr_assert(e.median == 4 && e.low == 4 && e.high == 4);
    e = median_estimate(two, 2, 1);
    cr_assert(e.median == 1.5 && e.low == 1 && e.high == 2);
    cr_assert(isnan(median_estimate(none, 0, 1).median));
    cr_assert(isnan(
        ratio_estimate(&(struct series){none, NULL, 0}, &(struct series){one, NULL, 1}, 1).median));
}

/* ---- pairs ----------------------------------------------------------------------------------- */

enum { ROUNDS = 120 };

/* Two competitors whose times drift together, threefold over the rounds; y is slower by `slow`. */
static void drift(double *x, double *y, size_t *round, double slow, uint64_t seed)
{
    struct random random = random_stream(seed, 3);
    double level = 1;
    for (size_t i = 0; i < ROUNDS; i++) {
        level = 0.9 * level + 0.1 * (1 + 2 * (double)i / ROUNDS) + 0.02 * normal(&random);
        round[i] = i;
        x[i] = level * (1 + 0.01 * normal(&random));
        y[i] = level * (1 + 0.01 * normal(&random)) * (1 + slow);
    }
}

Test(pairs, what_drifts_for_both_is_no_reason_to_doubt)
{
    double x[ROUNDS], y[ROUNDS];
    size_t round[ROUNDS], found = 0, wrong = 0, unpaired_found = 0;
    for (uint64_t trial = 0; trial < 100; trial++) {
        drift(x, y, round, 0.05, trial);
        struct series with_x = {x, round, ROUNDS}, with_y = {y, round, ROUNDS};
        struct series alone_x = {x, NULL, ROUNDS}, alone_y = {y, NULL, ROUNDS};
        struct estimate paired = ratio_estimate(&with_y, &with_x, trial);
        struct estimate unpaired = ratio_estimate(&alone_y, &alone_x, trial);
        found += shown_by(&paired) == SHOWN_FASTER;
        unpaired_found += shown_by(&unpaired) == SHOWN_FASTER;
        drift(x, y, round, 0, 1000 + trial);
        paired = ratio_estimate(&with_y, &with_x, trial);
        wrong += shown_by(&paired) != SHOWN_NOTHING;
    }
    cr_expect_geq(found, 95, "5 %% slower was found %zu times of 100", found);
    cr_expect_leq(unpaired_found, 20, "without pairs %zu times", unpaired_found);
    cr_expect_leq(wrong, 5, "a difference was shown %zu times where there is none", wrong);
}

Test(pairs, only_rounds_of_both_count)
{
    double x[] = {1, 100, 1, 1, 100, 1, 1, 1}, y[] = {2, 2, 2, 2, 2, 2};
    size_t of_x[] = {0, 1, 2, 3, 4, 5, 6, 7}, of_y[] = {0, 2, 3, 5, 6, 7};
    struct estimate e =
        ratio_estimate(&(struct series){y, of_y, 6}, &(struct series){x, of_x, 8}, 1);
    cr_expect(e.median == 2 && e.low == 2 && e.high == 2, "%g %g %g", e.median, e.low, e.high);
}

Test(pairs, verdicts_leave_a_margin)
{
    const struct {
        struct estimate ratio;
        enum shown shown;
    } cases[] = {{{1.05, 1.02, 1.08}, SHOWN_FASTER}, {{1.05, 1.009, 1.08}, SHOWN_NOTHING},
                 {{0.95, 0.92, 0.98}, SHOWN_SLOWER}, {{0.95, 0.92, 0.995}, SHOWN_NOTHING},
                 {{1, 0.999, 1.001}, SHOWN_NOTHING}, {{NAN, NAN, NAN}, SHOWN_UNKNOWN}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(shown_by(&cases[i].ratio), cases[i].shown, "case %zu", i);
    cr_expect_str_eq(shown_name(SHOWN_NOTHING), "no difference shown");
}

/* ---- clock and sampling ---------------------------------------------------------------------- */

Test(clock, tells_its_overhead_and_resolution)
{
    struct clock_quality quality = clock_measure();
    cr_assert(quality.overhead > 0 && quality.overhead < 1e5);
    cr_assert(quality.resolution > 0 && quality.resolution <= 1e6);
    cr_assert(clock_shortest(&quality) >= 50 * quality.overhead);
}

static void wait_for(void *argument)
{
    uint64_t until = clock_now() + *(uint64_t *)argument;
    while (clock_now() < until)
        ;
}

/* Whether 2 us of waiting was timed in bunches and 3 ms one by one, and the slow one sat out. */
static bool times_both(const struct sampling *sampling)
{
    uint64_t quick = 2000, slow = 3000000;
    struct competitor c[] = {{.run = wait_for, .argument = &quick},
                             {.run = wait_for, .argument = &slow}};
    struct fault fault;
    cr_assert(sample_interleaved(sampling, c, 2, &fault));
    cr_assert_eq(c[1].calls, 1);
    cr_assert_geq(c[1].count, 5, "%zu samples", c[1].count);
    double fast_ns = median_of(c[0].ns, c[0].count), slow_ns = median_of(c[1].ns, c[1].count);
    cr_assert(fast_ns >= 2000 && slow_ns >= 3e6, "2 us and 3 ms of waiting took %.0f and %.0f ns",
              fast_ns, slow_ns);
    bool fine = c[0].calls >= 10 && c[1].count < c[0].count && fast_ns < 20000;
    size_t before = c[0].count;
    cr_assert(sample_interleaved(sampling, c, 1, &fault));
    cr_assert_gt(c[0].count, before, "more samples join those there are");
    competitor_free(&c[0]);
    competitor_free(&c[1]);
    return fine;
}

/* A busy machine may stretch any one attempt. */
Test(sampling, times_what_it_runs_and_lets_the_slow_sit_out)
{
    struct clock_quality clock = clock_measure();
    struct sampling sampling = {
        .clock = &clock, .budget = 60e6, .sample = 50e3, .least = 5, .most = 100};
    bool fine = false;
    for (int attempt = 0; attempt < 20 && !fine; attempt++)
        fine = times_both(&sampling);
    cr_assert(fine, "in none of 20 attempts");
}

static char order[4096];
static size_t calls;

static void leave_name(void *argument)
{
    if (calls < sizeof order)
        order[calls++] = *(char *)argument;
    uint64_t until = clock_now() + 200000;
    while (clock_now() < until)
        ;
}

Test(sampling, starts_each_round_with_another_competitor)
{
    struct clock_quality clock = {.overhead = 20, .resolution = 1};
    struct sampling sampling = {
        .clock = &clock, .budget = 1e9, .sample = 1000, .least = 4, .most = 4};
    char names[] = "abc";
    struct competitor c[3];
    struct fault fault;
    for (size_t i = 0; i < 3; i++)
        c[i] = (struct competitor){.run = leave_name, .argument = &names[i]};
    cr_assert(sample_interleaved(&sampling, c, 3, &fault));
    /* Calibration calls each twice; a sample is an untimed call and a timed one. */
    const char *rounds = "aabbcc"
                         "bbccaa"
                         "ccaabb"
                         "aabbcc";
    cr_assert_eq(calls, 6 + 24);
    cr_assert(memcmp(order + 6, rounds, 24) == 0, "%.24s", order + 6);
    for (size_t i = 0; i < 3; i++)
        competitor_free(&c[i]);
}

static volatile sig_atomic_t stop;

static void count_and_stop(void *argument)
{
    wait_for(argument);
    stop = ++calls >= 20;
}

Test(sampling, stops_after_the_sample_in_flight)
{
    struct clock_quality clock = {.overhead = 20, .resolution = 1};
    struct sampling sampling = {
        .clock = &clock, .budget = 1e9, .sample = 1000, .least = 100, .most = 100, .stop = &stop};
    uint64_t ns = 100000;
    struct competitor c = {.run = count_and_stop, .argument = &ns};
    struct fault fault;
    cr_assert(sample_interleaved(&sampling, &c, 1, &fault));
    cr_assert_eq(c.count, 9, "%zu samples; two calls calibrate, two make each sample", c.count);
    competitor_free(&c);
}
