#include "harness/model/predictions.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is predicted ----------------------------------------------------------------------- */

void prediction_name(size_t tasks, size_t p, char *name, size_t size)
{
    if (p == 0)
        snprintf(name, size, "pctr");
    else if (p <= tasks)
        snprintf(name, size, "pcvr%zu", p);
    else
        snprintf(name, size, "pctcvr%zu", p - tasks);
}

double prediction_of(const float *row, size_t tasks, size_t p)
{
    return p <= tasks ? (double)row[p] : (double)row[0] * (double)row[p - tasks];
}

uint8_t prediction_label(const uint8_t *row, size_t tasks, size_t p)
{
    if (row[0] == LABEL_MISSING || p == 0)
        return row[0];
    if (row[0] == 0)
        return p <= tasks ? LABEL_MISSING : 0;
    return row[p <= tasks ? p : p - tasks];
}

/* ---- files ----------------------------------------------------------------------------------- */

void predictions_write_names(FILE *file, size_t tasks)
{
    char name[32];
    for (size_t p = 0; p < predictions_of(tasks); p++) {
        prediction_name(tasks, p, name, sizeof name);
        fprintf(file, p ? ",%s" : "%s", name);
    }
    fprintf(file, "\n");
}

static bool read_names(struct prediction_file *file, struct fault *fault)
{
    char *cell[PREDICTIONS_MAX + 1], name[32];
    size_t length;
    bool end;
    if (!lines_read(&file->lines, &length, &end, fault))
        return false;
    const size_t cells =
        end ? 0 : lines_cut(file->lines.text, ',', cell, sizeof cell / sizeof *cell);
    file->tasks = (cells - 1) / 2;
    if (cells % 2 == 0 || cells < 3 || cells > PREDICTIONS_MAX)
        return fault_caller(fault,
                            "%s:1: %zu names of predictions; pctr, pcvr1 .. and as many "
                            "pctcvr1 .. are expected, up to %d tasks",
                            file->lines.path, cells, TASKS_MAX);
    for (size_t p = 0; p < cells; p++) {
        prediction_name(file->tasks, p, name, sizeof name);
        if (strcmp(cell[p], name) != 0)
            return fault_caller(fault,
                                "%s:1: column %zu: '%s' is unexpected; of %zu tasks this is "
                                "%s",
                                file->lines.path, p + 1, shown(cell[p]).text, file->tasks, name);
    }
    return true;
}

bool predictions_open(struct prediction_file *file, const char *path, struct fault *fault)
{
    *file = (struct prediction_file){.tasks = 0};
    if (!lines_open(&file->lines, path, fault))
        return false;
    if (read_names(file, fault))
        return true;
    predictions_close(file);
    return false;
}

void predictions_close(struct prediction_file *file) { lines_close(&file->lines); }

static bool parse_probability(const struct prediction_file *file, size_t p, const char *cell,
                              double *to, struct fault *fault)
{
    char *end, name[32];
    *to = strtod(cell, &end);
    if (end != cell && *end == '\0' && !isspace((unsigned char)*cell) && *to >= 0 && *to <= 1)
        return true;
    prediction_name(file->tasks, p, name, sizeof name);
    return fault_caller(fault, "%s:%zu: column %zu (%s): '%s' is no probability from 0 to 1",
                        file->lines.path, file->lines.line, p + 1, name, shown(cell).text);
}

bool predictions_read(struct prediction_file *file, double *row, bool *end, struct fault *fault)
{
    const size_t columns = predictions_of(file->tasks);
    char *cell[PREDICTIONS_MAX];
    size_t length;
    if (!lines_read(&file->lines, &length, end, fault))
        return false;
    if (*end)
        return true;
    const size_t cells = lines_cut(file->lines.text, ',', cell, columns);
    if (cells != columns)
        return fault_caller(fault, "%s:%zu: has %zu columns; the first line names %zu",
                            file->lines.path, file->lines.line, cells, columns);
    for (size_t p = 0; p < columns; p++)
        if (!parse_probability(file, p, cell[p], &row[p], fault))
            return false;
    return true;
}
