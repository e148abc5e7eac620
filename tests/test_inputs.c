/* Made-up rows follow the law that they are said to follow. */
#include "harness/model/inputs.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Draws against the law's own probabilities: chi-square over n cells, 5 standard deviations. */
static void follows(double exponent, uint64_t n)
{
    enum { DRAWS = 200000 };
    struct zipf zipf = zipf_make(exponent, n);
    struct random r = random_stream(7, n);
    double *count = calloc(n, sizeof *count), total = 0, chi_square = 0;
    for (size_t i = 0; i < DRAWS; i++) {
        uint64_t k = zipf_draw(&zipf, &r);
        cr_assert(k >= 1 && k <= n, "%llu is not from 1 to %llu", (unsigned long long)k,
                  (unsigned long long)n);
        count[k - 1]++;
    }
    for (uint64_t k = 1; k <= n; k++)
        total += pow((double)k, -exponent);
    for (uint64_t k = 1; k <= n; k++) {
        double expected = DRAWS * pow((double)k, -exponent) / total;
        chi_square += pow(count[k - 1] - expected, 2) / expected;
    }
    double freedom = (double)n - 1;
    cr_expect_lt(chi_square, freedom + 5 * sqrt(2 * freedom) + 10, "s = %g, n = %llu: %g", exponent,
                 (unsigned long long)n, chi_square);
    free(count);
}

Test(inputs, zipf_draws_follow_the_law)
{
    follows(1.05, 1);
    follows(1.05, 2);
    follows(1.05, 100);
    follows(1, 50);
    follows(1 + 1e-15, 50);
    follows(0.5, 30);
    follows(2.5, 10);
}

Test(inputs, laws_are_read_from_text)
{
    struct id_law law;
    struct fault fault;
    cr_expect(id_law_parse(&law, NULL, &fault) && law.kind == IDS_ZIPF && law.exponent == 1.05);
    cr_expect(id_law_parse(&law, "zipf:0.8", &fault) && law.exponent == 0.8);
    cr_expect(id_law_parse(&law, "uniform", &fault) && law.kind == IDS_UNIFORM);
    cr_expect(id_law_parse(&law, "trace.csv", &fault) && law.kind == IDS_FILE);
    static const char *const wrong[] = {"zipf:",   "zipf:x",   "zipf:0",
                                        "zipf:-1", "zipf:1,2", "zipf:nan"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_expect_not(id_law_parse(&law, wrong[i], &fault), "%s", wrong[i]);
        cr_expect_eq(fault.status, STATUS_CALLER);
    }
}

static struct activations rows_of(const char *preset, struct model *model, size_t rows)
{
    const struct ektm_preset *p = ektm_preset_find(preset);
    struct activations a;
    struct fault fault;
    struct id_law law = {.kind = IDS_ZIPF, .exponent = 1.05};
    *model = (struct model){0};
    cr_assert(ektm_build(&model->ektm, &p->config));
    cr_assert(activations_make(&a, model, rows, rows * inputs_ids_per_row(p), &fault));
    inputs_random(&a, p, &law, rows, 3);
    return a;
}

Test(inputs, are_within_their_tables_and_their_bags)
{
    struct model model;
    struct activations a = rows_of("industrial", &model, 200);
    const struct ektm_preset *p = ektm_preset_find("industrial");
    const int32_t *bags = a.memory.buffer[BUFFER_BAGS].data,
                  *ids = a.memory.buffer[BUFFER_IDS].data;
    size_t in_bags = 0;
    cr_assert_eq(bags[0], 0);
    for (size_t q = 0; q < 200 * p->config.fields; q++) {
        size_t f = q % p->config.fields;
        cr_assert(bags[q + 1] >= bags[q]);
        if (f < p->bag_fields)
            in_bags += (size_t)(bags[q + 1] - bags[q]);
        else
            cr_assert_eq(bags[q + 1] - bags[q], 1);
        for (int32_t l = bags[q]; l < bags[q + 1]; l++)
            cr_assert(ids[l] >= 0 && (size_t)ids[l] < p->config.rows[f]);
    }
    double mean = (double)in_bags / (double)(200 * p->bag_fields);
    cr_expect_float_eq(mean, (double)p->bag_ids, 1, "bags hold %g ids", mean);
    cr_expect_eq((size_t)bags[200 * p->config.fields], a.memory.ids);
    activations_free(&a);
    ektm_free(&model.ektm);
}

Test(inputs, begin_alike_whatever_their_number)
{
    struct model few_model, many_model;
    struct activations few = rows_of("aliccp", &few_model, 3);
    struct activations many = rows_of("aliccp", &many_model, 50);
    const enum ektm_buffer buffers[] = {BUFFER_IDS, BUFFER_BAGS, BUFFER_DENSE};
    size_t bytes[] = {few.memory.ids * 4, (3 * few_model.ektm.config.fields + 1) * 4,
                      3 * few_model.ektm.config.dense * 4};
    for (size_t i = 0; i < 3; i++)
        cr_expect(memcmp(few.memory.buffer[buffers[i]].data, many.memory.buffer[buffers[i]].data,
                         bytes[i]) == 0);
    activations_free(&few);
    activations_free(&many);
    ektm_free(&few_model.ektm);
    ektm_free(&many_model.ektm);
}

Test(inputs, recorded_rows_begin_again_behind_the_last)
{
    enum { ROWS_READ = 8 };
    const struct ektm_config config = {.fields = 2, .rows = {10, 10}, .dense = 1, .tasks = 1};
    struct model model = {0};
    struct activations a;
    struct fault fault;
    char path[] = "/tmp/ektm-inputs-XXXXXX";
    int file = mkstemp(path);
    cr_assert(file >= 0);
    FILE *text = fdopen(file, "w");
    fprintf(text, "f0,f1,d0\n1|2|3,,0.5\n,4,1.5\n5,6|7,2.5\n");
    fclose(text);
    cr_assert(ektm_build(&model.ektm, &config));
    cr_assert(activations_make(&a, &model, ROWS_READ, 1, &fault), "%s", fault.text);
    cr_assert(inputs_recorded(&a, &config, path, ROWS_READ, &fault), "%s", fault.text);
    const int32_t sizes[3][2] = {{3, 0}, {0, 1}, {1, 2}}, first[3] = {1, 4, 5};
    const int32_t *bags = a.memory.buffer[BUFFER_BAGS].data,
                  *ids = a.memory.buffer[BUFFER_IDS].data;
    for (size_t b = 0; b < ROWS_READ; b++) {
        const int32_t *bag = bags + 2 * b;
        cr_expect(bag[1] - bag[0] == sizes[b % 3][0] && bag[2] - bag[1] == sizes[b % 3][1], "%zu",
                  b);
        cr_expect_eq(ids[bag[0]], first[b % 3], "row %zu", b);
        cr_expect_eq(((float *)a.memory.buffer[BUFFER_DENSE].data)[b], 0.5F + (float)(b % 3));
    }
    cr_expect_eq((size_t)bags[2 * ROWS_READ], a.memory.ids);
    text = fopen(path, "w");
    fprintf(text, "f0,f1,d0\n");
    fclose(text);
    cr_expect_not(inputs_recorded(&a, &config, path, ROWS_READ, &fault));
    cr_expect(strstr(fault.text, path) && strstr(fault.text, "has no rows"), "%s", fault.text);
    unlink(path);
    activations_free(&a);
    ektm_free(&model.ektm);
}
