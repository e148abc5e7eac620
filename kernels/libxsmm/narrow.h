/* The products of tiles.h for the layers of narrow_layer.h. */
#ifndef EKTM_KERNELS_LIBXSMM_NARROW_H
#define EKTM_KERNELS_LIBXSMM_NARROW_H

#include "kernels/narrow_layer.h"

extern const struct multiplier bf16_by_libxsmm, i8_by_libxsmm;

/* For kernels' `usable`. */
bool libxsmm_has_bf16(char *reason, size_t size);
bool libxsmm_has_i8(char *reason, size_t size);

#endif
