/* A framework in a process of its own, which is told over pipes what to compute and times itself.
 */
#ifndef EKTM_HARNESS_FRAMEWORKS_WORKER_H
#define EKTM_HARNESS_FRAMEWORKS_WORKER_H

#include "harness/fault.h"

#include <stddef.h>
#include <stdio.h>
#include <sched.h>
#include <sys/types.h>

struct worker {
    const char *framework;      /* "pytorch", "onnxruntime" */
    char version[64], path[96]; /* as it says hello: its version, and the way it computes */
    pid_t process;              /* 0: there is none */
    int to, from;
    char rest[256]; /* of what it said: what is behind the line read last */
    size_t rest_length;
    struct fault fault; /* why it fell silent; text "": it has not */
};

/* Starts argv[0] and waits until it says hello. It may use the processors in `cpus` (NULL: all).
 * Its process is stopped while it is asked nothing. What it complains about goes to our stderr. */
bool worker_start(struct worker *worker, const char *framework, char *const argv[],
                  const cpu_set_t *cpus, struct fault *fault);

/* Tells it a line and waits for an answer that begins with `expected`; what follows that goes to
 * `answer`, unless NULL. A worker that dies, talks nonsense or says nothing for some minutes is a
 * fault. */
bool worker_ask(struct worker *worker, const char *line, const char *expected, char *answer,
                size_t size, struct fault *fault);

/* ns that a worker computes untimed before it times itself: it was stopped while others computed,
 * and a server is not. */
enum { WORKER_STRIDE = 10000000 };

/* For struct competitor: `argument` is the worker. After a fault it returns INFINITY. */
double worker_time(void *argument, size_t calls);

/* Ends the process. */
void worker_stop(struct worker *worker);

#endif
