/* exp of many numbers, and the logistic function by it. */
#ifndef EKTM_KERNELS_COMPILER_EXP_H
#define EKTM_KERNELS_COMPILER_EXP_H

#include <math.h>

/* glibc declares its vector forms of expf only under the whole of -ffast-math, which we do not ask
 * for (backend.mk). clang is told of them by an option. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
__attribute__((simd("notinbranch"))) float expf(float);
#endif

/* 1 / (1 + exp(-x)). Where exp overflows, the quotient is 0, as it should be. */
static inline float logistic(float x) { return 1 / (1 + expf(-x)); }

#endif
