/* Rows in CSV: what is read, and what is refused with file, line and column. */
#include "harness/model/rows.h"
#include "harness/random.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS_MAX = 64 };

static char path[] = "/tmp/ektm-rows-XXXXXX";
static struct model model;
static struct activations activations;
static struct fault fault;

/* Two fields of 10 and 100000 rows, one dense feature, two tasks. */
static void begin(void)
{
    const struct ektm_config config = {.fields = 2,
                                       .width = 1,
                                       .rows = {10, 100000},
                                       .dense = 1,
                                       .bottoms = 1,
                                       .bottom = {1},
                                       .rep = 1,
                                       .tasks = 2,
                                       .hidden = 1,
                                       .tau = 1};
    cr_assert(ektm_build(&model.ektm, &config));
    cr_assert(activations_make(&activations, &model, ROWS_MAX, 1, &fault), "%s", fault.text);
    int file = mkstemp(path);
    cr_assert(file >= 0);
    close(file);
}

static void end(void)
{
    activations_free(&activations);
    ektm_free(&model.ektm);
    unlink(path);
}

TestSuite(rows, .init = begin, .fini = end);

/* A new file each time: some file systems flush one that is cut and written again. */
static void write_file(const char *text, size_t bytes)
{
    unlink(path);
    FILE *file = fopen(path, "w");
    cr_assert(file);
    cr_assert_eq(fwrite(text, 1, bytes, file), bytes);
    cr_assert_eq(fclose(file), 0);
}

/* Opens the file and reads its rows in one piece. */
static bool read_all(size_t *count)
{
    struct rows rows;
    *count = 0;
    if (!rows_open(&rows, path, &model.ektm.config, &fault))
        return false;
    bool fine = rows_read(&rows, &activations, ROWS_MAX, count, &fault);
    rows_close(&rows);
    return fine;
}

static int32_t id(size_t at) { return ((int32_t *)activations.memory.buffer[BUFFER_IDS].data)[at]; }

static int32_t bag(size_t at)
{
    return ((int32_t *)activations.memory.buffer[BUFFER_BAGS].data)[at];
}

static float dense(size_t row)
{
    return ((float *)activations.memory.buffer[BUFFER_DENSE].data)[row];
}

/* ---- what is read ---------------------------------------------------------------------------- */

/* Every text holds the same two rows: f0 = {3}, f1 = {7, 99999, 0}, d0 = 1.5; both empty, -2. */
static const char *const good[] = {
    "f0,f1,d0\n3,7|99999|0,1.5\n,,-2\n",
    "f0,f1,d0\n3,7|99999|0,1.5\n,,-2",
    "f0,f1,d0\r\n3,7|99999|0,1.5\r\n,,-2\r\n",
    "f0,f1,d0\r\n3,7|99999|0,1.5\r\n,,-2\r",
    "f0,f1,d0\n3,7|99999|0,1.5\n,,-2\n\n\r\n\n",
    "d0,f1,f0\n1.5,7|99999|0,3\n-2,,\n",
    "\357\273\277f0,f1,d0\n3,7|99999|0,+1.50\n,,-2e0\n",
    "click,f0,conv2,f1,d0,conv1\n1,3,0,7|99999|0,1.5,\n,,1,,-2,1\n",
    "f0,f1,d0\n0000003,007|0000000000000099999|0,1.5\n,,-.2e1\n",
};

Test(rows, are_read_in_every_allowed_form)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        size_t count;
        write_file(good[i], strlen(good[i]));
        cr_assert(read_all(&count), "%s: %s", good[i], fault.text);
        cr_assert_eq(count, 2, "%s", good[i]);
        cr_expect_eq(activations.memory.ids, 4, "%s", good[i]);
        cr_expect(id(0) == 3 && id(1) == 7 && id(2) == 99999 && id(3) == 0, "%s", good[i]);
        cr_expect(bag(0) == 0 && bag(1) == 1 && bag(2) == 4 && bag(3) == 4 && bag(4) == 4, "%s",
                  good[i]);
        cr_expect(dense(0) == 1.5F && dense(1) == -2, "%s", good[i]);
    }
}

Test(rows, none_behind_the_names_are_no_mistake)
{
    size_t count;
    write_file("f0,f1,d0", 8);
    cr_expect(read_all(&count) && count == 0, "%s", fault.text);
}

Test(rows, of_one_column_may_be_empty_lines)
{
    struct model one = {.block = NULL};
    const struct ektm_config config = {.fields = 1, .rows = {10}, .tasks = 1};
    struct rows rows;
    size_t count;
    write_file("f0\n1\n\n2|3\n", 10);
    cr_assert(ektm_build(&one.ektm, &config));
    cr_assert(rows_open(&rows, path, &one.ektm.config, &fault), "%s", fault.text);
    cr_assert(rows_read(&rows, &activations, ROWS_MAX, &count, &fault), "%s", fault.text);
    cr_expect(count == 3 && bag(1) == 1 && bag(2) == 1 && bag(3) == 3);
    rows_close(&rows);
    ektm_free(&one.ektm);
}

/* A bag far longer than there was room for, in a line of a megabyte. */
Test(rows, may_be_of_any_length)
{
    enum { LONG_BAG = 200000 };
    char *text = malloc(LONG_BAG * 6 + 100), *to = text;
    size_t count;
    to += sprintf(to, "f0,f1,d0\n4,");
    for (size_t i = 0; i < LONG_BAG; i++)
        to += sprintf(to, "%s%zu", i ? "|" : "", i % 100000);
    to += sprintf(to, ",1\n5,6,2\n");
    write_file(text, (size_t)(to - text));
    cr_assert(read_all(&count) && count == 2, "%s", fault.text);
    cr_expect_eq(activations.memory.ids, LONG_BAG + 3);
    for (size_t i = 0; i < LONG_BAG; i++)
        cr_assert_eq(id(i + 1), (int32_t)(i % 100000));
    cr_expect(id(0) == 4 && id(LONG_BAG + 1) == 5 && id(LONG_BAG + 2) == 6);
    free(text);
}

Test(rows, come_in_pieces)
{
    struct rows rows;
    char text[512];
    size_t used = (size_t)sprintf(text, "f0,f1,d0\n"), count, next = 0;
    for (int i = 0; i < 10; i++)
        used += (size_t)sprintf(text + used, "%d,%d|%d,%d\n", i, i, i, i);
    write_file(text, used);
    cr_assert(rows_open(&rows, path, &model.ektm.config, &fault), "%s", fault.text);
    while (rows_read(&rows, &activations, 3, &count, &fault) && count) {
        cr_expect_eq(count, next < 9 ? 3 : 1);
        cr_expect_eq(rows.first_line, next + 2);
        cr_expect_eq(activations.memory.ids, 3 * count);
        for (size_t b = 0; b < count; b++, next++) {
            cr_expect_eq(bag(2 * b + 2), (int32_t)(3 * b + 3));
            cr_expect_eq(id(3 * b), (int32_t)next);
            cr_expect_eq(dense(b), (float)next);
        }
    }
    cr_expect_eq(next, 10);
    rows_close(&rows);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static const struct {
    const char *text, *words;
} bad[] = {
    {"", "is empty"},
    {"\n", ":1: column 1: '' is unknown"},
    {"f0,d0\n", ":1: column 'f1' is missing"},
    {"f0,f1\n", ":1: column 'd0' is missing"},
    {"f0,f1,d0,f1\n", ":1: column 4: 'f1' is column 2, too"},
    {"f0,f1,d0,f2\n", ":1: column 4: 'f2' is unknown"},
    {"f0,f1,d0,d1\n", ":1: column 4: 'd1' is unknown"},
    {"f0,f01,d0\n", ":1: column 2: 'f01' is unknown"},
    {"f0,f1,d0,conv0\n", ":1: column 4: 'conv0' is unknown"},
    {"f0,f1,d0,conv3\n", ":1: column 4: 'conv3' is unknown"},
    {"f0,f1,d0,\n", ":1: column 4: '' is unknown"},
    {"f0, f1,d0\n", ":1: column 2: ' f1' is unknown"},
    {"f0,\"f1\",d0\n", ":1: column 2: has a quotation mark"},
    {"f0,f1,d0\n1,2\n", ":2: has 2 columns; the first line names 3"},
    {"f0,f1,d0\n1,2,3,4\n", ":2: has 4 columns; the first line names 3"},
    {"f0,f1,d0\n1,2,3\n\n1,2,3\n", ":3: is empty"},
    {"f0,f1,d0\n1,\"2\",3\n", ":2: column 2: has a quotation mark"},
    {"f0,f1,d0\n10,2,3\n", ":2: column 1 (f0): '10' is too large; ids of this field are 0 to 9"},
    {"f0,f1,d0\n1,100000,3\n", ":2: column 2 (f1): '100000' is too large"},
    {"f0,f1,d0\n1,99999999999999999999999,3\n", ":2: column 2 (f1): '99999"},
    {"f0,f1,d0\n1,18446744073709551617,3\n", ":2: column 2 (f1): '18446744073709551617' is too"},
    {"f0,f1,d0\n1,2,3\n-1,2,3\n", ":3: column 1 (f0): '-1' is negative"},
    {"f0,f1,d0\n1,2|-3|4,3\n", ":2: column 2 (f1): '-3' is negative"},
    {"f0,f1,d0\n1,2|,3\n", ":2: column 2 (f1): '' is no id"},
    {"f0,f1,d0\n1,|2,3\n", ":2: column 2 (f1): '' is no id"},
    {"f0,f1,d0\n1,2||2,3\n", ":2: column 2 (f1): '' is no id"},
    {"f0,f1,d0\n1,2;3,3\n", ":2: column 2 (f1): '2;3' is not a whole number"},
    {"f0,f1,d0\n1,2.0,3\n", ":2: column 2 (f1): '2.0' is not a whole number"},
    {"f0,f1,d0\n1, 2,3\n", ":2: column 2 (f1): ' 2' is not a whole number"},
    {"f0,f1,d0\nx,2,3\n", ":2: column 1 (f0): 'x' is not a whole number"},
    {"f0,f1,d0\n1,2,\n", ":2: column 3 (d0): '' is not a number"},
    {"f0,f1,d0\n1,2,x\n", ":2: column 3 (d0): 'x' is not a number"},
    {"f0,f1,d0\n1,2,1.5x\n", ":2: column 3 (d0): '1.5x' is not a number"},
    {"f0,f1,d0\n1,2, 1\n", ":2: column 3 (d0): ' 1' is not a number"},
    {"f0,f1,d0\n1,2,0x1\n", ":2: column 3 (d0): '0x1' is not a number"},
    {"f0,f1,d0\n1,2,nan\n", ":2: column 3 (d0): 'nan' is not finite"},
    {"f0,f1,d0\n1,2,-inf\n", ":2: column 3 (d0): '-inf' is not finite"},
    {"f0,f1,d0\n1,2,1e39\n", ":2: column 3 (d0): '1e39' is not finite"},
    {"f0,f1,d0,click\n1,2,3,2\n", ":2: column 4 (click): '2' is no label"},
    {"conv2,f0,f1,d0\nyes,1,2,3\n", ":2: column 1 (conv2): 'yes' is no label"},
    {"f0,f1,d0\n1,2,\x1b[31m\n", ":2: column 3 (d0): '?[31m' is not"},
};

Test(rows, damaged_ones_are_refused_with_line_and_column)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t count;
        char words[160];
        write_file(bad[i].text, strlen(bad[i].text));
        cr_expect_not(read_all(&count), "accepted: %s", bad[i].text);
        cr_expect_eq(fault.status, STATUS_CALLER, "%s", bad[i].text);
        snprintf(words, sizeof words, "%s%s%s", path, *bad[i].words == ':' ? "" : ": ",
                 bad[i].words);
        cr_expect(strncmp(fault.text, words, strlen(words)) == 0, "\"%s\" gives \"%s\", not \"%s\"",
                  bad[i].text, fault.text, words);
    }
}

Test(rows, before_a_damaged_one_are_read)
{
    static const char text[] = "f0,f1,d0\n1,2|3,4\n5,,6\n7,8|x,9\n";
    size_t count;
    write_file(text, sizeof text - 1);
    cr_expect_not(read_all(&count));
    cr_expect_eq(count, 2);
    cr_expect(activations.memory.ids == 4 && bag(4) == 4 && id(3) == 5 && dense(1) == 6);
}

Test(rows, with_a_nul_are_refused)
{
    static const char text[] = "f0,f1,d0\n1,2\0,3\n";
    size_t count;
    write_file(text, sizeof text - 1);
    cr_expect_not(read_all(&count));
    cr_expect(strstr(fault.text, ":2: byte 4 is NUL"), "%s", fault.text);
}

Test(rows, with_a_bag_beyond_all_sense_are_refused)
{
    size_t ids = BAG_IDS_MAX + 1, used = 0, count;
    char *text = malloc(2 * ids + 100);
    used += (size_t)sprintf(text, "f0,f1,d0\n");
    for (size_t i = 0; i < ids; i++)
        used += (size_t)sprintf(text + used, "%s1", i ? "|" : "");
    used += (size_t)sprintf(text + used, ",2,3\n");
    write_file(text, used);
    cr_expect_not(read_all(&count));
    cr_expect(strstr(fault.text, ":2: column 1 (f0): '1|1|") && strstr(fault.text, "more than"),
              "%s", fault.text);
    free(text);
}

Test(rows, no_file_of_rows)
{
    struct rows rows;
    cr_expect_not(rows_open(&rows, "/tmp", &model.ektm.config, &fault));
    cr_expect(fault.status == STATUS_CALLER && strstr(fault.text, "/tmp: is a directory"));
    cr_expect_not(rows_open(&rows, "/nonexistent/r", &model.ektm.config, &fault));
    cr_expect(fault.status == STATUS_CALLER && strstr(fault.text, "/nonexistent/r: cannot be"));
}

/* Random bytes in valid rows: ids that are read lie in their tables, and nothing else happens. */
Test(rows, random_damage_never_crashes)
{
    enum { ROUNDS = 20000 };
    size_t refused = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct random r = random_stream(2, round);
        char text[128];
        size_t bytes = (size_t)snprintf(text, sizeof text, "%s", good[round % 4]), count;
        for (uint64_t flips = 1 + random_below(&r, 3); flips > 0; flips--)
            text[random_below(&r, bytes)] ^= (char)(1 << random_below(&r, 8));
        write_file(text, bytes - random_below(&r, 2));
        if (!read_all(&count)) {
            refused++;
            cr_assert(fault.status == STATUS_CALLER && strstr(fault.text, path), "%s", fault.text);
        }
        for (size_t q = 0; q < 2 * count; q++)
            for (int32_t l = bag(q); l < bag(q + 1); l++)
                cr_assert(id((size_t)l) >= 0 && id((size_t)l) < (q % 2 ? 100000 : 10));
    }
    cr_expect(refused > ROUNDS / 2 && refused < ROUNDS);
}
