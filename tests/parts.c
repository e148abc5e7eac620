#include "tests/parts.h"

#include "harness/model/model.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct parts take_apart(const char *path)
{
    struct parts parts;
    struct stat status;
    uint64_t length;
    int file = open(path, O_RDONLY);
    cr_assert(file >= 0 && fstat(file, &status) == 0);
    cr_assert_eq(read(file, &length, 8), 8);
    cr_expect_eq(length % 8, 0, "the header is padded to 8 bytes");
    char *text = malloc(length);
    cr_assert_eq(read(file, text, length), (ssize_t)length);
    parts.header = json_loadb(text, length, 0, NULL);
    parts.bytes = (size_t)status.st_size - 8 - length;
    parts.data = malloc(parts.bytes);
    cr_assert_eq(read(file, parts.data, parts.bytes), (ssize_t)parts.bytes);
    free(text);
    close(file);
    return parts;
}

void write_raw(const char *path, uint64_t length, const char *header, size_t header_bytes,
               const char *data, size_t bytes)
{
    unlink(path); /* some file systems flush a file that is cut and written again */
    FILE *file = fopen(path, "w");
    cr_assert(file);
    fwrite(&length, 8, 1, file);
    fwrite(header, 1, header_bytes, file);
    fwrite(data, 1, bytes, file);
    cr_assert_eq(fclose(file), 0);
}

void put_together(const char *path, const struct parts *parts)
{
    char *text = json_dumps(parts->header, JSON_COMPACT);
    write_raw(path, strlen(text), text, strlen(text), parts->data, parts->bytes);
    free(text);
}

struct parts copy_of(const struct parts *parts)
{
    struct parts copy = {json_deep_copy(parts->header), malloc(parts->bytes), parts->bytes};
    memcpy(copy.data, parts->data, parts->bytes);
    return copy;
}

void take_away(struct parts *parts)
{
    json_decref(parts->header);
    free(parts->data);
}

json_t *entry(const struct parts *parts, const char *tensor)
{
    json_t *found = json_object_get(parts->header, tensor);
    cr_assert(found, "no %s", tensor);
    return found;
}

void loads_not(const char *path, const struct topology *topology, const char *what,
               const char *words)
{
    struct model model;
    struct fault fault;
    bool loaded = model_load(&model, path, topology, &fault);
    cr_assert_not(loaded, "%s: loads", what);
    cr_expect_eq(fault.status, STATUS_CALLER, "%s: status %d", what, fault.status);
    cr_expect(strstr(fault.text, path), "%s: does not name the file: %s", what, fault.text);
    cr_expect(strstr(fault.text, words), "%s: \"%s\" does not say \"%s\"", what, fault.text, words);
    cr_expect(!model.block && !model.weight, "%s: memory is left", what);
}
