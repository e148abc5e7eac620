#include "kernels/openblas/product.h"

#include "kernels/packed.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL_ROWS = 64, SMALL_OUTS = 256, SMALL_PRODUCT = 100 * 100 * 100 };

static bool has_small_products(const char *core)
{
    return strcmp(core, "SkylakeX") == 0 || strcmp(core, "Cooperlake") == 0 ||
           strcmp(core, "SapphireRapids") == 0;
}

static float *transpose(const struct tensor *weight, size_t ins, size_t outs)
{
    float *to = packed_alloc(ins * outs * sizeof *to);
    for (size_t o = 0; to && o < outs; o++)
        for (size_t k = 0; k < ins; k++)
            to[k * outs + o] = ((const float *)weight->data)[o * weight->ld + k];
    return to;
}

struct product *product_make(const struct tensor *const weight[2], size_t factors, size_t ins,
                             size_t outs)
{
    struct product *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    *p =
        (struct product){.epilogue = epilogue_here(), .factors = factors, .ins = ins, .outs = outs};
    p->small = has_small_products(openblas_get_corename());
    p->block_rows = p->small ? SMALL_ROWS : BLOCK_ROWS;
    openblas_set_num_threads(1);
    for (size_t f = 0; f < factors; f++)
        p->weight[f] = transpose(weight[f], ins, outs);
    for (size_t f = 0; f < factors; f++)
        if (!p->weight[f]) {
            product_release(p);
            return NULL;
        }
    snprintf(p->path, sizeof p->path, "sgemm for %s%s, sgemv for one row", openblas_get_corename(),
             p->small ? ", in small products" : "");
    return p;
}

void product_release(void *product)
{
    struct product *p = product;
    free(p->weight[0]);
    free(p->weight[1]);
    free(p);
}

const char *product_path(const void *product) { return ((const struct product *)product)->path; }

void product_rows(const struct product *p, size_t factor, struct rows x, float *y, size_t ld,
                  size_t rows, size_t out, size_t count, bool add)
{
    const float *w = p->weight[factor] + out;
    if (rows == 1 && !(p->small && p->ins * count <= SMALL_PRODUCT)) {
        cblas_sgemv(CblasRowMajor, CblasTrans, (blasint)p->ins, (blasint)count, 1, w,
                    (blasint)p->outs, x.data, 1, add ? 1 : 0, y, 1);
        return;
    }
    const size_t outs = p->small ? at_most(count, SMALL_OUTS) : count;
    const size_t ins = p->small ? SMALL_PRODUCT / (rows * outs) : p->ins;
    for (size_t o = 0; o < count; o += outs)
        for (size_t k = 0; k < p->ins; k += ins)
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)rows,
                        (blasint)at_most(count - o, outs), (blasint)at_most(p->ins - k, ins), 1,
                        x.data + k, (blasint)x.ld, w + k * p->outs + o, (blasint)p->outs,
                        add || k ? 1 : 0, y + o, (blasint)ld);
}
