/* Student's t: what the mean of a few paired differences shows. */
#ifndef EKTM_HARNESS_MEASURE_STUDENT_H
#define EKTM_HARNESS_MEASURE_STUDENT_H

#include <stddef.h>

/* The mean of some numbers, half the width of its 95 % interval, and the probability (two-sided) of
 * a mean as far from 0 if the true one is 0. NAN where there are fewer than two. */
struct student {
    double mean, half, p;
};

/* `count` numbers, `stride` apart. */
struct student student_test(const double *x, size_t stride, size_t count);

/* P(|t| > `t`) for so many degrees of freedom, 1 or more. */
double student_tail(double t, size_t freedom);

#endif
