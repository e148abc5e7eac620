/* How numbers are rounded to bf16 and i8: by hand at the edges, and kernels' loops against the
 * definition, bit for bit. */
#include "harness/random.h"
#include "kernels/rounding.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

static float of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- bf16 ------------------------------------------------------------------------------------ */

Test(quantize, bf16_takes_the_nearest_and_of_two_the_even)
{
    static const struct {
        uint32_t bits;
        uint16_t half;
        const char *what;
    } cases[] = {
        {0x3f800000, 0x3f80, "1 is itself"},
        {0x3f807fff, 0x3f80, "below the middle, down"},
        {0x3f808000, 0x3f80, "in the middle, to the even one below"},
        {0x3f808001, 0x3f81, "above the middle, up"},
        {0x3f818000, 0x3f82, "in the middle, to the even one above"},
        {0xbf818000, 0xbf82, "the sign does not matter"},
        {0x80000000, 0x8000, "-0 keeps its sign"},
        {0x7f7f7fff, 0x7f7f, "the largest that stays finite"},
        {0x7f7f8000, 0x7f80, "too large becomes infinite"},
        {0x7f7fffff, 0x7f80, "so does FLT_MAX"},
        {0xff7fffff, 0xff80, "and -FLT_MAX"},
        {0x7f800000, 0x7f80, "infinity"},
        {0xff800000, 0xff80, "-infinity"},
        {0x00000001, 0x0000, "the least subnormal is nothing"},
        {0x00008001, 0x0001, "a subnormal above the middle"},
        {0x00018000, 0x0002, "subnormals, ties to even"},
        {0x007fffff, 0x0080, "the largest subnormal becomes normal"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(bf16_of(of_bits(cases[i].bits)), cases[i].half, "%s: %#x, not %#x",
                     cases[i].what, bf16_of(of_bits(cases[i].bits)), cases[i].half);
}

Test(quantize, bf16_keeps_nan_whichever_bits_mark_it)
{
    static const uint32_t nans[] = {0x7fc00000, 0x7f800001, 0x7f80ffff, 0xff800001, 0x7fffffff};
    for (size_t i = 0; i < sizeof nans / sizeof *nans; i++) {
        const uint16_t half = bf16_of(of_bits(nans[i]));
        cr_expect(isnan(bf16_value(half)), "%#x becomes %#x", nans[i], half);
        cr_expect_eq(half >> 15, nans[i] >> 31, "the sign of %#x", nans[i]);
    }
}

/* ---- i8 -------------------------------------------------------------------------------------- */

static struct rounding rounding_of_row(const float *x, size_t terms)
{
    union {
        const float *read;
        void *data;
    } row = {x};
    return rounding_of(&(struct tensor){row.data, terms, DTYPE_F32}, 0, terms, DTYPE_I8);
}

/* What becomes of each number of a row. */
static void expect_rounded(const float *x, const double *expected, size_t terms, const char *what)
{
    const struct rounding r = rounding_of_row(x, terms);
    for (size_t k = 0; k < terms; k++)
        cr_expect_float_eq(rounded(&r, (double)x[k]), expected[k], 1e-6, "%s: %g becomes %g", what,
                           (double)x[k], rounded(&r, (double)x[k]));
}

Test(quantize, a_row_of_activations_takes_256_steps_from_its_least_to_its_largest)
{
    expect_rounded((float[]){0, 255, 0.5F, 1.5F, 2.5F, 254.5F}, (double[]){0, 255, 0, 2, 2, 254}, 6,
                   "ties to even");
    expect_rounded((float[]){-1, 1}, (double[]){-1, 1}, 2, "the ends are exact");
}

Test(quantize, a_row_without_spread_is_its_least_number)
{
    expect_rounded((float[]){3, 3, 3}, (double[]){3, 3, 3}, 3, "equal numbers");
    expect_rounded((float[]){0, 0}, (double[]){0, 0}, 2, "zeros");
    const struct rounding tiny = rounding_of_row((float[]){0, SPREAD_LEAST / 2}, 2);
    cr_expect(tiny.scale == 0 && tiny.inverse == 0, "a spread too small to divide by");
    const struct rounding least = rounding_of_row((float[]){0, SPREAD_LEAST}, 2);
    cr_expect(least.scale > 0 && isfinite(least.inverse), "the least spread");
    const struct rounding subnormal = rounding_of_row((float[]){0x1p-149F, 0x1p-140F}, 2);
    cr_expect_eq(subnormal.scale, 0, "subnormal numbers");
}

Test(quantize, a_row_that_no_scale_fits_is_nan)
{
    const struct {
        float x[3];
        const char *what;
    } rows[] = {
        {{1, NAN, 2}, "NaN"},
        {{NAN, 1, 2}, "NaN in front"},
        {{1, INFINITY, 2}, "infinity"},
        {{1, 2, -INFINITY}, "-infinity"},
        {{-FLT_MAX, 0, FLT_MAX}, "a spread that overflows"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect(isnan(rounding_of_row(rows[i].x, 3).scale), "%s", rows[i].what);
}

Test(quantize, weights_are_symmetric)
{
    int8_t q[5];
    struct affine a = quantize_weights(q, (float[]){-127, 127, 0.5F, 1.5F, -2.5F}, 5);
    cr_expect(memcmp(q, (int8_t[]){-127, 127, 0, 2, -2}, sizeof q) == 0, "ties to even");
    cr_expect(a.scale == 1 && a.offset == 0);
    a = quantize_weights(q, (float[]){0, SPREAD_LEAST / 2}, 2);
    cr_expect(a.scale == 0 && q[0] == 0 && q[1] == 0, "too small to divide by");
}

Test(quantize, a_table_row_spans_all_integers)
{
    int8_t q[4];
    struct affine a = quantize_table(q, (float[]){-1, 254, 0.5F, 1}, 4);
    cr_expect(memcmp(q, (int8_t[]){-128, 127, -126, -126}, sizeof q) == 0, "ties to even");
    cr_expect(a.scale == 1 && a.offset == 127);
    a = quantize_table(q, (float[]){3, 3, 3, 3}, 4);
    for (size_t i = 0; i < 4; i++)
        cr_expect(a.offset + a.scale * q[i] == 3, "equal numbers");
}

/* ---- kernels' loops -------------------------------------------------------------------------- */

enum { LONGEST = 300 };

static bool same_rounding(const struct rounding *a, const struct rounding *b)
{
    const bool nan = isnan(a->scale) && isnan(b->scale);
    return nan || (a->low == b->low && a->scale == b->scale && a->inverse == b->inverse);
}

static void expect_like_reference(const struct rounder *rounder, const float *x, size_t terms,
                                  const char *level)
{
    uint16_t half[LONGEST];
    uint8_t byte[LONGEST];
    int16_t wide[LONGEST];
    const struct rounding expected = rounding_of_row(x, terms), r = rounder->range(x, terms);
    cr_assert(same_rounding(&r, &expected), "%s: the range of %zu terms", level, terms);
    rounder->bf16(half, x, terms);
    rounder->u8(byte, x, terms, &r);
    rounder->i16(wide, x, terms, &r);
    for (size_t k = 0; k < terms; k++) {
        cr_expect_eq(half[k], bf16_of(x[k]), "%s: bf16 of %a", level, (double)x[k]);
        if (isnan(r.scale))
            continue;
        const float shifted = x[k] - r.low, step = shifted * r.inverse;
        cr_expect(byte[k] == rintf(step) && wide[k] == byte[k], "%s: %a is %d of 255, not %g",
                  level, (double)x[k], byte[k], (double)rintf(step));
    }
}

/* Numbers that lie in the middle between two integers, and any others. */
static float number(struct random *r)
{
    const uint32_t bits = (uint32_t)random_bits(r);
    return bits % 3 == 0   ? (float)(bits >> 8 & 511) / 2
           : bits % 3 == 1 ? (float)random_between(r, -3, 250)
                           : of_bits((bits & 0x807fffff) | (100 + bits % 30) << 23);
}

Test(quantize, kernels_round_to_the_bit)
{
    char reason[128];
    for (enum isa isa = 0; isa < ISAS; isa++) {
        if (!isa_usable(isa, reason, sizeof reason))
            continue;
        for (size_t terms = 1; terms <= LONGEST; terms += terms < 40 ? 1 : 37) {
            struct random r = random_stream(7, terms);
            float x[LONGEST];
            for (size_t k = 0; k < terms; k++)
                x[k] = number(&r);
            expect_like_reference(rounder_at(isa), x, terms, isa_name(isa));
            x[random_below(&r, terms)] = NAN;
            expect_like_reference(rounder_at(isa), x, terms, isa_name(isa));
            x[random_below(&r, terms)] = -INFINITY;
            expect_like_reference(rounder_at(isa), x, terms, isa_name(isa));
            x[terms - 1] = of_bits(0x7f800001);
            expect_like_reference(rounder_at(isa), x, terms, isa_name(isa));
        }
    }
}
