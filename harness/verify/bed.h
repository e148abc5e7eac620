/* A test bed: one trial's operands laid against guard pages, and what must come out. Kernel after
 * kernel is tried on it. */
#ifndef EKTM_HARNESS_VERIFY_BED_H
#define EKTM_HARNESS_VERIFY_BED_H

#include "harness/verify/guard.h"
#include "harness/verify/oracle.h"
#include "harness/verify/trial.h"
#include "kernels/kernel.h"

struct bed {
    struct trial trial;
    struct call call[SIDES]; /* the same values, flush with the guard page behind or before */
    struct guarded memory[SIDES][OPERANDS_MAX];
    struct oracle oracle;
};

/* A fault: out of memory, or a batch whose bags hold more ids than INT32_MAX. Only a bed that was
 * made is freed. */
bool bed_make(struct bed *bed, const struct trial *trial, enum dtype dtype, struct fault *fault);
void bed_free(struct bed *bed);

struct verdict {
    bool passed;
    double error;   /* the largest, in units of the bound */
    char text[256]; /* why it failed                      */
};

/* Runs the kernel (of the bed's op and dtype, usable here) on both sides, and once more with the
 * batch, or what else the op may be cut along, cut in two, and, if it is `fresh`,
 * unprepared. It fails when it strays beyond the bound, leaves an output unwritten, writes
 * between the rows of an output, touches anything else, crashes, or when alignment or the cut
 * changes a bit of the result (the cut of a kernel with `cut_changes_bits` may). */
struct verdict bed_try(struct bed *bed, const struct kernel *kernel);

#endif
