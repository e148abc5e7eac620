/* What every job of a run shares: where it is, who computes, what the machine can do at best. */
#ifndef EKTM_HARNESS_BENCH_RUN_H
#define EKTM_HARNESS_BENCH_RUN_H

#include "harness/bench/journal.h"
#include "harness/bench/progress.h"
#include "harness/machine/disturbance.h"
#include "harness/machine/team.h"

struct run {
    const struct arguments *arguments;
    struct topology topology;
    struct clock_quality clock;
    struct plan plan;
    struct journal journal;
    struct progress progress;
    struct team *team;                 /* the caller is its member 0; NULL before the first job */
    struct seating seating;            /* of the team */
    const volatile sig_atomic_t *stop; /* the signal that asked to stop; 0: none */
    size_t invalid;                    /* failed checks                          */
    struct counters counters;
    struct disturbance disturbance; /* while the last comparison was sampled              */
    size_t reruns;                  /* of the last comparison                             */
    double rerun_ns;                /* that all re-runs took                              */
};

/* Sets up a zeroed run: clock, counters, this machine and the plan for the arguments. After a
 * failure there is nothing to end. */
bool run_begin(struct run *run, const struct arguments *arguments,
               const volatile sig_atomic_t *stop, struct fault *fault);

/* Gives all of that back, and the team. */
void run_end(struct run *run);

/* Starts a team with that seating in place of the one there is, unless it is the same. */
bool run_seat(struct run *run, struct seating seating, struct fault *fault);

/* Ends the team, if there is one: the caller is no longer pinned. */
void run_leave(struct run *run);

/* ns of untimed calls before a sample where what all competitors stream together may be more than
 * the last-level cache holds: each gets time to bring its own back. */
#define WARMING 2e6

/* The sampling that a job's share of the run's time pays for. */
struct sampling run_sampling(const struct run *run, const struct job *job);

/* Samples competitors of one comparison side by side. Where the machine got in the way of any,
 * their samples are dropped and taken again, twice at most and not for ever in one run; those that
 * stay so are marked invalid. */
bool run_sample(struct run *run, const struct sampling *sampling, struct competitor *competitors,
                size_t count, struct fault *fault);

/* Writes that the kernel's result was wrong by `error` bounds, at `worst`, and counts it. `layer`
 * may be NULL, and `preset` with it. No time of it is published. */
bool run_invalid(struct run *run, const struct kernel *kernel, const char *preset,
                 const char *layer, const struct dims *dims, double error, const char *worst,
                 struct fault *fault);

/* What one record says of how fast: the work of one call, and its samples. */
struct timing {
    const struct competitor *competitor;
    struct seating seating;
    double flops, bytes;
};

/* Begins the reason of a record during which other work had the processors. */
#define BUSY_REASON "its threads had a processor"

/* Sets the columns that every timed kind has, those of `timing` among them, and the verdict.
 * `error` is in units of what is allowed. */
void run_describe(const struct run *run, json_t *record, const struct timing *timing, double error);

/* What speaks against a time: sentences, or "". */
struct doubts {
    bool noisy, invalid;
    char reason[256];
};

/* What is known of how samples were taken. Shares and ranges are fractions. */
struct circumstances {
    bool pinned, oversubscribed;
    double threads, quota;  /* quota 0: none                                                   */
    double had;             /* share of its threads' time on processors; NAN: they are not ours */
    size_t samples, wanted; /* at least                                                        */
    double spread;          /* half the interval over the median                               */
    double clock_range;     /* of the clock during the samples                                 */
    struct disturbance disturbance;
};

struct doubts doubts_of(const struct circumstances *circumstances);

/* What speaks against a competitor's samples, the last comparison's. */
struct doubts run_doubts(const struct run *run, const struct competitor *competitor);

/* Sets an interval column to `numerator`'s time over `denominator`'s, times `scale`; UNAVAILABLE
 * where either is NULL or has no samples. */
void run_compare(const struct run *run, json_t *record, const char *column,
                 const struct competitor *numerator, const struct competitor *denominator,
                 double scale);

/* Sets `versus` to what the interval in `column` shows. */
void run_verdict(json_t *record, const char *versus, const char *column);

/* The fastest of the peers that may be believed, or NULL. `peer` says of each competitor whether it
 * is one's. */
const struct competitor *run_best_peer(const struct competitor *competitors, const bool *peer,
                                       size_t count);

#endif
