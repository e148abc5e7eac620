#include "harness/model/predictor.h"

#include <string.h>

static const struct backend *backend_named(const char *name)
{
    for (const struct backend *const *b = backends; *b; b++)
        if (strcmp((*b)->name, name) == 0)
            return *b;
    return NULL;
}

const struct backend *predictor_best(enum isa *isa)
{
    static const char *const names[] = {"avx512", "avx2", "neon", "compiler", "reference"};
    const struct backend *backend = NULL;
    char reason[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        backend = backend_named(names[i]);
        if (backend && backend_best_isa(backend, isa, reason, sizeof reason))
            break;
    }
    return backend;
}

bool predictor_make(struct predictor *p, const struct model *model, const char *backend,
                    const struct formats *formats, const struct topology *topology,
                    const char *tuning, struct fault *fault)
{
    enum isa isa = ISA_SCALAR;
    char reason[128];
    bool tuned;
    *p = (struct predictor){.formats = *formats};
    p->backend = backend ? backend_named(backend) : predictor_best(&isa);
    if (backend && !backend_best_isa(p->backend, &isa, reason, sizeof reason))
        return fault_machine(fault, "--backend: %s cannot run here: %s", backend, reason);
    p->isa = isa;
    if (!compose_backend(&p->composed, model, p->backend, isa, formats, fault))
        return false;
    p->schedule = schedule_of(model, formats, topology);
    const bool narrow = strcmp(formats_kind(formats, &model->ektm), dtype_name(DTYPE_F32)) != 0;
    if (narrow || tuning_find(tuning, topology, &model->ektm.config, p->backend->name, &p->schedule,
                              &tuned, fault))
        return true;
    predictor_free(p);
    return false;
}

void predictor_free(struct predictor *predictor)
{
    forward_free(&predictor->forward);
    if (predictor->composed.model)
        composed_free(&predictor->composed);
}

bool predictor_run(struct predictor *predictor, const struct activations *activations, size_t rows,
                   struct team *team, struct fault *fault)
{
    if (!forward_bind(&predictor->forward, &predictor->composed, activations, &predictor->schedule,
                      rows, team_members(team), team, fault))
        return false;
    team_run(team, forward_run, &predictor->forward);
    return true;
}
