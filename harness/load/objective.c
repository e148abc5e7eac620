#include "harness/load/objective.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    double ns;
} units[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}};

enum { UNITS = sizeof units / sizeof *units };

bool time_parse(double *ns, const char *text, const char *where, struct fault *fault)
{
    char *end;
    const double number = strtod(text, &end), longest = 3600e9;
    *ns = NAN;
    for (size_t u = 0; u < UNITS; u++)
        if (strcmp(end, units[u].name) == 0)
            *ns = number * units[u].ns;
    if (*text >= '0' && *text <= '9' && *ns >= 0 && *ns <= longest)
        return true;
    return fault_caller(fault,
                        "%s: '%s' is no time; a number and ns, us, ms or s is, such as 500us, up "
                        "to an hour",
                        where, text);
}

void time_print(char *text, size_t size, double ns)
{
    size_t u = 0;
    while (u + 1 < UNITS && ns < units[u].ns)
        u++;
    snprintf(text, size, "%.4g%s", ns / units[u].ns, units[u].name);
}

bool objective_parse(struct objective *objective, const char *text, struct fault *fault)
{
    char *end = NULL, time[24];
    text = text ? text : "p99=10ms";
    const double percent = *text == 'p' ? strtod(text + 1, &end) : NAN;
    if (!(percent > 0 && percent < 100 && text[1] >= '0' && text[1] <= '9' && end && *end == '='))
        return fault_caller(fault,
                            "--slo: '%s' is no objective; a percentile and a time is, such "
                            "as p99=10ms or p99.9=50ms",
                            text);
    if (!time_parse(&objective->ns, end + 1, "--slo", fault))
        return false;
    if (objective->ns == 0)
        return fault_caller(fault, "--slo: '%s' leaves no time at all", text);
    objective->share = percent / 100;
    time_print(time, sizeof time, objective->ns);
    snprintf(objective->percentile, sizeof objective->percentile, "p%.6g", percent);
    snprintf(objective->text, sizeof objective->text, "%s=%s", objective->percentile, time);
    return true;
}

enum holds objective_holds(const struct objective *objective, const struct estimate *percentile)
{
    if (percentile->high <= objective->ns)
        return HOLDS_YES;
    return percentile->low > objective->ns ? HOLDS_NO : HOLDS_UNKNOWN;
}

const char *holds_name(enum holds holds)
{
    static const char *const names[] = {"no", "unknown", "yes"};
    return names[holds];
}
