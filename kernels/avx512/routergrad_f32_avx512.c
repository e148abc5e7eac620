/* Gradient of the router: of F_i = (f_0 + sum_j s_ij f_j) / (T+1) by f_0, f_j and, in mode task, by
 * s_ij, for each row of the batch.
 *
 *     dF_i . f_j, four j at a time  ->  T x T, through softmax and cosines
 *     shares x dF + that x f        ->  df, a vector of 16 columns of all terms in registers
 *
 * The passes are routergrad.h's. Bottleneck: reading towers and dF from L1. The last vector of a
 * row is masked. */
#include "kernels/avx512/words.h"
#include "kernels/words.h"
#include "kernels/routergrad.h"
#include "kernels/kernel.h"

extern const struct op routergrad_op;
extern const struct backend avx512_backend;

static void run(const struct call *call) { routergrad(call); }

const struct kernel routergrad_f32_avx512 = {
    .name = "routergrad_f32_avx512",
    .op = &routergrad_op,
    .dtype = DTYPE_F32,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .run = run,
    .about = "inner products by four, T x T by vectors; bound by loads",
};
