/* Peak of bf16: y = x, then STEPS times y += a b, in sums of f32.
 *
 * 16 independent chains (dot.h) of the instruction that multiplies: VDPBF16PS takes two steps at a
 * time where the CPU has it, a multiply-add of f32 numbers one where not. a and b stay in
 * registers, as they come to the instruction. Bottleneck: the multiply-adds, nothing else. */
#include "kernels/avx512/bf16.h"

#include "kernels/avx512/dot.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &dot_op,
    .dtype = DTYPE_BF16,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .features = FEATURES,
    .run = run,
    .about = "16 chains of vectors; bound by multiply-adds",
};
