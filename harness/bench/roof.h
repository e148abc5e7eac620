/* What bounds a kernel: the machine's ceilings, probed beside the kernels in the same rounds of
 * samples, on as many bytes as those use and on the same rows of the same table. No step from one
 * cache to the next is guessed, and whatever drifts meets kernel and ceiling alike. */
#ifndef EKTM_HARNESS_BENCH_ROOF_H
#define EKTM_HARNESS_BENCH_ROOF_H

#include "harness/bench/probe.h"
#include "harness/bench/subject.h"

/* Sequential bytes that a call reads, and of how many calls go round (at least as many, which is
 * where they lie); 0: none worth probing. */
struct streams {
    size_t bytes, round;
};

/* What kernels of one comparison need, in each number format. */
struct need {
    bool computes[DTYPES][ISAS]; /* instruction sets whose peak counts                            */
    struct streams stream[DTYPES]; /* of weights in that format */
    bool gathers[DTYPES]; /* tables whose rows are gathered                                */
    size_t rows;          /* rows of a batch whose table rows are gathered in one call; 0: none */
    size_t rows_all;      /* the first rows of the inputs, which those calls go round          */
    const struct subject *subject; /* of the table and its ids                                   */
    const char *preset, *layer;    /* for the records; layer NULL: the whole model               */
    size_t batch;                  /* rows that the kernels compute in a call                     */
    bool alone;                    /* each sample is one call: the caches are cold               */
    float *output;                 /* where the layer writes, or NULL: gathers write there, too, so
                                      that they find it in the same cache                         */
    size_t output_bytes;
};

/* Ways to gather that are tried for each format: kernels, and for each of them lines asked for in
 * advance. */
enum { GATHERS_MOST = 6, ROOF_MAX = 3 * (ISAS + 1 + GATHERS_MOST) };

struct roof {
    struct need need;
    size_t count;
    struct probe probe[ROOF_MAX];
    enum dtype dtype[ROOF_MAX]; /* of the kernels that it bounds */
    double rate[ROOF_MAX];      /* of one member, flop/ns or byte/ns: NAN until recorded */
    size_t id[ROOF_MAX];        /* of its line */
    void *block;
    size_t block_bytes;
    int32_t *ids; /* of every row gathered: rows of the stacked table */
    size_t ids_count;
    float *sums;       /* of the rows gathered, each member's */
    size_t sums_bytes; /* 0: they are in the layer's output   */
};

/* What a layer's kernel computes with: its level and its number format. */
struct arithmetic {
    enum isa isa;
    enum dtype dtype;
};

/* Makes the probes for the run's team, and appends them to the competitors from `competitor` on,
 * which has room for ROOF_MAX. */
bool roof_make(struct roof *roof, const struct run *run, const struct need *need,
               struct competitor *competitor, struct fault *fault);
void roof_free(struct roof *roof);

/* Writes a line for each probe, before those of the kernels that refer to it. */
bool roof_record(struct roof *roof, struct run *run, struct competitor *competitor,
                 struct fault *fault);

/* What one call, or one layer of a pass, does at least. */
struct work {
    double flops, streamed, gathered; /* bytes */
};

/* The work of a call of the op on one thread. Of operands that pass from layer to layer nothing is
 * counted where `inner`: they may stay in the nearest cache. */
struct work work_of(const struct op *op, const struct call *call, bool inner);

/* The least time that the ceilings allow: of a layer the longest of the three, of a pass the sum
 * over its layers. */
struct bound {
    double compute, stream, gather; /* ns: of those layers that each bounds; NAN: not measured */
    double least;
};

/* Adds a layer. Begin with zeros. */
void bound_add(struct bound *bound, const struct roof *roof, const struct work *work,
               struct arithmetic arithmetic);

/* Sets roofline, bound, ceiling and ceiling_id; `ns` is the time that was measured. */
void bound_describe(json_t *record, const struct bound *bound, const struct roof *roof,
                    struct arithmetic arithmetic, double ns);

#endif
