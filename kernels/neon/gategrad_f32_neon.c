/* Gradient of an enhanced module's gate: ds = dz m g (1 - g), dm = dz g, df = dz or df + dz, for
 * each row of the batch.
 *
 *     dz, m, g  ->  4 lanes each  ->  ds, dm, df
 *
 * Bottleneck: memory, three numbers read and three written for a few operations. The last vector of
 * a row is read and stored in part. */
#include "kernels/neon/words.h"
#include "kernels/gategrad_words.h"
#include "kernels/kernel.h"

extern const struct op gategrad_op;
extern const struct backend neon_backend;

static void run(const struct call *call) { gategrad(call); }

const struct kernel gategrad_f32_neon = {
    .name = "gategrad_f32_neon",
    .op = &gategrad_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .run = run,
    .about = "a vector of columns at a time; bound by memory",
};
