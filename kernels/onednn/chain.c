#include "kernels/onednn/chain.h"

#include "kernels/packed.h"
#include "kernels/rounding.h"
#include "kernels/scratch.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS_LOG = 8,
    SIZES = ROWS_LOG + 1,
    ROWS_MOST = 1 << ROWS_LOG,
    BUFFERED_ROWS = 64,
    LINE = 64
};

/* gcc's OpenMP library; its header comes with gcc only. For the calling thread alone. */
extern void omp_set_num_threads(int threads);

/* What threads cannot share. */
struct set {
    dnnl_stream_t stream;
    dnnl_memory_t matrix[MATRICES][SIZES], scratch[STEPS_MAX][SIZES];
    void *buffer[MATRICES]; /* rows without gaps, rounded where they are narrow */
    void *scratchpad;
};

/* One layout of a step's weights. */
struct layout {
    dnnl_memory_desc_t desc;
    dnnl_memory_t memory;
    void *data;
};

struct chain {
    struct chain_spec spec;
    const struct rounder *rounder;
    dnnl_engine_t engine;
    dnnl_primitive_t primitive[STEPS_MAX][SIZES];
    dnnl_memory_desc_t scratch[STEPS_MAX][SIZES];
    struct layout layout[STEPS_MAX][SIZES]; /* the first `layouts` of a step */
    size_t layouts[STEPS_MAX], layout_of[STEPS_MAX][SIZES];
    float *bias[STEPS_MAX];
    dnnl_memory_t bias_memory[STEPS_MAX];
    struct scratch *sets;
    char path[128];
};

/* ---- primitives ------------------------------------------------------------------------------ */

/* i8 is unsigned in a matrix and signed in weights. */
static dnnl_data_type_t type_of(enum dtype dtype, bool weight)
{
    return dtype == DTYPE_BF16  ? dnnl_bf16
           : dtype == DTYPE_I32 ? dnnl_s32
           : dtype != DTYPE_I8  ? dnnl_f32
           : weight             ? dnnl_s8
                                : dnnl_u8;
}

static bool describe(dnnl_memory_desc_t *desc, dnnl_data_type_t type, size_t rows, size_t columns,
                     size_t row_step, size_t column_step)
{
    const dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    const dnnl_dims_t strides = {(dnnl_dim_t)row_step, (dnnl_dim_t)column_step};
    return dnnl_memory_desc_init_by_strides(desc, 2, dims, type, strides) == dnnl_success;
}

static bool describe_rows(dnnl_memory_desc_t *desc, enum dtype dtype, size_t rows, size_t columns)
{
    return describe(desc, type_of(dtype, false), rows, columns, columns, 1);
}

static bool append(dnnl_post_ops_t posts, const struct step *step, const dnnl_memory_desc_t *like)
{
    switch (step->finish) {
    case FINISH_NONE:
        return true;
    case FINISH_RELU:
        return dnnl_post_ops_append_eltwise(posts, 1, dnnl_eltwise_relu, 0, 0) == dnnl_success;
    case FINISH_LOGISTIC:
        return dnnl_post_ops_append_eltwise(posts, 1, dnnl_eltwise_logistic, 0, 0) == dnnl_success;
    case FINISH_GATE:
        return dnnl_post_ops_append_sum(posts, 1) == dnnl_success &&
               dnnl_post_ops_append_eltwise(posts, 1, dnnl_eltwise_logistic, 0, 0) ==
                   dnnl_success &&
               dnnl_post_ops_append_binary(posts, dnnl_binary_mul, like) == dnnl_success &&
               dnnl_post_ops_append_binary(posts, dnnl_binary_add, like) == dnnl_success;
    }
    return false;
}

/* Scratch memory comes with each call, so that calls may run side by side. */
static dnnl_primitive_attr_t attributes(const struct step *step, const dnnl_memory_desc_t *like)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t posts = NULL;
    bool fine =
        dnnl_primitive_attr_create(&attr) == dnnl_success &&
        dnnl_post_ops_create(&posts) == dnnl_success && append(posts, step, like) &&
        dnnl_primitive_attr_set_post_ops(attr, posts) == dnnl_success &&
        dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user) == dnnl_success;
    dnnl_post_ops_destroy(posts);
    if (fine)
        return attr;
    dnnl_primitive_attr_destroy(attr);
    return NULL;
}

static dnnl_primitive_desc_t plan(const struct chain *chain, const struct step *step, size_t rows)
{
    size_t ins = chain->spec.matrix[step->from].columns,
           outs = chain->spec.matrix[step->to].columns;
    const dnnl_dims_t weight_dims = {(dnnl_dim_t)ins, (dnnl_dim_t)outs};
    dnnl_memory_desc_t from, to, weight, bias;
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_desc_t plan = NULL;
    if (!describe_rows(&from, chain->spec.matrix[step->from].dtype, rows, ins) ||
        !describe_rows(&to, chain->spec.matrix[step->to].dtype, rows, outs) ||
        !describe_rows(&bias, DTYPE_F32, 1, outs) ||
        dnnl_memory_desc_init_by_tag(&weight, 2, weight_dims, type_of(step->weight->dtype, true),
                                     dnnl_format_tag_any) != dnnl_success ||
        dnnl_matmul_desc_init(&matmul, &from, &weight, step->bias ? &bias : NULL, &to) !=
            dnnl_success)
        return NULL;
    dnnl_primitive_attr_t attr = attributes(step, &to);
    if (attr &&
        dnnl_primitive_desc_create(&plan, &matmul, attr, chain->engine, NULL) != dnnl_success)
        plan = NULL;
    dnnl_primitive_attr_destroy(attr);
    return plan;
}

/* ---- weights --------------------------------------------------------------------------------- */

static bool reorder(const struct chain *chain, dnnl_memory_t from, const dnnl_memory_desc_t *layout,
                    dnnl_memory_t to)
{
    const dnnl_memory_desc_t *plain;
    dnnl_primitive_desc_t plan = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_stream_t stream = NULL;
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    bool fine =
        dnnl_memory_get_memory_desc(from, &plain) == dnnl_success &&
        dnnl_reorder_primitive_desc_create(&plan, plain, chain->engine, layout, chain->engine,
                                           NULL) == dnnl_success &&
        dnnl_primitive_create(&primitive, plan) == dnnl_success &&
        dnnl_stream_create(&stream, chain->engine, dnnl_stream_default_flags) == dnnl_success &&
        dnnl_primitive_execute(primitive, stream, 2, args) == dnnl_success &&
        dnnl_stream_wait(stream) == dnnl_success;
    dnnl_stream_destroy(stream);
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(plan);
    return fine;
}

/* The step's weights in the layout that `desc` asks for, unless there is such a copy already. */
static bool lay_out(struct chain *chain, size_t step, size_t size, const dnnl_memory_desc_t *desc)
{
    const struct step *s = &chain->spec.step[step];
    size_t *count = &chain->layouts[step], i = 0;
    while (i < *count && !dnnl_memory_desc_equal(&chain->layout[step][i].desc, desc))
        i++;
    chain->layout_of[step][size] = i;
    if (i < *count)
        return true;
    struct layout *to = &chain->layout[step][(*count)++];
    dnnl_memory_desc_t plain;
    dnnl_memory_t from = NULL;
    to->desc = *desc;
    to->data = packed_alloc(dnnl_memory_desc_get_size(desc));
    bool fine =
        to->data &&
        describe(&plain, type_of(s->weight->dtype, true), chain->spec.matrix[s->from].columns,
                 chain->spec.matrix[s->to].columns, 1, s->weight->ld) &&
        dnnl_memory_create(&from, &plain, chain->engine, s->weight->data) == dnnl_success &&
        dnnl_memory_create(&to->memory, desc, chain->engine, to->data) == dnnl_success &&
        reorder(chain, from, desc, to->memory);
    dnnl_memory_destroy(from);
    return fine;
}

static bool copy_bias(struct chain *chain, size_t step)
{
    const struct step *s = &chain->spec.step[step];
    size_t outs = chain->spec.matrix[s->to].columns;
    dnnl_memory_desc_t desc;
    if (!s->bias)
        return true;
    chain->bias[step] = packed_alloc(outs * sizeof(float));
    if (!chain->bias[step] || !describe_rows(&desc, DTYPE_F32, 1, outs))
        return false;
    memcpy(chain->bias[step], s->bias->data, outs * sizeof(float));
    return dnnl_memory_create(&chain->bias_memory[step], &desc, chain->engine, chain->bias[step]) ==
           dnnl_success;
}

/* ---- sets ------------------------------------------------------------------------------------ */

static bool rounds(const struct matrix *matrix) { return matrix->dtype == DTYPE_BF16; }

static bool make_set(const struct chain *chain, struct set *set, size_t scratch_bytes)
{
    bool fine =
        dnnl_stream_create(&set->stream, chain->engine, dnnl_stream_default_flags) == dnnl_success;
    set->scratchpad = packed_alloc(scratch_bytes);
    fine = fine && set->scratchpad;
    for (size_t m = 0; m < chain->spec.matrices && fine; m++) {
        const struct matrix *matrix = &chain->spec.matrix[m];
        size_t rows = matrix->operand == INSIDE || rounds(matrix) ? ROWS_MOST : BUFFERED_ROWS;
        size_t bytes = rows * matrix->columns * dtype_bytes(matrix->dtype);
        set->buffer[m] = aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE);
        fine = set->buffer[m] != NULL;
        for (size_t i = 0; i < SIZES && fine; i++) {
            dnnl_memory_desc_t desc;
            fine = describe_rows(&desc, matrix->dtype, (size_t)1 << i, matrix->columns) &&
                   dnnl_memory_create(&set->matrix[m][i], &desc, chain->engine, DNNL_MEMORY_NONE) ==
                       dnnl_success;
        }
    }
    for (size_t s = 0; s < chain->spec.steps && fine; s++)
        for (size_t i = 0; i < SIZES && fine; i++)
            fine = dnnl_memory_create(&set->scratch[s][i], &chain->scratch[s][i], chain->engine,
                                      set->scratchpad) == dnnl_success;
    return fine;
}

static bool make_sets(struct chain *chain)
{
    size_t bytes = 0;
    for (size_t s = 0; s < chain->spec.steps; s++)
        for (size_t i = 0; i < SIZES; i++)
            if (dnnl_memory_desc_get_size(&chain->scratch[s][i]) > bytes)
                bytes = dnnl_memory_desc_get_size(&chain->scratch[s][i]);
    chain->sets = scratch_make(sizeof(struct set));
    if (!chain->sets)
        return false;
    for (size_t i = 0; i < scratch_shares(chain->sets); i++)
        memset(scratch_share(chain->sets, i), 0, sizeof(struct set));
    for (size_t i = 0; i < scratch_shares(chain->sets); i++)
        if (!make_set(chain, scratch_share(chain->sets, i), bytes))
            return false;
    return true;
}

static void free_set(struct set *set)
{
    for (size_t i = 0; i < SIZES; i++) {
        for (size_t m = 0; m < MATRICES; m++)
            dnnl_memory_destroy(set->matrix[m][i]);
        for (size_t s = 0; s < STEPS_MAX; s++)
            dnnl_memory_destroy(set->scratch[s][i]);
    }
    for (size_t m = 0; m < MATRICES; m++)
        free(set->buffer[m]);
    free(set->scratchpad);
    dnnl_stream_destroy(set->stream);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* The path names each implementation once. */
static void note(struct chain *chain, const char *implementation)
{
    size_t used = strlen(chain->path);
    if (!strstr(chain->path, implementation))
        snprintf(chain->path + used, sizeof chain->path - used, "%s%s", used ? ", " : "matmul ",
                 implementation);
}

static bool make_primitive(struct chain *chain, size_t step, size_t size)
{
    dnnl_primitive_desc_t made = plan(chain, &chain->spec.step[step], (size_t)1 << size);
    const char *implementation = "";
    if (!made)
        return false;
    chain->scratch[step][size] = *dnnl_primitive_desc_query_md(made, dnnl_query_scratchpad_md, 0);
    bool fine =
        dnnl_primitive_desc_query(made, dnnl_query_impl_info_str, 0, &implementation) ==
            dnnl_success &&
        lay_out(chain, step, size, dnnl_primitive_desc_query_md(made, dnnl_query_weights_md, 0)) &&
        dnnl_primitive_create(&chain->primitive[step][size], made) == dnnl_success;
    note(chain, implementation);
    dnnl_primitive_desc_destroy(made);
    return fine;
}

void *chain_make(const struct chain_spec *spec)
{
    struct chain *chain = calloc(1, sizeof *chain);
    if (!chain)
        return NULL;
    chain->spec = *spec;
    chain->rounder = rounder_at(isa_widest());
    omp_set_num_threads(1);
    bool fine = dnnl_engine_create(&chain->engine, dnnl_cpu, 0) == dnnl_success;
    for (size_t s = 0; s < spec->steps && fine; s++) {
        fine = copy_bias(chain, s);
        for (size_t i = SIZES; i-- > 0 && fine;)
            fine = make_primitive(chain, s, i);
    }
    if (fine && make_sets(chain))
        return chain;
    chain_release(chain);
    return NULL;
}

void chain_release(void *made)
{
    struct chain *chain = made;
    for (size_t i = 0; chain->sets && i < scratch_shares(chain->sets); i++)
        free_set(scratch_share(chain->sets, i));
    scratch_free(chain->sets);
    for (size_t s = 0; s < STEPS_MAX; s++) {
        for (size_t i = 0; i < SIZES; i++)
            dnnl_primitive_destroy(chain->primitive[s][i]);
        for (size_t i = 0; i < chain->layouts[s]; i++) {
            dnnl_memory_destroy(chain->layout[s][i].memory);
            free(chain->layout[s][i].data);
        }
        dnnl_memory_destroy(chain->bias_memory[s]);
        free(chain->bias[s]);
    }
    dnnl_engine_destroy(chain->engine);
    free(chain);
}

const char *chain_path(const void *chain) { return ((const struct chain *)chain)->path; }

/* ---- running --------------------------------------------------------------------------------- */

static void copy_rows(char *to, size_t to_step, const char *from, size_t from_step, size_t rows,
                      size_t bytes)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(to + r * to_step, from + r * from_step, bytes);
}

/* The caller's rows from `first` on, `rows` of them, for each of the chain's matrices. */
struct piece {
    const struct call *call;
    size_t first, rows;
};

static bool has_gaps(const struct piece *piece, const struct matrix *m)
{
    return m->operand != INSIDE && !rounds(m) && piece->rows > 1 &&
           piece->call->tensor[m->operand].ld != m->columns;
}

static char *rows_of(const struct piece *piece, const struct matrix *m)
{
    const struct tensor *t = &piece->call->tensor[m->operand];
    return (char *)t->data + piece->first * t->ld * dtype_bytes(t->dtype);
}

static void round_rows(const struct chain *chain, uint16_t *to, const struct piece *piece,
                       const struct matrix *m)
{
    const struct tensor *t = &piece->call->tensor[m->operand];
    for (size_t r = 0; r < piece->rows; r++)
        chain->rounder->bf16(to + r * m->columns,
                             (const float *)t->data + (piece->first + r) * t->ld, m->columns);
}

/* The largest power of two that is left and that the buffers hold, where they are needed. */
static size_t size_of(const struct chain *chain, const struct piece *left)
{
    size_t most = ROWS_MOST, size = 0;
    for (size_t m = 0; m < chain->spec.matrices; m++)
        if (has_gaps(left, &chain->spec.matrix[m]))
            most = BUFFERED_ROWS;
    if (left->rows < most)
        most = left->rows;
    while (((size_t)2 << size) <= most)
        size++;
    return size;
}

static void execute(const struct chain *chain, const struct set *set, size_t step, size_t size)
{
    const struct step *s = &chain->spec.step[step];
    dnnl_exec_arg_t args[7] = {
        {DNNL_ARG_SRC, set->matrix[s->from][size]},
        {DNNL_ARG_WEIGHTS, chain->layout[step][chain->layout_of[step][size]].memory},
        {DNNL_ARG_DST, set->matrix[s->to][size]},
        {DNNL_ARG_SCRATCHPAD, set->scratch[step][size]},
    };
    int count = 4;
    if (s->bias)
        args[count++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, chain->bias_memory[step]};
    if (s->finish == FINISH_GATE) {
        args[count++] = (dnnl_exec_arg_t){DNNL_ARG_ATTR_MULTIPLE_POST_OP(2) | DNNL_ARG_SRC_1,
                                          set->matrix[1][size]};
        args[count++] = (dnnl_exec_arg_t){DNNL_ARG_ATTR_MULTIPLE_POST_OP(3) | DNNL_ARG_SRC_1,
                                          set->matrix[0][size]};
    }
    dnnl_primitive_execute(chain->primitive[step][size], set->stream, count, args);
}

/* Between the caller's rows of a matrix and the buffer; `in` says which way. */
static void copy_matrix(const struct piece *piece, const struct matrix *m, void *buffer, bool in)
{
    const size_t element = dtype_bytes(m->dtype), bytes = m->columns * element;
    const size_t step = piece->call->tensor[m->operand].ld * element;
    char *rows = rows_of(piece, m);
    if (in)
        copy_rows(buffer, bytes, rows, step, piece->rows, bytes);
    else
        copy_rows(rows, step, buffer, bytes, piece->rows, bytes);
}

static void run_piece(const struct chain *chain, struct set *set, const struct piece *piece,
                      size_t size)
{
    for (size_t m = 0; m < chain->spec.matrices; m++) {
        const struct matrix *matrix = &chain->spec.matrix[m];
        bool gaps = has_gaps(piece, matrix);
        bool buffered = gaps || rounds(matrix) || matrix->operand == INSIDE;
        if (rounds(matrix))
            round_rows(chain, set->buffer[m], piece, matrix);
        else if (gaps && !matrix->out)
            copy_matrix(piece, matrix, set->buffer[m], true);
        dnnl_memory_set_data_handle(set->matrix[m][size],
                                    buffered ? set->buffer[m] : rows_of(piece, matrix));
    }
    for (size_t s = 0; s < chain->spec.steps; s++)
        execute(chain, set, s, size);
    dnnl_stream_wait(set->stream);
    for (size_t m = 0; m < chain->spec.matrices; m++) {
        const struct matrix *matrix = &chain->spec.matrix[m];
        if (has_gaps(piece, matrix) && matrix->out)
            copy_matrix(piece, matrix, set->buffer[m], false);
    }
}

void chain_run(const struct call *call)
{
    const struct chain *chain = call->prepared;
    const size_t batch = call->dims.extent[BATCH];
    omp_set_num_threads(1);
    struct set *set = scratch_borrow(chain->sets);
    for (size_t b = 0, rows; b < batch; b += rows) {
        struct piece piece = {call, b, batch - b};
        size_t size = size_of(chain, &piece);
        piece.rows = rows = (size_t)1 << size;
        run_piece(chain, set, &piece, size);
    }
    scratch_give_back(chain->sets, set);
}
