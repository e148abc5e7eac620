/* `ektm train`, as a user gives it, and the losses that it adds to EKTM's. */
#include "harness/measure/student.h"
#include "harness/train/abtest.h"
#include "harness/train/losses.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(train, .init = shell_begin, .fini = shell_end);

#define DATA "--preset tiny --input @/d/train.csv --validation @/d/validation.csv --batch 300 "

static void generate(void)
{
    cr_assert_eq(run("EKTM generate --preset tiny --train 3000 --validation 1000 --test 50 "
                     "--clicks 30 --conversions 12,6 --out @/d 2> @/talk"),
                 0, "%s", text_of("talk"));
}

static int train(const char *options) { return run("EKTM train " DATA "%s 2> @/talk", options); }

Test(train, same_bits_with_one_and_two_threads)
{
    generate();
    cr_assert_eq(train("--epochs 2 --threads 1 --out @/one"), 0, "%s", text_of("talk"));
    cr_assert_eq(train("--epochs 2 --threads 2 --out @/two"), 0, "%s", text_of("talk"));
    cr_expect_eq(run("cmp @/one @/two"), 0);
    cr_expect(contains("talk", "epoch 2: loss "));
    cr_assert_eq(train("--epochs 2 --threads 1 --seed 2 --out @/two"), 0);
    cr_expect_neq(run("cmp -s @/one @/two"), 0);
}

Test(train, same_bits_after_an_interruption)
{
    generate();
    cr_assert_eq(train("--epochs 3 --threads 1 --out @/whole"), 0, "%s", text_of("talk"));
    cr_assert_eq(train("--epochs 3 --threads 1 --checkpoint @/c --every 4 --steps 17 --out @/part"),
                 0, "%s", text_of("talk"));
    cr_expect(contains("talk", "stopped after 17 steps"));
    cr_assert_eq(train("--epochs 3 --threads 2 --checkpoint @/c --every 4 --out @/part"), 0, "%s",
                 text_of("talk"));
    cr_expect(contains("talk", "goes on in epoch 2 after 16 steps"));
    cr_expect_eq(run("cmp @/whole @/part"), 0);
}

Test(train, what_it_writes_is_read_by_predict)
{
    generate();
    cr_assert_eq(train("--epochs 1 --threads 1 --out @/m"), 0, "%s", text_of("talk"));
    cr_expect_eq(run("EKTM predict --model @/m --input @/d/test.csv --threads 1 > @/p 2> @/talk"),
                 0, "%s", text_of("talk"));
    cr_expect_eq(lines_of("p"), 51);
}

Test(train, a_checkpoint_that_is_damaged_or_of_another_training_is_refused)
{
    generate();
    cr_assert_eq(train("--epochs 1 --threads 1 --checkpoint @/c --out @/m"), 0, "%s",
                 text_of("talk"));
    cr_expect_eq(train("--epochs 1 --threads 1 --seed 5 --checkpoint @/c --out @/m"), 2);
    cr_expect(contains("talk", "is the checkpoint of another training"));
    cr_assert_eq(run("cp @/c @/short; truncate -s -5 @/short"), 0);
    cr_expect_eq(train("--epochs 1 --threads 1 --checkpoint @/short --out @/m"), 2);
    cr_assert_eq(run("cp @/c @/flipped; printf '\\001' | dd of=@/flipped bs=1 seek=9000 "
                     "conv=notrunc 2> /dev/null"),
                 0);
    cr_expect_eq(train("--epochs 1 --threads 1 --checkpoint @/flipped --out @/m"), 2);
    cr_expect(contains("talk", "is damaged"), "%s", text_of("talk"));
}

Test(train, every_network_learns)
{
    generate();
    for (const struct network_kind *k = network_kinds; k->name; k++) {
        char options[96];
        snprintf(options, sizeof options, "--network %s --epochs 1 --threads 1 --out @/m", k->name);
        cr_expect_eq(train(options), 0, "%s: %s", k->name, text_of("talk"));
    }
}

Test(train, mistakes_are_named)
{
    generate();
    cr_expect_eq(train("--network none --out @/m"), 2);
    cr_expect(contains("talk", "'none' is not known"));
    cr_expect_eq(train("--threads 1"), 2);
    cr_expect(contains("talk", "--out is needed"));
    cr_expect_eq(run("EKTM train --preset tiny --input @/d/train.csv --out @/m 2> @/talk"), 2);
    cr_expect(contains("talk", "--validation is needed"));
}

Test(train, experiment_reports_every_model)
{
    cr_assert_eq(run("EKTM experiment --quick --train 1000 --requests 20 --threads 1 --out @/r 2> "
                     "@/talk"),
                 0, "%s", text_of("talk"));
    for (const struct network_kind *k = network_kinds; k->name; k++)
        cr_expect(contains("r", k->name), "%s", k->name);
    cr_expect(contains("r", "## Unrelated tasks"));
    cr_expect(contains("r", "Simulated A/B test: 20 fresh requests"));
}

Test(train, a_step_is_timed_by_layers_and_as_a_whole)
{
    cr_assert_eq(run("EKTM step --preset tiny --batch 64 --threads 1 --quick > @/s 2> @/talk"), 0,
                 "%s", text_of("talk"));
    cr_expect(contains("s", "whole step"));
    cr_expect(contains("s", "weightgrad_f32_"));
    setenv("EKTM_PYTHON", "/bin/false", 1);
    cr_expect_eq(run("EKTM step --preset tiny --batch 64 --threads 1 --quick --pytorch > @/s "
                     "2> @/talk"),
                 0, "%s", text_of("talk"));
    cr_expect(contains("s", "skipped pytorch"));
}

/* ---- A/B test -------------------------------------------------------------------------------- */

/* True probabilities earn most; worse ones less; those that are all alike about what chance does.
 */
Test(train, what_is_known_better_earns_more)
{
    struct simulation simulation;
    struct simulator simulator;
    struct abtest test;
    struct fault fault;
    simulation_default(&simulation, ektm_preset_find("tiny"));
    cr_assert(simulator_make(&simulator, &simulation, &fault));
    cr_assert(abtest_make(&test, &simulator, 1 << 20, 300, &fault));
    const size_t count = test.rows.rows * (test.rows.tasks + 1);
    float *p = malloc(count * sizeof *p);
    for (size_t i = 0; i < count; i++)
        p[i] = (float)test.rows.truth[i];
    const struct earnings best = abtest_play(&test, NULL), same = abtest_play(&test, p);
    cr_expect_float_eq(same.revenue, best.revenue, 1e-3 * best.revenue);
    for (size_t i = 0; i < count; i++)
        p[i] = sqrtf(p[i] * 1e-2F);
    const struct earnings worse = abtest_play(&test, p), random = abtest_random(&test);
    cr_expect_lt(worse.revenue, best.revenue);
    cr_expect_lt(random.revenue, worse.revenue);
    free(p);
    abtest_free(&test);
    simulator_free(&simulator);
}

/* ---- losses over all impressions ------------------------------------------------------------- */

/* One row of three logits and labels. */
static double loss_of(struct losses *l, struct tensor *buffer, const float *logit)
{
    float *to = buffer[l->network->logits].data;
    for (size_t i = 0; i < 3; i++)
        to[i] = logit[i];
    losses_rows(l, buffer, 0, 1);
    return (double)l->row[0];
}

static void expect_derivatives(const char *kind, const uint8_t *label)
{
    const float step = 0x1p-7F, logit[3] = {-0.5F, -1.25F, -0.75F};
    struct network n;
    struct losses l;
    struct fault fault;
    cr_assert(network_build(&n, network_kind_find(kind), &ektm_preset_find("tiny")->config));
    struct tensor *buffer = calloc(2 * n.buffers, sizeof *buffer);
    float value[3], gradient[3];
    buffer[n.logits] = (struct tensor){value, 3, DTYPE_F32};
    buffer[n.buffers + n.logits] = (struct tensor){gradient, 3, DTYPE_F32};
    cr_assert(losses_make(&l, &n, NULL, 1, &fault));
    losses_label(&l, label, 1);
    for (size_t i = 0; i < 3; i++) {
        float up[3] = {logit[0], logit[1], logit[2]}, down[3] = {logit[0], logit[1], logit[2]};
        up[i] += step;
        down[i] -= step;
        const double rise = loss_of(&l, buffer, up) - loss_of(&l, buffer, down);
        loss_of(&l, buffer, logit);
        cr_expect_float_eq((double)gradient[i], rise / (2 * (double)step), 2e-4, "%s: logit %zu",
                           kind, i);
    }
    losses_free(&l);
    network_free(&n);
    free(buffer);
}

Test(train, losses_over_all_impressions_have_their_derivatives)
{
    static const uint8_t labels[][3] = {{0, 2, 2}, {1, 0, 0}, {1, 1, 0}, {1, 1, 1}, {1, 2, 0}};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        expect_derivatives("esmm", labels[i]);
        expect_derivatives("aitm", labels[i]);
    }
}

/* ---- Student's t ----------------------------------------------------------------------------- */

/* Tables of the distribution: 5 % lie beyond 12.706, 2.776 and 2.045 with 1, 4 and 29 degrees. */
Test(train, students_t_is_as_tables_have_it)
{
    cr_expect_float_eq(student_tail(12.7062, 1), 0.05, 1e-5);
    cr_expect_float_eq(student_tail(2.7764, 4), 0.05, 1e-5);
    cr_expect_float_eq(student_tail(2.0452, 29), 0.05, 1e-5);
    cr_expect_float_eq(student_tail(0, 4), 1, 1e-12);
    const struct student s = student_test((const double[]){1, 2, 3, 4, 5}, 1, 5);
    cr_expect_float_eq(s.mean, 3, 1e-12);
    cr_expect_float_eq(s.half, 2.7764 * sqrt(2.5 / 5), 1e-3);
    cr_expect_float_eq(s.p, 0.01324, 1e-4);
}
