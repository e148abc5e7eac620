/* The whole model as somebody computes it: one backend's kernels, or the best peer's at each layer,
 * walked by one schedule. */
#ifndef EKTM_HARNESS_BENCH_CONTENDER_H
#define EKTM_HARNESS_BENCH_CONTENDER_H

#include "harness/bench/subject.h"
#include "harness/model/forward.h"

enum { MODELS_MAX = 24 };

/* A composed model as a competitor, on `rows` rows. */
struct contender {
    const struct backend *backend;
    enum isa isa;
    struct schedule schedule;
    const char *schedule_from; /* "built-in", "tuned" or "given"                                */
    bool by_layers; /* layer by layer, for comparison with the one before it, which goes depth first
                     */
    bool borrows;   /* its weights are another contender's                                       */
    struct composed *composed; /* [copies]: passes go round them, each with packed weights of its
                                  own; 1 unless caches rotate                                   */
    struct forward *forward;   /* [copies]                                                      */
    size_t copies, next;
    double prepare_ns, error;
    bool invalid; /* a prediction was wrong: it is not timed any more */
    double speed; /* rows a second of one thread at the last batch; 0: not measured */
    size_t rows;
    size_t row; /* whose ids the next pass takes first, and what they go round at */
    size_t rows_all;
    struct team *team; /* whose members compute */
};

struct models {
    struct subject *subject;
    size_t count;
    struct contender contender[MODELS_MAX];
    size_t reference_rows;
    struct competitor reference_time; /* of contender `reference`; no samples: count is 0 */
};

/* Chooses kernels and prepares weights for every backend and instruction set that was asked for
 * and runs here. Kernels written by hand go depth first, by --tile, by what was tuned for this
 * machine, or by schedule_of, and once more layer by layer; the others, unless --tile says
 * otherwise, go layer by layer, as libraries are called. */
bool models_make(struct models *models, struct run *run, struct subject *subject,
                 struct fault *fault);
void models_free(struct models *models);

/* Whose the model is that takes the fastest peer's kernel at each layer. Nothing but the name is
 * its own: it is none of `backends`. */
extern const struct backend peers_backend;

/* Adds that model: the best of all peers' on `rows` rows, by the run's own records of the layers
 * (choice_of_peers); what no peer has is borrowed at the widest instruction set. Where there is
 * nothing to choose, none is added. Like any peer's it goes layer by layer unless --tile says
 * otherwise. */
bool models_add_peers(struct models *models, const struct run *run, size_t rows,
                      struct fault *fault);

/* One more contender, with the weights of `of` and another schedule; NULL: a fault. */
struct contender *models_vary(struct models *models, const struct contender *of,
                              const struct schedule *schedule, struct fault *fault);

/* Takes back the contender that was added last. */
void models_drop_last(struct models *models);

bool contender_is_reference(const struct contender *contender);

/* Whether its kernels are written by hand. */
bool contender_is_ours(const struct contender *contender);

/* The contender with kernels written by hand for the widest instruction set, or NULL. */
struct contender *models_ours(struct models *models);

/* A pass, and then new ids for the next one: a server meets other rows each time. What a competitor
 * runs. */
void contender_run(void *contender);

/* Says how many rows the next passes compute, with the run's team. */
bool contender_bind(const struct models *models, const struct run *run, struct contender *contender,
                    size_t rows, struct fault *fault);

/* Predicts what it is bound to, and compares with the reference. Where that is wrong it drops out.
 */
bool contender_check(const struct models *models, struct run *run, struct contender *contender,
                     struct fault *fault);

/* Records that the contender's predictions are wrong; it drops out. */
bool contender_drop(const struct models *models, struct run *run, struct contender *contender,
                    const char *reason, struct fault *fault);

/* Sets the columns that say who it is. */
void contender_describe(json_t *record, const struct contender *contender);

/* The end of the names of those that go layer by layer for comparison. */
#define BY_LAYERS_SUFFIX "_layers"

#endif
