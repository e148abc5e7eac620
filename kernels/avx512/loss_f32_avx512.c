/* Losses of clicks and conversions, and their gradients by the logits of heads and base heads.
 *
 *     logits, labels of a row  ->  logistic functions, logarithms, 16 tasks at a time  -> gradients
 *
 * The passes are loss.h's. Bottleneck: logistic functions and logarithms, whose vectors a row with
 * few tasks does not fill; all of it is little beside one layer. */
#include "kernels/avx512/words.h"
#include "kernels/words.h"
#include "kernels/loss.h"
#include "kernels/kernel.h"

extern const struct op loss_op;
extern const struct backend avx512_backend;

static void run(const struct call *call) { losses(call); }

const struct kernel loss_f32_avx512 = {
    .name = "loss_f32_avx512",
    .op = &loss_op,
    .dtype = DTYPE_F32,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .run = run,
    .about = "a row's tasks side by side; bound by logarithms",
};
