#include "harness/results/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing --------------------------------------------------------------------------------- */

/* Text that is not UTF-8, with "?" for every byte that is not printable ASCII. NULL: no memory. */
static json_t *plain_string(const char *text)
{
    char *plain = strdup(text);
    for (char *c = plain; c && *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    json_t *value = plain ? json_string(plain) : NULL;
    free(plain);
    return value;
}

json_t *record_new(enum kind kind, const char *run)
{
    json_t *record = json_object();
    record_text(record, "kind", kind_name(kind));
    record_text(record, "run", run);
    return record;
}

void record_text(json_t *record, const char *column, const char *text)
{
    json_t *value = json_string(text);
    json_object_set_new(record, column, value ? value : plain_string(text));
}

static json_t *number_or_unavailable(double number)
{
    return isfinite(number) ? json_real(number) : json_string(UNAVAILABLE);
}

void record_number(json_t *record, const char *column, double number)
{
    json_object_set_new(record, column, number_or_unavailable(number));
}

void record_count(json_t *record, const char *column, uint64_t count)
{
    json_object_set_new(record, column, json_integer((json_int_t)count));
}

static json_t *interval_or_unavailable(const struct estimate *e)
{
    bool finite = isfinite(e->median) && isfinite(e->low) && isfinite(e->high);
    return finite ? json_pack("{s:f, s:f, s:f}", "median", e->median, "lo", e->low, "hi", e->high)
                  : json_string(UNAVAILABLE);
}

void record_interval(json_t *record, const char *column, const struct estimate *e)
{
    json_object_set_new(record, column, interval_or_unavailable(e));
}

void record_intervals(json_t *record, const char *column, const char *const *names,
                      const struct estimate *intervals, size_t count)
{
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++)
        json_object_set_new(object, names[i], interval_or_unavailable(&intervals[i]));
    json_object_set_new(record, column, object);
}

void record_dims(json_t *record, const struct dims *dims)
{
    json_t *object = json_object();
    for (enum axis a = 0; a < AXES; a++)
        if (dims->extent[a])
            json_object_set_new(object, axis_name(a), json_integer((json_int_t)dims->extent[a]));
    json_object_set_new(record, "dims", object);
}

void record_numbers(json_t *record, const char *column, const char *const *names,
                    const double *numbers, size_t count)
{
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++)
        json_object_set_new(object, names[i],
                            isfinite(numbers[i]) ? json_real(numbers[i])
                                                 : json_string(UNAVAILABLE));
    json_object_set_new(record, column, object);
}

/* ---- checking -------------------------------------------------------------------------------- */

static bool is_unavailable(const json_t *value)
{
    return json_is_string(value) && strcmp(json_string_value(value), UNAVAILABLE) == 0;
}

static bool is_count(const json_t *value) { return json_is_integer(value); }
static bool is_number(const json_t *value) { return json_is_number(value); }
static bool is_text(const json_t *value) { return json_is_string(value); }

static bool each(const json_t *object, bool (*holds)(const json_t *value))
{
    json_t *fields = (json_t *)(uintptr_t)object;
    for (void *i = json_object_iter(fields); i; i = json_object_iter_next(fields, i))
        if (!holds(json_object_iter_value(i)) && !is_unavailable(json_object_iter_value(i)))
            return false;
    return json_is_object(object);
}

static bool is_interval(const json_t *value)
{
    return json_is_object(value) && json_object_size(value) == 3 &&
           json_is_number(json_object_get(value, "median")) &&
           json_is_number(json_object_get(value, "lo")) &&
           json_is_number(json_object_get(value, "hi"));
}

static bool is_texts(const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return false;
    return json_is_array(value);
}

static bool has_type(const json_t *value, enum column_type type)
{
    switch (type) {
    case TYPE_TEXT:
        return is_text(value);
    case TYPE_TEXTS:
        return is_texts(value);
    case TYPE_NUMBER:
        return json_is_number(value) || is_unavailable(value);
    case TYPE_COUNT:
        return is_count(value) || is_unavailable(value);
    case TYPE_INTERVAL:
        return is_interval(value) || is_unavailable(value);
    case TYPE_COUNTS:
        return each(value, is_count);
    case TYPE_NAMES:
        return each(value, is_text);
    case TYPE_NUMBERS:
        return each(value, is_number);
    case TYPE_INTERVALS:
        return each(value, is_interval);
    case COLUMN_TYPES:
        break;
    }
    return false;
}

static bool check_fields(const json_t *record, unsigned kind, const char *where,
                         struct fault *fault)
{
    json_t *fields = (json_t *)(uintptr_t)record;
    for (void *i = json_object_iter(fields); i; i = json_object_iter_next(fields, i)) {
        const char *name = json_object_iter_key(i);
        const struct column *column = column_find(name);
        if (!column)
            return fault_caller(fault, "%s: there is no column '%s'", where, name);
        if (!((column->always | column->maybe) & kind))
            return fault_caller(fault, "%s: column '%s' has no place in a line of its kind", where,
                                name);
        if (!has_type(json_object_iter_value(i), column->type))
            return fault_caller(fault, "%s: column '%s' is no %s", where, name,
                                column_type_name(column->type));
    }
    return true;
}

bool record_check(const json_t *record, const char *where, struct fault *fault)
{
    enum kind kind = record_kind(record);
    if (kind == KINDS)
        return fault_caller(
            fault, "%s: 'kind' is '%s'; it is machine, ceiling, kernel, model, load or skip", where,
            record_get_text(record, "kind"));
    if (!check_fields(record, 1u << kind, where, fault))
        return false;
    for (const struct column *c = record_columns; c->name; c++)
        if ((c->always & (1u << kind)) && !json_object_get(record, c->name))
            return fault_caller(fault, "%s: column '%s' is missing from a line of kind '%s'", where,
                                c->name, kind_name(kind));
    return true;
}

/* ---- reading --------------------------------------------------------------------------------- */

enum kind record_kind(const json_t *record) { return kind_find(record_get_text(record, "kind")); }

const char *record_get_text(const json_t *record, const char *column)
{
    const char *text = json_string_value(json_object_get(record, column));
    return text ? text : "";
}

static double number_of(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : NAN;
}

double record_get_number(const json_t *record, const char *column)
{
    return number_of(json_object_get(record, column));
}

struct estimate record_get_interval(const json_t *record, const char *column)
{
    const json_t *value = json_object_get(record, column);
    return (struct estimate){number_of(json_object_get(value, "median")),
                             number_of(json_object_get(value, "lo")),
                             number_of(json_object_get(value, "hi"))};
}

size_t record_get_dim(const json_t *record, enum axis axis)
{
    const json_t *dims = json_object_get(record, "dims");
    return (size_t)json_integer_value(json_object_get(dims, axis_name(axis)));
}
