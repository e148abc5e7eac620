#include "harness/model/touched.h"

#include "reference/operands.h"

#include <stdlib.h>
#include <string.h>

bool touched_make(struct touched *touched, size_t ids_most, struct fault *fault)
{
    *touched = (struct touched){.ids_most = ids_most};
    touched->row = calloc(ids_most + 1, sizeof *touched->row);
    touched->begin = calloc(ids_most + 1, sizeof *touched->begin);
    touched->bag = calloc(ids_most + 1, sizeof *touched->bag);
    touched->key[0] = calloc(ids_most + 1, sizeof *touched->key[0]);
    touched->key[1] = calloc(ids_most + 1, sizeof *touched->key[1]);
    if (touched->row && touched->begin && touched->bag && touched->key[0] && touched->key[1])
        return true;
    touched_free(touched);
    return fault_memory(fault, "the rows that a batch names");
}

void touched_free(struct touched *touched)
{
    free(touched->row);
    free(touched->begin);
    free(touched->bag);
    free(touched->key[0]);
    free(touched->key[1]);
    *touched = (struct touched){0};
}

/* One key for each id: the row above, the bag below, in the order of the bags. */
static size_t read_keys(uint64_t *key, const struct call *embedding)
{
    const size_t *n = embedding->dims.extent;
    const struct tensor *t = embedding->tensor;
    size_t count = 0;
    for (size_t q = 0; q < n[BATCH] * n[FIELDS]; q++) {
        const size_t first = index_at(&t[EMBEDDING_FIRST], q % n[FIELDS]);
        const size_t end = index_at(&t[EMBEDDING_BAGS], q + 1);
        for (size_t i = index_at(&t[EMBEDDING_BAGS], q); i < end; i++)
            key[count++] = (uint64_t)(first + index_at(&t[EMBEDDING_IDS], i)) << 32 | q;
    }
    return count;
}

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

/* Sorts by the digit of the row that begins at bit `shift`; what is alike stays in order. */
static void sort_by_digit(uint64_t *to, const uint64_t *from, size_t count, unsigned shift)
{
    size_t at[DIGITS] = {0}, sum = 0;
    for (size_t i = 0; i < count; i++)
        at[from[i] >> shift & (DIGITS - 1)]++;
    for (size_t d = 0; d < DIGITS; d++) {
        const size_t here = at[d];
        at[d] = sum;
        sum += here;
    }
    for (size_t i = 0; i < count; i++)
        to[at[from[i] >> shift & (DIGITS - 1)]++] = from[i];
}

void touched_group(struct touched *touched, const struct call *embedding)
{
    const size_t count = read_keys(touched->key[0], embedding);
    size_t sorted = 0;
    for (unsigned bit = 0; embedding->dims.extent[ROWS] >> bit; bit += DIGIT_BITS, sorted ^= 1)
        sort_by_digit(touched->key[sorted ^ 1], touched->key[sorted], count, 32 + bit);
    const uint64_t *key = touched->key[sorted];
    touched->rows = 0;
    touched->ids = count;
    for (size_t i = 0; i < count; i++) {
        const int32_t row = (int32_t)(key[i] >> 32);
        if (i == 0 || row != touched->row[touched->rows - 1]) {
            touched->begin[touched->rows] = (int32_t)i;
            touched->row[touched->rows++] = row;
        }
        touched->bag[i] = (int32_t)key[i];
    }
    touched->begin[touched->rows] = (int32_t)count;
}

void touched_bind(const struct touched *touched, struct call *adagrad)
{
    adagrad->dims.extent[TOUCHED] = touched->rows;
    adagrad->dims.extent[IDS] = touched->ids;
    adagrad->tensor[ADAGRAD_ROW] = (struct tensor){touched->row, 1, DTYPE_I32};
    adagrad->tensor[ADAGRAD_BEGIN] = (struct tensor){touched->begin, 1, DTYPE_I32};
    adagrad->tensor[ADAGRAD_BAG] = (struct tensor){touched->bag, 1, DTYPE_I32};
}
