/* SPDX-License-Identifier: MIT */
/* Strings and errors: escaping of foreign text, growing buffers, suggestions, patterns, numbers in any locale. */
#include "base/error.h"
#include "base/text.h"
#include "base/utf8.h"
#include "tests.h"
#include <float.h>
#include <limits.h>
#include <locale.h>

static void test_escaping(void **state)
{
    (void)state;
    static const struct {
        const char *source, *escaped;
    } cases[] = {
        {"", ""},
        {"conv1.weight", "conv1.weight"},
        {"a\nb\tc\r", "a\\nb\\tc\\r"},
        {"\x1b[31mred", "\\x1b[31mred"},
        {"say \"hi\" \\", "say \\\"hi\\\" \\\\"},
        {"Straße 猫 🐈", "Straße 猫 🐈"},
        {"\xff\xc3", "\\xff\\xc3"},                        /* not UTF-8, and a character cut off */
        {"\xc0\xaf \xe0\x80\xaf", "\\xc0\\xaf \\xe0\\x80\\xaf"}, /* overlong forms of / */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},               /* half of a surrogate pair */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},      /* above U+10FFFF */
        {"\xc2\x9b" "31m", "\\u009b31m"},                  /* the one-byte form of ESC [ */
        {"cat\xe2\x80\xaegpj.exe", "cat\\u202egpj.exe"},   /* right-to-left override */
        {"\x7f", "\\x7f"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[128], again[128];
        assert_string_equal(text_escape(out, sizeof out, cases[i].source), cases[i].escaped);
        text_clean(out, sizeof out, cases[i].source);
        assert_string_equal(text_clean(again, sizeof again, out), out);
    }
    char out[128];
    assert_string_equal(text_clean(out, sizeof out, "\"c3\" \\\n"), "\"c3\" \\\\n");
}

static void test_escaping_cuts_at_characters(void **state)
{
    (void)state;
    const char *source = "ab\n猫猫\x1b猫";
    for (size_t size = 0; size < 40; size++) {
        char out[64];
        memset(out, 'X', sizeof out);
        text_escape(out, size, source);
        for (size_t i = size; i < sizeof out; i++) {
            assert_int_equal(out[i], 'X');
        }
        if (size > 0) {
            assert_true(strlen(out) < size);
            char again[64]; /* the shortened text is clean, too */
            assert_string_equal(text_clean(again, sizeof again, out), out);
        }
        if (size > 4 && size < 18) {
            assert_string_equal(out + strlen(out) - 3, "...");
        }
    }
    char out[8];
    assert_string_equal(text_escape(out, sizeof out, "abcdefg"), "abcdefg");
    assert_string_equal(text_escape(out, sizeof out, "abcdefgh"), "abcd...");
}

static void test_the_growing_buffer(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    struct text    text = {.memory = memory};
    assert_string_equal(text_string(&text), "");
    for (int i = 0; i < 1000; i++) {
        text_add(&text, "%d,", i % 10);
    }
    assert_int_equal(text.length, 2000);
    assert_int_equal(strlen(text.data), 2000);
    assert_memory_equal(text.data + 1990, "5,6,7,8,9,", 10);
    /* A failed growth leaves the text as it was and is remembered: nothing is added after what is missing. */
    memory_fail_at(memory, 1, false);
    while (!text.failed) {
        text_add_bytes(&text, "0123456789", 10);
    }
    size_t length = text.length;
    text_add(&text, "more");
    assert_int_equal(text.length, length);
    assert_int_equal(strlen(text.data), length);
    text_free(&text);
    assert_false(text.failed);
    text_add_bytes(&text, "a\0b", 3);
    assert_memory_equal(text.data, "a\0b", 4);
    text_free(&text);
    assert_int_equal(memory_in_use(memory), 0);
    memory_destroy(memory);
}

static const char *name_at(const void *list, size_t index)
{
    return ((const char *const *)list)[index];
}

static void test_a_room_of_fixed_size(void **state)
{
    (void)state;
    for (size_t size = 0; size < 20; size++) {
        char out[32];
        memset(out, 'X', sizeof out);
        size_t used = 0;
        for (int i = 0; i < 50; i++) { /* may be called on after text was cut off */
            used = text_append(out, size, used, "%s%d", i > 0 ? ", " : "", i);
            assert_true(size == 0 ? used == 0 : used < size && out[used] == '\0' && strlen(out) == used);
        }
        assert_true(strncmp("0, 1, 2, 3, 4, 5, 6, 7", out, size > 0 ? size - 1 : 0) == 0);
        for (size_t i = size; i < sizeof out; i++) {
            assert_int_equal(out[i], 'X');
        }
    }
}

static void test_json_strings(void **state)
{
    (void)state;
    struct text json = {.memory = memory_create(NULL, 0)};
    text_add_json(&json, "a\"b\\c\n\x01\x7f\xff 猫");
    assert_string_equal(text_string(&json), "\"a\\\"b\\\\c\\u000a\\u0001\\u007f\xef\xbf\xbd 猫\"");
    struct memory *memory = json.memory;
    text_free(&json);
    memory_destroy(memory);
}

static void test_suggestions(void **state)
{
    (void)state;
    static const char *const names[] = {"conv2d",     "dense", "max_pool2d", "avg_pool2d", "batch_norm", "relu",
                                        "leaky_relu", "mlp",   "lenet5",     "course-cnn", "--epochs",   "softmax"};
    static const struct {
        const char *wanted, *nearest;
    } cases[] = {
        {"conv2", "conv2d"},         {"conv", "conv2d"},         {"Lenet5", "lenet5"},   {"lenet-5", "lenet5"},
        {"course_cnn", "course-cnn"}, {"maxpool2d", "max_pool2d"}, {"relv", "relu"},       {"rleu", "relu"},
        {"--epoch", "--epochs"},     {"batchnorm", "batch_norm"}, {"sofmtax", "softmax"}, {"mpl", "mlp"},
        {"transformer", NULL},       {"xyzzy", NULL},            {"", NULL},             {"q", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *nearest = text_nearest(cases[i].wanted, names, sizeof names / sizeof *names, name_at);
        if (cases[i].nearest == NULL) {
            assert_null(nearest);
        } else {
            assert_non_null(nearest);
            assert_string_equal(nearest, cases[i].nearest);
        }
    }
    char longest[5000];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(text_nearest(longest, names, sizeof names / sizeof *names, name_at));
    assert_null(text_nearest("relu", names, 0, name_at));
}

static void test_patterns(void **state)
{
    (void)state;
    assert_true(text_matches("features.*", "features.0.weight"));
    assert_false(text_matches("features.*", "classifier.weight"));
    assert_true(text_matches("*.weight", "c1.weight"));
    assert_true(text_matches("c?.*ght", "c1.weight"));
    assert_false(text_matches("c?", "c12"));
    assert_true(text_matches("*", ""));
    assert_true(text_matches("", ""));
    assert_false(text_matches("", "a"));
    assert_false(text_matches("?", ""));
    assert_true(text_matches("*a*b*", "xxaxxbxx"));
    assert_false(text_matches("*a*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void test_numbers_for_people(void **state)
{
    (void)state;
    char out[40];
    assert_string_equal(text_thousands(out, sizeof out, 0), "0");
    assert_string_equal(text_thousands(out, sizeof out, 999), "999");
    assert_string_equal(text_thousands(out, sizeof out, -1000), "-1,000");
    assert_string_equal(text_thousands(out, sizeof out, 61706), "61,706");
    assert_string_equal(text_thousands(out, sizeof out, 25557032), "25,557,032");
    assert_string_equal(text_thousands(out, sizeof out, LLONG_MIN), "-9,223,372,036,854,775,808");
    assert_string_equal(text_thousands(out, 4, 25557032), "25,");
    assert_string_equal(text_bytes(out, sizeof out, 0), "0 B");
    assert_string_equal(text_bytes(out, sizeof out, 1023), "1023 B");
    assert_string_equal(text_bytes(out, sizeof out, 1024), "1 KiB");
    assert_string_equal(text_bytes(out, sizeof out, 1536), "1.5 KiB");
    assert_string_equal(text_bytes(out, sizeof out, 3 << 19), "1.5 MiB");
    assert_string_equal(text_bytes(out, sizeof out, 246824), "241 KiB");
    assert_string_equal(text_bytes(out, sizeof out, (size_t)5 << 40), "5 TiB");
    assert_string_equal(text_bytes(out, sizeof out, SIZE_MAX), "16 EiB");
}

static void test_reading_numbers(void **state)
{
    (void)state;
    long long   integer = 77;
    double      number = 77;
    const char *bad_integers[] = {"", "-", "+", " 1", "1 ", "1x", "0x10", "1.0", "--1", "9223372036854775808",
                                  "-9223372036854775809", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad_integers / sizeof *bad_integers; i++) {
        assert_false(text_to_integer(bad_integers[i], LLONG_MIN, LLONG_MAX, &integer));
    }
    assert_int_equal(integer, 77);
    assert_true(text_to_integer("9223372036854775807", LLONG_MIN, LLONG_MAX, &integer) && integer == LLONG_MAX);
    assert_true(text_to_integer("-9223372036854775808", LLONG_MIN, LLONG_MAX, &integer) && integer == LLONG_MIN);
    assert_true(text_to_integer("+007", 0, 10, &integer) && integer == 7);
    assert_false(text_to_integer("11", 0, 10, &integer));
    assert_false(text_to_integer("-1", 0, 10, &integer));

    const char *bad_numbers[] = {"",   "-",   ".",     "e5",    "1e",   "1e+",   " 1",  "1 ",    "1,5",
                                 "0x1p3", "inf", "nan", "1e400", "1.2.3", "-1e999", "1f", "infinity"};
    for (size_t i = 0; i < sizeof bad_numbers / sizeof *bad_numbers; i++) {
        assert_false(text_to_number(bad_numbers[i], &number));
    }
    assert_true(number > 76);
    static const struct {
        const char *text;
        double      value;
    } good[] = {{"0.01", 0.01}, {"1e-3", 1e-3}, {".5", 0.5}, {"5.", 5}, {"-2.5E+2", -250}, {"1e-400", 0}, {"+3", 3}};
    /* A host program may have set a locale with a decimal comma: it must not matter. Tried where such a locale is
     * there. */
    const char *const locales[] = {"C", "de_DE.UTF-8", "fr_FR.UTF-8"};
    for (size_t l = 0; l < sizeof locales / sizeof *locales; l++) {
        if (setlocale(LC_ALL, locales[l]) == NULL) {
            continue;
        }
        for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
            assert_true(text_to_number(good[i].text, &number));
            assert_true(number >= good[i].value && number <= good[i].value);
        }
        assert_false(text_to_number("1,5", &number));
        char out[32];
        struct text text = {.memory = memory_create(NULL, 0)};
        text_append(out, sizeof out, 0, "%.9g", 0.125); /* written with a point, too */
        text_add(&text, "%.3f", 1.5);
        assert_string_equal(out, "0.125");
        assert_string_equal(text_string(&text), "1.500");
        struct memory *memory = text.memory;
        text_free(&text);
        memory_destroy(memory);
    }
    setlocale(LC_ALL, "C");
}

static void test_the_first_error_stays(void **state)
{
    (void)state;
    struct error error = {0};
    assert_int_equal(error_set(&error, FOV_E_SHAPE, "kernel %d does not fit", 5), FOV_E_SHAPE);
    assert_int_equal(error_set(&error, FOV_E_IO, "later"), FOV_E_IO);
    assert_int_equal(error.status, FOV_E_SHAPE);
    error_prefix(&error, "conv2d \"%s\"", "c3\x1b");
    assert_string_equal(error.text, "conv2d \"c3\\x1b\": kernel 5 does not fit");
    error_clear(&error);
    assert_int_equal(error.status, FOV_OK);
    assert_string_equal(error.text, "");
    error_prefix(&error, "nothing");
    assert_string_equal(error.text, "");
    assert_int_equal(error_set(NULL, FOV_E_IO, "nobody listens"), FOV_E_IO);
    error_prefix(NULL, "nobody");
    error_clear(NULL);
}

static void test_errors_are_one_clean_sentence(void **state)
{
    (void)state;
    struct error error = {0};
    error_set(&error, FOV_E_INPUT, "tensor \"%s\"", "evil\n\x1b]0;title\x07\xff");
    assert_string_equal(error.text, "tensor \"evil\\n\\x1b]0;title\\x07\\xff\"");
    error_clear(&error);
    char name[3000];
    memset(name, '\n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    error_set(&error, FOV_E_INPUT, "%s", name);
    assert_int_equal(strlen(error.text), ERROR_TEXT_SIZE - 2 + (ERROR_TEXT_SIZE % 2 == 0));
    error_prefix(&error, "%s", name);
    error_prefix(&error, "file");
    assert_memory_equal(error.text, "file: \\n", 8);
    assert_true(strlen(error.text) < ERROR_TEXT_SIZE);
    for (int status = 0; status <= FOV_E_INTERRUPTED; status++) {
        assert_string_not_equal(fov_status_text((fov_status)status), "unknown status");
    }
    assert_string_equal(fov_status_text((fov_status)99), "unknown status");
}

static void test_cutting_at_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text, *right;
        size_t size;
    } cases[] = {{"dog", "dog", 4},
                 {"dog", "do", 3},
                 {"dog", "", 1},
                 {"\xe7\x8b\x97\xe7\x8c\xab", "\xe7\x8b\x97\xe7\x8c\xab", 7},
                 {"\xe7\x8b\x97\xe7\x8c\xab", "\xe7\x8b\x97", 6},
                 {"a\xff" "b", "a\xef\xbf\xbd" "b", 16},
                 {"a\xff" "b", "a", 4},
                 {"caf\xc3", "caf", 16},
                 {"x\xf0\x9f\x90", "x", 16},
                 {"\xe7\x8b" "d", "\xef\xbf\xbd\xef\xbf\xbd" "d", 16}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[16];
        assert_string_equal(utf8_cut(out, cases[i].size, cases[i].text), cases[i].right);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escaping),
        cmocka_unit_test(test_escaping_cuts_at_characters),
        cmocka_unit_test(test_the_growing_buffer),
        cmocka_unit_test(test_a_room_of_fixed_size),
        cmocka_unit_test(test_json_strings),
        cmocka_unit_test(test_cutting_at_characters),
        cmocka_unit_test(test_suggestions),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_numbers_for_people),
        cmocka_unit_test(test_reading_numbers),
        cmocka_unit_test(test_the_first_error_stays),
        cmocka_unit_test(test_errors_are_one_clean_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
