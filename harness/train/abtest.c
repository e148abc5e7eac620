#include "harness/train/abtest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool abtest_make(struct abtest *t, const struct simulator *simulator, uint64_t first,
                 size_t requests, struct fault *fault)
{
    const struct simulation *s = &simulator->simulation;
    *t = (struct abtest){.simulator = simulator, .requests = requests};
    dataset_begin(&t->rows, s->fields, s->dense, s->tasks);
    t->begin = calloc(requests + 1, sizeof *t->begin);
    bool fine = t->begin != NULL;
    if (!fine)
        fault_memory(fault, "the requests of the A/B test");
    for (size_t r = 0; r < requests && fine; r++) {
        fine = simulator_request(simulator, first + r, &t->rows, fault);
        t->begin[r + 1] = t->rows.rows;
    }
    t->bid = fine ? malloc((t->rows.rows * s->tasks + 1) * sizeof *t->bid) : NULL;
    if (fine && !t->bid) {
        fault_memory(fault, "the bids of the A/B test");
        fine = false;
    }
    for (size_t b = 0; fine && b < t->rows.rows; b++)
        for (size_t i = 0; i < s->tasks; i++)
            t->bid[b * s->tasks + i] =
                simulator_bid(simulator, simulator_item(simulator, &t->rows, b), i + 1);
    if (!fine)
        abtest_free(t);
    return fine;
}

void abtest_free(struct abtest *t)
{
    dataset_free(&t->rows);
    free(t->begin);
    free(t->bid);
    *t = (struct abtest){.simulator = NULL};
}

/* What a candidate is thought to earn. */
static double worth(const struct abtest *t, const float *p, size_t row)
{
    const size_t tasks = t->rows.tasks;
    double sum = 0;
    for (size_t i = 1; i <= tasks; i++) {
        const double click = p ? (double)p[row * (tasks + 1)] : t->rows.truth[row * (tasks + 1)];
        const double conversion =
            p ? (double)p[row * (tasks + 1) + i] : t->rows.truth[row * (tasks + 1) + i];
        sum += t->bid[row * tasks + i - 1] * click * conversion;
    }
    return sum;
}

/* Adds what a shown candidate comes to, `share` of it. */
static void show(const struct abtest *t, size_t row, double share, struct earnings *e)
{
    const size_t tasks = t->rows.tasks;
    const double *truth = t->rows.truth + row * (tasks + 1);
    const uint8_t *label = t->rows.label + row * (tasks + 1);
    e->clicks += share * truth[0];
    for (size_t i = 1; i <= tasks; i++) {
        const double bid = t->bid[row * tasks + i - 1];
        e->conversions += share * truth[0] * truth[i];
        e->revenue += share * bid * truth[0] * truth[i];
        e->happened += share * bid * (label[0] == 1 && label[i] == 1);
    }
}

/* The candidates that are worth most come first; of two that are worth the same, the one that came
 * first. */
static void pick(const struct abtest *t, const float *p, size_t request, size_t *shown,
                 size_t *count)
{
    double value[SHOWN];
    *count = 0;
    for (size_t b = t->begin[request]; b < t->begin[request + 1]; b++) {
        const double own = worth(t, p, b);
        size_t at = *count;
        while (at > 0 && value[at - 1] < own)
            at--;
        if (at == SHOWN)
            continue;
        const size_t moved = (*count < SHOWN ? *count : SHOWN - 1) - at;
        memmove(&value[at + 1], &value[at], moved * sizeof *value);
        memmove(&shown[at + 1], &shown[at], moved * sizeof *shown);
        value[at] = own;
        shown[at] = b;
        *count += *count < SHOWN;
    }
}

static struct earnings per_thousand(const struct earnings *sum, double shown)
{
    return (struct earnings){1000 * sum->revenue / shown, 1000 * sum->clicks / shown,
                             1000 * sum->conversions / shown, 1000 * sum->happened / shown};
}

struct earnings abtest_play(const struct abtest *t, const float *p)
{
    struct earnings sum = {0};
    size_t all = 0;
    for (size_t r = 0; r < t->requests; r++) {
        size_t shown[SHOWN], count;
        pick(t, p, r, shown, &count);
        for (size_t i = 0; i < count; i++)
            show(t, shown[i], 1, &sum);
        all += count;
    }
    return per_thousand(&sum, (double)all);
}

struct earnings abtest_random(const struct abtest *t)
{
    struct earnings sum = {0};
    double all = 0;
    for (size_t r = 0; r < t->requests; r++) {
        const size_t rows = t->begin[r + 1] - t->begin[r];
        const double share = rows > SHOWN ? (double)SHOWN / (double)rows : 1;
        for (size_t b = t->begin[r]; b < t->begin[r + 1]; b++)
            show(t, b, share, &sum);
        all += share * (double)rows;
    }
    return per_thousand(&sum, all);
}
