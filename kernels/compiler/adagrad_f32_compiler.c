/* Backward pass of an embedding and one step of row-wise Adagrad: g = sum of dx over the bags that
 * name a row, s += mean of g^2, row -= rate g / (sqrt(s) + epsilon).
 *
 * A row's gradient is added up on the stack, in pieces where the row is wide, first for its square,
 * then to be applied. Bound by memory: the rows of dx and of the table lie anywhere. */
#include "kernels/compiler/blocks.h"
#include "kernels/variant.h"

#include <math.h>

extern const struct backend compiler_backend;

enum { PIECE = 1024 }; /* columns whose gradient is on the stack */

static const float *bag_at(const struct call *call, size_t bag)
{
    const size_t *n = call->dims.extent;
    const struct tensor *dx = &call->tensor[ADAGRAD_DX];
    return (const float *)dx->data + bag / n[FIELDS] * dx->ld + bag % n[FIELDS] * n[WIDTH];
}

static float part_of(const struct call *call, size_t bag)
{
    const int32_t *bags = call->tensor[ADAGRAD_BAGS].data;
    const bool mean = call->options.pooling == POOLING_MEAN;
    return mean ? 1 / (float)(bags[bag + 1] - bags[bag]) : 1;
}

/* One copy of each loop for every row, as in transposed.h. */
static __attribute__((noinline)) void add(float *restrict g, const float *restrict dx, float part,
                                          size_t width)
{
    for (size_t e = 0; e < width; e++)
        g[e] += part * dx[e];
}

static __attribute__((noinline)) float square(const float *restrict g, size_t width)
{
    float sum = 0;
    for (size_t e = 0; e < width; e++)
        sum += g[e] * g[e];
    return sum;
}

static __attribute__((noinline)) void apply(float *restrict row, const float *restrict g,
                                            float factor, size_t width)
{
    for (size_t e = 0; e < width; e++)
        row[e] -= factor * g[e];
}

/* Columns `first` to before first+width of the gradient of touched row `at`. */
static void gradient(const struct call *call, size_t at, float *g, size_t first, size_t width)
{
    const int32_t *begin = call->tensor[ADAGRAD_BEGIN].data, *bag = call->tensor[ADAGRAD_BAG].data;
    for (size_t e = 0; e < width; e++)
        g[e] = 0;
    for (int32_t k = begin[at]; k < begin[at + 1]; k++)
        add(g, bag_at(call, (size_t)bag[k]) + first, part_of(call, (size_t)bag[k]), width);
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *table = &call->tensor[ADAGRAD_TABLE];
    const int32_t *rows = call->tensor[ADAGRAD_ROW].data;
    float *s = call->tensor[ADAGRAD_S].data;
    for (size_t at = 0; at < n[TOUCHED]; at++) {
        float *row = (float *)table->data + (size_t)rows[at] * table->ld, *sum = &s[rows[at]];
        float g[PIECE], squares = 0;
        for (size_t e = 0; e < n[WIDTH]; e += PIECE) {
            gradient(call, at, g, e, at_most(n[WIDTH] - e, PIECE));
            squares += square(g, at_most(n[WIDTH] - e, PIECE));
        }
        *sum += squares / (float)n[WIDTH];
        const float factor = call->options.rate / (sqrtf(*sum) + call->options.epsilon);
        for (size_t e = 0; e < n[WIDTH]; e += PIECE) {
            const size_t width = at_most(n[WIDTH] - e, PIECE);
            if (n[WIDTH] > PIECE)
                gradient(call, at, g, e, width);
            apply(row + e, g, factor, width);
        }
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &adagrad_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .about = "plain C, a row's gradient on the stack; bound by memory",
};
