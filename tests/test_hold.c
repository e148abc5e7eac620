/* EKTM_ISA: everything held to an instruction set. */
#include "tests/shell.h"

#include "kernels/kernel.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(hold, .init = shell_begin, .fini = shell_end);

Test(hold, nothing_wider_runs)
{
    char reason[128];
    setenv("EKTM_ISA", "scalar", 1);
    cr_assert_eq(run("EKTM list > @/list"), 0);
    cr_expect(contains("list", "everything is held to scalar"));
    cr_assert_eq(run("EKTM machine > @/machine"), 0);
    cr_expect(contains("machine", "c-scalar"));
    if (isa_usable(ISA_AVX2, reason, sizeof reason)) {
        setenv("EKTM_ISA", "avx2", 1);
        cr_assert_eq(run("EKTM check --op router > @/check"), 0);
        cr_expect(contains("check", "passed  router_f32_avx2"));
        cr_expect_not(contains("check", "passed  router_f32_avx512"));
    }
}

/* Libraries read what holds them as they are loaded. */
Test(hold, libraries_are_held_too)
{
    char reason[128];
    const struct kernel *library = kernel_find("dense_f32_openblas");
    if (!isa_usable(ISA_AVX2, reason, sizeof reason) || !library ||
        !kernel_usable(library, reason, sizeof reason))
        cr_skip_test("no AVX2, or no OpenBLAS");
    unsetenv("OPENBLAS_CORETYPE");
    setenv("EKTM_ISA", "avx2", 1);
    cr_assert_eq(run("EKTM bench --preset tiny --quick --op "
                     "dense --backend openblas --batch 8 --threads 1 --out @/r.jsonl > @/out"),
                 0);
    cr_expect(contains("r.jsonl", "sgemm for Haswell"));
}

Test(hold, what_is_no_instruction_set_is_refused)
{
    setenv("EKTM_ISA", "sse9", 1);
    cr_expect_eq(run("EKTM list > @/list 2> @/error"), 2);
    cr_expect(contains("error", "EKTM_ISA: 'sse9' is no instruction set; scalar, avx2, avx512 and "
                                "neon are"));
}
