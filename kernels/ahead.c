#include "kernels/ahead.h"

#include "reference/operands.h"

enum { LINE = 64 };

void ahead_begin(struct ahead *ahead, const struct call *embedding, double work)
{
    const struct tensor *t = embedding->tensor;
    const size_t *n = embedding->dims.extent;
    const int32_t *bag = t[EMBEDDING_BAGS].data;
    size_t element = dtype_bytes(t[EMBEDDING_TABLE].dtype);
    *ahead = (struct ahead){
        .ids = t[EMBEDDING_IDS].data,
        .first = t[EMBEDDING_FIRST].data,
        .bag = bag,
        .table = t[EMBEDDING_TABLE].data,
        .row_bytes = n[WIDTH] * element,
        .ld_bytes = t[EMBEDDING_TABLE].ld * element,
        .fields = n[FIELDS],
        .at = (size_t)bag[0],
        .end = (size_t)bag[n[BATCH] * n[FIELDS]],
    };
    if (ahead->end > ahead->at)
        ahead->price = work / (double)(ahead->end - ahead->at);
}

static void ask_for_next(struct ahead *a)
{
    for (; a->at == (size_t)a->bag[1]; a->bag++)
        a->field = a->field + 1 < a->fields ? a->field + 1 : 0;
    const size_t row = (size_t)a->first[a->field] + (size_t)a->ids[a->at++];
    const char *from = a->table + row * a->ld_bytes;
    for (size_t byte = 0; byte < a->row_bytes; byte += LINE)
        __builtin_prefetch(from + byte, 0, 2);
    __builtin_prefetch(from + a->row_bytes - 1, 0, 2);
}

void ahead_ask(struct ahead *a, double work)
{
    for (a->paid += work; a->paid >= a->price && a->at < a->end; a->paid -= a->price)
        ask_for_next(a);
}
