/* SPDX-License-Identifier: MIT */
/* Options by table: a text becomes exactly its number, or is refused and changes nothing. */
#include "tests.h"

#include "base/attribute.h"

struct options {
    int64_t               count;
    double                rate;
    int                   kind;
    struct attribute_list at;
};

static const char *const kinds[] = {"one", "two", NULL};
static const struct attribute table[] = {
    {ATTRIBUTE(struct options, count), .kind = ATTRIBUTE_INTEGER, .standard = 3},
    {ATTRIBUTE(struct options, rate), .kind = ATTRIBUTE_NUMBER, .standard = 1e30},
    {ATTRIBUTE(struct options, kind), .kind = ATTRIBUTE_CHOICE, .standard = 1, .choices = kinds},
    {ATTRIBUTE(struct options, at), .kind = ATTRIBUTE_LIST},
    {0},
};

static void numbers_of_any_size(void **state)
{
    struct options options;
    struct error   error = {.status = FOV_OK};

    (void)state;
    attribute_defaults(table, &options, sizeof options);
    assert_int_equal(options.count, 3);
    assert_true(options.rate == 1e30); /* beyond the range of integers */
    assert_int_equal(options.kind, 1);
    assert_int_equal(attribute_read(table, &options, "x", "5000000000:rate=-1e300:kind=one", &error), FOV_OK);
    assert_true(options.count == 5000000000);
    assert_true(options.rate == -1e300);
    assert_int_equal(options.kind, 0);
}

static void lists_of_long_numbers(void **state)
{
    struct options options;
    struct error   error = {.status = FOV_OK};
    char           text[600];

    (void)state;
    attribute_defaults(table, &options, sizeof options);
    assert_int_equal(attribute_set(&table[3], &options, "1,0.0000000000000000000000000000000000000000000001,3", &error),
                     FOV_OK);
    assert_int_equal(options.at.count, 3);
    assert_true(options.at.at[1] == 1e-46);
    assert_true(options.at.at[2] == 3);
    memset(text, '0', sizeof text - 1);
    memcpy(text, "2,0.", 4);
    text[sizeof text - 1] = '\0';
    assert_int_equal(attribute_set(&table[3], &options, text, &error), FOV_E_USAGE);
    assert_non_null(strstr(error.text, "at: a number of 597 characters"));
    assert_true(options.at.at[1] == 1e-46); /* unchanged */
}

static void commas_between_options(void **state)
{
    struct options options;
    struct error error = {.status = FOV_OK};

    (void)state;
    attribute_defaults(table, &options, sizeof options);
    assert_int_equal(attribute_set(&table[3], &options, "1,2,other=4", &error), FOV_E_USAGE);
    assert_non_null(strstr(error.text, "between options stands ':', not ','"));
    error = (struct error){.status = FOV_OK};
    assert_int_equal(attribute_set(&table[3], &options, "1,2,x", &error), FOV_E_USAGE);
    assert_null(strstr(error.text, "between options"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_of_any_size), cmocka_unit_test(lists_of_long_numbers),
                                       cmocka_unit_test(commas_between_options)};

    return cmocka_run_group_tests_name("attribute", tests, NULL, NULL);
}
