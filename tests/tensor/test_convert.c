/* SPDX-License-Identifier: MIT */
/* Element types: all 65536 values of half precision and every midpoint between two of them; integers at the ends of
 * their range and beyond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tensor/convert.h"
#include <math.h>
#include <string.h>

/* The value of a half by its definition. */
static double half_value(uint16_t half)
{
    int    exponent = half >> 10 & 31, fraction = half & 1023;
    double sign = half & 0x8000 ? -1.0 : 1.0;
    if (exponent == 31) {
        return fraction == 0 ? sign * (double)INFINITY : (double)NAN;
    }
    return sign * (exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25));
}

static uint16_t to_half(double value)
{
    uint16_t half;
    convert_from_double(FOV_F16, &value, &half, 1);
    return half;
}

static void test_every_half(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        double expected = half_value((uint16_t)h), value = (double)convert_half_to_float((uint16_t)h);
        if (isnan(expected)) {
            assert_true(isnan(value));
            assert_true(isnan(half_value(convert_float_to_half((float)value))));
            continue;
        }
        assert_true(value <= expected && value >= expected);
        assert_int_equal(signbit(value) != 0, h >> 15);
        assert_int_equal(convert_float_to_half((float)value), h); /* back to the same bits, also the sign of zero */
    }
}

/* A number between two halves becomes the nearer one; exactly in the middle, the even one. A conversion by way of float
 * would take a double just beside the middle for the middle. */
static void test_rounding_to_half(void **state)
{
    (void)state;
    for (uint16_t h = 0; h < 0x7bff; h++) {
        uint16_t next = (uint16_t)(h + 1), even = h & 1 ? next : h;
        double   middle = (half_value(h) + half_value(next)) / 2;
        assert_int_equal(to_half(middle), even);
        assert_int_equal(to_half(nextafter(middle, 0)), h);
        assert_int_equal(to_half(nextafter(middle, 1e9)), next);
        assert_int_equal(to_half(-middle), even | 0x8000);
        assert_int_equal(convert_float_to_half((float)middle), even); /* midpoints have 12 bits: exact in float */
    }
    assert_int_equal(to_half(65519.999), 0x7bff);
    assert_int_equal(to_half(65520), 0x7c00);
    assert_int_equal(to_half(1e300), 0x7c00);
    assert_int_equal(to_half(-(double)INFINITY), 0xfc00);
    assert_int_equal(to_half(1e-300), 0);
    assert_int_equal(to_half(-1e-300), 0x8000);
}

static void test_integers_saturate(void **state)
{
    (void)state;
    const double from[] = {0.9, -0.9,  127.9,  128,         -128.9, -129,        255.9,
                           256, 1e300, -1e300, (double)NAN, -1,     2147483648.0};
    enum { COUNT = sizeof from / sizeof *from };
    int8_t   i8[COUNT];
    uint8_t  u8[COUNT], truth[COUNT];
    int32_t  i32[COUNT];
    int64_t  i64[COUNT];
    uint64_t u64[COUNT];
    convert_from_double(FOV_I8, from, i8, COUNT);
    convert_from_double(FOV_U8, from, u8, COUNT);
    convert_from_double(FOV_I32, from, i32, COUNT);
    convert_from_double(FOV_I64, from, i64, COUNT);
    convert_from_double(FOV_U64, from, u64, COUNT);
    convert_from_double(FOV_BOOL, from, truth, COUNT);
    const int8_t  expected_i8[] = {0, 0, 127, 127, -128, -128, 127, 127, 127, -128, 0, -1, 127};
    const uint8_t expected_u8[] = {0, 0, 127, 128, 0, 0, 255, 255, 255, 0, 0, 0, 255};
    assert_memory_equal(i8, expected_i8, sizeof i8);
    assert_memory_equal(u8, expected_u8, sizeof u8);
    assert_int_equal(i32[12], INT32_MAX);
    assert_int_equal(i32[9], INT32_MIN);
    assert_int_equal(i64[8], INT64_MAX);
    assert_int_equal(i64[9], INT64_MIN);
    assert_int_equal(i64[12], 2147483648LL);
    assert_true(u64[8] == UINT64_MAX);
    assert_int_equal(u64[9], 0);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(truth[i], 1);
    }
    const double limits[] = {-0x1p63, 0x1p63, -0x1p31, 0x1p64};
    convert_from_double(FOV_I64, limits, i64, 4);
    assert_true(i64[0] == INT64_MIN && i64[1] == INT64_MAX && i64[2] == -2147483648LL && i64[3] == INT64_MAX);
}

static void test_every_type_there_and_back(void **state)
{
    (void)state;
    const double values[] = {0, 1, 2, 100, 127};
    for (int type = 0; type < FOV_DTYPE_COUNT; type++) {
        unsigned char bytes[5 * 8 + 1];
        double        back[5];
        size_t        size = fov_dtype_size((fov_dtype)type);
        memset(bytes, 0xa5, sizeof bytes);
        convert_from_double((fov_dtype)type, values, bytes, 5);
        assert_int_equal(bytes[5 * size], 0xa5); /* wrote no more than 5 elements */
        convert_to_double((fov_dtype)type, bytes, back, 5);
        for (int i = 0; i < 5; i++) {
            double expected = type == FOV_BOOL ? (values[i] > 0 ? 1 : 0) : values[i];
            assert_true(back[i] <= expected && back[i] >= expected);
        }
        assert_true(size >= 1 && size <= 8);
        assert_true(strlen(fov_dtype_name((fov_dtype)type)) >= 2);
    }
    assert_string_equal(fov_dtype_name(FOV_F32), "f32");
    assert_string_equal(fov_dtype_name(FOV_DTYPE_COUNT), "unknown");
    assert_int_equal(fov_dtype_size(FOV_DTYPE_COUNT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_half),
        cmocka_unit_test(test_rounding_to_half),
        cmocka_unit_test(test_integers_saturate),
        cmocka_unit_test(test_every_type_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
