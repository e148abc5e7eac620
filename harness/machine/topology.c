#include "harness/machine/topology.h"

#include "harness/machine/quota.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the table of processors ----------------------------------------------------------------- */

/* Of the nodes local to `pu` the one with the fewest processors: nearest, and not one that only
 * adds memory to a larger part of the machine. */
static hwloc_obj_t node_of(hwloc_topology_t hwloc, hwloc_obj_t pu)
{
    hwloc_obj_t nearest = NULL, node = NULL;
    while ((node = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_NUMANODE, node)))
        if (hwloc_bitmap_isset(node->cpuset, pu->os_index) &&
            (!nearest || hwloc_bitmap_weight(node->cpuset) < hwloc_bitmap_weight(nearest->cpuset)))
            nearest = node;
    return nearest ? nearest : hwloc_get_root_obj(hwloc);
}

/* What `pu` lies in. Levels that the system does not show are replaced by the next that it does. */
struct place {
    hwloc_obj_t package, numa, l3, core;
};

static struct place place_of(hwloc_topology_t hwloc, hwloc_obj_t pu)
{
    struct place place = {
        hwloc_get_ancestor_obj_by_type(hwloc, HWLOC_OBJ_PACKAGE, pu),
        node_of(hwloc, pu),
        hwloc_get_ancestor_obj_by_type(hwloc, HWLOC_OBJ_L3CACHE, pu),
        hwloc_get_ancestor_obj_by_type(hwloc, HWLOC_OBJ_CORE, pu),
    };
    if (!place.package)
        place.package = hwloc_get_root_obj(hwloc);
    if (!place.l3)
        place.l3 = hwloc_bitmap_weight(place.numa->cpuset) < /* neither is empty: pu is in both */
                           hwloc_bitmap_weight(place.package->cpuset)
                       ? place.numa
                       : place.package;
    if (!place.core)
        place.core = pu;
    return place;
}

/* The ordinal of `object` among those seen, which it joins. The last ones seen are the likeliest.
 */
static unsigned ordinal(hwloc_obj_t *seen, size_t *count, hwloc_obj_t object)
{
    for (size_t i = *count; i-- > 0;)
        if (seen[i] == object)
            return (unsigned)i;
    seen[*count] = object;
    return (unsigned)(*count)++;
}

static bool tabulate(struct topology *t, struct fault *fault)
{
    t->pus = (size_t)hwloc_get_nbobjs_by_type(t->hwloc, HWLOC_OBJ_PU);
    t->packages = t->numas = t->l3s = t->cores = 0;
    free(t->pu);
    t->pu = malloc(t->pus * sizeof *t->pu);
    hwloc_obj_t *seen = malloc(4 * t->pus * sizeof(hwloc_obj_t));
    unsigned *threads = calloc(t->pus, sizeof *threads); /* so far, of each core */
    bool fits = t->pu && seen && threads;
    for (size_t i = 0; fits && i < t->pus; i++) {
        hwloc_obj_t pu = hwloc_get_obj_by_type(t->hwloc, HWLOC_OBJ_PU, (unsigned)i);
        struct place place = place_of(t->hwloc, pu);
        t->pu[i] = (struct pu){
            .os = pu->os_index,
            .package = ordinal(seen, &t->packages, place.package),
            .numa = ordinal(seen + t->pus, &t->numas, place.numa),
            .l3 = ordinal(seen + 2 * t->pus, &t->l3s, place.l3),
            .core = ordinal(seen + 3 * t->pus, &t->cores, place.core),
        };
        t->pu[i].smt = threads[t->pu[i].core]++;
    }
    free(threads);
    free(seen);
    return fits ? true : fault_memory(fault, "the table of processors");
}

bool topology_restrict(struct topology *topology, hwloc_const_cpuset_t usable, struct fault *fault)
{
    if (hwloc_topology_restrict(topology->hwloc, usable, 0) != 0)
        return fault_machine(fault, "none of the processors that are online is left to us: the "
                                    "affinity mask or the cgroup's cpuset withholds them all");
    return tabulate(topology, fault);
}

void topology_nodes(const struct topology *topology, hwloc_nodeset_t nodes)
{
    hwloc_bitmap_zero(nodes);
    for (size_t i = 0; i < topology->pus; i++) {
        hwloc_obj_t pu = hwloc_get_pu_obj_by_os_index(topology->hwloc, topology->pu[i].os);
        hwloc_obj_t node = node_of(topology->hwloc, pu);
        if (node->type == HWLOC_OBJ_NUMANODE)
            hwloc_bitmap_set(nodes, node->os_index);
    }
}

/* ---- a synthetic machine --------------------------------------------------------------------- */

/* A bound on the processors that `text` describes: the product of its numbers, less what brackets
 * and parentheses hold. Keeps a mistyped number from taking all memory. */
static double described_pus(const char *text)
{
    double product = 1;
    int depth = 0;
    for (const char *at = text; *at; at++) {
        depth += (*at == '(' || *at == '[') - (*at == ')' || *at == ']');
        if (depth == 0 && isdigit((unsigned char)*at) &&
            (at == text || at[-1] == ':' || at[-1] == ' ')) {
            char *end;
            product *= strtod(at, &end);
            at = end - 1;
        }
    }
    return product;
}

/* hwloc's own default is one NUMA node for the whole machine, however many packages; no such
 * server exists. */
static void add_nodes(char *to, size_t size, const char *text)
{
    size_t first = strcspn(text, " ");
    bool packages = strncasecmp(text, "pack", 4) == 0 || strncasecmp(text, "socket", 6) == 0;
    bool nodes = strcasestr(text, "numa") || strcasestr(text, "node");
    snprintf(to, size, "%.*s%s%s", (int)first, text, packages && !nodes ? " [numa]" : "",
             text + first);
}

/* The text as given is tried apart: hwloc 2.9 forgets to free an attached node of a text that it
 * refuses. */
static bool is_accepted(const char *text)
{
    hwloc_topology_t trial;
    if (hwloc_topology_init(&trial) != 0)
        return false;
    bool accepted = hwloc_topology_set_synthetic(trial, text) == 0;
    hwloc_topology_destroy(trial);
    return accepted;
}

static bool describe(struct topology *t, const char *text, struct fault *fault)
{
    char full[1024];
    if (strlen(text) > sizeof full - 16)
        return fault_caller(fault, "--topology: the text has %zu characters; at most %zu are read",
                            strlen(text), sizeof full - 16);
    if (described_pus(text) > PUS_MAX)
        return fault_caller(fault, "--topology: '%s' has more than %d processors", text, PUS_MAX);
    add_nodes(full, sizeof full, text);
    if (!is_accepted(text) || hwloc_topology_set_synthetic(t->hwloc, full) != 0)
        return fault_caller(fault,
                            "--topology: '%s' describes no machine; give the levels from the "
                            "outermost in with a number each, the last one pu, such as "
                            "'pack:2 l3:4 core:8 pu:2'",
                            text);
    snprintf(t->cpu, sizeof t->cpu, "synthetic");
    return true;
}

/* ---- this machine ---------------------------------------------------------------------------- */

/* The designs that servers and boards carry most; `id` as in /proc/cpuinfo. */
static const struct {
    unsigned implementer, part;
    const char *name;
} arm_parts[] = {
    {0x41, 0xd03, "Arm Cortex-A53"},  {0x41, 0xd07, "Arm Cortex-A57"},
    {0x41, 0xd08, "Arm Cortex-A72"},  {0x41, 0xd0b, "Arm Cortex-A76"},
    {0x41, 0xd0c, "Arm Neoverse-N1"}, {0x41, 0xd40, "Arm Neoverse-V1"},
    {0x41, 0xd49, "Arm Neoverse-N2"}, {0x41, 0xd4f, "Arm Neoverse-V2"},
    {0x41, 0xd83, "Arm Neoverse-V3"}, {0x41, 0xd8e, "Arm Neoverse-N3"},
    {0xc0, 0xac3, "Ampere-1"},        {0xc0, 0xac4, "Ampere-1a"},
};

static void name_arm(char *name, size_t size, unsigned implementer, unsigned part)
{
    snprintf(name, size, "Arm implementer 0x%02x part 0x%03x", implementer, part);
    for (size_t i = 0; i < sizeof arm_parts / sizeof *arm_parts; i++)
        if (arm_parts[i].implementer == implementer && arm_parts[i].part == part)
            snprintf(name, size, "%s", arm_parts[i].name);
}

static void name_from_cpuinfo(char *name, size_t size)
{
    unsigned implementer = 0, part = 0;
    char line[512];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(name, size, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        const char *value = strchr(line, ':');
        if (!value)
            continue;
        value += strspn(value, ": \t");
        if (strncmp(line, "model name", 10) == 0) {
            snprintf(name, size, "%.*s", (int)strcspn(value, "\n"), value);
            break;
        }
        if (strncmp(line, "CPU implementer", 15) == 0)
            implementer = (unsigned)strtoul(value, NULL, 16);
        if (strncmp(line, "CPU part", 8) == 0) {
            part = (unsigned)strtoul(value, NULL, 16);
            name_arm(name, size, implementer, part);
            break;
        }
    }
    if (file)
        fclose(file);
}

static void name_cpu(struct topology *t)
{
    hwloc_obj_t package = hwloc_get_obj_by_type(t->hwloc, HWLOC_OBJ_PACKAGE, 0);
    const char *model =
        hwloc_obj_get_info_by_name(package ? package : hwloc_get_root_obj(t->hwloc), "CPUModel");
    if (model)
        snprintf(t->cpu, sizeof t->cpu, "%s", model);
    else
        name_from_cpuinfo(t->cpu, sizeof t->cpu);
}

static void read_caches(struct topology *t)
{
    static const hwloc_obj_type_t types[CACHE_LEVELS] = {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE,
                                                         HWLOC_OBJ_L3CACHE};
    hwloc_obj_t first = hwloc_get_obj_by_type(t->hwloc, HWLOC_OBJ_PU, 0);
    for (size_t level = 0; level < CACHE_LEVELS; level++) {
        hwloc_obj_t cache = hwloc_get_ancestor_obj_by_type(t->hwloc, types[level], first);
        t->cache_bytes[level] = cache ? cache->attr->cache.size : 0;
    }
    /* Some hypervisors make up an L3: one smaller than the L2 below it cannot be. */
    if (t->cache_bytes[2] < t->cache_bytes[1])
        t->cache_bytes[2] = 0;
}

static bool discover(struct topology *t, const char *text, struct fault *fault)
{
    if (hwloc_topology_load(t->hwloc) != 0)
        return fault_machine(fault, "hwloc cannot read the topology of this machine");
    hwloc_obj_t root = hwloc_get_root_obj(t->hwloc);
    /* hwloc may have been told of another machine in the environment, too. */
    t->synthetic = !hwloc_topology_is_thissystem(t->hwloc);
    t->all_pus = (size_t)hwloc_bitmap_weight(root->complete_cpuset);
    if (!text || strstr(text, "size=")) /* else hwloc makes them up */
        read_caches(t);
    if (!text) {
        t->memory_bytes = root->total_memory;
        name_cpu(t);
    }
    return tabulate(t, fault);
}

/* What only this system tells: the affinity mask, the quota, the memory. */
static bool discover_limits(struct topology *t, struct fault *fault)
{
    hwloc_bitmap_t mask = hwloc_bitmap_alloc();
    if (!mask)
        return fault_memory(fault, "the affinity mask");
    bool fits = true;
    if (hwloc_get_cpubind(t->hwloc, mask, HWLOC_CPUBIND_THREAD) == 0)
        fits = topology_restrict(t, mask, fault);
    hwloc_bitmap_free(mask);
    t->quota = quota_read("");
    /* The nodes' own figures lag where a hypervisor hands memory out as it is used. */
    size_t physical = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    if (t->memory_bytes < physical)
        t->memory_bytes = physical;
    return fits;
}

bool topology_load(struct topology *topology, const char *synthetic, struct fault *fault)
{
    *topology = (struct topology){0};
    if (hwloc_topology_init(&topology->hwloc) != 0)
        return fault_memory(fault, "the topology");
    if ((synthetic && !describe(topology, synthetic, fault)) ||
        !discover(topology, synthetic, fault) ||
        (!topology->synthetic && !discover_limits(topology, fault))) {
        topology_free(topology);
        return false;
    }
    return true;
}

void topology_free(struct topology *topology)
{
    free(topology->pu);
    hwloc_topology_destroy(topology->hwloc);
    *topology = (struct topology){0};
}
