/* One or two matmul primitives of oneDNN in a row, bias and what follows fused into them.
 *
 *     matrices   0: f  1: m  2: z       steps   z = Gf f + c
 *                                               z = f + sigmoid(z + Gm m) m
 *
 * A primitive is made for an exact number of rows, so there is one for each power of two up to 256,
 * and a batch is taken apart into those. The library chooses the layout of weights for each, which
 * are put into it once; equal layouts share a copy. matmul, not inner product: with a gap behind
 * its rows or a sum among its post-operations the latter falls back to a slow path.
 *
 * Which code it is may differ with the number of rows, and with it the order of a sum, so
 * `cut_changes_bits`. The fast code wants rows without gaps: where a caller's have some, up to 64
 * rows at a time go through buffers. Threads do not share memory objects, scratch or buffers:
 * `chain_run` borrows a set of them, made in `prepare`, one for each processor. */
#ifndef EKTM_KERNELS_ONEDNN_CHAIN_H
#define EKTM_KERNELS_ONEDNN_CHAIN_H

#include "reference/op.h"

enum { MATRICES = 5, STEPS_MAX = 2 };

enum finish {
    FINISH_NONE,
    FINISH_RELU,
    FINISH_LOGISTIC,
    FINISH_GATE /* adds to what `to` holds; sigmoid; times matrix 1; plus matrix 0 */
};

/* to = finish(from W^T + bias). Weights [outs, ins], of the format of `from`; without bias: NULL.
 */
struct step {
    size_t from, to; /* matrices */
    const struct tensor *weight, *bias;
    enum finish finish;
};

/* Which operand of the op each matrix is, and its columns. One of bf16 is rounded from an operand
 * in f32; the unsigned integers of i8 are an operand as they lie, as are sums of their products, in
 * i32. */
enum { INSIDE = OPERANDS_MAX }; /* none: an intermediate result */
struct matrix {
    size_t operand, columns;
    bool out;
    enum dtype dtype;
};

struct chain_spec {
    size_t matrices, steps;
    struct matrix matrix[MATRICES];
    struct step step[STEPS_MAX];
};

/* NULL: out of memory, or the library has no such product here. */
void *chain_make(const struct chain_spec *spec);
void chain_release(void *chain);

/* The names of the library's implementations that it consists of. */
const char *chain_path(const void *chain);

/* For all rows of the batch. Several threads may run one chain at once. */
void chain_run(const struct call *call);

#endif
