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
