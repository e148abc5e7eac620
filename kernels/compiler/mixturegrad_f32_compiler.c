/* Backward of a mixture: dlogit_n = share_n (dy . e_n - sum over m of share_m dy . e_m),
 * de_n = share_n dy, for each row of the batch.
 *
 * One row at a time: shares, inner products, then the vectors' gradients. Bound by reading the
 * vectors and writing their gradients. Any width: the compiler's own tails. */
#include "kernels/compiler/shares.h"
#include "kernels/variant.h"

extern const struct backend compiler_backend;

/* One copy of the loop for every row, so that a row's bits do not depend on where it is. */
static __attribute__((noinline)) float dot(const float *restrict a, const float *restrict e,
                                           size_t width)
{
    float sum = 0;
    for (size_t i = 0; i < width; i++)
        sum += a[i] * e[i];
    return sum;
}

static __attribute__((noinline)) void scale_to(float *restrict to, const float *restrict dy,
                                               float share, size_t width)
{
    for (size_t i = 0; i < width; i++)
        to[i] = share * dy[i];
}

static __attribute__((noinline)) void add_to(float *restrict to, const float *restrict dy,
                                             float share, size_t width)
{
    for (size_t i = 0; i < width; i++)
        to[i] += share * dy[i];
}

static __attribute__((noinline)) void mask(float *restrict to, const float *restrict e,
                                           size_t width)
{
    for (size_t i = 0; i < width; i++)
        to[i] = e[i] > 0 ? to[i] : 0;
}

/* Products and gradients of some parts of one row. */
static void parts(float *product, float *gradient, const float *e, const float *dy,
                  const float *share, size_t count, const struct call *call)
{
    const size_t width = call->dims.extent[WIDTH];
    for (size_t p = 0; p < count; p++) {
        product[p] = dot(dy, e + p * width, width);
        (call->options.add ? add_to : scale_to)(gradient + p * width, dy, share[p], width);
        if (call->options.activation == ACTIVATION_RELU)
            mask(gradient + p * width, e + p * width, width);
    }
}

static void logits(float *restrict gradient, const float *restrict share,
                   const float *restrict product, size_t count, bool add)
{
    float mean = 0;
    for (size_t p = 0; p < count; p++)
        mean += share[p] * product[p];
    for (size_t p = 0; p < count; p++)
        gradient[p] = share[p] * (product[p] - mean) + (add ? gradient[p] : 0);
}

static float *row_of(const struct tensor *t, size_t row) { return (float *)t->data + row * t->ld; }

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t *n = call->dims.extent;
    float share[PARTS_MAX], product[PARTS_MAX];
    for (size_t b = 0; b < n[BATCH]; b++) {
        const float *dy = row_of(&t[MIXTUREGRAD_DY], b);
        shares(share, row_of(&t[MIXTURE_LOGITS], b), n[VECTORS]);
        parts(product, row_of(&t[MIXTUREGRAD_DOWN], b), row_of(&t[MIXTURE_OWN], b), dy, share,
              n[OWN], call);
        parts(product + n[OWN], row_of(&t[MIXTUREGRAD_DSHARED], b), row_of(&t[MIXTURE_SHARED], b),
              dy, share + n[OWN], n[SHARED], call);
        logits(row_of(&t[MIXTUREGRAD_DLOGITS], b), share, product, n[VECTORS], call->options.add);
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &mixturegrad_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .about = "plain C: one row at a time, one vector after the other; load-bound",
};
