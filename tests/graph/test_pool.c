/* SPDX-License-Identifier: MIT */
/* Convolutions that a plan fuses with the max pooling behind them, in inference and in training: which steps remain;
 * the numbers of the plan without fusion; small batches and dilated convolutions are not fused; the same bits for any
 * number of threads. And large windows, which inference pools along rows first: the same bits as windows tap by tap. */
#include "graph/plan.h"
#include <fovea/operators.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Batch sizes. UNEVEN leaves the last register partly empty; WHOLE fills all: then the fused results are stored with
 * the batch innermost ("images-last"). */
enum { UNEVEN = 37, WHOLE = 48 };

/* relu on either side of the pooling, an odd size, a stride of two and a pad. */
static fov_value network(fov_graph *g, fov_value x)
{
    x = fov_relu(g, fov_max_pool2d(g, fov_conv2d(g, x, .filters = 10, .kernel = 5), .kernel = 2));
    x = fov_max_pool2d(g, fov_relu(g, fov_conv2d(g, x, .filters = 7, .kernel = 3, .pad = 1)), .kernel = 2);
    return fov_dense(g, fov_flatten(g, x), .units = 4);
}

/* Enough channels and filters for Winograd's convolutions with 5 x 5 and 3 x 3 taps. */
static fov_value wide_network(fov_graph *g, fov_value x)
{
    x = fov_max_pool2d(g, fov_relu(g, fov_conv2d(g, x, .filters = 12, .kernel = 3, .pad = 4)), .kernel = 2);
    x = fov_max_pool2d(g, fov_relu(g, fov_conv2d(g, x, .filters = 16, .kernel = 5, .pad = 1)), .kernel = 2);
    x = fov_relu(g, fov_max_pool2d(g, fov_conv2d(g, x, .filters = 21, .kernel = 3, .pad = 1), .kernel = 2));
    return fov_dense(g, fov_flatten(g, x), .units = 4);
}

/* With full registers, only tensors that enter or leave the chain of convolutions are reordered: x, the flattened
 * result and its gradient. Between them, all tensors have the batch innermost. */
static void count_moves(const fov_plan *plan, int64_t batch, bool batch_innermost)
{
    int to = 0, from = 0;

    for (int s = 0; s < fov_plan_step_count(plan); s++) {
        fov_plan_step step = fov_plan_step_at(plan, s);

        to += strcmp(step.operation, "reorder") == 0 && strcmp(step.layout, "images-last") == 0;
        from += strcmp(step.operation, "reorder") == 0 && strcmp(step.layout, "images-last") != 0;
        if (strncmp(step.operation, "conv_max_pool", 13) == 0 && step.shape.dim[0] == batch)
            assert_string_equal(step.layout, batch_innermost ? "images-last" : "channels-last");
    }
    if (batch_innermost) {
        assert_in_range(to, 1, 2);
        assert_int_equal(from, 1);
    }
}

/* Runs inference, or in training the gradients of all parameters, too; returns all results one after the other.
 * *joined: steps in which a convolution and its pooling are fused. */
static float *run(const char *isa, int threads, int64_t batch, bool training, bool fused, bool wide, size_t *count,
                  int *joined)
{
    fov_context *context = fov_context_create(
        &(fov_context_options){.device = "cpu", .threads = threads, .isa = isa, .exact_conv = !wide || !fused});
    fov_graph *g = fov_graph_create(context);
    fov_value  x = fov_input(g, .shape = FOV_SHAPE(FOV_BATCH, 2, 15, 13));
    fov_value  y = wide ? wide_network(g, x) : network(g, x);
    fov_value  labels = fov_input(g, .name = "labels", .dtype = FOV_I32, .shape = FOV_SHAPE(FOV_BATCH));
    fov_value  loss   = fov_softmax_cross_entropy(g, y, labels), targets[16], outputs[16];
    int        wanted = 0, outs = 1;
    fov_plan  *plan;
    float     *pixels, *all;

    outputs[0] = y;
    for (int i = 0; i < fov_parameter_count(g); i++)
        targets[wanted++] = fov_parameter_at(g, i);
    if (training) {
        assert_int_equal(fov_gradient(g, loss, targets, wanted, outputs + 1), FOV_OK);
        outs += wanted;
    }
    plan = fov_plan_create(g, outputs, outs,
                           &(fov_plan_options){.batch = batch, .training = training, .no_fusion = !fused});
    assert_string_equal(fov_error(context), "");
    pixels = fov_plan_data(plan, x);
    for (size_t i = 0; i < fov_plan_bytes(plan, x) / sizeof *pixels; i++)
        pixels[i] = (float)random_normal((struct random_key){3, RANDOM_TEST, 0}, i);
    fov_plan_run(plan, 0);
    *count = 0;
    for (int i = 0; i < outs; i++)
        *count += fov_plan_bytes(plan, outputs[i]) / sizeof(float);
    all = malloc(*count * sizeof *all);
    for (int i = 0, at = 0; i < outs; i++) {
        memcpy(all + at, fov_plan_data(plan, outputs[i]), fov_plan_bytes(plan, outputs[i]));
        at += (int)(fov_plan_bytes(plan, outputs[i]) / sizeof(float));
    }
    *joined = 0;
    count_moves(plan, batch, fused && batch % (int64_t)g->context->kernel->vector_floats == 0);
    for (int s = 0; s < fov_plan_step_count(plan); s++)
        *joined += strncmp(fov_plan_step_at(plan, s).operation, "conv_max_pool", 13) == 0 &&
                   (!wide || strncmp(fov_plan_step_at(plan, s).detail, "Winograd F(2x2", 14) == 0);
    fov_plan_free(plan);
    fov_graph_free(g);
    fov_context_free(context);
    return all;
}

static void check(const char *isa, int64_t images, bool training, bool wide, int expected)
{
    size_t count, plain_count;
    int    joined, none;
    float *fused = run(isa, 1, images, training, true, wide, &count, &joined);
    float *plain = run(isa, 1, images, training, false, wide, &plain_count, &none);

    assert_int_equal(joined, expected);
    assert_int_equal(none, 0);
    assert_int_equal(count, plain_count);
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)fused[i] - (double)plain[i]) <= (wide ? 2e-4 : 2e-5) * fmax(1, fabs((double)plain[i]))))
            fail_msg("%s, element %zu: %g pooled at once, %g by parts", isa, i, (double)fused[i], (double)plain[i]);
    for (int threads = 2; threads <= 4; threads++) {
        float *again = run(isa, threads, images, training, true, wide, &plain_count, &none);

        assert_memory_equal(again, fused, count * sizeof *fused);
        free(again);
    }
    free(fused);
    free(plain);
}

/* Whether relu is before or behind the pooling makes no difference: both convolutions are fused with their poolings,
 * and so are both weight gradients and the input gradient of the second (the first one's is not asked for). */
static void pooled_at_once(void **state)
{
    (void)state;
    for (int level = CPU_REFERENCE; level < CPU_LEVEL_COUNT; level++)
        if (kernel_table_for((enum cpu_level)level) && cpu_has((enum cpu_level)level)) {
            for (int64_t images = UNEVEN; images <= WHOLE; images += WHOLE - UNEVEN) {
                check(cpu_level_name((enum cpu_level)level), images, false, false, 2);
                check(cpu_level_name((enum cpu_level)level), images, true, false, 5);
                check(cpu_level_name((enum cpu_level)level), images, false, true, 2);
                check(cpu_level_name((enum cpu_level)level), images, true, true, 6);
            }
        }
}

static void few_images_are_left_alone(void **state)
{
    size_t count;
    int    joined;

    (void)state;
    free(run(NULL, 1, 1, false, true, false, &count, &joined));
    assert_int_equal(joined, 0);
}

/* The fused form has no dilation: if it were fused, a dilated convolution would run by its slow definition. */
static void dilated_convolutions_are_left_alone(void **state)
{
    enum { BATCH = 16 };
    fov_context *context = fov_context_create(&(fov_context_options){.device = "cpu", .threads = 1});
    fov_graph   *g = fov_graph_create(context);
    fov_value    x = fov_input(g, .shape = FOV_SHAPE(FOV_BATCH, 3, 20, 20));
    fov_value    y = fov_max_pool2d(g, fov_conv2d(g, x, .filters = 8, .kernel = 3, .dilation = 2), .kernel = 2);
    fov_value    labels = fov_input(g, .name = "labels", .dtype = FOV_I32, .shape = FOV_SHAPE(FOV_BATCH)), outputs[2];
    fov_value    loss = fov_softmax_cross_entropy(g, fov_dense(g, fov_flatten(g, y), .units = 4), labels);
    fov_value    weight = fov_parameter_at(g, 0);

    (void)state;
    outputs[0] = y;
    assert_int_equal(fov_gradient(g, loss, &weight, 1, outputs + 1), FOV_OK);
    for (int training = 0; training < 2; training++) {
        fov_plan *plan =
            fov_plan_create(g, outputs, 1 + training, &(fov_plan_options){.batch = BATCH, .training = training});

        assert_non_null(plan);
        for (int s = 0; s < fov_plan_step_count(plan); s++)
            assert_true(strncmp(fov_plan_step_at(plan, s).operation, "conv_max_pool", 13) != 0);
        fov_plan_free(plan);
    }
    fov_graph_free(g);
    fov_context_free(context);
}

struct large {
    int channels, height, width, kernel[2], pad[2];
};

/* Few distinct values, so that the maximum occurs several times in most windows; zeros of both signs, and NaN. */
static float few_values(size_t i)
{
    static const float values[] = {-0.0F, 0.0F, -1, -0.0F, -2, 0.0F, -1, -3};
    return i % 97 == 5 ? NAN : values[i * 2654435761U >> 7 & 7];
}

enum { LARGE_MOST = 64 * 20 * 20, LARGE_ROWS = 16 };

/* Pools a picture [H, W, C] tap by tap: the kernel computes each line of the result from all rows of its windows. */
static void pool_by_taps(const fov_context *context, const struct large *form, const float *picture, float *result)
{
    const struct kernel_window window = {.channels = (size_t)form->channels,
                                         .width = (size_t)form->width,
                                         .out_width = (size_t)(form->width + 2 * form->pad[1] - form->kernel[1] + 1),
                                         .kernel_height = (size_t)form->kernel[0],
                                         .kernel_width = (size_t)form->kernel[1],
                                         .stride = 1,
                                         .dilation = 1,
                                         .pad = (size_t)form->pad[1],
                                         .x_stride = (size_t)form->channels,
                                         .y_stride = (size_t)form->channels};
    const float *rows[LARGE_ROWS];

    for (int line = 0; line < form->height + 2 * form->pad[0] - form->kernel[0] + 1; line++) {
        for (int k = 0; k < form->kernel[0]; k++) {
            int y = line + k - form->pad[0];

            rows[k] = y >= 0 && y < form->height ? picture + y * form->width * form->channels : NULL;
        }
        context->kernel->max_pool(&window, rows, result + (size_t)line * window.out_width * window.channels, NULL, 0);
    }
}

/* Pools two pictures, channels last, by a plan that takes rows first, then columns. */
static void pool_by_axes(fov_context *context, const struct large *form, const float *pictures, float *result)
{
    fov_graph *g = fov_graph_create(context);
    fov_value  x = fov_input(g, .shape = FOV_SHAPE(FOV_BATCH, form->channels, form->height, form->width));
    fov_value  y = fov_max_pool2d(g, x, .kernel_size = {form->kernel[0], form->kernel[1]}, .stride = 1,
                                  .pads = {form->pad[0], form->pad[1], form->pad[0], form->pad[1]});
    fov_value  turned = fov_transpose(g, y, (const int[]){0, 2, 3, 1}, 4);
    bool       by_axes = false;
    fov_plan  *plan = fov_plan_create(
        g, &turned, 1, &(fov_plan_options){.batch = 2, .channels_last = &x, .channels_last_count = 1});

    if (!plan)
        fail_msg("%s", fov_error(context));
    for (int s = 0; s < fov_plan_step_count(plan); s++)
        by_axes = by_axes || strcmp(fov_plan_step_at(plan, s).detail, "rows, then columns") == 0;
    assert_true(by_axes);
    memcpy(fov_plan_data(plan, x), pictures, fov_plan_bytes(plan, x));
    fov_plan_run(plan, 0);
    memcpy(result, fov_plan_data(plan, turned), fov_plan_bytes(plan, turned));
    fov_plan_free(plan);
    fov_graph_free(g);
}

static void large_windows_by_axes(void **state)
{
    static const struct large forms[] = {
        {9, 11, 12, {5, 5}, {2, 2}}, {64, 20, 20, {13, 13}, {6, 6}}, {3, 40, 7, {3, 9}, {0, 4}},
        {17, 6, 31, {9, 3}, {4, 1}}, {8, 5, 5, {9, 9}, {4, 4}},
    };
    static float pictures[2 * LARGE_MOST], by_taps[2 * LARGE_MOST], by_axes[2 * LARGE_MOST];

    (void)state;
    for (size_t i = 0; i < 2 * LARGE_MOST; i++)
        pictures[i] = few_values(i);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        for (int threads = 1; threads <= 3; threads++) {
            const struct large *form = &forms[i];
            fov_context *context = fov_context_create(&(fov_context_options){.threads = threads, .device = "cpu"});
            int height = form->height + 2 * form->pad[0] - form->kernel[0] + 1,
                width = form->width + 2 * form->pad[1] - form->kernel[1] + 1;

            memset(by_taps, 0, sizeof by_taps);
            memset(by_axes, 0, sizeof by_axes);
            pool_by_taps(context, form, pictures, by_taps);
            pool_by_taps(context, form, pictures + form->height * form->width * form->channels,
                         by_taps + height * width * form->channels);
            pool_by_axes(context, form, pictures, by_axes);
            assert_memory_equal(by_taps, by_axes, sizeof by_taps);
            fov_context_free(context);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pooled_at_once),
        cmocka_unit_test(few_images_are_left_alone),
        cmocka_unit_test(dilated_convolutions_are_left_alone),
        cmocka_unit_test(large_windows_by_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
