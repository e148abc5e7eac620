/* The forward pass of a composed model: the table of layers, walked depth first or layer by layer,
 * by one thread or a team. */
#ifndef EKTM_HARNESS_MODEL_FORWARD_H
#define EKTM_HARNESS_MODEL_FORWARD_H

#include "harness/machine/team.h"
#include "harness/model/activations.h"
#include "harness/model/compose.h"
#include "harness/model/schedule.h"

/* A pass over one batch. Zero at first, then bound as often as wanted. */
struct forward {
    const struct composed *composed;
    const struct activations *activations;
    struct schedule schedule;
    struct team *team; /* NULL: its members do not run at the same time            */
    size_t rows, members;
    size_t turned;       /* the row whose ids come first */
    bool by_columns;     /* members share output columns and tasks, and meet between layers */
    size_t steps;        /* layers that are walked, fusions in the place of theirs         */
    struct call *call;   /* [members][entries]: of a member's first tile                    */
    bool whole[BUFFERS]; /* they hold all of a member's rows, the others a tile's        */
    size_t *order;       /* [steps]: the entries of the table as they are walked           */
    bool *meets;         /* [entries]: all members must be there before that layer begins   */
};

/* Says which model, memory and how many rows the following passes use, shared among `members` as
 * the schedule has it; by rows alone where there is no team to meet. Cheap; no memory is allocated
 * when `members` does not grow. What it names must outlive the passes. */
bool forward_bind(struct forward *forward, const struct composed *composed,
                  const struct activations *activations, const struct schedule *schedule,
                  size_t rows, size_t members, struct team *team, struct fault *fault);
void forward_free(struct forward *forward);

/* The following passes take the ids of the rows from `row` on, of the memory that is bound, in
 * place of the first ones: new ids each time, as a server sees them, everything else in the same
 * place. */
void forward_turn(struct forward *forward, size_t row);

/* One member's share of the pass, all layers. A team_work: `argument` is the struct forward. Where
 * rows are shared, members never wait for each other; predictions are the same bits whichever way
 * a pass is walked, but for kernels with `cut_changes_bits`. Of the buffers between inputs and
 * predictions only a tile's rows are used, again and again: they hold nothing whole afterwards. */
void forward_run(void *argument, size_t member, size_t members);

#endif
