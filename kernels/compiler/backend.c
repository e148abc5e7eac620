#include "kernels/kernel.h"

#include "build.h"

/* Each kernel's own ISA says where it runs. */
static bool usable(char *reason, size_t size)
{
    (void)reason;
    (void)size;
    return true;
}

static const char *version(void) { return BUILD_COMPILER; }

const struct backend compiler_backend = {
    .name = "compiler",
    .about = "plain C, vectorised by the compiler: the honest baseline",
    .usable = usable,
    .version = version,
};
