/* Threads that stay: pinned where a placement says, waiting in a spin for the next piece of work,
 * so that handing it out costs a cache line and no system call. */
#ifndef EKTM_HARNESS_MACHINE_TEAM_H
#define EKTM_HARNESS_MACHINE_TEAM_H

#include "harness/machine/topology.h"

struct team;

/* Does member `member`'s part (0 .. members-1) of some work. */
typedef void team_work(void *argument, size_t member, size_t members);

/* Starts a team of `members`: the caller is member 0, and is pinned like the others. More members
 * than usable processors share them in turn (`team_oversubscribed`). A team that could not be
 * pinned still works (`team_pinned`). `topology` must outlive it. NULL: out of threads or memory.
 */
struct team *team_start(const struct topology *topology, enum placement placement, size_t members,
                        struct fault *fault);

/* Runs `work` on every member and returns when all are done. What the caller wrote before is seen
 * by the members, what they wrote is seen by the caller afterwards. Members spin for a millisecond
 * after their last work, then sleep: a run after a longer pause pays for waking them, so let an
 * untimed one precede what is timed. */
void team_run(struct team *team, team_work *work, void *argument);

/* For use within work: returns when every member has come here as often as `member`. What each
 * wrote before is seen by all afterwards. */
void team_meet(struct team *team, size_t member);

/* Ends the threads and gives the caller, the one that started it, its old affinity back. */
void team_stop(struct team *team);

size_t team_members(const struct team *team);
bool team_pinned(const struct team *team);
bool team_oversubscribed(const struct team *team);

/* The rows [first, first + count) of `rows` that belong to `member`: as even as can be. */
struct share {
    size_t first, count;
};
struct share share_of(size_t rows, size_t member, size_t members);

#endif
