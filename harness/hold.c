#include "harness/hold.h"

#include "kernels/cpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE "EKTM_ISA"

/* The libraries' own names of a level. Below AVX2 they have code of their own that has none. */
static const struct {
    enum isa isa;
    const char *variable, *value;
} names[] = {
    {ISA_AVX2, "LIBXSMM_TARGET", "hsw"},
    {ISA_AVX2, "ONEDNN_MAX_CPU_ISA", "AVX2"},
    {ISA_AVX2, "OPENBLAS_CORETYPE", "Haswell"},
};

/* Sets what is not set yet; whether something was not. */
static bool tell_libraries(enum isa most)
{
    bool news = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].isa == most && !getenv(names[i].variable))
            news |= setenv(names[i].variable, names[i].value, 0) == 0;
    return news;
}

bool hold(char **argv, struct fault *fault)
{
    const char *most = getenv(VARIABLE);
    enum isa isa = 0;
    if (!most)
        return true;
    while (isa < ISAS && strcmp(most, isa_name(isa)) != 0)
        isa++;
    if (isa == ISAS)
        return fault_caller(fault,
                            VARIABLE ": '%s' is no instruction set; scalar, avx2, avx512 and neon "
                                     "are",
                            most);
    if (tell_libraries(isa)) {
        execv("/proc/self/exe", argv);
        return fault_machine(fault, VARIABLE ": /proc/self/exe cannot be begun anew: %s",
                             strerror(errno));
    }
    isa_hold(isa);
    return true;
}
