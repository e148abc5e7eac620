/* A decision for programs: one JSON object with everything that it was made from and came to. */
#ifndef EKTM_HARNESS_CHOOSE_JSON_H
#define EKTM_HARNESS_CHOOSE_JSON_H

#include "harness/choose/decision.h"

/* The object, to be given back with json_decref. Its members:
 *
 *   kind            "choice"
 *   demand          slo, rate (query/s), headroom (a fraction), antagonist (true or false),
 *                   min_quality: the bounds asked for, by the word of --min-quality
 *   workload        preset, ids, candidates: the same of all that is compared
 *   currency        of all prices
 *   slos            that the files have searches at
 *   configurations  of all machines at the objective: machine, label, backend, isa, dtype, formats,
 *                   layout, instances, instance_threads, batching, antagonist, runs, noisy,
 * highest, candidates_mean, joules, quality (the columns of results that --min-quality judges),
 * passes, why_not, best machines        in the order of the ranking: rank, machine, configuration
 * (index among configurations), price (per_hour, currency, note), machines, cost_per_hour,
 *                   cost_per_million_queries, cost_per_million_candidates, kwh_per_million_queries
 *   ranking         groups of machines between which no difference is shown, cheapest first
 *   sensitivity     null with one machine; first, second, difference_shown,
 *                   price (now, equal, shown), rate (below, above: null, or from and to),
 *                   slo: of each other objective slo, first (null: none can be ranked),
 *                   cost_per_hour, second_first, why_not
 *   left_out, doubts  sentences
 *
 * Intervals are {"median", "lo", "hi"}; what is unbounded is null, what was not measured is
 * UNAVAILABLE. */
json_t *decision_json(const struct decision *decision);

#endif
