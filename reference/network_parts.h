/* What the tables of networks are put together from: weights, buffers, layers. Each function
 * appends to a network that network_build has given room for a table of the largest size. */
#ifndef EKTM_REFERENCE_NETWORK_PARTS_H
#define EKTM_REFERENCE_NETWORK_PARTS_H

#include "reference/ektm_table.h"
#include "reference/network.h"

/* A table may have so many of each. */
enum { WEIGHTS_MAX = 1 << 17, LAYERS_MAX = 16384, NETWORK_BUFFERS_MAX = 4096 };

/* Appends a weight, [rows, columns] or a vector, and returns its index. */
size_t network_add_weight(struct network *n, size_t rows, size_t columns, const char *name, ...)
    __attribute__((format(printf, 4, 5)));

/* Appends a buffer of so many elements a row and returns its index. */
size_t network_add_buffer(struct network *n, size_t width);

/* Appends a layer without operands. */
struct ektm_layer *network_add_layer(struct network *n, const struct op *op, const char *name);

/* A dense layer with the weights from `w` on. */
void network_add_product(struct network *n, const char *name, enum activation activation, size_t w,
                         struct ektm_binding from, struct ektm_binding to);

/* A dense layer with weights of its own, NAME.weight and NAME.bias. */
void network_add_dense(struct network *n, const char *name, enum activation activation, size_t ins,
                       size_t outs, struct ektm_binding from, struct ektm_binding to);

/* The sum of `owns` vectors from `own` on and `shares` more from `shared` on, weighted by the
 * softmax of as many logits. */
void network_add_mixture(struct network *n, size_t width, struct ektm_binding logits,
                         struct ektm_binding own, size_t owns, struct ektm_binding shared,
                         size_t shares, struct ektm_binding to);

/* Bottom layers of its own; returns the buffer that holds what they make, or puts it at `to`. */
size_t network_add_stack(struct network *n, const char *name, size_t from,
                         const struct ektm_binding *to);

/* The tower of a task on all of buffer `from`. */
void network_add_tower(struct network *n, size_t task, size_t from);

/* The two products of a head, with the four weights from `w` on: its hidden layer is kept. */
void network_add_head_products(struct network *n, size_t task, size_t w, struct ektm_binding from);

/* The head of a task, with weights of its own. */
void network_add_head(struct network *n, size_t task, struct ektm_binding from);

/* Takes over EKTM's table as far as the layers of the name `last`, NULL: all of it, and the weights
 * that they read, as ops whose gradients there are. False: out of memory. */
bool network_take_ektm(struct network *n, const char *last);

#endif
