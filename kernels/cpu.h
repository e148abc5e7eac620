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

/* "scalar", "avx2", "avx512", "neon". */
const char *isa_name(enum isa isa);

/* Whether this CPU and its operating system run the level. If not, writes the first feature that
 * is missing into `reason`. */
bool isa_usable(enum isa isa, char *reason, size_t size);

/* The widest level that this CPU runs. */
enum isa isa_widest(void);

#endif
