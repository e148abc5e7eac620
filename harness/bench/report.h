/* What a run found, in tables for people. Everything but the machine is read off the records. */
#ifndef EKTM_HARNESS_BENCH_REPORT_H
#define EKTM_HARNESS_BENCH_REPORT_H

#include "harness/bench/run.h"

/* The machine, in four lines, and how the run goes about it. */
void report_machine(const struct run *run);

/* What the machine can do at best. */
void report_ceilings(const struct run *run);

/* The layers and the whole model on one thread: ours, the compiler's and the peers', side by side.
 */
void report_layers(const struct run *run, const struct ektm_preset *preset);

/* What number formats gain and cost the whole model; nothing where there is f32 alone. */
void report_formats(const struct run *run, const char *preset);

/* What a search of formats passed, from f32 to the narrowest; what others beat in both time and
 * error is marked. Nothing where there was no search. */
void report_search(const struct run *run, const char *preset);

/* Those, and the model by threads. Prints what there is. */
void report_preset(const struct run *run, const struct ektm_preset *preset);

/* What was skipped and what failed, the answer, and where the records are. */
void report_end(const struct run *run);

#endif
