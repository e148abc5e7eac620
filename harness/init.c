/* `ektm init`: a model with random weights, to time or to try things on. */
#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/fault.h"
#include "harness/model/model.h"

#include <stdio.h>

static bool make(const struct ektm_preset *preset, const struct arguments *arguments,
                 struct fault *fault)
{
    struct topology topology;
    struct model model;
    if (!topology_load(&topology, NULL, fault))
        return false;
    bool fine = model_random(&model, &preset->config, arguments->seed, &topology, PAGES_THP, fault);
    if (fine) {
        fine = model_save(&model, &(struct formats){.count = 0}, arguments->out, fault);
        if (fine)
            fprintf(stderr, "%s: %s with seed %llu, %zu bytes of weights, %zu of them in tables\n",
                    arguments->out, preset->name, (unsigned long long)arguments->seed,
                    model.block_bytes, model.table_bytes);
        model_free(&model);
    }
    topology_free(&topology);
    return fine;
}

int init_command(int argc, char **argv)
{
    struct arguments arguments;
    struct fault fault;
    arguments_parse(&arguments, TAKES_ONE(OPTION_PRESET) | TAKES(OPTION_SEED) | TAKES(OPTION_OUT),
                    "Writes a model of a preset's sizes with random weights. The same preset "
                    "(aliexpress by default) and seed give the same file.",
                    argc, argv);
    const char *preset = arguments.preset.count ? arguments.preset.name[0] : "aliexpress";
    bool fine = arguments.preset.count > 1
                    ? fault_caller(&fault, "--preset: one model is made, %zu presets are given",
                                   arguments.preset.count)
                : !arguments.out ? fault_caller(&fault, "--out is needed: the file to write")
                                 : make(ektm_preset_find(preset), &arguments, &fault);
    return fine ? STATUS_DONE : fault_print(&fault);
}
