/* Weights files taken apart, changed and put together again. */
#ifndef EKTM_TESTS_PARTS_H
#define EKTM_TESTS_PARTS_H

#include "harness/machine/topology.h"

#include <jansson.h>
#include <stdint.h>

struct parts {
    json_t *header;
    char *data;
    size_t bytes;
};

struct parts take_apart(const char *path);

/* Writes a file of those parts, however wrong its length is given. */
void write_raw(const char *path, uint64_t length, const char *header, size_t header_bytes,
               const char *data, size_t bytes);
void put_together(const char *path, const struct parts *parts);

/* The same parts with a header of their own. */
struct parts copy_of(const struct parts *parts);
void take_away(struct parts *parts);

/* The header's entry of the tensor. */
json_t *entry(const struct parts *parts, const char *tensor);

/* That the file is refused, without leaving memory, in a sentence with those words and its name. */
void loads_not(const char *path, const struct topology *topology, const char *what,
               const char *words);

#endif
