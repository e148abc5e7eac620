/* Peak in bf16: y = x, then STEPS times y += a b. Chains and tails are dot.h's, a step is bf16.h's.
 */
#include "kernels/avx2/bf16.h"

#include "kernels/avx2/dot.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &dot_op,
    .dtype = DTYPE_BF16,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .features = FEATURES,
    .run = run,
    .about = "12 chains of vectors; bound by multiply-adds",
};
