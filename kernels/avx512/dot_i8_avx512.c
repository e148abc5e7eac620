/* Peak of 8-bit integers: y = x, then STEPS times y += a b, in sums of 32 bits.
 *
 * 16 independent chains (dot.h) of the instruction that multiplies: VPDPBUSD takes four steps at a
 * time where the CPU has it, VPMADDWD with an addition behind it two where not. a and b stay in
 * registers, as they come to the instruction. Sums become f32 numbers before they could leave their
 * 32 bits. Bottleneck: the multiply-adds, nothing else. */
#include "kernels/avx512/i8.h"

#include "kernels/avx512/dot.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &dot_op,
    .dtype = DTYPE_I8,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .features = FEATURES,
    .run = run,
    .about = "16 chains of vectors; bound by multiply-adds",
};
