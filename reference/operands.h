/* The operands of each op, by name: indices into `struct call.tensor` and `struct op.operand`.
 * Brackets give the axes, outermost first; numbers are of the kernel's dtype unless said. Vectors
 * that run neither along the batch nor along the heads, and all indices, are contiguous; everything
 * else has an ld. */
#ifndef EKTM_REFERENCE_OPERANDS_H
#define EKTM_REFERENCE_OPERANDS_H

#include "reference/dims.h"

/* x[b,f] = sum of table[first[f] + id] over the ids of bag (b,f); mean instead of sum as an option;
 * zeros for an empty bag. EKTM.md, layer 1. The tables of all fields are stacked in one. */
enum {
    EMBEDDING_IDS,   /* i32 [IDS]: row within the field's own table, 0 <= id < its rows       */
    EMBEDDING_BAGS,  /* i32 [BATCH, FIELDS] + 1: bag q = b*FIELDS+f holds ids[bags[q] .. bags[q+1])
                      */
    EMBEDDING_FIRST, /* i32 [FIELDS]: the stacked row where each field's table begins          */
    EMBEDDING_TABLE, /* [ROWS, WIDTH]                                                           */
    EMBEDDING_X      /* out [BATCH, FIELDS, WIDTH]                                              */
};

/* y = activation(W x + b). EKTM.md, layers 2 to 4. */
enum {
    DENSE_X, /* [BATCH, IN]      */
    DENSE_W, /* [OUT, IN]        */
    DENSE_B, /* [OUT]            */
    DENSE_Y  /* out [BATCH, OUT] */
};

/* F_i = (f_0 + sum_j softmax_j(cos_ij / tau) f_j) / (T+1), i, j = 1 .. T, where cos_ij compares f_i
 * and f_j of the row (mode sample) or u_i and u_j (mode task). The squared length of each of these
 * vectors must be 0 or a normal number of the kernel's dtype. EKTM.md, layer 5. */
enum {
    ROUTER_F0, /* [BATCH, WIDTH]: the CTR tower                                      */
    ROUTER_F,  /* [BATCH, TASKS, WIDTH]: the CVR towers                              */
    ROUTER_U,  /* [TASKS, WIDTH]: task vectors; absent (data == NULL) in mode sample */
    ROUTER_Y   /* out [BATCH, TASKS, WIDTH]                                          */
};
enum {
    TASKS_MAX = 64
}; /* the most CVR tasks a model may have: kernels keep a row's scores on the stack */

/* m = ReLU(A F + a). EKTM.md, layer 6. */
enum {
    TRANSMITTER_F,    /* [BATCH, WIDTH]     */
    TRANSMITTER_A,    /* [WIDTH, WIDTH]: [out, in] */
    TRANSMITTER_BIAS, /* [WIDTH]            */
    TRANSMITTER_M     /* out [BATCH, WIDTH] */
};

/* g = sigmoid(G_f f + G_m m + c), z = f + g m. EKTM.md, layer 7: G = [G_f G_m], so both halves are
 * views of one [d, 2d] matrix with ld = 2d. */
enum {
    ENHANCED_F,  /* [BATCH, WIDTH]     */
    ENHANCED_M,  /* [BATCH, WIDTH]     */
    ENHANCED_GF, /* [WIDTH, WIDTH]: [out, in] */
    ENHANCED_GM, /* [WIDTH, WIDTH]: [out, in] */
    ENHANCED_C,  /* [WIDTH]            */
    ENHANCED_Z   /* out [BATCH, WIDTH] */
};

/* p = sigmoid(w ReLU(U x + u) + v). EKTM.md, layer 8. The output has one column, so its ld steps
 * through the predictions of all tasks. */
enum {
    HEAD_X,     /* [BATCH, WIDTH]  */
    HEAD_U,     /* [HIDDEN, WIDTH] */
    HEAD_UBIAS, /* [HIDDEN]        */
    HEAD_W,     /* [HIDDEN]        */
    HEAD_V,     /* one number      */
    HEAD_P      /* out [BATCH]     */
};

/* Transmitter and enhanced module of one CVR task in one: m = ReLU(A F + a),
 * z = f + sigmoid(G_f f + G_m m + c) m. Stands for layers 6 and 7 of a task. */
enum {
    TRANSFER_ROUTED, /* [BATCH, WIDTH]: F       */
    TRANSFER_A,      /* [WIDTH, WIDTH]: [out, in] */
    TRANSFER_BIAS,   /* [WIDTH]: a              */
    TRANSFER_F,      /* [BATCH, WIDTH]: f       */
    TRANSFER_GF,     /* [WIDTH, WIDTH]: [out, in] */
    TRANSFER_GM,     /* [WIDTH, WIDTH]: [out, in] */
    TRANSFER_C,      /* [WIDTH]                 */
    TRANSFER_Z       /* out [BATCH, WIDTH]      */
};
enum {
    TRANSFER_WIDTH_MAX = 1024
}; /* the widest task that it may have: kernels keep a few rows' m on the stack */

/* The heads of all tasks in one: p[b, i] = sigmoid(w_i ReLU(U_i x_i + u_i) + v_i), where x_0 is f_0
 * and x_i is z_i. HEADS is TASKS + 1, TASKS at most TASKS_MAX. Stands for layer 8 of all tasks,
 * whose weights lie at a constant distance: the ld of theirs, v's included. */
enum {
    HEADS_F0,    /* [BATCH, WIDTH]: the CTR tower                              */
    HEADS_Z,     /* [BATCH, TASKS, WIDTH]: what the enhanced modules made      */
    HEADS_U,     /* [HEADS, HIDDEN, WIDTH]                                     */
    HEADS_UBIAS, /* [HEADS, HIDDEN]                                            */
    HEADS_W,     /* [HEADS, HIDDEN]                                            */
    HEADS_V,     /* [HEADS], with an ld                                        */
    HEADS_P      /* out [BATCH, HEADS]                                         */
};

/* ---- training --------------------------------------------------------------------------------
 *
 * `dv` is the derivative of the total loss by v. What came out of a ReLU is 0 where its derivative
 * is, so whoever makes such a gradient finishes it: with options.activation RELU it is 0 where the
 * number itself is, and then it is the gradient in front of the ReLU. Outputs marked + are added to
 * what is there with options.add. */

/* The enhanced module, of which training keeps the gate: g = sigmoid(G_f f + G_m m + c),
 * z = f + g m. */
enum {
    GATED_F,  /* [BATCH, WIDTH]     */
    GATED_M,  /* [BATCH, WIDTH]     */
    GATED_GF, /* [WIDTH, WIDTH]: [out, in] */
    GATED_GM, /* [WIDTH, WIDTH]: [out, in] */
    GATED_C,  /* [WIDTH]            */
    GATED_G,  /* out [BATCH, WIDTH] */
    GATED_Z   /* out [BATCH, WIDTH] */
};

/* dx = dy W, of y = W x + b. */
enum {
    INPUTGRAD_DY, /* [BATCH, OUT]                                              */
    INPUTGRAD_W,  /* [OUT, IN]                                                 */
    INPUTGRAD_X,  /* [BATCH, IN]; read with activation RELU, else it may be absent */
    INPUTGRAD_DX  /* out [BATCH, IN], +                                        */
};

/* dW = dy^T x, db = sum of dy over the batch, of y = W x + b. A sum over the batch is one chain in
 * the order of the rows; it is cut along OUT. */
enum {
    WEIGHTGRAD_X,  /* [BATCH, IN]                 */
    WEIGHTGRAD_DY, /* [BATCH, OUT]                */
    WEIGHTGRAD_DW, /* out [OUT, IN], +            */
    WEIGHTGRAD_DB  /* out [OUT], +; may be absent */
};

/* Of z = f + g m, g = sigmoid(s): ds = dz m g (1 - g), dm = dz g, df = dz; what goes through s to f
 * and m is inputgrad's. */
enum {
    GATEGRAD_DZ, /* [BATCH, WIDTH]        */
    GATEGRAD_M,  /* [BATCH, WIDTH]        */
    GATEGRAD_G,  /* [BATCH, WIDTH]        */
    GATEGRAD_DS, /* out [BATCH, WIDTH]    */
    GATEGRAD_DM, /* out [BATCH, WIDTH]    */
    GATEGRAD_DF  /* out [BATCH, WIDTH], + */
};

/* Of the router: what reaches the towers from F_1 .. F_T, through the averages and, in mode sample,
 * through the similarities. In mode task what reaches the shares is put out, for similaritygrad to
 * add up. A cosine with a zero vector has derivatives of 0. */
enum {
    ROUTERGRAD_F0,  /* [BATCH, WIDTH]                                                       */
    ROUTERGRAD_F,   /* [BATCH, TASKS, WIDTH]                                                */
    ROUTERGRAD_U,   /* [TASKS, WIDTH]: task vectors; absent in mode sample                  */
    ROUTERGRAD_DY,  /* [BATCH, TASKS, WIDTH]: dF                                            */
    ROUTERGRAD_DF0, /* out [BATCH, WIDTH], +                                                */
    ROUTERGRAD_DF,  /* out [BATCH, TASKS, WIDTH], +                                         */
    ROUTERGRAD_DS   /* out [BATCH, TASKS, TASKS]: of the share s_ij; absent in mode sample  */
};

/* Of the task vectors of mode task: from the shares' derivatives, summed over the batch in the
 * order of its rows, through the softmax and the cosines. It is not cut. */
enum {
    SIMILARITYGRAD_U,  /* [TASKS, WIDTH]        */
    SIMILARITYGRAD_DS, /* [BATCH, TASKS, TASKS] */
    SIMILARITYGRAD_DU  /* out [TASKS, WIDTH], + */
};

/* The losses T2 to T5 and their derivatives by the logits of the heads, p = sigmoid(logit), and of
 * the base heads, q = sigmoid(base). A label is 0, 1, or -1 for missing. The click counts in each
 * row that has it; label i in rows with a click that have it. Per row:
 *
 *     k_0 BCE(y_0, p_0) + sum over i of k_i (w BCE(y_i, p_i) + BCE(y_i, q_i) + alpha T4_i)
 *     w = 1 + beta abs(y_i - q_i)^gamma;  T4_i = y max(q_i - p_i, 0) + (1 - y) max(p_i - q_i, 0)
 *
 * with q_i a constant in w and T4, and k_i the factor `scale`, which makes means of sums: 1 over
 * the rows that count. Without base heads w is 1 and there is no T4. */
enum {
    LOSS_LOGIT,  /* [BATCH, HEADS]                            */
    LOSS_BASE,   /* [BATCH, TASKS]; may be absent             */
    LOSS_LABEL,  /* i32 [BATCH, HEADS]: click, conversions    */
    LOSS_SCALE,  /* [HEADS]                                   */
    LOSS_DLOGIT, /* out [BATCH, HEADS]                        */
    LOSS_DBASE,  /* out [BATCH, TASKS]; absent with base      */
    LOSS_LOSS    /* out [BATCH]: the row's share of the total */
};

/* One step of Adam, for weights that lie side by side, with h = g + decay w:
 * m = beta1 m + (1 - beta1) h, v = beta2 v + (1 - beta2) h^2,
 * w -= rate (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + epsilon). It is cut along IN. */
enum {
    ADAM_G, /* [IN]                            */
    ADAM_W, /* state [IN]                      */
    ADAM_M, /* state [IN]: 0 before step 1     */
    ADAM_V  /* state [IN]: 0 before step 1     */
};

/* Backward pass of an embedding and one step of row-wise Adagrad on the rows that the batch names:
 * g = sum of dx over the bags that name the row (over a bag's size with mean), in the order in
 * which they are given; s += mean of g^2; row -= rate g / (sqrt(s) + epsilon). Rows are different,
 * and each has a bag, so it is cut along TOUCHED. The ids of a batch are grouped so by touched.h.
 */
enum {
    ADAGRAD_DX,    /* [BATCH, FIELDS, WIDTH]                                                  */
    ADAGRAD_BAGS,  /* i32 [BATCH, FIELDS] + 1: the embedding's; may be absent for sums        */
    ADAGRAD_ROW,   /* i32 [TOUCHED]: the stacked row                                          */
    ADAGRAD_BEGIN, /* i32 [TOUCHED] + 1: row t is named by bag[begin[t] .. begin[t+1])        */
    ADAGRAD_BAG,   /* i32 [IDS]: b*FIELDS+f                                                   */
    ADAGRAD_TABLE, /* state [ROWS, WIDTH]                                                     */
    ADAGRAD_S      /* state [ROWS]: 0 before the first step                                   */
};

/* y = sum over n of softmax(logits)_n e_n, over VECTORS = OWN + SHARED vectors: experts behind a
 * gate. The first OWN of them are a task's own, the others are shared. */
enum {
    MIXTURE_LOGITS, /* [BATCH, VECTORS], VECTORS at most PARTS_MAX */
    MIXTURE_OWN,    /* [BATCH, OWN, WIDTH]    */
    MIXTURE_SHARED, /* [BATCH, SHARED, WIDTH] */
    MIXTURE_Y       /* out [BATCH, WIDTH]     */
};
enum { PARTS_MAX = TASKS_MAX + 8 };

/* Its backward: what it read, then dy; the gradients of what it read, those of vectors as ReLU's.
 */
enum {
    MIXTUREGRAD_DY = MIXTURE_Y, /* [BATCH, WIDTH]             */
    MIXTUREGRAD_DLOGITS,        /* out [BATCH, VECTORS], +       */
    MIXTUREGRAD_DOWN,           /* out [BATCH, OWN, WIDTH], +    */
    MIXTUREGRAD_DSHARED         /* out [BATCH, SHARED, WIDTH], + */
};

/* s_n = k_n . q_n / sqrt(WIDTH): scores of an attention of each vector to itself. */
enum {
    MATCH_K, /* [BATCH, VECTORS, WIDTH] */
    MATCH_Q, /* [BATCH, VECTORS, WIDTH] */
    MATCH_S  /* out [BATCH, VECTORS]    */
};

/* Its backward: what it read, then ds. */
enum {
    MATCHGRAD_DS = MATCH_S, /* [BATCH, VECTORS]            */
    MATCHGRAD_DK,           /* out [BATCH, VECTORS, WIDTH], + */
    MATCHGRAD_DQ            /* out [BATCH, VECTORS, WIDTH], + */
};

/* ---- probes -----------------------------------------------------------------------------------
 */

/* y = x, then STEPS times y = y a + b: the floating-point peak. */
enum {
    FMA_X, /* [WIDTH]     */
    FMA_A, /* one number  */
    FMA_B, /* one number  */
    FMA_Y  /* out [WIDTH] */
};

/* y = x, then STEPS times y += a b: the peak of narrow formats, whose instructions take 2 steps
 * (bf16) or 4 (i8) at a time. b is rounded to bf16; for i8 to the nearest integer from 0 to 255. */
enum {
    DOT_X, /* [WIDTH]     */
    DOT_A, /* one number  */
    DOT_B, /* one number  */
    DOT_Y  /* out [WIDTH] */
};

/* Sequential memory: OUT = 1 reads (y = sum of x), IN = 1 writes (y[i] = x[0]), IN = OUT copies. */
enum {
    STREAM_X, /* [IN]      */
    STREAM_Y  /* out [OUT] */
};

/* y = sum over k of table[ids[k]]: random rows, read and added up. */
enum {
    GATHER_IDS,   /* i32 [IDS]     */
    GATHER_TABLE, /* [ROWS, WIDTH] */
    GATHER_Y      /* out [SUMS, WIDTH] */
};

/* Sum `s` is of the ids from here to where the next one's begin: shares as even as can be. */
static inline size_t gather_begin(const size_t extent[AXES], size_t s)
{
    return s * extent[IDS] / extent[SUMS];
}

#endif
