#include "kernels/kernel.h"

#include "build.h"

static bool usable(char *reason, size_t size) { return isa_usable(ISA_NEON, reason, size); }

static const char *version(void) { return BUILD_COMPILER; }

const struct backend neon_backend = {
    .name = "neon",
    .about = "hand-tuned with Advanced SIMD intrinsics",
    .usable = usable,
    .version = version,
};
