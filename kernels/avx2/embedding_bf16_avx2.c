/* Embedding with pooling of bf16 tables: x[b,f] = sum or mean of row first[f] + id of the table, in
 * f32.
 *
 *      row  | h h h .. h |      8 numbers -> 32 bits, 16 zeros behind each: f32
 *
 * The walk is embedding_narrow.h's. A last vector that is not full is read number by number.
 * Bottleneck: the lines of memory. */
#include "reference/dtype.h"

#include <immintrin.h>

enum { BYTES = 2, BEHIND = 0 };

/* A row's numbers are what they are. */
struct meaning {
    char nothing;
};

static inline struct meaning row_meaning(const struct tensor *table, size_t row)
{
    (void)table;
    (void)row;
    return (struct meaning){0};
}

static inline __m256 numbers_at(const char *at, size_t count, const struct meaning *meaning)
{
    (void)meaning;
    uint16_t some[8] = {0};
    if (count < 8)
        for (size_t i = 0; i < count; i++)
            memcpy(some + i, at + i * sizeof *some, sizeof *some);
    else
        memcpy(some, at, sizeof some);
    const __m256i wide =
        _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)some));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

#include "kernels/avx2/embedding_narrow.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &embedding_op,
    .dtype = DTYPE_BF16,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .features = FEATURES,
    .run = run,
    .about = "parts of 8 vectors, rows prefetched across bags; bound by memory's parallelism",
};
