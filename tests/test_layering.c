/* The one-way rule of the includes, and that breaking it is noticed. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static int holds(const char *root)
{
    char command[512];
    snprintf(command, sizeof command, "tests/layering.sh %s >/dev/null 2>&1", root);
    return system(command);
}

Test(layering, includes_point_one_way) { cr_assert_eq(holds("."), 0, "run tests/layering.sh"); }

static void breaks(const char *folder, const char *include)
{
    char root[] = "/tmp/ektm-layering-XXXXXX", command[512];
    cr_assert_not_null(mkdtemp(root));
    snprintf(command, sizeof command, "mkdir -p %s/%s && echo '#include \"%s\"' > %s/%s/planted.c",
             root, folder, include, root, folder);
    cr_assert_eq(system(command), 0);
    cr_expect_neq(holds(root), 0, "%s may include %s", folder, include);
    snprintf(command, sizeof command, "rm -r %s", root);
    cr_assert_eq(system(command), 0);
}

Test(layering, a_wrong_include_is_noticed)
{
    breaks("reference", "kernels/kernel.h");
    breaks("reference", "harness/fault.h");
    breaks("kernels", "harness/fault.h");
    breaks("kernels/avx2", "kernels/avx512/exp.h");
    breaks("harness/measure", "harness/bench/report.h");
    breaks("harness/model", "harness/verify/bed.h");
}
