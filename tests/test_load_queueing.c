/* The server against queueing theory: with a service of known times, percentiles of latencies are
 * what M/M/1 and M/D/1 have, within their intervals as often as intervals promise. */
#include "harness/load/search.h"

#include "harness/measure/clock.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

/* ---- theory ---------------------------------------------------------------------------------- */

/* M/M/1, service of mean 1: the time in the system is exponential. */
static double of_exponential(double utilisation, double share)
{
    return -log(1 - share) / (1 - utilisation);
}

enum { STATES = 400 };

/* P(more than k arrivals during a service), of a Poisson number of mean `utilisation`. */
static void find_tails(double utilisation, double *tail)
{
    double term = exp(-utilisation), rest = 1 - term;
    for (size_t k = 0; k < STATES; k++) {
        tail[k] = fmax(rest, 0);
        term *= utilisation / (double)(k + 1);
        rest -= term;
    }
}

/* M/D/1, service 1: P(at most so many in the system) as departures leave it. A level is crossed
 * upwards as often as downwards: p_j P(no arrival) = p_0 P(A > j-1) + sum p_i P(A > j-i), 0 < i <
 * j.
 */
static void find_states(double utilisation, double *cumulative)
{
    double p[STATES], tail[STATES], sum;
    find_tails(utilisation, tail);
    p[0] = sum = cumulative[0] = 1 - utilisation;
    for (size_t j = 1; j < STATES; j++) {
        double up = p[0] * tail[j - 1];
        for (size_t i = 1; i < j; i++)
            up += p[i] * tail[j - i];
        p[j] = up / exp(-utilisation);
        sum += p[j];
        cumulative[j] = sum;
    }
}

/* P(wait <= x), x >= 0, of M/D/1 (Franx, Oper. Res. Lett. 29, 2001): with k - 1 <= x < k, the sum
 * over j < k of Q_{k-1-j} e^-y y^j / j!, y = utilisation (k - x), Q_m = P(at most m wait). */
static double waits_at_most(const double *cumulative, double utilisation, double x)
{
    const size_t k = (size_t)floor(x) + 1;
    const double y = utilisation * ((double)k - x);
    double term = exp(-y), probability = 0;
    for (size_t j = 0; j < k; j++) {
        probability += cumulative[k - j] * term;
        term *= y / (double)(j + 1);
    }
    return probability;
}

/* The time in the system is the wait and the service. */
static double of_fixed(double utilisation, double share)
{
    double cumulative[STATES], low = 0, high = STATES - 2;
    find_states(utilisation, cumulative);
    if (waits_at_most(cumulative, utilisation, 0) >= share)
        return 1;
    for (int i = 0; i < 60; i++) {
        const double middle = (low + high) / 2;
        *(waits_at_most(cumulative, utilisation, middle) < share ? &low : &high) = middle;
    }
    return 1 + high;
}

/* The mean wait in M/D/1 is rho / (2 (1 - rho)): the distribution above has it. */
Test(load_queueing, theory_agrees_with_itself)
{
    static const double utilisations[] = {0.5, 0.8, 0.9};
    for (size_t u = 0; u < 3; u++) {
        const double rho = utilisations[u], step = 0.01;
        double cumulative[STATES], mean = 0;
        find_states(rho, cumulative);
        for (double x = step / 2; x < 150; x += step)
            mean += (1 - waits_at_most(cumulative, rho, x)) * step;
        cr_expect_float_eq(mean, rho / (2 * (1 - rho)), 0.002 * mean, "%g at %g", mean, rho);
    }
}

/* ---- simulated time -------------------------------------------------------------------------- */

#define SERVICE_NS 1e6

static double fixed_time(void *argument, size_t instance, size_t rows)
{
    (void)argument;
    (void)instance;
    (void)rows;
    return SERVICE_NS;
}

static double exponential_time(void *argument, size_t instance, size_t rows)
{
    (void)instance;
    (void)rows;
    return -SERVICE_NS * log(1 - random_uniform(argument));
}

static const struct {
    const char *name;
    double (*run)(void *argument, size_t instance, size_t rows);
    double (*theory)(double utilisation, double share);
    double utilisation;
} queues[] = {
    {"M/D/1", fixed_time, of_fixed, 0.5},
    {"M/D/1", fixed_time, of_fixed, 0.8},
    {"M/D/1", fixed_time, of_fixed, 0.9},
    {"M/M/1", exponential_time, of_exponential, 0.5},
    {"M/M/1", exponential_time, of_exponential, 0.8},
    {"M/M/1", exponential_time, of_exponential, 0.9},
};

static const double shares[] = {0.5, 0.95, 0.99, 0.999};

enum { SHARES = sizeof shares / sizeof *shares };

static const struct candidates one_row = {.kind = CANDIDATES_FIXED, .mean = 1};

static struct outcome simulate(size_t queue, size_t queries, uint64_t seed)
{
    struct fault fault;
    struct outcome outcome = {.seconds = 0};
    struct random random = random_stream(seed, 7);
    const struct serving serving = {.instances = 1, .queue_limit = 1 << 20, .batch_rows = 1};
    const struct traffic traffic = {.candidates = &one_row,
                                    .rate = queues[queue].utilisation * 1e9 / SERVICE_NS,
                                    .seed = seed,
                                    .warm_up = queries / 10,
                                    .queries = queries};
    const struct service service = {&random, queues[queue].run};
    cr_assert(server_run_simulated(&serving, &traffic, &service, &outcome, &fault), "%s",
              fault.text);
    return outcome;
}

/* One long run: what it says is close, and the interval holds the truth. */
Test(load_queueing, a_long_run_agrees_with_theory)
{
    for (size_t q = 0; q < sizeof queues / sizeof *queues; q++) {
        struct outcome outcome = simulate(q, 400000, 1);
        cr_expect_eq(outcome.completed, 400000);
        cr_expect_eq(outcome.shed, 0);
        for (size_t s = 0; s < SHARES; s++) {
            const struct estimate e = latencies_quantile(&outcome.latencies, shares[s]);
            const double truth = SERVICE_NS * queues[q].theory(queues[q].utilisation, shares[s]);
            cr_expect(e.low <= truth && truth <= e.high, "%s at %g: p%g is %g, %g to %g, not %g",
                      queues[q].name, queues[q].utilisation, 100 * shares[s], e.median, e.low,
                      e.high, truth);
            cr_expect_float_eq(e.median, truth, 0.15 * truth, "%s at %g: p%g is %g, not %g",
                               queues[q].name, queues[q].utilisation, 100 * shares[s], e.median,
                               truth);
        }
        outcome_free(&outcome);
    }
}

/* Intervals of 95 % hold the truth in about 95 of 100 runs, in spite of the dependence between
 * neighbours. Each percentile over many short runs. */
Test(load_queueing, intervals_hold_the_truth_as_often_as_they_promise)
{
    enum { RUNS = 60, QUERIES = 20000 };
    for (size_t q = 0; q < sizeof queues / sizeof *queues; q++) {
        size_t hits[SHARES] = {0};
        for (uint64_t run = 0; run < RUNS; run++) {
            struct outcome outcome = simulate(q, QUERIES, 100 + run);
            for (size_t s = 0; s < SHARES; s++) {
                const struct estimate e = latencies_quantile(&outcome.latencies, shares[s]);
                const double truth =
                    SERVICE_NS * queues[q].theory(queues[q].utilisation, shares[s]);
                hits[s] += e.low <= truth && truth <= e.high;
            }
            outcome_free(&outcome);
        }
        for (size_t s = 0; s < SHARES; s++) {
            cr_expect_geq(hits[s], 50, "%s at %g: p%g in %zu of %d runs", queues[q].name,
                          queues[q].utilisation, 100 * shares[s], hits[s], RUNS);
        }
    }
}

/* ---- the search ------------------------------------------------------------------------------ */

/* What a run of a search goes through. */
struct simulated {
    size_t queue; /* index into queues */
    size_t queries;
    uint64_t seed;
    struct random random;
    const struct objective *objective;
    struct outcome outcome; /* of the last attempt */
};

/* A run_rate. */
static bool run_simulated(void *argument, double rate, struct outcome *outcome, struct fault *fault)
{
    struct simulated *s = argument;
    const struct serving serving = {.instances = 1, .queue_limit = 1000, .batch_rows = 1};
    const struct traffic traffic = {.candidates = &one_row,
                                    .rate = rate,
                                    .seed = ++s->seed,
                                    .warm_up = s->queries / 10,
                                    .queries = s->queries,
                                    .late = s->objective->ns,
                                    .late_most = s->queries};
    const struct service service = {&s->random, queues[s->queue].run};
    return server_run_simulated(&serving, &traffic, &service, outcome, fault);
}

/* An attempt_rate. */
static bool attempt_simulated(void *argument, size_t runs, bool all, struct attempt *attempt,
                              struct fault *fault)
{
    struct simulated *s = argument;
    outcome_free(&s->outcome);
    return attempt_make(attempt, s->objective, runs, all, run_simulated, s, &s->outcome, fault);
}

static const struct search search = {
    .start = 400, .ratio = 1.05, .runs = 2, .confirmations = 3, .strict = true, .unloaded = 1e6};

/* How many of 10 repeats of what confirmed a rate keep to the objective at that rate. */
static size_t kept_of_ten(struct simulated *s, double rate)
{
    struct fault fault;
    size_t kept = 0;
    for (int i = 0; i < 10; i++) {
        struct attempt attempt = {.rate = rate};
        cr_assert(attempt_simulated(s, search.confirmations, true, &attempt, &fault), "%s",
                  fault.text);
        kept += attempt.kept;
    }
    return kept;
}

/* The rate at which theory has the objective's percentile take just as long as it may. */
static double highest_in_theory(size_t queue, const struct objective *objective)
{
    double low = 0.01, high = 0.99;
    for (int i = 0; i < 40; i++) {
        const double middle = (low + high) / 2;
        const double ns = SERVICE_NS * queues[queue].theory(middle, objective->share);
        *(ns <= objective->ns ? &low : &high) = middle;
    }
    return low * 1e9 / SERVICE_NS;
}

/* M/D/1 and M/M/1, p99 of 8 and 15 services. */
Test(load_queueing, what_a_search_finds_holds_and_fifteen_per_cent_more_does_not)
{
    enum { SEARCHES = 5 };
    static const struct {
        size_t queue;
        const char *objective;
        size_t queries; /* of a run: waiting times of M/M/1 spread more */
    } cases[] = {{0, "p99=8ms", 6000}, {3, "p99=15ms", 20000}};
    for (size_t c = 0; c < 2; c++) {
        struct objective objective;
        struct fault fault;
        cr_assert(objective_parse(&objective, cases[c].objective, &fault), "%s", fault.text);
        const double highest = highest_in_theory(cases[c].queue, &objective);
        size_t held = 0, failed = 0;
        for (uint64_t k = 0; k < SEARCHES; k++) {
            struct simulated s = {.queue = cases[c].queue,
                                  .queries = cases[c].queries,
                                  .seed = 1000 * k,
                                  .random = random_stream(k, 3),
                                  .objective = &objective};
            struct found found;
            cr_assert(search_highest(&search, attempt_simulated, &s, &found, &fault), "%s",
                      fault.text);
            cr_assert(found.any);
            cr_expect(found.rate > 0.85 * highest && found.rate < 1.03 * highest, "%g, not %g",
                      found.rate, highest);
            cr_expect(found.low <= found.rate && found.rate < found.high);
            held += kept_of_ten(&s, found.rate) >= 9;
            failed += kept_of_ten(&s, 1.15 * found.rate) <= 1;
            outcome_free(&s.outcome);
        }
        cr_expect_geq(held, SEARCHES - 1, "%s: what %zu of %d searches found holds",
                      queues[cases[c].queue].name, held, SEARCHES);
        cr_expect_geq(failed, SEARCHES - 1, "%s: above what %zu of %d searches found it fails",
                      queues[cases[c].queue].name, failed, SEARCHES);
    }
}

/* A query that takes longer than the objective by itself: no rate holds. */
Test(load_queueing, where_no_rate_holds_none_is_found)
{
    struct objective objective;
    struct fault fault;
    struct found found;
    cr_assert(objective_parse(&objective, "p50=900us", &fault), "%s", fault.text);
    struct simulated s = {.queue = 0, .queries = 1000, .objective = &objective};
    cr_assert(search_highest(&search, attempt_simulated, &s, &found, &fault), "%s", fault.text);
    cr_expect(!found.any);
    outcome_free(&s.outcome);
}

/* In M/M/1 the median doubles at a utilisation of one half. */
Test(load_queueing, the_knee_is_where_the_median_doubles)
{
    struct objective objective;
    struct fault fault;
    struct found found;
    struct search of_mm1 = search;
    of_mm1.unloaded = SERVICE_NS * log(2);
    cr_assert(objective_parse(&objective, "p99=15ms", &fault), "%s", fault.text);
    struct simulated s = {.queue = 3, .queries = 20000, .objective = &objective};
    cr_assert(search_highest(&of_mm1, attempt_simulated, &s, &found, &fault), "%s", fault.text);
    cr_expect(found.knee > 450 && found.knee < 550, "%g", found.knee);
    outcome_free(&s.outcome);
}

/* A search that is late from the start still ends with a rate that holds and one that does not. */
Test(load_queueing, a_late_search_has_both_ends)
{
    struct objective objective;
    struct fault fault;
    struct found found;
    struct search late = search;
    late.deadline = 1;
    cr_assert(objective_parse(&objective, "p99=8ms", &fault), "%s", fault.text);
    struct simulated s = {.queue = 0, .queries = 2000, .objective = &objective};
    cr_assert(search_highest(&late, attempt_simulated, &s, &found, &fault), "%s", fault.text);
    cr_assert(found.any);
    cr_expect(found.low <= found.rate && found.rate < found.high && isfinite(found.high));
    cr_expect_lt(found.attempts, 8);
    outcome_free(&s.outcome);
}

/* A machine that does up to 500 a second, but for a pause, in which it does nothing. */
struct pausing {
    size_t confirmations, pause; /* so far, and of them those that fall into the pause */
};

static bool attempt_pausing(void *argument, size_t runs, bool all, struct attempt *attempt,
                            struct fault *fault)
{
    struct pausing *p = argument;
    (void)runs;
    (void)fault;
    const bool paused = all && p->confirmations++ < p->pause;
    attempt->kept = attempt->steady = attempt->rate <= 500 && !paused;
    attempt->holds = attempt->kept ? HOLDS_YES : HOLDS_NO;
    return true;
}

Test(load_queueing, a_pause_while_a_rate_is_confirmed_does_not_lower_what_is_found)
{
    struct pausing p = {.pause = 5};
    struct fault fault;
    struct found found;
    cr_assert(search_highest(&search, attempt_pausing, &p, &found, &fault), "%s", fault.text);
    cr_assert(found.any);
    cr_expect(found.rate > 500 / search.ratio && found.rate <= 500, "%g", found.rate);
    cr_expect_gt(found.high, found.rate);
}
