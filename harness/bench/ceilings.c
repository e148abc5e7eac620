#include "harness/bench/ceilings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *level_name(enum level level)
{
    static const char *const names[LEVELS] = {"L1", "L2", "L3", "memory"};
    return names[level];
}

void ceilings_init(struct ceilings *ceilings, const struct plan *plan)
{
    *ceilings = (struct ceilings){0};
    for (size_t p = 0; p < plan->presets; p++) {
        size_t bytes = plan->preset[p]->config.width * sizeof(float), known = 0;
        while (known < ceilings->row_sizes && ceilings->row_bytes[known] != bytes)
            known++;
        if (known == ceilings->row_sizes && known < ROW_SIZES_MAX)
            ceilings->row_bytes[ceilings->row_sizes++] = bytes;
    }
}

/* `most` is what each of `most_threads` threads had. */
static double limited(double one, double most, size_t most_threads, size_t threads)
{
    double each = most * (double)most_threads / (double)threads;
    return most > 0 && one > each ? each : one;
}

struct rates ceilings_at(const struct ceilings *c, size_t threads)
{
    struct rates at = c->one;
    if (threads <= 1)
        return at;
    for (size_t i = 0; i < ISAS; i++)
        at.fma[i] = limited(at.fma[i], c->most.fma[i], c->threads, threads);
    for (size_t l = 0; l < LEVELS; l++)
        at.stream[l] = limited(at.stream[l], c->most.stream[l], c->threads, threads);
    for (size_t r = 0; r < c->row_sizes; r++)
        for (size_t l = 0; l < LEVELS; l++)
            at.gather[r][l] = limited(at.gather[r][l], c->most.gather[r][l], c->threads, threads);
    return at;
}

enum level level_of(const struct topology *topology, const struct rates *rates, double bytes)
{
    for (enum level l = LEVEL_L1; l < LEVEL_MEMORY; l++)
        if (bytes <= 2 * (double)topology->cache_bytes[l] && rates->stream[l] > 0)
            return l;
    return LEVEL_MEMORY;
}

/* Scalar code has no peak of its own that means anything: it is held against the machine's. */
static enum isa peak_of(const struct rates *rates, enum isa isa)
{
    for (enum isa i = 0; i < ISAS && rates->fma[isa] <= 0; i++)
        if (rates->fma[i] > 0)
            isa = i;
    return isa;
}

static double rate_of_memory(const struct ceilings *c, const struct rates *rates,
                             const struct op *op, const struct call *call, enum level level,
                             char *label, size_t size)
{
    size_t row = call->dims.extent[WIDTH] * sizeof(float), r = 0;
    while (r < c->row_sizes && c->row_bytes[r] != row)
        r++;
    bool gathers = strcmp(op->name, "embedding") == 0 && r < c->row_sizes;
    if (gathers)
        snprintf(label, size, "gather %zu B %s", row, level_name(level));
    else
        snprintf(label, size, "stream %s", level_name(level));
    return gathers ? rates->gather[r][level] : rates->stream[level];
}

struct bound bound_of(const struct ceilings *ceilings, const struct rates *rates,
                      const struct op *op, const struct call *call, enum isa isa, enum level level)
{
    char label[40];
    enum isa peak = peak_of(rates, isa);
    double rate = rate_of_memory(ceilings, rates, op, call, level, label, sizeof label);
    struct bound bound = {
        .compute = rates->fma[peak] > 0 ? op->flops(call) / rates->fma[peak] : NAN,
        .memory = rate > 0 ? op_bytes(op, call) / rate : NAN,
    };
    bound.least = bound.compute >= bound.memory ? bound.compute : bound.memory;
    if (isnan(bound.compute) || isnan(bound.memory))
        snprintf(bound.ceiling, sizeof bound.ceiling, "%s", UNAVAILABLE);
    else if (bound.compute >= bound.memory)
        snprintf(bound.ceiling, sizeof bound.ceiling, "fma %s", isa_name(peak));
    else
        memcpy(bound.ceiling, label, sizeof label);
    return bound;
}

void bound_scale(struct bound *bound, double share)
{
    bound->compute *= share;
    bound->memory *= share;
    bound->least *= share;
}

void bound_describe(json_t *record, const struct bound *bound, double ns)
{
    bool known = !isnan(bound->compute) && !isnan(bound->memory);
    record_number(record, "roofline", known ? bound->least / ns : NAN);
    record_text(record, "bound",
                !known                            ? UNAVAILABLE
                : bound->compute >= bound->memory ? "compute"
                                                  : "memory");
    record_text(record, "ceiling", bound->ceiling);
}
