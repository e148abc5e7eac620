/* The peak of i8: y = x, then STEPS times y += a b. The chains are dot.h's, with the words of i8.h.
 *
 * Bottleneck: the pipes that multiply, and add up where that is an instruction of its own. */
#include "kernels/neon/i8.h"

#include "kernels/neon/dot.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &dot_op,
    .dtype = DTYPE_I8,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .features = FEATURES,
    .run = run,
    .about = "24 chains of multiply-adds; bound by their pipes",
};
