#include "harness/bench/ceilings.h"

#include "harness/bench/ground.h"
#include "harness/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

extern const struct op fma_op, dot_op, stream_op, gather_op;

/* Bytes of a piece where data go round more than the caches hold, and the least that a row touches.
 */
enum { KERNELS_MAX = 32, PIECE = 1 << 20, CACHE_LINE = 64 };

enum way { WAY_READ, WAY_WRITE, WAY_COPY, WAYS };

static const char *way_name(enum way way)
{
    static const char *const names[WAYS] = {"read", "write", "copy"};
    return names[way];
}

/* What is asked: an op, and for those of memory the level, and how or which rows. */
struct question {
    const struct op *op;
    enum dtype dtype;
    enum level level;
    size_t bytes; /* of one member's data */
    enum way way;
    size_t row_bytes;
    const char *pages;
    bool all_pages; /* the label names them, since there are others */
};

static bool is_peak(const struct question *q) { return q->op == &fma_op || q->op == &dot_op; }

struct contest {
    size_t count;
    struct probe probe[KERNELS_MAX];
    struct competitor competitor[KERNELS_MAX];
};

/* ---- calls ----------------------------------------------------------------------------------- */

/* How many pieces the member's data are called in. */
static size_t turns_of(const struct question *q)
{
    bool pieces = q->level == LEVEL_MEMORY && !is_peak(q) && q->bytes > 2 * PIECE;
    return pieces ? q->bytes / PIECE : 1;
}

static struct call stream_piece(const struct question *q, float *data, float *output, size_t bytes)
{
    static float written = 0.25f; /* sums of it are exact */
    if (q->way == WAY_READ)
        return read_call(data, bytes, output);
    if (q->way == WAY_WRITE)
        return write_call(&written, data, bytes);
    return copy_call(data, data + bytes / 2 / sizeof *data, bytes / 2);
}

/* Random rows: of a table that a cache holds as many as make all of it likely; of a larger one new
 * ones in each turn, so that they are not found in the caches again. */
static size_t ids_of(const struct question *q, size_t turns)
{
    size_t touched = q->row_bytes > CACHE_LINE ? q->row_bytes : CACHE_LINE;
    size_t count = q->bytes / turns / touched / (turns > 1 ? 2 : 1);
    return count > IDS_LEAST && turns == 1 ? count : count > 0 ? count : 1;
}

static struct call gather_piece(const struct question *q, const struct ground *ground,
                                size_t member, size_t turn, size_t turns, struct random *random)
{
    size_t width = q->row_bytes / sizeof(float), rows = q->bytes / q->row_bytes;
    size_t count = ids_of(q, turns);
    int32_t *ids = ground_ids(ground, member) + turn * count;
    struct tensor table = {ground_data(ground, member), width, DTYPE_F32};
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)random_below(random, rows);
    return gather_call(&table, rows, width, ids, count, ground_output(ground, member), 1);
}

static void fill_calls(struct probe *probe, const struct question *q, const struct ground *ground,
                       uint64_t seed)
{
    for (size_t m = 0; m < ground->members; m++) {
        struct random random = random_stream(seed, m);
        float *data = ground_data(ground, m), *output = ground_output(ground, m);
        for (size_t t = 0; t < probe->turns; t++) {
            size_t piece = q->bytes / probe->turns / CACHE_LINE * CACHE_LINE;
            struct call *call = probe_call(probe, t, m);
            if (is_peak(q))
                *call = peak_call(q->dtype, data, output);
            else if (q->op == &stream_op)
                *call = stream_piece(q, data + t * piece / sizeof *data, output, piece);
            else
                *call = gather_piece(q, ground, m, t, probe->turns, &random);
        }
    }
}

static void label(struct probe *probe, const struct question *q)
{
    size_t size = sizeof probe->label;
    if (is_peak(q))
        peak_label(probe);
    else if (q->op == &stream_op)
        snprintf(probe->label, size, "stream %s %s", way_name(q->way), level_name(q->level));
    else
        snprintf(probe->label, size, "gather %zu B %s%s%s", q->row_bytes, level_name(q->level),
                 q->all_pages ? " " : "", q->all_pages ? q->pages : "");
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* Adds the kernel, unless its result is wrong. */
static bool enter(struct contest *contest, struct run *run, const struct ground *ground,
                  const struct question *q, const struct kernel *kernel, struct fault *fault)
{
    struct probe *probe = &contest->probe[contest->count];
    if (!probe_make(probe, kernel, run->team, turns_of(q), fault))
        return false;
    fill_calls(probe, q, ground, run->arguments->seed);
    label(probe, q);
    probe->level = q->level;
    probe->bytes = is_peak(q) ? 0 : q->bytes;
    probe->pages = q->pages;
    contest->competitor[contest->count] = (struct competitor){.run = probe_run, .argument = probe};
    contest->count++;
    if (!probe_ready(probe, false, fault))
        return false;
    if (probe->error <= 1)
        return true;
    contest->count--;
    struct dims dims = probe_call(probe, 0, 0)->dims;
    double error = probe->error;
    probe_free(probe);
    return run_invalid(run, kernel, NULL, NULL, &dims, error, q->op->name, fault);
}

static bool ask(struct run *run, const struct ground *ground, const struct question *q,
                const struct sampling *sampling, struct fault *fault)
{
    struct contest contest = {0};
    bool fine = true;
    for (const struct kernel *const *k = kernels; *k && fine; k++) {
        char reason[128];
        if ((*k)->op == q->op && (*k)->dtype == q->dtype && (*k)->isa != ISA_SCALAR &&
            contest.count < KERNELS_MAX && kernel_usable(*k, reason, sizeof reason))
            fine = enter(&contest, run, ground, q, *k, fault);
    }
    fine = fine && run_sample(run, sampling, contest.competitor, contest.count, fault);
    for (size_t i = 0; i < contest.count && fine; i++) {
        double rate;
        if (contest.competitor[i].count)
            fine = probe_record(run, &contest.probe[i], &contest.competitor[i], NULL, &rate, NULL,
                                fault);
    }
    for (size_t i = 0; i < contest.count; i++) {
        probe_free(&contest.probe[i]);
        competitor_free(&contest.competitor[i]);
    }
    return fine;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const size_t row_sizes[] = {64, 128, 256, 512};
enum { ROW_SIZES = sizeof row_sizes / sizeof *row_sizes };

/* Questions about one level: so many of sequential memory, and of rows for each kind of pages. */
enum { QUESTIONS = 1 + LEVELS * (WAYS + ROW_SIZES) + 2 * (PAGES_KINDS - 1) * ROW_SIZES };

static bool ask_rows(struct run *run, const struct ground *ground, struct question q,
                     const struct sampling *sampling, struct fault *fault)
{
    bool fine = true;
    q.op = &gather_op;
    for (size_t r = 0; r < ROW_SIZES && fine && !*run->stop; r++) {
        q.row_bytes = row_sizes[r];
        fine = ask(run, ground, &q, sampling, fault);
    }
    return fine;
}

/* A question about a level's data, whose op is still to be named; no bytes: there is no such level.
 */
static struct question about(const struct run *run, const struct ground *ground, enum level level,
                             const char *pages)
{
    return (struct question){.level = level,
                             .bytes = ground_bytes(ground, &run->topology, level),
                             .pages = pages,
                             .all_pages = level >= LEVEL_L3};
}

static bool ask_stream(struct run *run, const struct ground *ground, enum way way,
                       const char *pages, const struct sampling *sampling, struct fault *fault)
{
    bool fine = true;
    for (enum level l = 0; l < LEVELS && fine && !*run->stop; l++) {
        struct question q = about(run, ground, l, pages);
        q.op = &stream_op;
        q.way = way;
        fine = !q.bytes || ask(run, ground, &q, sampling, fault);
    }
    return fine;
}

/* Rows of the levels from `nearest` on. */
static bool ask_gather(struct run *run, const struct ground *ground, enum level nearest,
                       const char *pages, const struct sampling *sampling, struct fault *fault)
{
    bool fine = true;
    for (enum level l = nearest; l < LEVELS && fine; l++) {
        struct question q = about(run, ground, l, pages);
        fine = !q.bytes || ask_rows(run, ground, q, sampling, fault);
    }
    return fine;
}

/* Of every format that kernels may compute in. */
static bool ask_peaks(struct run *run, const struct ground *ground, const char *pages,
                      const struct sampling *sampling, struct fault *fault)
{
    bool fine = true;
    for (enum dtype d = 0; d < DTYPES && fine; d++) {
        const struct question peak = {
            .op = dtype_narrow(d) ? &dot_op : &fma_op, .dtype = d, .pages = pages};
        fine = !names_admit(&run->arguments->dtype, dtype_name(d)) ||
               ask(run, ground, &peak, sampling, fault);
    }
    return fine;
}

/* On the pages that the run asks for: everything. What writes comes last, since it leaves other
 * numbers. */
static bool ask_all(struct run *run, const struct ground *ground, const char *pages,
                    const struct sampling *sampling, struct fault *fault)
{
    return ask_peaks(run, ground, pages, sampling, fault) &&
           ask_stream(run, ground, WAY_READ, pages, sampling, fault) &&
           ask_gather(run, ground, LEVEL_L1, pages, sampling, fault) &&
           ask_stream(run, ground, WAY_COPY, pages, sampling, fault) &&
           ask_stream(run, ground, WAY_WRITE, pages, sampling, fault);
}

static bool ask_on(struct run *run, enum pages pages, const char *known[], size_t at,
                   const struct sampling *sampling, struct fault *fault)
{
    struct ground ground;
    if (!ground_make(&ground, run, pages, fault))
        return false;
    bool fine = true, again = false;
    known[at] = memory_obtained(ground_data(&ground, 0));
    for (size_t i = 0; i < at; i++)
        again = again || strcmp(known[i], known[at]) == 0;
    if (at == 0)
        fine = ask_all(run, &ground, known[at], sampling, fault);
    else if (!again)
        /* Pages matter for rows out of large tables. */
        fine = ask_gather(run, &ground, LEVEL_L3, known[at], sampling, fault);
    ground_free(&ground);
    return fine;
}

bool ceilings_measure(struct run *run, const struct job *job, struct fault *fault)
{
    struct sampling sampling = run_sampling(run, job);
    const char *known[PAGES_KINDS];
    size_t asked = 0;
    sampling.budget /= QUESTIONS;
    bool fine = run_seat(run, job->seating, fault) &&
                ask_on(run, run->plan.pages, known, asked++, &sampling, fault);
    for (enum pages p = 0; p < PAGES_KINDS && fine && !*run->stop; p++)
        if (p != run->plan.pages)
            fine = ask_on(run, p, known, asked++, &sampling, fault);
    return fine;
}
