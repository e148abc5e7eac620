/* How good predictions rank and how well they fit: against labels, and against other predictions.
 */
#ifndef EKTM_HARNESS_MEASURE_RANKING_H
#define EKTM_HARNESS_MEASURE_RANKING_H

#include <stddef.h>
#include <stdint.h>

/* Kendall's tau-b of two scores of the same `count` items: 1 where they rank alike, -1 where one is
 * the other turned round; ties in either count as Kendall (Biometrika 33, 1945) has them. NAN where
 * one of them does not tell any two items apart. `scratch` holds 2 * count indices. In
 * O(count log count): Knight, JASA 61, 1966. */
double kendall_tau(const double *a, const double *b, size_t count, size_t *scratch);

/* Area under the ROC curve: the share of pairs of a positive and a negative item in which the
 * positive one has the higher score; a tie is half a pair. Missing labels are left out. NAN where
 * there are no such pairs. `scratch` holds 2 * count indices. */
double area_under_curve(const double *score, const uint8_t *label, size_t count, size_t *scratch);

/* The mean of the areas within groups (such as users: GAUC), each weighted by its labelled items;
 * groups without such pairs do not count. `group[i]`: that of item i. `scratch` holds 2 * count
 * indices. */
struct grouped {
    double area;   /* NAN: no group counts */
    size_t groups; /* that count           */
};
struct grouped grouped_area(const double *score, const uint8_t *label, const uint64_t *group,
                            size_t count, size_t *scratch);

/* Mean binary cross-entropy of probabilities, in nats, over the items with a label; NAN: there are
 * none. A probability of 0 or 1 counts as 2^-24 away from it, the nearest f32 can come to 1. */
double log_loss(const double *probability, const uint8_t *label, size_t count);

#endif
