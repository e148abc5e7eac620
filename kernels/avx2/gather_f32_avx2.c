/* Random rows, read and added up in f32: y[s] = sum over k in part s of table[ids[k]].
 *
 *      row   | lines |  ->  sum | ymm ymm ymm ymm .. | of 16, a stripe of 128 columns
 *
 * The walk over ids is gathered.h's. The last vector is masked. Bottleneck: how many lines memory
 * delivers at a time, and of rows of a line how many pages can be looked up. */
#include "kernels/avx2/row_f32.h"
#include "kernels/avx2/rows.h"
#include "kernels/gathered.h"
#include "kernels/variant.h"

extern const struct backend avx2_backend;

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &gather_op,
    .dtype = DTYPE_F32,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .run = run,
    .about = "stripes of 16 vectors, rows prefetched; bound by memory's parallelism",
};
