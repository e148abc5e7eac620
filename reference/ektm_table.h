/* What tables of layers are put together from, EKTM's and those of other networks. */
#ifndef EKTM_REFERENCE_EKTM_TABLE_H
#define EKTM_REFERENCE_EKTM_TABLE_H

#include "reference/ektm.h"

#include <stdarg.h>

static inline struct ektm_binding at(size_t buffer, size_t column)
{
    return (struct ektm_binding){SOURCE_BUFFER, buffer, column};
}

static inline struct ektm_binding of_weight(size_t index, size_t column)
{
    return (struct ektm_binding){SOURCE_WEIGHT, index, column};
}

/* Sets a weight, [rows, columns] or, with 0 columns, a vector; its name is printed. */
void weight_begin(struct ektm_weight *weight, size_t rows, size_t columns, const char *name,
                  va_list args);

/* Sets a layer without sizes and operands. */
void layer_begin(struct ektm_layer *layer, const struct op *op, const char *name);

#endif
