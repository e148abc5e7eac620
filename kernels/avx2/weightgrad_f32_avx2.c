/* Gradient of a dense layer by its weights and biases: dW = dy^T x, db = sum of dy.
 *
 *                        16 inputs (one panel)
 *                 b | x  x |
 *      6 outs  dy^T | +  + |  -> dW
 *                 : | :  : |
 *
 * The rows of this product are the layer's outputs and its terms are the rows of the batch, in
 * their order: every sum is one chain. Blocks of dy are turned and x is packed as it comes
 * (fresh.h); sums wait in dW between blocks. Blocks full of zeros, of dy behind a ReLU, go
 * sparse.h's way. Tile and tails are product.h's. Bottleneck: the
 * multiply-adds; where a layer has few outputs, reading x. */
#include "kernels/avx2/product.h"
#include "kernels/avx2/turn.h"
#include "kernels/avx2/words.h"
#include "kernels/densegrad.h"
#include "kernels/kernel.h"

extern const struct op weightgrad_op;
extern const struct backend avx2_backend;

static void run(const struct call *call) { weightgrad(call); }

const struct kernel weightgrad_f32_avx2 = {
    .name = "weightgrad_f32_avx2",
    .op = &weightgrad_op,
    .dtype = DTYPE_F32,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .run = run,
    .about = "6 outputs x 16 inputs in registers, dy turned, x packed; bound by multiply-adds",
};
