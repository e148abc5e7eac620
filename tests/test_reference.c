/* The scalar reference against values worked out by hand from EKTM.md's formulas. */
#include "reference/op.h"
#include "reference/operands.h"

#include <criterion/criterion.h>
#include <math.h>

static struct tensor reals(double *data, size_t ld) { return (struct tensor){data, ld, DTYPE_F64}; }

static struct tensor indices(int32_t *data, size_t ld)
{
    return (struct tensor){data, ld, DTYPE_I32};
}

static double logistic(double x) { return 1 / (1 + exp(-x)); }

static void near(const double *found, const double *expected, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++)
        cr_expect(fabs(found[i] - expected[i]) <= 1e-14, "%s[%zu] is %.17g, not %.17g", what, i,
                  found[i], expected[i]);
}

static struct call embedding_call(double *table, int32_t *ids, int32_t *bags, int32_t *first,
                                  double *x)
{
    return (struct call){
        .dims.extent = {[BATCH] = 2, [FIELDS] = 2, [ROWS] = 5, [IDS] = 4, [WIDTH] = 2},
        .tensor = {[EMBEDDING_IDS] = indices(ids, 1),
                   [EMBEDDING_BAGS] = indices(bags, 2),
                   [EMBEDDING_FIRST] = indices(first, 1),
                   [EMBEDDING_TABLE] = reals(table, 2),
                   [EMBEDDING_X] = reals(x, 4)}};
}

Test(reference, embedding_pools_bags)
{
    double table[] = {1, 2, 3, 4, /* second field */ 10, 20, 30, 40, 50, 60}, x[8];
    int32_t ids[] = {1, 0, 2, 1}, bags[] = {0, 1, 3, 3, 4}, first[] = {0, 2};
    struct call call = embedding_call(table, ids, bags, first, x);
    op_find("embedding")->reference(&call);
    near(x, (double[]){3, 4, 60, 80, 0, 0, 30, 40}, 8, "sum");
    call.options.pooling = POOLING_MEAN;
    op_find("embedding")->reference(&call);
    near(x, (double[]){3, 4, 30, 40, 0, 0, 30, 40}, 8, "mean");
    cr_expect_float_eq(op_find("embedding")->flops(&call), 8, 0, "4 ids of width 2");
}

Test(reference, embedding_of_some_rows_starts_at_their_bags)
{
    double table[] = {1, 2, 3, 4, 10, 20, 30, 40, 50, 60}, x[8] = {0};
    int32_t ids[] = {1, 0, 2, 1}, bags[] = {0, 1, 3, 3, 4}, first[] = {0, 2};
    struct call call = embedding_call(table, ids, bags, first, x);
    struct call second = call_rows(op_find("embedding"), &call, 1, 1);
    op_find("embedding")->reference(&second);
    near(x, (double[]){0, 0, 0, 0, 0, 0, 30, 40}, 8, "second row");
}

Test(reference, dense_adds_bias_and_cuts_at_zero)
{
    double x[] = {1, 2, -1, 3}, w[] = {1, 1, -2, 1, 0.5, -1}, b[] = {1, 0, 0.5}, y[6];
    struct call call = {.dims.extent = {[BATCH] = 2, [IN] = 2, [OUT] = 3},
                        .tensor = {reals(x, 2), reals(w, 2), reals(b, 1), reals(y, 3)}};
    op_find("dense")->reference(&call);
    near(y, (double[]){4, 0, -1, 3, 5, -3}, 6, "none");
    call.options.activation = ACTIVATION_RELU;
    op_find("dense")->reference(&call);
    near(y, (double[]){4, 0, 0, 3, 5, 0}, 6, "relu");
}

/* Two tasks at right angles: cosines 1 and 0, so the shares are e^(1/tau) and 1 over their sum. */
Test(reference, router_weighs_by_cosine)
{
    double f0[] = {4, 8}, f[] = {3, 0, 0, 5}, y[4];
    struct call call = {.dims.extent = {[BATCH] = 1, [TASKS] = 2, [WIDTH] = 2},
                        .options = {.similarity = SIMILARITY_SAMPLE, .tau = 0.5f},
                        .tensor = {reals(f0, 2), reals(f, 4), {NULL, 0, DTYPE_F64}, reals(y, 4)}};
    op_find("router")->reference(&call);
    double own = exp(2) / (exp(2) + 1), other = 1 / (exp(2) + 1);
    near(y,
         (double[]){(4 + own * 3) / 3, (8 + other * 5) / 3, (4 + other * 3) / 3, (8 + own * 5) / 3},
         4, "F");
}

Test(reference, router_has_no_opinion_of_zero_vectors)
{
    double f0[] = {3, 3}, f[] = {0, 0, 2, 2}, y[4];
    struct call call = {.dims.extent = {[BATCH] = 1, [TASKS] = 2, [WIDTH] = 2},
                        .options = {.similarity = SIMILARITY_SAMPLE, .tau = 1},
                        .tensor = {reals(f0, 2), reals(f, 4), {NULL, 0, DTYPE_F64}, reals(y, 4)}};
    op_find("router")->reference(&call);
    double own = exp(1) / (exp(1) + 1);
    near(y, (double[]){4.0 / 3, 4.0 / 3, (3 + own * 2) / 3, (3 + own * 2) / 3}, 4, "F");
}

Test(reference, router_by_task_ignores_the_row)
{
    double f0[] = {0}, f[] = {6, -9}, u[] = {1, 2}, y[2];
    struct call call = {.dims.extent = {[BATCH] = 1, [TASKS] = 2, [WIDTH] = 1},
                        .options = {.similarity = SIMILARITY_TASK, .tau = 1},
                        .tensor = {reals(f0, 1), reals(f, 2), reals(u, 1), reals(y, 2)}};
    op_find("router")->reference(&call);
    near(y, (double[]){-0.5, -0.5}, 2, "F"); /* u1 and u2 point the same way: equal shares */
}

Test(reference, transmitter_cuts_at_zero)
{
    double x[] = {1, 2}, a[] = {1, 1, 1, -1}, bias[] = {0.5, 0}, m[2];
    struct call call = {.dims.extent = {[BATCH] = 1, [WIDTH] = 2},
                        .tensor = {reals(x, 2), reals(a, 2), reals(bias, 1), reals(m, 2)}};
    op_find("transmitter")->reference(&call);
    near(m, (double[]){3.5, 0}, 2, "m");
}

Test(reference, enhanced_gates_what_was_transferred)
{
    double f[] = {1}, m[] = {2}, g[] = {3, -1}, c[] = {0.5}, z[1];
    struct call call = {.dims.extent = {[BATCH] = 1, [WIDTH] = 1},
                        .tensor = {reals(f, 1), reals(m, 1), reals(g, 2), reals(g + 1, 2),
                                   reals(c, 1), reals(z, 1)}};
    op_find("enhanced")->reference(&call);
    near(z, (double[]){1 + logistic(3 - 2 + 0.5) * 2}, 1, "z");
}

Test(reference, head_is_a_hidden_layer_and_a_logistic_unit)
{
    double x[] = {1, -1}, u[] = {2, 1, 1, 2}, bias[] = {0, 0.5}, w[] = {3, 7}, v[] = {-1}, p[1];
    struct call call = {.dims.extent = {[BATCH] = 1, [WIDTH] = 2, [HIDDEN] = 2},
                        .tensor = {reals(x, 2), reals(u, 2), reals(bias, 1), reals(w, 1),
                                   reals(v, 1), reals(p, 1)}};
    op_find("head")->reference(&call);
    near(p, (double[]){logistic(3 * 1 - 1)}, 1, "p"); /* the second unit is cut at zero */
}

Test(reference, transfer_is_a_transmitter_and_an_enhanced_module)
{
    double routed[] = {2, -3}, a[] = {1}, bias[] = {0.5}, f[] = {1, 4}, g[] = {3, -1}, c[] = {0.25};
    double z[2], m = 2.5;
    struct call call = {.dims.extent = {[BATCH] = 2, [WIDTH] = 1},
                        .tensor = {reals(routed, 1), reals(a, 1), reals(bias, 1), reals(f, 1),
                                   reals(g, 2), reals(g + 1, 2), reals(c, 1), reals(z, 1)}};
    op_find("transfer")->reference(&call);
    near(z, (double[]){1 + logistic(3 - m + 0.25) * m, 4}, 2, "z"); /* row 1 has m = 0 */
    cr_expect_float_eq(op_find("transfer")->flops(&call), 2 * (2 + 4 + 5), 0);
}

/* Every weight of a head lies 3 numbers behind the one before; P has a gap. */
Test(reference, heads_are_the_heads_of_all_tasks)
{
    double f0[] = {1}, z[] = {2, -1}, u[] = {1, 9, 9, 3, 9, 9, -2}, bias[] = {0, 9, 9, 1, 9, 9, 0};
    double w[] = {1, 9, 9, 2, 9, 9, 3}, v[] = {0.5, 9, 9, -1, 9, 9, 0}, p[4];
    struct call call = {
        .dims.extent = {[BATCH] = 1, [TASKS] = 2, [HEADS] = 3, [WIDTH] = 1, [HIDDEN] = 1},
        .tensor = {reals(f0, 1), reals(z, 2), reals(u, 3), reals(bias, 3), reals(w, 3), reals(v, 3),
                   reals(p, 4)}};
    op_find("heads")->reference(&call);
    near(p, (double[]){logistic(1.5), logistic(2 * 7 - 1), logistic(3 * 2)}, 3, "p");
}

Test(reference, probes)
{
    double x[] = {1, 2, 3}, a[] = {2}, b[] = {-1}, y[3];
    struct call fma = {.dims.extent = {[WIDTH] = 3, [STEPS] = 2},
                       .tensor = {reals(x, 1), reals(a, 1), reals(b, 1), reals(y, 1)}};
    op_find("fma")->reference(&fma);
    near(y, (double[]){1, 5, 9}, 3, "fma");
    struct call read = {.dims.extent = {[IN] = 3, [OUT] = 1}, .tensor = {reals(x, 1), reals(y, 1)}};
    op_find("stream")->reference(&read);
    near(y, (double[]){6}, 1, "read");
    read.dims.extent[OUT] = 3;
    op_find("stream")->reference(&read);
    near(y, x, 3, "copy");
    read.dims.extent[IN] = 1;
    op_find("stream")->reference(&read);
    near(y, (double[]){1, 1, 1}, 3, "write");
    int32_t ids[] = {2, 0, 2};
    struct call gather = {.dims.extent = {[IDS] = 3, [ROWS] = 3, [WIDTH] = 1, [SUMS] = 2},
                          .tensor = {indices(ids, 1), reals(x, 1), reals(y, 1)}};
    op_find("gather")->reference(&gather);
    near(y, (double[]){x[2], x[0] + x[2]}, 2, "gather");
}

/* Bytes are derived from the operands unless the op counts its own. */
Test(reference, bytes_count_each_operand_once)
{
    double x[6], w[6], b[2], y[4];
    struct call call = {.dims.extent = {[BATCH] = 2, [IN] = 3, [OUT] = 2},
                        .tensor = {reals(x, 3), reals(w, 3), reals(b, 1), reals(y, 2)}};
    cr_expect_float_eq(op_bytes(op_find("dense"), &call), 8 * (6 + 6 + 2 + 4), 0);
    cr_expect_float_eq(op_find("dense")->flops(&call), 2 * 2 * 3 * 2, 0);
}
