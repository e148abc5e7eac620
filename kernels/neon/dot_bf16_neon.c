/* The peak of bf16: y = x, then STEPS times y += a b. The chains are dot.h's, with the words of
 * bf16.h.
 *
 * Bottleneck: the pipes that multiply, and add up where that is an instruction of its own. */
#include "kernels/neon/bf16.h"

#include "kernels/neon/dot.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &dot_op,
    .dtype = DTYPE_BF16,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .features = FEATURES,
    .run = run,
    .about = "24 chains of multiply-adds; bound by their pipes",
};
