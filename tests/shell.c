#include "tests/shell.h"

#include "kernels/kernel.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

int run(const char *format, ...)
{
    char command[1024], line[4096];
    size_t used = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    for (const char *c = command; *c; c++)
        if (strncmp(c, "EKTM", 4) == 0) {
            used += (size_t)snprintf(line + used, sizeof line - used, "%s", getenv("EKTM"));
            c += 3;
        } else {
            used += (size_t)snprintf(line + used, sizeof line - used, *c == '@' ? "%s" : "%.1s",
                                     *c == '@' ? folder : c);
        }
    int status = system(line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void shell_begin(void)
{
    if (!getenv("EKTM"))
        cr_skip_test("EKTM does not name the ektm executable; `make test` sets it");
    snprintf(folder, sizeof folder, "/tmp/ektm-shell-XXXXXX");
    cr_assert(mkdtemp(folder), "no temporary folder");
}

void shell_end(void)
{
    if (*folder)
        run("rm -rf @");
}

const char *shell_path(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

char *text_of(const char *name)
{
    const char *path = shell_path(name);
    char *text = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "r");
    cr_assert(file, "no %s", path);
    ssize_t bytes = getdelim(&text, &room, '\0', file);
    fclose(file);
    if (bytes >= 0)
        return text;
    free(text);
    return strdup("");
}

bool contains(const char *name, const char *words)
{
    char *text = text_of(name);
    bool found = strstr(text, words) != NULL;
    free(text);
    return found;
}

size_t lines_of(const char *name)
{
    char *text = text_of(name);
    size_t lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    free(text);
    return lines;
}

double difference(const char *one, const char *other)
{
    char *a = text_of(one), *b = text_of(other);
    size_t names = strcspn(a, "\n");
    double worst = 0;
    cr_assert(strncmp(a, b, names + 1) == 0, "%s and %s have other columns", one, other);
    for (char *x = a + names, *y = b + names;;) {
        cr_assert_eq(*x, *y, "%s and %s have other rows or columns", one, other);
        if (strcmp(x, "\n") == 0 && strcmp(y, "\n") == 0)
            break;
        double difference = fabs(strtod(x + 1, &x) - strtod(y + 1, &y));
        cr_assert(isfinite(difference), "%s or %s holds no number", one, other);
        worst = fmax(worst, difference);
    }
    free(a);
    free(b);
    return worst;
}

bool keeps_bits(const char *backend)
{
    bool keeps = true;
    for (const struct kernel *const *k = kernels; *k; k++)
        if (strcmp((*k)->backend->name, backend) == 0)
            keeps = keeps && !(*k)->cut_changes_bits;
    return keeps;
}
