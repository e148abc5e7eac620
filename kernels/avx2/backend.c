#include "kernels/kernel.h"

#include "build.h"

static bool usable(char *reason, size_t size) { return isa_usable(ISA_AVX2, reason, size); }

static const char *version(void) { return BUILD_COMPILER; }

const struct backend avx2_backend = {
    .name = "avx2",
    .about = "hand-tuned with AVX2 and FMA intrinsics",
    .usable = usable,
    .version = version,
};
