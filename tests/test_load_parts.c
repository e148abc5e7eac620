/* What `ektm load` is made of: laws of candidates, arrivals, the queue, latencies, objectives,
 * layouts, and how a server treats queries that meet. */
#include "harness/load/antagonist.h"
#include "harness/load/objective.h"
#include "harness/load/server.h"
#include "harness/measure/clock.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fault fault;

/* ---- objectives ------------------------------------------------------------------------------ */

Test(load_parts, objectives_are_read_in_any_unit)
{
    static const struct {
        const char *text, *says;
        double share, ns;
    } cases[] = {{NULL, "p99=10ms", 0.99, 1e7},
                 {"p99=10ms", "p99=10ms", 0.99, 1e7},
                 {"p99.9=0.5s", "p99.9=500ms", 0.999, 5e8},
                 {"p50=1500us", "p50=1.5ms", 0.5, 1.5e6},
                 {"p95=999ns", "p95=999ns", 0.95, 999}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct objective o;
        cr_assert(objective_parse(&o, cases[i].text, &fault), "%s", fault.text);
        cr_expect_str_eq(o.text, cases[i].says);
        cr_expect_float_eq(o.share, cases[i].share, 1e-12);
        cr_expect_float_eq(o.ns, cases[i].ns, 1e-6 * cases[i].ns);
    }
}

Test(load_parts, what_is_no_objective_is_refused)
{
    static const char *const bad[] = {
        "",         "p",        "99=10ms",   "p99",     "p99=",    "p99=10",    "p0=1ms",
        "p100=1ms", "p99=10m",  "p99=-1ms",  "p99=0ms", "p-1=1ms", "p99=nanms", "p99=2000000s",
        "pnan=1ms", "p99 =1ms", "p99=1e999s"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct objective o;
        cr_expect(!objective_parse(&o, bad[i], &fault), "accepts '%s'", bad[i]);
        cr_expect(strstr(fault.text, "--slo") != NULL, "%s", fault.text);
        cr_expect_eq(fault.status, STATUS_CALLER);
    }
}

Test(load_parts, an_interval_on_both_sides_of_the_objective_tells_nothing)
{
    struct objective o;
    cr_assert(objective_parse(&o, "p99=10ms", &fault));
    cr_expect_eq(objective_holds(&o, &(struct estimate){9e6, 8e6, 1e7}), HOLDS_YES);
    cr_expect_eq(objective_holds(&o, &(struct estimate){9e6, 8e6, 1.1e7}), HOLDS_UNKNOWN);
    cr_expect_eq(objective_holds(&o, &(struct estimate){1.2e7, 1.1e7, INFINITY}), HOLDS_NO);
    cr_expect_eq(objective_holds(&o, &(struct estimate){NAN, NAN, NAN}), HOLDS_UNKNOWN);
}

/* ---- candidates and arrivals ----------------------------------------------------------------- */

static double mean_of(const struct candidates *c, size_t count, double *spread)
{
    struct random random = random_stream(5, 0);
    double sum = 0, logs = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        const double rows = (double)candidates_draw(c, i, &random);
        sum += rows;
        logs += log(rows);
        squares += log(rows) * log(rows);
    }
    *spread = sqrt(squares / (double)count - logs / (double)count * logs / (double)count);
    return sum / (double)count;
}

Test(load_parts, lognormal_candidates_have_their_mean_and_spread)
{
    struct candidates c;
    double spread;
    cr_assert(candidates_parse(&c, "lognormal:256:1", &fault), "%s", fault.text);
    cr_expect_str_eq(c.text, "lognormal mean 256 spread 1");
    cr_expect_float_eq(mean_of(&c, 200000, &spread), 256, 3);
    cr_expect_float_eq(spread, 1, 0.01);
    cr_assert(candidates_parse(&c, NULL, &fault), "%s", fault.text);
    cr_expect_str_eq(c.text, "lognormal mean 100 spread 0.7");
    cr_expect_float_eq(mean_of(&c, 200000, &spread), 100, 1);
    cr_assert(candidates_parse(&c, "fixed:7", &fault), "%s", fault.text);
    cr_expect_eq(mean_of(&c, 10, &spread), 7);
}

static char path[64];

static void write_file(const char *text)
{
    snprintf(path, sizeof path, "/tmp/ektm-candidates-XXXXXX");
    const int file = mkstemp(path);
    cr_assert(file >= 0);
    cr_assert_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
}

Test(load_parts, recorded_candidates_go_round)
{
    static const size_t rows[] = {3, 1, 200, 3, 1};
    struct candidates c;
    struct random random = random_stream(1, 0);
    write_file("3\n1\r\n200\n");
    cr_assert(candidates_parse(&c, path, &fault), "%s", fault.text);
    for (size_t i = 0; i < 5; i++)
        cr_expect_eq(candidates_draw(&c, i, &random), rows[i]);
    cr_expect(strncmp(c.text, "file ektm-candidates-", 21) == 0, "%s", c.text);
    cr_expect(strstr(c.text, " fnv ") != NULL, "%s", c.text);
    candidates_free(&c);
    unlink(path);
}

Test(load_parts, what_is_no_law_of_candidates_is_refused)
{
    static const char *const bad[] = {"lognormal:",      "lognormal:10",    "lognormal:10:",
                                      "lognormal:0:1",   "lognormal:10:-1", "lognormal:10:1x",
                                      "lognormal:nan:1", "fixed:",          "fixed:0",
                                      "fixed:1.5",       "fixed:9999999",   "/nonexistent"};
    static const char *const files[] = {"", "1\n\n2\n", "1\nx\n", "0\n", "1,2\n", "-3\n"};
    struct candidates c;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect(!candidates_parse(&c, bad[i], &fault), "accepts '%s'", bad[i]);
        cr_expect(strstr(fault.text, "--candidates") != NULL, "%s", fault.text);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        write_file(files[i]);
        cr_expect(!candidates_parse(&c, path, &fault), "accepts '%s'", files[i]);
        cr_expect(strstr(fault.text, path) != NULL, "%s", fault.text);
        unlink(path);
    }
}

static const struct candidates one_row = {.kind = CANDIDATES_FIXED, .mean = 1};

Test(load_parts, arrivals_are_a_poisson_process_and_the_same_for_a_seed)
{
    enum { COUNT = 100000 };
    struct arrivals a, b;
    arrivals_begin(&a, &one_row, 1000, 3);
    arrivals_begin(&b, &one_row, 1000, 3);
    double last = 0, sum = 0, squares = 0;
    for (size_t i = 0; i < COUNT; i++) {
        const struct query query = arrivals_take(&a), same = arrivals_take(&b);
        cr_assert(query.number == i && query.at == same.at && query.at > last);
        sum += query.at - last;
        squares += (query.at - last) * (query.at - last);
        last = query.at;
    }
    const double mean = sum / COUNT, deviation = sqrt(squares / COUNT - mean * mean);
    cr_expect_float_eq(mean, 1e6, 1e4);
    cr_expect_float_eq(deviation / mean, 1, 0.02, "gaps of a Poisson process are exponential");
}

/* ---- queue and latencies --------------------------------------------------------------------- */

Test(load_parts, the_queue_is_first_come_first_served_and_bounded)
{
    struct queue queue;
    size_t next = 0, taken = 0;
    cr_assert(queue_make(&queue, 3, &fault));
    for (size_t round = 0; round < 5; round++) {
        while (queue_push(&queue, &(struct query){.number = next, .rows = 2}))
            next++;
        cr_expect_eq(queue.count, 3);
        cr_expect_eq(queue.rows, 6);
        for (size_t i = 0; i <= round % 3; i++)
            cr_expect_eq(queue_pop(&queue).number, taken++);
    }
    while (queue_oldest(&queue))
        cr_expect_eq(queue_pop(&queue).number, taken++);
    cr_expect_eq(taken, next);
    cr_expect_eq(queue.rows, 0);
    queue_free(&queue);
}

static struct latencies numbered(size_t count)
{
    struct latencies l = {.count = 0};
    struct random random = random_stream(9, 0);
    cr_assert(latencies_extend(&l, count, &fault));
    for (size_t i = 0; i < count; i++)
        l.ns[i] = (double)(i + 1);
    for (size_t i = count - 1; i > 0; i--) {
        const size_t other = random_below(&random, i + 1);
        const double swapped = l.ns[i];
        l.ns[i] = l.ns[other];
        l.ns[other] = swapped;
    }
    return l;
}

Test(load_parts, percentiles_are_order_statistics_with_binomial_intervals)
{
    struct latencies l = numbered(10000);
    const struct estimate e = latencies_quantile(&l, 0.99);
    cr_expect_eq(e.median, 9900);
    /* 1.96 standard deviations of a binomial number: 19.5; neighbours that happen to be alike widen
     * it a little. */
    cr_expect(e.low <= 9881 && e.low > 9865, "%g", e.low);
    cr_expect(e.high >= 9919 && e.high < 9935, "%g", e.high);
    cr_expect_float_eq(latencies_mean(&l), 5000.5, 1e-6);
    latencies_free(&l);
}

Test(load_parts, too_few_queries_leave_a_percentile_open_above)
{
    struct latencies few = numbered(latencies_needed(0.99) - 1), enough = numbered(2000);
    cr_expect_eq(latencies_needed(0.99), 381);
    cr_expect(isinf(latencies_quantile(&few, 0.99).high));
    cr_expect(isfinite(latencies_quantile(&enough, 0.99).high));
    latencies_free(&few);
    latencies_free(&enough);
    cr_expect(isnan(latencies_quantile(&few, 0.5).median), "of none");
}

/* Slow stretches in a row: fewer independent observations, a wider interval. */
Test(load_parts, dependence_between_neighbours_widens_the_interval)
{
    struct latencies mixed = numbered(9000), sorted = {.count = 0};
    cr_assert(latencies_extend(&sorted, 9000, &fault));
    for (size_t i = 0; i < 9000; i++)
        sorted.ns[i] = (double)(i + 1);
    const struct estimate a = latencies_quantile(&mixed, 0.5);
    const struct estimate b = latencies_quantile(&sorted, 0.5);
    cr_expect_eq(a.median, b.median);
    cr_expect_gt(b.high - b.low, 5 * (a.high - a.low));
    latencies_free(&mixed);
    latencies_free(&sorted);
}

Test(load_parts, the_histogram_counts_each_query_once)
{
    struct latencies l = {.count = 0};
    size_t count[HISTOGRAM_CLASSES], all = 0;
    static const double ns[] = {0.5, 1, 1.1, 10, 10.1, 1e6, 1e12, 1e13, INFINITY};
    cr_assert(latencies_extend(&l, 9, &fault));
    memcpy(l.ns, ns, sizeof ns);
    latencies_histogram(&l, count);
    for (size_t class = 0; class < HISTOGRAM_CLASSES; class ++)
        all += count[class];
    cr_expect_eq(all, 8, "the shed one has no latency");
    cr_expect_eq(count[0], 2);
    cr_expect_eq(count[1], 1);
    cr_expect_eq(count[10], 1);
    cr_expect_eq(count[11], 1);
    cr_expect_eq(count[60], 1);
    cr_expect_eq(count[120], 2);
    cr_expect_float_eq(histogram_bound(60), 1e6, 1e-3);
    latencies_free(&l);
}

/* ---- queries that meet ----------------------------------------------------------------------- */

/* A millisecond for a pass and a microsecond for a row. */
static double usual_time(void *argument, size_t instance, size_t rows)
{
    (void)argument;
    (void)instance;
    return 1e6 + 1e3 * (double)rows;
}

static const struct service usual = {NULL, usual_time};

static struct outcome serve(const struct serving *serving, double rate, size_t queries)
{
    struct outcome outcome = {.seconds = 0};
    const struct traffic traffic = {
        .candidates = &one_row, .rate = rate, .seed = 2, .warm_up = 100, .queries = queries};
    cr_assert(server_run_simulated(serving, &traffic, &usual, &outcome, &fault), "%s", fault.text);
    cr_expect_eq(outcome.queries, queries);
    cr_expect_eq(outcome.completed + outcome.shed, queries, "no query is lost");
    cr_expect_eq(outcome.latencies.count, queries);
    return outcome;
}

/* Twice what one instance can do: half is shed, and nobody waits longer than the queue is long. */
Test(load_parts, at_overload_queries_are_shed_and_counted)
{
    const struct serving one = {.instances = 1, .queue_limit = 10, .batch_rows = 100};
    struct outcome outcome = serve(&one, 2e9 / 1.001e6, 20000);
    cr_expect_float_eq((double)outcome.shed, 10000, 500);
    cr_expect_eq(outcome.latencies.shed, outcome.shed);
    for (size_t i = 0; i < outcome.latencies.count; i++)
        cr_assert(isinf(outcome.latencies.ns[i]) || outcome.latencies.ns[i] <= 12 * 1.001e6);
    cr_expect(isinf(latencies_quantile(&outcome.latencies, 0.9).median),
              "a shed query is later than any that ends");
    outcome_free(&outcome);
}

/* Two instances do what one cannot. */
Test(load_parts, instances_share_the_queue)
{
    const struct serving one = {.instances = 1, .queue_limit = 50, .batch_rows = 100};
    const struct serving two = {.instances = 2, .queue_limit = 50, .batch_rows = 100};
    struct outcome of_one = serve(&one, 1500, 20000), of_two = serve(&two, 1500, 20000);
    cr_expect_gt(of_one.shed, 5000);
    cr_expect_eq(of_two.shed, 0);
    outcome_free(&of_one);
    outcome_free(&of_two);
}

/* Closed loop: no query ever waits. */
Test(load_parts, in_a_closed_loop_latency_is_service)
{
    const struct serving two = {.instances = 2, .queue_limit = 1, .batch_rows = 100};
    struct outcome outcome = serve(&two, 0, 1000);
    cr_expect_eq(latencies_quantile(&outcome.latencies, 0.5).median, 1.001e6);
    cr_expect_float_eq((double)outcome.completed / outcome.seconds, 2e9 / 1.001e6, 10);
    outcome_free(&outcome);
}

/* Batches hold what one pass is paid for once: more queries a second than one by one. */
Test(load_parts, batching_collects_queries_up_to_a_time_and_a_number_of_rows)
{
    const struct serving alone = {.instances = 1, .queue_limit = 100, .batch_rows = 100};
    const struct serving batched = {
        .instances = 1, .queue_limit = 100, .batching = 2e6, .batch_rows = 100};
    struct outcome apart = serve(&alone, 5000, 20000), together = serve(&batched, 5000, 20000);
    cr_expect_gt(apart.shed, 10000);
    cr_expect_eq(together.shed, 0);
    outcome_free(&apart);
    outcome_free(&together);
    /* A query that nobody joins waits that long, and no longer. */
    together = serve(&batched, 1, 1000);
    cr_expect_float_eq(latencies_quantile(&together.latencies, 0.5).median, 3.001e6, 10);
    outcome_free(&together);
}

/* A query of one pause in a thousand: those behind it are late too, since they were to arrive. */
static double pausing(void *argument, size_t instance, size_t rows)
{
    size_t *calls = argument;
    (void)instance;
    (void)rows;
    return ++*calls == 1000 ? 1e9 : 1e3;
}

Test(load_parts, one_pause_is_seen_in_all_queries_that_it_keeps_waiting)
{
    size_t calls = 0, late = 0;
    struct outcome outcome = {.seconds = 0};
    const struct serving serving = {.instances = 1, .queue_limit = 10000, .batch_rows = 1};
    const struct traffic traffic = {
        .candidates = &one_row, .rate = 1000, .seed = 1, .queries = 5000};
    const struct service service = {&calls, pausing};
    cr_assert(server_run_simulated(&serving, &traffic, &service, &outcome, &fault));
    for (size_t i = 0; i < outcome.latencies.count; i++)
        late += outcome.latencies.ns[i] > 1e6;
    cr_expect(late > 850 && late < 1150, "%zu queries arrive in a second", late);
    outcome_free(&outcome);
}

Test(load_parts, a_run_ends_early_when_its_outcome_is_certain)
{
    struct outcome outcome = {.seconds = 0};
    const struct serving serving = {.instances = 1, .queue_limit = 100, .batch_rows = 1};
    const struct traffic traffic = {.candidates = &one_row,
                                    .rate = 5000,
                                    .seed = 1,
                                    .queries = 100000,
                                    .late = 1e7,
                                    .late_most = 50};
    cr_assert(server_run_simulated(&serving, &traffic, &usual, &outcome, &fault));
    cr_expect(outcome.given_up);
    cr_expect_lt(outcome.queries, 1000);
    cr_expect_eq(outcome.latencies.count, outcome.queries);
    cr_expect_eq(outcome.completed + outcome.shed, outcome.queries);
    outcome_free(&outcome);
}

/* ---- the machine's clock --------------------------------------------------------------------- */

#define SPIN_NS 200e3

static double spin(void *argument, size_t instance, size_t rows)
{
    (void)argument;
    (void)instance;
    (void)rows;
    const uint64_t begin = clock_now();
    while ((double)(clock_now() - begin) < SPIN_NS)
        ;
    return 0;
}

/* The same server in real time. Other work may make anything slower here, and nothing faster. */
Test(load_parts, in_real_time_no_query_ends_before_it_can, .timeout = 60)
{
    struct topology topology;
    struct outcome outcome = {.seconds = 0};
    const struct serving serving = {.instances = 1, .queue_limit = 1000, .batch_rows = 1};
    const struct traffic traffic = {
        .candidates = &one_row, .rate = 1000, .seed = 1, .warm_up = 50, .queries = 500};
    const struct service service = {NULL, spin};
    cr_assert(topology_load(&topology, NULL, &fault), "%s", fault.text);
    struct team *workers = team_start(&topology, PLACEMENT_COMPACT, 1, &fault);
    cr_assert(workers, "%s", fault.text);
    cr_assert(server_run_live(&serving, &traffic, &service, workers, NULL, &outcome, &fault));
    team_stop(workers);
    topology_free(&topology);
    cr_expect_eq(outcome.completed + outcome.shed, 500);
    cr_expect(outcome.seconds > 0.4, "500 queries at 1000 a second took %g s", outcome.seconds);
    for (size_t i = 0; i < outcome.latencies.count; i++)
        cr_assert(outcome.latencies.ns[i] >= SPIN_NS);
    outcome_free(&outcome);
}

/* ---- layouts --------------------------------------------------------------------------------- */

static const struct names all_names = {.count = 0};

static void expect_layouts(const char *machine, const struct layout_wish *wish,
                           const char *expected)
{
    struct topology topology;
    struct layouts layouts;
    char found[256] = "";
    size_t used = 0;
    cr_assert(topology_load(&topology, machine, &fault), "%s", fault.text);
    cr_assert(layouts_make(&layouts, &topology, wish, &fault), "%s", fault.text);
    for (size_t i = 0; i < layouts.count; i++)
        used += (size_t)snprintf(found + used, sizeof found - used, "%s%s %zux%zu", i ? ", " : "",
                                 layouts.layout[i].name, layouts.layout[i].instances,
                                 layouts.layout[i].threads);
    cr_expect_str_eq(found, expected, "%s: %s", machine, found);
    layouts_free(&layouts);
    topology_free(&topology);
}

Test(load_parts, layouts_follow_the_topology)
{
    const struct layout_wish all = {.names = &all_names};
    expect_layouts("pack:2 l3:4 core:8 pu:2", &all, "all 1x64, package 2x32, l3 8x8, core 64x1");
    expect_layouts("pack:2 numa:2 l3:2 core:4 pu:1", &all,
                   "all 1x32, package 2x16, numa 4x8, l3 8x4, core 32x1");
    expect_layouts("pack:1 l3:1 core:2 pu:1", &all, "all 1x2, core 2x1");
    expect_layouts("pack:1 l3:1 core:1 pu:2", &all, "all 1x1");
}

Test(load_parts, layouts_are_chosen_by_name_or_by_number)
{
    const struct names l3 = {1, {"l3"}};
    const char *machine = "pack:2 l3:4 core:8 pu:2";
    expect_layouts(machine, &(struct layout_wish){.names = &l3}, "l3 8x8");
    expect_layouts(machine, &(struct layout_wish){.names = &all_names, .instances = 4},
                   "4x16 4x16");
    expect_layouts(machine, &(struct layout_wish){.names = &all_names, .threads = 2}, "32x2 32x2");
    expect_layouts(machine,
                   &(struct layout_wish){.names = &all_names, .instances = 3, .threads = 5},
                   "3x5 3x5");
    expect_layouts("pack:1 l3:1 core:2 pu:1",
                   &(struct layout_wish){.names = &all_names, .instances = 8}, "8x1 8x1");
}

/* Each core of the machine is one instance's, and neighbours have the last ones. */
Test(load_parts, instances_and_neighbours_have_cores_of_their_own)
{
    struct topology topology;
    struct layouts layouts;
    const struct layout_wish wish = {.names = &all_names, .neighbours = 3};
    bool used[64] = {false};
    cr_assert(topology_load(&topology, "pack:1 l3:2 core:4 pu:2", &fault), "%s", fault.text);
    cr_assert(layouts_make(&layouts, &topology, &wish, &fault), "%s", fault.text);
    cr_assert_eq(layouts.neighbours, 3);
    for (size_t i = 0; i < 3; i++)
        used[topology.pu[layouts.neighbour[i]].core] = true;
    const struct layout *core = &layouts.layout[layouts.count - 1];
    cr_assert_eq(core->instances, 5);
    cr_expect_str_eq(core->name, "5x1", "it is not the whole machine");
    for (size_t i = 0; i < 5; i++) {
        cr_expect(!used[topology.pu[core->pu[i]].core], "core %u is used twice",
                  topology.pu[core->pu[i]].core);
        used[topology.pu[core->pu[i]].core] = true;
    }
    layouts_free(&layouts);
    const struct layout_wish greedy = {.names = &all_names, .neighbours = 8};
    cr_expect(!layouts_make(&layouts, &topology, &greedy, &fault));
    cr_expect_eq(fault.status, STATUS_MACHINE);
    topology_free(&topology);
}

Test(load_parts, antagonists_are_read_and_refused)
{
    static const char *const bad[] = {"",         "stream", "stream=",   "stream=0",
                                      "stream=x", "cpu=1",  "stream=1x", "stream=-1"};
    size_t threads;
    cr_assert(antagonist_parse(&threads, NULL, &fault));
    cr_expect_eq(threads, 0);
    cr_assert(antagonist_parse(&threads, "stream=12", &fault));
    cr_expect_eq(threads, 12);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect(!antagonist_parse(&threads, bad[i], &fault), "accepts '%s'", bad[i]);
        cr_expect(strstr(fault.text, "--antagonist") != NULL, "%s", fault.text);
    }
}
