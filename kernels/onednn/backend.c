#include "kernels/kernel.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>

/* Other runtimes have pools of their own, which `run` could not hold to the calling thread. */
static bool usable(char *reason, size_t size)
{
    unsigned runtime = dnnl_version()->cpu_runtime;
    if (runtime == DNNL_RUNTIME_OMP || runtime == DNNL_RUNTIME_SEQ)
        return true;
    snprintf(reason, size, "this oneDNN has a threading runtime other than OpenMP");
    return false;
}

static const char *version(void)
{
    static char text[64];
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, sizeof text, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
    return text;
}

const struct backend onednn_backend = {
    .name = "onednn",
    .about = "matmul primitives of oneDNN, post-operations fused, one thread each",
    .peer = true,
    .usable = usable,
    .version = version,
};
