/* SPDX-License-Identifier: MIT */
/* Convolutions that run within the step that reads them, line by line: which steps do; the numbers of the plan without
 * fusion on every instruction set; the same bits for any number of threads; and a convolution whose result is an
 * output, too, does not run within its reader. */
#include "graph/plan.h"
#include "support/levels.h"
#include <fovea/operators.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/** A block of the mobile networks: pointwise to `wide` channels, depthwise, pointwise to `filters` channels. */
struct block {
    const char *name;
    int  channels, wide, filters; /**< filters 0: no second pointwise convolution */
    int  height, width, kernel, stride, pad, dilation;
    bool expands, residual, swish, read_again, wanted;
    int  within; /**< steps that run within their reader */
};

static fov_value activate(fov_graph *g, const struct block *block, fov_value x)
{
    return block->swish ? fov_swish(g, x) : fov_clip(g, x, 0, 6);
}

/** *middle: the depthwise convolution's result, normalised and activated. */
static fov_value build(fov_graph *g, const struct block *block, fov_value x, fov_value *middle)
{
    fov_value y = x;
    if (block->expands) {
        y = fov_conv2d(g, y, .filters = block->wide, .kernel = 1, .no_bias = true);
        y = activate(g, block, fov_batch_norm(g, y));
    }
    y = fov_conv2d(g, y, .filters = block->wide, .kernel = block->kernel, .stride = block->stride, .pad = block->pad,
                   .dilation = block->dilation, .groups = block->wide);
    y = *middle = activate(g, block, fov_batch_norm(g, y));
    y = block->read_again ? fov_mul(g, y, fov_sigmoid(g, fov_global_avg_pool(g, y))) : y;
    if (block->filters > 0) {
        y = fov_batch_norm(g, fov_conv2d(g, y, .filters = block->filters, .kernel = 1, .no_bias = true));
    }
    return block->residual ? fov_add(g, x, y) : y;
}

/** Draws all parameters at random; statistics, too, differ from those of a fresh network. */
static void draw(fov_graph *g)
{
    for (int i = 0; i < fov_parameter_count(g); i++) {
        fov_value value = fov_parameter_at(g, i);
        fov_shape shape = fov_value_shape(g, value);
        size_t    count = shape_span(&shape, 0, shape.rank);
        float    *data  = malloc(count * sizeof *data);
        bool      spread = strstr(fov_value_name(g, value), "var") != NULL;

        for (size_t k = 0; k < count; k++) {
            float drawn = (float)random_normal((struct random_key){11, RANDOM_TEST, (uint64_t)i}, k);
            data[k] = spread ? 0.5f + fabsf(drawn) : drawn * 0.3f;
        }
        assert_int_equal(fov_parameter_set(g, value, data, count * sizeof *data), FOV_OK);
        free(data);
    }
}

/** The elements of all outputs, one output after another. */
static float *run(const struct block *block, const char *isa, int threads, bool fused, size_t *count, int *within)
{
    fov_context *context =
        fov_context_create(&(fov_context_options){.device = "cpu", .threads = threads, .isa = isa, .exact_conv = true});
    fov_graph *g = fov_graph_create(context);
    fov_value  x = fov_input(g, .shape = FOV_SHAPE(FOV_BATCH, block->channels, block->height, block->width));
    fov_value  outputs[2] = {{0}, {0}};
    fov_plan  *plan;
    float     *pixels, *all;

    outputs[0] = build(g, block, x, &outputs[1]);
    draw(g);
    plan = fov_plan_create(g, outputs, 1 + block->wanted, &(fov_plan_options){.batch = 2, .no_fusion = !fused});
    assert_string_equal(fov_error(context), "");
    pixels = fov_plan_data(plan, x);
    for (size_t i = 0; i < fov_plan_bytes(plan, x) / sizeof *pixels; i++)
        pixels[i] = (float)random_normal((struct random_key){3, RANDOM_TEST, 0}, i);
    for (int again = 0; again < 2; again++) /* the second run must not depend on what the first one left in memory */
        fov_plan_run(plan, 0);
    *count = 0;
    all    = malloc(fov_plan_bytes(plan, outputs[0]) + (block->wanted ? fov_plan_bytes(plan, outputs[1]) : 0));
    for (int i = 0; i < 1 + block->wanted; i++) {
        memcpy(all + *count, fov_plan_data(plan, outputs[i]), fov_plan_bytes(plan, outputs[i]));
        *count += fov_plan_bytes(plan, outputs[i]) / sizeof *all;
    }
    *within = 0;
    for (int s = 0; s < fov_plan_step_count(plan); s++)
        *within += strstr(fov_plan_step_at(plan, s).detail, "within the step") != NULL;
    fov_plan_free(plan);
    fov_graph_free(g);
    fov_context_free(context);
    return all;
}

static void check(const struct block *block, const char *isa)
{
    size_t count, plain_count;
    int    within, none;
    float *fused = run(block, isa, 1, true, &count, &within);
    float *plain = run(block, isa, 1, false, &plain_count, &none);

    if (within != block->within)
        fail_msg("%s on %s: %d steps run within another, should be %d", block->name, isa, within, block->within);
    assert_int_equal(none, 0);
    assert_int_equal(count, plain_count);
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)fused[i] - (double)plain[i]) <= 5e-5 * fmax(1, fabs((double)plain[i]))))
            fail_msg("%s on %s, element %zu: %g as one, %g by parts", block->name, isa, i, (double)fused[i],
                     (double)plain[i]);
    for (int threads = 2; threads <= 5; threads++) {
        float *again = run(block, isa, threads, true, &plain_count, &none);

        if (memcmp(again, fused, count * sizeof *fused) != 0)
            fail_msg("%s on %s: other bits with %d threads", block->name, isa, threads);
        assert_int_equal(none, within);
        free(again);
    }
    free(fused);
    free(plain);
}

static const struct block blocks[] = {
    {.name = "inverted residual", .channels = 9, .wide = 54, .filters = 9, .height = 37, .width = 35, .kernel = 3,
     .stride = 1,
     .pad = 1, .expands = true, .residual = true, .within = 2},
    {.name = "stride 2", .channels = 7, .wide = 40, .filters = 13, .height = 41, .width = 43, .kernel = 3,
     .stride = 2, .pad = 1,
     .expands = true, .within = 2},
    {.name = "5x5, swish", .channels = 10, .wide = 68, .filters = 21, .height = 34, .width = 33, .kernel = 5,
     .stride = 1,
     .pad = 2, .expands = true, .swish = true, .within = 2},
    {.name = "dilated", .channels = 6, .wide = 40, .filters = 8, .height = 43, .width = 45, .kernel = 3, .stride = 1,
     .pad = 2,
     .dilation = 2, .expands = true, .within = 2},
    {.name = "valid, stride beyond the kernel", .channels = 5, .wide = 33, .filters = 8, .height = 51, .width = 47,
     .kernel = 2,
     .stride = 3, .expands = true, .within = 2},
    {.name = "separable", .channels = 70, .wide = 70, .filters = 45, .height = 34, .width = 37, .kernel = 3,
     .stride = 1, .pad = 1,
     .within = 1},
    {.name = "one line", .channels = 64, .wide = 64, .filters = 20, .height = 1, .width = 1200, .kernel = 3,
     .stride = 1, .pad = 1,
     .within = 1},
    {.name = "one column", .channels = 12, .wide = 64, .filters = 20, .height = 1200, .width = 1, .kernel = 3,
     .stride = 1,
     .pad = 1, .expands = true, .within = 2},
    {.name = "squeezed", .channels = 9, .wide = 54, .filters = 12, .height = 37, .width = 35, .kernel = 3,
     .stride = 1, .pad = 1,
     .expands = true, .read_again = true, .within = 2},
    {.name = "wanted in between", .channels = 9, .wide = 54, .filters = 12, .height = 37, .width = 35, .kernel = 3,
     .stride = 1,
     .pad = 1, .expands = true, .wanted = true, .within = 1},
    {.name = "depthwise last", .channels = 9, .wide = 54, .height = 37, .width = 35, .kernel = 3, .stride = 1, .pad = 1,
     .expands = true, .within = 1},
    {.name = "by channels", .channels = 21, .wide = 150, .filters = 21, .height = 9, .width = 8, .kernel = 5,
     .stride = 1,
     .pad = 2, .expands = true, .residual = true, .within = 1},
    {.name = "by channels, stride 2", .channels = 21, .wide = 131, .filters = 9, .height = 13, .width = 15, .kernel = 3,
     .stride = 2, .pad = 1, .expands = true, .swish = true, .within = 1},
    {.name = "small", .channels = 9, .wide = 54, .filters = 9, .height = 9, .width = 8, .kernel = 3, .stride = 1,
     .pad = 1,
     .expands = true, .residual = true, .within = 0},
};

static void one_within_the_other(void **state)
{
    (void)state;
    const char *levels[CPU_LEVEL_COUNT];
    int         count = levels_here(levels);

    for (int l = 0; l < count; l++)
        for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
            check(&blocks[i], levels[l]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_within_the_other)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
