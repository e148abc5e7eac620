#include "harness/machine/describe.h"

#include "harness/machine/host.h"
#include "harness/machine/memory.h"
#include "kernels/cpu.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

/* ---- the name -------------------------------------------------------------------------------- */

/* Words of a CPU's name that tell nothing apart. */
static bool is_filler(const char *word, size_t length)
{
    static const char *const fillers[] = {"processor", "cpu", "core", "r", "tm", "with", "gen"};
    for (size_t i = 0; i < sizeof fillers / sizeof *fillers; i++)
        if (strlen(fillers[i]) == length && strncasecmp(word, fillers[i], length) == 0)
            return true;
    /* "96-Core": how many the package has; how many are ours comes at the end. */
    size_t digits = strspn(word, "0123456789");
    return digits > 0 && strncasecmp(word + digits, "-core", 5) == 0;
}

void machine_name(const struct topology *topology, char *name, size_t size)
{
    char cores[32];
    const bool held = isa_held() != ISAS; /* then it is another machine, as far as runs go */
    snprintf(cores, sizeof cores, "%zuc%s%s", topology->cores, held ? "-" : "",
             held ? isa_name(isa_held()) : "");
    size_t room = size - strlen(cores) - 1, length = 0;
    /* Frequencies follow an @. */
    for (const char *at = topology->cpu; *at && *at != '@';) {
        size_t word = strcspn(at, " ()@/");
        bool skip = is_filler(at, word);
        for (size_t i = 0; i < word && !skip && length + 1 < room; i++)
            if (isalnum((unsigned char)at[i]))
                name[length++] = (char)tolower((unsigned char)at[i]);
            else if (length && name[length - 1] != '-')
                name[length++] = '-';
        if (length && name[length - 1] != '-')
            name[length++] = '-';
        at += word;
        at += strspn(at, " ()/");
    }
    snprintf(name + length, size - length, "%s", cores);
}

/* ---- pieces of text -------------------------------------------------------------------------- */

void processors_print(const unsigned *os, size_t count, FILE *out)
{
    for (size_t i = 0, last; i < count; i = last + 1) {
        unsigned step = i + 1 < count ? os[i + 1] - os[i] : 0;
        for (last = i; last + 1 < count && os[last + 1] - os[last] == step;)
            last++;
        if (last - i < 2 && step != 1) /* two far apart are no series */
            last = i;
        fprintf(out, "%s%u", i ? "," : "", os[i]);
        if (last > i)
            fprintf(out, "-%u", os[last]);
        if (last > i && step > 1)
            fprintf(out, ":%u", step);
    }
}

static void print_count(FILE *out, size_t count, const char *one, const char *many)
{
    fprintf(out, "%zu %s", count, count == 1 ? one : many);
}

static void print_bytes(FILE *out, const char *what, size_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        value /= 1024;
    if (bytes)
        fprintf(out, "%s %.*f %s", what, value < 10 && value != (double)(int)value, value,
                units[unit]);
    else
        fprintf(out, "%s unknown", what);
}

/* ---- the four lines -------------------------------------------------------------------------- */

static void describe_cpu(const struct topology *t, const struct host *host, FILE *out)
{
    static const char *const guest[] = {"", "virtual machine", "perhaps a virtual machine"};
    fprintf(out, "CPU       %s; runs", t->cpu);
    for (enum isa isa = 0; isa < ISAS; isa++) {
        char reason[128];
        if (isa_usable(isa, reason, sizeof reason))
            fprintf(out, "%s %s", isa ? "," : "", isa_name(isa));
    }
    if (host->virtualised != VIRTUALISED_NO)
        fprintf(out, "; %s", guest[host->virtualised]);
    if (host->hypervisor[0])
        fprintf(out, " on %s", host->hypervisor);
    fprintf(out, "; %s\n", host->kernel);
}

static void describe_layout(const struct topology *t, FILE *out)
{
    fprintf(out, "layout    ");
    print_count(out, t->packages, "package, ", "packages, ");
    print_count(out, t->numas, "NUMA node, ", "NUMA nodes, ");
    print_count(out, t->l3s, "L3", "L3s");
    if (hwloc_get_nbobjs_by_type(t->hwloc, HWLOC_OBJ_L3CACHE) == 0)
        fprintf(out, " (not seen: each node or package counts as one)");
    fprintf(out, ", ");
    print_count(out, t->cores, "core, ", "cores, ");
    print_count(out, t->pus, "hardware thread\n", "hardware threads\n");
}

static void describe_memory(const struct topology *t, const struct host *host, FILE *out)
{
    static const char *const names[CACHE_LEVELS] = {"; L1d", ", L2", ", L3"};
    print_bytes(out, "memory   ", t->memory_bytes);
    fprintf(out, ", pages %s", memory_pages());
    for (size_t level = 0; level < CACHE_LEVELS; level++)
        print_bytes(out, names[level], t->cache_bytes[level]);
    if (host->virtualised == VIRTUALISED_YES && t->cache_bytes[CACHE_LEVELS - 1])
        fprintf(out, " (the hypervisor's word)");
    fprintf(out, "\n");
}

/* Processors that the system has switched on; those that it has where that is not readable. */
static size_t online(const struct topology *t)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count >= (long)t->pus && count <= (long)t->all_pus ? (size_t)count : t->all_pus;
}

static void describe_limits(const struct topology *t, FILE *out)
{
    size_t offline = t->all_pus - online(t), withheld = online(t) - t->pus;
    fprintf(out, "usable    %zu of %zu hardware threads", t->pus, t->all_pus);
    if (offline)
        fprintf(out, ", %zu offline", offline);
    if (withheld)
        fprintf(out, ", %zu withheld by the affinity mask or the cgroup's cpuset", withheld);
    if (t->quota > 0)
        fprintf(out, "; the cgroup's quota is the time of %g of them\n", t->quota);
    else
        fprintf(out, "; no CPU quota\n");
}

void machine_describe(const struct topology *topology, FILE *out)
{
    if (topology->synthetic) {
        describe_layout(topology, out);
        return;
    }
    struct host host;
    host_read(&host);
    describe_cpu(topology, &host, out);
    describe_layout(topology, out);
    describe_memory(topology, &host, out);
    describe_limits(topology, out);
}
