/* The axes a tensor can have, and the extent of each in one call. */
#ifndef EKTM_REFERENCE_DIMS_H
#define EKTM_REFERENCE_DIMS_H

#include <stddef.h>

enum axis {
    BATCH,   /* rows (candidates) of a batch                                    */
    IN,      /* inputs of a dense layer; elements read by `stream`              */
    OUT,     /* outputs of a dense layer; elements written by `stream`          */
    FIELDS,  /* categorical fields, F                                           */
    ROWS,    /* rows of all embedding tables together                           */
    IDS,     /* ids in the whole batch, over all fields and bags                */
    WIDTH,   /* embedding width E, or task representation width d; lanes of fma */
    TASKS,   /* CVR tasks, T (CTR, task 0, is not counted)                      */
    HIDDEN,  /* hidden width of a head, H                                       */
    HEADS,   /* heads, T + 1 (CTR, task 0, is counted)                          */
    STEPS,   /* dependent steps of the `fma` probe                              */
    SUMS,    /* sums that the rows of the `gather` probe are added up to        */
    TOUCHED, /* different rows of the tables that a batch names                */
    VECTORS, /* what a mixture weighs: OWN and SHARED vectors                   */
    OWN,     /* vectors that belong to a task                                   */
    SHARED,  /* vectors that tasks share                                        */
    AXES,
    AXIS_NONE = AXES /* ends an operand's list of axes */
};

/* An axis that an op does not use has extent 0. */
struct dims {
    size_t extent[AXES];
};

/* The axis's name as records and tables print it, e.g. "BATCH". */
const char *axis_name(enum axis axis);

#endif
