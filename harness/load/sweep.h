/* The whole model under load: formats x layouts x scenarios, and a line for each. */
#ifndef EKTM_HARNESS_LOAD_SWEEP_H
#define EKTM_HARNESS_LOAD_SWEEP_H

#include "harness/bench/models.h"
#include "harness/load/fleet.h"
#include "harness/load/search.h"

enum scenario { SCENARIO_SINGLE, SCENARIO_OFFLINE, SCENARIO_SERVER, SCENARIOS };

/* "single-stream", "offline", "server". */
const char *scenario_name(enum scenario scenario);

/* How long it may take. */
struct load_effort {
    double margin;        /* queries of a run over those that its percentile needs; at least 1 */
    size_t queries;       /* that a run measures, where that takes no more than `seconds` */
    double seconds;       /* of a run, unless its percentile needs more queries than fit */
    size_t runs;          /* of an attempt, at most               */
    size_t confirmations; /* of the rate that is found            */
    bool strict;          /* as in struct search                  */
    double ratio;         /* at which a search ends               */
    double budget;        /* seconds for all of it; 0: whatever it takes */
};

struct load_settings {
    struct objective objective;
    struct candidates candidates;
    double batching; /* ns                                                     */
    size_t queue;    /* 0: four times what can be computed within the objective */
    bool scenario[SCENARIOS];
    struct sizes rates; /* in place of a search */
    size_t streams;     /* antagonists          */
    struct layouts layouts;
    const struct backend *only; /* the one whose models are run; NULL: all */
    struct load_effort effort;
};

/* Settings by arguments and machine; `quick` or by --quick and --full. Free with
 * load_settings_free.
 */
bool load_settings_make(struct load_settings *settings, const struct arguments *arguments,
                        const struct topology *topology, bool quick, struct fault *fault);
void load_settings_free(struct load_settings *settings);

/* Proves the models' predictions, finds what their formats cost, and runs all of that with each of
 * those on each layout, f32 first, and writes the lines. */
bool load_run(const struct load_settings *settings, struct run *run, struct models *models,
              struct fault *fault);

#endif
