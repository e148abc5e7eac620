/* The loops are plain C, vectorised by the compiler (Makefile), once for each level. */
#include "kernels/rounding.h"

#include <float.h>

/* The least and the largest number are sought in so many columns side by side. */
enum { COLUMNS = 16 };
typedef float numbers __attribute__((vector_size(COLUMNS * sizeof(float)), aligned(4), may_alias));
typedef int32_t masks __attribute__((vector_size(COLUMNS * sizeof(int32_t)), aligned(4)));

#if defined(__x86_64__)
#    define LEVEL(name) name##_avx512
#    define TARGET      __attribute__((target("arch=x86-64-v4")))
#    include "kernels/rounding_level.h"
#    undef LEVEL
#    undef TARGET
#    define LEVEL(name) name##_avx2
#    define TARGET      __attribute__((target("arch=x86-64-v3")))
#    include "kernels/rounding_level.h"
#    undef LEVEL
#    undef TARGET
#endif
#define LEVEL(name) name##_baseline
#define TARGET
#include "kernels/rounding_level.h"

const struct rounder *rounder_at(enum isa isa)
{
#if defined(__x86_64__)
    switch (isa) {
    case ISA_AVX512:
        return &rounder_avx512;
    case ISA_AVX2:
        return &rounder_avx2;
    default:
        break;
    }
#endif
    (void)isa;
    return &rounder_baseline;
}
