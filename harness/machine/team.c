/* Hand-out: the caller writes the work, then raises `epoch`; each member spins on that one line.
 * The way back is a tree: a member waits for the few below it, then marks its own line, so no line
 * is written by more than one thread and the caller reads FANIN of them, whatever the team's size.
 *
 * A member that finds no work for IDLE_NS goes to sleep on a futex, so that an idle team takes no
 * time, power or quota from what runs next; the run that wakes it pays a system call, as does none
 * that follows another at once. Where two members may share a processor, waiting yields it after a
 * short spin: the one waited for may be the one not running. */
#include "harness/machine/team.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE = 128,     /* two cache lines: neighbours are fetched in pairs */
    FANIN = 8,      /* members that one waits for                       */
    SPIN = 64,      /* looks before the first yield                     */
    LOOKS = 1 << 8, /* looks between two readings of the clock          */
    IDLE_NS = 1000 * 1000
};

struct member {
    _Alignas(LINE) _Atomic uint32_t done; /* the last epoch that it and all below it finished */
    _Atomic uint32_t met;                 /* meetings that it and all below it have come to    */
    struct team *team;
    pthread_t thread; /* of all but the caller */
    size_t index;
    unsigned os; /* the processor it belongs on */
    bool pinned;
};

struct team {
    _Alignas(LINE) _Atomic uint32_t epoch; /* of the work below; wraps around */
    team_work *work;                       /* NULL: the end                   */
    void *argument;
    _Alignas(LINE) _Atomic uint32_t meetings; /* that all have come to; wraps around */
    _Alignas(LINE) _Atomic uint32_t sleepers;
    _Alignas(LINE) const struct topology *topology;
    size_t members;
    bool pinned, oversubscribed;
    _Atomic bool crowded;  /* two members may share a processor */
    hwloc_bitmap_t before; /* the caller's affinity */
    struct member member[];
};

static void look_again(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); /* `yield` does nothing on most cores */
#endif
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void wait_between(const struct team *team, unsigned looks)
{
    if (looks >= SPIN && atomic_load_explicit(&team->crowded, memory_order_relaxed))
        sched_yield();
    else
        look_again();
}

static void sleep_while(struct team *team, uint32_t epoch)
{
    /* The caller raises `epoch`, then looks for sleepers; we count ourselves among them, then the
     * kernel looks at `epoch` again: one of the two sees the other. */
    atomic_fetch_add(&team->sleepers, 1);
    syscall(SYS_futex, &team->epoch, FUTEX_WAIT_PRIVATE, epoch, NULL, NULL, 0);
    atomic_fetch_sub(&team->sleepers, 1);
}

/* Waits until `epoch` is no longer the one that was `seen`; returns the new one. */
static uint32_t await_work(struct team *team, uint32_t seen)
{
    uint32_t epoch;
    uint64_t begin = 0;
    for (unsigned looks = 0;
         (epoch = atomic_load_explicit(&team->epoch, memory_order_acquire)) == seen; looks++) {
        wait_between(team, looks);
        if (looks % LOOKS != LOOKS - 1)
            continue;
        if (begin == 0)
            begin = now();
        else if (now() - begin > IDLE_NS)
            sleep_while(team, seen);
    }
    return epoch;
}

static void await_below(struct team *team, size_t index, uint32_t epoch)
{
    for (size_t i = index * FANIN + 1; i <= index * FANIN + FANIN && i < team->members; i++)
        for (unsigned looks = 0;
             atomic_load_explicit(&team->member[i].done, memory_order_acquire) != epoch; looks++)
            wait_between(team, looks);
}

static void *serve(void *argument)
{
    struct member *self = argument;
    struct team *team = self->team;
    for (uint32_t epoch = 0;;) {
        epoch = await_work(team, epoch);
        team_work *work = team->work;
        if (!work)
            return NULL;
        work(team->argument, self->index, team->members);
        await_below(team, self->index, epoch);
        atomic_store_explicit(&self->done, epoch, memory_order_release);
    }
}

static uint32_t hand_out(struct team *team, team_work *work, void *argument)
{
    team->work = work;
    team->argument = argument;
    uint32_t epoch = atomic_fetch_add(&team->epoch, 1) + 1;
    if (atomic_load(&team->sleepers) > 0)
        syscall(SYS_futex, &team->epoch, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    return epoch;
}

void team_run(struct team *team, team_work *work, void *argument)
{
    if (team->members == 1) {
        work(argument, 0, 1);
        return;
    }
    uint32_t epoch = hand_out(team, work, argument);
    work(argument, 0, team->members);
    await_below(team, 0, epoch);
}

void team_meet(struct team *team, size_t member)
{
    uint32_t turn = atomic_load_explicit(&team->member[member].met, memory_order_relaxed) + 1;
    for (size_t i = member * FANIN + 1; i <= member * FANIN + FANIN && i < team->members; i++)
        for (unsigned looks = 0;
             atomic_load_explicit(&team->member[i].met, memory_order_acquire) != turn; looks++)
            wait_between(team, looks);
    atomic_store_explicit(&team->member[member].met, turn, memory_order_release);
    if (member == 0)
        atomic_store_explicit(&team->meetings, turn, memory_order_release);
    for (unsigned looks = 0; atomic_load_explicit(&team->meetings, memory_order_acquire) != turn;
         looks++)
        wait_between(team, looks);
}

/* ---- start and end --------------------------------------------------------------------------- */

/* The first work of every team. */
static void pin(void *argument, size_t index, size_t members)
{
    (void)members;
    struct team *team = argument;
    hwloc_bitmap_t processor = hwloc_bitmap_alloc();
    if (processor && !team->topology->synthetic) {
        hwloc_bitmap_only(processor, team->member[index].os);
        team->member[index].pinned =
            hwloc_set_cpubind(team->topology->hwloc, processor, HWLOC_CPUBIND_THREAD) == 0;
    }
    hwloc_bitmap_free(processor);
}

static bool seat(struct team *team, enum placement placement)
{
    const struct topology *topology = team->topology;
    size_t *order = malloc(topology->pus * sizeof *order);
    if (!order)
        return false;
    placement_order(topology, placement, order);
    for (size_t i = 0; i < team->members; i++) {
        team->member[i].team = team;
        team->member[i].index = i;
        team->member[i].os = topology->pu[order[i % topology->pus]].os;
    }
    free(order);
    return true;
}

static struct team *allocate(const struct topology *topology, enum placement placement,
                             size_t members)
{
    struct team *team = aligned_alloc(LINE, sizeof *team + members * sizeof team->member[0]);
    if (!team)
        return NULL;
    memset(team, 0, sizeof *team + members * sizeof team->member[0]);
    team->topology = topology;
    team->members = members;
    team->oversubscribed = members > topology->pus;
    team->crowded = true; /* until all are pinned */
    team->before = hwloc_bitmap_alloc();
    if (team->before && seat(team, placement))
        return team;
    hwloc_bitmap_free(team->before);
    free(team);
    return NULL;
}

/* Ends the first `started` members, the caller among them. */
static void end(struct team *team, size_t started)
{
    hand_out(team, NULL, NULL);
    for (size_t i = 1; i < started; i++)
        pthread_join(team->member[i].thread, NULL);
    if (!hwloc_bitmap_iszero(team->before))
        hwloc_set_cpubind(team->topology->hwloc, team->before, HWLOC_CPUBIND_THREAD);
    hwloc_bitmap_free(team->before);
    free(team);
}

struct team *team_start(const struct topology *topology, enum placement placement, size_t members,
                        struct fault *fault)
{
    assert(members > 0);
    struct team *team = allocate(topology, placement, members);
    if (!team) {
        fault_memory(fault, "a team of threads");
        return NULL;
    }
    for (size_t i = 1; i < members; i++) {
        int error = pthread_create(&team->member[i].thread, NULL, serve, &team->member[i]);
        if (error) {
            fault_machine(fault, "only %zu of %zu threads could be started: %s", i, members,
                          strerror(error));
            end(team, i);
            return NULL;
        }
    }
    if (!topology->synthetic &&
        hwloc_get_cpubind(topology->hwloc, team->before, HWLOC_CPUBIND_THREAD) != 0)
        hwloc_bitmap_zero(team->before);
    team_run(team, pin, team);
    bool pinned = true;
    for (size_t i = 0; i < members; i++)
        pinned = pinned && team->member[i].pinned;
    team->pinned = pinned;
    team->crowded = team->oversubscribed || !pinned;
    return team;
}

void team_stop(struct team *team) { end(team, team->members); }

size_t team_members(const struct team *team) { return team->members; }
bool team_pinned(const struct team *team) { return team->pinned; }
bool team_oversubscribed(const struct team *team) { return team->oversubscribed; }

struct share share_of(size_t rows, size_t member, size_t members)
{
    size_t each = rows / members, more = rows % members;
    return (struct share){each * member + (member < more ? member : more), each + (member < more)};
}
