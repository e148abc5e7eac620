#include "reference/dtype.h"

static const struct {
    const char *name;
    size_t bytes;
    double roundoff;
} formats[DTYPES] = {
    [DTYPE_F32] = {"f32", 4, 0x1p-24},
    [DTYPE_F64] = {"f64", 8, 0x1p-53},
    [DTYPE_I32] = {"i32", 4, 0},
};

const char *dtype_name(enum dtype dtype) { return formats[dtype].name; }

size_t dtype_bytes(enum dtype dtype) { return formats[dtype].bytes; }

double dtype_roundoff(enum dtype dtype) { return formats[dtype].roundoff; }
