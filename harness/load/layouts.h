/* How many instances of the model there are, and which processors each one has.
 *
 *     all      one instance on all cores
 *     package  one for each package, on its cores; likewise numa, l3, core
 *     2x4      two instances of four threads, on cores that are neighbours
 *
 * A thread has a core of its own as long as there are enough. Layouts of the same instances on the
 * same cores are one: on a machine with one package and one L3, `all` stands for both. */
#ifndef EKTM_HARNESS_LOAD_LAYOUTS_H
#define EKTM_HARNESS_LOAD_LAYOUTS_H

#include "harness/arguments.h"
#include "harness/machine/topology.h"

enum { LAYOUTS_MAX = 8 };

struct layout {
    char name[24];
    size_t instances, threads; /* of each */
    size_t *pu;                /* [instances * threads]: indices into topology->pu */
};

struct layouts {
    size_t count;
    struct layout layout[LAYOUTS_MAX];
    size_t neighbours; /* cores that are left to others     */
    size_t *neighbour; /* [neighbours]: the last ones       */
};

/* What is asked for. */
struct layout_wish {
    const struct names *names; /* layouts by name; none: all of them                      */
    size_t instances, threads; /* one layout of so many, 0: as many as there is room for; both 0:
                                  those by name                                          */
    size_t neighbours;         /* cores to leave to others                                */
};

/* Finds the layouts that are asked for, as far as the quota grants cores. `neighbours` that leave
 * none: a fault. Free with layouts_free. */
bool layouts_make(struct layouts *layouts, const struct topology *topology,
                  const struct layout_wish *wish, struct fault *fault);
void layouts_free(struct layouts *layouts);

#endif
