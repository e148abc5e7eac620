/* Enhanced module of one CVR task: g = sigmoid(G_f f + G_m m + c), z = f + g m.
 *
 * A block of up to 256 rows of z takes the product with f, then that with m on top; the gate
 * follows while the block is in L2. Bound by the multiply-adds, and by packing the weights in each
 * call where the library does that; for one row by reading them. */
#include "kernels/kernel.h"
#include "kernels/openblas/product.h"
#include "reference/operands.h"

extern const struct op enhanced_op;
extern const struct backend openblas_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *const weight[2] = {&call->tensor[ENHANCED_GF], &call->tensor[ENHANCED_GM]};
    return product_make(weight, 2, call->dims.extent[WIDTH], call->dims.extent[WIDTH]);
}

static void run(const struct call *call)
{
    const struct product *p = call->prepared;
    const struct tensor *t = call->tensor, *tz = &t[ENHANCED_Z];
    const size_t batch = call->dims.extent[BATCH], width = call->dims.extent[WIDTH];
    for (size_t b = 0, rows; b < batch; b += rows) {
        const struct rows f = rows_from(&t[ENHANCED_F], b), m = rows_from(&t[ENHANCED_M], b);
        float *z = (float *)tz->data + b * tz->ld;
        rows = at_most(batch - b, p->block_rows);
        product_rows(p, 0, f, z, tz->ld, rows, 0, width, false);
        product_rows(p, 1, m, z, tz->ld, rows, 0, width, true);
        p->epilogue->gate(z, tz->ld, t[ENHANCED_C].data, f, m, rows, width);
    }
}

const struct kernel enhanced_f32_openblas = {
    .name = "enhanced_f32_openblas",
    .op = &enhanced_op,
    .dtype = DTYPE_F32,
    .backend = &openblas_backend,
    .cut_changes_bits = true,
    .run = run,
    .prepare = prepare,
    .release = product_release,
    .path = product_path,
    .about = "two sgemm over blocks of up to 256 rows, sgemv for one; gate by a loop in L2",
};
