#include "kernels/cpu.h"

#include <stdio.h>

#if defined(__x86_64__)
#    include <cpuid.h>
#else
#    include <sys/auxv.h>
#endif

const char *isa_name(enum isa isa)
{
    static const char *const names[ISAS] = {"scalar", "avx2", "avx512", "neon"};
    return names[isa];
}

static enum isa held = ISAS;

void isa_hold(enum isa most) { held = most; }

enum isa isa_held(void) { return held; }

/* What a level is made of. */
struct part {
    enum isa isa;
    bool present;
    const char *name;
};

bool isa_usable(enum isa isa, char *reason, size_t size)
{
#if defined(__x86_64__)
    /* gcc's probe checks with XGETBV that the system saves the wide registers, too. */
    const struct part parts[] = {
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
    const struct part parts[] = {
        {ISA_AVX2, false, "AVX2 (this is an arm64 build)"},
        {ISA_AVX512, false, "AVX-512 (this is an arm64 build)"},
    };
#endif
    if (isa > held) {
        snprintf(reason, size, "everything is held to %s", isa_name(held));
        return false;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].isa == isa && !parts[i].present) {
            snprintf(reason, size, "this CPU lacks %s", parts[i].name);
            return false;
        }
    return true;
}

const char *feature_name(enum feature feature)
{
    switch (feature) {
    case FEATURE_AVX_VNNI:
        return "AVX_VNNI";
    case FEATURE_AVX512_VNNI:
        return "AVX512_VNNI";
    case FEATURE_AVX512_BF16:
        return "AVX512_BF16";
    case FEATURE_DOTPROD:
        return "DOTPROD";
    case FEATURE_I8MM:
        return "I8MM";
    case FEATURE_BF16:
        return "BF16";
    case FEATURES_END:
        break;
    }
    return "";
}

#if defined(__x86_64__)
/* Leaf 7, subleaf 1: compilers' own probes do not know all of these. That the system saves the wide
 * registers is part of the level. */
static unsigned leaf7_1(void)
{
    unsigned a = 0, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) ? a : 0;
}

static bool feature_present(enum feature feature)
{
    switch (feature) {
    case FEATURE_AVX_VNNI:
        return leaf7_1() >> 4 & 1;
    case FEATURE_AVX512_VNNI:
        return held >= ISA_AVX512 && __builtin_cpu_supports("avx512vnni");
    case FEATURE_AVX512_BF16:
        return held >= ISA_AVX512 && leaf7_1() >> 5 & 1;
    default:
        return false;
    }
}
#else
/* Linux's HWCAP bits for arm64, as its asm/hwcap.h has them since 4.15 and 5.10. */
enum { HWCAP_BIT_ASIMDDP = 20, HWCAP2_BIT_I8MM = 13, HWCAP2_BIT_BF16 = 14 };

static bool feature_present(enum feature feature)
{
    switch (feature) {
    case FEATURE_DOTPROD:
        return getauxval(AT_HWCAP) >> HWCAP_BIT_ASIMDDP & 1;
    case FEATURE_I8MM:
        return getauxval(AT_HWCAP2) >> HWCAP2_BIT_I8MM & 1;
    case FEATURE_BF16:
        return getauxval(AT_HWCAP2) >> HWCAP2_BIT_BF16 & 1;
    default:
        return false;
    }
}
#endif

bool features_usable(unsigned features, char *reason, size_t size)
{
    for (unsigned f = 1; f < FEATURES_END; f <<= 1)
        if (features & f && !feature_present((enum feature)f)) {
            snprintf(reason, size, "this CPU lacks %s", feature_name((enum feature)f));
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
