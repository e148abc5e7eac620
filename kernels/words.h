/* What loops over rows are written in, for every instruction set whose own words.h is included
 * before: vectors of LANES numbers, of which a row's last may hold fewer; and a few loops that
 * several kernels share. A lane's result is the same whatever its place, and so is that of a loop
 * that has the row from its begin on. */
#ifndef EKTM_KERNELS_WORDS_H
#define EKTM_KERNELS_WORDS_H

#include "kernels/unroll.h"

#include <stddef.h>

/* x[i] = exp(x[i]) */
INLINE void exponentials(float *x, size_t count)
{
    for (size_t i = 0; i < count; i += LANES)
        store_some(x + i, exp_of(load_some(x + i, count - i)), count - i);
}

/* x[i] = 1 / (1 + exp(-x[i])) */
INLINE void logistics(float *x, size_t count)
{
    for (size_t i = 0; i < count; i += LANES)
        store_some(x + i, logistic_of(load_some(x + i, count - i)), count - i);
}

/* x[i] = log(x[i]), of numbers from 1/2 to 1: with z = (x - 1) / (x + 1) it is the series
 * 2 (z + z^3/3 + z^5/5 + ..), whose terms fall by 9 at least. */
INLINE void logarithms(float *x, size_t count)
{
    for (size_t i = 0; i < count; i += LANES) {
        const vector one = all_of(1), value = load_some(x + i, count - i);
        const vector z = over(minus(value, one), plus(value, one)), z2 = times(z, z);
        vector sum = all_of(1.0f / 17);
        for (int odd = 15; odd > 0; odd -= 2)
            sum = times_plus(sum, z2, all_of(1.0f / (float)odd));
        store_some(x + i, times(times(z, sum), all_of(2)), count - i);
    }
}

/* score[j] = a . rows[j], rows `ld` apart, j = 0 .. count-1; four at a time do not wait for each
 * other. */
INLINE void dots(float *score, const float *a, const float *rows, size_t ld, size_t count,
                 size_t width)
{
    size_t j = 0;
    for (; j + 4 <= count; j += 4, rows += 4 * ld) {
        vector s0 = all_of(0), s1 = s0, s2 = s0, s3 = s0;
        for (size_t e = 0; e < width; e += LANES) {
            const vector v = load_some(a + e, width - e);
            s0 = times_plus(v, load_some(rows + e, width - e), s0);
            s1 = times_plus(v, load_some(rows + ld + e, width - e), s1);
            s2 = times_plus(v, load_some(rows + 2 * ld + e, width - e), s2);
            s3 = times_plus(v, load_some(rows + 3 * ld + e, width - e), s3);
        }
        score[j] = sum_of(s0);
        score[j + 1] = sum_of(s1);
        score[j + 2] = sum_of(s2);
        score[j + 3] = sum_of(s3);
    }
    for (; j < count; j++, rows += ld) {
        vector sum = all_of(0);
        for (size_t e = 0; e < width; e += LANES)
            sum = times_plus(load_some(a + e, width - e), load_some(rows + e, width - e), sum);
        score[j] = sum_of(sum);
    }
}

/* y[r, e] += sum over k of x[r, k] w[k, e], k = 0 .. terms-1, one chain for each. */
INLINE void accumulate(float *y, size_t y_ld, const float *x, size_t x_ld, const float *w,
                       size_t w_ld, size_t rows, size_t terms, size_t width)
{
    for (size_t e = 0; e < width; e += LANES)
        for (size_t r = 0; r < rows; r++) {
            vector sum = load_some(y + r * y_ld + e, width - e);
            for (size_t k = 0; k < terms; k++)
                sum = times_plus(all_of(x[r * x_ld + k]), load_some(w + k * w_ld + e, width - e),
                                 sum);
            store_some(y + r * y_ld + e, sum, width - e);
        }
}

/* dx[e] = 0 where x[e] is not above 0. */
INLINE void cut_off_row(float *dx, const float *x, size_t count)
{
    for (size_t e = 0; e < count; e += LANES)
        store_some(dx + e,
                   where_positive(load_some(dx + e, count - e), load_some(x + e, count - e)),
                   count - e);
}

#endif
