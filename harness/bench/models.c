#include "harness/bench/models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- records --------------------------------------------------------------------------------- */

/* Between two uses of a layer's weights all others pass through the caches: what counts is where
 * all of them lie. */
void models_need_of(struct need *need, const struct models *models, const struct run *run,
                    const struct contender *c)
{
    const struct ektm *ektm = &models->subject->model.ektm;
    for (enum dtype d = 0; d < DTYPES; d++) {
        const struct formats all = {.others = d};
        if (!formats_include(&c->formats, ektm, d))
            continue;
        const size_t bytes = schedule_weight_bytes(&models->subject->model, &all);
        need->stream[d] =
            (struct streams){bytes, run->plan.cache == CACHE_ROTATE ? run->plan.rotation : bytes};
        need->computes[d][c->isa] = true;
        need->gathers[d] |= formats_of(&c->formats, &ektm->layer[0]) == d;
    }
}

struct need models_need(const struct models *models, const struct run *run, size_t rows)
{
    struct need need = {.subject = models->subject,
                        .preset = models->subject->preset->name,
                        .batch = rows,
                        .alone = run->plan.cache == CACHE_COLD,
                        .rows = (rows + run->seating.threads - 1) / run->seating.threads,
                        .rows_all = models->subject->activations.rows_max};
    return need;
}

/* Work of a forward pass and what bounds it. */
struct pass {
    double flops, bytes;
    struct bound bound;
    struct arithmetic most; /* of the layer that takes longest at best */
};

/* All of a thread's layers, one after the other; what passes between them may stay in L1. */
static struct pass pass_of(const struct models *models, const struct run *run,
                           const struct roof *roof, const struct contender *c)
{
    const struct subject *s = models->subject;
    size_t threads = run->seating.threads, share = (c->rows + threads - 1) / threads;
    struct pass pass = {0};
    double longest = 0;
    for (size_t l = 0; l < s->model.ektm.layers; l++) {
        const struct op *op = s->model.ektm.layer[l].op;
        const enum dtype dtype = c->composed->kernel[l]->dtype;
        struct call all = model_call(&s->model, &s->activations.memory, l, c->rows, dtype);
        struct call own = model_call(&s->model, &s->activations.memory, l, share, dtype);
        const double before = pass.bound.least;
        /* The inputs' ids are those of all rows. */
        own.dims.extent[IDS] = own.dims.extent[IDS] * share / s->activations.rows_max;
        struct work work = work_of(op, &own, true);
        bound_add(&pass.bound, roof, &work, (struct arithmetic){c->isa, dtype});
        if (pass.bound.least - before > longest) {
            longest = pass.bound.least - before;
            pass.most = (struct arithmetic){c->isa, dtype};
        }
        pass.flops += op->flops(&all);
        pass.bytes += op_bytes(op, &all);
    }
    return pass;
}

static void record_states(json_t *record, const struct models *models, const struct run *run,
                          const struct contender *c)
{
    enum cache_state cache = run->plan.cache;
    if (cache == CACHE_ROTATE && c->copies > 1)
        record_count(record, "rotation",
                     c->copies * schedule_weight_bytes(&models->subject->model, &c->formats));
    else if (cache == CACHE_ROTATE)
        cache = CACHE_WARM;
    record_text(record, "cache", cache_name(cache));
    record_text(record, "pages", memory_obtained(models->subject->model.block));
}

/* How the pass is walked and shared, and the traffic that this saves. */
static void record_schedule(json_t *record, const struct models *models, const struct run *run,
                            const struct contender *c)
{
    size_t share = (c->rows + run->seating.threads - 1) / run->seating.threads;
    bool deep = c->schedule.tile && c->schedule.tile < share && !c->forward->by_columns;
    record_text(record, "schedule", c->schedule_from);
    record_text(record, "order", deep ? "depth first" : "layer by layer");
    record_count(record, "tile", deep ? c->schedule.tile : share);
    record_text(record, "shared_by", c->forward->by_columns ? "columns" : "rows");
    record_number(record, "bytes_saved",
                  (double)run->seating.threads * schedule_bytes_saved(&c->schedule,
                                                                      &models->subject->model,
                                                                      share, &run->topology));
}

/* An object column with a number of each prediction. */
static void record_predictions(json_t *record, const char *column, const struct quality *q,
                               double (*of)(const struct quality *, size_t p))
{
    double number[PREDICTIONS_MAX];
    char name[PREDICTIONS_MAX][16];
    const char *names[PREDICTIONS_MAX];
    for (size_t p = 0; p < q->predictions; p++) {
        prediction_name(q->tasks, p, name[p], sizeof name[p]);
        names[p] = name[p];
        number[p] = of(q, p);
    }
    record_numbers(record, column, names, number, q->predictions);
}

static double loss_change(const struct quality *q, size_t p)
{
    const struct fit loss = quality_loss(q, p);
    return loss.narrow - loss.wide;
}

/* NAN also where there is no memory to rank. */
static double area_change(const struct quality *q, size_t p)
{
    struct fit area = {NAN, NAN};
    struct fault ignored;
    quality_area(q, p, &area, &ignored);
    return area.narrow - area.wide;
}

static void record_quality(json_t *record, const struct quality *q)
{
    record_predictions(record, "off_most", q, quality_most);
    record_predictions(record, "off_mean", q, quality_mean);
    record_predictions(record, "tau", q, quality_tau);
    if (!quality_has_labels(q))
        return;
    record_predictions(record, "auc_change", q, area_change);
    record_predictions(record, "log_loss_change", q, loss_change);
}

json_t *models_record_timed(const struct models *models, struct run *run, const struct roof *roof,
                            const struct contender *c, const struct competitor *competitor)
{
    struct pass pass = pass_of(models, run, roof, c);
    struct timing timing = {competitor, run->seating, pass.flops, pass.bytes};
    struct dims dims = {.extent = {[BATCH] = c->rows}};
    json_t *record = record_new(KIND_MODEL, run->journal.run);
    contender_describe(record, c);
    record_text(record, "preset", models->subject->preset->name);
    record_text(record, "borrowed", c->composed->borrowed);
    if (c->backend == &peers_backend)
        record_text(record, "path", c->composed->chosen);
    record_dims(record, &dims);
    record_text(record, "ids", run->plan.ids);
    record_count(record, "seed", run->arguments->seed);
    record_number(record, "prepare_ns", c->prepare_ns);
    run_describe(run, record, &timing, c->error);
    if (c->quality)
        record_quality(record, c->quality);
    record_states(record, models, run, c);
    record_schedule(record, models, run, c);
    double ns = record_get_interval(record, "ns").median;
    record_number(record, "rows_per_s", (double)c->rows / ns * 1e9);
    bound_describe(record, &pass.bound, roof, pass.most, ns);
    /* The reference was timed on one thread. */
    run_compare(run, record, "x_reference",
                run->seating.threads > 1 ? NULL : &models->reference_time, competitor,
                (double)c->rows / (double)models->reference_rows);
    return record;
}

/* ---- side by side on one thread -------------------------------------------------------------- */

/* Who takes part in one comparison. */
struct contest {
    size_t count;
    struct contender *contender[MODELS_MAX];
    struct competitor competitor[MODELS_MAX + ROOF_MAX]; /* the roof's behind the contenders' */
    struct roof roof;
};

static bool enter_all(struct contest *contest, struct models *models, struct run *run, size_t rows,
                      struct fault *fault)
{
    size_t few = run->plan.reference_rows;
    few = few < models->subject->rows ? few : models->subject->rows;
    models->reference_rows = few;
    for (size_t i = 0; i < models->count; i++) {
        struct contender *c = &models->contender[i];
        if (c->invalid || (contender_is_reference(c) && models->reference_time.count))
            continue;
        if (!contender_is_wide(c) && !c->quality && !contender_judge(models, run, c, fault))
            return false;
        if (!contender_bind(models, run, c, contender_is_reference(c) ? few : rows, fault) ||
            !contender_check(models, run, c, fault))
            return false;
        if (c->invalid)
            continue;
        contest->contender[contest->count] = c;
        contest->competitor[contest->count++] =
            (struct competitor){.run = contender_run, .argument = c};
    }
    return true;
}

/* The contender that the compiler made at the same instruction set. */
static const struct competitor *baseline_of(const struct contest *contest,
                                            const struct contender *c)
{
    for (size_t i = 0; i < contest->count; i++)
        if (strcmp(contest->contender[i]->backend->name, "compiler") == 0 &&
            contest->contender[i]->isa == c->isa && contenders_alike(contest->contender[i], c))
            return &contest->competitor[i];
    return NULL;
}

/* The best peer's time over this one's; a peer's own over the best of the others'. */
static void compare_with_peers(json_t *record, const struct run *run, const struct contest *contest,
                               const struct contender *c, const struct competitor *competitor)
{
    bool peer[MODELS_MAX];
    for (size_t i = 0; i < contest->count; i++)
        peer[i] = contest->contender[i]->backend->peer &&
                  contenders_alike(contest->contender[i], c) &&
                  &contest->competitor[i] != competitor;
    const struct competitor *best = run_best_peer(contest->competitor, peer, contest->count);
    run_compare(run, record, "x_peer", best, competitor, 1);
    record_text(record, "peer",
                best ? contest->contender[best - contest->competitor]->backend->name : "");
    run_verdict(record, "versus_reference", "x_reference");
    run_verdict(record, "versus_compiler", "x_compiler");
    run_verdict(record, "versus_peer", "x_peer");
}

/* The same backend's in f32 beside one with layers in narrow formats, or NULL. */
static const struct competitor *wide_of(const struct contest *contest, const struct contender *c)
{
    for (size_t i = 0; i < contest->count; i++) {
        const struct contender *other = contest->contender[i];
        if (other->backend == c->backend && other->isa == c->isa && !other->by_layers &&
            contender_is_wide(other) && !contender_is_wide(c))
            return &contest->competitor[i];
    }
    return NULL;
}

/* The same kernels layer by layer, beside a contender that goes depth first. */
static const struct competitor *by_layers_of(const struct contest *contest,
                                             const struct contender *c)
{
    for (size_t i = 0; i < contest->count && !c->by_layers; i++)
        if (contest->contender[i]->by_layers && contest->contender[i]->composed == c->composed)
            return &contest->competitor[i];
    return NULL;
}

static bool record_contest(struct contest *contest, struct models *models, struct run *run,
                           struct fault *fault)
{
    for (size_t i = 0; i < contest->count; i++)
        if (contender_is_reference(contest->contender[i]))
            models->reference_time = contest->competitor[i];
    for (size_t i = 0; i < contest->count; i++) {
        struct contender *c = contest->contender[i];
        struct competitor *competitor = &contest->competitor[i];
        if (!competitor->count)
            continue;
        json_t *record = models_record_timed(models, run, &contest->roof, c, competitor);
        run_compare(run, record, "x_compiler", baseline_of(contest, c), competitor, 1);
        compare_with_peers(record, run, contest, c, competitor);
        if (wide_of(contest, c)) {
            run_compare(run, record, "x_f32", wide_of(contest, c), competitor, 1);
            run_verdict(record, "versus_f32", "x_f32");
        }
        if (by_layers_of(contest, c)) {
            run_compare(run, record, "x_layers", by_layers_of(contest, c), competitor, 1);
            run_verdict(record, "versus_layers", "x_layers");
        }
        c->speed = competitor->invalid ? c->speed : record_get_number(record, "rows_per_s");
        if (!journal_add(&run->journal, record, fault))
            return false;
    }
    return true;
}

/* All of them at once, on the seat that is taken. */
static bool compete(struct models *models, struct run *run, const struct job *job,
                    struct fault *fault)
{
    struct contest contest = {.count = 0};
    struct sampling sampling = run_sampling(run, job);
    struct eviction eviction;
    sampling.stride = WARMING;
    if (!eviction_make(&eviction, run, &sampling, fault))
        return false;
    bool fine = enter_all(&contest, models, run, job->batch, fault);
    struct competitor *above = &contest.competitor[contest.count];
    struct need need = models_need(models, run, job->batch);
    for (size_t i = 0; i < contest.count; i++)
        models_need_of(&need, models, run, contest.contender[i]);
    fine =
        fine && roof_make(&contest.roof, run, &need, above, fault) &&
        run_sample(run, &sampling, contest.competitor, contest.count + contest.roof.count, fault) &&
        roof_record(&contest.roof, run, above, fault) &&
        record_contest(&contest, models, run, fault);
    for (size_t i = 0; i < contest.count; i++)
        if (!contender_is_reference(contest.contender[i]) || !models->reference_time.ns)
            competitor_free(&contest.competitor[i]);
    for (size_t i = 0; i < contest.roof.count; i++)
        competitor_free(&above[i]);
    roof_free(&contest.roof);
    eviction_free(&eviction);
    return fine;
}

bool models_run(struct models *models, struct run *run, const struct job *job, struct fault *fault)
{
    size_t always = models->count;
    bool fine = run_seat(run, job->seating, fault) &&
                models_add_peers(models, run, job->batch, fault) &&
                compete(models, run, job, fault);
    while (models->count > always)
        models_drop_last(models);
    return fine;
}

bool models_enter(struct models *models, struct run *run, struct contender *c, size_t rows,
                  struct competitor *competitor, struct fault *fault)
{
    *competitor = (struct competitor){.run = contender_run, .argument = c};
    return contender_bind(models, run, c, rows, fault) && contender_check(models, run, c, fault);
}

json_t *models_record(struct models *models, struct run *run, struct contender *c,
                      const struct competitor *competitor)
{
    struct roof none = {.count = 0};
    json_t *record = models_record_timed(models, run, &none, c, competitor);
    run_compare(run, record, "x_compiler", NULL, competitor, 1);
    return record;
}
