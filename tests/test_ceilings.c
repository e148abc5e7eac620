/* Ceilings: what threads have of them, and which of them bounds a layer. */
#include "harness/bench/ceilings.h"

#include <criterion/criterion.h>

Test(ceilings, threads_share_what_there_is)
{
    struct ceilings c = {.threads = 8};
    c.one.fma[ISA_AVX2] = 100;
    c.most.fma[ISA_AVX2] = 90;
    c.one.stream[LEVEL_MEMORY] = 40;
    c.most.stream[LEVEL_MEMORY] = 20; /* of each of 8: 160 together */
    cr_assert_float_eq(ceilings_at(&c, 1).fma[ISA_AVX2], 100, 1e-9);
    cr_assert_float_eq(ceilings_at(&c, 8).fma[ISA_AVX2], 90, 1e-9);
    cr_assert_float_eq(ceilings_at(&c, 2).stream[LEVEL_MEMORY], 40, 1e-9);
    cr_assert_float_eq(ceilings_at(&c, 5).stream[LEVEL_MEMORY], 32, 1e-9);
}

Test(ceilings, the_longer_time_bounds_a_layer)
{
    struct ceilings c = {.row_sizes = 0};
    c.one.fma[ISA_AVX2] = 10;
    c.one.stream[LEVEL_L2] = 4;
    struct call call = {.dims.extent = {[BATCH] = 1, [IN] = 100, [OUT] = 50}};
    for (size_t i = 0; i < OPERANDS_MAX; i++)
        call.tensor[i].dtype = DTYPE_F32;
    const struct op *dense = op_find("dense");
    /* 10000 flop take 1000 ns; 4 * (100 + 5000 + 50 + 50) bytes take 5200 ns. */
    struct bound bound = bound_of(&c, &c.one, dense, &call, ISA_AVX2, LEVEL_L2);
    cr_assert_float_eq(bound.compute, 1000, 1e-9);
    cr_assert_float_eq(bound.memory, 5200, 1e-9);
    cr_assert_float_eq(bound.least, 5200, 1e-9);
    cr_assert_str_eq(bound.ceiling, "stream L2");
    call.dims.extent[BATCH] = 100; /* 100000 ns against 80000 bytes, 20000 ns */
    bound = bound_of(&c, &c.one, dense, &call, ISA_AVX2, LEVEL_L2);
    cr_assert_str_eq(bound.ceiling, "fma avx2");
    bound = bound_of(&c, &c.one, dense, &call, ISA_AVX2, LEVEL_L3);
    cr_assert_str_eq(bound.ceiling, UNAVAILABLE);
    json_t *record = record_new(KIND_KERNEL, "r");
    bound_describe(record, &bound, 1000);
    cr_assert_str_eq(record_get_text(record, "roofline"), UNAVAILABLE);
    cr_assert_str_eq(record_get_text(record, "bound"), UNAVAILABLE);
    json_decref(record);
}
