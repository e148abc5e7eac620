#include "harness/machine/host.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#if defined(__x86_64__)

#    include <cpuid.h>

/* State that the system must save for the registers of a feature, as bits of XCR0. */
enum { SAVES_NOTHING = 0, SAVES_YMM = 0x6, SAVES_ZMM = 0xe6, SAVES_TILES = 0x60000 };

enum { EAX, EBX, ECX, EDX };

static const struct {
    const char *name;
    unsigned leaf, subleaf, output, bit, saved;
} features[] = {
    {"sse4_2", 1, 0, ECX, 20, SAVES_NOTHING},  {"avx", 1, 0, ECX, 28, SAVES_YMM},
    {"f16c", 1, 0, ECX, 29, SAVES_YMM},        {"fma", 1, 0, ECX, 12, SAVES_YMM},
    {"bmi2", 7, 0, EBX, 8, SAVES_NOTHING},     {"avx2", 7, 0, EBX, 5, SAVES_YMM},
    {"avx_vnni", 7, 1, EAX, 4, SAVES_YMM},     {"avx512f", 7, 0, EBX, 16, SAVES_ZMM},
    {"avx512bw", 7, 0, EBX, 30, SAVES_ZMM},    {"avx512cd", 7, 0, EBX, 28, SAVES_ZMM},
    {"avx512dq", 7, 0, EBX, 17, SAVES_ZMM},    {"avx512vl", 7, 0, EBX, 31, SAVES_ZMM},
    {"avx512ifma", 7, 0, EBX, 21, SAVES_ZMM},  {"avx512vbmi", 7, 0, ECX, 1, SAVES_ZMM},
    {"avx512_vbmi2", 7, 0, ECX, 6, SAVES_ZMM}, {"avx512_vnni", 7, 0, ECX, 11, SAVES_ZMM},
    {"avx512_bf16", 7, 1, EAX, 5, SAVES_ZMM},  {"avx512_fp16", 7, 0, EDX, 23, SAVES_ZMM},
    {"amx_tile", 7, 0, EDX, 24, SAVES_TILES},  {"amx_bf16", 7, 0, EDX, 22, SAVES_TILES},
    {"amx_int8", 7, 0, EDX, 25, SAVES_TILES},
};

/* What CPUID writes for a leaf; zeros where the CPU has none such. */
static void read_leaf(unsigned leaf, unsigned subleaf, unsigned out[4])
{
    memset(out, 0, 4 * sizeof *out);
    __get_cpuid_count(leaf, subleaf, &out[EAX], &out[EBX], &out[ECX], &out[EDX]);
}

static unsigned saved_state(void)
{
    unsigned out[4], low, high;
    read_leaf(1, 0, out);
    if (!(out[ECX] >> 27 & 1)) /* OSXSAVE: the system says what it saves */
        return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

size_t host_features(const char **names, size_t max)
{
    unsigned saved = saved_state();
    size_t count = 0;
    for (size_t i = 0; i < sizeof features / sizeof *features && count < max; i++) {
        unsigned out[4];
        read_leaf(features[i].leaf, features[i].subleaf, out);
        if ((out[features[i].output] >> features[i].bit & 1) &&
            (saved & features[i].saved) == features[i].saved)
            names[count++] = features[i].name;
    }
    return count;
}

/* Hypervisors tell guests of themselves: a bit that no CPU sets, and a signature. */
static void find_hypervisor(struct host *host)
{
    static const char *const known[][2] = {
        {"KVMKVMKVM", "KVM"},     {"Microsoft Hv", "Hyper-V"}, {"VMwareVMware", "VMware"},
        {"XenVMMXenVMM", "Xen"},  {"TCGTCGTCGTCG", "QEMU"},    {"bhyve bhyve ", "bhyve"},
        {"ACRNACRNACRN", "ACRN"}, {"SRESRESRESRE", "LMHS"},
    };
    unsigned out[4];
    char signature[13] = "";
    read_leaf(1, 0, out);
    host->virtualised = out[ECX] >> 31 & 1 ? VIRTUALISED_YES : VIRTUALISED_NO;
    if (host->virtualised == VIRTUALISED_NO)
        return;
    __cpuid(0x40000000, out[EAX], out[EBX], out[ECX], out[EDX]);
    memcpy(signature, &out[EBX], 12);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(signature, known[i][0]) == 0)
            snprintf(host->hypervisor, sizeof host->hypervisor, "%s", known[i][1]);
}

#else

#    include <sys/auxv.h>
#    include <asm/hwcap.h>

static const struct {
    const char *name;
    unsigned long source, bit;
} features[] = {
    {"neon", AT_HWCAP, HWCAP_ASIMD},      {"fphp", AT_HWCAP, HWCAP_FPHP},
    {"asimdhp", AT_HWCAP, HWCAP_ASIMDHP}, {"asimddp", AT_HWCAP, HWCAP_ASIMDDP},
    {"sve", AT_HWCAP, HWCAP_SVE},         {"sve2", AT_HWCAP2, HWCAP2_SVE2},
    {"i8mm", AT_HWCAP2, HWCAP2_I8MM},     {"bf16", AT_HWCAP2, HWCAP2_BF16},
};

size_t host_features(const char **names, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof features / sizeof *features && count < max; i++)
        if (getauxval(features[i].source) & features[i].bit)
            names[count++] = features[i].name;
    return count;
}

static bool read_text(const char *path, char *text, int size)
{
    FILE *file = fopen(path, "r");
    bool read = file && fgets(text, size, file);
    if (file)
        fclose(file);
    if (read)
        text[strcspn(text, "\n")] = '\0';
    return read;
}

/* The architecture has no bit for it, but the firmware names who made the machine. */
static void find_hypervisor(struct host *host)
{
    static const struct {
        const char *vendor, *product, *hypervisor;
    } known[] = {
        {"Amazon EC2", "", "KVM"}, {"QEMU", "", "QEMU or KVM"},
        {"Google", "", "KVM"},     {"Microsoft Corporation", "Virtual Machine", "Hyper-V"},
        {"VMware", "", "VMware"},  {"Alibaba Cloud", "", "KVM"},
    };
    char vendor[128], product[128];
    host->virtualised = VIRTUALISED_UNKNOWN;
    if (read_text("/proc/device-tree/hypervisor/compatible", host->hypervisor,
                  sizeof host->hypervisor) ||
        read_text("/sys/hypervisor/type", host->hypervisor, sizeof host->hypervisor)) {
        host->virtualised = VIRTUALISED_YES;
        return;
    }
    if (!read_text("/sys/class/dmi/id/sys_vendor", vendor, sizeof vendor) ||
        !read_text("/sys/class/dmi/id/product_name", product, sizeof product))
        return;
    host->virtualised = VIRTUALISED_NO;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strncmp(vendor, known[i].vendor, strlen(known[i].vendor)) == 0 &&
            strstr(product, known[i].product) && !strstr(product, "metal")) {
            host->virtualised = VIRTUALISED_YES;
            snprintf(host->hypervisor, sizeof host->hypervisor, "%s", known[i].hypervisor);
        }
}

#endif

void host_read(struct host *host)
{
    struct utsname name;
    *host = (struct host){.kernel = "unknown"};
    if (uname(&name) == 0)
        snprintf(host->kernel, sizeof host->kernel, "%.16s %.60s", name.sysname, name.release);
    find_hypervisor(host);
}
