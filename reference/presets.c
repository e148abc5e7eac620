/* The four preset models. EKTM.md, "Presets". */
#include "reference/ektm.h"

#include <string.h>

#define SAME_ROWS(fields, v)                                                                       \
    {                                                                                              \
        [0 ...(fields) - 1] = (v)                                                                  \
    }

const struct ektm_preset ektm_presets[] = {
    {
        .name = "tiny",
        .about = "odd sizes on purpose, for tests",
        .config = {.fields = 4,
                   .width = 8,
                   .rows = SAME_ROWS(4, 100),
                   .dense = 3,
                   .bottoms = 1,
                   .bottom = {16},
                   .rep = 12,
                   .tasks = 2,
                   .hidden = 6,
                   .tau = 1},
    },
    {
        .name = "aliccp",
        .about = "common settings for Ali-CCP",
        .config = {.fields = 23,
                   .width = 16,
                   .rows = SAME_ROWS(23, 100000),
                   .dense = 8,
                   .bottoms = 2,
                   .bottom = {256, 128},
                   .rep = 64,
                   .tasks = 2,
                   .hidden = 32,
                   .tau = 1},
    },
    {
        .name = "aliexpress",
        .about = "common settings for AliExpress",
        .config = {.fields = 16,
                   .width = 128,
                   .rows = SAME_ROWS(16, 100000),
                   .dense = 63,
                   .bottoms = 2,
                   .bottom = {512, 256},
                   .rep = 128,
                   .tasks = 4,
                   .hidden = 64,
                   .tau = 1},
    },
    {
        .name = "industrial",
        .about = "our own guess at production: nothing is published about such sizes",
        .config = {.fields = 64,
                   .width = 64,
                   .rows = SAME_ROWS(64, 200000),
                   .dense = 256,
                   .bottoms = 3,
                   .bottom = {1024, 512, 256},
                   .rep = 128,
                   .tasks = 8,
                   .hidden = 64,
                   .tau = 1},
        .bag_fields = 16,
        .bag_ids = 20,
    },
    {.name = NULL},
};

const struct ektm_preset *ektm_preset_find(const char *name)
{
    for (const struct ektm_preset *p = ektm_presets; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}
