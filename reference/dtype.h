/* Number formats, and reading and writing one element whatever its format. */
#ifndef EKTM_REFERENCE_DTYPE_H
#define EKTM_REFERENCE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype { DTYPE_F32, DTYPE_F64, DTYPE_I32, DTYPES };

/* Lower-case name: "f32", "f64", "i32". */
const char *dtype_name(enum dtype dtype);

/* Bytes of one element. */
size_t dtype_bytes(enum dtype dtype);

/* Half the distance from 1 to the next number: the largest relative error of one rounding.
 * 0 for an integer format. */
double dtype_roundoff(enum dtype dtype);

/* A tensor of one, two or three axes. Consecutive indices of the first axis lie `ld` elements
 * apart; the axes behind it are contiguous, the last one fastest. Vectors that run neither
 * along the batch nor along the heads are contiguous (ld 1). `data` is aligned to its element and
 * to nothing more. */
struct tensor {
    void *data;
    size_t ld; /* elements; at least the product of the extents behind the first axis */
    enum dtype dtype;
};

/* Element `column` of row `row`, exactly, as a double. */
static inline double real_at(const struct tensor *t, size_t row, size_t column)
{
    size_t at = row * t->ld + column;
    return t->dtype == DTYPE_F32 ? (double)((const float *)t->data)[at]
                                 : ((const double *)t->data)[at];
}

/* Rounds `value` to the tensor's format and stores it. */
static inline void real_put(const struct tensor *t, size_t row, size_t column, double value)
{
    size_t at = row * t->ld + column;
    if (t->dtype == DTYPE_F32)
        ((float *)t->data)[at] = (float)value;
    else
        ((double *)t->data)[at] = value;
}

/* Element `at` of an index tensor (DTYPE_I32). */
static inline size_t index_at(const struct tensor *t, size_t at)
{
    return (size_t)((const int32_t *)t->data)[at];
}

#endif
