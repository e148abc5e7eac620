/* What the library has of narrow formats here, and its product of integers for the layers of
 * narrow_layer.h: one matmul primitive, its sums in i32. */
#ifndef EKTM_KERNELS_ONEDNN_NARROW_H
#define EKTM_KERNELS_ONEDNN_NARROW_H

#include "kernels/narrow_layer.h"

extern const struct multiplier i8_by_onednn;

/* For kernels' `usable`. */
bool onednn_has_bf16(char *reason, size_t size);
bool onednn_has_i8(char *reason, size_t size);

#endif
