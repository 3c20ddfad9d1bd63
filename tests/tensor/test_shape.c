/* SPDX-License-Identifier: MIT */
/* Shapes: counts that overflow, unknown dimensions, broadcasting as in numpy, and shapes as text in error messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tensor/shape.h"
#include <string.h>

#define SHAPE(...) shape_make((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})

static void test_counts(void **state)
{
    (void)state;
    size_t    count = 7, bytes = 7;
    fov_shape scalar = {0}, image = SHAPE(8, 3, 224, 224), empty = SHAPE(4, 0, 5);
    assert_true(shape_count(&scalar, &count) && count == 1);
    assert_true(shape_count(&image, &count) && count == 1204224);
    assert_true(shape_bytes(&image, FOV_F32, &bytes) && bytes == 4816896);
    assert_true(shape_bytes(&image, FOV_U8, &bytes) && bytes == 1204224);
    assert_true(shape_count(&empty, &count) && count == 0);

    /* From a real bug elsewhere: 4194305 x 4194305 x 211106198978564 wraps to 4. */
    fov_shape wraps = SHAPE(4194305, 4194305, 211106198978564);
    fov_shape large = SHAPE(INT64_MAX), larger = SHAPE(INT64_MAX, 2), hidden = SHAPE(0, INT64_MAX, 2);
    fov_shape unknown = SHAPE(FOV_BATCH, 3), negative = SHAPE(2, -5), deep = {.rank = 9}, odd = {.rank = -1};
    count = bytes = 7;
    assert_false(shape_count(&wraps, &count));
    assert_false(shape_count(&larger, &count));
    assert_false(shape_count(&hidden, &count));
    assert_false(shape_count(&unknown, &count));
    assert_false(shape_count(&negative, &count));
    assert_false(shape_count(&deep, &count));
    assert_false(shape_count(&odd, &count));
    assert_int_equal(count, 7);
    assert_true(shape_count(&large, &count) && count == INT64_MAX);
    assert_false(shape_bytes(&large, FOV_F32, &bytes));
    assert_true(shape_is_known(&image));
    assert_false(shape_is_known(&unknown));
    assert_int_equal(shape_span(&image, 1, 4), 150528);
    assert_int_equal(shape_span(&image, 2, 2), 1);
}

static void test_equality_and_batch(void **state)
{
    (void)state;
    fov_shape a = SHAPE(FOV_BATCH, 3, 8), b = SHAPE(16, 3, 8), c = SHAPE(16, 3), d = SHAPE(FOV_BATCH, 4, 8);
    assert_false(shape_equal(&a, &b));
    assert_true(shape_equal(&a, &a));
    assert_true(shape_fits(&a, &b));
    assert_true(shape_fits(&b, &a));
    assert_false(shape_fits(&b, &c));
    assert_false(shape_fits(&a, &d));
    fov_shape known = shape_with_batch(&a, 16);
    assert_true(shape_equal(&known, &b));
    assert_memory_equal(&known, &b, sizeof b);
    int64_t stride[FOV_MAX_RANK];
    shape_strides(&b, stride);
    assert_int_equal(stride[0], 24);
    assert_int_equal(stride[1], 8);
    assert_int_equal(stride[2], 1);
}

static void test_text(void **state)
{
    (void)state;
    char      text[SHAPE_TEXT_SIZE];
    fov_shape scalar = {0}, image = SHAPE(FOV_BATCH, 6, 28, 28);
    fov_shape widest = SHAPE(INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN);
    assert_string_equal(shape_text(&scalar, text), "[]");
    assert_string_equal(shape_text(&image, text), "[N, 6, 28, 28]");
    shape_text(&widest, text);
    assert_int_equal(text[strlen(text) - 1], ']');
}

static void test_broadcasting(void **state)
{
    (void)state;
    enum { N = FOV_BATCH };
    static const struct {
        fov_shape a, b, result;
    } cases[] = {
        {{2, {3, 4}}, {2, {3, 4}}, {2, {3, 4}}},
        {{2, {3, 1}}, {1, {4}}, {2, {3, 4}}},
        {{0, {0}}, {3, {2, 3, 4}}, {3, {2, 3, 4}}},
        {{4, {8, 1, 6, 1}}, {3, {7, 1, 5}}, {4, {8, 7, 6, 5}}},
        {{2, {0, 1}}, {1, {3}}, {2, {0, 3}}},
        {{2, {N, 3}}, {2, {1, 3}}, {2, {N, 3}}},
        {{2, {N, 3}}, {2, {N, 3}}, {2, {N, 3}}},
        {{2, {N, 3}}, {2, {5, 3}}, {2, {5, 3}}},
        {{4, {N, 16, 8, 8}}, {3, {16, 1, 1}}, {4, {N, 16, 8, 8}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fov_shape result;
        assert_int_equal(shape_broadcast(&cases[i].a, &cases[i].b, &result, NULL), FOV_OK);
        assert_true(shape_equal(&result, &cases[i].result));
        assert_int_equal(shape_broadcast(&cases[i].b, &cases[i].a, &result, NULL), FOV_OK);
        assert_true(shape_equal(&result, &cases[i].result));
    }
    struct error error = {0};
    fov_shape    a = SHAPE(2, 3), b = SHAPE(4), result;
    assert_int_equal(shape_broadcast(&a, &b, &result, &error), FOV_E_SHAPE);
    assert_string_equal(error.text, "shapes [2, 3] and [4] do not broadcast: 3 against 4");
}

static void test_axes(void **state)
{
    (void)state;
    fov_shape    shape = SHAPE(2, 3, 4);
    struct error error = {0};
    int          axis = 9;
    assert_int_equal(shape_axis(&shape, -1, &axis, NULL), FOV_OK);
    assert_int_equal(axis, 2);
    assert_int_equal(shape_axis(&shape, -3, &axis, NULL), FOV_OK);
    assert_int_equal(axis, 0);
    assert_int_equal(shape_axis(&shape, 1, &axis, NULL), FOV_OK);
    assert_int_equal(axis, 1);
    assert_int_equal(shape_axis(&shape, 3, &axis, &error), FOV_E_SHAPE);
    assert_string_equal(error.text, "axis 3 is outside shape [2, 3, 4] of rank 3");
    assert_int_equal(shape_axis(&shape, -4, &axis, NULL), FOV_E_SHAPE);
    assert_int_equal(shape_axis(&shape, INT64_MIN, &axis, NULL), FOV_E_SHAPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),       cmocka_unit_test(test_equality_and_batch), cmocka_unit_test(test_text),
        cmocka_unit_test(test_broadcasting), cmocka_unit_test(test_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
