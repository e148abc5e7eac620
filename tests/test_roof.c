/* What bounds a kernel: the longest of what its work takes at the ceilings beside it. */
#include "harness/bench/roof.h"

#include <criterion/criterion.h>
#include <math.h>

static struct arithmetic here(void) { return (struct arithmetic){isa_widest(), DTYPE_F32}; }

/* A roof of made-up rates: the peak of the widest instruction set, one stream, rows gathered. */
static struct roof made_up(double fma, double stream, double gather)
{
    static const char *const ops_of[] = {"fma", "stream", "gather"};
    const double rate[] = {fma, stream, gather};
    struct roof roof = {.count = 0};
    for (size_t i = 0; i < 3; i++) {
        if (rate[i] <= 0)
            continue;
        for (const struct kernel *const *k = kernels; *k; k++)
            if ((*k)->op == op_find(ops_of[i]) && kernel_isa(*k) == isa_widest())
                roof.probe[roof.count].kernel = *k;
        snprintf(roof.probe[roof.count].label, sizeof roof.probe->label, "%s", ops_of[i]);
        roof.probe[roof.count].level = LEVEL_L2;
        roof.id[roof.count] = 70 + i;
        roof.rate[roof.count++] = rate[i];
    }
    return roof;
}

static void expect(const struct bound *bound, const struct roof *roof, double ns,
                   const char *roofline, const char *by, const char *ceiling)
{
    json_t *record = record_new(KIND_KERNEL, "r");
    char text[32];
    bound_describe(record, bound, roof, here(), ns);
    double number = record_get_number(record, "roofline");
    snprintf(text, sizeof text, "%.3f", number);
    cr_expect_str_eq(isnan(number) ? record_get_text(record, "roofline") : text, roofline);
    cr_expect_str_eq(record_get_text(record, "bound"), by);
    cr_expect_str_eq(record_get_text(record, "ceiling"), ceiling);
    json_decref(record);
}

Test(roof, the_longest_time_bounds_a_layer)
{
    struct roof roof = made_up(10, 4, 2);
    struct bound computes = {0}, streams = {0}, gathers = {0};
    bound_add(&computes, &roof, &(struct work){1000, 100, 100}, here()); /* 100, 25, 50 */
    bound_add(&streams, &roof, &(struct work){1000, 800, 100}, here());  /* 100, 200, 50 */
    bound_add(&gathers, &roof, &(struct work){1000, 800, 900}, here());  /* 100, 200, 450 */
    expect(&computes, &roof, 200, "0.500", "compute", "fma");
    expect(&streams, &roof, 400, "0.500", "L2", "stream");
    expect(&gathers, &roof, 500, "0.900", "gather", "gather");
}

Test(roof, a_pass_is_the_sum_of_its_layers)
{
    struct roof roof = made_up(10, 4, 2);
    struct bound pass = {0};
    bound_add(&pass, &roof, &(struct work){0, 0, 200}, here());    /* 100 */
    bound_add(&pass, &roof, &(struct work){2000, 400, 0}, here()); /* 200 */
    bound_add(&pass, &roof, &(struct work){100, 1000, 0}, here()); /* 250 */
    bound_add(&pass, &roof, &(struct work){1000, 0, 0}, here());   /* 100 */
    cr_expect_float_eq(pass.least, 650, 1e-9);
    expect(&pass, &roof, 1000, "0.650", "compute", "fma");
}

Test(roof, what_was_not_measured_bounds_nothing)
{
    struct roof roof = made_up(10, 0, 0);
    struct bound bound = {0};
    bound_add(&bound, &roof, &(struct work){1000, 8, 0}, here());
    expect(&bound, &roof, 1000, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE);
    roof = made_up(10, 4, 0);
    roof.rate[1] = NAN; /* probed, but not to be believed */
    bound = (struct bound){0};
    bound_add(&bound, &roof, &(struct work){1000, 8, 0}, here());
    expect(&bound, &roof, 1000, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE);
}

Test(roof, work_counts_what_must_pass_a_ceiling)
{
    struct call call = {.dims.extent = {[BATCH] = 10, [IN] = 100, [OUT] = 50}};
    for (size_t i = 0; i < OPERANDS_MAX; i++)
        call.tensor[i] = (struct tensor){&call, 100, DTYPE_F32};
    struct work alone = work_of(op_find("dense"), &call, false);
    struct work inner = work_of(op_find("dense"), &call, true);
    cr_expect_float_eq(alone.streamed, 4 * (1000 + 5000 + 50 + 500), 1e-9);
    cr_expect_float_eq(inner.streamed, 4 * (5000 + 50), 1e-9);
    call.dims = (struct dims){.extent = {[BATCH] = 2, [IDS] = 7, [FIELDS] = 3, [WIDTH] = 16}};
    struct work gathered = work_of(op_find("embedding"), &call, false);
    cr_expect_float_eq(gathered.gathered, 7 * (64 + 4) + 2 * 3 * 64, 1e-9);
    cr_expect_float_eq(gathered.streamed, 0, 1e-9);
}

Test(roof, a_level_is_the_nearest_that_holds_all)
{
    struct topology t = {.cache_bytes = {32 << 10, 1 << 20, 0}};
    cr_expect_eq(level_of(&t, 32 << 10), LEVEL_L1);
    cr_expect_eq(level_of(&t, (32 << 10) + 1), LEVEL_L2);
    cr_expect_eq(level_of(&t, 2 << 20), LEVEL_MEMORY, "there is no L3");
}
