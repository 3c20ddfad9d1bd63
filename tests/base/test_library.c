/* SPDX-License-Identifier: MIT */
/* Libraries opened at run time: their functions are found; a missing library or function is reported by a sentence. */
#include "base/library.h"
#include "tests.h"
#include <math.h>

struct mathematics {
    double (*root)(double);
    double (*power)(double, double);
};

static void test_functions(void **state)
{
    static const struct library_function functions[] = {
        LIBRARY_FUNCTION(struct mathematics, power, pow),
        LIBRARY_FUNCTION(struct mathematics, root, sqrt),
        {NULL, 0},
    };
    (void)state;
    struct error error = {.status = FOV_OK};
    struct mathematics call;
    if (library_open("libm.so.6", "libc6", functions, &call, &error) != FOV_OK) {
        skip(); /* another C library */
    }
    assert_true(call.root(9.0) == 3.0 && call.power(2.0, 10.0) == 1024.0);
}

static void test_what_is_missing(void **state)
{
    static const struct library_function functions[] = {{"no_such_function", 0}, {NULL, 0}};
    (void)state;
    struct error error = {.status = FOV_OK};
    struct mathematics call;
    assert_int_equal(library_open("libnone.so.7", "libnone7", functions, &call, &error), FOV_E_UNSUPPORTED);
    assert_non_null(strstr(error.text, "libnone.so.7"));
    assert_non_null(strstr(error.text, "install libnone7"));
    error_clear(&error);
    assert_int_equal(library_open("libm.so.6", "libc6", functions, &call, &error), FOV_E_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
