/* `ektm frameworks`, with workers that only speak as PyTorch's does. */
#include "harness/results/file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/ektm-fake-XXXXXX", text[16384];

static void make_folder(void) { cr_assert(mkdtemp(folder)); }

static void remove_folder(void)
{
    char line[64];
    snprintf(line, sizeof line, "rm -r %s", folder);
    cr_assert_eq(system(line), 0);
}

TestSuite(frameworks, .init = make_folder, .fini = remove_folder, .timeout = 100);

/* A stand-in for the interpreter: it runs the fake, whatever script it is given. */
static int run(const char *kind)
{
    char path[128], line[1024], here[512];
    snprintf(path, sizeof path, "%s/python", folder);
    FILE *script = fopen(path, "w");
    cr_assert(script && getcwd(here, sizeof here));
    fprintf(script, "#!/bin/sh\nshift\nexec python3 %s/tests/fake_framework.py \"$@\"\n", here);
    fclose(script);
    chmod(path, 0755);
    snprintf(line, sizeof line,
             "FAKE=%s EKTM_PYTHON=%s %s frameworks --quick --preset tiny --batch 1,4 --threads 1 "
             "--out %s/out.jsonl 2>&1",
             kind, path, getenv("EKTM"), folder);
    FILE *out = popen(line, "r");
    text[fread(text, 1, sizeof text - 1, out)] = '\0';
    return WEXITSTATUS(pclose(out));
}

/* How many lines of the results are of that kind and backend. */
static size_t count(enum kind kind, const char *backend)
{
    char path[128];
    struct fault fault;
    size_t found = 0, i;
    json_t *r;
    snprintf(path, sizeof path, "%s/out.jsonl", folder);
    json_t *records = results_read(path, NULL, &fault);
    cr_assert(records, "%s", fault.text);
    json_array_foreach(records, i, r) found +=
        record_kind(r) == kind && strcmp(record_get_text(r, "backend"), backend) == 0;
    json_decref(records);
    return found;
}

Test(frameworks, that_agree_are_recorded_beside_ours)
{
    cr_expect_eq(run("agrees"), 0, "%s", text);
    cr_expect(strstr(text, "skipped onnxruntime") != NULL, "%s", text);
    cr_expect(strstr(text, "faster") != NULL, "%s", text);
    cr_expect_eq(count(KIND_MODEL, "pytorch"), 4);
    cr_expect_eq(count(KIND_SKIP, "pytorch"), 0);
}

Test(frameworks, that_predict_wrongly_have_no_time)
{
    cr_expect_eq(run("wrong"), 1, "%s", text);
    cr_expect(strstr(text, "INVALID pytorch") && strstr(text, "differs from ours by 0.001"), "%s",
              text);
    cr_expect_eq(count(KIND_MODEL, "pytorch"), 0);
    cr_expect_eq(count(KIND_SKIP, "pytorch"), 4);
}

Test(frameworks, that_cannot_start_are_skipped)
{
    cr_expect_eq(run("dies"), 3, "%s", text);
    cr_expect(strstr(text, "skipped pytorch: pytorch died") != NULL, "%s", text);
    cr_expect(strstr(text, "python3-torch brings it") != NULL, "%s", text);
    cr_expect_eq(run("nonsense"), 3, "%s", text);
    cr_expect(strstr(text, "says 'good morning'") != NULL, "%s", text);
}

Test(frameworks, that_die_at_work_end_the_run)
{
    cr_expect_eq(run("quits"), 3, "%s", text);
    cr_expect(strstr(text, "ektm: pytorch died") != NULL, "%s", text);
}
