/* The table of every kernel and backend there is. build/kernels.def is generated from the files in
 * this folder: BACKEND(name) for each backend of this architecture whose library is present,
 * KERNEL(name) for each kernel file, ABSENT(name, reason) for each backend left out of this build.
 * The reference backend is made here, from the ops themselves. */
#include "kernels/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool always_usable(char *reason, size_t size)
{
    (void)reason;
    (void)size;
    return true;
}

static const char *no_version(void) { return "scalar C, accumulating in double"; }

static const struct backend reference_backend = {
    .name = "reference",
    .about = "the scalar reference, compiled without vectorisation",
    .usable = always_usable,
    .version = no_version,
};

#define REFERENCE(id, format, type)                                                                \
    static const struct kernel id##_##format##_reference = {                                       \
        .name = #id "_" #format "_reference",                                                      \
        .op = &id##_op,                                                                            \
        .dtype = type,                                                                             \
        .backend = &reference_backend,                                                             \
        .isa = ISA_SCALAR,                                                                         \
        .run = id##_reference,                                                                     \
        .about = "scalar loop",                                                                    \
    };
#define OP(id)                                                                                     \
    extern const struct op id##_op;                                                                \
    static void id##_reference(const struct call *call) { id##_op.reference(call); }               \
    REFERENCE(id, f32, DTYPE_F32)
#define NARROW(id) OP(id) REFERENCE(id, bf16, DTYPE_BF16) REFERENCE(id, i8, DTYPE_I8)
#include "reference/ops.def"
#undef OP
#undef REFERENCE

#define BACKEND(id) extern const struct backend id##_backend;
#define KERNEL(id)  extern const struct kernel id;
#define ABSENT(id, reason)                                                                         \
    static bool id##_usable(char *why, size_t size)                                                \
    {                                                                                              \
        snprintf(why, size, "%s", reason);                                                         \
        return false;                                                                              \
    }                                                                                              \
    static const char *id##_version(void) { return "unavailable"; }                                \
    static const struct backend id##_backend = {                                                   \
        .name = #id,                                                                               \
        .about = "not in this build",                                                              \
        .usable = id##_usable,                                                                     \
        .version = id##_version,                                                                   \
    };
#include "kernels.def"
#undef BACKEND
#undef KERNEL
#undef ABSENT

const struct kernel *const kernels[] = {
#define OP(name)     &name##_f32_reference,
#define NARROW(name) &name##_f32_reference, &name##_bf16_reference, &name##_i8_reference,
#include "reference/ops.def"
#undef OP
#define BACKEND(name)
#define KERNEL(name) &name,
#define ABSENT(name, reason)
#include "kernels.def"
#undef BACKEND
#undef KERNEL
#undef ABSENT
    NULL,
};

const struct backend *const backends[] = {
    &reference_backend,
#define BACKEND(name) &name##_backend,
#define KERNEL(name)
#define ABSENT(name, reason) &name##_backend,
#include "kernels.def"
#undef BACKEND
#undef KERNEL
#undef ABSENT
    NULL,
};

bool kernel_usable(const struct kernel *kernel, char *reason, size_t size)
{
    return kernel->backend->usable(reason, size) && isa_usable(kernel->isa, reason, size) &&
           features_usable(kernel->features, reason, size) &&
           (!kernel->usable || kernel->usable(reason, size));
}

const struct kernel *kernel_find(const char *name)
{
    for (const struct kernel *const *k = kernels; *k; k++)
        if (strcmp((*k)->name, name) == 0)
            return *k;
    return NULL;
}

enum isa kernel_isa(const struct kernel *kernel)
{
    return kernel->backend->peer ? isa_widest() : kernel->isa;
}

const struct kernel *kernel_baseline(const struct kernel *kernel)
{
    enum isa isa = kernel_isa(kernel);
    for (const struct kernel *const *k = kernels; *k; k++)
        if (strcmp((*k)->backend->name, "compiler") == 0 && (*k)->op == kernel->op &&
            (*k)->dtype == kernel->dtype && (*k)->isa == isa)
            return *k;
    return NULL;
}

bool kernel_prepare(const struct kernel *kernel, struct call *call)
{
    call->prepared = NULL;
    if (!kernel->prepare)
        return true;
    call->prepared = kernel->prepare(call);
    return call->prepared != NULL;
}

void kernel_release(const struct kernel *kernel, struct call *call)
{
    if (kernel->release && call->prepared)
        kernel->release((void *)(uintptr_t)call->prepared);
    call->prepared = NULL;
}
