/* Instruction sets: the levels kernels are written for, and whether this CPU has them. */
#ifndef EKTM_KERNELS_CPU_H
#define EKTM_KERNELS_CPU_H

#include <stdbool.h>
#include <stddef.h>

enum isa {
    ISA_SCALAR, /* the architecture's baseline, one number at a time           */
    ISA_AVX2,   /* x86-64-v3: AVX2, FMA, BMI2, F16C                            */
    ISA_AVX512, /* x86-64-v4: AVX-512 F, BW, CD, DQ, VL                        */
    ISA_NEON,   /* armv8-a with Advanced SIMD                                  */
    ISAS
};

/* Instructions beyond a level that a kernel may need. */
enum feature {
    FEATURE_AVX_VNNI = 1 << 0,    /* 8-bit dot products in 256 bits                          */
    FEATURE_AVX512_VNNI = 1 << 1, /* 8-bit dot products in 512 bits                          */
    FEATURE_AVX512_BF16 = 1 << 2, /* bf16 dot products in 512 bits, and f32 to bf16          */
    FEATURE_DOTPROD = 1 << 3,     /* armv8.2-a: SDOT, UDOT                                   */
    FEATURE_I8MM = 1 << 4,        /* armv8.6-a: SMMLA, USDOT                                 */
    FEATURE_BF16 = 1 << 5,        /* armv8.6-a: BFDOT, BFMMLA, BFCVT                         */
    FEATURES_END = 1 << 6
};

/* "scalar", "avx2", "avx512", "neon". */
const char *isa_name(enum isa isa);

/* Holds everything that asks here to that level and those below it, as if the CPU had no more.
 * Once, before anything asks. */
void isa_hold(enum isa most);

/* The level that everything is held to; ISAS: none. */
enum isa isa_held(void);

/* Whether this CPU and its operating system run the level. If not, writes the first feature that
 * is missing into `reason`, or that the level is beyond the one that everything is held to. */
bool isa_usable(enum isa isa, char *reason, size_t size);

/* Whether this CPU has all of the features in the mask. If not, writes the first that is missing
 * into `reason`. */
bool features_usable(unsigned features, char *reason, size_t size);

/* The name of one feature, such as "AVX512_VNNI". */
const char *feature_name(enum feature feature);

/* The widest level that this CPU runs. */
enum isa isa_widest(void);

#endif
