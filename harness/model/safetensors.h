/* The safetensors format: 8 bytes of header length (little-endian), a JSON header that names, types
 * and places each tensor, then the tensors, raw and little-endian. */
#ifndef EKTM_HARNESS_MODEL_SAFETENSORS_H
#define EKTM_HARNESS_MODEL_SAFETENSORS_H

#include "harness/fault.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { SAFETENSOR_AXES = 2 }; /* a model's weights are vectors and matrices */

enum safetensor_format { SAFETENSOR_F32, SAFETENSOR_BF16, SAFETENSOR_I8 };

struct safetensor {
    const char *name; /* lives as long as the file is open */
    enum safetensor_format format;
    size_t axes, shape[SAFETENSOR_AXES]; /* outermost first; no axes: one number */
    size_t elements;
    uint64_t begin, end; /* bytes of the file */
};

/* A file opened for reading. */
struct safetensors {
    const char *path; /* the caller's */
    int descriptor;
    json_t *header;
    size_t count;
    struct safetensor *tensor; /* sorted by name, as strcmp compares */
};

/* Opens a file and checks everything but the numbers: the header's length and syntax; each tensor's
 * format, shape and place against each other; that the tensors fill the file without overlaps or
 * holes. Every mistake is a fault that names the file and the tensor. */
bool safetensors_open(struct safetensors *file, const char *path, struct fault *fault);
void safetensors_close(struct safetensors *file);

/* The tensor of that name, or NULL. */
const struct safetensor *safetensors_find(const struct safetensors *file, const char *name);

/* The text of `key` in `__metadata__`, or NULL. */
const char *safetensors_text(const struct safetensors *file, const char *key);

/* Writes the tensor's shape, such as "[3,4]", into `text`. */
void safetensor_shape(const struct safetensor *tensor, char *text, size_t size);

/* Reads the elements of an F32 or BF16 tensor into `to`; BF16 is widened exactly. A number that is
 * not finite is a fault that names the tensor and the index. */
bool safetensors_read(const struct safetensors *file, const struct safetensor *tensor, float *to,
                      struct fault *fault);

/* Reads the rows of an I8 matrix to `to` and every `ld` elements behind it. */
bool safetensors_read_i8(const struct safetensors *file, const struct safetensor *tensor,
                         int8_t *to, size_t ld, struct fault *fault);

/* A tensor to write: its rows (along the first axis) `stride` bytes apart, or, 0, contiguous. */
struct safetensor_source {
    const char *name;
    enum safetensor_format format;
    size_t axes, shape[SAFETENSOR_AXES];
    const void *data;
    size_t stride;
};

struct safetensor_text {
    const char *key, *value;
};

/* Writes a file atomically, the tensors in the order given, without a copy of their bytes: under
 * another name in the same folder, which becomes `path` once everything is on the disk. */
bool safetensors_write(const char *path, const struct safetensor_source *tensors, size_t count,
                       const struct safetensor_text *texts, size_t text_count, struct fault *fault);

#endif
