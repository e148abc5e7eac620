/* Rows of f32 numbers rounded for products in a narrow format, for kernels that are plain C or a
 * library's: bit for bit as reference/quantize.h and bf16_of have it. A file of its own, because
 * the compiler may not take liberties here that it has in those kernels. */
#ifndef EKTM_KERNELS_ROUNDING_H
#define EKTM_KERNELS_ROUNDING_H

#include "kernels/cpu.h"
#include "reference/quantize.h"

/* Rows are of `terms` numbers, aligned to their element only. */
struct rounder {
    /* to[k] = x[k] in bf16 */
    void (*bf16)(uint16_t *to, const float *x, size_t terms);

    /* How a row becomes integers. */
    struct rounding (*range)(const float *x, size_t terms);

    /* to[k] = those integers, 0 to 255; any where the row has none */
    void (*u8)(uint8_t *to, const float *x, size_t terms, const struct rounding *rounding);
    void (*i16)(int16_t *to, const float *x, size_t terms, const struct rounding *rounding);
};

/* Compiled for that level. */
const struct rounder *rounder_at(enum isa isa);

#endif
