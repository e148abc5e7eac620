#include "kernels/cpu.h"

#include <stdio.h>

const char *isa_name(enum isa isa)
{
    static const char *const names[ISAS] = {"scalar", "avx2", "avx512", "neon"};
    return names[isa];
}

struct feature {
    enum isa isa;
    bool present;
    const char *name;
};

bool isa_usable(enum isa isa, char *reason, size_t size)
{
#if defined(__x86_64__)
    /* gcc's probe checks with XGETBV that the system saves the wide registers, too. */
    const struct feature features[] = {
        {ISA_AVX2, __builtin_cpu_supports("avx2"), "AVX2"},
        {ISA_AVX2, __builtin_cpu_supports("fma"), "FMA"},
        {ISA_AVX2, __builtin_cpu_supports("bmi2"), "BMI2"},
        {ISA_AVX512, __builtin_cpu_supports("avx512f"), "AVX512F"},
        {ISA_AVX512, __builtin_cpu_supports("avx512bw"), "AVX512BW"},
        {ISA_AVX512, __builtin_cpu_supports("avx512cd"), "AVX512CD"},
        {ISA_AVX512, __builtin_cpu_supports("avx512dq"), "AVX512DQ"},
        {ISA_AVX512, __builtin_cpu_supports("avx512vl"), "AVX512VL"},
        {ISA_NEON, false, "NEON (this is an x86-64 build)"},
    };
#else
    const struct feature features[] = {
        {ISA_AVX2, false, "AVX2 (this is an arm64 build)"},
        {ISA_AVX512, false, "AVX-512 (this is an arm64 build)"},
    };
#endif
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        if (features[i].isa == isa && !features[i].present) {
            snprintf(reason, size, "this CPU lacks %s", features[i].name);
            return false;
        }
    return true;
}

enum isa isa_widest(void)
{
    char reason[128];
    enum isa widest = ISA_SCALAR;
    for (enum isa isa = 0; isa < ISAS; isa++)
        if (isa_usable(isa, reason, sizeof reason))
            widest = isa;
    return widest;
}
