#include "harness/data/simulator.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ATTRIBUTE_VALUES = 1000, /* at most, so that what is learned of one holds for many ids */
    BAG_VALUES = 10000,
    USERS = 50000, /* unless asked for more, so that several requests come from each */
    PROFILE = 1 + SIMULATOR_FACTORS, /* numbers of a profile's block */
    CALIBRATION_ROWS = 40000,
    BISECTIONS = 60,
    DENSE_STEPS = 1000 /* of one: dense features are so many digits long, in files as in memory */
};

/* What random numbers are for: each has sequences of its own. */
enum purpose {
    FOR_LAWS,
    FOR_SIDES,
    FOR_VALUES,
    FOR_OWN,
    FOR_DENSE,
    FOR_REQUESTS,
    FOR_CALIBRATION,
    FOR_BIDS
};

/* Shares of a score's variance. */
static const double mains_share = 0.5, interaction_share = 0.25, dense_share = 0.25;

static struct random stream(const struct simulation *s, enum purpose purpose, uint64_t number)
{
    return random_stream(random_mix(s->seed) + purpose, number);
}

/* Two independent normal numbers (Box and Muller). */
struct pair {
    double first, second;
};

static struct pair normals(struct random *r)
{
    const double radius = sqrt(-2 * log(1 - random_uniform(r)));
    double sine, cosine;
    sincos(2 * M_PI * random_uniform(r), &sine, &cosine);
    return (struct pair){radius * cosine, radius * sine};
}

static double normal(struct random *r) { return normals(r).first; }

static double logistic(double x) { return 1 / (1 + exp(-x)); }

/* ---- what to simulate ------------------------------------------------------------------------ */

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

void simulation_default(struct simulation *s, const struct ektm_preset *preset)
{
    const struct ektm_config *c = &preset->config;
    *s = (struct simulation){.fields = c->fields,
                             .dense = c->dense,
                             .tasks = c->tasks,
                             .bag_fields = preset->bag_fields,
                             .bag_ids = preset->bag_ids,
                             .pattern = LABELS_SEQUENTIAL,
                             .users = least(c->rows[0], USERS),
                             .items = c->rows[c->fields / 2],
                             .candidates = 20,
                             .groups = 1,
                             .similarity = 0.8,
                             .signal = 1.5,
                             .click = 0.04,
                             .exponent = 1.05,
                             .seed = 1};
    memcpy(s->rows, c->rows, sizeof s->rows);
    for (size_t i = 0; i < c->tasks; i++)
        s->conversion[i] = 0.005 * pow(0.2, c->tasks > 1 ? (double)i / (double)(c->tasks - 1) : 0);
}

static bool check_rates(const struct simulation *s, struct fault *fault)
{
    if (!(s->click > 0 && s->click < 1))
        return fault_caller(fault, "a click rate of %g; it lies between 0 and 1", s->click);
    for (size_t i = 0; i < s->tasks; i++) {
        const bool sequel = s->pattern == LABELS_SEQUENTIAL && i > 0;
        const double most = sequel ? s->conversion[i - 1] : s->click;
        if (!(s->conversion[i] > 0 && s->conversion[i] < most))
            return fault_caller(fault,
                                "conversion %zu with a rate of %g of all rows; it lies between 0 "
                                "and %g, the rate of what it needs",
                                i + 1, s->conversion[i], most);
    }
    return true;
}

static bool check(const struct simulation *s, struct fault *fault)
{
    const size_t item = s->fields / 2;
    if (s->fields < 2 || s->fields > FIELDS_MAX)
        return fault_caller(fault, "%zu fields; 2 to %d are allowed", s->fields, FIELDS_MAX);
    if (s->tasks < 1 || s->tasks > TASKS_MAX)
        return fault_caller(fault, "%zu conversions; 1 to %d are allowed", s->tasks, TASKS_MAX);
    if (s->users < 1 || s->users > s->rows[0])
        return fault_caller(fault, "%zu users; 1 to %zu, the ids of f0, are allowed", s->users,
                            s->rows[0]);
    if (s->items < 1 || s->items > s->rows[item])
        return fault_caller(fault, "%zu items; 1 to %zu, the ids of f%zu, are allowed", s->items,
                            s->rows[item], item);
    for (size_t f = 0; f < s->fields; f++)
        if (s->rows[f] < 1 || s->rows[f] > INT32_MAX)
            return fault_caller(fault, "%zu ids of f%zu; 1 to %d are allowed", s->rows[f], f,
                                INT32_MAX);
    if (s->candidates < 1 || s->candidates > 100000)
        return fault_caller(fault, "%zu candidates in a request; 1 to 100000 are allowed",
                            s->candidates);
    if (s->groups < 1 || s->groups > s->tasks)
        return fault_caller(fault, "%zu groups; 1 to %zu, the conversions, are allowed", s->groups,
                            s->tasks);
    if (!(s->similarity >= 0 && s->similarity <= 1 && s->missing >= 0 && s->missing <= 1))
        return fault_caller(fault, "similarity %g, missing labels %g; 0 to 1 are allowed",
                            s->similarity, s->missing);
    if (!(s->signal >= 0 && s->signal <= 10 && s->exponent > 0 && s->exponent <= 10))
        return fault_caller(fault, "signal %g, exponent %g; up to 10 are allowed", s->signal,
                            s->exponent);
    return check_rates(s, fault);
}

/* ---- users and items ------------------------------------------------------------------------- */

/* Fills a profile with normal numbers. */
static void fill_profile(float *profile, size_t blocks, struct random *r)
{
    for (size_t i = 0; i < blocks * PROFILE; i += 2) {
        const struct pair two = normals(r);
        profile[i] = (float)two.first;
        if (i + 1 < blocks * PROFILE)
            profile[i + 1] = (float)two.second;
    }
}

static size_t values_of(const struct simulation *s, size_t field, bool bag)
{
    return least(s->rows[field], bag ? BAG_VALUES : ATTRIBUTE_VALUES);
}

/* Whether a field, not the first of its side, holds bags: those of the user come first. */
static bool is_bag(const struct simulation *s, size_t field)
{
    return field > 0 && field < s->fields / 2 && field <= s->bag_fields;
}

/* What the values of a side's attributes mean. */
struct meanings {
    float *value[FIELDS_MAX]; /* [values, blocks, PROFILE] of the side's fields but the first */
    struct id_field law[FIELDS_MAX];
};

static void forget_meanings(struct meanings *m)
{
    for (size_t f = 0; f < FIELDS_MAX; f++)
        free(m->value[f]);
    free(m);
}

static struct meanings *find_meanings(const struct simulation *s, const struct side *side,
                                      size_t blocks)
{
    const struct id_law law = {.kind = IDS_ZIPF, .exponent = s->exponent};
    struct meanings *m = calloc(1, sizeof *m);
    for (size_t f = 1; f < side->fields && m; f++) {
        const size_t field = side->field + f, width = blocks * PROFILE;
        const size_t values = values_of(s, field, is_bag(s, field));
        m->law[f] = id_field_make(&law, values, s->seed, field);
        m->value[f] = malloc(values * width * sizeof(float) + 1);
        for (size_t v = 0; v < values && m->value[f]; v++) {
            struct random r = stream(s, FOR_VALUES, (uint64_t)field << 32 | v);
            fill_profile(m->value[f] + v * width, blocks, &r);
        }
        if (!m->value[f]) {
            forget_meanings(m);
            return NULL;
        }
    }
    return m;
}

/* Ids in all bags of a side; the same draws as those that fill them. */
static size_t bag_ids(const struct simulation *s, size_t field, struct random *r)
{
    return is_bag(s, field) ? random_below(r, 2 * s->bag_ids + 1) : 1;
}

/* Draws who `number` of a side is: ids behind `*at`, and a profile of unit variance in which the id
 * and each attribute weigh alike. `room`: for the ids of one more. */
static void draw_one(struct side *side, const struct simulation *s, const struct meanings *m,
                     size_t blocks, size_t number, size_t *at)
{
    const size_t width = blocks * PROFILE;
    float *profile = side->profile + number * width;
    uint32_t *bag = side->bag + number * side->fields;
    struct random own = stream(s, FOR_OWN, (uint64_t)side->field << 32 | number);
    struct random r = stream(s, FOR_SIDES, (uint64_t)side->field << 32 | number);
    fill_profile(profile, blocks, &own);
    side->id[(*at)++] = (int32_t)number;
    bag[1] = (uint32_t)*at;
    for (size_t f = 1; f < side->fields; f++) {
        const size_t count = bag_ids(s, side->field + f, &r);
        const float share = count ? 1 / sqrtf((float)count) : 0;
        for (size_t i = 0; i < count; i++) {
            const int32_t id = id_field_draw(&m->law[f], &r);
            const float *value = m->value[f] + (size_t)id * width;
            assert(m->value[f]);
            side->id[(*at)++] = id;
            for (size_t k = 0; k < width; k++)
                profile[k] += share * value[k];
        }
        bag[f + 1] = (uint32_t)*at;
    }
    for (size_t k = 0; k < width; k++)
        profile[k] /= sqrtf((float)side->fields);
}

static bool make_side(struct side *side, const struct simulation *s, size_t blocks,
                      struct fault *fault)
{
    size_t at = 0, most = side->fields;
    for (size_t f = 1; f < side->fields; f++)
        most += is_bag(s, side->field + f) ? 2 * s->bag_ids - 1 : 0;
    struct meanings *m = find_meanings(s, side, blocks);
    side->bag = calloc(side->count * side->fields + 1, sizeof *side->bag);
    side->id = malloc(side->count * most * sizeof *side->id + 1);
    side->profile = calloc(side->count * blocks * PROFILE + 1, sizeof *side->profile);
    const bool fine = m && side->bag && side->id && side->profile;
    for (size_t n = 0; n < side->count && fine; n++)
        draw_one(side, s, m, blocks, n, &at);
    if (m)
        forget_meanings(m);
    return fine ? true : fault_memory(fault, "users and items");
}

static void free_side(struct side *side)
{
    free(side->bag);
    free(side->id);
    free(side->profile);
}

/* ---- scores and logits ----------------------------------------------------------------------- */

static size_t group_of(const struct simulation *s, size_t task)
{
    return task ? (task - 1) * s->groups / s->tasks : 0;
}

/* The score of block `block` of a user, an item and dense features. */
static double score(const struct simulator *sim, size_t block, const float *user, const float *item,
                    const float *feature)
{
    const struct simulation *s = &sim->simulation;
    const float *u = user + block * PROFILE, *v = item + block * PROFILE;
    const float *weight = sim->weight + block * s->dense;
    double mains = (double)(u[0] + v[0]) / M_SQRT2, interaction = 0, dense = 0;
    for (size_t k = 1; k < PROFILE; k++)
        interaction += (double)(u[k] * v[k]);
    for (size_t d = 0; d < s->dense; d++)
        dense += (double)(weight[d] * feature[d]);
    const double all = mains_share + interaction_share + (s->dense ? dense_share : 0);
    return (sqrt(mains_share) * mains + sqrt(interaction_share / SIMULATOR_FACTORS) * interaction +
            sqrt(dense_share) * dense) /
           sqrt(all);
}

/* The logits of a row without their biases: of click and conversions, or of the steps to them. */
static void logits_of(const struct simulator *sim, const float *user, const float *item,
                      const float *feature, double *logit)
{
    const struct simulation *s = &sim->simulation;
    double shared[TASKS_MAX];
    for (size_t g = 0; g < s->groups; g++)
        shared[g] = score(sim, g, user, item, feature);
    for (size_t t = 0; t <= s->tasks; t++)
        logit[t] =
            s->signal * (sqrt(s->similarity) * shared[group_of(s, t)] +
                         sqrt(1 - s->similarity) * score(sim, s->groups + t, user, item, feature));
}

/* The probability of conversion `task` given the click; of 0: of the click. */
static double probability(const struct simulator *sim, const double *logit, size_t task)
{
    const bool steps = sim->simulation.pattern == LABELS_SEQUENTIAL && task > 0;
    double p = 1;
    for (size_t t = steps ? 1 : task; t <= task; t++)
        p *= logistic(logit[t] + sim->bias[t]);
    return p;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void put_ids(struct dataset *d, const struct side *side, size_t number, size_t fields)
{
    const uint32_t *bag = side->bag + number * side->fields;
    uint32_t *to = d->bag + d->rows * fields + side->field;
    memcpy(d->id + d->ids, side->id + bag[0], (bag[side->fields] - bag[0]) * sizeof *d->id);
    for (size_t f = 0; f < side->fields; f++)
        to[f + 1] = (uint32_t)(d->ids + bag[f + 1] - bag[0]);
    d->ids += bag[side->fields] - bag[0];
}

static void put_dense(const struct simulation *s, float *feature, struct random *r)
{
    for (size_t i = 0; i < s->dense; i += 2) {
        const struct pair two = normals(r);
        feature[i] = (float)(rint(two.first * DENSE_STEPS) / DENSE_STEPS);
        if (i + 1 < s->dense)
            feature[i + 1] = (float)(rint(two.second * DENSE_STEPS) / DENSE_STEPS);
    }
}

/* What happens to a row of these probabilities. */
static void put_labels(const struct simulation *s, const double *truth, uint8_t *label,
                       struct random *r)
{
    double reached = 1; /* the probability, given the click, of what the next step needs */
    label[0] = random_uniform(r) < truth[0];
    bool needed = label[0];
    for (size_t t = 1; t <= s->tasks; t++) {
        const bool happens = needed && random_uniform(r) * reached < truth[t];
        label[t] = happens;
        if (s->pattern == LABELS_SEQUENTIAL) {
            needed = happens;
            reached = truth[t];
        }
    }
    for (size_t t = 1; t <= s->tasks; t++)
        if (label[0] && random_uniform(r) < s->missing)
            label[t] = LABEL_MISSING;
}

static void put_row(const struct simulator *sim, struct dataset *d, size_t user, size_t item,
                    struct random *r)
{
    const struct simulation *s = &sim->simulation;
    const size_t width = sim->blocks * PROFILE, labels = s->tasks + 1;
    float *feature = d->feature + d->rows * s->dense;
    double *truth = d->truth + d->rows * labels, logit[TASKS_MAX + 1];
    put_ids(d, &sim->user, user, s->fields);
    put_ids(d, &sim->item, item, s->fields);
    put_dense(s, feature, r);
    logits_of(sim, sim->user.profile + user * width, sim->item.profile + item * width, feature,
              logit);
    for (size_t t = 0; t <= s->tasks; t++)
        truth[t] = probability(sim, logit, t);
    put_labels(s, truth, d->label + d->rows * labels, r);
    d->user[d->rows++] = user;
}

static size_t ids_of(const struct side *side, size_t number)
{
    const uint32_t *bag = side->bag + number * side->fields;
    assert(side->bag);
    return bag[side->fields] - bag[0];
}

/* The candidates of the request that `r` draws. */
static bool draw_request(const struct simulator *sim, struct random *r, struct dataset *d,
                         struct fault *fault)
{
    const size_t user = (size_t)id_field_draw(&sim->user.law, r);
    const size_t candidates = 1 + random_below(r, 2 * sim->simulation.candidates - 1);
    for (size_t i = 0; i < candidates; i++) {
        const size_t item = (size_t)id_field_draw(&sim->item.law, r);
        if (!dataset_reserve(d, 1, ids_of(&sim->user, user) + ids_of(&sim->item, item), fault))
            return false;
        put_row(sim, d, user, item, r);
    }
    return true;
}

bool simulator_request(const struct simulator *sim, uint64_t request, struct dataset *d,
                       struct fault *fault)
{
    struct random r = stream(&sim->simulation, FOR_REQUESTS, request);
    assert(d->fields == sim->simulation.fields && d->dense == sim->simulation.dense &&
           d->tasks == sim->simulation.tasks);
    return draw_request(sim, &r, d, fault);
}

size_t simulator_item(const struct simulator *sim, const struct dataset *d, size_t row)
{
    return (size_t)d->id[d->bag[row * d->fields + sim->item.field]];
}

double simulator_bid(const struct simulator *sim, size_t item, size_t task)
{
    const struct simulation *s = &sim->simulation;
    struct random r = stream(s, FOR_BIDS, (uint64_t)task << 32 | item);
    const double spread = 0.5;
    return s->conversion[0] / s->conversion[task - 1] *
           exp(spread * normal(&r) - spread * spread / 2);
}

/* ---- rates ----------------------------------------------------------------------------------- */

/* The bias of `task` that gives it its rate over sampled rows: `logit` [rows, T + 1] without
 * biases, `needed` [rows] the probability of what the task needs, which becomes that of the task if
 * the next one needs it. */
static double find_bias(const struct simulation *s, const double *logit, const double *needed,
                        size_t rows, size_t task)
{
    const double rate = task ? s->conversion[task - 1] : s->click;
    double low = -50, high = 50;
    for (size_t i = 0; i < BISECTIONS; i++) {
        const double middle = (low + high) / 2;
        double sum = 0;
        for (size_t b = 0; b < rows; b++)
            sum += needed[b] * logistic(logit[b * (s->tasks + 1) + task] + middle);
        *(sum < rate * (double)rows ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

static void calibrate_on(struct simulator *sim, const double *logit, double *needed, size_t rows)
{
    const struct simulation *s = &sim->simulation;
    for (size_t b = 0; b < rows; b++)
        needed[b] = 1;
    for (size_t t = 0; t <= s->tasks; t++) {
        sim->bias[t] = find_bias(s, logit, needed, rows, t);
        if (t == 0 || s->pattern == LABELS_SEQUENTIAL)
            for (size_t b = 0; b < rows; b++)
                needed[b] *= logistic(logit[b * (s->tasks + 1) + t] + sim->bias[t]);
    }
}

/* Rows of requests of their own, whose logits are all that is kept. */
static bool calibrate(struct simulator *sim, struct fault *fault)
{
    const struct simulation *s = &sim->simulation;
    const size_t labels = s->tasks + 1;
    struct dataset rows;
    dataset_begin(&rows, s->fields, s->dense, s->tasks);
    bool fine = true;
    for (uint64_t n = 0; rows.rows < CALIBRATION_ROWS && fine; n++) {
        struct random r = stream(s, FOR_CALIBRATION, n);
        fine = draw_request(sim, &r, &rows, fault);
    }
    double *logit = malloc(rows.rows * labels * sizeof *logit);
    double *needed = malloc(rows.rows * sizeof *needed);
    const bool room = logit && needed;
    for (size_t b = 0; b < rows.rows && room; b++)
        logits_of(sim, sim->user.profile + rows.user[b] * sim->blocks * PROFILE,
                  sim->item.profile + simulator_item(sim, &rows, b) * sim->blocks * PROFILE,
                  rows.feature + b * s->dense, logit + b * labels);
    if (room)
        calibrate_on(sim, logit, needed, rows.rows);
    free(logit);
    free(needed);
    dataset_free(&rows);
    return fine && !room ? fault_memory(fault, "rows to find rates by") : fine;
}

/* ---- making ---------------------------------------------------------------------------------- */

static double product(const float *a, const float *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)(a[i] * b[i]);
    return sum;
}

/* Makes `weight` a unit vector, orthogonal to `others` before it, as many as there can be. */
static void straighten(float *weight, size_t dense, size_t others)
{
    for (size_t o = 1; o <= others; o++) {
        const float *other = weight - o * dense;
        const double along = product(weight, other, dense);
        for (size_t d = 0; d < dense; d++)
            weight[d] -= (float)along * other[d];
    }
    const double length = sqrt(product(weight, weight, dense));
    for (size_t d = 0; d < dense; d++)
        weight[d] /= (float)length;
}

/* What dense features mean to each block: directions that have nothing in common, as far as there
 * are as many dense features as blocks. */
static bool make_weights(struct simulator *sim, struct fault *fault)
{
    const struct simulation *s = &sim->simulation;
    sim->weight = malloc((sim->blocks * s->dense + 1) * sizeof *sim->weight);
    if (!sim->weight)
        return fault_memory(fault, "a simulator");
    for (size_t block = 0; block < sim->blocks; block++) {
        struct random r = stream(s, FOR_DENSE, block);
        float *weight = sim->weight + block * s->dense;
        for (size_t d = 0; d < s->dense; d++)
            weight[d] = (float)normal(&r);
        straighten(weight, s->dense, s->dense ? block % s->dense : 0);
    }
    return true;
}

bool simulator_make(struct simulator *sim, const struct simulation *simulation, struct fault *fault)
{
    *sim = (struct simulator){.simulation = *simulation};
    const struct simulation *s = &sim->simulation;
    if (!check(s, fault))
        return false;
    sim->blocks = s->groups + s->tasks + 1;
    sim->user = (struct side){.count = s->users, .field = 0, .fields = s->fields / 2};
    sim->item = (struct side){
        .count = s->items, .field = s->fields / 2, .fields = s->fields - s->fields / 2};
    const struct id_law activity = {.kind = IDS_ZIPF, .exponent = s->exponent / 2};
    const struct id_law popularity = {.kind = IDS_ZIPF, .exponent = s->exponent};
    const uint64_t laws = random_mix(s->seed + FOR_LAWS);
    sim->user.law = id_field_make(&activity, s->users, laws, 0);
    sim->item.law = id_field_make(&popularity, s->items, laws, 1);
    if (make_weights(sim, fault) && make_side(&sim->user, s, sim->blocks, fault) &&
        make_side(&sim->item, s, sim->blocks, fault) && calibrate(sim, fault))
        return true;
    simulator_free(sim);
    return false;
}

void simulator_free(struct simulator *sim)
{
    free_side(&sim->user);
    free_side(&sim->item);
    free(sim->weight);
    *sim = (struct simulator){.blocks = 0};
}

void simulator_sizes(const struct simulator *sim, struct ektm_config *config)
{
    const struct simulation *s = &sim->simulation;
    config->fields = s->fields;
    memcpy(config->rows, s->rows, sizeof config->rows);
    config->dense = s->dense;
    config->tasks = s->tasks;
}
