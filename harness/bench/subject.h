/* A preset's model with random weights, or that of a file, rows to compute, and what it must
 * predict. */
#ifndef EKTM_HARNESS_BENCH_SUBJECT_H
#define EKTM_HARNESS_BENCH_SUBJECT_H

#include "harness/bench/run.h"
#include "harness/model/activations.h"
#include "harness/model/formats.h"

struct subject {
    const struct ektm_preset *preset;
    struct model model;
    struct activations
        activations; /* of the first plan_batch_most rows: every layer's true input */
    float *expected; /* [plan_batch_most, T+1]: the reference's predictions        */
    size_t rows;     /* plan_batch_most                                            */
};

bool subject_make(struct subject *subject, const struct run *run, const struct ektm_preset *preset,
                  struct fault *fault);
void subject_free(struct subject *subject);

/* The rows of the stacked table that the first `rows` rows of the batch name, in their order;
 * `*count` of them. To be freed; NULL: no memory. */
int32_t *subject_table_rows(const struct subject *subject, size_t rows, size_t *count);

/* Rows of the stacked table. */
size_t subject_rows(const struct subject *subject);

/* The formats of single layers: --dtype's, or those that the model's file asks for. */
const struct formats *subject_formats(const struct subject *subject, const struct run *run);

/* The layer's call for the first `rows` rows, for kernels of that format. */
struct call subject_call(const struct subject *subject, size_t layer, size_t rows,
                         enum dtype dtype);

/* The stacked table in that format. */
struct tensor subject_table(const struct subject *subject, enum dtype dtype);

/* Bytes of the table's rows that the first `rows` rows of the batch read, each counted once, with
 * their ids and what is written: what a call of the embedding finds in the caches again. */
double subject_embedding_bytes(const struct subject *subject, size_t rows, enum dtype dtype);

/* Bytes that the layer touches for `rows` rows. */
double subject_layer_bytes(const struct subject *subject, size_t layer, size_t rows);

/* The largest error of the first `rows` rows of predictions in BUFFER_P, in units of what is
 * allowed to a model of those formats: 1e-5, with bf16 1e-2, with i8 3e-2. Infinity for a NaN.
 * `rows` is at most subject.rows. */
double subject_error(const struct subject *subject, size_t rows, const struct formats *formats);

/* Overwrites BUFFER_P with NaN, so that what is not computed is found out. */
void subject_forget(struct subject *subject);

#endif
