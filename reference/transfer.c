/* Transmitter and enhanced module of one CVR task, one behind the other. EKTM.md, layers 6 and 7.
 */
#include "reference/op.h"
#include "reference/operands.h"
#include "reference/product.h"

extern const struct op transmitter_op, enhanced_op;

/* The transmitter of one row, which leaves m in `m`. */
static struct call transmitter_of(const struct call *call, const struct tensor *m)
{
    struct call part = {.dims = call->dims};
    for (size_t i = TRANSMITTER_F; i < TRANSMITTER_M; i++)
        part.tensor[i] = call->tensor[TRANSFER_ROUTED + i - TRANSMITTER_F];
    part.tensor[TRANSMITTER_M] = *m;
    return part;
}

/* The enhanced module of one row, whose m is in `m`. */
static struct call enhanced_of(const struct call *call, const struct tensor *m)
{
    struct call part = {.dims = call->dims};
    part.tensor[ENHANCED_F] = call->tensor[TRANSFER_F];
    part.tensor[ENHANCED_M] = *m;
    for (size_t i = ENHANCED_GF; i <= ENHANCED_Z; i++)
        part.tensor[i] = call->tensor[TRANSFER_GF + i - ENHANCED_GF];
    return part;
}

extern const struct op transfer_op;

/* m is rounded as z is: a fusion is the two layers and nothing else. */
static void reference(const struct call *call)
{
    double storage[TRANSFER_WIDTH_MAX];
    const struct tensor m = {storage, call->dims.extent[WIDTH], call->tensor[TRANSFER_Z].dtype};
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++) {
        struct call row = call_rows(&transfer_op, call, b, 1);
        struct call transmitter = transmitter_of(&row, &m), enhanced = enhanced_of(&row, &m);
        transmitter_op.reference(&transmitter);
        enhanced_op.reference(&enhanced);
    }
}

/* What an error of m adds to the enhanced module's own: through the gate's sum, of which the
 * logistic function leaves a quarter at most, and directly, since the gate is at most 1. */
static void bound(const struct call *call, double roundoff)
{
    const size_t width = call->dims.extent[WIDTH];
    double storage[TRANSFER_WIDTH_MAX], error_storage[TRANSFER_WIDTH_MAX];
    const struct tensor m = {storage, width, DTYPE_F64}, error = {error_storage, width, DTYPE_F64};
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++) {
        struct call row = call_rows(&transfer_op, call, b, 1);
        struct call exact = transmitter_of(&row, &m), wrong = transmitter_of(&row, &error);
        struct call enhanced = enhanced_of(&row, &m);
        transmitter_op.reference(&exact);
        transmitter_op.bound(&wrong, roundoff);
        enhanced_op.bound(&enhanced, roundoff);
        const struct factor e = factor_of(&error, 0, width, &row.tensor[TRANSFER_GM]);
        for (size_t o = 0; o < width; o++) {
            double gate = product(&e, o, true) / 4;
            double own = real_at(&row.tensor[TRANSFER_Z], 0, o);
            real_put(&row.tensor[TRANSFER_Z], 0, o,
                     own + gate * (fabs(storage[o]) + error_storage[o]) + error_storage[o]);
        }
    }
}

static double flops(const struct call *call)
{
    return transmitter_op.flops(call) + enhanced_op.flops(call);
}

const struct op transfer_op = {
    .name = "transfer",
    .formula = "m = ReLU(A F + a), z = f + sigmoid(G [f ; m] + c) m",
    .operands = 8,
    .operand =
        {
            [TRANSFER_ROUTED] = {"F", ROLE_IN, .axes = {BATCH, WIDTH, AXIS_NONE}},
            [TRANSFER_A] = {"A", ROLE_WEIGHT, .axes = {WIDTH, WIDTH, AXIS_NONE}},
            [TRANSFER_BIAS] = {"a", ROLE_WEIGHT, .axes = {WIDTH, AXIS_NONE}},
            [TRANSFER_F] = {"f", ROLE_IN, .axes = {BATCH, WIDTH, AXIS_NONE}},
            [TRANSFER_GF] = {"Gf", ROLE_WEIGHT, .axes = {WIDTH, WIDTH, AXIS_NONE}},
            [TRANSFER_GM] = {"Gm", ROLE_WEIGHT, .axes = {WIDTH, WIDTH, AXIS_NONE}},
            [TRANSFER_C] = {"c", ROLE_WEIGHT, .axes = {WIDTH, AXIS_NONE}},
            [TRANSFER_Z] = {"z", ROLE_OUT, .axes = {BATCH, WIDTH, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
