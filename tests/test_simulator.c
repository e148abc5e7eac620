/* The simulated platform: the same rows for the same seed, rates and similarities as asked for, and
 * labels that come of the probabilities it tells. */
#include "harness/data/simulator.h"
#include "harness/measure/ranking.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static struct fault fault;

/* Small enough to be drawn in no time, with a bag and an odd number of dense features. */
static struct simulation small(void)
{
    struct ektm_preset preset = *ektm_preset_find("tiny");
    struct simulation s;
    preset.config.fields = 5;
    for (size_t f = 0; f < 5; f++)
        preset.config.rows[f] = 2000;
    preset.config.tasks = 3;
    preset.config.dense = 9; /* no fewer than blocks */
    preset.bag_fields = 1;
    preset.bag_ids = 3;
    simulation_default(&s, &preset);
    s.click = 0.05;
    s.conversion[0] = 0.01;
    s.conversion[1] = 0.004;
    s.conversion[2] = 0.001;
    return s;
}

/* Rows of the first requests. */
static struct dataset rows_of(const struct simulation *s, size_t rows)
{
    struct simulator simulator;
    struct dataset d;
    cr_assert(simulator_make(&simulator, s, &fault), "%s", fault.text);
    dataset_begin(&d, s->fields, s->dense, s->tasks);
    for (uint64_t n = 0; d.rows < rows; n++)
        cr_assert(simulator_request(&simulator, n, &d, &fault));
    simulator_free(&simulator);
    return d;
}

static bool same(const struct dataset *a, const struct dataset *b)
{
    return a->rows == b->rows && a->ids == b->ids &&
           memcmp(a->id, b->id, a->ids * sizeof *a->id) == 0 &&
           memcmp(a->bag, b->bag, (a->rows * a->fields + 1) * sizeof *a->bag) == 0 &&
           memcmp(a->feature, b->feature, a->rows * a->dense * sizeof *a->feature) == 0 &&
           memcmp(a->label, b->label, a->rows * (a->tasks + 1)) == 0 &&
           memcmp(a->truth, b->truth, a->rows * (a->tasks + 1) * sizeof *a->truth) == 0;
}

Test(simulator, a_request_depends_on_seed_and_number_alone)
{
    struct simulation s = small();
    struct dataset one = rows_of(&s, 500), two = rows_of(&s, 500), alone;
    struct simulator simulator;
    cr_expect(same(&one, &two));
    dataset_free(&two);
    s.seed++;
    two = rows_of(&s, 500);
    cr_expect_not(same(&one, &two), "another seed gives the same rows");
    s.seed--;
    cr_assert(simulator_make(&simulator, &s, &fault));
    dataset_begin(&alone, s.fields, s.dense, s.tasks);
    cr_assert(simulator_request(&simulator, 3, &alone, &fault));
    dataset_clear(&two);
    for (uint64_t n = 0; n < 3; n++)
        cr_assert(simulator_request(&simulator, n, &two, &fault));
    const size_t before = two.rows;
    cr_assert(simulator_request(&simulator, 3, &two, &fault));
    cr_expect_eq(two.rows - before, alone.rows);
    cr_expect_eq(memcmp(two.truth + before * 4, alone.truth, alone.rows * 4 * sizeof(double)), 0);
    simulator_free(&simulator);
    dataset_free(&one);
    dataset_free(&two);
    dataset_free(&alone);
}

Test(simulator, ids_lie_in_their_tables_and_belong_to_their_user_and_item)
{
    struct simulation s = small();
    s.rows[1] = 7;
    s.users = 50;
    struct dataset d = rows_of(&s, 3000);
    size_t bags_of_others = 0;
    for (size_t b = 0; b < d.rows; b++) {
        const uint32_t *bag = d.bag + b * 5;
        cr_assert_eq(d.id[bag[0]], (int32_t)d.user[b], "f0 is the user");
        cr_assert(d.user[b] < 50);
        for (size_t f = 0; f < 5; f++) {
            cr_assert(f == 1 ? bag[2] - bag[1] <= 6 : bag[f + 1] - bag[f] == 1);
            for (uint32_t i = bag[f]; i < bag[f + 1]; i++)
                cr_assert(d.id[i] >= 0 && (size_t)d.id[i] < s.rows[f]);
        }
        for (size_t a = b; a-- > 0 && a + 100 > b;) {
            const uint32_t *other = d.bag + a * 5;
            if (d.user[a] == d.user[b])
                bags_of_others += bag[2] - bag[1] != other[2] - other[1];
            if (d.id[other[2]] == d.id[bag[2]])
                cr_assert(d.id[other[3]] == d.id[bag[3]] && d.id[other[4]] == d.id[bag[4]],
                          "an item has one description");
        }
    }
    cr_expect_eq(bags_of_others, 0, "a user has one description");
    dataset_free(&d);
}

static double mean(const struct dataset *d, size_t column)
{
    double sum = 0;
    for (size_t b = 0; b < d->rows; b++)
        sum += d->label[b * (d->tasks + 1) + column] == 1;
    return sum / (double)d->rows;
}

/* Rates, within what 100 000 rows of some thousand requests let them stray. */
static void expect_rates(const struct simulation *s, const struct dataset *d)
{
    cr_expect_float_eq(mean(d, 0) / s->click, 1, 0.1, "clicks %g", mean(d, 0));
    for (size_t t = 1; t <= d->tasks; t++) {
        double truth = 0;
        for (size_t b = 0; b < d->rows; b++)
            truth += d->truth[b * 4] * d->truth[b * 4 + t];
        truth /= (double)d->rows;
        cr_expect_float_eq(truth / s->conversion[t - 1], 1, 0.25, "conversion %zu: %g", t, truth);
        cr_expect_float_eq(mean(d, t) / truth, 1, 4 / sqrt(truth * (double)d->rows),
                           "conversion %zu: %g of %g", t, mean(d, t), truth);
    }
}

Test(simulator, rates_are_those_asked_for_and_labels_follow_their_pattern)
{
    for (enum label_pattern p = LABELS_PARALLEL; p <= LABELS_SEQUENTIAL; p++) {
        struct simulation s = small();
        s.pattern = p;
        size_t out_of_order = 0;
        struct dataset d = rows_of(&s, 100000);
        expect_rates(&s, &d);
        for (size_t b = 0; b < d.rows; b++) {
            const uint8_t *label = d.label + b * 4;
            const double *truth = d.truth + b * 4;
            cr_assert(label[0] || !(label[1] || label[2] || label[3]), "no conversion, no click");
            out_of_order += label[2] > label[1] || label[3] > label[2];
            cr_assert(p != LABELS_SEQUENTIAL || (truth[1] > truth[2] && truth[2] > truth[3]));
        }
        cr_expect_eq(out_of_order == 0, p == LABELS_SEQUENTIAL, "%zu", out_of_order);
        dataset_free(&d);
    }
}

Test(simulator, as_many_labels_are_missing_as_asked_for)
{
    struct simulation s = small();
    s.missing = 0.3;
    size_t clicked = 0, missing = 0, elsewhere = 0;
    struct dataset d = rows_of(&s, 50000);
    for (size_t b = 0; b < d.rows; b++)
        for (size_t t = 1; t <= 3; t++) {
            const bool gone = d.label[b * 4 + t] == LABEL_MISSING;
            clicked += d.label[b * 4] == 1;
            *(d.label[b * 4] == 1 ? &missing : &elsewhere) += gone;
        }
    cr_expect_eq(elsewhere, 0);
    cr_expect_float_eq((double)missing / (double)clicked, 0.3, 0.03);
    dataset_free(&d);
}

static double logit(double p) { return log(p) - log1p(-p); }

/* The correlation of the logits of conversions a and b (parallel: each has its own). */
static double correlation(const struct dataset *d, size_t a, size_t b)
{
    double x = 0, y = 0, xx = 0, yy = 0, xy = 0, n = (double)d->rows;
    for (size_t i = 0; i < d->rows; i++) {
        const double u = logit(d->truth[i * 4 + a]), v = logit(d->truth[i * 4 + b]);
        x += u, y += v, xx += u * u, yy += v * v, xy += u * v;
    }
    return (xy / n - x / n * y / n) / sqrt(xx / n - x / n * x / n) / sqrt(yy / n - y / n * y / n);
}

Test(simulator, tasks_are_as_similar_as_asked_for)
{
    struct simulation s = small();
    s.pattern = LABELS_PARALLEL;
    s.similarity = 0.8;
    struct dataset d = rows_of(&s, 40000);
    cr_expect_float_eq(correlation(&d, 1, 2), 0.8, 0.1, "%g", correlation(&d, 1, 2));
    cr_expect_float_eq(correlation(&d, 0, 3), 0.8, 0.1, "%g", correlation(&d, 0, 3));
    dataset_free(&d);
    s.similarity = 0;
    d = rows_of(&s, 40000);
    cr_expect_float_eq(correlation(&d, 1, 2), 0, 0.1, "%g", correlation(&d, 1, 2));
    dataset_free(&d);
    s.similarity = 0.9;
    s.groups = 3; /* each conversion has its own, the click the first one's */
    d = rows_of(&s, 40000);
    cr_expect_float_eq(correlation(&d, 1, 2), 0, 0.1, "%g", correlation(&d, 1, 2));
    cr_expect_float_eq(correlation(&d, 0, 1), 0.9, 0.1, "%g", correlation(&d, 0, 1));
    dataset_free(&d);
}

Test(simulator, bids_are_an_items_own_and_rarer_conversions_pay_more)
{
    enum { ITEMS = 2000 };
    struct simulation s = small();
    struct simulator simulator;
    double sum[4] = {0};
    cr_assert(simulator_make(&simulator, &s, &fault));
    for (size_t item = 0; item < ITEMS; item++)
        for (size_t t = 1; t <= 3; t++) {
            cr_assert(simulator_bid(&simulator, item, t) > 0);
            sum[t] += simulator_bid(&simulator, item, t) / ITEMS;
        }
    cr_expect_eq(simulator_bid(&simulator, 5, 1), simulator_bid(&simulator, 5, 1));
    cr_expect_float_eq(sum[1], 1, 0.1);
    cr_expect_float_eq(sum[3] / 10, 1, 0.1);
    simulator_free(&simulator);
}

static void refused(const struct simulation *s, const char *words)
{
    struct simulator simulator;
    cr_expect_not(simulator_make(&simulator, s, &fault), "%s", words);
    cr_expect(fault.status == STATUS_CALLER && strstr(fault.text, words), "\"%s\", not \"%s\"",
              fault.text, words);
}

Test(simulator, what_cannot_be_is_refused)
{
    struct simulation s = small();
    s.conversion[1] = 0.02;
    refused(&s, "conversion 2 with a rate of 0.02");
    s = small();
    s.conversion[0] = 0.06;
    refused(&s, "lies between 0 and 0.05");
    s = small();
    s.users = 2001;
    refused(&s, "2001 users");
    s = small();
    s.items = 0;
    refused(&s, "0 items");
    s = small();
    s.rows[4] = 0;
    refused(&s, "0 ids of f4");
    s = small();
    s.fields = 1;
    refused(&s, "1 fields");
    s = small();
    s.groups = 4;
    refused(&s, "4 groups");
    s = small();
    s.similarity = NAN;
    refused(&s, "similarity nan");
    s = small();
    s.click = 1;
    refused(&s, "click rate of 1");
}
