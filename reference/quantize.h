/* How f32 numbers become 8-bit ones. Every step is one f32 operation, rounded to nearest even, so
 * that whoever takes the same steps gets the same integers.
 *
 *     weights        symmetric, a scale for each output   q = rint(w (127 / max |w|))      -127 ..
 * 127 tables         affine, for each row of a table      q = rint((v - low) (255 / (high - low)))
 * - 128 activations    affine, for each row, as it comes    q = rint((x - low) (255 / (high -
 * low)))  0 .. 255
 *
 * A row whose spread, or largest magnitude, is below SPREAD_LEAST has a scale of 0: its numbers
 * count as alike. */
#ifndef EKTM_REFERENCE_QUANTIZE_H
#define EKTM_REFERENCE_QUANTIZE_H

#include "reference/dtype.h"

/* The most terms whose products of 8-bit numbers add up without leaving 32 bits: 255 * 128 * this
 * is below 2^31. */
enum { I8_TERMS_MAX = 65793 };

/* What is smaller has no f32 inverse to rely on. */
#define SPREAD_LEAST 0x1p-100F

/* What a row of activations becomes: x = low + scale q, where q = rint((x - low) * inverse), 0 to
 * 255. A row with a NaN, or whose spread is no finite f32 number, has a scale of NaN, and whatever
 * is computed of it is NaN. */
struct rounding {
    enum dtype dtype;
    float low, scale, inverse; /* i8 alone */
};

/* Of columns 0 to terms-1 of row `row`, for products with weights of `dtype`. */
struct rounding rounding_of(const struct tensor *x, size_t row, size_t terms, enum dtype dtype);

/* `value` as it enters the product. */
static inline double rounded(const struct rounding *r, double value)
{
    if (r->dtype == DTYPE_BF16)
        return (double)bf16_value(bf16_of((float)value));
    if (r->dtype != DTYPE_I8)
        return value;
    const float shifted = (float)value - r->low, step = shifted * r->inverse;
    return (double)r->low + (double)r->scale * (double)rintf(step);
}

/* Fill an i8 row (numbers at `to`, what they stand for in the result) from `count` finite f32
 * numbers. */
struct affine quantize_weights(int8_t *to, const float *from, size_t count);
struct affine quantize_table(int8_t *to, const float *from, size_t count);

#endif
