/* The loops are plain C, vectorised by the compiler (Makefile). The library beside them picks its
 * code at run time, so they must, too. */
#include "kernels/epilogue.h"

/* A dot product is so many sums side by side. */
enum { CHAINS = 16 };
typedef float sums __attribute__((vector_size(CHAINS * sizeof(float)), aligned(4), may_alias));
typedef int32_t masks __attribute__((vector_size(CHAINS * sizeof(int32_t)), aligned(4)));

#if defined(__x86_64__)
#    define LEVEL(name)  name##_avx512
#    define TARGET       __attribute__((target("arch=x86-64-v4")))
#    define MULTIPLY_ADD __builtin_fmaf
#    include "kernels/epilogue_level.h"
#    undef LEVEL
#    undef TARGET
#    define LEVEL(name) name##_avx2
#    define TARGET      __attribute__((target("arch=x86-64-v3")))
#    include "kernels/epilogue_level.h"
#    undef LEVEL
#    undef TARGET
#    undef MULTIPLY_ADD
#    define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#else
#    define MULTIPLY_ADD __builtin_fmaf
#endif
#define LEVEL(name) name##_baseline
#define TARGET
#include "kernels/epilogue_level.h"

const struct epilogue *epilogue_at(enum isa isa)
{
#if defined(__x86_64__)
    switch (isa) {
    case ISA_AVX512:
        return &epilogue_avx512;
    case ISA_AVX2:
        return &epilogue_avx2;
    default:
        break;
    }
#endif
    (void)isa;
    return &epilogue_baseline;
}

const struct epilogue *epilogue_here(void) { return epilogue_at(isa_widest()); }
