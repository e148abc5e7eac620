/* Random rows of a table, read and added up: y = sum over k of table[ids[k]].
 *
 * The sum stays in L1. Bound by the latency of the random rows. */
#include "kernels/compiler/rows.h"
#include "kernels/variant.h"

extern const struct backend compiler_backend;

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t *n = call->dims.extent;
    for (size_t s = 0; s < n[SUMS]; s++) {
        const size_t begin = gather_begin(n, s);
        add_rows((float *)t[GATHER_Y].data + s * t[GATHER_Y].ld, t[GATHER_TABLE].data,
                 t[GATHER_TABLE].ld, (const int32_t *)t[GATHER_IDS].data + begin,
                 gather_begin(n, s + 1) - begin, n[WIDTH]);
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
