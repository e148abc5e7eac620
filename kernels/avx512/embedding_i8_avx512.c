/* Embedding with pooling of i8 tables: x[b,f] = sum or mean, in f32, of offset + scale q of
 * table[first[f] + id], id in bag (b,f).
 *
 *      row   | 16 i8 | 16 i8 | .. | scale offset |     16 bytes are a vector of f32: widened,
 *      sum   |  zmm  |  zmm  | ..                      converted, one multiply-add
 *
 * Scale and offset lie behind a row's numbers and are asked for with them. The walk over bags is
 * embedding_narrow.h's, stripes of 128 columns and masked last vectors rows.h's. An empty bag gives
 * zeros. Bottleneck: how many lines memory delivers at a time, of which a row has about a quarter
 * of those in f32; from the near caches the stores into x. */
#include "kernels/avx512/lanes.h"
#include "reference/dtype.h"

struct place {
    const int8_t *numbers;
    __m512 scale, offset;
};

INLINE struct place place_of(const struct tensor *table, size_t row, size_t column)
{
    const struct affine affine = affine_at(table, row);
    return (struct place){(const int8_t *)table->data + row * table->ld + column,
                          _mm512_set1_ps(affine.scale), _mm512_set1_ps(affine.offset)};
}

INLINE __m512 numbers_at(const struct place *place, size_t at, __mmask16 lanes)
{
    const __m128i bytes = _mm_maskz_loadu_epi8(lanes, place->numbers + at);
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)), place->scale,
                           place->offset);
}

#include "kernels/avx512/embedding_narrow.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &embedding_op,
    .dtype = DTYPE_I8,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .run = run,
    .about = "stripes of 8 vectors, rows prefetched across bags; bound by memory's parallelism",
};
