/* Losses of clicks and conversions, and their gradients by the logits of heads and base heads.
 *
 *     logits, labels of a row  ->  logistic functions, logarithms, 4 tasks at a time  ->  gradients
 *
 * The passes are loss.h's. Bottleneck: logistic functions and logarithms, whose vectors a row with
 * few tasks does not fill; all of it is little beside one layer. */
#include "kernels/neon/words.h"
#include "kernels/words.h"
#include "kernels/loss.h"
#include "kernels/kernel.h"

extern const struct op loss_op;
extern const struct backend neon_backend;

static void run(const struct call *call) { losses(call); }

const struct kernel loss_f32_neon = {
    .name = "loss_f32_neon",
    .op = &loss_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .run = run,
    .about = "a row's tasks side by side; bound by logarithms",
};
