/* Random rows of a table, read and added up: y = sum over k of table[ids[k]].
 *
 * The sum of a block of columns stays in L1. Bound by the latency of the random rows. */
#include "kernels/compiler/rows.h"
#include "kernels/compiler/variant.h"

enum { BLOCK_WIDTH = 256 };

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    size_t all = call->dims.extent[WIDTH];
    const float *table = t[GATHER_TABLE].data;
    float *y = t[GATHER_Y].data;

    for (size_t e = 0; e < all; e += BLOCK_WIDTH) {
        size_t width = all - e < BLOCK_WIDTH ? all - e : BLOCK_WIDTH;
        float sum[BLOCK_WIDTH];
        add_rows(sum, table + e, t[GATHER_TABLE].ld, t[GATHER_IDS].data, call->dims.extent[IDS],
                 width);
        for (size_t i = 0; i < width; i++)
            y[(e + i) * t[GATHER_Y].ld] = sum[i];
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &gather_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .about = "plain C: four rows at a time, no prefetch; latency-bound",
};
