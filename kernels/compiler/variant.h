/* What every kernel file of this folder needs to describe itself. The Makefile compiles each file
 * once for each ISA and defines KERNEL, the kernel's name, and KERNEL_ISA. */
#ifndef EKTM_KERNELS_COMPILER_VARIANT_H
#define EKTM_KERNELS_COMPILER_VARIANT_H

#include "kernels/kernel.h"
#include "reference/operands.h"

#define QUOTED(text)    #text
#define EXPANDED(macro) QUOTED(macro)
#define KERNEL_NAME     EXPANDED(KERNEL)

extern const struct kernel KERNEL;
extern const struct backend compiler_backend;

#define OP(name) extern const struct op name##_op;
#include "reference/ops.def"
#undef OP

#endif
