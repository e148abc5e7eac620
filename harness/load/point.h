/* One measured point of a model under load, and its line in the results. */
#ifndef EKTM_HARNESS_LOAD_POINT_H
#define EKTM_HARNESS_LOAD_POINT_H

#include "harness/load/sweep.h"

struct point {
    const struct load_settings *settings;
    const struct models *models;
    const struct fleet *fleet;
    enum scenario scenario;
    double rate; /* queries a second; 0: closed loop */
    size_t queue_limit;
    bool searched;          /* its rate is one that a search tries: it may end early */
    bool disturbed;         /* by neighbours               */
    struct outcome outcome; /* of its runs, taken together */

    /* Since point_resume, and over all runs. */
    struct totals before;
    double switches_before, joules_before, joules_range;
    double wall, stolen, throttled, load, switches, joules;
};

/* Before and after each run of the point: notes what happened meanwhile. */
void point_resume(struct point *point, const struct run *run);
void point_pause(struct point *point, const struct run *run);

/* Its line; `found`: of a search that found this rate, NULL: of none. */
json_t *point_record(const struct point *point, const struct run *run, const struct found *found);

#endif
