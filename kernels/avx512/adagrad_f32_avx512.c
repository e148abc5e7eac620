/* Backward pass of an embedding and one step of row-wise Adagrad: g = sum of dx over the bags that
 * name a row, s += mean of g^2, row -= rate g / (sqrt(s) + epsilon).
 *
 * The walk, in vectors of 16 lanes, is adagrad_words.h's: rows lie anywhere, so they are asked for
 * some rows ahead. Bottleneck: memory, a row read and written and its dx read. The last vector of a
 * row is masked. */
#include "kernels/avx512/words.h"
#include "kernels/adagrad_words.h"
#include "kernels/kernel.h"

extern const struct op adagrad_op;
extern const struct backend avx512_backend;

static void run(const struct call *call) { adagrad(call); }

const struct kernel adagrad_f32_avx512 = {
    .name = "adagrad_f32_avx512",
    .op = &adagrad_op,
    .dtype = DTYPE_F32,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .run = run,
    .about = "rows asked for ahead, gradient on the stack; bound by memory",
};
