#include "harness/machine/quota.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A mounted hierarchy that may carry the CPU controller. */
struct mount {
    char root[PATH_MAX];  /* the group that lies at `point` */
    char point[PATH_MAX]; /* where                          */
    bool second;          /* version 2 of the interface     */
};

/* Whether the comma-separated `list` holds `word`. */
static bool list_has(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* The kernel writes blanks and backslashes in paths as \ooo. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; to++)
        if (from[0] == '\\' && from[1] && from[2] && from[3]) {
            *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    *to = '\0';
}

/* A line of mountinfo: id, parent, device, root, mount point, options, optional fields, "-", type,
 * source, options of the file system. */
static bool parse_mount(struct mount *mount, char *line)
{
    char *tail = strstr(line, " - "), type[32], options[512];
    if (!tail || sscanf(tail, " - %31s %*s %511s", type, options) != 2)
        return false;
    mount->second = strcmp(type, "cgroup2") == 0;
    if (!mount->second && (strcmp(type, "cgroup") != 0 || !list_has(options, "cpu")))
        return false;
    _Static_assert(PATH_MAX == 4096, "the widths below");
    if (sscanf(line, "%*s %*s %*s %4095s %4095s", mount->root, mount->point) != 2)
        return false;
    unescape(mount->root);
    unescape(mount->point);
    return true;
}

/* This process's group in the hierarchy of `mount`, from a line "id:controllers:path". */
static bool find_group(const char *root, const struct mount *mount, char *group)
{
    char path[PATH_MAX + 32], *line = NULL;
    size_t size = 0;
    bool found = false;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "r");
    while (file && !found && getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *name = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!name)
            continue;
        *name++ = '\0';
        found = mount->second ? strcmp(line, "0:") == 0 : list_has(controllers + 1, "cpu");
        if (found)
            snprintf(group, PATH_MAX, "%s", name);
    }
    free(line);
    if (file)
        fclose(file);
    return found;
}

/* The first line of `folder`/`name`. */
static bool read_line(const char *folder, const char *name, char *text, int size)
{
    char path[3 * PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    bool read = file && fgets(text, size, file);
    if (file)
        fclose(file);
    return read;
}

/* The limit of one group; 0: none. */
static double limit_of(const char *folder, bool second)
{
    char text[128];
    long long quota = 0, period = 100000;
    if (second) {
        if (!read_line(folder, "cpu.max", text, sizeof text) ||
            sscanf(text, "%lld %lld", &quota, &period) < 1)
            return 0;
    } else {
        if (!read_line(folder, "cpu.cfs_quota_us", text, sizeof text) ||
            sscanf(text, "%lld", &quota) != 1 ||
            !read_line(folder, "cpu.cfs_period_us", text, sizeof text) ||
            sscanf(text, "%lld", &period) != 1)
            return 0;
    }
    return quota > 0 && period > 0 ? (double)quota / (double)period : 0;
}

/* ns that the quota of one group kept its threads waiting; NAN: it does not tell. */
static double throttled_of(const char *folder, bool second)
{
    char path[3 * PATH_MAX];
    snprintf(path, sizeof path, "%s/cpu.stat", folder);
    FILE *file = fopen(path, "r");
    if (!file)
        return NAN;
    double value = quota_value(file, second ? "throttled_usec" : "throttled_time");
    fclose(file);
    return value * (second ? 1e3 : 1);
}

double quota_value(FILE *file, const char *name)
{
    char line[256];
    size_t length = strlen(name);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, length) == 0 && line[length] == ' ')
            return strtod(line + length, NULL);
    return NAN;
}

static double smaller(double a, double b) { return a == 0 || (b > 0 && b < a) ? b : a; }

/* What is asked of each group, and how two answers make one. */
struct question {
    double (*of)(const char *folder, bool second);
    double (*join)(double a, double b);
    double none; /* where there is no answer */
};

/* The answer of all groups from this process's up to the mount point. */
static double ask_up(const struct question *question, const char *root, const struct mount *mount)
{
    char group[PATH_MAX], folder[2 * PATH_MAX];
    if (!find_group(root, mount, group))
        return question->none;
    /* In a container without a namespace of its own, the mount shows the group itself and the path
     * is the host's; with one, a path above the mount begins with "/..". */
    size_t above = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);
    bool below = strncmp(group, mount->root, above) == 0 &&
                 (group[above] == '/' || group[above] == '\0') && !strstr(group, "/..");
    size_t top = (size_t)snprintf(folder, sizeof folder, "%s%s", root, mount->point);
    if (top >= sizeof folder)
        return question->none;
    snprintf(folder + top, sizeof folder - top, "%s", below ? group + above : "");
    double answer = question->of(folder, mount->second);
    for (char *slash; (slash = strrchr(folder + top, '/'));) {
        *slash = '\0';
        answer = question->join(answer, question->of(folder, mount->second));
    }
    return answer;
}

static double ask(const struct question *question, const char *root)
{
    char path[PATH_MAX + 32], *line = NULL;
    size_t size = 0;
    double answer = question->none;
    snprintf(path, sizeof path, "%s/proc/self/mountinfo", root);
    FILE *file = fopen(path, "r");
    while (file && getline(&line, &size, file) > 0) {
        struct mount mount;
        line[strcspn(line, "\n")] = '\0';
        if (parse_mount(&mount, line))
            answer = question->join(answer, ask_up(question, root, &mount));
    }
    free(line);
    if (file)
        fclose(file);
    return answer;
}

double quota_read(const char *root) { return ask(&(struct question){limit_of, smaller, 0}, root); }

/* Whoever waited longest made all below it wait. */
double quota_throttled(const char *root)
{
    return ask(&(struct question){throttled_of, fmax, NAN}, root);
}
