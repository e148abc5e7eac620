#include "harness/machine/team.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* CROWD: enough that members wait for members, which wait for others. */
enum { ROUNDS = 20000, CROWD = 21, CROWDED_ROUNDS = 500, PAUSES = 20 };

static struct topology topology;
static struct fault fault;

static void load(void) { cr_assert(topology_load(&topology, NULL, &fault), "%s", fault.text); }
static void unload(void) { topology_free(&topology); }

TestSuite(team, .init = load, .fini = unload, .timeout = 60);

/* What the members write without any atomic: each its own cell, which the caller then reads. */
struct tally {
    size_t given; /* written by the caller before each run */
    size_t members;
    size_t runs[64];
    size_t seen[64];
    size_t wrong; /* written by member 0 */
};

static void count(void *argument, size_t member, size_t members)
{
    struct tally *tally = argument;
    tally->runs[member]++;
    tally->seen[member] = tally->given;
    if (member == 0 && members != tally->members)
        tally->wrong++;
}

static void many_rounds(size_t members, size_t rounds, useconds_t pause)
{
    struct tally tally = {.members = members};
    struct team *team = team_start(&topology, PLACEMENT_COMPACT, members, &fault);
    cr_assert(team, "%s", fault.text);
    cr_assert_eq(team_members(team), members);
    for (size_t round = 1; round <= rounds; round++) {
        tally.given = round;
        team_run(team, count, &tally);
        for (size_t m = 0; m < members; m++) {
            cr_assert_eq(tally.runs[m], round, "member %zu of %zu ran %zu times in %zu rounds", m,
                         members, tally.runs[m], round);
            cr_assert_eq(tally.seen[m], round, "member %zu missed what the caller wrote", m);
        }
        if (pause)
            usleep(pause);
    }
    cr_assert_eq(tally.wrong, 0);
    cr_assert_eq(tally.runs[members], 0, "a member too many");
    team_stop(team);
}

Test(team, every_member_runs_once_each_round)
{
    for (size_t members = 1; members <= topology.pus && members < 64; members *= 2)
        many_rounds(members, ROUNDS, 0);
}

enum { MEETINGS = 50 };

/* What each member writes between two meetings, and whether one has read something else of its
 * neighbour. */
struct meeting {
    struct team *team;
    size_t written[64], wrong[64];
};

static void meet_often(void *argument, size_t member, size_t members)
{
    struct meeting *m = argument;
    for (size_t turn = 1; turn <= MEETINGS; turn++) {
        m->written[member]++;
        size_t expected = m->written[member];
        team_meet(m->team, member);
        m->wrong[member] += m->written[(member + 1) % members] != expected;
        team_meet(m->team, member);
    }
}

static void meet(size_t members, size_t rounds)
{
    struct meeting m = {0};
    m.team = team_start(&topology, PLACEMENT_COMPACT, members, &fault);
    cr_assert(m.team, "%s", fault.text);
    for (size_t round = 0; round < rounds; round++)
        team_run(m.team, meet_often, &m);
    for (size_t i = 0; i < members; i++) {
        cr_expect_eq(m.wrong[i], 0, "member %zu of %zu read early or late", i, members);
        cr_expect_eq(m.written[i], rounds * MEETINGS);
    }
    team_stop(m.team);
}

Test(team, members_meet_within_their_work)
{
    for (size_t members = 1; members <= topology.pus && members < 64; members *= 2)
        meet(members, 200);
    meet(3, 20);
    meet(CROWD, 5);
}

Test(team, shares_processors_when_oversubscribed)
{
    many_rounds(topology.pus < 32 ? topology.pus * 2 + 1 : 63, CROWDED_ROUNDS, 0);
    many_rounds(CROWD, CROWDED_ROUNDS, 0);
}

/* Longer than a member spins: it sleeps and is woken. */
Test(team, wakes_after_a_pause)
{
    many_rounds(2, PAUSES, 3000);
    many_rounds(CROWD, PAUSES, 3000);
}

/* Pauses around the moment at which members fall asleep: no wake-up gets lost. */
Test(team, wakes_at_any_moment)
{
    struct tally tally = {.members = 3};
    struct team *team = team_start(&topology, PLACEMENT_SPREAD, 3, &fault);
    cr_assert(team, "%s", fault.text);
    for (size_t round = 1; round <= 300; round++) {
        usleep((useconds_t)(900 + round));
        team_run(team, count, &tally);
        cr_assert_eq(tally.runs[1] + tally.runs[2], 2 * round);
    }
    team_stop(team);
}

Test(team, says_whether_it_is_oversubscribed)
{
    struct team *fits = team_start(&topology, PLACEMENT_COMPACT, topology.pus, &fault);
    cr_assert(fits && !team_oversubscribed(fits));
    team_stop(fits);
    struct team *more = team_start(&topology, PLACEMENT_COMPACT, topology.pus + 1, &fault);
    cr_assert(more && team_oversubscribed(more));
    team_stop(more);
}

static void where(void *argument, size_t member, size_t members)
{
    (void)members;
    int *processor = argument;
    cpu_set_t set;
    CPU_ZERO(&set);
    processor[member] = -1;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1)
        for (int i = 0; i < CPU_SETSIZE; i++)
            if (CPU_ISSET(i, &set))
                processor[member] = i;
}

Test(team, members_sit_where_the_placement_says)
{
    size_t *order = calloc(topology.pus, sizeof *order);
    int *processor = calloc(topology.pus + 1, sizeof *processor);
    for (enum placement p = 0; p < PLACEMENTS; p++) {
        placement_order(&topology, p, order);
        struct team *team = team_start(&topology, p, topology.pus + 1, &fault);
        cr_assert(team && team_pinned(team));
        team_run(team, where, processor);
        for (size_t i = 0; i <= topology.pus; i++)
            cr_assert_eq(processor[i], (int)topology.pu[order[i % topology.pus]].os,
                         "%s: member %zu is pinned to %d", placement_name(p), i, processor[i]);
        team_stop(team);
    }
    free(processor);
    free(order);
}

Test(team, gives_the_affinity_back)
{
    cpu_set_t before, during, after;
    cr_assert_eq(sched_getaffinity(0, sizeof before, &before), 0);
    struct team *team = team_start(&topology, PLACEMENT_SPREAD, 2, &fault);
    cr_assert(team);
    cr_assert_eq(sched_getaffinity(0, sizeof during, &during), 0);
    cr_assert_eq(CPU_COUNT(&during), 1, "the caller is pinned like the others");
    team_stop(team);
    cr_assert_eq(sched_getaffinity(0, sizeof after, &after), 0);
    cr_assert(CPU_EQUAL(&before, &after));
}

Test(team, works_unpinned_on_a_synthetic_machine)
{
    struct topology other;
    cr_assert(topology_load(&other, "pack:2 core:2 pu:1", &fault), "%s", fault.text);
    struct tally tally = {.members = 4};
    cpu_set_t before, during;
    cr_assert_eq(sched_getaffinity(0, sizeof before, &before), 0);
    struct team *team = team_start(&other, PLACEMENT_COMPACT, 4, &fault);
    cr_assert(team && !team_pinned(team) && !team_oversubscribed(team));
    cr_assert_eq(sched_getaffinity(0, sizeof during, &during), 0);
    cr_assert(CPU_EQUAL(&before, &during));
    for (size_t round = 1; round <= CROWDED_ROUNDS; round++) {
        team_run(team, count, &tally);
        for (size_t m = 0; m < 4; m++)
            cr_assert_eq(tally.runs[m], round);
    }
    team_stop(team);
    topology_free(&other);
}

Test(share, covers_every_row_once)
{
    const size_t rows[] = {0, 1, 2, 3, 7, 8, 9, 64, 997, 4096};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (size_t members = 1; members <= 17; members++) {
            size_t next = 0;
            for (size_t m = 0; m < members; m++) {
                struct share share = share_of(rows[r], m, members);
                cr_assert_eq(share.first, next, "%zu rows, member %zu of %zu", rows[r], m, members);
                cr_assert(share.count == rows[r] / members ||
                              share.count == (rows[r] + members - 1) / members,
                          "%zu rows, member %zu of %zu: %zu is uneven", rows[r], m, members,
                          share.count);
                next += share.count;
            }
            cr_assert_eq(next, rows[r]);
        }
}
