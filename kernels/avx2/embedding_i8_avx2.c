/* Embedding with pooling of i8 tables: x[b,f] = sum or mean of offset + scale q, q the numbers of
 * row first[f] + id of the table, in f32.
 *
 *      row  | q q q .. q | scale offset |      8 numbers -> 32 bits -> f32 -> times scale, + offset
 *
 * The walk is embedding_narrow.h's. What a row stands for lies behind its numbers, and so 8 bytes
 * can be read wherever a number begins: tails need no mask but for the store. Bottleneck: the lines
 * of memory. */
#include "reference/dtype.h"

#include <immintrin.h>

enum { BYTES = 1, BEHIND = sizeof(struct affine) };

struct meaning {
    __m256 scale, offset;
};

static inline struct meaning row_meaning(const struct tensor *table, size_t row)
{
    const struct affine affine = affine_at(table, row);
    return (struct meaning){_mm256_set1_ps(affine.scale), _mm256_set1_ps(affine.offset)};
}

static inline __m256 numbers_at(const char *at, size_t count, const struct meaning *meaning)
{
    (void)count;
    const __m256i wide = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)at));
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(wide), meaning->scale, meaning->offset);
}

#include "kernels/avx2/embedding_narrow.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &embedding_op,
    .dtype = DTYPE_I8,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .features = FEATURES,
    .run = run,
    .about = "parts of 8 vectors, rows prefetched across bags; bound by memory's parallelism",
};
