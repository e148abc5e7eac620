/* Enhanced module of one CVR task: g = sigmoid(G_f f + G_m m + c), z = f + g m.
 *
 * A tile of z, 64 outputs by up to 64 rows, takes the product with f, then that with m on top, both
 * by tiles.h's generated code; the gate follows while the tile is in L1. Bound by the
 * multiply-adds; for a single row by reading the weights. */
#include "kernels/kernel.h"
#include "kernels/libxsmm/tiles.h"
#include "reference/operands.h"

#include <stdio.h>
#include <stdlib.h>

extern const struct op enhanced_op;
extern const struct backend libxsmm_backend;

struct enhanced {
    struct tiles *f, *m;
    char path[2 * TILES_TEXT];
};

static void release(void *prepared)
{
    struct enhanced *e = prepared;
    tiles_free(e->f);
    tiles_free(e->m);
    free(e);
}

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH];
    struct enhanced *e = malloc(sizeof *e);
    if (!e)
        return NULL;
    struct tiles_spec spec = {.weight = &t[ENHANCED_GF],
                              .ins = width,
                              .outs = width,
                              .ldx = t[ENHANCED_F].ld,
                              .ldy = t[ENHANCED_Z].ld};
    *e = (struct enhanced){.f = tiles_make(&spec)};
    spec.weight = &t[ENHANCED_GM];
    spec.ldx = t[ENHANCED_M].ld;
    spec.add = true;
    e->m = tiles_make(&spec);
    if (!e->f || !e->m) {
        release(e);
        return NULL;
    }
    snprintf(e->path, sizeof e->path, "f: %s; m: %s", tiles_path(e->f), tiles_path(e->m));
    return e;
}

static const char *path(const void *prepared) { return ((const struct enhanced *)prepared)->path; }

static struct rows at(const struct tensor *t, size_t row)
{
    return (struct rows){(const float *)t->data + row * t->ld, t->ld};
}

static void run(const struct call *call)
{
    const struct enhanced *e = call->prepared;
    const struct epilogue *epilogue = tiles_epilogue(e->f);
    const struct tensor *t = call->tensor, *tz = &t[ENHANCED_Z];
    const float *c = t[ENHANCED_C].data;
    const size_t batch = call->dims.extent[BATCH], width = call->dims.extent[WIDTH];
    for (size_t b = 0, count; b < batch; b += count) {
        struct rows f = at(&t[ENHANCED_F], b), m = at(&t[ENHANCED_M], b);
        float *z = (float *)tz->data + b * tz->ld;
        count = at_most(tiles_rows(e->f, f.ld, tz->ld, batch - b),
                        tiles_rows(e->m, m.ld, tz->ld, batch - b));
        for (size_t o = 0; o < width; o += TILE_OUTS) {
            tiles_run(e->f, f.data, f.ld, z + o, tz->ld, o, count);
            tiles_run(e->m, m.data, m.ld, z + o, tz->ld, o, count);
            epilogue->gate(z + o, tz->ld, c + o, (struct rows){f.data + o, f.ld},
                           (struct rows){m.data + o, m.ld}, count, at_most(width - o, TILE_OUTS));
        }
    }
}

const struct kernel enhanced_f32_libxsmm = {
    .name = "enhanced_f32_libxsmm",
    .op = &enhanced_op,
    .dtype = DTYPE_F32,
    .backend = &libxsmm_backend,
    .cut_changes_bits = true,
    .run = run,
    .prepare = prepare,
    .release = release,
    .path = path,
    .about = "generated tiles of 64 outputs x 64 rows over f, then m; gate by a loop in L1",
};
