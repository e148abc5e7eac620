#include "harness/bench/models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- contenders ------------------------------------------------------------------------------ */

static bool is_reference(const struct contender *c)
{
    return strcmp(c->backend->name, "reference") == 0;
}

/* Whether the kernel is a layer's, so that its backend and ISA can compose a model. */
static bool composes(const struct run *run, const struct kernel *kernel)
{
    char reason[128];
    return !kernel->op->probe && kernel->dtype == DTYPE_F32 &&
           arguments_admit(run->arguments, kernel) && kernel_usable(kernel, reason, sizeof reason);
}

static struct contender *find(struct models *models, const struct backend *backend, enum isa isa)
{
    for (size_t i = 0; i < models->count; i++)
        if (models->contender[i].backend == backend && models->contender[i].isa == isa)
            return &models->contender[i];
    return NULL;
}

/* Bytes of all weights but the tables. */
static size_t weight_bytes(const struct subject *subject)
{
    const struct ektm *ektm = &subject->model.ektm;
    size_t bytes = 0;
    for (size_t w = ektm->config.fields; w < ektm->weights; w++) {
        const struct ektm_weight *weight = &ektm->weight[w];
        bytes += weight->rows * (weight->columns ? weight->columns : 1) * sizeof(float);
    }
    return bytes;
}

/* Copies of the weights that passes go round. The scalar reference reads the model's own. */
static size_t copies_of(const struct models *models, const struct run *run,
                        const struct contender *c)
{
    bool rotates = run->plan.cache == CACHE_ROTATE && !is_reference(c);
    return rotates ? run->plan.rotation / weight_bytes(models->subject) + 1 : 1;
}

static void contender_free(struct contender *c)
{
    for (size_t k = 0; k < c->copies; k++)
        composed_free(&c->composed[k]);
    free(c->composed);
    c->composed = NULL;
}

static bool add(struct models *models, const struct run *run, const struct backend *backend,
                enum isa isa, struct fault *fault)
{
    struct contender *c = &models->contender[models->count];
    *c = (struct contender){.backend = backend, .isa = isa};
    size_t copies = copies_of(models, run, c);
    c->composed = calloc(copies, sizeof *c->composed);
    if (!c->composed)
        return fault_memory(fault, "the models");
    uint64_t begin = clock_now();
    for (; c->copies < copies; c->copies++) {
        if (!compose(&c->composed[c->copies], &models->subject->model, backend, isa, fault)) {
            contender_free(c);
            return false;
        }
        if (c->copies == 0)
            c->prepare_ns = (double)(clock_now() - begin);
    }
    models->count++;
    return true;
}

/* Takes over how fast contenders were in an earlier part of the run. */
static void recall_speeds(struct models *models, const struct run *run)
{
    for (size_t i = 0; i < json_array_size(run->journal.records); i++) {
        const json_t *r = json_array_get(run->journal.records, i);
        if (record_kind(r) != KIND_MODEL || json_object_get(r, "speedup") ||
            strcmp(record_get_text(r, "preset"), models->subject->preset->name) != 0 ||
            strcmp(record_get_text(r, "verdict"), "invalid") == 0)
            continue;
        for (size_t c = 0; c < models->count; c++)
            if (strcmp(models->contender[c].backend->name, record_get_text(r, "backend")) == 0 &&
                strcmp(isa_name(models->contender[c].isa), record_get_text(r, "isa")) == 0)
                models->contender[c].speed = record_get_number(r, "rows_per_s");
    }
}

bool models_make(struct models *models, struct run *run, struct subject *subject,
                 struct fault *fault)
{
    *models = (struct models){.subject = subject};
    for (const struct kernel *const *k = kernels; *k; k++)
        if (composes(run, *k) && !find(models, (*k)->backend, kernel_isa(*k)) &&
            models->count < MODELS_MAX && !add(models, run, (*k)->backend, kernel_isa(*k), fault)) {
            models_free(models);
            return false;
        }
    recall_speeds(models, run);
    return true;
}

void models_free(struct models *models)
{
    for (size_t i = 0; i < models->count; i++)
        contender_free(&models->contender[i]);
    competitor_free(&models->reference_time);
    models->count = 0;
}

/* A pass, and then new ids for the next one: a server meets other rows each time. */
static void run_contender(void *argument)
{
    struct contender *c = argument;
    team_run(c->team, composed_forward, &c->composed[c->next]);
    c->next = c->next + 1 < c->copies ? c->next + 1 : 0;
    c->row = c->row + 2 * c->rows <= c->rows_all ? c->row + c->rows : 0;
    composed_turn(&c->composed[c->next], c->row);
}

static bool bind(struct models *models, struct run *run, struct contender *c, size_t rows,
                 struct fault *fault)
{
    c->rows = rows;
    c->row = 0;
    c->rows_all = models->subject->activations.rows_max;
    c->next = 0;
    c->team = run->team;
    bool fine = true;
    for (size_t k = 0; k < c->copies && fine; k++)
        fine = composed_bind(&c->composed[k], &models->subject->activations, rows,
                             team_members(run->team), fault);
    return fine;
}

static void describe_contender(json_t *record, const struct contender *c)
{
    char name[64];
    snprintf(name, sizeof name, "model_%s_%s_%s", dtype_name(DTYPE_F32), c->backend->name,
             isa_name(c->isa));
    record_text(record, "name", name);
    record_text(record, "op", "model");
    record_text(record, "dtype", dtype_name(DTYPE_F32));
    record_text(record, "backend", c->backend->name);
    record_text(record, "isa", isa_name(c->isa));
}

/* Records that the contender's predictions are wrong; it drops out. */
static bool drop(const struct models *models, struct run *run, struct contender *c,
                 const char *reason, struct fault *fault)
{
    json_t *record = record_new(KIND_SKIP, run->journal.run);
    describe_contender(record, c);
    record_text(record, "preset", models->subject->preset->name);
    record_dims(record, &(struct dims){.extent = {[BATCH] = c->rows}});
    record_count(record, "threads", team_members(run->team));
    record_number(record, "error", c->error);
    record_text(record, "verdict", "invalid");
    record_text(record, "reason", reason);
    c->invalid = true;
    run->invalid++;
    return journal_add(&run->journal, record, fault);
}

/* Predicts what it is bound to, and compares with the reference. */
static bool check(struct models *models, struct run *run, struct contender *c, struct fault *fault)
{
    char reason[128];
    size_t known = c->rows < models->subject->rows ? c->rows : models->subject->rows;
    subject_forget(models->subject);
    run_contender(c);
    c->error = subject_error(models->subject, known);
    if (c->error <= 1)
        return true;
    snprintf(reason, sizeof reason, "a prediction is wrong by %.3g times what is allowed",
             c->error);
    return drop(models, run, c, reason, fault);
}

/* ---- records --------------------------------------------------------------------------------- */

/* What a comparison of passes needs to know of the machine. Between two uses of a layer's weights
 * all others pass through the caches: what counts is where all of them lie. */
static struct need need_of(const struct models *models, const struct run *run, size_t rows)
{
    struct need need = {.subject = models->subject,
                        .preset = models->subject->preset->name,
                        .batch = rows,
                        .alone = run->plan.cache == CACHE_COLD,
                        .streamed = weight_bytes(models->subject),
                        .rows = (rows + run->seating.threads - 1) / run->seating.threads,
                        .rows_all = models->subject->activations.rows_max};
    need.round = run->plan.cache == CACHE_ROTATE ? run->plan.rotation : need.streamed;
    return need;
}

/* Work of a forward pass and what bounds it. */
struct pass {
    double flops, bytes;
    struct bound bound;
};

/* All of a thread's layers, one after the other; what passes between them may stay in L1. */
static struct pass pass_of(const struct models *models, const struct run *run,
                           const struct roof *roof, const struct contender *c)
{
    const struct subject *s = models->subject;
    size_t threads = run->seating.threads, share = (c->rows + threads - 1) / threads;
    struct pass pass = {0};
    for (size_t l = 0; l < s->model.ektm.layers; l++) {
        const struct op *op = s->model.ektm.layer[l].op;
        struct call all = ektm_call(&s->model.ektm, &s->activations.memory, l, c->rows);
        struct call own = ektm_call(&s->model.ektm, &s->activations.memory, l, share);
        double ids = (double)share / (double)s->activations.rows_max; /* a call has those of all */
        struct work work = work_of(op, &own, true);
        work.gathered *= ids;
        bound_add(&pass.bound, roof, &work, c->isa);
        bool gathers = work.gathered > 0;
        pass.flops += op->flops(&all) * (gathers ? ids * (double)c->rows / (double)share : 1);
        pass.bytes += op_bytes(op, &all) * (gathers ? ids * (double)c->rows / (double)share : 1);
    }
    return pass;
}

static void record_states(json_t *record, const struct models *models, const struct run *run,
                          const struct contender *c)
{
    enum cache_state cache = run->plan.cache;
    if (cache == CACHE_ROTATE && c->copies > 1)
        record_count(record, "rotation", c->copies * weight_bytes(models->subject));
    else if (cache == CACHE_ROTATE)
        cache = CACHE_WARM;
    record_text(record, "cache", cache_name(cache));
    record_text(record, "pages", memory_obtained(models->subject->model.block));
}

/* A record of the contender's time, but for the comparisons. */
static json_t *record_of(const struct models *models, struct run *run, const struct roof *roof,
                         const struct contender *c, const struct competitor *competitor)
{
    struct pass pass = pass_of(models, run, roof, c);
    struct timing timing = {competitor, run->seating, pass.flops, pass.bytes};
    struct dims dims = {.extent = {[BATCH] = c->rows}};
    json_t *record = record_new(KIND_MODEL, run->journal.run);
    describe_contender(record, c);
    record_text(record, "preset", models->subject->preset->name);
    record_text(record, "borrowed", c->composed->borrowed);
    record_dims(record, &dims);
    record_text(record, "ids", run->plan.ids);
    record_count(record, "seed", run->arguments->seed);
    record_number(record, "prepare_ns", c->prepare_ns);
    run_describe(run, record, &timing, c->error);
    record_states(record, models, run, c);
    double ns = record_get_interval(record, "ns").median;
    record_number(record, "rows_per_s", (double)c->rows / ns * 1e9);
    bound_describe(record, &pass.bound, roof, c->isa, ns);
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
        if (c->invalid || (is_reference(c) && models->reference_time.count))
            continue;
        if (!bind(models, run, c, is_reference(c) ? few : rows, fault) ||
            !check(models, run, c, fault))
            return false;
        if (c->invalid)
            continue;
        contest->contender[contest->count] = c;
        contest->competitor[contest->count++] =
            (struct competitor){.run = run_contender, .argument = c};
    }
    return true;
}

/* The contender that the compiler made at the same instruction set. */
static const struct competitor *baseline_of(const struct contest *contest,
                                            const struct contender *c)
{
    for (size_t i = 0; i < contest->count; i++)
        if (strcmp(contest->contender[i]->backend->name, "compiler") == 0 &&
            contest->contender[i]->isa == c->isa)
            return &contest->competitor[i];
    return NULL;
}

/* The best peer's time over this one's; a peer's own over the best of the others'. */
static void compare_with_peers(json_t *record, const struct run *run, const struct contest *contest,
                               const struct competitor *competitor)
{
    bool peer[MODELS_MAX];
    for (size_t i = 0; i < contest->count; i++)
        peer[i] = contest->contender[i]->backend->peer && &contest->competitor[i] != competitor;
    const struct competitor *best = run_best_peer(contest->competitor, peer, contest->count);
    run_compare(run, record, "x_peer", best, competitor, 1);
    record_text(record, "peer",
                best ? contest->contender[best - contest->competitor]->backend->name : "");
    run_verdict(record, "versus_reference", "x_reference");
    run_verdict(record, "versus_compiler", "x_compiler");
    run_verdict(record, "versus_peer", "x_peer");
}

static bool record_contest(struct contest *contest, struct models *models, struct run *run,
                           struct fault *fault)
{
    for (size_t i = 0; i < contest->count; i++)
        if (is_reference(contest->contender[i]))
            models->reference_time = contest->competitor[i];
    for (size_t i = 0; i < contest->count; i++) {
        struct contender *c = contest->contender[i];
        struct competitor *competitor = &contest->competitor[i];
        if (!competitor->count)
            continue;
        json_t *record = record_of(models, run, &contest->roof, c, competitor);
        run_compare(run, record, "x_compiler", baseline_of(contest, c), competitor, 1);
        compare_with_peers(record, run, contest, competitor);
        c->speed = competitor->invalid ? c->speed : record_get_number(record, "rows_per_s");
        if (!journal_add(&run->journal, record, fault))
            return false;
    }
    return true;
}

bool models_run(struct models *models, struct run *run, const struct job *job, struct fault *fault)
{
    struct contest contest = {.count = 0};
    struct sampling sampling = run_sampling(run, job);
    struct eviction eviction;
    bool fine =
        run_seat(run, job->seating, fault) && eviction_make(&eviction, run, &sampling, fault);
    if (!fine)
        return false;
    fine = enter_all(&contest, models, run, job->batch, fault);
    struct competitor *above = &contest.competitor[contest.count];
    struct need need = need_of(models, run, job->batch);
    for (size_t i = 0; i < contest.count; i++)
        need.isa[contest.contender[i]->isa] = true;
    fine =
        fine && roof_make(&contest.roof, run, &need, above, fault) &&
        run_sample(run, &sampling, contest.competitor, contest.count + contest.roof.count, fault) &&
        roof_record(&contest.roof, run, above, fault) &&
        record_contest(&contest, models, run, fault);
    for (size_t i = 0; i < contest.count; i++)
        if (!is_reference(contest.contender[i]) || !models->reference_time.ns)
            competitor_free(&contest.competitor[i]);
    for (size_t i = 0; i < contest.roof.count; i++)
        competitor_free(&above[i]);
    roof_free(&contest.roof);
    eviction_free(&eviction);
    return fine;
}

bool models_enter(struct models *models, struct run *run, struct contender *c, size_t rows,
                  struct competitor *competitor, struct fault *fault)
{
    *competitor = (struct competitor){.run = run_contender, .argument = c};
    return bind(models, run, c, rows, fault) && check(models, run, c, fault);
}

json_t *models_record(struct models *models, struct run *run, struct contender *c,
                      const struct competitor *competitor)
{
    struct roof none = {.count = 0};
    json_t *record = record_of(models, run, &none, c, competitor);
    run_compare(run, record, "x_compiler", NULL, competitor, 1);
    return record;
}

/* ---- many threads ---------------------------------------------------------------------------- */

static struct contender *fastest(struct models *models)
{
    struct contender *best = NULL;
    for (size_t i = 0; i < models->count; i++) {
        struct contender *c = &models->contender[i];
        if (!c->invalid && c->speed > (best ? best->speed : 0))
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
    bool fine = composed_bind(c->composed, activations, c->rows, 1, fault);
    if (fine) {
        composed_forward(c->composed, 0, 1);
        memcpy(alone, predictions, bytes);
        fine = bind(models, run, c, c->rows, fault);
    }
    if (fine) {
        subject_forget(models->subject);
        run_contender(c);
        if (memcmp(alone, predictions, bytes) != 0)
            fine = drop(models, run, c, "predictions depend on the number of threads", fault);
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
    if (!run_seat(run, seating, fault) || !bind(models, run, c, rows, fault) ||
        !check(models, run, c, fault) || (!c->invalid && !check_bits(models, run, c, fault)))
        return false;
    activations_refresh(&models->subject->activations);
    if (c->invalid)
        return true;
    struct need need = need_of(models, run, rows);
    need.isa[c->isa] = true;
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
    json_t *record = record_of(models, run, &seated->roof, c, team);
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
    struct seated alone = {.competitor[0] = {.run = run_contender, .argument = c}}, team = alone;
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
    size_t threads = job->seating.threads, shared = models->subject->rows;
    size_t each = run->plan.rows_each;
    if (!c)
        return true;
    if (shared >= threads && !scale_shape(models, run, job, c, shared, shared, fault))
        return false;
    return (threads == 1 && shared == each) || *run->stop ||
           scale_shape(models, run, job, c, each * threads, each, fault);
}
