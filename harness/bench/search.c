#include "harness/bench/search.h"

#include "harness/bench/cells.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Layers that have a format, one for all tasks, and as many models as they can take to get from the
 * widest to the narrowest. */
enum { GROUPS_MAX = BOTTOM_MAX + 8, PATH_MAX_STEPS = 2 * GROUPS_MAX + 1 };

/* A layer of all tasks: what each format takes for a batch, and what it adds to the error. */
struct group {
    const char *name;
    double ns[DTYPES]; /* NAN: there is none */
    double error[DTYPES];
    enum dtype dtype; /* now */
};

struct search {
    struct models *models;
    struct run *run;
    const struct contender *base; /* f32 */
    size_t rows;
    size_t groups;
    struct group group[GROUPS_MAX];
};

/* ---- what steps save and cost ---------------------------------------------------------------- */

/* The fastest of the backend's kernels of the layer in that format at the batch, by the run's
 * records; NAN: none was timed. */
static double layer_ns(const struct search *s, const char *layer, enum dtype dtype)
{
    double least = NAN;
    size_t i;
    json_t *r;
    json_array_foreach(s->run->journal.records, i, r)
    {
        if (record_kind(r) == KIND_KERNEL && !json_object_get(r, "speedup") && !cell_invalid(r) &&
            record_get_dim(r, BATCH) == s->rows && strcmp(cell_text(r, "layer"), layer) == 0 &&
            strcmp(cell_text(r, "preset"), s->models->subject->preset->name) == 0 &&
            strcmp(cell_text(r, "backend"), s->base->backend->name) == 0 &&
            strcmp(cell_text(r, "isa"), isa_name(s->base->isa)) == 0 &&
            strcmp(cell_text(r, "dtype"), dtype_name(dtype)) == 0)
            least = fmin(least, cell_ns(r));
    }
    return least;
}

/* The mean difference of all predictions. */
static double error_of(const struct quality *q)
{
    double sum = 0;
    for (size_t p = 0; p < q->predictions; p++)
        sum += quality_mean(q, p) / (double)q->predictions;
    return sum;
}

/* Adds the model of those formats, judged. NULL: a fault. */
static struct contender *add_judged(struct search *s, const struct formats *formats,
                                    struct fault *fault)
{
    struct contender *c = models_add(s->models, s->run, s->base, formats, fault);
    return c && contender_judge(s->models, s->run, c, fault) ? c : NULL;
}

static bool find_errors(struct search *s, struct group *g, struct fault *fault)
{
    for (enum dtype d = 0; d < DTYPES; d++) {
        struct formats alone = {.count = 0};
        if (!dtype_narrow(d) || isnan(g->ns[d]))
            continue;
        formats_set(&alone, g->name, d);
        const struct contender *c = add_judged(s, &alone, fault);
        if (!c)
            return false;
        g->error[d] = error_of(c->quality);
        models_drop_last(s->models);
    }
    return true;
}

static bool find_groups(struct search *s, struct fault *fault)
{
    const struct ektm *ektm = &s->models->subject->model.ektm;
    const struct formats narrow = {.others = DTYPE_I8};
    bool fine = true;
    for (size_t l = 0; l < ektm->layers && fine && s->groups < GROUPS_MAX; l++) {
        const struct ektm_layer *layer = &ektm->layer[l];
        if (ektm_repeats(ektm, l) || formats_of(&narrow, layer) == DTYPE_F32)
            continue;
        struct group *g = &s->group[s->groups++];
        *g = (struct group){.name = layer->name};
        size_t tasks = 1;
        while (l + tasks < ektm->layers && ektm_repeats(ektm, l + tasks))
            tasks++;
        for (enum dtype d = 0; d < DTYPES; d++)
            g->ns[d] = (double)tasks * layer_ns(s, layer->name, d);
        fine = find_errors(s, g, fault);
    }
    return fine;
}

/* ---- the way from f32 to the narrowest ------------------------------------------------------- */

/* Takes the step that saves most for its error. False: none saves anything. */
static bool take_step(struct search *s)
{
    struct group *best = NULL;
    enum dtype to = DTYPE_F32;
    double most = 0;
    for (struct group *g = s->group; g < s->group + s->groups; g++)
        for (enum dtype d = 0; d < DTYPES; d++) {
            const double saves = g->ns[g->dtype] - g->ns[d];
            const double costs = g->error[d] - g->error[g->dtype];
            if (!(saves > 0) || (g->dtype != DTYPE_F32 && costs <= 0))
                continue;
            const double worth = costs > 0 ? saves / costs : INFINITY;
            if (worth > most) {
                most = worth;
                best = g;
                to = d;
            }
        }
    if (best)
        best->dtype = to;
    return best != NULL;
}

static struct formats formats_now(const struct search *s)
{
    struct formats formats = {.count = 0};
    for (size_t g = 0; g < s->groups; g++)
        formats_set(&formats, s->group[g].name, s->group[g].dtype);
    return formats;
}

/* ---- timing ---------------------------------------------------------------------------------- */

struct contest {
    size_t count;
    struct contender *contender[PATH_MAX_STEPS];
    struct competitor competitor[PATH_MAX_STEPS];
};

static bool enter(struct search *s, struct contest *contest, struct contender *c,
                  struct fault *fault)
{
    contest->contender[contest->count] = c;
    return models_enter(s->models, s->run, c, s->rows, &contest->competitor[contest->count++],
                        fault);
}

static bool enter_path(struct search *s, struct contest *contest, struct fault *fault)
{
    struct contender *base = models_ours(s->models);
    bool fine = enter(s, contest, base, fault);
    while (fine && contest->count < PATH_MAX_STEPS && take_step(s)) {
        const struct formats formats = formats_now(s);
        struct contender *c = add_judged(s, &formats, fault);
        fine = c && enter(s, contest, c, fault);
    }
    return fine;
}

/* The first, f32 throughout, is recorded with the other models. */
static bool record_path(struct search *s, struct contest *contest, struct fault *fault)
{
    bool fine = true;
    for (size_t i = 1; i < contest->count && fine; i++) {
        struct competitor *competitor = &contest->competitor[i];
        if (!competitor->count)
            continue;
        json_t *record = models_record(s->models, s->run, contest->contender[i], competitor);
        run_compare(s->run, record, "x_f32", &contest->competitor[0], competitor, 1);
        run_verdict(record, "versus_f32", "x_f32");
        record_count(record, "step", i);
        fine = journal_add(&s->run->journal, record, fault);
    }
    return fine;
}

bool models_search(struct models *models, struct run *run, const struct job *job,
                   struct fault *fault)
{
    const size_t before = models->count;
    struct search s = {
        .models = models, .run = run, .base = models_ours(models), .rows = job->batch};
    struct contest contest = {.count = 0};
    struct sampling sampling = run_sampling(run, job);
    sampling.stride = WARMING;
    if (!s.base || !run_seat(run, job->seating, fault))
        return !s.base;
    bool fine = find_groups(&s, fault) && enter_path(&s, &contest, fault);
    if (fine && contest.count > 1)
        fine = run_sample(run, &sampling, contest.competitor, contest.count, fault) &&
               record_path(&s, &contest, fault);
    for (size_t i = 0; i < contest.count; i++)
        competitor_free(&contest.competitor[i]);
    while (models->count > before)
        models_drop_last(models);
    return fine;
}
