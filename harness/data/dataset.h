/* Rows in memory: ids, dense features, labels, users, and, where a simulator made them, the true
 * probabilities. What training shuffles, what an experiment ranks. */
#ifndef EKTM_HARNESS_DATA_DATASET_H
#define EKTM_HARNESS_DATA_DATASET_H

#include "harness/model/rows.h"

struct dataset {
    size_t fields, dense, tasks; /* F, D, T                                                     */
    size_t rows, ids;            /* how many there are                                          */
    size_t rows_room, ids_room;
    uint32_t *bag;  /* [rows * F + 1]: where the bag of row b, field f begins in `id`: b * F + f */
    int32_t *id;    /* [ids]                                                                     */
    float *feature; /* [rows, D]                                                                 */
    uint8_t *label; /* [rows, T + 1]: click, conv1 .. convT: 0, 1 or LABEL_MISSING               */
    uint64_t *user; /* [rows]; USER_NONE where nobody said                                       */
    double *truth;  /* [rows, T + 1]: pCTR, then pCVR of each task, given the click; NAN: unknown */
};

/* Begins with no rows of these sizes. */
void dataset_begin(struct dataset *data, size_t fields, size_t dense, size_t tasks);
void dataset_free(struct dataset *data);

/* Forgets the rows and keeps the memory. */
void dataset_clear(struct dataset *data);

/* Makes room for `rows` more rows with `ids` more ids in all. At most 2^32 - 1 ids. */
bool dataset_reserve(struct dataset *data, size_t rows, size_t ids, struct fault *fault);

/* Appends what `from` holds of row `row`. */
bool dataset_copy(struct dataset *data, const struct dataset *from, size_t row,
                  struct fault *fault);

/* Begins anew with all rows of a CSV file for a model of these sizes. Labels must be there, click
 * and at least one conversion, and follow the pattern. A mistake is a fault that names file and
 * line, as is a file without rows. */
bool dataset_read(struct dataset *data, const char *path, const struct ektm_config *config,
                  enum label_pattern pattern, struct fault *fault);

/* Puts `count` rows (at most rows_max) with the numbers `row` into a batch: IDS, BAGS, DENSE,
 * memory.ids, label, user. IDS grows as it must, so bind again. */
bool dataset_gather(const struct dataset *data, const uint32_t *row, size_t count,
                    struct activations *activations, struct fault *fault);

/* Room for rows where there is no model to compute them: what rows_read fills. */
struct batch {
    struct model model; /* of these columns, and of no size besides */
    struct activations activations;
};

bool batch_make(struct batch *batch, const struct ektm_config *config, size_t rows_max,
                struct fault *fault);
void batch_free(struct batch *batch);

#endif
