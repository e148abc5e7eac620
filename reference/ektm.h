/* The EKTM model as data: a table of layers over named buffers and weights, derived from its sizes.
 * EKTM.md, "Inference". The scalar forward pass, the composed forward pass and the shapes that the
 * bench times all read this table. */
#ifndef EKTM_REFERENCE_EKTM_H
#define EKTM_REFERENCE_EKTM_H

#include "reference/op.h"

enum { FIELDS_MAX = 1024, BOTTOM_MAX = 8 };

/* Temperatures of the router. Below, f32 does not tell similarities apart finely enough for their
 * softmax; above, all shares are equal. */
#define TAU_MIN 1e-3F
#define TAU_MAX 1e6F

/* The sizes and options of a model. Symbols as in EKTM.md. */
struct ektm_config {
    size_t fields;             /* F, 1 .. FIELDS_MAX                          */
    size_t rows[FIELDS_MAX];   /* V of each field's table; their sum < 2^31   */
    size_t width;              /* E                                           */
    size_t dense;              /* D, may be 0                                 */
    size_t bottoms;            /* bottom layers, 1 .. BOTTOM_MAX              */
    size_t bottom[BOTTOM_MAX]; /* width of each                               */
    size_t rep;                /* d                                           */
    size_t tasks;              /* T, 1 .. TASKS_MAX                           */
    size_t hidden;             /* H                                           */
    enum pooling pooling;
    enum similarity similarity;
    float tau;
};

struct ektm_preset {
    const char *name;
    const char *about;
    struct ektm_config config;
    size_t bag_fields; /* the first so many fields hold bags; the others one id a row */
    size_t bag_ids;    /* mean ids of a bag                                           */
};

extern const struct ektm_preset ektm_presets[]; /* ended by name == NULL */

/* The preset of that name, or NULL. */
const struct ektm_preset *ektm_preset_find(const char *name);

/* Where activations live. Each buffer is [rows of the batch, width], contiguous, but IDS (flat) and
 * BAGS (rows * F + 1). */
enum ektm_buffer {
    BUFFER_IDS,    /* i32, every bag's ids, in the order of the bags             */
    BUFFER_BAGS,   /* i32, where each bag begins                                 */
    BUFFER_DENSE,  /* D: dense features                                          */
    BUFFER_X,      /* F*E, and E more where D > 0: [x_1 .. x_F, x_D]             */
    BUFFER_TOWERS, /* (T+1)*d: [f_0 .. f_T]                                      */
    BUFFER_ROUTED, /* T*d: [F_1 .. F_T]                                          */
    BUFFER_M,      /* T*d: [m_1 .. m_T]                                          */
    BUFFER_Z,      /* T*d: [z_1 .. z_T]                                          */
    BUFFER_P,      /* T+1: [p_0 .. p_T]                                          */
    BUFFER_BOTTOM, /* and BOTTOM_MAX - 1 more: h after each bottom layer         */
    BUFFERS = BUFFER_BOTTOM + BOTTOM_MAX
};

/* A tensor of the weights file: its name there and its shape. */
struct ektm_weight {
    char name[32];
    size_t rows, columns; /* columns == 0: a vector */
};

enum ektm_source {
    SOURCE_NONE,   /* operand absent                                             */
    SOURCE_BUFFER, /* column `column` of buffer `index`                          */
    SOURCE_WEIGHT, /* column `column` of weight `index`                          */
    SOURCE_HEADS,  /* weight `index` of the first head and its like of the others */
    SOURCE_TABLE,  /* all embedding tables, stacked: set `index` of them          */
    SOURCE_FIRST   /* the stacked row where each field's table begins            */
};

struct ektm_binding {
    enum ektm_source source;
    size_t index, column;
};

/* One layer: an op, its sizes (BATCH and IDS left 0) and where its operands are. */
struct ektm_layer {
    char name[32]; /* "embedding", "projection", "bottom.0", "tower", "router", ...        */
    bool per_task; /* the same name and sizes once for each task                            */
    size_t task;   /* of a per-task layer                                                   */
    size_t fusion; /* the entry of the table that computes it and others in one; 0: none    */
    const struct op *op;
    struct dims dims;
    struct options options;
    struct ektm_binding binding[OPERANDS_MAX];
};

struct ektm {
    struct ektm_config config;
    size_t weights, layers, fusions;
    struct ektm_weight *weight; /* the F embedding tables first */
    struct ektm_layer *layer;   /* in the order of computation; behind them the fusions, each of
                                   which may stand in the place of the layers that name it */
    size_t
        buffer_width[BUFFERS]; /* elements of a row; 0: not used. IDS is 0: its rows are ragged */
};

/* Derives the table. False: out of memory. */
bool ektm_build(struct ektm *model, const struct ektm_config *config);
void ektm_free(struct ektm *model);

/* Layers and fusions: what may be called. */
static inline size_t ektm_entries(const struct ektm *model)
{
    return model->layers + model->fusions;
}

/* Whether entry `layer` is the one before it once more, for another task. */
bool ektm_repeats(const struct ektm *model, size_t layer);

/* A model's memory. Tensors of `weight` are [rows, columns] in the order of `model->weight`; the
 * first F of them are views into `table`; those of the heads lie equally far from one head to the
 * next one. */
struct ektm_memory {
    struct tensor *weight;
    struct tensor table; /* [sum of rows, E]   */
    struct tensor first; /* i32 [F]            */
    struct tensor buffer[BUFFERS];
    size_t ids; /* in BUFFER_IDS      */
};

/* Where the operands of a layer lie, whatever table it is of. Of several sets of tables, those of
 * set `index` of a SOURCE_TABLE begin so many times ROWS rows behind the first one. */
struct ektm_places {
    const struct tensor *weight, *buffer;
    struct tensor table, first;
    size_t ids;
};

/* The call that computes `layer` for the first `rows` rows. */
struct call ektm_layer_call(const struct ektm_layer *layer, const struct ektm_places *places,
                            size_t rows);

/* The call that computes entry `layer` for the first `rows` rows of the batch in `memory`. */
struct call ektm_call(const struct ektm *model, const struct ektm_memory *memory, size_t layer,
                      size_t rows);

/* The scalar forward pass: BUFFER_IDS, BAGS and DENSE in, BUFFER_P out. */
void ektm_reference(const struct ektm *model, const struct ektm_memory *memory, size_t rows);

#endif
