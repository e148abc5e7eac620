#include "kernels/openblas/product.h"

#include "kernels/packed.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>

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
    openblas_set_num_threads(1);
    for (size_t f = 0; f < factors; f++)
        p->weight[f] = transpose(weight[f], ins, outs);
    for (size_t f = 0; f < factors; f++)
        if (!p->weight[f]) {
            product_release(p);
            return NULL;
        }
    snprintf(p->path, sizeof p->path, "sgemm, for one row sgemv, for %s", openblas_get_corename());
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
    const blasint ins = (blasint)p->ins, outs = (blasint)p->outs, n = (blasint)count;
    const float *w = p->weight[factor] + out, beta = add ? 1 : 0;
    if (rows == 1)
        cblas_sgemv(CblasRowMajor, CblasTrans, ins, n, 1, w, outs, x.data, 1, beta, y, 1);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)rows, n, ins, 1, x.data,
                    (blasint)x.ld, w, outs, beta, y, (blasint)ld);
}
