/* How far probabilities are from shares. */
#ifndef EKTM_HARNESS_MEASURE_CALIBRATION_H
#define EKTM_HARNESS_MEASURE_CALIBRATION_H

#include <stddef.h>
#include <stdint.h>

struct calibration {
    double predicted; /* mean probability of the items with a label           */
    double observed;  /* share of positive ones                               */
    double error;     /* expected calibration error: mean over items of what
                         their bin's mean probability differs from its share  */
};

/* Items with a label are sorted by probability and cut into `bins` bins of as many items each,
 * since what is rare fills few bins of equal width; equal probabilities stay in one bin. NANs where
 * there are none. `scratch` holds `count` indices. */
struct calibration calibration_of(const double *probability, const uint8_t *label, size_t count,
                                  size_t bins, size_t *scratch);

#endif
