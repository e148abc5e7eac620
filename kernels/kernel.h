/* A way to compute an op (kernel) and whose way it is (backend). One table, `kernels`, holds them
 * all; everything above walks it.
 *
 * A kernel is named op_dtype_backend[_variant]; so are its file and its descriptor. */
#ifndef EKTM_KERNELS_KERNEL_H
#define EKTM_KERNELS_KERNEL_H

#include "kernels/cpu.h"
#include "reference/op.h"

struct backend {
    const char *name;
    const char *about;

    /* Somebody else's library: it has kernels only for what it is good at, is built for any CPU and
     * picks its code at run time. */
    bool peer;

    /* Whether it can run on this machine. If not, writes why into `reason`. */
    bool (*usable)(char *reason, size_t size);

    /* Version of the library behind it, or of the compiler. */
    const char *(*version)(void);
};

struct kernel {
    const char *name;
    const struct op *op;
    enum dtype dtype;
    const struct backend *backend;
    enum isa isa; /* the level it is compiled for; a peer's is ISA_SCALAR, see kernel_isa */

    unsigned features; /* what it needs beyond the level: OR of enum feature (cpu.h) */

    /* Whether its backend, where that is usable, has what it needs here. If not, writes why into
     * `reason`. Absent where it always has. */
    bool (*usable)(char *reason, size_t size);

    /* A library computes a row in another order when there are other rows beside it: cutting a
     * batch may change last bits of the result, within the bound. Every other kernel keeps them. */
    bool cut_changes_bits;

    /* It can compute some outputs of a row alone (call.outputs), beginning at a multiple of so many
     * and ending at one or at the last. 0: it cannot. */
    size_t panel;

    /* It asks memory for what `call.ahead` holds while it computes. */
    bool asks_ahead;

    /* It computes a call that is not prepared as well, to the same bits: weights are packed as they
     * come, which is little beside the products from some hundred rows on. For weights that change
     * from call to call. */
    bool fresh;

    /* Computes the call. Outputs are overwritten, never read, but for states and sums that are
     * added to; results of a row, or of what else the op may be cut along, do not depend on the
     * others or on how many there are. Allocates nothing and calls nothing that may fail. Operands
     * are aligned to their element only; sizes may be any, BATCH included. */
    void (*run)(const struct call *call);

    /* Makes of the weights in `call` (BATCH is meaningless) what `run` expects in `call.prepared`;
     * the weights may not change afterwards. `ld` of an input or output is that of the calls to
     * come where that is known: `run` is right with any other, but may be slow. NULL: out of
     * memory. Both absent where `run` needs no preparation. */
    void *(*prepare)(const struct call *call);
    void (*release)(void *prepared);

    /* Which of its library's ways `run` will go, in a few words, such as the name of the code that
     * was generated. Lives as long as `prepared`. Absent where there is nothing to tell. */
    const char *(*path)(const void *prepared);

    const char *about; /* one line: tile, bound */
};

/* Ended by NULL. The scalar reference's kernels are first. */
extern const struct kernel *const kernels[];

/* Ended by NULL, in the order of the kernels. */
extern const struct backend *const backends[];

/* Whether `kernel` can run here: its backend is usable and the CPU has its ISA and features. If
 * not, writes why into `reason`. */
bool kernel_usable(const struct kernel *kernel, char *reason, size_t size);

/* The kernel of that name, or NULL. */
const struct kernel *kernel_find(const char *name);

/* The level that it runs at here: its own; the widest that this CPU has for a peer's. It is
 * compared with `compiler` and with the ceilings at that level. */
enum isa kernel_isa(const struct kernel *kernel);

/* The honest baseline: the `compiler` kernel of the same op, dtype and
 * ISA, or NULL. */
const struct kernel *kernel_baseline(const struct kernel *kernel);

/* Prepares `call` in place: sets `call->prepared`. False: out of memory. */
bool kernel_prepare(const struct kernel *kernel, struct call *call);
void kernel_release(const struct kernel *kernel, struct call *call);

#endif
