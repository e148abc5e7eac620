#include "kernels/kernel.h"

#include "build.h"

static bool usable(char *reason, size_t size) { return isa_usable(ISA_AVX512, reason, size); }

static const char *version(void) { return BUILD_COMPILER; }

const struct backend avx512_backend = {
    .name = "avx512",
    .about = "hand-tuned with AVX-512 intrinsics",
    .usable = usable,
    .version = version,
};
