/* Writes safetensors: header, then the tensors straight from where they lie. */
#include "harness/model/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LENGTH_BYTES = 8, ALIGNMENT = 8, WRITE_MAX = 1 << 30, ATTEMPTS = 100 };

static size_t elements(const struct safetensor_source *t)
{
    size_t count = 1;
    for (size_t i = 0; i < t->axes; i++)
        count *= t->shape[i];
    return count;
}

static size_t bytes_of(const struct safetensor_source *t)
{
    static const size_t bytes[] = {
        [SAFETENSOR_F32] = 4, [SAFETENSOR_BF16] = 2, [SAFETENSOR_I8] = 1};
    return elements(t) * bytes[t->format];
}

static json_t *describe(const struct safetensor_source *t, size_t begin)
{
    static const char *const names[] = {
        [SAFETENSOR_F32] = "F32", [SAFETENSOR_BF16] = "BF16", [SAFETENSOR_I8] = "I8"};
    size_t end = begin + bytes_of(t);
    json_t *shape = json_array();
    for (size_t i = 0; i < t->axes; i++)
        json_array_append_new(shape, json_integer((json_int_t)t->shape[i]));
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", names[t->format], "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)end);
}

/* The header's text, padded with spaces to a multiple of 8 bytes. NULL: out of memory. */
static char *header_text(const struct safetensor_source *tensors, size_t count,
                         const struct safetensor_text *texts, size_t text_count)
{
    json_t *header = json_object(), *metadata = json_object();
    int failed = 0;
    size_t at = 0;
    for (size_t i = 0; i < text_count; i++)
        failed |= json_object_set_new(metadata, texts[i].key, json_string(texts[i].value));
    failed |= json_object_set_new(header, "__metadata__", metadata);
    for (size_t i = 0; i < count; i++) {
        failed |= json_object_set_new(header, tensors[i].name, describe(&tensors[i], at));
        at += bytes_of(&tensors[i]);
    }
    char *text = failed ? NULL : json_dumps(header, JSON_COMPACT);
    json_decref(header);
    if (!text)
        return NULL;
    size_t length = strlen(text);
    size_t padded = (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    char *whole = realloc(text, padded + 1);
    if (!whole) {
        free(text);
        return NULL;
    }
    memset(whole + length, ' ', padded - length);
    whole[padded] = '\0';
    return whole;
}

static bool write_bytes(int descriptor, const void *from, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        size_t some = bytes - done < WRITE_MAX ? bytes - done : WRITE_MAX;
        ssize_t wrote = write(descriptor, (const char *)from + done, some);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return false;
        done += (size_t)wrote;
    }
    return true;
}

/* Rows that lie apart are brought together piece by piece. */
static bool write_tensor(int descriptor, const struct safetensor_source *t)
{
    enum { PIECE = 1 << 16 };
    char piece[PIECE];
    const size_t bytes = bytes_of(t), rows = t->axes ? t->shape[0] : 1,
                 row = rows ? bytes / rows : 0;
    size_t used = 0;
    bool fine = true;
    if (t->stride == 0 || t->stride == row || row > PIECE) {
        for (size_t r = 0; r < rows && t->stride > row && fine; r++)
            fine = write_bytes(descriptor, (const char *)t->data + r * t->stride, row);
        return fine && (t->stride > row || write_bytes(descriptor, t->data, bytes));
    }
    for (size_t r = 0; r < rows && fine; r++) {
        if (used + row > PIECE) {
            fine = write_bytes(descriptor, piece, used);
            used = 0;
        }
        memcpy(piece + used, (const char *)t->data + r * t->stride, row);
        used += row;
    }
    return fine && write_bytes(descriptor, piece, used);
}

static bool write_all(int descriptor, const char *header, const struct safetensor_source *tensors,
                      size_t count)
{
    uint64_t length = strlen(header);
    bool fine =
        write_bytes(descriptor, &length, LENGTH_BYTES) && write_bytes(descriptor, header, length);
    for (size_t i = 0; fine && i < count; i++)
        fine = write_tensor(descriptor, &tensors[i]);
    return fine && fsync(descriptor) == 0;
}

/* Creates a file beside `path` that nobody else has; its name is returned, to be freed. NULL: see
 * errno. */
static char *create_beside(const char *path, int *descriptor)
{
    char *name = NULL;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (asprintf(&name, "%s.%ld-%d.part", path, (long)getpid(), attempt) < 0)
            return NULL;
        *descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*descriptor >= 0)
            return name;
        int error = errno;
        free(name);
        errno = error;
        if (error != EEXIST)
            return NULL;
    }
    return NULL;
}

/* The new name is on the disk when its folder is. */
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int descriptor = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (descriptor >= 0) {
        fsync(descriptor);
        close(descriptor);
    }
    free(folder);
}

/* Renaming would put a file in the place of a device or a pipe. */
static bool check_target(const char *path, struct fault *fault)
{
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return fault_caller(fault, "%s: is %s; weights are written to a regular file", path,
                            S_ISDIR(status.st_mode) ? "a directory" : "no regular file");
    return true;
}

static bool write_beside(const char *path, const char *header,
                         const struct safetensor_source *tensors, size_t count, struct fault *fault)
{
    int descriptor;
    char *name = create_beside(path, &descriptor);
    if (!name)
        return fault_caller(fault, "%s: cannot be created: %s", path, strerror(errno));
    bool written = write_all(descriptor, header, tensors, count);
    int error = errno;
    if (close(descriptor) != 0 && written) {
        written = false;
        error = errno;
    }
    if (written && rename(name, path) != 0) {
        written = false;
        error = errno;
    }
    if (!written)
        unlink(name);
    free(name);
    return written ? true
                   : fault_machine(fault, "%s: cannot be written: %s", path, strerror(error));
}

bool safetensors_write(const char *path, const struct safetensor_source *tensors, size_t count,
                       const struct safetensor_text *texts, size_t text_count, struct fault *fault)
{
    if (!check_target(path, fault))
        return false;
    char *header = header_text(tensors, count, texts, text_count);
    if (!header)
        return fault_memory(fault, "the header of the weights file");
    bool written = write_beside(path, header, tensors, count, fault);
    free(header);
    if (written)
        sync_folder(path);
    return written;
}
