/* Adding up rows of a table. */
#ifndef EKTM_KERNELS_COMPILER_ROWS_H
#define EKTM_KERNELS_COMPILER_ROWS_H

#include <stddef.h>
#include <stdint.h>

/* y[e] = sum over `count` ids of table[id * ld + e]; zeros where there is none. One row is copied
 * exactly; then four rows at a time, so that each y read and written serves four additions. */
static inline void add_rows(float *restrict y, const float *restrict table, size_t ld,
                            const int32_t *restrict ids, size_t count, size_t width)
{
    const float *first = count ? table + (size_t)ids[0] * ld : NULL;
    for (size_t e = 0; e < width; e++)
        y[e] = first ? first[e] : 0;
    size_t k = 1;
    for (; k + 4 <= count; k += 4) {
        const float *r0 = table + (size_t)ids[k] * ld, *r1 = table + (size_t)ids[k + 1] * ld;
        const float *r2 = table + (size_t)ids[k + 2] * ld, *r3 = table + (size_t)ids[k + 3] * ld;
        for (size_t e = 0; e < width; e++)
            y[e] += r0[e] + r1[e] + r2[e] + r3[e];
    }
    for (; k < count; k++) {
        const float *row = table + (size_t)ids[k] * ld;
        for (size_t e = 0; e < width; e++)
            y[e] += row[e];
    }
}

#endif
