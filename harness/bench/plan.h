/* What a run will do: its settings, and every job in order before the first one starts, so that
 * time can be shared out and progress told. */
#ifndef EKTM_HARNESS_BENCH_PLAN_H
#define EKTM_HARNESS_BENCH_PLAN_H

#include "harness/arguments.h"
#include "harness/machine/memory.h"
#include "harness/measure/sample.h"
#include "harness/model/inputs.h"

/* Where a call's weights and rows lie when it begins. */
enum cache_state {
    CACHE_WARM,   /* where the call before left them: the nearest cache that holds them         */
    CACHE_COLD,   /* in memory: the caches were filled with something else                      */
    CACHE_ROTATE, /* weights are the next of many copies, together more than the last-level cache
                     holds, and rows come from as much of the tables: a server with many models */
    CACHE_STATES
};

const char *cache_name(enum cache_state cache);

/* Threads and where they sit. */
struct seating {
    size_t threads;
    enum placement placement;
};

enum { SEATINGS_MAX = OPTION_LIST_MAX * PLACEMENTS };

enum job_kind {
    JOB_CEILINGS, /* with `seating`: one thread, or as many as there will be     */
    JOB_SUBJECT,  /* the preset's weights, inputs and expected results           */
    JOB_LAYER,    /* the layer's expected results at the largest batch           */
    JOB_KERNELS,  /* the layer's kernels side by side at `batch` rows            */
    JOB_SHARES,   /* the layer's best kernel, `batch` rows shared by the seated threads */
    JOB_COMPOSE,  /* the whole model for each backend                            */
    JOB_MODELS,   /* the models side by side at `batch` rows                     */
    JOB_SEARCH,   /* layers narrowed one after the other, at `batch` rows        */
    JOB_LOAD,     /* the best of our models as a server, quickly                       */
    JOB_SCALING /* the best model with `seating`: `batch` rows for all threads; 0: some for each */
};

struct job {
    enum job_kind kind;
    size_t preset; /* index into plan.preset */
    size_t layer, batch;
    struct seating seating;
    double share; /* of the run's time, in parts of nothing in particular */
};

struct plan {
    const char *effort; /* "quick", "usual", "full"                              */
    size_t presets;
    const struct ektm_preset *preset[OPTION_LIST_MAX];
    struct ektm_preset of_file; /* the sizes of the model that --model names, and its file's name */
    char file_name[64];
    size_t batches, batch[OPTION_LIST_MAX]; /* rows, ascending                           */
    size_t seatings;
    struct seating seating[SEATINGS_MAX]; /* threads ascending                           */
    bool placements_coincide; /* every placement asked for seats threads alike: one is run */
    size_t reference_rows;    /* the scalar reference is timed on no more               */
    size_t rows_each;         /* rows of each thread where each has a batch of its own  */
    struct id_law law;
    char ids[128]; /* the law's name */
    enum cache_state cache;
    enum pages pages;
    size_t rotation;   /* bytes that are more than the last-level cache holds */
    size_t rows_least; /* rows of inputs to make up at least */
    size_t jobs;
    struct job *job;
    double shares;            /* of all jobs */
    struct sampling sampling; /* budget: of all jobs together */
};

/* Settings by arguments and machine, and the jobs that follow. Free with plan_free. */
bool plan_make(struct plan *plan, const struct arguments *arguments,
               const struct topology *topology, struct fault *fault);
void plan_free(struct plan *plan);

/* Rows to make up: the most that any job computes, and enough for new ids in call after call. */
size_t plan_rows_most(const struct plan *plan);

/* The largest batch; expected results are computed for so many rows. */
size_t plan_batch_most(const struct plan *plan);

/* The seating of most threads. */
struct seating plan_widest(const struct plan *plan);

#endif
