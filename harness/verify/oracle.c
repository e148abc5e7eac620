#include "harness/verify/oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Whether it holds results of the call. */
static bool is_output(const struct op *op, const struct call *call, size_t i)
{
    return operand_written(&op->operand[i]) && call->tensor[i].data;
}

/* What is there before the call, where its results build on that. */
static void copy_kept(const struct tensor *to, const struct operand *operand,
                      const struct call *call, const struct tensor *from)
{
    const size_t rows = operand_rows(operand, &call->dims);
    const size_t columns = operand_row(operand, &call->dims);
    for (size_t r = 0; operand_kept(operand, &call->options) && r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            real_put(to, r, c, real_at(from, r, c));
}

/* An f64 tensor for each output. */
static bool make_outputs(struct tensor *outputs, const struct op *op, const struct call *call)
{
    for (size_t i = 0; i < op->operands; i++) {
        if (!is_output(op, call, i))
            continue;
        size_t row = operand_row(&op->operand[i], &call->dims);
        size_t span = operand_span(&op->operand[i], &call->dims, row);
        outputs[i] = (struct tensor){calloc(span ? span : 1, sizeof(double)), row, DTYPE_F64};
        if (!outputs[i].data)
            return false;
        copy_kept(&outputs[i], &op->operand[i], call, &call->tensor[i]);
    }
    return true;
}

static struct call with_outputs(const struct op *op, const struct call *call,
                                const struct tensor *outputs)
{
    struct call to = *call;
    for (size_t i = 0; i < op->operands; i++)
        if (is_output(op, call, i))
            to.tensor[i] = outputs[i];
    return to;
}

bool oracle_make(struct oracle *oracle, const struct op *op, const struct call *call,
                 double roundoff, struct fault *fault)
{
    *oracle = (struct oracle){.op = op};
    if (!make_outputs(oracle->expected, op, call) || !make_outputs(oracle->bound, op, call)) {
        oracle_free(oracle);
        return fault_memory(fault, "the expected results");
    }
    struct call expected = with_outputs(op, call, oracle->expected);
    struct call bound = with_outputs(op, call, oracle->bound);
    op->reference(&expected);
    op->bound(&bound, roundoff);
    return true;
}

void oracle_free(struct oracle *oracle)
{
    for (size_t i = 0; i < OPERANDS_MAX; i++) {
        free(oracle->expected[i].data);
        free(oracle->bound[i].data);
        oracle->expected[i].data = oracle->bound[i].data = NULL;
    }
}

/* In units of `bound`. */
static double error_in_bounds(double found, double expected, double bound)
{
    if (found == expected)
        return 0;
    double error = fabs(found - expected) / bound;
    return isnan(error) ? INFINITY : error;
}

double oracle_error(const struct oracle *oracle, const struct call *call, char *worst, size_t size)
{
    const struct op *op = oracle->op;
    double largest = 0;
    if (worst && size)
        worst[0] = '\0';
    for (size_t i = 0; i < op->operands; i++) {
        if (!is_output(op, call, i))
            continue;
        size_t rows = operand_rows(&op->operand[i], &call->dims);
        size_t columns = operand_row(&op->operand[i], &call->dims);
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < columns; c++) {
                double found = real_at(&call->tensor[i], r, c);
                double expected = real_at(&oracle->expected[i], r, c);
                double error = error_in_bounds(found, expected, real_at(&oracle->bound[i], r, c));
                if (error <= largest)
                    continue;
                largest = error;
                if (worst)
                    snprintf(worst, size, "%s[%zu,%zu]: %.9g, expected %.9g +- %.2g",
                             op->operand[i].name, r, c, found, expected,
                             real_at(&oracle->bound[i], r, c));
            }
    }
    return largest;
}
