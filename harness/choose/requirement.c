#include "harness/choose/requirement.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *column;
    bool least;       /* the bound is the least that is allowed, not the most */
    double low, high; /* of a bound that makes sense                          */
} measures[MEASURES] = {
    [MEASURE_TAU] = {"tau", "tau", true, -1, 1},
    [MEASURE_AUC] = {"auc", "auc_change", true, -1, 1},
    [MEASURE_LOG_LOSS] = {"log_loss", "log_loss_change", false, -100, 100},
    [MEASURE_OFF] = {"off", "off_most", false, 0, 1},
};

const char *measure_name(enum measure measure) { return measures[measure].name; }
const char *measure_column(enum measure measure) { return measures[measure].column; }

/* ---- parsing --------------------------------------------------------------------------------- */

/* One word; `length` bytes of `text` are its name. */
static bool take(struct requirement *requirement, const char *text, size_t length,
                 struct fault *fault)
{
    enum measure m = 0;
    char *end;
    while (m < MEASURES &&
           (strlen(measures[m].name) != length || strncmp(measures[m].name, text, length) != 0))
        m++;
    if (m == MEASURES || text[length] != '=')
        return fault_caller(fault,
                            "--min-quality: '%s' is no requirement; allowed are tau=LEAST, "
                            "auc=LEAST, log_loss=MOST and off=MOST, divided by commas",
                            text);
    const char *number = text + length + 1;
    const double bound = strtod(number, &end);
    if (end == number || *end || !(bound >= measures[m].low && bound <= measures[m].high))
        return fault_caller(fault, "--min-quality: %s: '%s' is not a number from %g to %g",
                            measures[m].name, number, measures[m].low, measures[m].high);
    if (requirement->asked[m])
        return fault_caller(fault, "--min-quality: %s is named twice", measures[m].name);
    requirement->asked[m] = true;
    requirement->bound[m] = bound;
    return true;
}

bool requirement_parse(struct requirement *requirement, const char *text, struct fault *fault)
{
    bool fine = true;
    char *copy = strdup(text);
    if (!copy)
        return fault_memory(fault, "--min-quality");
    *requirement = (struct requirement){0};
    for (char *rest = copy, *word; fine && (word = strsep(&rest, ","));)
        fine = take(requirement, word, strcspn(word, "="), fault);
    free(copy);
    return fine;
}

/* ---- judging --------------------------------------------------------------------------------- */

static bool is_met(enum measure m, double found, double bound)
{
    return measures[m].least ? found >= bound : found <= bound;
}

static bool measure_met(const struct requirement *requirement, enum measure m, const json_t *record,
                        char *why, size_t size)
{
    const char *column = measures[m].column;
    json_t *of_predictions = json_object_get(record, column), *value;
    const char *prediction;
    if (!json_object_size(of_predictions)) {
        snprintf(why, size, "its %s was not recorded", column);
        return false;
    }
    json_object_foreach(of_predictions, prediction, value)
    {
        if (!json_is_number(value)) {
            snprintf(why, size, "its %s of %s is unavailable", column, prediction);
            return false;
        }
        const double found = json_number_value(value), bound = requirement->bound[m];
        if (!is_met(m, found, bound)) {
            snprintf(why, size, "its %s of %s is %.4g; at %s %.4g is asked for", column, prediction,
                     found, measures[m].least ? "least" : "most", bound);
            return false;
        }
    }
    return true;
}

bool requirement_met(const struct requirement *requirement, const json_t *record, char *why,
                     size_t size)
{
    *why = '\0';
    if (strcmp(record_get_text(record, "dtype"), "f32") == 0)
        return true;
    for (enum measure m = 0; m < MEASURES; m++)
        if (requirement->asked[m] && !measure_met(requirement, m, record, why, size))
            return false;
    return true;
}
