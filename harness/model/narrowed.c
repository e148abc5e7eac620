#include "harness/model/narrowed.h"

#include "reference/quantize.h"

#include <stdlib.h>

enum { LINE = 64 };

static size_t lines(size_t bytes) { return (bytes + LINE - 1) / LINE * LINE; }

static bool is_table(const struct ektm *ektm, size_t w) { return w < ektm->config.fields; }

/* Whether a layer reads the weight in narrow formats. */
static bool is_read(const struct ektm *ektm, size_t w)
{
    for (size_t l = 0; l < ektm->layers; l++) {
        const struct ektm_layer *layer = &ektm->layer[l];
        for (size_t i = 0; i < layer->op->operands; i++)
            if (layer->op->operand[i].narrow && layer->binding[i].source == SOURCE_WEIGHT &&
                layer->binding[i].index == w)
                return true;
    }
    return is_table(ektm, w);
}

static size_t bytes_of(const struct ektm *ektm, size_t w, enum dtype dtype)
{
    const struct ektm_weight *weight = &ektm->weight[w];
    const size_t bytes = weight->rows * row_bytes(dtype, weight->columns);
    return !is_read(ektm, w) ? 0 : is_table(ektm, w) ? bytes : lines(bytes);
}

static struct tensor tensor_at(void *data, enum dtype dtype, size_t columns)
{
    char *behind = (char *)data + columns;
    return (struct tensor){data, row_bytes(dtype, columns) / dtype_bytes(dtype), dtype,
                           dtype == DTYPE_I8 ? behind : NULL};
}

bool narrowed_make(struct narrowed *n, const struct ektm *ektm, enum dtype dtype,
                   const struct topology *topology, enum pages pages, struct fault *fault)
{
    size_t tables = 0, others = 0;
    for (size_t w = 0; w < ektm->weights; w++)
        *(is_table(ektm, w) ? &tables : &others) += bytes_of(ektm, w, dtype);
    tables = lines(tables);
    *n = (struct narrowed){.dtype = dtype, .block_bytes = tables + others};
    n->weight = calloc(ektm->weights + 1, sizeof *n->weight);
    n->block = n->weight ? memory_interleaved(topology, n->block_bytes, pages) : NULL;
    if (!n->block) {
        free(n->weight);
        return fault_memory(fault, "the weights in a narrow format");
    }
    char *at = n->block;
    n->table = tensor_at(at, dtype, ektm->config.width);
    for (size_t w = 0; w < ektm->weights; w++) {
        if (w == ektm->config.fields)
            at = (char *)n->block + tables;
        if (is_read(ektm, w))
            n->weight[w] = tensor_at(at, dtype, ektm->weight[w].columns);
        at += bytes_of(ektm, w, dtype);
    }
    return true;
}

void narrowed_free(struct narrowed *narrowed)
{
    memory_free(narrowed->block, narrowed->block_bytes);
    free(narrowed->weight);
    *narrowed = (struct narrowed){.block = NULL};
}

static void fill_row(const struct tensor *to, size_t r, const float *from, size_t columns,
                     bool table)
{
    if (to->dtype == DTYPE_BF16) {
        for (size_t c = 0; c < columns; c++)
            ((uint16_t *)to->data)[r * to->ld + c] = bf16_of(from[c]);
        return;
    }
    int8_t *q = (int8_t *)to->data + r * to->ld;
    const struct affine affine =
        table ? quantize_table(q, from, columns) : quantize_weights(q, from, columns);
    memcpy((char *)to->affine + r * to->ld, &affine, sizeof affine);
}

void narrowed_fill(struct narrowed *narrowed, const struct ektm *ektm, size_t w,
                   const struct tensor *from)
{
    const struct ektm_weight *weight = &ektm->weight[w];
    for (size_t r = 0; r < weight->rows && narrowed->weight[w].data; r++)
        fill_row(&narrowed->weight[w], r, (const float *)from->data + r * from->ld, weight->columns,
                 is_table(ektm, w));
}

struct call narrowed_call(const struct narrowed *narrowed, const struct ektm *ektm, size_t layer,
                          const struct call *call)
{
    const struct ektm_layer *l = &ektm->layer[layer];
    struct call own = *call;
    for (size_t i = 0; i < l->op->operands; i++) {
        const struct ektm_binding *b = &l->binding[i];
        if (!l->op->operand[i].narrow)
            continue;
        own.tensor[i] = b->source == SOURCE_TABLE ? narrowed->table : narrowed->weight[b->index];
        own.tensor[i].data =
            (char *)own.tensor[i].data + b->column * dtype_bytes(own.tensor[i].dtype);
    }
    return own;
}
