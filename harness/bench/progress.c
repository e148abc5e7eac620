#include "harness/bench/progress.h"

#include "harness/measure/clock.h"

#include <stdio.h>
#include <unistd.h>

void progress_begin(struct progress *progress, size_t all, double shares)
{
    *progress = (struct progress){isatty(STDERR_FILENO), clock_now(), all, shares};
}

void progress_show(const struct progress *progress, size_t done, double share, const char *what)
{
    if (!progress->shown)
        return;
    double seconds = (double)(clock_now() - progress->begin) * 1e-9;
    fprintf(stderr, "\r%3zu / %zu  %-44.44s", done, progress->all, what);
    if (share > 0 && seconds > 2)
        fprintf(stderr, "  about %.0f s left", seconds * (progress->shares - share) / share);
    fprintf(stderr, "\033[K");
    fflush(stderr);
}

void progress_erase(const struct progress *progress)
{
    if (progress->shown)
        fprintf(stderr, "\r\033[K");
}
