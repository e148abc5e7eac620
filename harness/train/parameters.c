#include "harness/train/parameters.h"

#include "harness/model/safetensors.h"
#include "harness/random.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each weight begins a cache line. */
enum { LINE = 16 };

/* Half the range of a table's first numbers. */
#define TABLE_LIMIT 0.05

static size_t whole_lines(size_t numbers) { return (numbers + LINE - 1) / LINE * LINE; }

static size_t columns_of(const struct ektm_weight *w) { return w->columns ? w->columns : 1; }

static size_t numbers_of(const struct ektm_weight *w) { return w->rows * columns_of(w); }

static bool is_table(const struct network *n, size_t w) { return w < n->sets * n->config.fields; }

static void measure(struct parameters *p)
{
    const struct network *n = p->network;
    for (size_t w = 0; w < n->weights; w++)
        if (is_table(n, w))
            p->rows += n->weight[w].rows;
        else
            p->numbers += whole_lines(numbers_of(&n->weight[w]));
}

/* Numbers of the block: tables, sums, then the four of what is dense, then `first`. */
static void lay_out(struct parameters *p)
{
    const struct network *n = p->network;
    const size_t width = n->config.width;
    float *at = p->block;
    p->table = (struct tensor){at, width, DTYPE_F32};
    for (size_t w = 0; w < n->sets * n->config.fields; w++) {
        p->weight[w] = (struct tensor){at, width, DTYPE_F32};
        at += numbers_of(&n->weight[w]);
    }
    at = (float *)p->block + whole_lines(p->rows * width);
    p->s = at;
    p->dense = p->s + whole_lines(p->rows);
    p->gradient = p->dense + p->numbers;
    p->m = p->gradient + p->numbers;
    p->v = p->m + p->numbers;
    size_t number = 0;
    for (size_t w = n->sets * n->config.fields; w < n->weights; w++) {
        const size_t ld = columns_of(&n->weight[w]);
        p->weight[w] = (struct tensor){p->dense + number, ld, DTYPE_F32};
        p->weight[n->weights + w] = (struct tensor){p->gradient + number, ld, DTYPE_F32};
        number += whole_lines(numbers_of(&n->weight[w]));
    }
    p->first = (struct tensor){p->v + p->numbers, 1, DTYPE_I32};
    int32_t *first = p->first.data, row = 0;
    for (size_t f = 0; f < n->config.fields; f++) {
        first[f] = row;
        row += (int32_t)n->config.rows[f];
    }
}

static void fill(const struct parameters *p, uint64_t seed)
{
    const struct network *n = p->network;
    for (size_t w = 0; w < n->weights; w++) {
        const struct ektm_weight *weight = &n->weight[w];
        const bool table = is_table(n, w);
        if (n->constant[w] || (!table && !weight->columns))
            continue;
        struct random random = random_stream(seed, w);
        const double limit = table ? TABLE_LIMIT : sqrt(6.0 / (double)weight->columns);
        float *to = p->weight[w].data;
        assert(to);
        for (size_t i = 0; i < numbers_of(weight); i++)
            to[i] = (float)random_between(&random, -limit, limit);
    }
}

bool parameters_make(struct parameters *p, const struct network *network, uint64_t seed,
                     struct fault *fault)
{
    *p = (struct parameters){.network = network};
    measure(p);
    p->block_bytes = sizeof(float) * (whole_lines(p->rows * network->config.width) +
                                      whole_lines(p->rows) + 4 * p->numbers) +
                     sizeof(int32_t) * network->config.fields;
    p->weight = calloc(2 * network->weights, sizeof *p->weight);
    p->block = p->weight ? memory_alloc(p->block_bytes, PAGES_THP) : NULL;
    if (!p->block) {
        free(p->weight);
        return fault_memory(fault, "what the network learns");
    }
    lay_out(p);
    fill(p, seed);
    return true;
}

void parameters_free(struct parameters *p)
{
    memory_free(p->block, p->block_bytes);
    free(p->weight);
    *p = (struct parameters){.network = NULL};
}

void parameters_expect(struct parameters *p, size_t task, double rate)
{
    const struct network *n = p->network;
    char head[32], base[32];
    snprintf(head, sizeof head, "head.%zu.1.bias", task);
    snprintf(base, sizeof base, "base.%zu.bias", task);
    for (size_t w = 0; w < n->weights; w++)
        if (strcmp(n->weight[w].name, head) == 0 || strcmp(n->weight[w].name, base) == 0)
            *(float *)p->weight[w].data = (float)log(rate / (1 - rate));
}

/* ---- copies ---------------------------------------------------------------------------------- */

static size_t table_numbers(const struct parameters *p)
{
    return p->rows * p->network->config.width;
}

size_t parameters_learned(const struct parameters *p) { return table_numbers(p) + p->numbers; }

void parameters_take(const struct parameters *p, float *to)
{
    memcpy(to, p->table.data, table_numbers(p) * sizeof *to);
    memcpy(to + table_numbers(p), p->dense, p->numbers * sizeof *to);
}

void parameters_give(struct parameters *p, const float *from)
{
    memcpy(p->table.data, from, table_numbers(p) * sizeof *from);
    memcpy(p->dense, from + table_numbers(p), p->numbers * sizeof *from);
}

/* ---- file ------------------------------------------------------------------------------------ */

bool parameters_save(const struct parameters *p, const char *path, struct fault *fault)
{
    const struct network *n = p->network;
    const struct ektm_config *c = &n->config;
    char tau[32];
    snprintf(tau, sizeof tau, "%.9g", (double)c->tau);
    const struct safetensor_text texts[] = {
        {"network", n->kind->name},
        {"router", c->similarity == SIMILARITY_TASK ? "task" : "sample"},
        {"tau", tau},
        {"pooling", c->pooling == POOLING_MEAN ? "mean" : "sum"},
    };
    struct safetensor_source *source = calloc(n->weights, sizeof *source);
    if (!source)
        return fault_memory(fault, "the list of tensors");
    for (size_t w = 0; w < n->weights; w++)
        source[w] = (struct safetensor_source){
            .name = n->weight[w].name,
            .format = SAFETENSOR_F32,
            .axes = n->weight[w].columns ? 2 : 1,
            .shape = {n->weight[w].rows, n->weight[w].columns},
            .data = p->weight[w].data,
        };
    const bool written =
        safetensors_write(path, source, n->weights, texts, sizeof texts / sizeof *texts, fault);
    free(source);
    return written;
}
