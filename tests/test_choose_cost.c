/* The arithmetic of `ektm choose`: costs, ranks and what would change them, computed by hand. */
#include "harness/choose/sensitivity.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* 10000 queries a second and 30 % more: 13000. */
static const struct demand demand = {10000, 0.3};

static void expect(const struct estimate *found, double median, double low, double high)
{
    cr_expect_float_eq(found->median, median, 1e-9 * median, "%.12g", found->median);
    cr_expect_float_eq(found->low, low, 1e-9 * low, "%.12g", found->low);
    cr_expect_float_eq(found->high, high, 1e-9 * high, "%.12g", found->high);
}

/* 13000 / 640 = 20.3: 21 machines; at the interval's ends 13000 / 660 = 19.7: 20 and 13000 / 600 =
 * 21.7: 22. At 0.25 an hour each: 5.25 (5.00-5.50).
 * An hour has 36 million queries: 5.25 / 36 = 0.1458333; 250 candidates each: 0.0005833333. */
Test(choose_cost, is_what_a_hand_computes)
{
    const struct cost cost = cost_of(&demand, &(struct estimate){640, 600, 660}, 0.25, 250);
    expect(&cost.machines, 21, 20, 22);
    expect(&cost.per_hour, 5.25, 5.00, 5.50);
    expect(&cost.per_million_queries, 5.25 / 36, 5.00 / 36, 5.50 / 36);
    expect(&cost.per_million_candidates, 5.25 / 9000, 5.00 / 9000, 5.50 / 9000);
}

Test(choose_cost, rounding_buys_no_machine)
{
    const struct demand tenth = {1500, 0.1}; /* in doubles 1500 * 1.1 / 165 is 10.000000000000002 */
    cr_expect_eq(machines_for(&tenth, 165), 10);
    cr_expect_eq(machines_for(&tenth, 164.99), 11);
    for (double machines = 1; machines <= 1000; machines++)
        cr_expect_eq(machines_for(&demand, 13000 / machines), machines, "%g", machines);
}

Test(choose_cost, of_less_than_a_machine_is_that_of_one)
{
    cr_expect_eq(machines_for(&(struct demand){1, 0}, 1e6), 1);
}

Test(choose_cost, of_a_machine_that_may_serve_nothing_is_unbounded)
{
    const struct cost cost = cost_of(&demand, &(struct estimate){1000, 0, 1300}, 0.25, 250);
    cr_expect_eq(cost.machines.median, 13);
    cr_expect(isinf(cost.machines.high));
    cr_expect(isinf(cost.per_million_candidates.high));
}

/* 7.2 J a query are 7.2e6 J of a million of them; a kWh is 3.6e6 J. */
Test(choose_cost, energy_is_in_kilowatt_hours) { cr_expect_float_eq(energy_of(7.2), 2, 1e-12); }

/* ---- ranks ----------------------------------------------------------------------------------- */

enum { MACHINES_MOST = 4 };

static struct configuration configurations[MACHINES_MOST];
static struct price prices[MACHINES_MOST];
static struct offer offers[MACHINES_MOST];

static void offer(size_t at, const char *machine, struct estimate highest, double per_hour)
{
    configurations[at] = (struct configuration){.highest = highest};
    prices[at] = (struct price){.per_hour = per_hour};
    offers[at] = (struct offer){.machine = machine,
                                .configuration = &configurations[at],
                                .price = &prices[at],
                                .cost = cost_of(&demand, &highest, per_hour, 250)};
}

/* a: 13000 / 1000 = 13 (13000 / 1040 = 12.5: 13; 13000 / 950 = 13.7: 14), at 0.40: 5.20 (5.20-5.60)
 * b: as above, 5.25 (5.00-5.50)
 * c: 13000 / 2000 = 6.5: 7 (13000 / 2100 = 6.2: 7; 13000 / 1900 = 6.8: 7), at 1.00: 7.00 */
static struct ranking rank_three(void)
{
    offer(0, "c", (struct estimate){2000, 1900, 2100}, 1.00);
    offer(1, "b", (struct estimate){640, 600, 660}, 0.25);
    offer(2, "a", (struct estimate){1000, 950, 1040}, 0.40);
    struct ranking ranking = {3, offers};
    ranking_sort(&ranking);
    return ranking;
}

Test(choose_ranking, shows_no_difference_where_intervals_overlap)
{
    const struct ranking ranking = rank_three();
    const char *const names[] = {"a", "b", "c"};
    const size_t ranks[] = {1, 1, 3};
    for (size_t i = 0; i < 3; i++) {
        cr_expect_str_eq(ranking.offer[i].machine, names[i]);
        cr_expect_eq(ranking.offer[i].rank, ranks[i]);
    }
    expect(&ranking.offer[0].cost.per_hour, 5.20, 5.20, 5.60);
    expect(&ranking.offer[2].cost.per_hour, 7.00, 7.00, 7.00);
}

Test(choose_ranking, of_equal_costs_goes_by_name)
{
    offer(0, "b", (struct estimate){1000, 1000, 1000}, 0.3);
    offer(1, "a", (struct estimate){1000, 1000, 1000}, 0.3);
    struct ranking ranking = {2, offers};
    ranking_sort(&ranking);
    cr_expect_str_eq(ranking.offer[0].machine, "a");
    cr_expect_eq(ranking.offer[1].rank, 1);
}

/* The least median is never behind: w's interval lies above v's alone, x's above no other's. */
Test(choose_ranking, the_first_has_the_least_median)
{
    offer(0, "w", (struct estimate){500, 480, 520}, 0.25);   /* 26 (25-28): 6.50 (6.25-7.00) */
    offer(1, "v", (struct estimate){1000, 990, 1010}, 0.40); /* 13 (13-14): 5.20 (5.20-5.60) */
    offer(2, "x", (struct estimate){100, 90, 300}, 0.09);    /* 130 (44-145): 11.70 (3.96-13.05) */
    struct ranking ranking = {3, offers};
    ranking_sort(&ranking);
    const char *const names[] = {"v", "x", "w"};
    const size_t ranks[] = {1, 1, 2};
    for (size_t i = 0; i < 3; i++) {
        cr_expect_str_eq(ranking.offer[i].machine, names[i]);
        cr_expect_eq(ranking.offer[i].rank, ranks[i]);
    }
}

/* ---- what would have to change --------------------------------------------------------------- */

/* b leads where 21 machines cost less than 5.20, and is shown to where 22 cost less than 5.20. */
Test(choose_sensitivity, of_the_price)
{
    const struct ranking ranking = rank_three();
    const struct price_change change = price_to_lead(&ranking.offer[0], &ranking.offer[1]);
    cr_expect_float_eq(change.equal, 5.20 / 21, 1e-12);
    cr_expect_float_eq(change.shown, 5.20 / 22, 1e-12);
}

/* Below: from 20 * 640 / 1.3 = 9846.2 down, 20 of b cost 5.00 and 13 of a 5.20; from 9353.8 down 19
 * of b cost 4.75; from 12 * 1000 / 1.3 = 9230.8 down 12 of a cost 4.80; from 8861.5 down 18 of b
 * cost 4.50; from 11 * 1000 / 1.3 = 8461.5 down 11 of a cost 4.40. Above: beyond 10000, 14 of a
 * cost 5.60 and 21 of b 5.25; b keeps the lead, 22 at 5.50 against 5.60 from 10338.5 and
 * against 6.00 from 10769.2, 23 at 5.75 from 10830.8, until beyond 23 * 640 / 1.3 = 11323.1 24 of
 * it cost 6.00 as well. */
Test(choose_sensitivity, of_the_rate)
{
    struct ranking ranking = rank_three();
    struct window below, above;
    struct fault fault;
    cr_assert(rates_to_lead(&ranking, &demand, 1, &below, &above, &fault));
    cr_expect(below.exists && above.exists);
    cr_expect_float_eq(below.from, 11000 / 1.3, 1e-6, "%g", below.from);
    cr_expect_float_eq(below.to, 20 * 640 / 1.3, 1e-6, "%g", below.to);
    cr_expect_float_eq(above.from, 10000, 1e-6, "%g", above.from);
    cr_expect_float_eq(above.to, 23 * 640 / 1.3, 1e-6, "%g", above.to);
}

/* At any rate: every window agrees with costs computed anew on both sides of its ends. */
Test(choose_sensitivity, of_the_rate_agrees_with_costs_there)
{
    struct ranking ranking = rank_three();
    struct window window[2];
    struct fault fault;
    for (size_t second = 1; second < 3; second++) {
        cr_assert(rates_to_lead(&ranking, &demand, second, &window[0], &window[1], &fault));
        for (size_t w = 0; w < 2; w++)
            for (size_t side = 0; window[w].exists && side < 2; side++) {
                const double rate = side ? window[w].to * 0.9999 : window[w].from * 1.0001;
                const struct demand there = {rate, demand.headroom};
                for (size_t i = 0; i < 3; i++) {
                    const struct offer *o = &ranking.offer[i], *s = &ranking.offer[second];
                    const double theirs =
                        machines_for(&there, o->configuration->highest.median) * o->price->per_hour;
                    const double ours =
                        machines_for(&there, s->configuration->highest.median) * s->price->per_hour;
                    cr_expect(i == second || ours < theirs, "%s at %g: %g, %s %g", s->machine, rate,
                              ours, o->machine, theirs);
                }
            }
    }
}

/* One machine of y, the cheap and slow, is enough up to 100 queries a second; beyond, x never costs
 * more. */
Test(choose_sensitivity, a_machine_may_lead_nowhere_above)
{
    struct window below, above;
    struct fault fault;
    offer(0, "x", (struct estimate){1000, 1000, 1000}, 1.0);
    offer(1, "y", (struct estimate){130, 130, 130}, 0.5);
    struct ranking ranking = {2, offers};
    ranking_sort(&ranking);
    cr_assert(rates_to_lead(&ranking, &demand, 1, &below, &above, &fault));
    cr_expect(below.exists && !above.exists);
    cr_expect_eq(below.from, 0);
    cr_expect_float_eq(below.to, 100, 1e-9);
}
