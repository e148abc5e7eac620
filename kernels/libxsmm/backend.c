#include "kernels/kernel.h"

#include <libxsmm.h>
#include <stdio.h>

static bool usable(char *reason, size_t size)
{
    libxsmm_init();
    if (libxsmm_smmdispatch(16, 1, 16, NULL, NULL, NULL, NULL, NULL, NULL, NULL))
        return true;
    snprintf(reason, size, "libxsmm generates no code for this CPU (target %s)",
             libxsmm_get_target_arch());
    return false;
}

static const char *version(void) { return "libxsmm " LIBXSMM_CONFIG_VERSION; }

const struct backend libxsmm_backend = {
    .name = "libxsmm",
    .about = "small matrix products generated at run time",
    .peer = true,
    .usable = usable,
    .version = version,
};
