/* What a layer means: its operands, its formula as a scalar loop, its work, and how far a faster
 * implementation may stray from it.
 *
 * This folder defines; it knows nothing of speed. Everything above it (kernels, harness, tests)
 * walks the table `ops`. */
#ifndef EKTM_REFERENCE_OP_H
#define EKTM_REFERENCE_OP_H

#include "reference/dims.h"
#include "reference/dtype.h"

enum { OPERANDS_MAX = 8, OPERAND_AXES = 3 };

/* A state is read, and what it has become is put in its place. */
enum role { ROLE_IN, ROLE_WEIGHT, ROLE_OUT, ROLE_STATE };

/* One operand of an op. `bags` is the only one with a fence: BATCH x FIELDS offsets and one more,
 * the end of the last bag. */
struct operand {
    const char *name;
    enum role role;
    bool index;    /* i32 indices instead of numbers                       */
    bool narrow;   /* held in the kernel's dtype where that is a narrow one; all other
                      numbers are then f32, and a product rounds its inputs itself */
    bool optional; /* may be absent (data == NULL) where an option, or operands.h, says so */
    bool sums;     /* an output that options.add adds to what is there */
    enum axis axes[OPERAND_AXES]; /* outermost first, ended by AXIS_NONE or by the array's end */
    size_t fence;                 /* elements behind the last one */
};

enum activation { ACTIVATION_NONE, ACTIVATION_RELU };
enum pooling { POOLING_SUM, POOLING_MEAN };
enum similarity { SIMILARITY_SAMPLE, SIMILARITY_TASK };

/* What shapes do not say. Each op reads the options it knows. */
struct options {
    enum activation
        activation;       /* dense; of gradients: what made the numbers whose gradient it is */
    enum pooling pooling; /* embedding */
    enum similarity similarity; /* router */
    float tau;                  /* router: softmax temperature, 1e-3 .. 1e6 */
    size_t lines_ahead; /* embedding: cache lines asked for in advance; 0: the kernel's choice */

    /* Training. EKTM.md, T1 to T5. */
    bool add; /* gradients: add to the outputs that are `sums` instead of overwriting them */
    bool stop_towers;   /* routergrad: in F_i all towers but f_i count as constants */
    bool stop_shares;   /* routergrad: so do the shares */
    float hard, power;  /* loss: beta and gamma of hard examples; power is 1 or more */
    float help;         /* loss: alpha, the weight of T4 */
    float rate;         /* adam, adagrad: learning rate */
    float epsilon;      /* adam, adagrad: what is added to the root; above 0 */
    float beta1, beta2; /* adam: 0 .. 1, 1 excluded */
    float decay;        /* adam: L2, this times the weight is added to its gradient */
    size_t step;        /* adam: which step it is, from 1 on */
};

/* Which outputs of each row are computed; the others stay as they are. */
struct outputs {
    size_t first, count; /* count 0: all of them */
};

/* One use of an op: sizes, options and memory. `tensor` is indexed by the op's own operand names
 * (operands.h). `prepared` is what the kernel's `prepare` made of the weights, or NULL. */
struct call {
    struct dims dims;
    struct options options;
    struct tensor tensor[OPERANDS_MAX];
    const void *prepared;
    struct outputs
        outputs;         /* some, for kernels that can compute some alone; the reference cannot */
    struct ahead *ahead; /* what a kernel may ask memory for meanwhile (kernels/ahead.h), or NULL */
};

struct op {
    const char *name;
    const char *formula;
    bool probe;    /* measures the machine; no layer of EKTM */
    bool training; /* a part of a training step; none of inference */

    /* What a call may be cut along, and be computed part by part, by threads too: no bit of a
     * result depends on the cut. The batch, unless said; AXIS_NONE: it may not be cut. */
    enum axis split;

    size_t operands;
    struct operand operand[OPERANDS_MAX];

    /* The scalar loop. Accumulates in double, rounds once when it stores. On f64 operands all of it
     * is in double. */
    void (*reference)(const struct call *call);

    /* Stores, in place of each output (which must be f64, and of a state or a sum that is added to
     * holds what was there), the largest error allowed to a kernel whose sums have this unit
     * roundoff. What rounding to a narrow format costs is no error: the
     * scalar loop rounds alike. */
    void (*bound)(const struct call *call, double roundoff);

    /* Floating-point operations of one call: a multiply-add counts two, exp and division one. */
    double (*flops)(const struct call *call);

    /* Bytes that one call must move: each operand once, or what a gather really reads.
     * NULL: the sum over the operands. */
    double (*bytes)(const struct call *call);
};

/* Every op, in the order of ops.def, ended by NULL. */
extern const struct op *const ops[];

/* The op of that name, or NULL. */
const struct op *op_find(const char *name);

/* Elements from an operand's first to its last one, gaps of `ld` and the fence included. */
size_t operand_span(const struct operand *operand, const struct dims *dims, size_t ld);

/* The format of an operand's elements for kernels of `dtype`. */
enum dtype operand_dtype(const struct operand *operand, enum dtype dtype);

/* Contiguous elements behind the first axis: the smallest `ld`. 1 for a vector. */
size_t operand_row(const struct operand *operand, const struct dims *dims);

/* Extent of the first axis. */
size_t operand_rows(const struct operand *operand, const struct dims *dims);

/* Bytes from an operand's first to its last one: of i8 with the last row's struct affine. */
size_t span_bytes(const struct operand *operand, const struct dims *dims,
                  const struct tensor *tensor);

/* Bytes of one call by the op's own count or by its operands. */
double op_bytes(const struct op *op, const struct call *call);

/* The part of `call` that computes `count` rows of the batch from row `first`: the same weights,
 * each operand that starts with BATCH moved. Rows are independent in every layer, so any split
 * gives the same bits. */
struct call call_rows(const struct op *op, const struct call *call, size_t first, size_t count);

/* The part of `call` that computes `count` of the op's `split` axis from `first`: rows of the
 * batch, of most. */
struct call call_part(const struct op *op, const struct call *call, size_t first, size_t count);

/* How many there are to be cut: the extent of that axis; 1 where it may not be cut. */
size_t call_parts(const struct op *op, const struct call *call);

/* Whether it holds results: an output or a state. */
bool operand_written(const struct operand *operand);

/* Whether its results build on what is there. */
bool operand_kept(const struct operand *operand, const struct options *options);

/* Element `column` of row `row` of a table as a sum of its rows adds it up: of an i8 row the
 * magnitudes of its parts, which may cancel. */
static inline double magnitude_at(const struct tensor *table, size_t row, size_t column)
{
    const double value = fabs(real_at(table, row, column));
    const bool affine = table->dtype == DTYPE_I8;
    return affine ? value + 2 * fabs((double)affine_at(table, row).offset) : value;
}

/* Error allowed to the sum, or mean, of so many rows of a table, relative to the sum of magnitudes:
 * one rounding for each addition, one for the mean, two for each number of an i8 row. A copy has
 * none. */
double sum_error(const struct tensor *table, size_t rows, double roundoff);

/* Error allowed to a sum of `terms` products, relative to the sum of their magnitudes: the
 * probabilistic bound c*sqrt(n)*u of Higham and Mary (SIAM J. Sci. Comput. 41(5), 2019), c = 4,
 * with room for a few single roundings. Far below the share of one term, so a dropped one fails. */
double accumulation_error(size_t terms, double roundoff);

#endif
