#include "reference/ektm_table.h"

#include <stdio.h>

void weight_begin(struct ektm_weight *weight, size_t rows, size_t columns, const char *name,
                  va_list args)
{
    vsnprintf(weight->name, sizeof weight->name, name, args);
    weight->rows = rows;
    weight->columns = columns;
}

void layer_begin(struct ektm_layer *layer, const struct op *op, const char *name)
{
    *layer = (struct ektm_layer){.op = op};
    snprintf(layer->name, sizeof layer->name, "%s", name);
}
