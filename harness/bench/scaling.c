#include "harness/bench/scaling.h"

#include <stdlib.h>
#include <string.h>

static struct contender *fastest(struct models *models)
{
    struct contender *best = NULL;
    for (size_t i = 0; i < models->count; i++) {
        struct contender *c = &models->contender[i];
        if (!c->invalid && !c->by_layers && contender_is_wide(c) &&
            c->speed > (best ? best->speed : 0))
            best = c;
    }
    return best;
}

/* Compares what the team predicts with what one thread alone does, bit for bit where that is
 * promised. */
static bool check_bits(struct models *models, struct run *run, struct contender *c,
                       struct fault *fault)
{
    const struct activations *activations = &models->subject->activations;
    const void *predictions = activations->memory.buffer[BUFFER_P].data;
    size_t bytes = c->rows * models->subject->model.ektm.buffer_width[BUFFER_P] * sizeof(float);
    if (c->composed->cut_changes_bits)
        return true;
    void *alone = malloc(bytes);
    if (!alone)
        return fault_memory(fault, "predictions");
    bool fine = forward_bind(c->forward, c->composed, activations, &schedule_layers, c->rows, 1,
                             NULL, fault);
    if (fine) {
        forward_run(c->forward, 0, 1);
        memcpy(alone, predictions, bytes);
        fine = contender_bind(models, run, c, c->rows, fault);
    }
    if (fine) {
        subject_forget(models->subject);
        contender_run(c);
        if (memcmp(alone, predictions, bytes) != 0)
            fine = contender_drop(models, run, c, "predictions depend on the number of threads",
                                  fault);
    }
    free(alone);
    return fine;
}

/* A contender with one seating: its samples, and what bounds them. */
struct seated {
    struct competitor competitor[1 + ROOF_MAX]; /* the contender, then the roof */
    struct roof roof;
};

static void seated_free(struct seated *seated)
{
    for (size_t i = 0; i < 1 + ROOF_MAX; i++)
        competitor_free(&seated->competitor[i]);
    roof_free(&seated->roof);
}

/* Samples of the contender with that seating, and of its roof where that is asked for. Checks
 * compute on the calling thread too: what is sampled lies where the team's members touch it first.
 */
static bool sample_seated(struct models *models, struct run *run, struct contender *c,
                          struct seating seating, size_t rows, bool bounded,
                          const struct sampling *wanted, struct seated *seated, struct fault *fault)
{
    struct sampling sampling = *wanted;
    struct eviction eviction;
    if (!run_seat(run, seating, fault) || !contender_bind(models, run, c, rows, fault) ||
        !contender_check(models, run, c, fault) ||
        (!c->invalid && !check_bits(models, run, c, fault)))
        return false;
    activations_refresh(&models->subject->activations);
    if (c->invalid)
        return true;
    struct need need = models_need(models, run, rows);
    models_need_of(&need, models, run, c);
    bool fine = !bounded || roof_make(&seated->roof, run, &need, &seated->competitor[1], fault);
    if (!fine || !eviction_make(&eviction, run, &sampling, fault))
        return false;
    fine = run_sample(run, &sampling, seated->competitor, 1 + seated->roof.count, fault);
    eviction_free(&eviction);
    return fine;
}

static bool record_seated(struct models *models, struct run *run, struct contender *c,
                          struct seated *seated, const struct competitor *alone, size_t base_rows,
                          struct fault *fault)
{
    struct competitor *team = &seated->competitor[0];
    if (c->invalid || !team->count)
        return true;
    if (!roof_record(&seated->roof, run, team + 1, fault))
        return false;
    json_t *record = models_record_timed(models, run, &seated->roof, c, team);
    run_compare(run, record, "x_compiler", NULL, team, 1);
    record_count(record, "base_rows", base_rows);
    run_compare(run, record, "speedup", alone->count ? alone : team, team,
                (double)c->rows / (double)base_rows);
    return journal_add(&run->journal, record, fault);
}

/* `rows` rows with the job's seating, against `base_rows` rows on one thread. */
static bool scale_shape(struct models *models, struct run *run, const struct job *job,
                        struct contender *c, size_t rows, size_t base_rows, struct fault *fault)
{
    struct seating one = {1, PLACEMENT_COMPACT}, wide = job->seating;
    struct seated alone = {.competitor[0] = {.run = contender_run, .argument = c}}, team = alone;
    struct sampling sampling = run_sampling(run, job);
    bool many = wide.threads > 1;
    sampling.budget /= many ? 6 : 2; /* two shapes, and one thread before and after */
    bool fine =
        (!many || sample_seated(models, run, c, one, base_rows, false, &sampling, &alone, fault)) &&
        sample_seated(models, run, c, wide, rows, true, &sampling, &team, fault) &&
        (!many || sample_seated(models, run, c, one, base_rows, false, &sampling, &alone, fault)) &&
        run_seat(run, wide, fault);
    c->rows = rows;
    fine = fine && record_seated(models, run, c, &team, &alone.competitor[0], base_rows, fault);
    seated_free(&alone);
    seated_free(&team);
    return fine;
}

bool models_scale(struct models *models, struct run *run, const struct job *job,
                  struct fault *fault)
{
    struct contender *c = fastest(models);
    size_t threads = job->seating.threads, shared = job->batch, each = run->plan.rows_each;
    if (!c)
        return true;
    if (shared)
        return scale_shape(models, run, job, c, shared, shared, fault);
    return scale_shape(models, run, job, c, each * threads, each, fault);
}
