/* Random rows of an i8 table, read and added up in f32: y[s] = sum over k in part s of offset +
 * scale q of rows table[ids[k]].
 *
 * Each row is widened on its way into the sum, which stays in L1. Bound by the latency of the
 * random rows. */
#include "kernels/compiler/gather_narrow.h"
#include "kernels/variant.h"

extern const struct backend compiler_backend;

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &gather_op,
    .dtype = DTYPE_I8,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = gather_narrow,
    .about = "plain C: row by row, no prefetch; latency-bound",
};
