/* The memory that probes read: for each thread a slice of its own, first touched by it, large
 * enough that all slices together fit no cache. */
#ifndef EKTM_HARNESS_BENCH_GROUND_H
#define EKTM_HARNESS_BENCH_GROUND_H

#include "harness/bench/probe.h"

struct ground {
    size_t members, slice; /* bytes of one member's data      */
    size_t l3_share;       /* bytes of L3 for one thread      */
    size_t core_share;     /* threads that share a core       */
    char *block;
    size_t block_bytes;
};

enum { IDS_LEAST = 4096, OUTPUT_BYTES = 16384 };

/* For the team's threads, on such pages. The data are numbers from -1/2 to 1/2. */
bool ground_make(struct ground *ground, const struct run *run, enum pages pages,
                 struct fault *fault);
void ground_free(struct ground *ground);

/* A member's slice; room for an id for each 64 bytes of it, IDS_LEAST at least; and OUTPUT_BYTES
 * for what it computes. */
float *ground_data(const struct ground *ground, size_t member);
int32_t *ground_ids(const struct ground *ground, size_t member);
float *ground_output(const struct ground *ground, size_t member);

/* Bytes of one member's data that lie in that level and in none nearer while all members read
 * theirs. 0: there is no such level, or no such size. */
size_t ground_bytes(const struct ground *ground, const struct topology *topology, enum level level);

#endif
