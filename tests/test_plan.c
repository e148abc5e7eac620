/* What a bench plans to do. */
#include "harness/bench/plan.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void plan_for(struct plan *plan, const struct arguments *arguments, const char *machine)
{
    struct topology topology;
    struct fault fault;
    cr_assert(topology_load(&topology, machine, &fault), "%s", fault.text);
    cr_assert(plan_make(plan, arguments, &topology, &fault), "%s", fault.text);
    topology_free(&topology);
}

Test(plan, placements_that_seat_threads_alike_are_one)
{
    struct arguments arguments = {.quick = true};
    struct plan plan;
    plan_for(&plan, &arguments, "pack:1 l3:1 core:4 pu:1");
    cr_assert(plan.placements_coincide);
    for (size_t s = 0; s < plan.seatings; s++)
        cr_assert_eq(plan.seating[s].placement, PLACEMENT_COMPACT);
    plan_free(&plan);
}

Test(plan, placements_that_differ_are_both_there)
{
    struct arguments arguments = {.quick = true};
    struct plan plan;
    plan_for(&plan, &arguments, "pack:2 l3:2 core:4 pu:1");
    cr_assert(!plan.placements_coincide);
    size_t with_two = 0, with_all = 0;
    for (size_t s = 0; s < plan.seatings; s++) {
        with_two += plan.seating[s].threads == 2;
        with_all += plan.seating[s].threads == 16;
    }
    cr_assert_eq(with_two, 2);
    cr_assert_eq(with_all, 1, "all processors are the same in either order");
    cr_assert_eq(plan_widest(&plan).threads, 16);
    plan_free(&plan);
}

/* The first line and a row of the recorded inputs of the preset. */
static void write_inputs(const char *file, const char *preset)
{
    const struct ektm_config *config = &ektm_preset_find(preset)->config;
    FILE *out = fopen(file, "w");
    for (int line = 0; line < 2; line++)
        for (size_t c = 0; c < config->fields + config->dense; c++) {
            bool field = c < config->fields;
            size_t number = field ? c : c - config->fields;
            if (line)
                fprintf(out, "%s0", c ? "," : "");
            else
                fprintf(out, "%s%c%zu", c ? "," : "", field ? 'f' : 'd', number);
            if (c + 1 == config->fields + config->dense)
                fprintf(out, "\n");
        }
    fclose(out);
}

Test(plan, a_long_name_of_inputs_is_not_cut_within_a_character)
{
    struct arguments arguments = {.quick = true, .preset = {1, {"tiny"}}};
    char folder[] = "/tmp/ektm-plan-XXXXXX";
    cr_assert(mkdtemp(folder) != NULL);
    for (size_t letters = 100; letters < 104; letters++) {
        char file[256];
        struct plan plan;
        int length =
            snprintf(file, sizeof file, "%s/%0*d", folder, (int)(letters - strlen(folder)), 0);
        for (size_t i = 0; i < 20; i++)
            length += snprintf(file + length, sizeof file - (size_t)length, "\xe2\x82\xac");
        write_inputs(file, "tiny");
        arguments.ids = file;
        plan_for(&plan, &arguments, "pack:1 l3:1 core:2 pu:1");
        cr_assert_eq(strncmp(plan.ids, file, strlen(plan.ids)), 0);
        cr_assert_geq(strlen(plan.ids), sizeof plan.ids - 3);
        json_t *string = json_string(plan.ids);
        cr_assert(string != NULL, "not UTF-8: %s", plan.ids);
        json_decref(string);
        plan_free(&plan);
        unlink(file);
    }
    rmdir(folder);
}

Test(plan, jobs_follow_what_they_need)
{
    struct arguments arguments = {.quick = true, .batch = {3, {64, 1, 7}}};
    struct plan plan;
    double shares = 0;
    bool subject = false, layer = false, composed = false;
    plan_for(&plan, &arguments, "pack:1 l3:1 core:2 pu:1");
    cr_assert(plan.batch[0] == 1 && plan.batch[1] == 7 && plan.batch[2] == 64);
    for (size_t j = 0; j < plan.jobs; j++) {
        const struct job *job = &plan.job[j];
        shares += job->share;
        subject = subject || job->kind == JOB_SUBJECT;
        layer = layer || job->kind == JOB_LAYER;
        composed = composed || job->kind == JOB_COMPOSE;
        cr_assert(job->kind != JOB_LAYER || subject);
        cr_assert(job->kind != JOB_KERNELS || layer);
        cr_assert((job->kind != JOB_MODELS && job->kind != JOB_SCALING) || composed);
    }
    cr_assert(subject && layer && composed);
    cr_assert_float_eq(shares, plan.shares, 1e-9);
    plan_free(&plan);
}

static size_t loads_of(struct arguments arguments)
{
    struct plan plan;
    size_t loads = 0;
    arguments.tile = TILE_UNSET;
    plan_for(&plan, &arguments, "pack:1 l3:1 core:2 pu:1");
    for (size_t j = 0; j < plan.jobs; j++)
        loads += plan.job[j].kind == JOB_LOAD;
    plan_free(&plan);
    return loads;
}

/* Whoever chooses what is timed does not ask for a server, and a first answer has no time for it.
 */
Test(plan, a_whole_run_ends_under_load)
{
    cr_expect_eq(loads_of((struct arguments){.seed = 1}), 1);
    cr_expect_eq(loads_of((struct arguments){.full = true}), 4, "one of each preset");
    cr_expect_eq(loads_of((struct arguments){.quick = true}), 0);
    cr_expect_eq(loads_of((struct arguments){.batch = {1, {64}}}), 0);
    cr_expect_eq(loads_of((struct arguments){.backend = {1, {"compiler"}}}), 0);
    cr_expect_eq(loads_of((struct arguments){.op = {1, {"dense"}}}), 0);
}
