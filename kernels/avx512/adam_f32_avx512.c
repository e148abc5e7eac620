/* One step of Adam, with L2: a vector of weights at a time.
 *
 *     g, w, m, v  ->  16 lanes each  ->  w, m, v
 *
 * What does not change from weight to weight is computed once, in double. Bottleneck: memory, four
 * numbers read and three written; from the near caches the root and the division. The last vector
 * is masked. */
#include "kernels/avx512/words.h"
#include "kernels/adam_words.h"
#include "kernels/kernel.h"

extern const struct op adam_op;
extern const struct backend avx512_backend;

static void run(const struct call *call) { adam(call); }

const struct kernel adam_f32_avx512 = {
    .name = "adam_f32_avx512",
    .op = &adam_op,
    .dtype = DTYPE_F32,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .run = run,
    .about = "a vector of weights at a time; bound by memory",
};
