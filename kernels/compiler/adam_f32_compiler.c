/* One step of Adam: h = g + decay w, m = beta1 m + (1 - beta1) h, v = beta2 v + (1 - beta2) h^2,
 * w -= rate m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + epsilon).
 *
 * One loop. What does not change from weight to weight is computed once, in double. Bound by
 * memory: four numbers read and three written for some 15 operations; from the near caches by the
 * root and the division. */
#include "kernels/adam.h"
#include "kernels/variant.h"

#include <math.h>

extern const struct backend compiler_backend;

/* One copy of the loop for every weight. */
static __attribute__((noinline)) void step(float *restrict w, float *restrict m, float *restrict v,
                                           const float *restrict g, const struct factors *factors,
                                           size_t count)
{
    const struct factors f = *factors;
    for (size_t i = 0; i < count; i++) {
        const float h = g[i] + f.decay * w[i];
        m[i] = f.beta1 * m[i] + f.gain1 * h;
        v[i] = f.beta2 * v[i] + f.gain2 * (h * h);
        w[i] -= f.rate * m[i] / (sqrtf(v[i] * f.correction) + f.epsilon);
    }
}

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const struct factors factors = factors_of(&call->options);
    step(t[ADAM_W].data, t[ADAM_M].data, t[ADAM_V].data, t[ADAM_G].data, &factors,
         call->dims.extent[IN]);
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &adam_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .about = "plain C, one loop; bound by memory",
};
