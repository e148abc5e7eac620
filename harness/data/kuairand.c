/* KuaiRand: exposures of a feed of short videos (log_*.csv, with names), and beside them what is
 * known of users (user_features_*.csv) and videos (video_features_basic_*.csv), where they are
 * given. Cells that hold several words, such as a video's tags, are quoted and joined by commas.
 * What follows a click does so in the parallel pattern. */
#include "harness/data/source.h"
#include "harness/data/table.h"

#include <stdlib.h>
#include <string.h>

enum { LOG_FIELDS = 4, USER_FIELDS = 26, VIDEO_FIELDS = 6, USER_COUNTS = 4, LABELS = 6 };

static const char *const log_field[LOG_FIELDS] = {"user_id", "video_id", "tab", "hour"};

static const char *const user_field[USER_FIELDS] = {
    "user_active_degree",    "is_lowactive_period", "is_live_streamer",      "is_video_author",
    "follow_user_num_range", "fans_user_num_range", "friend_user_num_range", "register_days_range",
    "onehot_feat0",          "onehot_feat1",        "onehot_feat2",          "onehot_feat3",
    "onehot_feat4",          "onehot_feat5",        "onehot_feat6",          "onehot_feat7",
    "onehot_feat8",          "onehot_feat9",        "onehot_feat10",         "onehot_feat11",
    "onehot_feat12",         "onehot_feat13",       "onehot_feat14",         "onehot_feat15",
    "onehot_feat16",         "onehot_feat17"};

static const char *const user_count[USER_COUNTS] = {"follow_user_num", "fans_user_num",
                                                    "friend_user_num", "register_days"};

static const char *const video_field[VIDEO_FIELDS] = {"author_id", "video_type", "upload_type",
                                                      "music_id",  "music_type", "tag"};

static const char *const label_name[LABELS] = {"is_click",  "long_view",  "is_like",
                                               "is_follow", "is_comment", "is_forward"};

/* Users or videos: where their words go among the source's fields. */
struct side_table {
    bool given;
    size_t first, fields, counts;
    const char *const *field, *const *count;
    const char *key;
    struct keyed rows;
};

struct kuairand {
    struct table log;
    size_t user, video, tab, hourmin, duration, label[LABELS];
    struct side_table users, videos;
};

/* ---- cells ----------------------------------------------------------------------------------- */

/* Puts a cell's word, or words where commas join several: a video's tags. Ends the field. */
static bool put_cell(struct source *s, struct dataset *rows, size_t field, size_t of,
                     const char *cell, struct fault *fault)
{
    const bool list = strcmp(s->vocabulary.field[of].name, "tag") == 0;
    bool fine = true;
    while (*cell && fine) {
        const size_t length = list ? strcspn(cell, ",") : strlen(cell);
        fine = length == 0 || source_put_word(s, rows, field, of, cell, length, fault);
        cell += length + (cell[length] == ',');
    }
    source_end_field(rows, field);
    return fine;
}

static bool put_count(const struct table *table, size_t column, float *to, struct fault *fault)
{
    float number = 0;
    if (*table->cell[column] && !source_number(table->cell[column], &number))
        return table_fault(table, column, "is not a number", fault);
    *to = source_log(number);
    return true;
}

/* ---- users and videos ------------------------------------------------------------------------ */

static bool find_columns(const struct table *table, const char *const *names, size_t count,
                         size_t *column, struct fault *fault)
{
    for (size_t i = 0; i < count; i++)
        if (!table_column(table, names[i], &column[i], fault))
            return false;
    return true;
}

static bool add_side_row(struct source *s, struct side_table *side, const struct table *table,
                         size_t key, const size_t *field, const size_t *count, struct fault *fault)
{
    struct dataset *rows = &side->rows.rows;
    bool known;
    if (!keyed_add(&side->rows, table->cell[key], &known, fault))
        return false;
    if (known)
        return table_fault(table, key, "has an earlier line, too", fault);
    bool fine = source_begin_row(rows, fault);
    for (size_t f = 0; f < side->fields && fine; f++)
        fine = put_cell(s, rows, f, side->first + f, table->cell[field[f]], fault);
    for (size_t i = 0; i < side->counts && fine; i++)
        fine = put_count(table, count[i], &source_dense(rows)[i], fault);
    return fine;
}

static bool read_side(struct source *s, struct side_table *side, const char *path,
                      struct fault *fault)
{
    struct table table;
    size_t key, field[USER_FIELDS] = {0}, count[USER_COUNTS] = {0};
    bool end = false;
    if (!keyed_begin(&side->rows, side->fields, side->counts, fault) ||
        !table_open(&table, path, 0, fault))
        return false;
    bool fine = table_column(&table, side->key, &key, fault) &&
                find_columns(&table, side->field, side->fields, field, fault) &&
                find_columns(&table, side->count, side->counts, count, fault);
    while (fine && !end) {
        fine = table_read(&table, &end, fault);
        if (fine && !end)
            fine = add_side_row(s, side, &table, key, field, count, fault);
    }
    table_close(&table);
    return fine;
}

/* Puts what is known of `key`: nothing, if it has no line. */
static bool put_side(struct side_table *side, const char *key, struct dataset *rows, float *dense,
                     struct fault *fault)
{
    const size_t row = keyed_find(&side->rows, key);
    bool fine = true;
    for (size_t f = 0; f < side->fields && fine; f++) {
        fine = row == SIZE_MAX || keyed_put(&side->rows, row, f, rows, fault);
        source_end_field(rows, side->first + f);
    }
    for (size_t i = 0; row != SIZE_MAX && i < side->counts; i++)
        dense[i] = side->rows.rows.feature[row * side->counts + i];
    return fine;
}

/* ---- exposures ------------------------------------------------------------------------------- */

/* hourmin is 0 .. 2359. */
static bool put_hour(struct source *s, struct dataset *rows, const struct table *log, size_t column,
                     struct fault *fault)
{
    char hour[16];
    float number;
    if (!source_number(log->cell[column], &number) || !(number >= 0 && number < 2400))
        return table_fault(log, column, "is no time from 0 to 2359", fault);
    snprintf(hour, sizeof hour, "%d", (int)number / 100);
    return put_cell(s, rows, 3, 3, hour, fault);
}

static bool put_log(struct source *s, struct dataset *rows, struct fault *fault)
{
    const struct kuairand *k = s->state;
    const struct table *log = &k->log;
    for (size_t i = 0; i < LABELS; i++)
        if (!source_is_label(log->cell[k->label[i]], &source_label(rows)[i]))
            return table_fault(log, k->label[i], "is no label; 0 and 1 are allowed", fault);
    source_set_user(rows, source_user(log->cell[k->user]));
    return put_cell(s, rows, 0, 0, log->cell[k->user], fault) &&
           put_cell(s, rows, 1, 1, log->cell[k->video], fault) &&
           put_cell(s, rows, 2, 2, log->cell[k->tab], fault) &&
           put_hour(s, rows, log, k->hourmin, fault) &&
           put_count(log, k->duration, source_dense(rows), fault);
}

static bool next(struct source *s, struct dataset *rows, bool *end, struct fault *fault)
{
    struct kuairand *k = s->state;
    if (!table_read(&k->log, end, fault))
        return false;
    if (*end)
        return true;
    return source_begin_row(rows, fault) && put_log(s, rows, fault) &&
           (!k->users.given ||
            put_side(&k->users, k->log.cell[k->user], rows, source_dense(rows) + 1, fault)) &&
           (!k->videos.given ||
            put_side(&k->videos, k->log.cell[k->video], rows, source_dense(rows), fault));
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool rewind_files(struct source *s, struct fault *fault)
{
    struct kuairand *k = s->state;
    return table_rewind(&k->log, fault);
}

/* What fields there are depends on which tables are given. */
static bool name_fields(struct source *s, struct kuairand *k, struct fault *fault)
{
    const char *name[LOG_FIELDS + USER_FIELDS + VIDEO_FIELDS];
    size_t fields = LOG_FIELDS;
    memcpy(name, log_field, sizeof log_field);
    struct side_table *side[] = {&k->users, &k->videos};
    for (size_t i = 0; i < 2; i++) {
        side[i]->first = fields;
        memcpy(name + fields, side[i]->field, side[i]->fields * sizeof *name);
        fields += side[i]->given ? side[i]->fields : 0;
    }
    return source_fields(s, fields, name, 1 + (k->users.given ? USER_COUNTS : 0), LABELS - 1,
                         fault);
}

static bool open_log(struct kuairand *k, const char *path, struct fault *fault)
{
    return table_open(&k->log, path, 0, fault) &&
           table_column(&k->log, "user_id", &k->user, fault) &&
           table_column(&k->log, "video_id", &k->video, fault) &&
           table_column(&k->log, "tab", &k->tab, fault) &&
           table_column(&k->log, "hourmin", &k->hourmin, fault) &&
           table_column(&k->log, "duration_ms", &k->duration, fault) &&
           find_columns(&k->log, label_name, LABELS, k->label, fault);
}

static bool open_files(struct source *s, const struct source_files *files, struct fault *fault)
{
    struct kuairand *k = s->state = calloc(1, sizeof *k);
    if (!k)
        return fault_memory(fault, "a data set");
    k->users = (struct side_table){.given = files->users,
                                   .fields = USER_FIELDS,
                                   .counts = USER_COUNTS,
                                   .field = user_field,
                                   .count = user_count,
                                   .key = "user_id"};
    k->videos = (struct side_table){
        .given = files->items, .fields = VIDEO_FIELDS, .field = video_field, .key = "video_id"};
    return name_fields(s, k, fault) &&
           (!files->users || read_side(s, &k->users, files->users, fault)) &&
           (!files->items || read_side(s, &k->videos, files->items, fault)) &&
           open_log(k, files->input, fault);
}

static void close_files(struct source *s)
{
    struct kuairand *k = s->state;
    table_close(&k->log);
    keyed_free(&k->users.rows);
    keyed_free(&k->videos.rows);
    free(k);
}

const struct source_format kuairand_format = {
    "kuairand",
    "log_*.csv, with --users user_features_*.csv and --items video_features_basic_*.csv",
    open_files,
    next,
    rewind_files,
    close_files};
