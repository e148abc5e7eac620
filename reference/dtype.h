/* Number formats, and reading and writing one element whatever its format. */
#ifndef EKTM_REFERENCE_DTYPE_H
#define EKTM_REFERENCE_DTYPE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* bf16: the upper half of an f32. i8: signed integers, each row with a scale and an offset of its
 * own (struct affine). */
enum dtype { DTYPE_F32, DTYPE_F64, DTYPE_I32, DTYPE_BF16, DTYPE_I8, DTYPES };

/* Lower-case name: "f32", "f64", "i32", "bf16", "i8". */
const char *dtype_name(enum dtype dtype);

/* Bytes of one element. */
size_t dtype_bytes(enum dtype dtype);

/* Bytes of a row of so many elements: of i8 with its struct affine. */
size_t row_bytes(enum dtype dtype, size_t elements);

/* The format in which sums of products of such numbers are kept: f32 for the narrow ones. */
enum dtype dtype_sums(enum dtype dtype);

/* Whether numbers of the format are narrower than f32: what a layer computes with is rounded to it,
 * what passes between layers is not. */
bool dtype_narrow(enum dtype dtype);

/* Half the distance from 1 to the next number: the largest relative error of one rounding.
 * 0 for an integer format. */
double dtype_roundoff(enum dtype dtype);

/* What the integers q of a row stand for: offset + scale q. */
struct affine {
    float scale, offset;
};

/* A tensor of one, two or three axes. Consecutive indices of the first axis lie `ld` elements
 * apart; the axes behind it are contiguous, the last one fastest. Vectors that run neither
 * along the batch nor along the heads are contiguous (ld 1). `data` is aligned to its element and
 * to nothing more.
 *
 * The struct affine of each i8 row lies behind its numbers, so that one gather reads both: that of
 * row r at `affine` + r ld, aligned to nothing. A view of some columns has the same `affine`. */
struct tensor {
    void *data;
    size_t ld; /* elements; at least the product of the extents behind the first axis, and of i8
                  sizeof(struct affine) more */
    enum dtype dtype;
    void *affine; /* of the first row; i8 alone */
};

/* The f32 number nearest in bf16, ties to even: too large becomes infinite, NaN stays NaN. */
static inline uint16_t bf16_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (isnan(value))
        return (uint16_t)(bits >> 16 | 0x40); /* quiet, whichever half its mark was in */
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float bf16_value(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* What row `row` of an i8 tensor stands for. */
static inline struct affine affine_at(const struct tensor *t, size_t row)
{
    struct affine affine;
    memcpy(&affine, (const char *)t->affine + row * t->ld, sizeof affine);
    return affine;
}

/* Row `row` of a tensor of f32. */
static inline float *f32_row(const struct tensor *t, size_t row)
{
    return (float *)t->data + row * t->ld;
}

/* Element `column` of row `row` as a double: exactly, of an i8 row to within a rounding of it. */
static inline double real_at(const struct tensor *t, size_t row, size_t column)
{
    size_t at = row * t->ld + column;
    switch (t->dtype) {
    case DTYPE_F32:
        return (double)((const float *)t->data)[at];
    case DTYPE_BF16:
        return (double)bf16_value(((const uint16_t *)t->data)[at]);
    case DTYPE_I8: {
        struct affine a = affine_at(t, row);
        return (double)a.offset + (double)a.scale * ((const int8_t *)t->data)[at];
    }
    default:
        return ((const double *)t->data)[at];
    }
}

/* Rounds `value` to the tensor's format, f32, f64 or bf16, and stores it. */
static inline void real_put(const struct tensor *t, size_t row, size_t column, double value)
{
    size_t at = row * t->ld + column;
    if (t->dtype == DTYPE_F32)
        ((float *)t->data)[at] = (float)value;
    else if (t->dtype == DTYPE_BF16)
        ((uint16_t *)t->data)[at] = bf16_of((float)value);
    else
        ((double *)t->data)[at] = value;
}

/* Element `at` of an index tensor (DTYPE_I32). */
static inline size_t index_at(const struct tensor *t, size_t at)
{
    return (size_t)((const int32_t *)t->data)[at];
}

#endif
