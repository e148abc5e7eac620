/* A layer in bf16 or i8 around somebody's product of two matrices: rows are rounded before it
 * (rounding.h), what the layer does with the sums follows it (epilogue.h).
 *
 *     for each block of rows, as many as the product takes at once
 *         x[0], x[1] = the block's rows of each factor, rounded      scratch memory
 *         for each tile of outputs
 *             sums = x[f] W[f]^T                                     the product; i8: scratch
 * memory y = what they stand for, and what the layer does       y, in L1 or L2
 *
 * Weights and what goes with them are packed once. Written for backends that do no better by
 * themselves: the compiler's and libraries. */
#ifndef EKTM_KERNELS_NARROW_LAYER_H
#define EKTM_KERNELS_NARROW_LAYER_H

#include "kernels/cpu.h"
#include "reference/op.h"

/* Some outputs of some rows: sums[r, i] = sum over k of x[r, k] W[out + i, k], 0 <= i < outs. */
struct narrow_tile {
    const void *x; /* [rows, terms], rounded; the terms filled up with zeros (struct multiplier) */
    size_t ldx;    /* elements; that of `pack`                                                  */
    void *sums;    /* f32 of bf16, i32 of i8                                                    */
    size_t ld;
    size_t rows, out, outs;
    bool add; /* to what `sums` holds; never asked of i8 */
};

/* What a product is of, for `pack`. `ld` is the usual one of the sums (0: not known); `add` is
 * every tile's. */
struct narrow_weights {
    const struct tensor *weight; /* [outs, terms] */
    size_t terms, outs, ldx, ld;
    bool add;
};

/* Somebody's product. */
struct multiplier {
    enum dtype dtype; /* of the weights */
    enum isa isa;     /* what surrounds it is compiled for; ISA_SCALAR: the CPU's widest (a peer) */
    bool widened;     /* it takes integers as 16-bit numbers, not as unsigned 8-bit ones         */
    size_t rows, outs; /* the most that a tile has of each; it begins at a multiple of `outs`     */
    size_t group;      /* rows are filled up with zeros to a multiple of so many terms            */
    void *(*pack)(const struct narrow_weights *weights); /* NULL: out of memory */
    void (*release)(void *packed);
    void (*multiply)(const void *packed, const struct narrow_tile *tile);
    const char *(*path)(const void *packed); /* see struct kernel; may be absent */
};

/* For kernels' `prepare`; NULL: out of memory. The multiplier outlives the layer. */
void *narrow_dense(const struct call *call, const struct multiplier *by);
void *narrow_transmitter(const struct call *call, const struct multiplier *by);
void *narrow_enhanced(const struct call *call, const struct multiplier *by);
void *narrow_head(const struct call *call, const struct multiplier *by);

/* For kernels' `run`. */
void narrow_dense_run(const struct call *call);
void narrow_transmitter_run(const struct call *call);
void narrow_enhanced_run(const struct call *call);
void narrow_head_run(const struct call *call);

/* For kernels' `release` and `path`. */
void narrow_layer_release(void *layer);
const char *narrow_layer_path(const void *layer);

#endif
