/* What --min-quality asks of a configuration in narrow number formats: how much its predictions may
 * differ from those of f32, by what its record says. f32 itself differs from nothing. */
#ifndef EKTM_HARNESS_CHOOSE_REQUIREMENT_H
#define EKTM_HARNESS_CHOOSE_REQUIREMENT_H

#include "harness/results/record.h"

/* In the order of the words: "tau", "auc", "log_loss", "off". */
enum measure { MEASURE_TAU, MEASURE_AUC, MEASURE_LOG_LOSS, MEASURE_OFF, MEASURES };

struct requirement {
    bool asked[MEASURES];
    double
        bound[MEASURES]; /* least tau and change of the area, most change of loss and difference */
};

/* The word of --min-quality, and the column of results that it judges. */
const char *measure_name(enum measure measure);
const char *measure_column(enum measure measure);

/* Parses "tau=0.99,auc=-0.001,log_loss=0.001,off=0.03" or some of it. */
bool requirement_parse(struct requirement *requirement, const char *text, struct fault *fault);

/* Whether the record of kind load meets it in every prediction. If not, `why` says what was found
 * and what is asked; a narrow format whose quality was not recorded does not. */
bool requirement_met(const struct requirement *requirement, const json_t *record, char *why,
                     size_t size);

#endif
