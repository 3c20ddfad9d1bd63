/* SPDX-License-Identifier: MIT */
/* Results and refusals at the limits of what operators accept, worked out by hand. The generated tests cover what holds
 * for every operator: test_not_finite.c, test_empty.c, test_bounds.c. */
#include "harness.h"
#include <fovea/fovea.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct corner {
    fov_context *context;
    fov_graph *graph;
};

static struct corner begin(void)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    return (struct corner){context, fov_graph_create(context)};
}

static void end(struct corner *corner)
{
    fov_graph_free(corner->graph);
    fov_context_free(corner->context);
}

/* Runs `y` on the input x = `data` and compares its first `count` elements. */
static void gives(struct corner *corner, fov_value x, const float *data, fov_value y, bool training,
                  const float *expected, size_t count)
{
    fov_plan *plan = fov_plan_create(corner->graph, &y, 1, &(fov_plan_options){.training = training});
    if (plan == NULL) {
        fail_msg("%s", fov_error(corner->context));
    }
    memcpy(fov_plan_data(plan, x), data, fov_plan_bytes(plan, x));
    assert_int_equal(fov_plan_run(plan, 0), FOV_OK);
    const float *got = fov_plan_data(plan, y);
    for (size_t i = 0; i < count; i++) {
        if (!(fabsf(got[i] - expected[i]) <= 1e-6F * fabsf(expected[i]))) {
            fail_msg("element %zu is %.9g, expected %.9g", i, (double)got[i], (double)expected[i]);
        }
    }
    fov_plan_free(plan);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* Windows that do not contain the channel of 1e9 are not affected by it (a running sum would lose their digits). */
static void response_normalisation_behind_a_large_channel(void **state)
{
    enum { CHANNELS = 24 };
    static const int sizes[] = {3, 5, 15};
    (void)state;
    for (int s = 0; s < 3; s++) {
        struct corner corner = begin();
        float data[CHANNELS], expected[CHANNELS];
        for (int c = 0; c < CHANNELS; c++) {
            int first = c - (sizes[s] - 1) / 2, last = c + sizes[s] / 2;
            int seen = (last < CHANNELS ? last : CHANNELS - 1) - (first > 0 ? first : 0) + 1;
            data[c] = c == 0 ? 1e9F : 1;
            expected[c] = first > 0 ? 1 / (1 + (float)seen) : 0;
        }
        fov_value x = fov_input(corner.graph, .shape = FOV_SHAPE(1, CHANNELS, 1, 1));
        fov_value y = fov_lrn(corner.graph, x, .size = sizes[s], .alpha = (float)sizes[s], .beta = 1, .bias = 1);
        int large = sizes[s] / 2 + 1; /* first channel whose window does not contain the large one */
        y = fov_slice(corner.graph, y, 1, large, CHANNELS - large, 1);
        gives(&corner, x, data, y, false, expected + large, (size_t)(CHANNELS - large));
        end(&corner);
    }
}

/* 3^1000 and 1e-30^1000 overflow and underflow; the norms of such windows do not. */
static void norms_of_a_large_power(void **state)
{
    static const float data[] = {3, -2, 0.5F, -3e-30F, 0, 1e-31F, 0, 0, 0}, norms[] = {3, 3e-30F, 0};
    static const float flow[] = {1, 0, 0, -1, 0, 0, 0, 0, 0};
    (void)state;
    struct corner corner = begin();
    fov_value x = fov_input(corner.graph, .shape = FOV_SHAPE(1, 3, 1, 3)), dx;
    fov_value in[] = {x};
    fov_value y = fov_node(corner.graph, "lp_pool", in, 1, "kernel", "1,3", "p", "1000");
    gives(&corner, x, data, y, false, norms, 3);
    assert_int_equal(fov_gradient(corner.graph, fov_reduce_sum_opt(corner.graph, y, NULL), &x, 1, &dx), FOV_OK);
    gives(&corner, x, data, dx, false, flow, 9);
    end(&corner);
}

/* A number passed as an argument, not in a struct of options, is taken as it is: 0 does not mean the default. */
static void nought_is_a_number(void **state)
{
    static const float data[] = {-4, -1, 2, 3}, rectified[] = {0, 0, 2, 3};
    (void)state;
    struct corner corner = begin();
    fov_value x = fov_input(corner.graph, .shape = FOV_SHAPE(4));
    gives(&corner, x, data, fov_dropout(corner.graph, x, 0), true, data, 4);
    gives(&corner, x, data, fov_leaky_relu(corner.graph, x, 0), false, rectified, 4);
    assert_int_equal(fov_huber(corner.graph, x, x, 0).id, 0);
    assert_non_null(strstr(fov_error(corner.context), "delta must be above 0"));
    end(&corner);
    corner = begin();
    x = fov_input(corner.graph, .shape = FOV_SHAPE(4));
    assert_int_equal(fov_smooth_l1(corner.graph, x, x, 0).id, 0);
    assert_non_null(strstr(fov_error(corner.context), "beta must be above 0"));
    end(&corner);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static void unpooling_to_one_size_alone(void **state)
{
    (void)state;
    struct corner corner = begin();
    fov_value x = fov_input(corner.graph, .shape = FOV_SHAPE(1, 1, 2, 2), .name = "x");
    fov_value index = fov_input(corner.graph, .shape = FOV_SHAPE(1, 1, 2, 2), .dtype = FOV_I64, .name = "index");
    assert_int_equal(fov_max_unpool2d(corner.graph, x, index, .kernel = 2, .height = 5).id, 0);
    assert_non_null(strstr(fov_error(corner.context), "height is 5 and width 0"));
    end(&corner);
}

/* Inputs that do not fit each other, for operators that gradients emit and some others. All are constants, since an
 * accepted node of constants is computed at once. */
static void what_does_not_fit(void **state)
{
    static const struct {
        const char *op;
        fov_shape shape[6];
        fov_dtype dtype[6];
        int count;
        const char *options[5];
    } wrong[] = {
        {"det_gradient", {FOV_SHAPE(50), FOV_SHAPE(2, 2)}, {0}, 2, {0}},
        {"global_max_pool_take", {FOV_SHAPE(1, 2, 3), FOV_SHAPE(90, 2, 1)}, {0, FOV_I32}, 2, {0}},
        {"global_max_pool_gradient", {FOV_SHAPE(1, 2, 9), FOV_SHAPE(1, 2, 9)}, {0, FOV_I32}, 2, {"size", "3"}},
        {"gather_gradient", {FOV_SHAPE(3), FOV_SHAPE(3), FOV_SHAPE(4, 5)}, {0, FOV_I64}, 3, {"axis", "-8"}},
        {"gather_gradient", {FOV_SHAPE(3), FOV_SHAPE(30), FOV_SHAPE(4)}, {0, FOV_I64}, 3, {0}},
        {"gather_elements_gradient", {FOV_SHAPE(9, 9), FOV_SHAPE(2, 2), FOV_SHAPE(2, 2)}, {0, FOV_I64}, 3, {0}},
        {"gather_nd_gradient", {FOV_SHAPE(9), FOV_SHAPE(2, 7), FOV_SHAPE(2, 2)}, {0, FOV_I64}, 3, {0}},
        {"row_norm_gradient",
         {FOV_SHAPE(2, 3), FOV_SHAPE(1), FOV_SHAPE(2, 1), FOV_SHAPE(2, 1), FOV_SHAPE(2, 3)},
         {0},
         5,
         {0}},
        {"row_norm_gradient",
         {FOV_SHAPE(2, 3), FOV_SHAPE(3), {-1, {0}}, FOV_SHAPE(2, 1), FOV_SHAPE(2, 3)},
         {0},
         5,
         {0}},
        {"pad_gradient", {FOV_SHAPE(9), {-1, {0}}, FOV_SHAPE(2)}, {0}, 3, {"pads", "-2,-2", "mode", "wrap"}},
        {"nll_loss_gradient", {{0, {0}}, FOV_SHAPE(5, 4), FOV_SHAPE(5)}, {0, 0, FOV_I64}, 3, {"reduction", "none"}},
        {"softmax_cross_entropy_gradient",
         {{0, {0}}, FOV_SHAPE(5, 4), FOV_SHAPE(5)},
         {0, 0, FOV_I64},
         3,
         {"reduction", "none"}},
        {"mse_gradient", {FOV_SHAPE(0), FOV_SHAPE(5), FOV_SHAPE(5)}, {0}, 3, {0}},
        {"compress_gradient", {FOV_SHAPE(1), FOV_SHAPE(9), FOV_SHAPE(2)}, {0, FOV_BOOL}, 3, {0}},
        {"adaptive_max_pool_gradient",
         {FOV_SHAPE(1, 1, 4), FOV_SHAPE(1), FOV_SHAPE(1)},
         {0, FOV_I64},
         2,
         {"size", "4", "in_size", "8"}},
        {"tile_gradient", {FOV_SHAPE(9, 9), FOV_SHAPE(2), FOV_SHAPE(1)}, {0, 0, FOV_I64}, 3, {0}},
        {"max_unpool_gradient", {FOV_SHAPE(1, 1, 4), FOV_SHAPE(1, 1, 2), FOV_SHAPE(1, 1, 2)}, {0, 0, FOV_I64}, 3, {0}},
        {"einsum", {FOV_SHAPE(5), FOV_SHAPE(300)}, {0}, 2, {"first", "105", "second", "46,46"}},
        {"einsum", {FOV_SHAPE(5)}, {0}, 1, {"first", "46", "result", "46,46"}},
        {"einsum", {FOV_SHAPE(5)}, {0}, 1, {"first", "64"}},
    };
    static const float zeros[400];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct corner corner = begin();
        fov_value in[6] = {{0}};
        for (int k = 0; k < wrong[i].count; k++) {
            if (wrong[i].shape[k].rank >= 0) {
                in[k] = fov_constant(corner.graph, NULL, wrong[i].dtype[k], wrong[i].shape[k], zeros);
            }
        }
        if (fov_node_opt(corner.graph, wrong[i].op, in, wrong[i].count, wrong[i].options).id != 0) {
            fail_msg("%s, number %zu: it was taken", wrong[i].op, i);
        }
        assert_true(strlen(fov_error(corner.context)) > strlen(wrong[i].op) + 10);
        end(&corner);
    }
}

/* Sizes that are no numbers of elements, among values that decide a shape. */
static void what_is_no_size(void **state)
{
    static const struct {
        const char *op;
        fov_shape shape[4];
        fov_dtype dtype[4];
        int count, sizes; /* sizes: the input whose first element is wrong */
        const char *options[3];
    } taken[] = {
        {"expand", {FOV_SHAPE(1), FOV_SHAPE(1)}, {0}, 2, 1, {0}},
        {"constant_of_shape", {FOV_SHAPE(1)}, {0}, 1, 0, {0}},
        {"center_crop_pad", {FOV_SHAPE(3), FOV_SHAPE(1)}, {0}, 2, 1, {0}},
        {"resize", {FOV_SHAPE(1, 1, 4, 4), {-1, {0}}, {-1, {0}}, FOV_SHAPE(4)}, {0}, 4, 3, {0}},
        {"affine_grid", {FOV_SHAPE(1, 2, 3), FOV_SHAPE(4)}, {0}, 2, 1, {0}},
        {"max_unpool",
         {FOV_SHAPE(1, 1, 1), FOV_SHAPE(1, 1, 1), FOV_SHAPE(3)},
         {0, FOV_I64},
         3,
         2,
         {"kernel", "1"}},
    };
    static const float wrong[] = {NAN, -INFINITY, -3e38F, -7}, zeros[16];
    static const char *const shown[] = {"nan", "-inf", "-", "-7"};
    (void)state;
    for (size_t i = 0; i < 4 * sizeof taken / sizeof *taken; i++) {
        struct corner corner = begin();
        fov_value in[4] = {{0}};
        float sizes[4] = {wrong[i % 4], 1, 4, 4};
        for (int k = 0; k < taken[i / 4].count; k++) {
            if (taken[i / 4].shape[k].rank >= 0) {
                const void *data = k == taken[i / 4].sizes ? sizes : zeros;
                in[k] = fov_constant(corner.graph, NULL, taken[i / 4].dtype[k], taken[i / 4].shape[k], data);
            }
        }
        if (fov_node_opt(corner.graph, taken[i / 4].op, in, taken[i / 4].count, taken[i / 4].options).id != 0) {
            fail_msg("%s took the size %g", taken[i / 4].op, (double)wrong[i % 4]);
        }
        if (strstr(fov_error(corner.context), shown[i % 4]) == NULL) {
            fail_msg("%s does not show the size %s: %s", taken[i / 4].op, shown[i % 4], fov_error(corner.context));
        }
        end(&corner);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(response_normalisation_behind_a_large_channel),
        cmocka_unit_test(norms_of_a_large_power),
        cmocka_unit_test(nought_is_a_number),
        cmocka_unit_test(unpooling_to_one_size_alone),
        cmocka_unit_test(what_does_not_fit),
        cmocka_unit_test(what_is_no_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
