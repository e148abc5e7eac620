/* Mixture: y = sum over n of softmax(logits)_n e_n, for each row of the batch.
 *
 * One row at a time: its few shares, then one vector after the other is added. Bound by reading the
 * vectors. Any width: the compiler's own tails. */
#include "kernels/compiler/shares.h"
#include "kernels/variant.h"

extern const struct backend compiler_backend;

/* One copy of the loop for every row, so that a row's bits do not depend on where it is. */
static __attribute__((noinline)) void scale_to(float *restrict y, const float *restrict e,
                                               float share, size_t width)
{
    for (size_t i = 0; i < width; i++)
        y[i] = share * e[i];
}

static __attribute__((noinline)) void add_to(float *restrict y, const float *restrict e,
                                             float share, size_t width)
{
    for (size_t i = 0; i < width; i++)
        y[i] += share * e[i];
}

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t *n = call->dims.extent;
    float share[PARTS_MAX];
    for (size_t b = 0; b < n[BATCH]; b++) {
        const float *own = (const float *)t[MIXTURE_OWN].data + b * t[MIXTURE_OWN].ld;
        const float *shared = (const float *)t[MIXTURE_SHARED].data + b * t[MIXTURE_SHARED].ld;
        float *y = (float *)t[MIXTURE_Y].data + b * t[MIXTURE_Y].ld;
        shares(share, (const float *)t[MIXTURE_LOGITS].data + b * t[MIXTURE_LOGITS].ld, n[VECTORS]);
        scale_to(y, own, share[0], n[WIDTH]);
        for (size_t p = 1; p < n[OWN]; p++)
            add_to(y, own + p * n[WIDTH], share[p], n[WIDTH]);
        for (size_t p = 0; p < n[SHARED]; p++)
            add_to(y, shared + p * n[WIDTH], share[n[OWN] + p], n[WIDTH]);
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &mixture_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .about = "plain C: one row at a time, one vector after the other; load-bound",
};
