#include "harness/data/accesses.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BISECTIONS = 50 };

void accesses_begin(struct accesses *a, size_t fields) { *a = (struct accesses){.fields = fields}; }

void accesses_free(struct accesses *a)
{
    for (size_t f = 0; f < a->fields; f++)
        free(a->field[f].count);
    accesses_begin(a, 0);
}

static bool count(struct accesses *a, size_t field, size_t id, struct fault *fault)
{
    if (id >= a->field[field].room) {
        const size_t old = a->field[field].room, room = 2 * id + 64;
        uint32_t *larger = realloc(a->field[field].count, room * sizeof *larger);
        if (!larger)
            return fault_memory(fault, "counts of ids");
        memset(larger + old, 0, (room - old) * sizeof *larger);
        a->field[field].count = larger;
        a->field[field].room = room;
    }
    a->field[field].ids++;
    a->field[field].count[id] += a->field[field].count[id] < UINT32_MAX;
    return true;
}

bool accesses_add(struct accesses *a, const struct activations *activations, size_t rows,
                  struct fault *fault)
{
    const int32_t *id = activations->memory.buffer[BUFFER_IDS].data;
    const int32_t *bag = activations->memory.buffer[BUFFER_BAGS].data;
    for (size_t b = 0; b < rows; b++)
        for (size_t f = 0; f < a->fields; f++)
            for (int32_t i = bag[b * a->fields + f]; i < bag[b * a->fields + f + 1]; i++)
                if (!count(a, f, (size_t)id[i], fault))
                    return false;
    a->bags += rows;
    return true;
}

/* ---- what came out --------------------------------------------------------------------------- */

static int descending(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x < y) - (x > y);
}

/* The mean of ln k where k is drawn from 1 .. n by Zipf's law of exponent s. */
static double mean_log_rank(size_t n, double s)
{
    double weights = 0, logs = 0;
    for (size_t k = 1; k <= n; k++) {
        const double log_k = log((double)k), weight = exp(-s * log_k);
        weights += weight;
        logs += weight * log_k;
    }
    return logs / weights;
}

/* Likeliest is the exponent under which the mean of ln rank is that of the accesses: it falls with
 * the exponent. `hits` [distinct], descending. */
static double exponent_of(const uint32_t *hits, size_t distinct, uint64_t ids)
{
    double mean = 0, low = 0, high = 10;
    for (size_t k = 0; k < distinct; k++)
        mean += hits[k] * log((double)(k + 1)) / (double)ids;
    if (distinct < 2 || mean_log_rank(distinct, high) > mean)
        return NAN;
    for (size_t i = 0; i < BISECTIONS; i++) {
        const double middle = (low + high) / 2;
        *(mean_log_rank(distinct, middle) > mean ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

static double share(const uint32_t *hits, size_t first, uint64_t ids)
{
    double sum = 0;
    for (size_t k = 0; k < first; k++)
        sum += hits[k];
    return sum / (double)ids;
}

bool accesses_tell(const struct accesses *a, size_t field, struct access_statistics *s,
                   struct fault *fault)
{
    const uint64_t ids = a->field[field].ids;
    uint32_t *hits = malloc((a->field[field].room + 1) * sizeof *hits);
    if (!hits)
        return fault_memory(fault, "counts of ids");
    *s = (struct access_statistics){.per_row = (double)ids / (double)a->bags};
    for (size_t id = 0; id < a->field[field].room; id++)
        if (a->field[field].count[id]) {
            hits[s->distinct++] = a->field[field].count[id];
            s->beyond = id + 1;
        }
    qsort(hits, s->distinct, sizeof *hits, descending);
    s->hottest[0] = share(hits, (s->distinct + 99) / 100, ids);
    s->hottest[1] = share(hits, (s->distinct + 9) / 10, ids);
    s->exponent = exponent_of(hits, s->distinct, ids);
    free(hits);
    return true;
}
