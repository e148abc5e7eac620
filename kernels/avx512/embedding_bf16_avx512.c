/* Embedding with pooling of bf16 tables: x[b,f] = sum or mean, in f32, of table[first[f] + id], id
 * in bag (b,f).
 *
 *      row   | 16 bf16 | 16 bf16 | ..      32 bytes are a vector of f32: each number is shifted
 *      sum   |   zmm   |   zmm   | ..      into the upper half of its lane
 *
 * The walk over bags is embedding_narrow.h's, stripes of 128 columns and masked last vectors
 * rows.h's. An empty bag gives zeros. Bottleneck: how many lines memory delivers at a time, of
 * which a row has half as many as in f32; from the near caches the stores into x. */
#include "kernels/avx512/lanes.h"
#include "reference/dtype.h"

struct place {
    const uint16_t *numbers;
};

INLINE struct place place_of(const struct tensor *table, size_t row, size_t column)
{
    return (struct place){(const uint16_t *)table->data + row * table->ld + column};
}

INLINE __m512 numbers_at(const struct place *place, size_t at, __mmask16 lanes)
{
    const __m256i halves = _mm256_maskz_loadu_epi16(lanes, place->numbers + at);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

#include "kernels/avx512/embedding_narrow.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &embedding_op,
    .dtype = DTYPE_BF16,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .run = run,
    .about = "stripes of 8 vectors, rows prefetched across bags; bound by memory's parallelism",
};
