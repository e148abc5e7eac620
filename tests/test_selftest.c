/* `ektm selftest`, and the shares that it reports. */
#include "harness/measure/statistics.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

Test(selftest, shares_have_wilson_intervals)
{
    struct estimate e = share_estimate(0, 100);
    cr_expect(e.median == 0 && e.low == 0 && fabs(e.high - 0.0370) < 1e-4, "%g", e.high);
    e = share_estimate(95, 100);
    cr_expect(e.median == 0.95 && fabs(e.low - 0.8883) < 1e-4 && fabs(e.high - 0.9785) < 1e-4,
              "%g %g", e.low, e.high);
    e = share_estimate(0, 0);
    cr_expect(isnan(e.median));
}

/* What the command prints, and its exit status. */
static int run(const char *options, char *text, size_t size)
{
    char line[256];
    const char *ektm = getenv("EKTM");
    cr_assert(ektm != NULL, "EKTM names the program under test");
    snprintf(line, sizeof line, "%s selftest %s 2>&1", ektm, options);
    FILE *out = popen(line, "r");
    size_t length = fread(text, 1, size - 1, out);
    text[length] = '\0';
    return WEXITSTATUS(pclose(out));
}

/* Other tests run beside it: that trials are doubted, or decided rightly, is what counts. */
Test(selftest, decides_rightly_or_doubts)
{
#ifdef __SANITIZE_ADDRESS__
    cr_skip_test("kernels with a sanitizer's checks in them are never compared");
#endif
    char text[4096];
    int status = run("--quick --op transmitter --backend compiler", text, sizeof text);
    cr_expect(strstr(text, "transmitter_f32_") != NULL, "%s", text);
    cr_expect(status == 3 || strstr(text, "false alarms") != NULL, "%s", text);
    cr_expect(strstr(text, "called faster") == NULL, "%s", text);
    cr_expect((status == 0) == (strstr(text, "can be trusted") != NULL), "exit %d: %s", status,
              text);
    cr_expect(status == 3 || status == 1 || status == 0);
}

Test(selftest, refuses_what_it_does_not_know)
{
    char text[4096];
    cr_expect_eq(run("--kernel abacus", text, sizeof text), 2);
    cr_expect(strstr(text, "--kernel: 'abacus'") != NULL, "%s", text);
    cr_expect_eq(run("--op fma", text, sizeof text), 2);
    cr_expect(strstr(text, "no kernel that runs here") != NULL, "%s", text);
}
