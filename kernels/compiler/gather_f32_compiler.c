/* Random rows of a table, read and added up: y = sum over k of table[ids[k]].
 *
 * The sum stays in L1. Bound by the latency of the random rows. */
#include "kernels/compiler/rows.h"
#include "kernels/compiler/variant.h"

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    add_rows(t[GATHER_Y].data, t[GATHER_TABLE].data, t[GATHER_TABLE].ld, t[GATHER_IDS].data,
             call->dims.extent[IDS], call->dims.extent[WIDTH]);
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
