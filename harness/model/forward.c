#include "harness/model/forward.h"

#include "kernels/ahead.h"
#include "reference/operands.h"

#include <assert.h>
#include <stdlib.h>

/* The most rows that a fusion of several tasks takes together. */
enum { FEW_ROWS = 2 };

/* ---- shares of one batch --------------------------------------------------------------------- */

static const struct ektm *table(const struct forward *f) { return &f->composed->model->ektm; }

/* The layers first .. last-1 are one layer for different tasks, `layer` among them. */
static void group_of(const struct ektm *ektm, size_t layer, size_t *first, size_t *last)
{
    *first = layer;
    while (ektm_repeats(ektm, *first))
        --*first;
    *last = layer + 1;
    while (*last < ektm->layers && ektm_repeats(ektm, *last))
        ++*last;
}

/* Outputs of a row that the layer computes. */
static size_t outputs_of(const struct ektm_layer *layer)
{
    size_t out = layer->dims.extent[OUT];
    return out ? out : layer->dims.extent[WIDTH];
}

/* The pieces that members share a layer in: panels of output columns where its kernel can compute
 * some alone, tasks where there are several, else one. */
static size_t pieces_of(const struct forward *f, size_t layer)
{
    size_t panel = f->composed->kernel[layer]->panel;
    return panel ? (outputs_of(&table(f)->layer[layer]) + panel - 1) / panel : 1;
}

/* A member's piece of a layer whose outputs and tasks are shared: the pieces of all its tasks are
 * dealt out together. */
static struct call cut_columns(const struct forward *f, size_t layer, const struct call *whole,
                               size_t member)
{
    size_t first, last, pieces = pieces_of(f, layer);
    group_of(table(f), layer, &first, &last);
    struct share share = share_of(pieces * (last - first), member, f->members);
    size_t begin = (layer - first) * pieces, end = begin + pieces;
    size_t from = share.first > begin ? share.first : begin;
    size_t to = share.first + share.count < end ? share.first + share.count : end;
    struct call part = *whole;
    if (from >= to)
        part.dims.extent[BATCH] = 0;
    else if (to - from < pieces) {
        size_t panel = f->composed->kernel[layer]->panel;
        size_t outputs = outputs_of(&table(f)->layer[layer]);
        part.outputs.first = (from - begin) * panel;
        part.outputs.count = (to == end ? outputs : (to - begin) * panel) - part.outputs.first;
    }
    return part;
}

/* A member's fields of the only row. */
static struct call cut_fields(const struct forward *f, const struct call *whole, size_t member)
{
    struct call part = *whole;
    struct share share = share_of(whole->dims.extent[FIELDS], member, f->members);
    struct tensor *t = part.tensor;
    part.dims.extent[FIELDS] = share.count;
    t[EMBEDDING_BAGS].data = (int32_t *)t[EMBEDDING_BAGS].data + share.first;
    t[EMBEDDING_FIRST].data =
        (char *)t[EMBEDDING_FIRST].data +
        share.first * t[EMBEDDING_FIRST].ld * dtype_bytes(t[EMBEDDING_FIRST].dtype);
    t[EMBEDDING_X].data = (float *)t[EMBEDDING_X].data + share.first * part.dims.extent[WIDTH];
    return part;
}

static bool is_embedding(const struct forward *f, size_t layer)
{
    return table(f)->layer[layer].op == op_find("embedding");
}

static struct call cut(const struct forward *f, size_t layer, const struct call *whole,
                       size_t member)
{
    const struct op *op = table(f)->layer[layer].op;
    struct share share = share_of(f->rows, member, f->members);
    size_t first, last;
    group_of(table(f), layer, &first, &last);
    if (f->by_columns && f->rows == 1 && is_embedding(f, layer))
        return cut_fields(f, whole, member);
    if (f->by_columns &&
        (f->composed->kernel[layer]->panel || (last - first > 1 && f->rows < f->members)))
        return cut_columns(f, layer, whole, member);
    return call_rows(op, whole, share.first, share.count);
}

/* Whether the layer reads what was written since members last met. */
static bool reads_fresh(const struct ektm_layer *layer, const bool *fresh)
{
    for (size_t i = 0; i < layer->op->operands; i++)
        if (layer->op->operand[i].role == ROLE_IN && layer->binding[i].source == SOURCE_BUFFER &&
            fresh[layer->binding[i].index])
            return true;
    return false;
}

static void find_meetings(struct forward *f)
{
    bool fresh[BUFFERS] = {false};
    for (size_t s = 0; s < f->steps; s++) {
        const size_t l = f->order[s];
        const struct ektm_layer *layer = &table(f)->layer[l];
        f->meets[l] = f->by_columns && reads_fresh(layer, fresh);
        for (size_t b = 0; b < BUFFERS && f->meets[l]; b++)
            fresh[b] = false;
        for (size_t i = 0; i < layer->op->operands; i++)
            if (layer->op->operand[i].role == ROLE_OUT)
                fresh[layer->binding[i].index] = true;
    }
}

/* First steps that take all rows. */
static size_t wide_of(const struct forward *f)
{
    return f->schedule.wide < f->steps ? f->schedule.wide : f->steps;
}

/* Inputs and predictions are whole, and what wide layers compute. */
static void find_whole(struct forward *f)
{
    for (size_t b = 0; b < BUFFERS; b++)
        f->whole[b] = b == BUFFER_BAGS || b == BUFFER_DENSE || b == BUFFER_P;
    for (size_t i = 0; i < wide_of(f); i++) {
        const struct ektm_layer *layer = &table(f)->layer[f->order[i]];
        for (size_t o = 0; o < layer->op->operands; o++)
            if (layer->op->operand[o].role == ROLE_OUT)
                f->whole[layer->binding[o].index] = true;
    }
}

/* Rows of a member that go together, of `rows` that it has. */
static size_t tile_of(const struct forward *f, size_t rows)
{
    size_t tile = f->by_columns ? 0 : f->schedule.tile;
    return tile && tile < rows ? tile : rows;
}

/* Whether the fusion may stand in the place of its layers. Members that share columns share those
 * of each layer. A fusion of several tasks saves the same little for any number of rows, and with
 * many of them what the tasks' other layers wrote has left the nearest cache. */
static bool fuses(const struct forward *f, size_t fusion)
{
    if (!fusion || !f->schedule.fuse || f->by_columns || !f->composed->kernel[fusion])
        return false;
    size_t most = (f->rows + f->members - 1) / f->members;
    return table(f)->layer[fusion].per_task || tile_of(f, most) <= FEW_ROWS;
}

/* The fusion that stands in the layer's place, or the layer. */
static size_t step_of(const struct forward *f, size_t layer)
{
    size_t fusion = table(f)->layer[layer].fusion;
    return fuses(f, fusion) ? fusion : layer;
}

/* Whether a layer behind this one goes the same step. */
static bool goes_later(const struct forward *f, size_t layer)
{
    size_t later = layer + 1;
    while (later < table(f)->layers && step_of(f, later) != step_of(f, layer))
        later++;
    return later < table(f)->layers;
}

/* Behind the last step that all tasks share, the steps of one task follow each other: what one
 * writes, the next one finds in the nearest cache. A fusion goes where the last of its layers does.
 * Members that meet between layers keep the table's order, where they meet once for all tasks. */
static void find_order(struct forward *f)
{
    const struct ektm_layer *layer = table(f)->layer;
    const size_t layers = table(f)->layers;
    const size_t tasks = f->by_columns ? 0 : table(f)->config.tasks + 1;
    size_t shared = layers;
    while (tasks && shared > 0 && layer[shared - 1].per_task)
        shared--;
    f->steps = 0;
    for (size_t l = 0; l < shared; l++)
        f->order[f->steps++] = l;
    for (size_t task = 0; task < tasks; task++)
        for (size_t l = shared; l < layers; l++)
            if (layer[l].task == task && !goes_later(f, l))
                f->order[f->steps++] = step_of(f, l);
}

static bool make_room(struct forward *f, size_t members, struct fault *fault)
{
    size_t entries = ektm_entries(table(f));
    if (members > f->members || !f->call) {
        struct call *call = realloc(f->call, members * entries * sizeof *call);
        f->call = call ? call : f->call;
        bool *meets = realloc(f->meets, entries * sizeof *meets);
        f->meets = meets ? meets : f->meets;
        size_t *order = realloc(f->order, entries * sizeof *order);
        f->order = order ? order : f->order;
        if (!call || !meets || !order)
            return fault_memory(fault, "the calls of a forward pass");
    }
    f->members = members;
    return true;
}

bool forward_bind(struct forward *f, const struct composed *composed,
                  const struct activations *activations, const struct schedule *schedule,
                  size_t rows, size_t members, struct team *team, struct fault *fault)
{
    assert(!f->composed || f->composed->model->ektm.layers == composed->model->ektm.layers);
    f->composed = composed;
    if (!make_room(f, members, fault))
        return false;
    f->activations = activations;
    f->schedule = *schedule;
    f->rows = rows;
    f->team = team;
    f->turned = 0;
    f->by_columns = team && members > 1 && rows < schedule->columns_below * members;
    find_order(f);
    find_meetings(f);
    find_whole(f);
    for (size_t i = 0; i < f->steps; i++) {
        const size_t l = f->order[i];
        struct call whole =
            model_call(composed->model, &activations->memory, l, rows, composed->kernel[l]->dtype);
        whole.prepared = composed->prepared[l];
        whole.options.lines_ahead = schedule->lines_ahead;
        for (size_t m = 0; m < members; m++) {
            struct call part = cut(f, l, &whole, m);
            part.dims.extent[BATCH] = tile_of(f, part.dims.extent[BATCH]);
            f->call[m * ektm_entries(table(f)) + l] = part;
        }
    }
    return true;
}

void forward_free(struct forward *f)
{
    free(f->call);
    free(f->meets);
    free(f->order);
    *f = (struct forward){0};
}

void forward_turn(struct forward *f, size_t row)
{
    const struct tensor *bags = &f->activations->memory.buffer[BUFFER_BAGS];
    const ptrdiff_t further = ((ptrdiff_t)row - (ptrdiff_t)f->turned) * (ptrdiff_t)bags->ld;
    assert(table(f)->layer[0].binding[EMBEDDING_BAGS].index == BUFFER_BAGS);
    for (size_t m = 0; m < f->members; m++) {
        struct tensor *own = &f->call[m * ektm_entries(table(f))].tensor[EMBEDDING_BAGS];
        own->data = (int32_t *)own->data + further;
    }
    f->turned = row;
}

/* ---- walking --------------------------------------------------------------------------------- */

/* The call of a later tile: inputs, predictions and what wide layers computed are those of its
 * rows, everything else lies where the first tile's does. */
static struct call later(const struct forward *f, size_t layer, const struct call *first,
                         size_t row, size_t rows)
{
    const struct ektm_layer *l = &table(f)->layer[layer];
    struct call call = *first;
    call.dims.extent[BATCH] = rows;
    for (size_t i = 0; i < l->op->operands; i++) {
        struct tensor *t = &call.tensor[i];
        size_t buffer = l->binding[i].index;
        if (l->binding[i].source == SOURCE_BUFFER && f->whole[buffer])
            t->data = (char *)t->data + row * t->ld * dtype_bytes(t->dtype);
    }
    return call;
}

/* One tile after the other. While one is computed, memory is asked for the table's rows that the
 * next one needs. */
static void run_tiles(const struct forward *f, const struct call *first, size_t tile, size_t rows)
{
    size_t wide = wide_of(f);
    for (size_t i = 0; i < wide; i++) {
        struct call call = later(f, f->order[i], &first[f->order[i]], 0, rows);
        f->composed->kernel[f->order[i]]->run(&call);
    }
    for (size_t row = 0; row < rows; row += tile) {
        size_t count = rows - row < tile ? rows - row : tile;
        size_t next = row + count, more = rows - next < tile ? rows - next : tile;
        struct call coming = later(f, 0, &first[0], next, more);
        struct ahead ahead;
        ahead_begin(&ahead, &coming,
                    (double)(count * f->schedule.ask) / 100 * f->composed->row_products);
        for (size_t i = wide; i < f->steps; i++) {
            const size_t l = f->order[i];
            struct call call = later(f, l, &first[l], row, count);
            call.ahead = more && !wide && f->schedule.ask ? &ahead : NULL;
            f->composed->kernel[l]->run(&call);
        }
    }
}

void forward_run(void *argument, size_t member, size_t members)
{
    (void)members;
    const struct forward *f = argument;
    size_t rows = share_of(f->rows, member, f->members).count;
    const struct call *call = f->call + member * ektm_entries(table(f));
    size_t tile = tile_of(f, rows);
    if (tile < rows && !f->by_columns) {
        run_tiles(f, call, tile, rows);
        return;
    }
    for (size_t i = 0; i < f->steps; i++) {
        const size_t l = f->order[i];
        if (f->meets[l])
            team_meet(f->team, member);
        if (call[l].dims.extent[BATCH])
            f->composed->kernel[l]->run(&call[l]);
    }
}
