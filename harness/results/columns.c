#include "harness/results/columns.h"

#include <string.h>

static const char *const kinds[KINDS] = {"machine", "ceiling", "kernel", "model", "skip"};

const char *kind_name(enum kind kind) { return kinds[kind]; }

enum kind kind_find(const char *name)
{
    enum kind kind = 0;
    while (kind < KINDS && strcmp(kinds[kind], name) != 0)
        kind++;
    return kind;
}

const char *column_type_name(enum column_type type)
{
    static const char *const names[COLUMN_TYPES] = {
        "text",     "array of texts",   "number",          "count",
        "interval", "object of counts", "object of texts", "object of numbers"};
    return names[type];
}

const struct column *column_find(const char *name)
{
    for (const struct column *c = record_columns; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

#define MACHINE  (1u << KIND_MACHINE)
#define CEILING  (1u << KIND_CEILING)
#define KERNEL   (1u << KIND_KERNEL)
#define MODEL    (1u << KIND_MODEL)
#define SKIP     (1u << KIND_SKIP)
#define TIMED    (CEILING | KERNEL | MODEL)
#define COMPARED (KERNEL | MODEL)
#define ALL      (MACHINE | TIMED | SKIP)

const struct column record_columns[] = {
    /* every line */
    {"kind", TYPE_TEXT, "", ALL, 0, "`machine`, `ceiling`, `kernel`, `model` or `skip`"},
    {"run", TYPE_TEXT, "", ALL, 0,
     "the run that wrote the line, by its start (UTC) and process; its `machine` line is the "
     "first with it"},

    {"id", TYPE_COUNT, "", 0, ALL, "of the line within its run, from 0"},

    {"job", TYPE_COUNT, "", 0, TIMED | SKIP,
     "which of the run's jobs, from 0, wrote the line; a job writes all of its lines in one go"},

    /* the machine and the run */
    {"name", TYPE_TEXT, "", ALL, 0,
     "machine: its folder; ceiling, kernel: the kernel; model: `model_<dtype>_<backend>_<isa>`, "
     "with `_layers` where it goes layer by layer to be compared with; skip: what was skipped"},
    {"time", TYPE_TEXT, "", MACHINE, 0, "start of the run, ISO 8601, UTC"},
    {"commit", TYPE_TEXT, "", MACHINE, 0, "of the sources, `-dirty` where they were changed"},
    {"cpu", TYPE_TEXT, "", MACHINE, 0, "the processor's name as the system gives it"},
    {"features", TYPE_TEXTS, "", MACHINE, 0, "its vector extensions that programs may use"},
    {"topology", TYPE_COUNTS, "", MACHINE, 0,
     "packages, numa_nodes, l3s, cores and processors that we may use; all_processors there are"},
    {"caches", TYPE_COUNTS, "byte", MACHINE, 0, "L1d, L2 and L3 as one core sees them"},
    {"memory", TYPE_COUNT, "byte", MACHINE, 0, "main memory"},
    {"quota", TYPE_NUMBER, "processors", MACHINE, 0,
     "time that the control group grants; unavailable: no limit is readable"},
    {"virtualised", TYPE_TEXT, "", MACHINE, 0, "`no`, `unknown`, or the hypervisor"},
    {"system", TYPE_TEXT, "", MACHINE, 0, "the operating system's kernel"},
    {"compiler", TYPE_TEXT, "", MACHINE, 0, "of everything but libraries"},
    {"cflags", TYPE_TEXT, "", MACHINE, 0, "flags of every file; kernels add those of their ISA"},
    {"libraries", TYPE_NAMES, "", MACHINE, 0, "versions of libraries and of usable backends"},
    {"clock_overhead", TYPE_NUMBER, "ns", MACHINE, 0, "of one reading of the clock"},
    {"clock_resolution", TYPE_NUMBER, "ns", MACHINE, 0, "smallest step of the clock"},
    {"arguments", TYPE_TEXTS, "", 0, MACHINE,
     "of the command, but where it writes: `--resume` goes by them"},
    {"effort", TYPE_TEXT, "", MACHINE, 0, "`quick`, `usual` or `full`"},
    {"ids", TYPE_TEXT, "", MACHINE | COMPARED, 0, "law of the ids of the inputs"},
    {"seed", TYPE_COUNT, "", MACHINE | COMPARED, 0,
     "of weights, inputs and bootstrap; from 2^63 on as the negative number of the same bits"},

    /* what was timed */
    {"op", TYPE_TEXT, "", TIMED, SKIP, "the op; `model` for a whole forward pass"},
    {"layer", TYPE_TEXT, "", KERNEL, SKIP | CEILING,
     "the model's layer, a fusion of some (`transfer`, `heads`), or a part of its training step "
     "(`bottom.0.dx`); one of each per-task layer; of a ceiling taken beside one, or `model`"},
    {"preset", TYPE_TEXT, "", COMPARED, SKIP | CEILING,
     "sizes of the model; a ceiling has one where it was taken beside kernels of that, in the same "
     "rounds of samples"},
    {"beside_rows", TYPE_COUNT, "row", 0, CEILING,
     "batch of the kernels that a ceiling was taken beside"},
    {"dtype", TYPE_TEXT, "", TIMED, SKIP, "format of weights and activations"},
    {"formats", TYPE_TEXT, "", 0, MODEL | SKIP,
     "each layer's number format, such as `embedding=i8,bottom.0=bf16`, or the one that all have"},
    {"backend", TYPE_TEXT, "", TIMED, SKIP,
     "whose kernel; of a model `peers`: at each layer of the peer that was fastest there, by the "
     "run's own `kernel` lines at that batch"},
    {"isa", TYPE_TEXT, "", TIMED, SKIP,
     "instruction set that the kernels are compiled for; a library's: the widest here"},
    {"borrowed", TYPE_TEXT, "", MODEL, 0,
     "layers that the backend lacks, and whose kernel stands in; empty: none"},
    {"path", TYPE_TEXT, "", 0, COMPARED,
     "the code that a library chose or generated for this kernel; empty: the kernel is its own; of "
     "a model of `peers`: the kernel that each layer got"},
    {"dims", TYPE_COUNTS, "", TIMED, SKIP, "extent of each axis that the op uses"},
    {"threads", TYPE_COUNT, "", TIMED, SKIP, "threads that work"},
    {"placement", TYPE_TEXT, "", TIMED, SKIP, "`compact` or `spread`: where threads sit"},
    {"level", TYPE_TEXT, "", 0, CEILING, "`L1`, `L2`, `L3` or `memory`: what holds the operands"},
    {"working_set", TYPE_COUNT, "byte", 0, CEILING, "operands of one thread"},
    {"cache", TYPE_TEXT, "", TIMED, 0,
     "`warm`: the same operands in every call, in the nearest cache that holds them; an embedding "
     "takes other ids in each; `cold`: everything in memory; `rotate`: weights are the next of "
     "many "
     "copies, rows come from much of the tables"},
    {"rotation", TYPE_COUNT, "byte", 0, COMPARED,
     "of weights or rows that calls go round where `cache` is `rotate`; small layers may stay "
     "below "
     "the last-level cache"},
    {"pages", TYPE_TEXT, "", MACHINE | TIMED, 0,
     "machine: what large blocks can have; else what tables and weights, or a ceiling's data, lie "
     "on: `huge` (reserved), `thp` (transparent huge), `4k`, ..."},

    /* how fast */
    {"ns", TYPE_INTERVAL, "ns", TIMED, 0, "of one call: the whole batch"},
    {"samples", TYPE_COUNT, "", TIMED, 0, "that the median is of"},
    {"calls", TYPE_COUNT, "", TIMED, 0, "in each sample"},
    {"outliers", TYPE_COUNT, "", TIMED, 0, "samples beyond Tukey's fences; they are not dropped"},
    {"prepare_ns", TYPE_NUMBER, "ns", COMPARED, 0,
     "preparing the weights, once: not part of `ns`; a model's includes choosing kernels"},
    {"flops", TYPE_NUMBER, "flop", TIMED, 0, "of one call; a multiply-add is two"},
    {"bytes", TYPE_NUMBER, "byte", TIMED, 0, "that one call must move"},
    {"rows_per_s", TYPE_NUMBER, "row/s", COMPARED, 0, "rows of the batch over `ns`"},
    {"gflops", TYPE_NUMBER, "Gflop/s", TIMED, 0, "`flops` over `ns`"},
    {"gbytes", TYPE_NUMBER, "GB/s", TIMED, 0, "`bytes` over `ns`"},
    {"roofline", TYPE_NUMBER, "", COMPARED, 0,
     "time that the ceilings allow over `ns`; a model's: the sum over its layers, weights "
     "read once by each thread"},
    {"bound", TYPE_TEXT, "", COMPARED, 0,
     "which ceiling is nearest: `compute`, the cache that is streamed from (`L1`, `L2`, `L3`, "
     "`memory`) or `gather`; unavailable: not measured; in older files `memory` stood for all but "
     "the first"},
    {"ceiling", TYPE_TEXT, "", TIMED, 0,
     "a ceiling's own label, or that of the nearest one, such as `fma avx2` or `stream read L3`"},
    {"ceiling_id", TYPE_COUNT, "", 0, COMPARED, "`id` of the line of that ceiling"},
    {"x_reference", TYPE_INTERVAL, "", COMPARED, 0,
     "reference's time over this one, per row, same preset, layer and threads"},
    {"x_compiler", TYPE_INTERVAL, "", COMPARED, 0,
     "the time of `compiler` at the same ISA over this one, sampled side by side"},
    {"x_peer", TYPE_INTERVAL, "", 0, COMPARED,
     "the best peer's time over this one, sampled side by side; a peer's own: the best of the "
     "others'"},
    {"peer", TYPE_TEXT, "", 0, COMPARED, "whose that was; empty: there is none"},
    {"versus_reference", TYPE_TEXT, "", 0, COMPARED,
     "what the whole interval of `x_reference` shows, beyond a margin of 1 %: `faster`, `slower`, "
     "`no difference shown` or unavailable"},
    {"versus_compiler", TYPE_TEXT, "", 0, COMPARED, "the same of `x_compiler`"},
    {"versus_peer", TYPE_TEXT, "", 0, COMPARED, "the same of `x_peer`"},
    {"step", TYPE_COUNT, "", 0, MODEL,
     "of a search of formats: how many times a layer was narrowed to come to this"},
    {"off_most", TYPE_NUMBERS, "", 0, MODEL,
     "of each prediction: its largest difference from the f32 reference's"},
    {"off_mean", TYPE_NUMBERS, "", 0, MODEL, "likewise the mean of the differences' magnitudes"},
    {"tau", TYPE_NUMBERS, "", 0, MODEL,
     "of each prediction: Kendall's tau between its ranking and f32's, the mean over requests of "
     "64 "
     "rows"},
    {"auc_change", TYPE_NUMBERS, "", 0, MODEL,
     "of each prediction, where rows have labels: area under the curve, less f32's"},
    {"log_loss_change", TYPE_NUMBERS, "nat", 0, MODEL, "likewise the log loss, less f32's"},
    {"x_f32", TYPE_INTERVAL, "", 0, COMPARED,
     "of a narrow format: the time of the same backend's f32 at the same ISA over this one, "
     "sampled "
     "side by side"},
    {"versus_f32", TYPE_TEXT, "", 0, COMPARED, "what that shows"},
    {"schedule", TYPE_TEXT, "", 0, MODEL,
     "how the pass is walked was `built-in`, `tuned` by `ektm tune`, or `given` by `--tile`"},
    {"order", TYPE_TEXT, "", 0, MODEL,
     "`depth first`: `tile` rows of a thread go through all layers, then its next ones; `layer by "
     "layer`"},
    {"tile", TYPE_COUNT, "row", 0, MODEL, "that go together"},
    {"shared_by", TYPE_TEXT, "", 0, MODEL,
     "what threads share a batch by: `rows`, or output `columns` and tasks"},
    {"bytes_saved", TYPE_NUMBER, "byte", 0, MODEL,
     "of activations that this order does not write to and read from beyond the L2 in one call"},
    {"x_layers", TYPE_INTERVAL, "", 0, MODEL,
     "the time of the same kernels layer by layer over this one, sampled side by side"},
    {"versus_layers", TYPE_TEXT, "", 0, MODEL, "what that shows"},
    {"speedup", TYPE_INTERVAL, "", 0, COMPARED,
     "rows a second over those of one thread with `base_rows` rows"},
    {"base_rows", TYPE_COUNT, "row", 0, COMPARED,
     "batch of the one thread that `speedup` compares with: the same, or the share of one"},

    /* what happened meanwhile */
    {"clock", TYPE_NUMBER, "GHz", 0, TIMED,
     "of the calling thread's core, by a chain of additions right after each sample: the median"},
    {"clock_range", TYPE_NUMBER, "", 0, TIMED, "from its 5th to its 95th percentile, over `clock`"},
    {"steal", TYPE_NUMBER, "", 0, TIMED,
     "share of our processors' time that the hypervisor took, while all that is compared was "
     "sampled"},
    {"load", TYPE_NUMBER, "processors", 0, TIMED, "kept busy by other processes meanwhile"},
    {"throttled", TYPE_NUMBER, "", 0, TIMED, "share of the time that the quota took meanwhile"},
    {"migrations", TYPE_NUMBER, "", 0, TIMED, "of our threads between processors meanwhile"},
    {"switches", TYPE_NUMBER, "", 0, TIMED,
     "times that a thread of ours had to make way for others during the samples"},
    {"cycles", TYPE_NUMBER, "", 0, TIMED, "of one call, in user space, all threads together"},
    {"instructions", TYPE_NUMBER, "", 0, TIMED, "likewise"},
    {"cache_misses", TYPE_NUMBER, "", 0, TIMED, "likewise, of the last-level cache"},
    {"tlb_misses", TYPE_NUMBER, "", 0, TIMED, "likewise, of the data TLB, on loads"},
    {"joules", TYPE_NUMBER, "J", 0, TIMED, "that all packages used for one call (RAPL)"},
    {"reruns", TYPE_COUNT, "", 0, TIMED,
     "times that all that is compared was sampled again, since some was invalid"},

    /* how good */
    {"error", TYPE_NUMBER, "allowed bound", TIMED, SKIP,
     "largest error in the outputs, in units of what is allowed; at most 1"},
    {"verdict", TYPE_TEXT, "", TIMED | SKIP, 0,
     "`valid`; `noisy`: believe it less; `invalid`: the machine got in the way too much, no "
     "summary "
     "has it; of a skip line: it failed its check, no time is published; `skipped`: cannot run "
     "here"},
    {"reason", TYPE_TEXT, "", SKIP, TIMED, "why it is noisy, invalid or skipped"},
    {NULL, TYPE_TEXT, NULL, 0, 0, NULL},
};
