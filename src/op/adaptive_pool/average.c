/* SPDX-License-Identifier: MIT */
/* Adaptive average pooling: the mean of each bin. Linear, so its gradient's gradient is itself. */
#include "op/adaptive_pool/adaptive_pool.h"

static int infer(const struct op_infer *infer)
{
    return adaptive_infer(infer, &infer->in[0].shape, &infer->out[0].shape);
}

static void gradient(struct op_gradient *gradient)
{
    struct adaptive_options options = *(const struct adaptive_options *)gradient->options;
    options.size = window_spatial(&gradient->in_tensor[0].shape);
    gradient->in_gradient[0] =
        op_emit1(gradient->emitter, "adaptive_avg_pool_gradient", gradient->out_gradient[0], &options);
}

static void gradient_gradient(struct op_gradient *gradient)
{
    gradient->in_gradient[0] =
        op_emit1(gradient->emitter, "adaptive_avg_pool", gradient->out_gradient[0], gradient->options);
}

static void textbook(const struct op_textbook *textbook)
{
    const fov_shape *x = &textbook->in[0].shape;
    struct adaptive adaptive = adaptive_of(x, &textbook->out[0].shape);
    size_t planes = shape_span(x, 0, 2);
    for (size_t plane = 0; plane < planes; plane++) {
        const double *image = textbook->in[0].data + plane * adaptive.in_pixels;
        for (size_t pixel = 0; pixel < adaptive.out_pixels; pixel++) {
            struct adaptive_bin bin = adaptive_bin(&adaptive, pixel);
            double sum = 0;
            for (size_t z = bin.first[0]; z < bin.end[0]; z++) {
                for (size_t y = bin.first[1]; y < bin.end[1]; y++) {
                    for (size_t at = bin.first[2]; at < bin.end[2]; at++) {
                        sum += image[adaptive_pixel(&adaptive, z, y, at)];
                    }
                }
            }
            textbook->out[0].data[plane * adaptive.out_pixels + pixel] = sum / (double)bin.count;
        }
    }
}

static void gradient_textbook(const struct op_textbook *textbook)
{
    const fov_shape *dx = &textbook->out[0].shape;
    struct adaptive adaptive = adaptive_of(dx, &textbook->in[0].shape);
    size_t planes = shape_span(dx, 0, 2);
    for (size_t plane = 0; plane < planes; plane++) {
        double *image = textbook->out[0].data + plane * adaptive.in_pixels;
        for (size_t pixel = 0; pixel < adaptive.out_pixels; pixel++) {
            struct adaptive_bin bin = adaptive_bin(&adaptive, pixel);
            double share = textbook->in[0].data[plane * adaptive.out_pixels + pixel] / (double)bin.count;
            for (size_t z = bin.first[0]; z < bin.end[0]; z++) {
                for (size_t y = bin.first[1]; y < bin.end[1]; y++) {
                    for (size_t at = bin.first[2]; at < bin.end[2]; at++) {
                        image[adaptive_pixel(&adaptive, z, y, at)] += share;
                    }
                }
            }
        }
    }
}

/* ---- on the CPU: an image per chunk, all channels of a pixel side by side ------------------------------------------ */

struct work {
    const struct kernel_table *kernel;
    struct adaptive            adaptive;
    const float               *from;
    float                     *to;
    size_t                     channels;
    bool                       backward;
};

static void image_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    const struct adaptive *adaptive = &work->adaptive;
    size_t channels = work->channels, many = adaptive->in_pixels * channels, few = adaptive->out_pixels * channels;
    const float *from = work->from + chunk * (work->backward ? few : many);
    float *to = work->to + chunk * (work->backward ? many : few);
    work->kernel->fill(work->backward ? many : few, 0, to);
    for (size_t pixel = 0; pixel < adaptive->out_pixels; pixel++) {
        struct adaptive_bin bin = adaptive_bin(adaptive, pixel);
        float share = 1 / (float)bin.count;
        for (size_t z = bin.first[0]; z < bin.end[0]; z++) {
            for (size_t y = bin.first[1]; y < bin.end[1]; y++) {
                for (size_t at = bin.first[2]; at < bin.end[2]; at++) {
                    size_t wide = adaptive_pixel(adaptive, z, y, at) * channels, narrow = pixel * channels;
                    work->kernel->scale_add(channels, share, from + (work->backward ? narrow : wide), 1,
                                            to + (work->backward ? wide : narrow));
                }
            }
        }
    }
}

static void run_either(const struct op_run *run, const fov_shape *x, const fov_shape *y, bool backward)
{
    struct work work = {run->kernel, adaptive_of(x, y), run->in[0].data, run->out[0].data, (size_t)x->dim[1], backward};
    pool_run(run->pool, image_chunk, &work, (size_t)x->dim[0]);
}

static void run(const struct op_run *run)
{
    run_either(run, &run->in[0].shape, &run->out[0].shape, false);
}

static void run_gradient(const struct op_run *run)
{
    run_either(run, &run->out[0].shape, &run->in[0].shape, true);
}

static int compile(struct op_compile *compile)
{
    compile->run = run;
    return FOV_OK;
}

static int compile_gradient(struct op_compile *compile)
{
    compile->run = run_gradient;
    return FOV_OK;
}

static const struct op_cpu cpu = {.layout = OP_WANTS_CHANNELS_LAST, .supports = op_all_f32, .compile = compile};
static const struct op_cpu gradient_cpu = {
    .layout = OP_WANTS_CHANNELS_LAST, .supports = op_all_f32, .compile = compile_gradient};

fov_value fov_adaptive_avg_pool2d(fov_graph *graph, fov_value x, int height, int width)
{
    return adaptive_build2d(graph, x, height, width, "adaptive_avg_pool", fov_avg_pool2d_opt);
}

static const struct adaptive_options shrink = {.output = {2, {3, 4}}}, grow = {.output = {2, {7, 5}}},
                                     line = {.output = {1, {3}}}, volume = {.output = {3, {2, 1, 3}}},
                                     shrink_gradient = {{2, {3, 4}}, {2, {7, 9}}},
                                     volume_gradient = {{3, {2, 1, 3}}, {3, {3, 2, 4}}};
static const struct op_case cases[] = {
    {.name = "bins overlap", .in = {{4, {2, 5, 7, 9}}}, .in_count = 1, .options = &shrink},
    {.name = "larger than x", .in = {{4, {1, 17, 3, 5}}}, .in_count = 1, .options = &grow},
    {.name = "1-D", .in = {{3, {2, 3, 8}}}, .in_count = 1, .options = &line},
    {.name = "3-D", .in = {{5, {2, 3, 3, 2, 4}}}, .in_count = 1, .options = &volume},
    {0},
};
static const struct op_case gradient_cases[] = {
    {.name = "bins overlap", .in = {{4, {2, 5, 3, 4}}}, .in_count = 1, .options = &shrink_gradient},
    {.name = "3-D", .in = {{5, {2, 3, 2, 1, 3}}}, .in_count = 1, .options = &volume_gradient},
    {0},
};

const struct op op_adaptive_avg_pool = {
    .name = "adaptive_avg_pool",
    .family = OP_POOLING,
    .summary = "The means of bins that divide an image into a given number of pixels.",
    .formula = "y[o] = mean of x[floor(o in / out) .. ceil((o + 1) in / out) - 1], per axis",
    .source = "He et al., Spatial pyramid pooling, ECCV 2014, section 2.3; bins as in PyTorch",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, spatial...]"}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, C, output...]"}, {0}},
    .attributes = adaptive_attributes,
    .options_size = sizeof(struct adaptive_options),
    .infer = infer,
    .gradient = gradient,
    .cost = adaptive_cost,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};

const struct op op_adaptive_avg_pool_gradient = {
    .name = "adaptive_avg_pool_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of adaptive_avg_pool.",
    .formula = "dx[i] = sum over bins that hold i of dy[o] / pixels of o",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[N, C, output...]"}, {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "[N, C, size...]"}, {0}},
    .attributes = adaptive_attributes,
    .options_size = sizeof(struct adaptive_options),
    .infer = adaptive_infer_gradient,
    .gradient = gradient_gradient,
    .textbook = gradient_textbook,
    .cpu = &gradient_cpu,
    .cases = gradient_cases,
};
