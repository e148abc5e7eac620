#include "harness/bench/entry.h"

#include "harness/measure/clock.h"
#include "reference/operands.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

void entry_go_to(struct entry *entry, size_t row)
{
    struct tensor *bags = &entry->call.tensor[EMBEDDING_BAGS];
    bags->data =
        (int32_t *)bags->data + ((ptrdiff_t)row - (ptrdiff_t)entry->turn.row) * (ptrdiff_t)bags->ld;
    entry->turn.row = row;
}

void entry_run(void *argument)
{
    struct entry *entry = argument;
    struct turn *turn = &entry->turn;
    entry->kernel->run(entry->copy ? &entry->copy[entry->next] : &entry->call);
    entry->next = entry->next + 1 < entry->copies ? entry->next + 1 : 0;
    if (!turn->end)
        return;
    size_t rows = entry->call.dims.extent[BATCH];
    entry_go_to(entry, turn->row + 2 * rows <= turn->end ? turn->row + rows : turn->first);
}

bool entry_prepare(struct entry *entry, struct fault *fault)
{
    uint64_t begin = clock_now();
    bool fine = kernel_prepare(entry->kernel, &entry->call);
    entry->prepare_ns = entry->kernel->prepare ? (double)(clock_now() - begin) : NAN;
    return fine ? true : fault_memory(fault, "packed weights");
}

void entry_release(struct entry *entry)
{
    kernel_release(entry->kernel, &entry->call);
    for (size_t k = 0; k < entry->copies && entry->copy; k++)
        kernel_release(entry->kernel, &entry->copy[k]);
    free(entry->copy);
    entry->copy = NULL;
}

bool entry_prepare_copies(struct entry *entry, size_t copies, struct fault *fault)
{
    if (copies == 1 || !entry->kernel->prepare)
        return true;
    entry->copy = calloc(copies, sizeof *entry->copy);
    if (!entry->copy)
        return fault_memory(fault, "copies of packed weights");
    for (entry->copies = 0; entry->copies < copies; entry->copies++) {
        struct call *copy = &entry->copy[entry->copies];
        *copy = entry->call;
        if (!kernel_prepare(entry->kernel, copy)) {
            entry_release(entry);
            return fault_memory(fault, "copies of packed weights");
        }
    }
    return true;
}
