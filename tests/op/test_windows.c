/* SPDX-License-Identifier: MIT */
/* Window arithmetic against sizes worked out by hand (for ceil mode and SAME, by PyTorch's and ONNX's rules), and the
 * error sentences for impossible windows. test_operators.c tests what windows compute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "op/window.h"

static struct op_list list(int count, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return (struct op_list){count, {a, b, c, d}};
}

static void check_out(fov_shape x, struct op_list kernel, struct op_list stride, struct op_list pad,
                      struct op_list dilation, int auto_pad, bool ceil_mode, int64_t height, int64_t width)
{
    struct error error = {0};
    struct window window;
    struct window_request request = {&kernel, &stride, &pad, &dilation, auto_pad, ceil_mode};
    assert_int_equal(window_resolve(&window, &x, &request, &error), 0);
    assert_int_equal(window.out[0], 1);
    assert_int_equal(window.out[1], height);
    assert_int_equal(window.out[2], width);
}

static void test_sizes(void **state)
{
    (void)state;
    const struct op_list none = {0}, three = list(2, 3, 3, 0, 0), two = list(2, 2, 2, 0, 0), one = list(4, 1, 1, 1, 1);
    fov_shape x = {4, {FOV_BATCH, 3, 7, 8}};
    check_out(x, three, none, none, none, WINDOW_PAD_GIVEN, false, 5, 6);
    check_out(x, three, two, one, none, WINDOW_PAD_GIVEN, false, 4, 4);
    check_out(x, three, none, none, two, WINDOW_PAD_GIVEN, false, 3, 4);
    check_out(x, list(2, 2, 4, 0, 0), list(2, 1, 3, 0, 0), list(4, 0, 2, 1, 1), none, WINDOW_PAD_GIVEN, false, 7, 3);
    check_out(x, three, two, none, none, WINDOW_SAME_UPPER, false, 4, 4);
    check_out(x, three, two, none, none, WINDOW_VALID, false, 3, 3);
    /* Ceil mode adds a last window that reaches over the end, but never one that begins beyond the image. */
    check_out(x, three, two, none, none, WINDOW_PAD_GIVEN, true, 3, 4);
    check_out((fov_shape){4, {1, 1, 4, 4}}, list(2, 1, 1, 0, 0), three, one, none, WINDOW_PAD_GIVEN, true, 2, 2);
}

static void test_same_puts_the_odd_pixel(void **state)
{
    (void)state;
    struct op_list kernel = list(1, 4, 0, 0, 0), none = {0};
    fov_shape x = {3, {1, 1, 6}};
    struct window window;
    struct window_request request = {&kernel, &none, &none, &none, WINDOW_SAME_UPPER, false};
    assert_int_equal(window_resolve(&window, &x, &request, NULL), 0);
    assert_int_equal(window.begin[2], 1);
    assert_int_equal(window.end[2], 2);
    request.auto_pad = WINDOW_SAME_LOWER;
    assert_int_equal(window_resolve(&window, &x, &request, NULL), 0);
    assert_int_equal(window.begin[2], 2);
    assert_int_equal(window.end[2], 1);
}

static void test_both_directions_agree(void **state)
{
    (void)state;
    struct op_list kernel = list(1, 3, 0, 0, 0), stride = list(1, 2, 0, 0, 0), pad = list(2, 2, 1, 0, 0);
    struct op_list dilation = list(1, 2, 0, 0, 0);
    fov_shape x = {3, {1, 1, 11}};
    struct window window;
    struct window_request request = {&kernel, &stride, &pad, &dilation, WINDOW_PAD_GIVEN, false};
    assert_int_equal(window_resolve(&window, &x, &request, NULL), 0);
    for (int64_t in = 0; in < window.in[2]; in++) {
        for (int64_t tap = 0; tap < 3; tap++) {
            int64_t expected = -1;
            for (int64_t out = 0; out < window.out[2]; out++) {
                expected = window_meets(&window, 2, out, tap) == in ? out : expected;
            }
            assert_int_equal(window_met_by(&window, 2, in, tap), expected);
        }
    }
}

static void test_sentences(void **state)
{
    (void)state;
    struct op_list kernel = list(2, 5, 5, 0, 0), none = {0}, three = list(3, 1, 1, 1, 0);
    fov_shape x = {4, {FOV_BATCH, 6, 4, 4}};
    struct window window;
    struct error error = {0};
    struct window_request request = {&kernel, &none, &none, &none, WINDOW_PAD_GIVEN, false};
    assert_int_equal(window_resolve(&window, &x, &request, &error), FOV_E_SHAPE);
    assert_string_equal(error.text, "kernel 5 does not fit input [N, 6, 4, 4] with pad 0 (needs 5 pixels, has 4)");
    error = (struct error){0};
    request.pad = &three;
    assert_int_equal(window_resolve(&window, &x, &request, &error), FOV_E_SHAPE);
    assert_string_equal(error.text, "pad has 3 numbers where 4 are needed");
    struct op_list one = list(3, 1, 1, 1, 0), most = {6, {1 << 24, 1 << 24, 1 << 24, 1 << 24, 1 << 24, 1 << 24}};
    request = (struct window_request){&one, &none, &most, &none, WINDOW_PAD_GIVEN, false};
    error = (struct error){0};
    assert_int_equal(window_resolve(&window, &(fov_shape){5, {1, 1, 1, 1, 1}}, &request, &error), FOV_E_SHAPE);
    assert_string_equal(error.text, "input [1, 1, 1, 1, 1]: more pixels, or taps, than can be counted");
    request.pad = &none;
    error = (struct error){0};
    assert_int_equal(window_resolve(&window, &(fov_shape){5, {1, 1, INT64_C(1) << 40, 1, 1}}, &request, &error),
                     FOV_E_SHAPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_same_puts_the_odd_pixel),
        cmocka_unit_test(test_both_directions_agree),
        cmocka_unit_test(test_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
