/* Quotas, from files below a root of our own. */
#include "harness/machine/quota.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char root[] = "/tmp/ektm-quota-XXXXXX";

static void make_root(void) { cr_assert(mkdtemp(root)); }

static void remove_root(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", root);
    cr_assert_eq(system(command), 0);
}

/* Writes `text` to `path` below the root, and makes the folders that lead there. */
static void put(const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        cr_assert(mkdir(full, 0700) == 0 || errno == EEXIST);
        *at = '/';
    }
    FILE *file = fopen(full, "w");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0, "%s", full);
}

#define V1 "30 25 0:26 / /cg/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
#define V2 "31 25 0:27 / /cg2 rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

static void mounts(const char *text) { put("/proc/self/mountinfo", text); }
static void groups(const char *text) { put("/proc/self/cgroup", text); }

TestSuite(quota, .init = make_root, .fini = remove_root);

Test(quota, nothing_to_read) { cr_expect_eq(quota_read(root), 0); }

Test(quota, second_version)
{
    mounts(V2);
    groups("0::/a/b\n");
    cr_expect_eq(quota_read(root), 0, "no file");
    put("/cg2/a/b/cpu.max", "max 100000\n");
    cr_expect_eq(quota_read(root), 0);
    put("/cg2/a/b/cpu.max", "250000 100000\n");
    cr_expect_eq(quota_read(root), 2.5);
    put("/cg2/a/cpu.max", "300000 100000\n");
    cr_expect_eq(quota_read(root), 2.5, "the parent grants more");
    put("/cg2/a/cpu.max", "50000 50000\n");
    cr_expect_eq(quota_read(root), 1, "the parent grants less");
    put("/cg2/cpu.max", "40000 80000\n");
    cr_expect_eq(quota_read(root), 0.5, "the root of a container");
    put("/cg2/a/b/c/cpu.max", "1000 100000\n");
    cr_expect_eq(quota_read(root), 0.5, "a child is not ours");
}

Test(quota, first_version)
{
    mounts("22 1 0:20 / /proc rw - proc proc rw\n" V1);
    groups("5:cpuset:/elsewhere\n4:cpuacct,cpu:/a\n0::/\n");
    put("/cg/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
    put("/cg/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    cr_expect_eq(quota_read(root), 0);
    put("/cg/cpu,cpuacct/a/cpu.cfs_quota_us", "150000\n");
    cr_expect_eq(quota_read(root), 1.5);
    put("/cg/cpu,cpuacct/cpu.cfs_quota_us", "100000\n");
    put("/cg/cpu,cpuacct/cpu.cfs_period_us", "200000\n");
    cr_expect_eq(quota_read(root), 0.5);
}

/* cpuset and cpuacct begin like cpu, and are not. */
Test(quota, other_controllers)
{
    mounts("30 25 0:26 / /cg/cpuset rw - cgroup cgroup rw,cpuset\n"
           "31 25 0:27 / /cg/cpuacct rw - cgroup cgroup rw,cpuacct\n");
    groups("3:cpuset:/\n2:cpuacct:/\n1:cpu:/\n");
    put("/cg/cpuset/cpu.cfs_quota_us", "100000\n");
    put("/cg/cpuset/cpu.cfs_period_us", "100000\n");
    put("/cg/cpuacct/cpu.cfs_quota_us", "100000\n");
    put("/cg/cpuacct/cpu.cfs_period_us", "100000\n");
    cr_expect_eq(quota_read(root), 0);
}

Test(quota, both_versions)
{
    mounts(V1 V2);
    groups("4:cpu,cpuacct:/a\n0::/b\n");
    put("/cg/cpu,cpuacct/a/cpu.cfs_quota_us", "400000\n");
    put("/cg/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    cr_expect_eq(quota_read(root), 4);
    put("/cg2/b/cpu.max", "300000 100000\n");
    cr_expect_eq(quota_read(root), 3);
    put("/cg2/b/cpu.max", "500000 100000\n");
    cr_expect_eq(quota_read(root), 4);
}

/* A container that shares the host's namespace: the mount shows its own group as the top. */
Test(quota, mount_of_a_group)
{
    mounts("30 25 0:26 /docker/1\\0402 /cg\\040x rw - cgroup cgroup rw,cpu\n");
    groups("4:cpu:/docker/1 2/inner\n");
    put("/cg x/cpu.cfs_quota_us", "700000\n");
    put("/cg x/cpu.cfs_period_us", "100000\n");
    cr_expect_eq(quota_read(root), 7);
    put("/cg x/inner/cpu.cfs_quota_us", "600000\n");
    put("/cg x/inner/cpu.cfs_period_us", "100000\n");
    cr_expect_eq(quota_read(root), 6);
}

/* A group that the mount does not show: its top is the best there is. */
Test(quota, group_outside_the_mount)
{
    mounts(V2);
    groups("0::/../sibling\n");
    put("/cg2/cpu.max", "200000 100000\n");
    put("/sibling/cpu.max", "100000 100000\n");
    cr_expect_eq(quota_read(root), 2);
}

Test(quota, garbage)
{
    mounts("\n - \nx - cgroup2\nx - cgroup2 y z\n \\ - cgroup cgroup cpu\n" V1 V2);
    groups("\n:\n::\n4:cpu\n0::/a\n4:cpu:/a\n");
    const char *const texts[] = {"",         "\n",          "x\n",         "x 100000\n",
                                 "-5 100\n", "100000 0\n",  "100000 -1\n", "0 100000\n",
                                 "max\n",    "max 100000\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put("/cg2/a/cpu.max", texts[i]);
        put("/cg/cpu,cpuacct/a/cpu.cfs_quota_us", texts[i]);
        cr_expect_eq(quota_read(root), 0, "'%s' gives %g", texts[i], quota_read(root));
    }
    put("/cg2/a/cpu.max", "200000\n");
    cr_expect_eq(quota_read(root), 2, "the period is 100 ms unless told");
}
