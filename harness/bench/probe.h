/* A probe op as a competitor: what the machine can do at best, each thread of the team on a call of
 * its own at the same time. */
#ifndef EKTM_HARNESS_BENCH_PROBE_H
#define EKTM_HARNESS_BENCH_PROBE_H

#include "harness/bench/run.h"

/* The nearest level that holds so many bytes. */
enum level { LEVEL_L1, LEVEL_L2, LEVEL_L3, LEVEL_MEMORY, LEVELS };

const char *level_name(enum level level);
enum level level_of(const struct topology *topology, double bytes);

/* Elements and steps of `fma` and `dot`: whole blocks for 8, 10, 12, 15 and 16 vectors of 4, 8
 * or 16. */
enum { FMA_WIDTH = 3840, FMA_STEPS = 512 };

struct probe {
    const struct kernel *kernel;
    struct team *team; /* when it runs; what was sampled may be recorded later */
    size_t members;
    size_t turns, at;  /* calls go round so many pieces of the data; the piece of the next one   */
    struct call *call; /* [turns][members]: what each member calls in each turn                  */
    size_t repeats;    /* calls of each member between two meetings of the team                  */
    enum level level;  /* that serves it, and                                                    */
    size_t bytes;      /* of how much one member's calls go round: both of memory's probes only  */
    char label[48];    /* such as "fma avx512", "stream read L2" or "gather 512 B memory"        */
    const char *pages; /* that its data lie on                                                   */
    double error;      /* of member 0's first call, in units of what is allowed                  */
};

/* One piece for each turn and member, to be filled in by the caller. False: out of memory. */
bool probe_make(struct probe *probe, const struct kernel *kernel, struct team *team, size_t turns,
                struct fault *fault);
void probe_free(struct probe *probe);

/* Labels a peak's probe, such as "fma avx512" or "dot i8 avx512". */
void peak_label(struct probe *probe);

struct call *probe_call(const struct probe *probe, size_t turn, size_t member);

/* Checks member 0's first call against the reference, and unless `alone` finds how often to call
 * so that handing out the work costs nothing. False: no memory. */
bool probe_ready(struct probe *probe, bool alone, struct fault *fault);

/* What is timed: `argument` is a struct probe. One run is `repeats` calls of each member. */
void probe_run(void *argument);

/* Bytes, and flops, that one call of one member moves or does, the mean over all turns. */
double probe_bytes(const struct probe *probe);
double probe_flops(const struct probe *probe);

/* What a probe was taken beside: the kernels of a layer (NULL: of the whole model) on so many rows.
 */
struct beside {
    const char *preset, *layer;
    size_t batch;
};

/* Writes what the competitor of the probe took, as a line of kind ceiling about one call. `beside`
 * is NULL in the table of ceilings. Sets `*rate` to that of one member: flop/ns of `fma`, byte/ns
 * of others; NAN: it cannot be believed. Sets `*id` to the line's, unless NULL. */
bool probe_record(struct run *run, const struct probe *probe, struct competitor *competitor,
                  const struct beside *beside, double *rate, size_t *id, struct fault *fault);

/* Numbers that probes read: neighbours differ, so that a kernel that reads the wrong ones is found
 * out; the mean is about 0, so that long sums round no worse than random. */
static inline float probe_datum(size_t i)
{
    return (float)((uint32_t)i * 2654435761u >> 24) / 256 - 0.5f;
}

/* The calls' arguments. */
struct call peak_call(enum dtype dtype, float *x, float *y);
struct call read_call(float *x, size_t bytes, float *y);
struct call write_call(float *x, float *y, size_t bytes);
struct call copy_call(float *x, float *y, size_t bytes);
struct call gather_call(const struct tensor *table, size_t rows, size_t width, int32_t *ids,
                        size_t count, float *y, size_t sums);

#endif
