/* `ektm choose`: which machine, how many of them, in which configuration, at what cost. */
#include "harness/choose/json.h"
#include "harness/choose/report.h"

#include "harness/arguments.h"
#include "harness/command.h"

#include <stdio.h>
#include <stdlib.h>

static bool ask(struct question *question, const struct arguments *a, struct fault *fault)
{
    if (!a->prices)
        return fault_caller(fault, "--prices is missing: a file as results/prices.example.csv");
    if (a->rate.count != 1)
        return fault_caller(fault,
                            "--rate: %zu rates; the queries a second of all machines "
                            "together are one number",
                            a->rate.count);
    if (a->preset.count > 1)
        return fault_caller(fault, "--preset: %zu presets; machines are chosen for one",
                            a->preset.count);
    *question = (struct question){
        .antagonist = a->antagonist != NULL,
        .preset = a->preset.count ? a->preset.name[0] : NULL,
        .ids = a->ids,
        .candidates = a->candidates,
        .demand = {.rate = (double)a->rate.size[0], .headroom = a->headroom},
    };
    return objective_parse(&question->objective, a->slo, fault) &&
           (!a->min_quality || requirement_parse(&question->requirement, a->min_quality, fault));
}

static bool print_json(const struct decision *decision, struct fault *fault)
{
    json_t *object = decision_json(decision);
    char *text = object ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
    if (text)
        puts(text);
    else
        fault_caller(fault,
                     "the decision is no JSON: the name of a machine or a path is not UTF-8, "
                     "or there is not enough memory");
    json_decref(object);
    const bool fine = text != NULL;
    free(text);
    return fine;
}

static bool tell(const struct decision *decision, const struct arguments *a, struct fault *fault)
{
    return a->json       ? print_json(decision, fault)
           : a->markdown ? report_print_markdown(decision, a->full, fault)
                         : report_print(decision, a->full, fault);
}

static bool choose(const struct arguments *a, struct fault *fault)
{
    struct question question;
    struct prices prices = {0};
    struct evidence evidence = {0};
    struct decision decision = {0};
    const bool fine = ask(&question, a, fault) && prices_read(&prices, a->prices, fault) &&
                      evidence_read(&evidence, a->file, a->files, fault) &&
                      decision_make(&decision, &question, &evidence, &prices, fault) &&
                      tell(&decision, a, fault);
    decision_free(&decision);
    evidence_free(&evidence);
    prices_free(&prices);
    return fine;
}

int choose_command(int argc, char **argv)
{
    struct arguments arguments;
    struct fault fault;
    arguments_parse(
        &arguments,
        TAKES_FILES(FILES_ANY) | TAKES(OPTION_PRICES) | TAKES(OPTION_SLO) | TAKES_ONE(OPTION_RATE) |
            TAKES(OPTION_HEADROOM) | TAKES(OPTION_MIN_QUALITY) | TAKES_ONE(OPTION_ANTAGONIST) |
            TAKES_ONE(OPTION_PRESET) | TAKES_ONE(OPTION_IDS) | TAKES_ONE(OPTION_CANDIDATES) |
            TAKES(OPTION_JSON) | TAKES(OPTION_MARKDOWN) | TAKES_ONE(OPTION_FULL),
        "Ranks machines by what it costs to serve --rate queries a second within --slo, each in "
        "the configuration that serves most: from searches of `ektm load` in files or folders of "
        "results, and prices. A machine is the folder of its files, or NAME=FILE names it. "
        "Intervals are carried through to the cost; where they overlap, no difference is shown.",
        argc, argv);
    return choose(&arguments, &fault) ? STATUS_DONE : fault_print(&fault);
}
