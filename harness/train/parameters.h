/* What a network learns, and what its optimisers remember. */
#ifndef EKTM_HARNESS_TRAIN_PARAMETERS_H
#define EKTM_HARNESS_TRAIN_PARAMETERS_H

#include "harness/fault.h"
#include "harness/machine/memory.h"
#include "reference/network.h"

/* The tables of all sets lie one behind the other; the other weights one behind the other in
 * `dense`, each from a cache line on, and so do their gradients and Adam's moments. */
struct parameters {
    const struct network *network;
    struct tensor *weight; /* [2 * weights]: values; gradients, tables without data */
    struct tensor table;   /* all sets, stacked     */
    struct tensor first;   /* i32 [F], of each set  */
    size_t rows;           /* of all sets           */
    size_t numbers;        /* in `dense`            */
    float *dense, *gradient, *m, *v;
    float *s; /* [rows]: Adagrad's sums */
    void *block;
    size_t block_bytes;
};

/* Random weights, a function of the network and the seed: He-uniform, small tables, biases of 0. */
bool parameters_make(struct parameters *parameters, const struct network *network, uint64_t seed,
                     struct fault *fault);
void parameters_free(struct parameters *parameters);

/* Sets the bias of a task's head, and of its base head, so that it predicts that rate. */
void parameters_expect(struct parameters *parameters, size_t task, double rate);

/* Copies what is learned, tables and all: numbers of parameters_learned. */
size_t parameters_learned(const struct parameters *parameters);
void parameters_take(const struct parameters *parameters, float *to);
void parameters_give(struct parameters *parameters, const float *from);

/* Writes a safetensors file, atomically; of EKTM's own networks what `predict` reads. */
bool parameters_save(const struct parameters *parameters, const char *path, struct fault *fault);

#endif
