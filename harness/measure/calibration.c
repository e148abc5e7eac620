#include "harness/measure/calibration.h"

#include <math.h>
#include <stdlib.h>

static int by_probability(const void *a, const void *b, void *probability)
{
    const double *p = probability;
    const double x = p[*(const size_t *)a], y = p[*(const size_t *)b];
    return (x > y) - (x < y);
}

struct calibration calibration_of(const double *probability, const uint8_t *label, size_t count,
                                  size_t bins, size_t *scratch)
{
    struct calibration c = {0};
    size_t items = 0;
    for (size_t i = 0; i < count; i++)
        if (label[i] <= 1)
            scratch[items++] = i;
    qsort_r(scratch, items, sizeof *scratch, by_probability, (double *)(uintptr_t)probability);
    for (size_t begin = 0, end = 0, bin = 1; begin < items; begin = end, bin++) {
        double predicted = 0, observed = 0;
        for (; end < items && (end < bin * items / bins || end == begin ||
                               probability[scratch[end]] == probability[scratch[end - 1]]);
             end++) {
            predicted += probability[scratch[end]];
            observed += label[scratch[end]];
        }
        c.predicted += predicted;
        c.observed += observed;
        c.error += fabs(predicted - observed);
    }
    const double all = (double)items;
    return (struct calibration){c.predicted / all, c.observed / all, c.error / all};
}
