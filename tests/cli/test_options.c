/* SPDX-License-Identifier: MIT */
/* Parsing of command lines: every accepted spelling, and the error sentence for each kind of mistake. The parser is
 * compiled in from cli/, with a verb made for this test. The built command itself: test_command.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../cli/append.c"
#include "../../cli/nearest.c"
#include "../../cli/options.c"

enum { WORDS = 16 };

static const char *const colors[] = {"red", "green", "blue", NULL};

static const struct cli_option paint_options[] = {
    {.name = "epochs",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .standard = "10",
     .minimum = 1,
     .maximum = 1000,
     .doc = "times"},
    {.name = "batch",
     .kind = OPTION_INTEGER,
     .standard = "64",
     .minimum = 1,
     .maximum = 1e8,
     .word = "full",
     .doc = ""},
    {.name = "offset", .kind = OPTION_INTEGER, .doc = "no limits"},
    {.name = "lr", .kind = OPTION_NUMBER, .minimum = 1e-9, .maximum = 10, .doc = ""},
    {.name = "label-smoothing", .kind = OPTION_NUMBER, .standard = "0", .minimum = 0, .maximum = 0.9, .doc = ""},
    {.name = "color", .kind = OPTION_CHOICE, .standard = "red", .choices = colors, .doc = ""},
    {.name = "out", .letter = 'o', .kind = OPTION_TEXT, .doc = ""},
    {.name = "room", .kind = OPTION_SIZE, .minimum = 1, .maximum = 1e15, .doc = ""},
    {.name = "nesterov", .kind = OPTION_FLAG, .doc = ""},
    {.name = NULL},
};

static const struct verb paint = {
    .name = "paint", .options = paint_options, .arguments = "FILE", .minimum_arguments = 0, .maximum_arguments = 2};

static struct cli cli;
static const char *arguments[WORDS];
static char problem[512];

/* Parses words ended by NULL. */
static int parse(const char *const *words)
{
    char *copy[WORDS] = {NULL};
    int count = 0;
    while (words[count] != NULL) {
        copy[count] = (char *)(uintptr_t)words[count];
        count++;
    }
    problem[0] = '\0';
    return options_parse(&cli, &paint, count, copy, arguments, problem, sizeof problem);
}
#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void assert_problem(const char *expected)
{
    assert_string_equal(problem, expected);
}

static void defaults_hold(void **state)
{
    (void)state;
    assert_int_equal(parse((const char *const[]){NULL}), EXIT_OK);
    assert_int_equal(option_integer(&cli, "epochs"), 10);
    assert_false(option_given(&cli, "epochs"));
    assert_string_equal(option_text(&cli, "color"), "red");
    assert_null(option_text(&cli, "out"));
    assert_false(option_flag(&cli, "nesterov"));
    assert_false(cli.json);
    assert_int_equal(cli.argument_count, 0);
}

static void every_spelling(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--epochs", "5", "--lr=0.5", "batch=full", "label_smoothing=0.25", "-o", "x"), EXIT_OK);
    assert_int_equal(option_integer(&cli, "epochs"), 5);
    assert_true(option_number(&cli, "lr") == 0.5);
    assert_int_equal(option_integer(&cli, "batch"), -1);
    assert_true(option_number(&cli, "batch") == -1.0);
    assert_true(option_number(&cli, "label-smoothing") == 0.25);
    assert_string_equal(option_text(&cli, "out"), "x");
    assert_true(option_given(&cli, "out"));
    assert_int_equal(PARSE("--label_smoothing", "0.5", "--nesterov", "--json", "-q", "--color=blue"), EXIT_OK);
    assert_true(option_number(&cli, "label-smoothing") == 0.5);
    assert_true(option_flag(&cli, "nesterov") && cli.json && cli.quiet && !cli.verbose);
    assert_string_equal(option_text(&cli, "color"), "blue");
}

static void flags_take_yes_and_no(void **state)
{
    (void)state;
    assert_int_equal(PARSE("nesterov=true"), EXIT_OK);
    assert_true(option_flag(&cli, "nesterov"));
    assert_int_equal(PARSE("--nesterov=no"), EXIT_OK);
    assert_false(option_flag(&cli, "nesterov"));
    assert_int_equal(PARSE("--nesterov=perhaps"), EXIT_USAGE);
    assert_problem("--nesterov is \"perhaps\"; it is yes or no");
}

static void negative_numbers_are_values(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--offset", "-3"), EXIT_OK);
    assert_int_equal(option_integer(&cli, "offset"), -3);
    assert_int_equal(PARSE("-7", "-1.5e3"), EXIT_OK); /* negative numbers as arguments, too */
    assert_int_equal(cli.argument_count, 2);
    assert_int_equal(PARSE("--lr", "-1"), EXIT_USAGE);
    assert_problem("--lr is -1; it goes from 1e-09 to 10");
}

static void arguments_and_their_end(void **state)
{
    (void)state;
    assert_int_equal(PARSE("a.onnx", "--epochs", "2", "./b=c.png"), EXIT_OK);
    assert_int_equal(cli.argument_count, 2);
    assert_string_equal(cli.arguments[1], "./b=c.png"); /* no key has a slash */
    assert_int_equal(PARSE("a.onnx", "b=c.png"), EXIT_USAGE); /* neither an option nor an existing file */
    assert_int_equal(PARSE("--", "--epochs", "epochs=3"), EXIT_OK);
    assert_string_equal(cli.arguments[0], "--epochs");
    assert_string_equal(cli.arguments[1], "epochs=3");
    assert_int_equal(PARSE("-"), EXIT_OK); /* standard input, as a name */
    assert_string_equal(cli.arguments[0], "-");
    assert_int_equal(PARSE("a", "b", "c"), EXIT_USAGE);
    assert_non_null(strstr(problem, "unexpected \"c\""));
    assert_int_equal(PARSE("a", "b", "nesterov"), EXIT_USAGE);
    assert_problem("unexpected \"nesterov\": did you mean --nesterov?");
}

static void slips_get_advice(void **state)
{
    (void)state;
    const struct {
        const char *word, *sentence;
    } slips[] = {
        {"--epoch", "unknown option --epoch: did you mean --epochs?"},
        {"--eopchs=3", "unknown option --eopchs: did you mean --epochs?"},
        {"--lab", "unknown option --lab: did you mean --label-smoothing?"},
        {"--colour", "unknown option --colour: did you mean --color?"},
        {"--Epochs", "unknown option --Epochs: did you mean --epochs?"},
        {"--jsn", "unknown option --jsn: did you mean --json?"},
        {"-epochs", "unknown option -epochs: did you mean --epochs?"},
        {"--zzzzzzzzzz", "unknown option --zzzzzzzzzz; \"fovea paint --help\" lists them"},
        {"-x", "unknown option -x; \"fovea paint --help\" lists them"},
        {"--color=gren", "--color has no choice \"gren\": did you mean green?"},
        {"--color=violet", "--color has no choice \"violet\"; there are red, green, blue"},
    };
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
        assert_int_equal(PARSE(slips[i].word), EXIT_USAGE);
        assert_problem(slips[i].sentence);
    }
}

static void bad_values_are_named(void **state)
{
    (void)state;
    const struct {
        const char *word, *sentence;
    } bad[] = {
        {"--epochs=0", "--epochs is 0; it goes from 1 to 1000"},
        {"--epochs=1001", "--epochs is 1001; it goes from 1 to 1000"},
        {"--epochs=9223372036854775808", "--epochs is \"9223372036854775808\"; it is a whole number"},
        {"--epochs=3.5", "--epochs is \"3.5\"; it is a whole number"},
        {"--epochs= 3", "--epochs is \" 3\"; it is a whole number"},
        {"--epochs=", "--epochs is \"\"; it is a whole number"},
        {"--epochs=full", "--epochs is \"full\"; it is a whole number"},
        {"--batch=all", "--batch is \"all\"; it is a whole number or full"},
        {"--lr=nan", "--lr is \"nan\"; it is a number"},
        {"--lr=1e30", "--lr is 1e30; it goes from 1e-09 to 10"},
        {"--lr=inf", "--lr is \"inf\"; it is a number"},
        {"--lr=0", "--lr is 0; it goes from 1e-09 to 10"},
        {"--lr=0,5", "--lr is \"0,5\"; it is a number"},
        {"--out=", "--out is empty"},
        {"--room=lots", "--room is \"lots\"; it is a number of bytes such as 800M or 2G"},
        {"--seed=-1", "--seed is \"-1\"; it is a whole number from 0 to 18446744073709551615"},
        {"--seed=18446744073709551616",
         "--seed is \"18446744073709551616\"; it is a whole number from 0 to 18446744073709551615"},
        {"--threads=0", "--threads is 0; it goes from 1 to 1024"},
        {"--epochs=\033[31m7", "--epochs is \"?[31m7\"; it is a whole number"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(PARSE(bad[i].word), EXIT_USAGE);
        assert_problem(bad[i].sentence);
    }
}

static void twice_and_missing(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--epochs", "2", "epochs=3"), EXIT_USAGE);
    assert_problem("--epochs is given twice");
    assert_int_equal(PARSE("--json", "--json"), EXIT_USAGE);
    assert_problem("--json is given twice");
    assert_int_equal(PARSE("--epochs"), EXIT_USAGE);
    assert_problem("--epochs needs a value: --epochs N");
    assert_int_equal(PARSE("--out", "--json"), EXIT_USAGE);
    assert_problem("--out needs a value: --out VALUE");
    assert_int_equal(PARSE("-o"), EXIT_USAGE);
    assert_problem("--out needs a value: --out VALUE");
}

static void sizes_have_units(void **state)
{
    (void)state;
    const struct {
        const char *word;
        int64_t bytes;
    } sizes[] = {
        {"room=4096", 4096},      {"room=800M", 800ll << 20}, {"room=2G", 2ll << 30}, {"room=1.5GiB", 3ll << 29},
        {"room=10kb", 10ll << 10}, {"room=7B", 7},             {"room=1T", 1ll << 40},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(PARSE(sizes[i].word), EXIT_OK);
        assert_true(option_integer(&cli, "room") == sizes[i].bytes);
    }
    assert_int_equal(PARSE("room=2X"), EXIT_USAGE);
    assert_int_equal(PARSE("room=2GG"), EXIT_USAGE);
    assert_int_equal(PARSE("room=1e40"), EXIT_USAGE);
}

static void lists_of_numbers(void **state)
{
    (void)state;
    int64_t number[3];
    assert_int_equal(options_numbers("3x32x48", 'x', 1, 100, number, 3), 3);
    assert_true(number[0] == 3 && number[1] == 32 && number[2] == 48);
    assert_int_equal(options_numbers("7", ',', 0, 100, number, 3), 1);
    static const char *const bad[] = {"", "x", "3x", "3xx4", "3x32x48x2", "3x101", "3x-1", "3 x4", "3x 4", "3,4", "+3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(options_numbers(bad[i], 'x', 0, 100, number, 3), -1);
    }
}

static void help_is_asked_for(void **state)
{
    (void)state;
    char *yes[] = {(char[]){"--epochs"}, (char[]){"--help"}}, *no[] = {(char[]){"--"}, (char[]){"--help"}};
    char *letter[] = {(char[]){"-h"}};
    assert_true(options_want_help(2, yes));
    assert_true(options_want_help(1, letter));
    assert_false(options_want_help(2, no));
    assert_false(options_want_help(0, NULL));
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(nearest_distance("train", "train"), 0);
    assert_int_equal(nearest_distance("trian", "train"), 1); /* two neighbouring letters swapped */
    assert_int_equal(nearest_distance("", "abc"), 3);
    assert_int_equal(nearest_distance("kitten", "sitting"), 3);
    assert_int_equal(nearest_distance("label_smoothing", "label-smoothing"), 0);
    struct nearest nearest = {.wanted = "q"};
    nearest_offer(&nearest, "train");
    assert_null(nearest.best);
    nearest = (struct nearest){.wanted = "validation"};
    nearest_offer(&nearest, "test");
    nearest_offer(&nearest, "val");
    assert_string_equal(nearest.best, "val");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold),           cmocka_unit_test(every_spelling),
        cmocka_unit_test(flags_take_yes_and_no),   cmocka_unit_test(negative_numbers_are_values),
        cmocka_unit_test(arguments_and_their_end), cmocka_unit_test(slips_get_advice),
        cmocka_unit_test(bad_values_are_named),    cmocka_unit_test(twice_and_missing),
        cmocka_unit_test(sizes_have_units),        cmocka_unit_test(lists_of_numbers),
        cmocka_unit_test(help_is_asked_for),       cmocka_unit_test(distances),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
