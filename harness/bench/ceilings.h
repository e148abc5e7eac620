/* What this machine can do at best, measured with the probe ops, and how near it a layer may come.
 */
#ifndef EKTM_HARNESS_BENCH_CEILINGS_H
#define EKTM_HARNESS_BENCH_CEILINGS_H

#include "harness/bench/run.h"

enum level { LEVEL_L1, LEVEL_L2, LEVEL_L3, LEVEL_MEMORY, LEVELS };

const char *level_name(enum level level);

enum { ROW_SIZES_MAX = 8 };

/* Rates of one thread while all of a seating work: the best of all kernels. 0: not measured. */
struct rates {
    double fma[ISAS];      /* flop / ns */
    double stream[LEVELS]; /* byte / ns */
    double gather[ROW_SIZES_MAX][LEVELS];
};

struct ceilings {
    size_t row_sizes, row_bytes[ROW_SIZES_MAX]; /* rows that are gathered: those of the presets */
    struct rates one, most;                     /* one thread; as many as there will be         */
    size_t threads;                             /* of `most`                                    */
};

/* No rates yet; the row sizes of the plan's presets. */
void ceilings_init(struct ceilings *ceilings, const struct plan *plan);

/* Measures every probe with every kernel that runs here but the reference, with the job's seating,
 * and writes a record for each. */
bool ceilings_measure(struct ceilings *ceilings, struct run *run, const struct job *job,
                      struct fault *fault);

/* Of each of `threads` threads: as one alone, as long as all together have no more than the most
 * there were had. */
struct rates ceilings_at(const struct ceilings *ceilings, size_t threads);

/* The nearest level that serves a call on `bytes` and whose rate was measured. A cache serves part
 * of a set of up to twice its size, and a ceiling must not be beaten: such a set counts as its own.
 */
enum level level_of(const struct topology *topology, const struct rates *rates, double bytes);

/* The least time that the ceilings allow. */
struct bound {
    double compute, memory; /* ns that each of the two takes; NAN: not measured            */
    double least;           /* ns: of a layer the longer, of a model the sum over its layers */
    char ceiling[40];       /* label of the longer one; "unavailable"                      */
};

/* Of one call of a layer, compiled for `isa`, whose operands lie in `level`. */
struct bound bound_of(const struct ceilings *ceilings, const struct rates *rates,
                      const struct op *op, const struct call *call, enum isa isa, enum level level);

/* The bound of that share of the work. */
void bound_scale(struct bound *bound, double share);

/* Sets roofline, bound and ceiling; `ns` is the time that was measured. */
void bound_describe(json_t *record, const struct bound *bound, double ns);

#endif
