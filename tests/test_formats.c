/* Which number format each layer computes in: what is said of it in words, and what is refused. */
#include "harness/model/formats.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

static struct ektm ektm;
static struct fault fault;

static void begin(void) { cr_assert(ektm_build(&ektm, &ektm_preset_find("aliccp")->config)); }
static void end(void) { ektm_free(&ektm); }

TestSuite(formats, .init = begin, .fini = end);

static struct formats parsed(const char *text)
{
    struct formats formats = {.count = 0};
    cr_assert(formats_parse(&formats, text, "here", &fault), "%s: %s", text, fault.text);
    return formats;
}

static const char *described(const struct formats *formats)
{
    static char text[FORMATS_TEXT];
    formats_describe(formats, &ektm, text, sizeof text);
    return text;
}

/* ---- what counts ----------------------------------------------------------------------------- */

#define DESCRIBED(e, p, b0, b1, t, m, n, h)                                                        \
    "embedding=" e ",projection=" p ",bottom.0=" b0 ",bottom.1=" b1 ",tower=" t ",transmitter=" m  \
    ",enhanced=" n ",head=" h

static const struct {
    const char *text, *describes;
} sayings[] = {
    {"f32", "f32"},
    {"bf16", "bf16"},
    {"i8", "i8"},
    {"i8,bf16", "bf16"},
    {"embedding=f32", "f32"},
    {"embedding=bf16", DESCRIBED("bf16", "f32", "f32", "f32", "f32", "f32", "f32", "f32")},
    {"i8,embedding=bf16", DESCRIBED("bf16", "i8", "i8", "i8", "i8", "i8", "i8", "i8")},
    {"embedding=bf16,i8", DESCRIBED("bf16", "i8", "i8", "i8", "i8", "i8", "i8", "i8")},
    {"dense=i8", DESCRIBED("f32", "i8", "i8", "i8", "i8", "f32", "f32", "f32")},
    {"dense=i8,bottom.1=bf16", DESCRIBED("f32", "i8", "i8", "bf16", "i8", "f32", "f32", "f32")},
    {"bottom.1=bf16,dense=i8", DESCRIBED("f32", "i8", "i8", "bf16", "i8", "f32", "f32", "f32")},
    {"bottom.1=f32,bf16,dense=i8",
     DESCRIBED("bf16", "i8", "i8", "f32", "i8", "bf16", "bf16", "bf16")},
    {"head=i8,head=bf16", DESCRIBED("f32", "f32", "f32", "f32", "f32", "f32", "f32", "bf16")},
    {"transmitter=i8,enhanced=bf16,tower=i8,projection=bf16",
     DESCRIBED("f32", "bf16", "f32", "f32", "i8", "i8", "bf16", "f32")},
};

Test(formats, the_layer_counts_more_than_its_op_and_that_more_than_all)
{
    for (size_t i = 0; i < sizeof sayings / sizeof *sayings; i++) {
        struct formats formats = parsed(sayings[i].text);
        cr_expect(formats_check(&formats, &ektm, "here", &fault), "%s: %s", sayings[i].text,
                  fault.text);
        cr_expect_str_eq(described(&formats), sayings[i].describes, "%s: %s", sayings[i].text,
                         described(&formats));
    }
}

Test(formats, what_is_described_means_the_same)
{
    for (size_t i = 0; i < sizeof sayings / sizeof *sayings; i++) {
        struct formats formats = parsed(sayings[i].text), again = parsed(described(&formats));
        for (size_t l = 0; l < ektm.layers; l++)
            cr_expect_eq(formats_of(&formats, &ektm.layer[l]), formats_of(&again, &ektm.layer[l]),
                         "%s: %s", sayings[i].text, ektm.layer[l].name);
    }
}

Test(formats, kind_and_inclusion_are_those_of_the_layers)
{
    static const struct {
        const char *text, *kind;
        bool f32, bf16, i8;
    } cases[] = {
        {"f32", "f32", true, false, false},
        {"bf16", "bf16", true, true, false},
        {"i8", "i8", true, false, true},
        {"embedding=i8", "mixed", true, false, true},
        {"bf16,head=i8", "mixed", true, true, true},
        {"bf16,dense=bf16", "bf16", true, true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct formats formats = parsed(cases[i].text);
        cr_expect_str_eq(formats_kind(&formats, &ektm), cases[i].kind, "%s", cases[i].text);
        cr_expect_eq(formats_include(&formats, &ektm, DTYPE_F32), cases[i].f32, "%s: the router",
                     cases[i].text);
        cr_expect_eq(formats_include(&formats, &ektm, DTYPE_BF16), cases[i].bf16, "%s",
                     cases[i].text);
        cr_expect_eq(formats_include(&formats, &ektm, DTYPE_I8), cases[i].i8, "%s", cases[i].text);
    }
}

Test(formats, nothing_said_is_f32)
{
    const struct formats formats = {.count = 0};
    cr_expect_str_eq(described(&formats), "f32");
}

/* ---- what is refused ------------------------------------------------------------------------- */

#define LONG "a_layer_whose_name_is_longer_than_any"

static const struct {
    const char *text, *words;
} wrong[] = {
    {"", "here: '' is no number format; f32, bf16 and i8 are allowed"},
    {"f64", "here: 'f64' is no number format"},
    {"i32", "here: 'i32' is no number format"},
    {"I8", "here: 'I8' is no number format"},
    {"embedding", "here: 'embedding' is no number format"},
    {"embedding=", "here: '' is no number format"},
    {"embedding=i4", "here: 'i4' is no number format"},
    {"embedding=f64", "here: 'f64' is no number format"},
    {"embedding=i8=i8", "here: 'i8=i8' is no number format"},
    {"=i8", "here: '=i8' names no layer"},
    {"i8,", "here: '' is no number format"},
    {",i8", "here: '' is no number format"},
    {"i8,,bf16", "here: '' is no number format"},
    {"i8 ", "here: 'i8 ' is no number format"},
    {LONG "=i8", "here: '" LONG "=i8' names no layer"},
    {LONG LONG LONG "=i8", "is no number format"},
};

Test(formats, other_words_are_refused)
{
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct formats formats = {.count = 0};
        cr_expect_not(formats_parse(&formats, wrong[i].text, "here", &fault), "'%s'",
                      wrong[i].text);
        cr_expect_eq(fault.status, STATUS_CALLER);
        cr_expect(strstr(fault.text, wrong[i].words), "'%s': %s", wrong[i].text, fault.text);
    }
}

Test(formats, names_that_the_model_lacks_are_refused)
{
    static const char *const names[] = {"router",  "transfer", "heads", "bottom.2",     "bottom",
                                        "tower.0", "fma",      "dot",   "transmitter.1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char text[64];
        snprintf(text, sizeof text, "embedding=i8,%s=bf16", names[i]);
        struct formats formats = parsed(text);
        cr_expect_not(formats_check(&formats, &ektm, "here", &fault), "%s", names[i]);
        snprintf(text, sizeof text, "here: '%s' is no layer of the model", names[i]);
        cr_expect(strstr(fault.text, text), "%s", fault.text);
    }
    struct formats formats = parsed("router=f32");
    cr_expect_not(formats_check(&formats, &ektm, "here", &fault), "router=f32");
}

/* As many names as there is room for; what is said again of one of them takes no more. */
Test(formats, too_many_names_are_refused)
{
    struct formats formats = {.count = 0};
    char word[32];
    for (int i = 0; i < FORMATS_MAX; i++) {
        snprintf(word, sizeof word, "bottom.%d=i8", i);
        cr_assert(formats_add(&formats, word, "here", &fault), "%s: %s", word, fault.text);
    }
    cr_expect(formats_add(&formats, "bottom.3=bf16", "here", &fault), "%s", fault.text);
    cr_expect_eq(formats.said[3].dtype, DTYPE_BF16);
    cr_expect_not(formats_add(&formats, "tower=i8", "here", &fault));
    cr_expect(strstr(fault.text, "32 at most"), "%s", fault.text);
    cr_expect_eq(formats.count, FORMATS_MAX);
}
