#include "harness/measure/chain.h"

#include "harness/measure/clock.h"

/* One cycle each on every core that we know: register to register, since some cores carry out the
 * addition of a constant while renaming, for nothing. */
#if defined(__x86_64__)
#    define ADD "add %1, %0\n\t"
#elif defined(__aarch64__)
#    define ADD "add %0, %0, %1\n\t"
#endif
#define ADD_8  ADD ADD ADD ADD ADD ADD ADD ADD
#define ADD_64 ADD_8 ADD_8 ADD_8 ADD_8 ADD_8 ADD_8 ADD_8 ADD_8

enum { UNROLLED = 64 };

double chain_clock(size_t additions)
{
    unsigned long sum = 0, step = 1;
    size_t rounds = (additions + UNROLLED - 1) / UNROLLED;
    uint64_t begin = clock_now();
    for (size_t i = 0; i < rounds; i++)
        __asm__ volatile(ADD_64 : "+r"(sum) : "r"(step) : "cc");
    uint64_t end = clock_now();
    return (double)(rounds * UNROLLED) / (double)(end > begin ? end - begin : 1);
}
