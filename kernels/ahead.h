/* Rows of tables that an embedding will need soon, asked of memory while something else computes.
 *
 * An embedding alone waits for memory; a product hardly touches it. So whoever walks the layers
 * hands a product the embedding's next call, and the product, after each tile that it keeps in
 * registers, asks for as many rows as that tile's share of all the work is: few enough at a time
 * never to wait for them. */
#ifndef EKTM_KERNELS_AHEAD_H
#define EKTM_KERNELS_AHEAD_H

#include "reference/op.h"

struct ahead {
    const int32_t *ids, *first; /* of the call to come */
    const int32_t *bag;         /* the next id's bag   */
    const char *table;
    size_t row_bytes, ld_bytes;
    size_t fields, field;
    size_t at, end;     /* ids asked for, and all      */
    double price, paid; /* multiply-adds for each row  */
};

/* Begins with the first id of `embedding`, a call of that op, to be through after `work`
 * multiply-adds. The call's tensors must stay, the call need not. */
void ahead_begin(struct ahead *ahead, const struct call *embedding, double work);

/* Asks for what `work` multiply-adds pay for. Reads ids, never rows. */
void ahead_ask(struct ahead *ahead, double work);

#endif
