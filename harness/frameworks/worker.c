#include "harness/frameworks/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE = 240000 }; /* ms without a word */

static void become(char *const argv[], int in, int out, const cpu_set_t *cpus)
{
    /* What those who serve with these frameworks set: memory is kept between operators, and threads
     * that wait leave the processor. */
    setenv("MALLOC_MMAP_THRESHOLD_", "1073741824", 1);
    setenv("MALLOC_TRIM_THRESHOLD_", "2147483648", 1);
    setenv("OMP_WAIT_POLICY", "PASSIVE", 1);
    if (cpus)
        sched_setaffinity(0, sizeof *cpus, cpus);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    execvp(argv[0], argv);
    _exit(127);
}

bool worker_start(struct worker *worker, const char *framework, char *const argv[],
                  const cpu_set_t *cpus, struct fault *fault)
{
    int to[2], from[2];
    *worker = (struct worker){.framework = framework, .to = -1, .from = -1};
    if (pipe2(to, O_CLOEXEC) != 0)
        return fault_machine(fault, "no pipe for %s: %s", framework, strerror(errno));
    if (pipe2(from, O_CLOEXEC) != 0) {
        close(to[0]);
        close(to[1]);
        return fault_machine(fault, "no pipe for %s: %s", framework, strerror(errno));
    }
    signal(SIGPIPE, SIG_IGN); /* one that died is noticed when it does not answer */
    worker->process = fork();
    if (worker->process == 0)
        become(argv, to[0], from[1], cpus);
    close(to[0]);
    close(from[1]);
    worker->to = to[1];
    worker->from = from[0];
    char hello[192];
    bool fine = worker->process > 0
                    ? worker_ask(worker, NULL, "hello ", hello, sizeof hello, fault)
                    : fault_machine(fault, "cannot start %s: %s", framework, strerror(errno));
    if (!fine) {
        worker_stop(worker);
        return false;
    }
    size_t version = strcspn(hello, " ");
    snprintf(worker->version, sizeof worker->version, "%.*s", (int)version, hello);
    snprintf(worker->path, sizeof worker->path, "%.90s", hello + version + (hello[version] == ' '));
    return true;
}

/* Reads until there is a whole line, which goes to `line` without its end. */
static bool read_line(struct worker *w, char *line, size_t size, struct fault *fault)
{
    for (;;) {
        char *end = memchr(w->rest, '\n', w->rest_length);
        if (end) {
            snprintf(line, size, "%.*s", (int)(end - w->rest), w->rest);
            w->rest_length -= (size_t)(end + 1 - w->rest);
            memmove(w->rest, end + 1, w->rest_length);
            return true;
        }
        struct pollfd ready = {.fd = w->from, .events = POLLIN};
        if (w->rest_length == sizeof w->rest)
            return fault_machine(fault, "%s talks without end", w->framework);
        int polled = poll(&ready, 1, PATIENCE);
        if (polled < 0 && errno == EINTR)
            continue;
        if (polled == 0)
            return fault_machine(fault, "%s has said nothing for %d s", w->framework,
                                 PATIENCE / 1000);
        ssize_t got = read(w->from, w->rest + w->rest_length, sizeof w->rest - w->rest_length);
        if (got <= 0)
            return fault_machine(fault, "%s died: its complaint, if any, is above", w->framework);
        w->rest_length += (size_t)got;
    }
}

/* A worker is stopped but while it has something to do: its threads may spin for more work as long
 * as they like, as their makers mean them to, and take nobody the processor. */
static bool ask(struct worker *worker, const char *line, const char *expected, char *answer,
                size_t size, struct fault *fault)
{
    char text[256];
    if (line && dprintf(worker->to, "%s\n", line) < 0)
        return fault_machine(fault, "%s does not listen any more", worker->framework);
    if (!read_line(worker, text, sizeof text, fault))
        return false;
    if (strncmp(text, expected, strlen(expected)) != 0)
        return fault_machine(fault, "%s says '%.80s' where '%s' is expected", worker->framework,
                             text, expected);
    if (answer)
        snprintf(answer, size, "%s", text + strlen(expected));
    return true;
}

bool worker_ask(struct worker *worker, const char *line, const char *expected, char *answer,
                size_t size, struct fault *fault)
{
    kill(worker->process, SIGCONT);
    bool fine = ask(worker, line, expected, answer, size, fault);
    kill(worker->process, SIGSTOP);
    return fine;
}

enum { TEAM_SPINS = 1500 }; /* us after which threads of our own that wait for work sleep */

double worker_time(void *argument, size_t calls)
{
    struct worker *worker = argument;
    char line[64], answer[64];
    snprintf(line, sizeof line, "time %zu %d", calls, WORKER_STRIDE);
    usleep(TEAM_SPINS);
    if (worker->fault.text[0] ||
        !worker_ask(worker, line, "ns ", answer, sizeof answer, &worker->fault))
        return INFINITY; /* no sample need be longer */
    double ns = strtod(answer, NULL);
    if (!(ns > 0))
        fault_machine(&worker->fault, "%s says that %zu calls took '%s' ns", worker->framework,
                      calls, answer);
    return ns > 0 ? ns : INFINITY;
}

void worker_stop(struct worker *worker)
{
    if (worker->to >= 0)
        close(worker->to);
    if (worker->from >= 0)
        close(worker->from);
    if (worker->process > 0) {
        kill(worker->process, SIGKILL);
        waitpid(worker->process, NULL, 0);
    }
    *worker = (struct worker){.to = -1, .from = -1};
}
