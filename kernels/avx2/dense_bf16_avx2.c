#include "kernels/avx2/bf16.h"

#include "kernels/avx2/dense_narrow.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &dense_op,
    .dtype = DTYPE_BF16,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .features = FEATURES,
    .panel = PANEL,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "6 rows x 16 outputs in registers; bound by multiply-adds, by weights for few rows",
};
