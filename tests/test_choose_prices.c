/* Prices: what is read, and the sentence that everything else gets. */
#include "harness/choose/prices.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/ektm-prices-XXXXXX";

static void make_file(void)
{
    const int file = mkstemp(path);
    cr_assert(file >= 0);
    close(file);
}

static void remove_file(void) { unlink(path); }

TestSuite(choose_prices, .init = make_file, .fini = remove_file);

static bool read_text(struct prices *prices, const char *text, size_t length, struct fault *fault)
{
    FILE *out = fopen(path, "w");
    cr_assert(out && fwrite(text, 1, length, out) == length && fclose(out) == 0);
    return prices_read(prices, path, fault);
}

#define NAMES "machine,price_per_hour,currency,note\n"

Test(choose_prices, are_read_in_any_order_of_columns)
{
    static const char text[] = "\xef\xbb\xbf# a comment, with commas\r\n\r\n"
                               "note,currency,machine,price_per_hour\r\n"
                               "\"list, \"\"on demand\"\", 2026-11-25\",EUR, big one ,0.408\r\n"
                               "\n"
                               "spot, USD,small,12e-2";
    struct prices prices;
    struct fault fault;
    cr_assert(read_text(&prices, text, sizeof text - 1, &fault), "%s", fault.text);
    cr_assert_eq(prices.count, 2);
    const struct price *big = prices_find(&prices, "big one"),
                       *small = prices_find(&prices, "small");
    cr_assert(big && small);
    cr_expect_str_eq(big->note, "list, \"on demand\", 2026-11-25");
    cr_expect_str_eq(big->currency, "EUR");
    cr_expect_float_eq(big->per_hour, 0.408, 1e-15);
    cr_expect_eq(big->line, 4);
    cr_expect_float_eq(small->per_hour, 0.12, 1e-15);
    cr_expect(price_is_dated(big) && !price_is_dated(small));
    cr_expect_null(prices_find(&prices, "big"));
    prices_free(&prices);
}

Test(choose_prices, the_example_is_one)
{
    struct prices prices;
    struct fault fault;
    cr_assert(prices_read(&prices, "results/prices.example.csv", &fault), "%s", fault.text);
    for (size_t i = 0; i < prices.count; i++)
        cr_expect(price_is_dated(&prices.price[i]), "%s", prices.price[i].machine);
    prices_free(&prices);
}

Test(choose_prices, what_is_no_price_gets_its_sentence)
{
    static const struct {
        const char *text, *says;
    } refused[] = {
        {"", ": has no prices; machine, price_per_hour, currency and note are what is read"},
        {NAMES, ": has no prices"},
        {"machine,price,currency,note\n", ":1: column 2: 'price' is no column of prices; machine"},
        {"machine,machine,currency,note\n", ":1: column 2: 'machine' is column 1, too"},
        {"machine,currency,note\n", ":1: column 'price_per_hour' is missing"},
        {"machine,price_per_hour,currency,note,tax\n", ":1: has more than 4 cells"},
        {NAMES "a,0.4,EUR\n", ":2: has 3 cells; the first line names 4 columns"},
        {NAMES "a,0,4,EUR,x\n", ":2: has more than 4 cells; "},
        {NAMES "a,0.4 EUR,EUR,x\n", ":2: column 2: '0.4 EUR' is no price; a decimal number is"},
        {NAMES "a,,EUR,x\n", ":2: column 2: '' is no price"},
        {NAMES "a,nan,EUR,x\n", ":2: column 2: 'nan' is no price"},
        {NAMES "a,0x10,EUR,x\n", ":2: column 2: '0x10' is no price"},
        {NAMES "a,-1,EUR,x\n", ":2: column 2: '-1' is no price of an hour; above 0 and up to"},
        {NAMES "a,0,EUR,x\n", ":2: column 2: '0' is no price of an hour"},
        {NAMES "a,1e400,EUR,x\n", ":2: column 2: '1e400' is no price of an hour"},
        {NAMES "a,1,euro,x\n", ":2: column 3: 'euro' is no currency; three capital letters are"},
        {NAMES "a,1,eur,x\n", ":2: column 3: 'eur' is no currency"},
        {NAMES "a,1,EUR,\n", ":2: column 4: '' is empty; a price tells its source and its date"},
        {NAMES ",1,EUR,x\n", ":2: column 1: '' is empty; the name of a machine is allowed"},
        {NAMES "a,1,EUR,x\n\na,2,EUR,x\n", ":4: column 1: 'a' has a price in line 2"},
        {NAMES "a,1,EUR,\"x\n", ":2: column 4: a quotation mark is opened and not closed"},
        {NAMES "a,1,EUR,\"x\"y\n", ":2: column 4: 'y' follows the closing quotation mark"},
        {NAMES "a,1,EUR,\xe9\n", ":2: is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct prices prices;
        struct fault fault = {0, ""};
        char says[256];
        snprintf(says, sizeof says, "%s%s", path, refused[i].says);
        cr_expect_not(read_text(&prices, refused[i].text, strlen(refused[i].text), &fault), "%s",
                      refused[i].text);
        cr_expect_eq(fault.status, STATUS_CALLER);
        cr_expect(strncmp(fault.text, says, strlen(says)) == 0, "%s: %s", refused[i].text,
                  fault.text);
    }
}

Test(choose_prices, what_is_no_text_is_refused)
{
    static const char nul[] = NAMES "a,1,E\0R,x\n";
    struct prices prices;
    struct fault fault;
    cr_expect_not(read_text(&prices, nul, sizeof nul - 1, &fault));
    cr_expect(strstr(fault.text, ":2: byte 6 is NUL") != NULL, "%s", fault.text);
    cr_expect_not(prices_read(&prices, "/nowhere/prices.csv", &fault));
    cr_expect(strstr(fault.text, "/nowhere/prices.csv: cannot be opened: ") != NULL, "%s",
              fault.text);
    cr_expect_not(prices_read(&prices, "/tmp", &fault));
    cr_expect(strstr(fault.text, "/tmp: cannot be read: ") != NULL, "%s", fault.text);
}
