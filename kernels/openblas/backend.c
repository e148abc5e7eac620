#include "kernels/kernel.h"

#include <cblas.h>
#include <stdio.h>

static bool usable(char *reason, size_t size)
{
    (void)reason;
    (void)size;
    return true;
}

/* The library's own line also names the code it has picked for this CPU. */
static const char *version(void)
{
    static char text[160];
    snprintf(text, sizeof text, "%s", openblas_get_config());
    return text;
}

const struct backend openblas_backend = {
    .name = "openblas",
    .about = "matrix products of OpenBLAS, one thread each",
    .peer = true,
    .usable = usable,
    .version = version,
};
