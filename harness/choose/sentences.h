/* What a decision says, in sentences and tables that text and Markdown have in common. */
#ifndef EKTM_HARNESS_CHOOSE_SENTENCES_H
#define EKTM_HARNESS_CHOOSE_SENTENCES_H

#include "harness/choose/decision.h"
#include "harness/choose/grid.h"

/* All fill what they are given, which must be zero but for columns. False: no memory. */

/* What was asked, of which model and load. */
bool tell_question(struct notes *to, const struct decision *decision, struct fault *fault);

/* What to take, and whether that is shown. */
bool tell_choice(struct notes *to, const struct decision *decision, struct fault *fault);

/* What would have to change for the second machine to become the first. */
bool tell_changes(struct notes *to, const struct decision *decision, struct fault *fault);

/* The machines that are ranked. */
bool tabulate_ranking(struct grid *to, const struct decision *decision, struct fault *fault);

/* Every configuration that was measured at the objective. */
bool tabulate_configurations(struct grid *to, const struct decision *decision, struct fault *fault);

#endif
