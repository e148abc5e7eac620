/* Ranking measures against counting pairs, and against values worked out by hand. */
#include "harness/measure/ranking.h"

#include "harness/random.h"

#include <criterion/criterion.h>
#include <math.h>

enum { MOST = 200, MISSING = 2 };

static int sign(double difference) { return (difference > 0) - (difference < 0); }

/* Pair by pair. */
static double tau_of_pairs(const double *a, const double *b, size_t count)
{
    double agreement = 0, untied_a = 0, untied_b = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++) {
            agreement += sign(a[i] - a[k]) * sign(b[i] - b[k]);
            untied_a += a[i] != a[k];
            untied_b += b[i] != b[k];
        }
    return agreement / sqrt(untied_a * untied_b);
}

static double area_of_pairs(const double *score, const uint8_t *label, size_t count)
{
    double won = 0, all = 0;
    for (size_t p = 0; p < count; p++)
        for (size_t n = 0; n < count; n++) {
            if (label[p] != 1 || label[n] != 0)
                continue;
            won += score[p] > score[n] ? 1 : score[p] == score[n] ? 0.5 : 0;
            all++;
        }
    return won / all;
}

Test(ranking, agrees_with_counting_pairs)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct random r = random_stream(seed, 0);
        const size_t count = 2 + random_below(&r, MOST - 2);
        const size_t values = 1 + random_below(&r, 2 * count); /* few values: many ties */
        double a[MOST], b[MOST];
        uint8_t label[MOST];
        size_t scratch[2 * MOST];
        for (size_t i = 0; i < count; i++) {
            a[i] = (double)random_below(&r, values);
            b[i] = (double)random_below(&r, values) + (random_below(&r, 2) ? a[i] : 0);
            label[i] = (uint8_t)random_below(&r, 3);
        }
        double tau = kendall_tau(a, b, count, scratch), tau_pairs = tau_of_pairs(a, b, count);
        double area = area_under_curve(a, label, count, scratch);
        double area_pairs = area_of_pairs(a, label, count);
        cr_expect(isnan(tau) == isnan(tau_pairs) && !(fabs(tau - tau_pairs) > 1e-12),
                  "seed %zu: tau %.17g, by pairs %.17g", (size_t)seed, tau, tau_pairs);
        cr_expect(isnan(area) == isnan(area_pairs) && !(fabs(area - area_pairs) > 1e-12),
                  "seed %zu: area %.17g, by pairs %.17g", (size_t)seed, area, area_pairs);
    }
}

Test(ranking, of_what_cannot_be_ranked_is_no_number)
{
    size_t scratch[8];
    cr_expect(isnan(kendall_tau((double[]){1, 1}, (double[]){1, 2}, 2, scratch)));
    cr_expect(isnan(kendall_tau((double[]){1}, (double[]){1}, 1, scratch)));
    cr_expect(isnan(area_under_curve((double[]){1, 2}, (uint8_t[]){1, 1}, 2, scratch)));
    cr_expect(isnan(log_loss((double[]){1}, (uint8_t[]){MISSING}, 1)));
}

Test(ranking, log_loss_is_the_mean_over_labels)
{
    double loss = log_loss((double[]){0.25, 0.5, 0.75}, (uint8_t[]){0, MISSING, 1}, 3);
    cr_expect_float_eq(loss, -log(0.75), 1e-15);
    cr_expect_float_eq(log_loss((double[]){0}, (uint8_t[]){1}, 1), 24 * log(2), 1e-9,
                       "a certain mistake costs much, not everything");
}
