#include "kernels/libxsmm/narrow.h"

#include "kernels/libxsmm/tiles.h"

#include <libxsmm.h>
#include <stdio.h>

static void *pack(const struct narrow_weights *w)
{
    return tiles_make(&(struct tiles_spec){.weight = w->weight,
                                           .ins = w->terms,
                                           .outs = w->outs,
                                           .ldx = w->ldx,
                                           .ldy = w->ld,
                                           .add = w->add});
}

static void release(void *packed) { tiles_free(packed); }

static const char *path(const void *packed) { return tiles_path(packed); }

static void multiply(const void *packed, const struct narrow_tile *t, size_t element)
{
    for (size_t r = 0, rows; r < t->rows; r += rows) {
        rows = tiles_rows(packed, t->ldx, t->ld, t->rows - r);
        tiles_run(packed, (const char *)t->x + r * t->ldx * element, t->ldx,
                  (float *)t->sums + r * t->ld, t->ld, t->out, rows);
    }
}

static void multiply_bf16(const void *packed, const struct narrow_tile *t)
{
    multiply(packed, t, sizeof(uint16_t));
}

static void multiply_i8(const void *packed, const struct narrow_tile *t)
{
    multiply(packed, t, sizeof(uint8_t));
}

const struct multiplier bf16_by_libxsmm = {
    .dtype = DTYPE_BF16,
    .rows = TILE_ROWS,
    .outs = TILE_OUTS,
    .group = 2,
    .pack = pack,
    .release = release,
    .multiply = multiply_bf16,
    .path = path,
};

const struct multiplier i8_by_libxsmm = {
    .dtype = DTYPE_I8,
    .rows = TILE_ROWS,
    .outs = TILE_OUTS,
    .group = 4,
    .pack = pack,
    .release = release,
    .multiply = multiply_i8,
    .path = path,
};

bool libxsmm_has_bf16(char *reason, size_t size)
{
    if (tiles_generates(DTYPE_BF16))
        return true;
    snprintf(reason, size, "libxsmm generates no bf16 code for this CPU (target %s)",
             libxsmm_get_target_arch());
    return false;
}

bool libxsmm_has_i8(char *reason, size_t size)
{
    if (tiles_generates(DTYPE_I8) && tiles_exact())
        return true;
    snprintf(reason, size, "libxsmm %s for this CPU (target %s)",
             tiles_generates(DTYPE_I8) ? "saturates sums of i8" : "generates no i8 code",
             libxsmm_get_target_arch());
    return false;
}
