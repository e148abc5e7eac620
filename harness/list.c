/* `ektm list`: the kernels there are, and which of them run here. */
#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/fault.h"
#include "reference/ektm.h"

#include <stdio.h>

static void list_backends(const struct arguments *arguments)
{
    printf("%-10s %s\n", "BACKEND", "ABOUT");
    for (const struct backend *const *b = backends; *b; b++) {
        char reason[128];
        if (!names_admit(&arguments->backend, (*b)->name))
            continue;
        printf("%-10s %s", (*b)->name, (*b)->about);
        if ((*b)->usable(reason, sizeof reason))
            printf(" (%s)\n", (*b)->version());
        else
            printf(" (not usable: %s)\n", reason);
    }
}

static void list_ops(const struct arguments *arguments)
{
    printf("\n%-12s %s\n", "OP", "FORMULA");
    for (const struct op *const *op = ops; *op; op++)
        if (names_admit(&arguments->op, (*op)->name))
            printf("%-12s %s%s\n", (*op)->name, (*op)->formula, (*op)->probe ? " (probe)" : "");
}

static void list_kernels(const struct arguments *arguments)
{
    printf("\n%-34s %-7s %s\n", "KERNEL", "HERE", "ABOUT");
    for (const struct kernel *const *k = kernels; *k; k++) {
        char reason[128];
        if (!arguments_admit(arguments, *k))
            continue;
        bool usable = kernel_usable(*k, reason, sizeof reason);
        printf("%-34s %-7s %s", (*k)->name, usable ? "yes" : "no", (*k)->about);
        if ((*k)->cut_changes_bits)
            printf("; cutting a batch may change last bits");
        printf(usable ? "\n" : " (%s)\n", reason);
    }
}

static void list_presets(void)
{
    printf("\n%-12s %s\n", "PRESET", "ABOUT");
    for (const struct ektm_preset *p = ektm_presets; p->name; p++)
        printf("%-12s %s: %zu fields x %zu, %zu dense, %zu CVR tasks\n", p->name, p->about,
               p->config.fields, p->config.width, p->config.dense, p->config.tasks);
}

int list_command(int argc, char **argv)
{
    struct arguments arguments;
    arguments_parse(&arguments,
                    TAKES(OPTION_OP) | TAKES(OPTION_DTYPE) | TAKES(OPTION_BACKEND) |
                        TAKES(OPTION_KERNEL),
                    "Lists the backends, ops, kernels and presets there are, and which kernels run "
                    "here.",
                    argc, argv);
    list_backends(&arguments);
    list_ops(&arguments);
    list_kernels(&arguments);
    list_presets();
    return STATUS_DONE;
}
