/* What two models' predictions differ in, against values worked out by hand. */
#include "harness/bench/quality.h"

#include "harness/random.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { MISSING = LABEL_MISSING };

static struct fault fault;

/* Two requests, of three rows and of two, of a model with one conversion: predictions in both
 * formats, and labels. */
static const float wide[] = {0.5F, 0.25F, 0.75F, 0.5F, 0.25F, 0.125F, 0.5F, 0.5F, 0.25F, 0.75F};
static const float narrow[] = {0.625F, 0.25F, 0.5F, 0.5F, 0.25F, 0.0F, 0.5F, 0.25F, 0.125F, 0.75F};
static const uint8_t label[] = {1, 1, 1, 0, 0, MISSING, MISSING, 1, 0, 1};

static struct quality of_both(bool labels)
{
    struct quality q;
    quality_make(&q, 1);
    cr_assert(quality_add(&q, wide, narrow, labels ? label : NULL, 3, &fault));
    cr_assert(quality_add(&q, wide + 6, narrow + 6, labels ? label + 6 : NULL, 2, &fault));
    cr_assert_eq(q.rows, 5);
    return q;
}

Test(quality, differences_are_those_of_pctr_pcvr_and_their_product)
{
    struct quality q = of_both(false);
    /* pctr: 1/8, 1/4, 0, 0, 1/8 */
    cr_expect_eq(quality_most(&q, 0), 0.25);
    cr_expect_float_eq(quality_mean(&q, 0), 0.1, 1e-15);
    /* pcvr: 0, 0, 1/8, 1/4, 0 */
    cr_expect_eq(quality_most(&q, 1), 0.25);
    cr_expect_float_eq(quality_mean(&q, 1), 0.075, 1e-15);
    /* pctcvr: 4/32 and 5/32, 6/16 and 4/16, 1/32 and 0, 1/4 and 1/8, 6/32 and 3/32 */
    cr_expect_eq(quality_most(&q, 2), 0.125);
    cr_expect_float_eq(quality_mean(&q, 2), (1. + 4 + 1 + 4 + 3) / 32 / 5, 1e-15);
    quality_free(&q);
}

/* One of the first request's three pairs is turned round, of the second's one pair none. */
Test(quality, tau_is_the_mean_of_the_requests)
{
    struct quality q = of_both(false);
    cr_expect_float_eq(quality_tau(&q, 0), (1. / 3 + 1) / 2, 1e-12);
    /* pcvr ranks alike in both. */
    cr_expect_float_eq(quality_tau(&q, 1), 1, 1e-12);
    /* A request that tells nothing apart does not count. */
    cr_assert(quality_add(&q, (float[]){0.5F, 0.5F, 0.5F, 0.5F}, (float[]){0.5F, 0.5F, 0.25F, 0.5F},
                          NULL, 2, &fault));
    cr_expect_float_eq(quality_tau(&q, 0), (1. / 3 + 1) / 2, 1e-12);
    quality_free(&q);
    quality_make(&q, 1);
    cr_assert(quality_add(&q, wide, narrow, NULL, 1, &fault));
    cr_expect(isnan(quality_tau(&q, 0)), "of one row");
    quality_free(&q);
}

static void expect_area(const struct quality *q, size_t p, double of_wide, double of_narrow)
{
    struct fit area;
    cr_assert(quality_area(q, p, &area, &fault));
    cr_expect_float_eq(area.wide, of_wide, 1e-15, "%zu: %g", p, area.wide);
    cr_expect_float_eq(area.narrow, of_narrow, 1e-15, "%zu: %g", p, area.narrow);
}

static void expect_loss(const struct quality *q, size_t p, double of_wide, double of_narrow)
{
    const struct fit loss = quality_loss(q, p);
    cr_expect_float_eq(loss.wide, of_wide, 1e-7, "%zu: %g", p, loss.wide);
    cr_expect_float_eq(loss.narrow, of_narrow, 1e-7, "%zu: %g", p, loss.narrow);
}

/* Clicks of rows 0, 1, not of 2, 4. */
Test(quality, clicks_are_of_all_rows_with_a_label)
{
    struct quality q = of_both(true);
    cr_expect(quality_has_labels(&q));
    expect_area(&q, 0, 1, 1);
    expect_loss(&q, 0, -(log(0.5) + log(0.75) + 2 * log(0.75)) / 4,
                -(log(0.625) + log(0.5) + log(0.75) + log(0.875)) / 4);
    quality_free(&q);
}

/* Of rows 0 and 1, which were clicked. */
Test(quality, conversions_are_of_clicked_rows)
{
    struct quality q = of_both(true);
    expect_area(&q, 1, 0, 0);
    expect_loss(&q, 1, -(log(0.25) + log(0.5)) / 2, -(log(0.25) + log(0.5)) / 2);
    quality_free(&q);
}

/* Row 0 converted; 1 did not; 2 and 4 were not clicked: no conversion, whatever their label says.
 * Nothing is known of the click of row 3, so nothing of its conversion. */
Test(quality, conversions_of_impressions_need_a_click)
{
    struct quality q = of_both(true);
    expect_area(&q, 2, 1. / 3, 2. / 3);
    expect_loss(&q, 2, -(log(1. / 8) + log(1 - 3. / 8) + log(1 - 1. / 32) + log(1 - 6. / 32)) / 4,
                -(log(5. / 32) + log(1 - 1. / 4) + log(1 - 0x1p-24) + log(1 - 3. / 32)) / 4);
    quality_free(&q);
}

Test(quality, without_labels_there_is_nothing_to_rank_against)
{
    struct quality q = of_both(false);
    struct fit area;
    cr_expect_not(quality_has_labels(&q));
    cr_assert(quality_area(&q, 0, &area, &fault));
    cr_expect(isnan(area.wide) && isnan(area.narrow) && isnan(quality_loss(&q, 0).wide));
    quality_free(&q);
}

Test(quality, names_are_those_of_predictions)
{
    static const char *const names[] = {"pctr", "pcvr1", "pcvr2", "pctcvr1", "pctcvr2"};
    struct quality q;
    char name[16];
    quality_make(&q, 2);
    cr_expect_eq(q.predictions, 5);
    for (size_t p = 0; p < 5; p++) {
        prediction_name(q.tasks, p, name, sizeof name);
        cr_expect_str_eq(name, names[p]);
    }
}

/* Requests of any size, one after the other, against all rows at once. */
Test(quality, does_not_depend_on_how_rows_come)
{
    enum { ITEMS = 500, COLUMNS = 4 };
    static float a[ITEMS * COLUMNS], b[ITEMS * COLUMNS];
    static uint8_t labels[ITEMS * COLUMNS];
    struct random r = random_stream(3, 0);
    struct quality whole, pieces;
    for (size_t i = 0; i < ITEMS * COLUMNS; i++) {
        a[i] = (float)random_uniform(&r);
        b[i] = (float)random_uniform(&r);
        labels[i] = (uint8_t)random_below(&r, 3);
        labels[i] = labels[i] == 2 ? MISSING : labels[i];
    }
    quality_make(&whole, COLUMNS - 1);
    quality_make(&pieces, COLUMNS - 1);
    cr_assert(quality_add(&whole, a, b, labels, ITEMS, &fault));
    for (size_t row = 0, rows; row < ITEMS; row += rows) {
        rows = 1 + random_below(&r, 40);
        rows = rows < ITEMS - row ? rows : ITEMS - row;
        cr_assert(quality_add(&pieces, a + row * COLUMNS, b + row * COLUMNS, labels + row * COLUMNS,
                              rows, &fault));
    }
    for (size_t p = 0; p < whole.predictions; p++) {
        struct fit area, again;
        cr_assert(quality_area(&whole, p, &area, &fault) &&
                  quality_area(&pieces, p, &again, &fault));
        cr_expect_eq(quality_most(&whole, p), quality_most(&pieces, p));
        cr_expect_float_eq(quality_mean(&whole, p), quality_mean(&pieces, p), 1e-12);
        cr_expect(area.wide == again.wide && area.narrow == again.narrow);
        cr_expect_float_eq(quality_loss(&whole, p).narrow, quality_loss(&pieces, p).narrow, 1e-12);
    }
    quality_free(&whole);
    quality_free(&pieces);
}
