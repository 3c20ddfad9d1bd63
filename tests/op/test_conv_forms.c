/* SPDX-License-Identifier: MIT */
/* What a plan may ask of a convolution beside its sums: a residual, an activation, a folded normalisation, tensors that
 * are parts of wider ones. All combinations, with direct sums, Winograd's and in groups, on every level of this
 * machine, by calling the operator directly: whole plans (tests/graph) cover few combinations of shapes. */
#include "harness.h"

#include "device/rates.h"
#include "op/conv/conv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 2, MORE = 5 /* floats between pixels where a tensor is part of a wider one */ };

struct form {
    int  channels, filters, height, width, kernel[2], pad[4]; /* top, left, bottom, right */
    int  groups; /* 0: one */
    bool strided, residual, folds;
    enum unary activation;
};

static int group_channels(const struct form *form)
{
    return form->channels / (form->groups ? form->groups : 1);
}

static float *numbers(size_t count, uint64_t use)
{
    float *x = calloc(count + 1, sizeof *x);

    for (size_t i = 0; i < count; i++)
        x[i] = (float)random_normal((struct random_key){9, RANDOM_TEST, use}, i);
    return x;
}

static struct op_tensor image(float *data, int channels, int height, int width, size_t more)
{
    return (struct op_tensor){.dtype        = FOV_F32,
                              .shape        = FOV_SHAPE(BATCH, channels, height, width),
                              .layout       = OP_CHANNELS_LAST,
                              .data         = data,
                              .pixel_stride = more ? (size_t)channels + more : 0};
}

/* The convolution's sum at one element of y, before bias; *magnitude: the sum of the products' absolute values. */
static double sum_at(const struct form *form, const struct op_tensor *x, const float *weight, int n, int oy, int ox,
                     int f, double *magnitude)
{
    const float *data  = x->data;
    size_t       pixel = op_pixel_stride(x);
    double       sum   = 0;
    int          each  = group_channels(form), first = form->groups ? f / (form->filters / form->groups) * each : 0;

    *magnitude = 0;
    for (int ky = 0; ky < form->kernel[0]; ky++)
        for (int kx = 0; kx < form->kernel[1]; kx++) {
            int y = oy + ky - form->pad[0], at = ox + kx - form->pad[1];

            if (y < 0 || y >= form->height || at < 0 || at >= form->width)
                continue;
            for (int c = 0; c < each; c++) {
                double product =
                    (double)data[(size_t)((n * form->height + y) * form->width + at) * pixel + (size_t)(first + c)] *
                    (double)weight[((f * each + c) * form->kernel[0] + ky) * form->kernel[1] + kx];

                sum += product;
                *magnitude += fabs(product);
            }
        }
    return sum;
}

static double activated(enum unary activation, double x)
{
    return activation == UNARY_relu ? fmax(x, 0) : activation == UNARY_tanh ? tanh(x) : x;
}

static void check_form(const struct form *form, const struct kernel_table *kernel, struct pool *pool, bool exact)
{
    int    out_height = form->height + form->pad[0] + form->pad[2] - form->kernel[0] + 1;
    int    out_width  = form->width + form->pad[1] + form->pad[3] - form->kernel[1] + 1;
    size_t in_pixels = (size_t)(BATCH * form->height * form->width),
           out_pixels = (size_t)(BATCH * out_height * out_width);
    size_t more = form->strided ? MORE : 0, filters = (size_t)form->filters, y_pixel = filters + more;
    size_t weights = filters * (size_t)(group_channels(form) * form->kernel[0] * form->kernel[1]);
    float *x = numbers(in_pixels * ((size_t)form->channels + more), 1), *weight = numbers(weights, 2);
    float *bias = numbers(filters, 3), *factor = numbers(filters, 4), *y = numbers(out_pixels * y_pixel, 5);
    float *other = numbers(out_pixels * y_pixel, 6), *before = malloc((out_pixels * y_pixel + 1) * sizeof *before);
    struct op_tensor in[3] = {image(x, form->channels, form->height, form->width, more),
                              {.shape = FOV_SHAPE(form->filters, group_channels(form), form->kernel[0], form->kernel[1])},
                              {.shape = FOV_SHAPE(form->filters)}};
    struct op_tensor   out = image(y, form->filters, out_height, out_width, more), residual = out;
    struct conv_options options = {.pad    = {4, {form->pad[0], form->pad[1], form->pad[2], form->pad[3]}},
                                   .groups = form->groups ? form->groups : 1};
    const fov_rates    rates = {.products = 1, .transform = 1e30, .memory = 1e30, .wake = 1e-30};
    const bool         constant[3] = {false, true, true};
    const double      *values[3]   = {NULL, NULL, NULL};
    struct error       error       = {0};
    struct op_compile  compile     = {.op = op_find("conv"), .kernel = kernel, .workers = pool_threads(pool),
                                      .options = &options, .in = in, .out = &out, .in_count = 3, .out_count = 1,
                                      .in_constant = constant, .in_values = values, .activation = form->activation,
                                      .residual = form->residual ? &residual : NULL, .folds = form->folds,
                                      .exact = exact, .rates = &rates, .error = &error};

    memcpy(before, y, out_pixels * y_pixel * sizeof *y);
    in[1].data = weight, in[2].data = bias, residual.data = other;
    in[1].dtype = in[2].dtype = FOV_F32;
    assert_int_equal(compile.op->cpu->compile(&compile), 0);
    bool planes = strncmp(compile.detail, "planes", 6) == 0;
    assert_true(planes ? form->filters <= 2 : (exact || form->groups) == (strncmp(compile.detail, "Winograd", 8) != 0));

    void *state = calloc(1, compile.state + 64), *packed[3] = {NULL, calloc(1, compile.packed[1] + 64), NULL};
    void *scratch = malloc(compile.scratch + 64);
    void *worker_scratch = malloc(compile.scratch_per_worker * (size_t)compile.workers + 64);
    struct op_run run = {.op = compile.op, .kernel = kernel, .pool = pool, .options = &options, .in = in, .out = &out,
                         .in_count = 3, .out_count = 1, .state = state, .scratch = scratch,
                         .worker_scratch = worker_scratch, .worker_scratch_bytes = compile.scratch_per_worker,
                         .packed = packed, .activation = form->activation, .residual = compile.residual,
                         .fold_factor = form->folds ? factor : NULL, .fold_bias = form->folds ? bias : NULL};
    assert_int_equal(compile.prepare ? compile.prepare(&compile, state) : 0, 0);
    compile.pack(&run);
    compile.run(&run);

    double most = 0, worst = 0;
    for (size_t pixel = 0; pixel < out_pixels; pixel++) {
        int ox = (int)pixel % out_width, oy = (int)pixel / out_width % out_height,
            n = (int)pixel / out_width / out_height;

        for (int f = 0; f < form->filters; f++) {
            double magnitude, sum = sum_at(form, &in[0], weight, n, oy, ox, f, &magnitude);
            double scale = form->folds ? (double)factor[f] : 1;

            sum = sum * scale + (double)bias[f] + (form->residual ? (double)other[pixel * y_pixel + (size_t)f] : 0);
            most  = fmax(most, magnitude * fabs(scale) + 4);
            worst = fmax(worst, fabs(activated(form->activation, sum) - (double)y[pixel * y_pixel + (size_t)f]));
        }
        for (size_t i = filters; i < y_pixel; i++) /* floats between the pixels belong to other tensors: unchanged */
            assert_true(y[pixel * y_pixel + i] == before[pixel * y_pixel + i]);
    }
    if (!(worst <= 32 * 0x1p-24 * most))
        fail_msg("%s, %s, %d to %d channels, %dx%d: off by %.3g, allowed %.3g", kernel->name, compile.detail,
                 form->channels, form->filters, form->height, form->width, worst, 32 * 0x1p-24 * most);
    free(x), free(weight), free(bias), free(factor), free(y), free(other), free(before);
    free(state), free(packed[1]), free(scratch), free(worker_scratch);
}

static void forms(void **state)
{
    static const struct form list[] = {
        {.channels = 9, .filters = 20, .height = 9, .width = 6, .kernel = {3, 3}, .pad = {1, 1, 1, 1}},
        {.channels = 1, .filters = 1, .height = 1, .width = 1, .kernel = {3, 3}, .pad = {2, 2, 2, 2}},
        {.channels = 70, .filters = 33, .height = 7, .width = 5, .kernel = {3, 3}, .pad = {0, 2, 1, 0}},
        {.channels = 33, .filters = 70, .height = 4, .width = 10, .kernel = {3, 3}, .pad = {2, 2, 2, 2}},
        /* so many tiles that each block of them belongs to one thread */
        {.channels = 17, .filters = 18, .height = 30, .width = 29, .kernel = {3, 3}, .pad = {1, 1, 1, 1}},
        {.channels = 40, .filters = 40, .height = 7, .width = 8, .kernel = {5, 5}, .pad = {2, 2, 2, 2}},
        {.channels = 16, .filters = 24, .height = 5, .width = 9, .kernel = {1, 7}, .pad = {0, 3, 0, 3}},
        /* planes, where a register has at least four floats for each filter */
        {.channels = 3, .filters = 1, .height = 6, .width = 19, .kernel = {3, 3}, .pad = {1, 1, 1, 1}},
        {.channels = 9, .filters = 2, .height = 7, .width = 18, .kernel = {3, 3}, .pad = {2, 0, 1, 2}},
        {.channels = 16, .filters = 24, .height = 9, .width = 5, .kernel = {7, 1}, .pad = {3, 0, 3, 0}},
        {.channels = 16, .filters = 24, .height = 5, .width = 9, .kernel = {1, 3}, .pad = {0, 1, 0, 1}},
        {.channels = 16, .filters = 24, .height = 9, .width = 5, .kernel = {3, 1}, .pad = {1, 0, 1, 0}},
        /* small groups, computed row by row; also with more weights than one part of the channels holds */
        {.channels = 48, .filters = 48, .height = 5, .width = 9, .kernel = {3, 3}, .pad = {1, 1, 1, 1}, .groups = 12},
        {.channels = 160, .filters = 160, .height = 4, .width = 6, .kernel = {3, 3}, .pad = {1, 0, 2, 1}, .groups = 20},
        {.channels = 64, .filters = 64, .height = 6, .width = 2, .kernel = {2, 3}, .pad = {0, 2, 1, 2}, .groups = 4},
        {.channels = 6, .filters = 12, .height = 5, .width = 6, .kernel = {3, 3}, .pad = {1, 1, 1, 1}, .groups = 3},
    };
    static const enum unary activations[] = {UNARY_identity, UNARY_relu, UNARY_tanh};
    struct memory *memory = memory_create(NULL, 0);
    struct error   error  = {0};
    struct pool   *pool   = pool_create(memory, 2, &error);

    (void)state;
    for (int level = CPU_REFERENCE; level < CPU_LEVEL_COUNT; level++) {
        const struct kernel_table *kernel = kernel_table_for((enum cpu_level)level);

        if (!kernel || !cpu_has((enum cpu_level)level))
            continue;
        for (size_t i = 0; i < sizeof list / sizeof *list; i++)
            for (int with = 0; with < 24; with++) {
                struct form form = list[i];

                form.strided = with & 1, form.residual = with & 2, form.folds = with & 4;
                form.activation = activations[with / 8];
                check_form(&form, kernel, pool, true);
                check_form(&form, kernel, pool, false);
            }
    }
    pool_destroy(pool);
    memory_destroy(memory);
}

/* Compiles a convolution of stride 1, or its gradient with respect to x or to the weight, for `workers` threads. Pads
 * keep the image's size. */
static struct op_compile compiled(const char *op, const struct form *form, int batch, bool constant,
                                  const struct kernel_table *kernel, const fov_rates *rates, int workers)
{
    fov_shape x = FOV_SHAPE(batch, form->channels, form->height, form->width), y = x;
    fov_shape weight = FOV_SHAPE(form->filters, form->channels, form->kernel[0], form->kernel[1]);
    bool to_x = strcmp(op, "conv_input_gradient") == 0, to_weight = strcmp(op, "conv_weight_gradient") == 0;
    struct op_tensor in[2] = {{.dtype = FOV_F32, .layout = OP_CHANNELS_LAST}, {.dtype = FOV_F32}}, out = in[0];
    struct conv_options options = {.groups = 1, .stride = {2, {1, 1}}, .dilation = {2, {1, 1}}, .pad = {4, {0}},
                                   .kernel = {2, {form->kernel[0], form->kernel[1]}},
                                   .size = {2, {form->height, form->width}}};
    const bool    constants[2] = {false, constant};
    struct error  error        = {0};
    struct op_compile compile  = {.op = op_find(op), .kernel = kernel, .workers = workers, .options = &options, .in = in,
                                  .out = &out, .in_count = 2, .out_count = 1, .in_constant = constants,
                                  .in_values = (const double *[2]){NULL, NULL}, .rates = rates, .error = &error};

    y.dim[1] = form->filters;
    for (int i = 0; i < 4; i++)
        options.pad.at[i] = form->kernel[i % 2] / 2;
    in[0].shape = to_x ? y : x;
    in[1].shape = to_weight ? y : weight;
    in[1].layout = to_weight ? OP_CHANNELS_LAST : in[1].layout;
    out.shape = to_x ? x : to_weight ? weight : y;
    assert_int_equal(compile.op->cpu->compile(&compile), 0);
    return compile;
}

/* Many pictures of few filters: no vector set comes near its rate of large products in the direct sums of 16 filters,
 * and those with matrix tiles do not use them there. One filter goes by planes. */
static void few_filters(void **state)
{
    static const struct form form = {.channels = 16, .filters = 16, .height = 32, .width = 32, .kernel = {3, 3}};
    static const struct form attention = {.channels = 2, .filters = 1, .height = 32, .width = 32, .kernel = {7, 7}};

    (void)state;
    for (int level = CPU_REFERENCE + 1; level < CPU_LEVEL_COUNT; level++) {
        const struct kernel_table *kernel = kernel_table_for((enum cpu_level)level);
        const fov_rates           *rates  = rates_default((enum cpu_level)level);

        if (!kernel || !cpu_has((enum cpu_level)level))
            continue;
        struct op_compile forward  = compiled("conv", &form, 128, false, kernel, rates, 2);
        struct op_compile backward = compiled("conv_input_gradient", &form, 128, false, kernel, rates, 2);
        if (strncmp(forward.detail, "Winograd", 8) != 0 || strncmp(backward.detail, "Winograd", 8) != 0)
            fail_msg("%s: %s, %s", kernel->name, forward.detail, backward.detail);
        forward = compiled("conv", &attention, 2, false, kernel, rates, 2);
        backward = compiled("conv_weight_gradient", &attention, 2, false, kernel, rates, 2);
        if (strncmp(forward.detail, "planes", 6) != 0 || strncmp(backward.detail, "planes", 6) != 0)
            fail_msg("%s: %s, %s", kernel->name, forward.detail, backward.detail);
    }
}

/* The form, and so the bits of results, depends on shapes and rates, never on the number of threads. Many sizes, since
 * a wrong choice would show only where two forms are nearly as fast. */
static void any_threads(void **state)
{
    static const int kernels[][2] = {{3, 3}, {3, 3}, {5, 5}, {1, 7}, {7, 1}, {1, 3}, {3, 1}, {1, 1}};
    static const char *const ops[] = {"conv", "conv_input_gradient", "conv_weight_gradient"};
    static const int threads[] = {2, 3, 4, 16};
    enum { SIZES = 1500 };
    struct random_key key = {9, RANDOM_TEST, 7};

    (void)state;
    for (int level = CPU_REFERENCE; level < CPU_LEVEL_COUNT; level++) {
        const struct kernel_table *kernel = kernel_table_for((enum cpu_level)level);

        for (uint64_t i = 0; i < SIZES && kernel && cpu_has((enum cpu_level)level); i++) {
            uint32_t kind = random_u32(key, 8 * i) % 8, op = random_u32(key, 8 * i + 1) % 3;
            int      size = 1 + (int)(random_u32(key, 8 * i + 2) % (i % 2 ? 64 : 14));
            int      batch = 1 << random_u32(key, 8 * i + 3) % 4;
            bool     constant = random_u32(key, 8 * i + 4) % 4 > 0;
            struct form form = {.channels = 1 + (int)(random_u32(key, 8 * i + 5) % (i % 3 ? 300 : 2500)),
                                .filters = 1 + (int)(random_u32(key, 8 * i + 6) % (i % 3 == 1 ? 80 : 600)),
                                .height = size, .width = 1 + (int)(random_u32(key, 8 * i + 7) % 2) * (size - 1),
                                .kernel = {kernels[kind][0], kernels[kind][1]}};
            fov_rates rates = *rates_default((enum cpu_level)level);

            rates.wake *= i % 5 ? 1 : 1000;
            struct op_compile one = compiled(ops[op], &form, batch, constant, kernel, &rates, 1);

            for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
                struct op_compile many = compiled(ops[op], &form, batch, constant, kernel, &rates, threads[t]);

                if (many.run != one.run || strcmp(many.detail, one.detail) != 0)
                    fail_msg("%s, %s: %d to %d channels, %d of %dx%d: \"%s\" on one thread, \"%s\" on %d", kernel->name,
                             ops[op], form.channels, form.filters, batch, form.height, form.width, one.detail,
                             many.detail, threads[t]);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(few_filters),
                                       cmocka_unit_test(any_threads)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
