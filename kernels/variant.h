/* What a kernel file that is compiled more than once needs to describe itself. The Makefile defines
 * KERNEL, the kernel's name, for every kernel file; where the file is compiled for several
 * instruction sets, KERNEL_ISA. What the compiler was allowed beyond the level is FEATURES. */
#ifndef EKTM_KERNELS_VARIANT_H
#define EKTM_KERNELS_VARIANT_H

#include "kernels/kernel.h"
#include "reference/operands.h"

#define QUOTED(text)    #text
#define EXPANDED(macro) QUOTED(macro)
#define KERNEL_NAME     EXPANDED(KERNEL)

#ifdef __AVXVNNI__
#    define WITH_AVX_VNNI FEATURE_AVX_VNNI
#else
#    define WITH_AVX_VNNI 0
#endif
#ifdef __AVX512VNNI__
#    define WITH_AVX512_VNNI FEATURE_AVX512_VNNI
#else
#    define WITH_AVX512_VNNI 0
#endif
#ifdef __AVX512BF16__
#    define WITH_AVX512_BF16 FEATURE_AVX512_BF16
#else
#    define WITH_AVX512_BF16 0
#endif
#ifdef __ARM_FEATURE_DOTPROD
#    define WITH_DOTPROD FEATURE_DOTPROD
#else
#    define WITH_DOTPROD 0
#endif
#ifdef __ARM_FEATURE_MATMUL_INT8
#    define WITH_I8MM FEATURE_I8MM
#else
#    define WITH_I8MM 0
#endif
#ifdef __ARM_FEATURE_BF16_VECTOR_ARITHMETIC
#    define WITH_BF16 FEATURE_BF16
#else
#    define WITH_BF16 0
#endif
#define FEATURES                                                                                   \
    (WITH_AVX_VNNI | WITH_AVX512_VNNI | WITH_AVX512_BF16 | WITH_DOTPROD | WITH_I8MM | WITH_BF16)

extern const struct kernel KERNEL;

#define OP(name) extern const struct op name##_op;
#include "reference/ops.def"
#undef OP

#endif
