#include "kernels/avx512/i8.h"

#include "kernels/avx512/dense_narrow.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &dense_op,
    .dtype = DTYPE_I8,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .features = FEATURES,
    .panel = PANEL,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "6 rows x 64 outputs in registers; bound by multiply-adds, by weights for few rows",
};
