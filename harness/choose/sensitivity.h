/* What would have to change for the second machine of a ranking to become the first. */
#ifndef EKTM_HARNESS_CHOOSE_SENSITIVITY_H
#define EKTM_HARNESS_CHOOSE_SENSITIVITY_H

#include "harness/choose/ranking.h"

/* Prices of the second, for an hour:
 *   equal  = first's cost per hour, median / second's machines, median
 *   shown  = first's cost per hour, lo / second's machines, hi */
struct price_change {
    double equal; /* at which its cost is the first's, at the medians         */
    double shown; /* below which it is shown to be cheaper; 0: at no price    */
};

struct price_change price_to_lead(const struct offer *first, const struct offer *second);

/* Rates at which a machine costs less than every other, at the medians. */
struct window {
    bool exists;
    double from, to; /* query/s: above `from`, up to `to` */
};

/* Rates from 0 to so many times the asked one are looked at, in so many steps each way. */
enum { RATE_REACH = 10, RATE_STEPS_MAX = 100000 };

/* The windows of offer `second` nearest to the rate asked for, at which it does not cost least:
 * below and above. Numbers of machines change in steps, so there may be others further off. False:
 * no memory. */
bool rates_to_lead(const struct ranking *ranking, const struct demand *demand, size_t second,
                   struct window *below, struct window *above, struct fault *fault);

#endif
