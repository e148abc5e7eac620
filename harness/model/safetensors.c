/* Reads safetensors. The file is read, never mapped: one that shrinks under our hands is then a
 * short read and a sentence, not a SIGBUS. */
#include "harness/model/safetensors.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER == __LITTLE_ENDIAN, "numbers are read as they lie in the file");

enum { LENGTH_BYTES = 8, HEADER_MAX = 100000000, NAME_MAX_BYTES = 200 };

/* Linux moves less than 2^31 bytes in one call. */
enum { READ_MAX = 1 << 30 };

static bool read_bytes(const struct safetensors *file, void *to, size_t bytes, uint64_t at,
                       struct fault *fault)
{
    for (size_t done = 0; done < bytes;) {
        size_t some = bytes - done < READ_MAX ? bytes - done : READ_MAX;
        ssize_t got = pread(file->descriptor, (char *)to + done, some, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fault_caller(fault, "%s: cannot be read: %s", file->path, strerror(errno));
        if (got == 0)
            return fault_caller(fault, "%s: ends at byte %" PRIu64 " while it is read", file->path,
                                at + done);
        done += (size_t)got;
    }
    return true;
}

static bool parse_header(struct safetensors *file, const char *text, size_t length,
                         struct fault *fault)
{
    json_error_t error;
    file->header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!file->header) {
        for (char *c = error.text; *c; c++)
            if (*c < ' ' || *c > '~')
                *c = '?';
        return fault_caller(fault, "%s: the header is not good JSON: %s (byte %d of the file)",
                            file->path, error.text, LENGTH_BYTES + error.position);
    }
    return json_is_object(file->header)
               ? true
               : fault_caller(fault, "%s: the header is JSON, but not an object", file->path);
}

/* Reads the header; `*data` becomes the byte of the file at which the tensors begin. */
static bool read_header(struct safetensors *file, uint64_t size, uint64_t *data,
                        struct fault *fault)
{
    uint64_t length;
    if (size < LENGTH_BYTES)
        return fault_caller(fault,
                            "%s: has %" PRIu64 " bytes; a safetensors file begins with 8 bytes "
                            "that hold the length of its header",
                            file->path, size);
    if (!read_bytes(file, &length, sizeof length, 0, fault))
        return false;
    if (length > HEADER_MAX || length > size - LENGTH_BYTES)
        return fault_caller(fault,
                            "%s: the length of the header is given as %" PRIu64 " bytes; %" PRIu64
                            " follow, and at most %d are allowed",
                            file->path, length, size - LENGTH_BYTES, HEADER_MAX);
    char *text = malloc(length + 1);
    if (!text)
        return fault_memory(fault, "the header of the weights file");
    bool fine = read_bytes(file, text, length, LENGTH_BYTES, fault) &&
                parse_header(file, text, length, fault);
    free(text);
    *data = LENGTH_BYTES + length;
    return fine;
}

static bool check_metadata(const struct safetensors *file, struct fault *fault)
{
    json_t *metadata = json_object_get(file->header, "__metadata__"), *value;
    const char *key;
    if (metadata && !json_is_object(metadata))
        return fault_caller(fault, "%s: __metadata__ is not an object of strings", file->path);
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return fault_caller(fault, "%s: __metadata__: the value of '%.64s' is not a string",
                                file->path, key);
    }
    return true;
}

/* Names appear in sentences. */
static bool check_name(const struct safetensors *file, const char *name, struct fault *fault)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++)
        if (name[i] < ' ' || name[i] > '~')
            return fault_caller(fault,
                                "%s: the name of a tensor has byte %u at %zu; printable "
                                "ASCII is allowed",
                                file->path, (unsigned char)name[i], i);
    return length && length <= NAME_MAX_BYTES
               ? true
               : fault_caller(fault,
                              "%s: the name of a tensor has %zu characters; 1 to %d are allowed",
                              file->path, length, NAME_MAX_BYTES);
}

static bool parse_format(const struct safetensors *file, struct safetensor *t, const json_t *format,
                         struct fault *fault)
{
    const char *text = json_string_value(format);
    if (text && strcmp(text, "F32") == 0)
        t->format = SAFETENSOR_F32;
    else if (text && strcmp(text, "BF16") == 0)
        t->format = SAFETENSOR_BF16;
    else if (text && strcmp(text, "I8") == 0)
        t->format = SAFETENSOR_I8;
    else
        return fault_caller(fault, "%s: tensor '%s': the dtype is %.32s; F32, BF16 and I8 are read",
                            file->path, t->name, text ? text : "not a string");
    return true;
}

static size_t format_bytes(enum safetensor_format format)
{
    return format == SAFETENSOR_F32 ? 4 : format == SAFETENSOR_BF16 ? 2 : 1;
}

static bool parse_shape(const struct safetensors *file, struct safetensor *t, const json_t *shape,
                        struct fault *fault)
{
    if (!json_is_array(shape) || json_array_size(shape) > SAFETENSOR_AXES)
        return fault_caller(fault, "%s: tensor '%s': the shape is not an array of at most %d sizes",
                            file->path, t->name, SAFETENSOR_AXES);
    t->axes = json_array_size(shape);
    t->elements = 1;
    for (size_t i = 0; i < t->axes; i++) {
        const json_t *extent = json_array_get(shape, i);
        if (!json_is_integer(extent) || json_integer_value(extent) < 0)
            return fault_caller(fault,
                                "%s: tensor '%s': size %zu of the shape is not a whole number of 0 "
                                "or more",
                                file->path, t->name, i);
        t->shape[i] = (size_t)json_integer_value(extent);
        if (__builtin_mul_overflow(t->elements, t->shape[i], &t->elements) ||
            t->elements > SIZE_MAX / 8)
            return fault_caller(fault, "%s: tensor '%s': the shape is larger than any memory",
                                file->path, t->name);
    }
    return true;
}

/* `data` and `size` are where the tensors begin and the file ends. */
static bool parse_place(const struct safetensors *file, struct safetensor *t, const json_t *offsets,
                        uint64_t data, uint64_t size, struct fault *fault)
{
    const json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last))
        return fault_caller(fault, "%s: tensor '%s': data_offsets are not two whole numbers",
                            file->path, t->name);
    json_int_t begin = json_integer_value(first), end = json_integer_value(last);
    if (begin < 0 || end < begin || (uint64_t)end > size - data)
        return fault_caller(fault,
                            "%s: tensor '%s': data_offsets are %lld to %lld; the file holds bytes "
                            "0 to %" PRIu64,
                            file->path, t->name, (long long)begin, (long long)end, size - data);
    size_t bytes = t->elements * format_bytes(t->format);
    if ((uint64_t)(end - begin) != bytes) {
        char shape[64];
        safetensor_shape(t, shape, sizeof shape);
        return fault_caller(fault,
                            "%s: tensor '%s': data_offsets hold %lld bytes; the shape %s needs %zu",
                            file->path, t->name, (long long)(end - begin), shape, bytes);
    }
    t->begin = data + (uint64_t)begin;
    t->end = data + (uint64_t)end;
    return true;
}

static bool parse_tensor(const struct safetensors *file, struct safetensor *t, const char *name,
                         const json_t *entry, uint64_t data, uint64_t size, struct fault *fault)
{
    t->name = name;
    if (!check_name(file, name, fault))
        return false;
    if (!json_is_object(entry))
        return fault_caller(fault, "%s: tensor '%s': its entry in the header is not an object",
                            file->path, name);
    return parse_format(file, t, json_object_get(entry, "dtype"), fault) &&
           parse_shape(file, t, json_object_get(entry, "shape"), fault) &&
           parse_place(file, t, json_object_get(entry, "data_offsets"), data, size, fault);
}

static bool parse_tensors(struct safetensors *file, uint64_t data, uint64_t size,
                          struct fault *fault)
{
    const char *name;
    json_t *entry;
    file->tensor = calloc(json_object_size(file->header) + 1, sizeof *file->tensor);
    if (!file->tensor)
        return fault_memory(fault, "the list of tensors");
    json_object_foreach(file->header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        if (!parse_tensor(file, &file->tensor[file->count], name, entry, data, size, fault))
            return false;
        file->count++;
    }
    return true;
}

static int by_place(const void *a, const void *b)
{
    const struct safetensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct safetensor *)a)->name, ((const struct safetensor *)b)->name);
}

/* Every byte from `data` to `size` belongs to one tensor. */
static bool check_places(struct safetensors *file, uint64_t data, uint64_t size,
                         struct fault *fault)
{
    uint64_t at = data;
    qsort(file->tensor, file->count, sizeof *file->tensor, by_place);
    for (size_t i = 0; i < file->count; i++) {
        const struct safetensor *t = &file->tensor[i];
        if (t->begin < at)
            return fault_caller(fault,
                                "%s: tensors '%s' and '%s' overlap: one ends at byte %" PRIu64
                                ", the other begins at %" PRIu64,
                                file->path, t[-1].name, t->name, at - data, t->begin - data);
        if (t->begin > at)
            return fault_caller(fault,
                                "%s: %" PRIu64 " bytes before tensor '%s' belong to no tensor",
                                file->path, t->begin - at, t->name);
        at = t->end;
    }
    qsort(file->tensor, file->count, sizeof *file->tensor, by_name);
    return at == size
               ? true
               : fault_caller(fault, "%s: %" PRIu64 " bytes behind the last tensor belong to none",
                              file->path, size - at);
}

static bool open_regular(struct safetensors *file, uint64_t *size, struct fault *fault)
{
    struct stat status;
    /* Not to wait for the other end of a pipe that is refused anyway. */
    file->descriptor = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->descriptor < 0 || fstat(file->descriptor, &status) != 0)
        return fault_caller(fault, "%s: cannot be opened: %s", file->path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return fault_caller(fault, "%s: is %s; weights are read from a regular file", file->path,
                            S_ISDIR(status.st_mode) ? "a directory" : "no regular file");
    *size = (uint64_t)status.st_size;
    return true;
}

bool safetensors_open(struct safetensors *file, const char *path, struct fault *fault)
{
    uint64_t size = 0, data = 0;
    *file = (struct safetensors){.path = path, .descriptor = -1};
    if (open_regular(file, &size, fault) && read_header(file, size, &data, fault) &&
        check_metadata(file, fault) && parse_tensors(file, data, size, fault) &&
        check_places(file, data, size, fault))
        return true;
    safetensors_close(file);
    return false;
}

void safetensors_close(struct safetensors *file)
{
    if (file->descriptor >= 0)
        close(file->descriptor);
    json_decref(file->header);
    free(file->tensor);
    *file = (struct safetensors){.descriptor = -1};
}

const struct safetensor *safetensors_find(const struct safetensors *file, const char *name)
{
    const struct safetensor key = {.name = name};
    return bsearch(&key, file->tensor, file->count, sizeof *file->tensor, by_name);
}

const char *safetensors_text(const struct safetensors *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

void safetensor_shape(const struct safetensor *tensor, char *text, size_t size)
{
    const size_t *n = tensor->shape;
    if (tensor->axes == 2)
        snprintf(text, size, "[%zu,%zu]", n[0], n[1]);
    else if (tensor->axes == 1)
        snprintf(text, size, "[%zu]", n[0]);
    else
        snprintf(text, size, "[]");
}

/* The numbers are read into the second half of their place and widened from its front: each is
 * taken before the one that is written over it. */
static bool read_bf16(const struct safetensors *file, const struct safetensor *tensor, float *to,
                      struct fault *fault)
{
    size_t bytes = tensor->elements * sizeof(uint16_t);
    const char *halves = (char *)to + bytes;
    if (!read_bytes(file, (char *)to + bytes, bytes, tensor->begin, fault))
        return false;
    for (size_t i = 0; i < tensor->elements; i++) {
        uint16_t half;
        memcpy(&half, halves + i * sizeof half, sizeof half);
        uint32_t whole = (uint32_t)half << 16;
        memcpy(&to[i], &whole, sizeof whole);
    }
    return true;
}

/* Where in the tensor element `at` is, such as "[2,17]". */
static void print_index(const struct safetensor *t, size_t at, char *text, size_t size)
{
    if (t->axes == 2)
        snprintf(text, size, "[%zu,%zu]", at / t->shape[1], at % t->shape[1]);
    else
        snprintf(text, size, "[%zu]", at);
}

bool safetensors_read(const struct safetensors *file, const struct safetensor *tensor, float *to,
                      struct fault *fault)
{
    bool read = tensor->format == SAFETENSOR_BF16
                    ? read_bf16(file, tensor, to, fault)
                    : read_bytes(file, to, tensor->elements * sizeof *to, tensor->begin, fault);
    if (!read)
        return false;
    for (size_t i = 0; i < tensor->elements; i++)
        if (!isfinite(to[i])) {
            char index[48];
            print_index(tensor, i, index, sizeof index);
            return fault_caller(fault,
                                "%s: tensor '%s': the number at %s is %s; only finite ones "
                                "are allowed",
                                file->path, tensor->name, index, isnan(to[i]) ? "NaN" : "infinite");
        }
    return true;
}

bool safetensors_read_i8(const struct safetensors *file, const struct safetensor *tensor,
                         int8_t *to, size_t ld, struct fault *fault)
{
    enum { PIECE = 1 << 20 };
    const size_t rows = tensor->shape[0], columns = tensor->shape[1];
    const size_t at_once = columns < PIECE ? PIECE / columns : 1;
    int8_t *piece = malloc(at_once * columns);
    bool fine = true;
    if (!piece)
        return fault_memory(fault, "a piece of a tensor");
    for (size_t row = 0; row < rows && fine; row += at_once) {
        const size_t some = rows - row < at_once ? rows - row : at_once;
        fine = read_bytes(file, piece, some * columns, tensor->begin + row * columns, fault);
        for (size_t r = 0; r < some && fine; r++)
            memcpy(to + (row + r) * ld, piece + r * columns, columns);
    }
    free(piece);
    return fine;
}
