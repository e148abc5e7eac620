/* Gradient of an enhanced module's gate: ds = dz m g (1 - g), dm = dz g, df = dz.
 *
 * One loop over a row. Bound by memory: three numbers read and three written for seven operations.
 */
#include "kernels/variant.h"

extern const struct backend compiler_backend;

struct row {
    const float *dz, *m, *g;
    float *ds, *dm, *df;
};

/* One copy of the loops for every row, so that a row has the same bits wherever it is. */
static __attribute__((noinline)) void of_row(const struct row *row, size_t width, bool add)
{
    const float *restrict dz = row->dz, *restrict m = row->m, *restrict g = row->g;
    float *restrict ds = row->ds, *restrict dm = row->dm, *restrict df = row->df;
    for (size_t e = 0; e < width; e++) {
        dm[e] = dz[e] * g[e];
        ds[e] = dm[e] * m[e] * (1 - g[e]);
    }
    for (size_t e = 0; e < width && add; e++)
        df[e] += dz[e];
    for (size_t e = 0; e < width && !add; e++)
        df[e] = dz[e];
}

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++) {
        const struct row row = {f32_row(&t[GATEGRAD_DZ], b), f32_row(&t[GATEGRAD_M], b),
                                f32_row(&t[GATEGRAD_G], b),  f32_row(&t[GATEGRAD_DS], b),
                                f32_row(&t[GATEGRAD_DM], b), f32_row(&t[GATEGRAD_DF], b)};
        of_row(&row, call->dims.extent[WIDTH], call->options.add);
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &gategrad_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .about = "plain C, one loop over a row; bound by memory",
};
