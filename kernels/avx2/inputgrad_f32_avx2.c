/* Gradient of a dense layer by its inputs: dx = dy W, for each row of the batch.
 *
 *                     16 inputs (one panel)
 *              o | w  w |
 *      6 rows dy | +  + |  -> 0 where a ReLU was cut off -> dx
 *              : | :  : |
 *
 * The weights [out, in] lie as the product reads them; they are packed as they come (fresh.h),
 * which is little beside the products from some hundred rows on, since in training they are new in
 * every step. Tile and tails are product.h's; the sums start with what is in dx where they are
 * added to it. Where dy is full of zeros, behind a ReLU, it goes sparse.h's way. Bottleneck: the
 * multiply-adds. */
#include "kernels/avx2/product.h"
#include "kernels/avx2/turn.h"
#include "kernels/avx2/words.h"
#include "kernels/densegrad.h"
#include "kernels/kernel.h"

extern const struct op inputgrad_op;
extern const struct backend avx2_backend;

static void run(const struct call *call) { inputgrad(call); }

const struct kernel inputgrad_f32_avx2 = {
    .name = "inputgrad_f32_avx2",
    .op = &inputgrad_op,
    .dtype = DTYPE_F32,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .run = run,
    .about = "6 rows x 16 inputs in registers, weights packed as they come; bound by multiply-adds",
};
