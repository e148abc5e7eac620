#include "reference/dtype.h"

static const struct {
    const char *name;
    size_t bytes;
    double roundoff;
    enum dtype sums;
} formats[DTYPES] = {
    [DTYPE_F32] = {"f32", 4, 0x1p-24, DTYPE_F32}, [DTYPE_F64] = {"f64", 8, 0x1p-53, DTYPE_F64},
    [DTYPE_I32] = {"i32", 4, 0, DTYPE_I32},       [DTYPE_BF16] = {"bf16", 2, 0x1p-9, DTYPE_F32},
    [DTYPE_I8] = {"i8", 1, 0, DTYPE_F32},
};

const char *dtype_name(enum dtype dtype) { return formats[dtype].name; }

size_t dtype_bytes(enum dtype dtype) { return formats[dtype].bytes; }

size_t row_bytes(enum dtype dtype, size_t elements)
{
    return elements * dtype_bytes(dtype) + (dtype == DTYPE_I8 ? sizeof(struct affine) : 0);
}

double dtype_roundoff(enum dtype dtype) { return formats[dtype].roundoff; }

enum dtype dtype_sums(enum dtype dtype) { return formats[dtype].sums; }

bool dtype_narrow(enum dtype dtype) { return formats[dtype].sums != dtype; }
