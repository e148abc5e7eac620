/* Gradient of an enhanced module's gate: ds = dz m g (1 - g), dm = dz g, df = dz or df + dz, for
 * each row of the batch.
 *
 *     dz, m, g  ->  16 lanes each  ->  ds, dm, df
 *
 * Bottleneck: memory, three numbers read and three written for a few operations. The last vector of
 * a row is masked. */
#include "kernels/avx512/words.h"
#include "kernels/gategrad_words.h"
#include "kernels/kernel.h"

extern const struct op gategrad_op;
extern const struct backend avx512_backend;

static void run(const struct call *call) { gategrad(call); }

const struct kernel gategrad_f32_avx512 = {
    .name = "gategrad_f32_avx512",
    .op = &gategrad_op,
    .dtype = DTYPE_F32,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .run = run,
    .about = "a vector of columns at a time; bound by memory",
};
