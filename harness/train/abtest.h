/* The simulated A/B test: fresh requests, whose candidates each model ranks by what it thinks they
 * earn; the simulator's true probabilities say what they do. */
#ifndef EKTM_HARNESS_TRAIN_ABTEST_H
#define EKTM_HARNESS_TRAIN_ABTEST_H

#include "harness/data/simulator.h"

/* Candidates of a request that are shown. */
enum { SHOWN = 3 };

struct abtest {
    const struct simulator *simulator;
    struct dataset rows;     /* candidates of all requests */
    size_t requests, *begin; /* [requests + 1]            */
    double *bid;             /* [rows, T]                  */
};

/* What the shown candidates came to, per thousand of them. */
struct earnings {
    double revenue;     /* expected: bid * pCTR * pCVR, true ones, of all conversions */
    double clicks;      /* expected                                                   */
    double conversions; /* expected, of all tasks                                     */
    double happened;    /* revenue of the conversions that were drawn                 */
};

/* Takes requests from number `first` on. */
bool abtest_make(struct abtest *test, const struct simulator *simulator, uint64_t first,
                 size_t requests, struct fault *fault);
void abtest_free(struct abtest *test);

/* Ranks each request's candidates by the sum over tasks of bid * pCTR * pCVR and shows the first.
 * `p` [rows, T + 1]: pCTR, pCVR; NULL: the true ones, the best that can be done. */
struct earnings abtest_play(const struct abtest *test, const float *p);

/* The same if candidates are shown at random. */
struct earnings abtest_random(const struct abtest *test);

#endif
