/* Rows to predict, read from CSV piece by piece. EKTM.md, "Rows on disk".
 *
 * The first line names the columns, in any order: f0 .. f{F-1} and d0 .. d{D-1}, each once; labels
 * (click, conv1 .. conv{T}) and `user` may be there. A cell f holds ids joined by | or nothing, a
 * cell d a finite number, a label 0, 1 or nothing, a user a whole number or nothing. Lines end in
 * LF or CRLF. No cell is quoted. Empty lines are allowed at the end, except where there is one
 * column alone: there they are rows with an empty bag. */
#ifndef EKTM_HARNESS_MODEL_ROWS_H
#define EKTM_HARNESS_MODEL_ROWS_H

#include "harness/model/activations.h"
#include "harness/model/lines.h"

enum {
    BAG_IDS_MAX = 1 << 20, /* in one cell */
    COLUMNS_MAX = 1 << 16  /* of dense features where no model says how many */
};

/* How labels hang together. EKTM.md, "Training". */
enum label_pattern {
    LABELS_ANY,       /* they need not                                             */
    LABELS_PARALLEL,  /* a conversion needs the click                              */
    LABELS_SEQUENTIAL /* a conversion needs the click and the conversion before it */
};

struct rows {
    const char *path;                 /* as sentences name it */
    struct lines lines;               /* the last one cut into cells */
    const struct ektm_config *config; /* the caller's */
    size_t first_line;                /* of the first row of the last rows_read */
    size_t columns;                   /* of the file */
    char **cell;                      /* of the line, in the file's order */
    size_t *position; /* of f0 .. d0 .. click conv1 .. user: where in `cell`; SIZE_MAX: absent */
    enum label_pattern pattern; /* what labels are held to; LABELS_ANY once opened */
};

/* Opens a file (or standard input: "-") and reads the line of names. */
bool rows_open(struct rows *rows, const char *path, const struct ektm_config *config,
               struct fault *fault);

/* Reads off a file's line of names the sizes of the models it is for: fields, dense, and as many
 * tasks as it has labels of. Ids may be as large as they can be anywhere.
 * Standard input is refused, since it is gone then. */
bool rows_sizes(const char *path, struct ektm_config *config, struct fault *fault);

/* Whether the file has a column of conversion `task`, 1 .. T; of the click: 0. */
bool rows_have_label(const struct rows *rows, size_t task);

/* Whether the file says which user a row is of. */
bool rows_have_user(const struct rows *rows);

/* Reads up to `most` rows (at most rows_max) into `activations`: IDS, BAGS, DENSE, memory.ids,
 * label, user. IDS grows as it must, so bind again. `*count` becomes how many there are; 0 at the
 * end. A mistake is a fault that names file, line and column; the `*count` rows before it are good.
 */
bool rows_read(struct rows *rows, struct activations *activations, size_t most, size_t *count,
               struct fault *fault);

void rows_close(struct rows *rows);

#endif
