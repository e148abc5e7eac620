/* The decision: which machine, how many, in which configuration, at what cost, and how sure. */
#ifndef EKTM_HARNESS_CHOOSE_DECISION_H
#define EKTM_HARNESS_CHOOSE_DECISION_H

#include "harness/choose/sensitivity.h"

/* The ranking at another objective that the files have searches for. */
struct alternative {
    struct objective objective;
    const char *first;        /* machine; NULL: none can be ranked, see `why_not` */
    struct estimate per_hour; /* of that machine */
    bool second_leads;        /* it is the decision's second */
    struct fault why_not;
};

struct decision {
    const struct question *question; /* the caller's, and so on */
    const struct evidence *evidence;
    const struct prices *prices;
    struct configurations configurations; /* all that were measured at the objective */
    struct ranking ranking;               /* not empty                               */
    struct price_change price;            /* this and the rest: of the second        */
    struct window below, above;
    size_t alternatives;
    struct alternative *alternative; /* from the strictest on */
    struct notes left_out, doubts;
};

/* Decides. Keeps pointers into what it is given. Nothing to rank, and what cannot be compared: a
 * fault. */
bool decision_make(struct decision *decision, const struct question *question,
                   const struct evidence *evidence, const struct prices *prices,
                   struct fault *fault);
void decision_free(struct decision *decision);

/* The second machine of the ranking, or NULL. */
const struct offer *decision_second(const struct decision *decision);

/* Whether a difference is shown between the first and the second. */
bool decision_is_shown(const struct decision *decision);

#endif
