/* SPDX-License-Identifier: MIT */
/* Adaptive max pooling: the largest value of each bin; of equal ones the first; NaN if there is one. A second output
 * says which pixel won. Bins may share it: the gradient adds. */
#include "op/adaptive_pool/adaptive_pool.h"

#include <math.h>

static int infer(const struct op_infer *infer)
{
    fov_shape y;
    int status = adaptive_infer(infer, &infer->in[0].shape, &y);
    for (int i = 0; status == FOV_OK && i < infer->out_count; i++) {
        infer->out[i].shape = y;
        infer->out[i].dtype = i == 0 ? infer->in[0].dtype : FOV_I32;
    }
    return status;
}

static int infer_gradient(const struct op_infer *infer)
{
    int status = op_check_same_shape(infer, 1, "index", 0, "dy");
    if (status == FOV_OK && infer->in[1].dtype != FOV_I32) {
        status = error_set(infer->error, FOV_E_USAGE, "index is %s, it must be i32",
                           fov_dtype_name(infer->in[1].dtype));
    }
    return status != FOV_OK ? status : adaptive_infer_gradient(infer);
}

static void gradient(struct op_gradient *gradient)
{
    struct adaptive_options options = *(const struct adaptive_options *)gradient->options;
    options.size = window_spatial(&gradient->in_tensor[0].shape);
    fov_value index = op_emit_output(gradient->emitter, gradient->out[0], 1);
    gradient->in_gradient[0] =
        op_emit2(gradient->emitter, "adaptive_max_pool_gradient", gradient->out_gradient[0], index, &options);
}

/** [N, C, pixels] */
static fov_value flat(const struct op_emitter *emitter, fov_value value, const fov_shape *shape)
{
    fov_shape rows = {3, {shape->dim[0], shape->dim[1], (int64_t)shape_span(shape, 2, shape->rank)}};
    return op_emit_reshape(emitter, value, &rows);
}

/* What the winners get back: x's flow, picked at their places. gather_elements' options are one number, the axis. */
static void gradient_gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    const fov_shape *dx = &gradient->out_tensor[0].shape, *dy = &gradient->in_tensor[0].shape;
    if (gradient->wanted[0]) {
        int64_t axis = 2;
        fov_value picked = op_emit2(emitter, "gather_elements", flat(emitter, gradient->out_gradient[0], dx),
                                    flat(emitter, gradient->in[1], dy), &axis);
        gradient->in_gradient[0] = op_emit_reshape(emitter, picked, dy);
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const fov_shape *x = &textbook->in[0].shape;
    struct adaptive adaptive = adaptive_of(x, &textbook->out[0].shape);
    double *index = textbook->out_count > 1 ? textbook->out[1].data : NULL;
    size_t planes = shape_span(x, 0, 2);
    for (size_t plane = 0; plane < planes; plane++) {
        const double *image = textbook->in[0].data + plane * adaptive.in_pixels;
        for (size_t pixel = 0; pixel < adaptive.out_pixels; pixel++) {
            struct adaptive_bin bin = adaptive_bin(&adaptive, pixel);
            size_t best = adaptive_pixel(&adaptive, bin.first[0], bin.first[1], bin.first[2]);
            for (size_t z = bin.first[0]; z < bin.end[0]; z++) {
                for (size_t y = bin.first[1]; y < bin.end[1]; y++) {
                    for (size_t at = bin.first[2]; at < bin.end[2]; at++) {
                        size_t here = adaptive_pixel(&adaptive, z, y, at);
                        bool wins = image[here] > image[best] || (isnan(image[here]) && !isnan(image[best]));
                        best = wins ? here : best;
                    }
                }
            }
            textbook->out[0].data[plane * adaptive.out_pixels + pixel] = image[best];
            if (index != NULL) {
                index[plane * adaptive.out_pixels + pixel] = (double)best;
            }
        }
    }
}

static void gradient_textbook(const struct op_textbook *textbook)
{
    const fov_shape *dx = &textbook->out[0].shape;
    struct adaptive adaptive = adaptive_of(dx, &textbook->in[0].shape);
    size_t count = op_count(&textbook->in[0].shape);
    for (size_t i = 0; i < count; i++) {
        double place = textbook->in[1].data[i];
        if (place >= 0 && place < (double)adaptive.in_pixels) { /* any other wins nothing */
            textbook->out[0].data[i / adaptive.out_pixels * adaptive.in_pixels + (size_t)place] +=
                textbook->in[0].data[i];
        }
    }
}

/* ---- on the CPU: an image per chunk, all channels of a pixel side by side ------------------------------------------ */

struct work {
    const struct op_run *run;
    struct adaptive      adaptive;
    size_t               channels;
};

static void meet(size_t channels, const float *pixel, int32_t place, float *best, int32_t *winner)
{
    for (size_t c = 0; c < channels; c++) {
        bool wins = pixel[c] > best[c] || (isnan(pixel[c]) && !isnan(best[c]));
        best[c] = wins ? pixel[c] : best[c];
        winner[c] = wins ? place : winner[c];
    }
}

static void max_chunk(void *context, size_t chunk, int worker)
{
    const struct work *work = context;
    const struct op_run *run = work->run;
    const struct adaptive *adaptive = &work->adaptive;
    size_t channels = work->channels;
    const float *image = (const float *)run->in[0].data + chunk * adaptive->in_pixels * channels;
    int32_t *kept = run->out_count > 1 ? run->out[1].data : NULL;
    int32_t *spare = (int32_t *)(void *)((char *)run->worker_scratch + (size_t)worker * run->worker_scratch_bytes);
    for (size_t pixel = 0; pixel < adaptive->out_pixels; pixel++) {
        struct adaptive_bin bin = adaptive_bin(adaptive, pixel);
        size_t out = (chunk * adaptive->out_pixels + pixel) * channels;
        size_t start = adaptive_pixel(adaptive, bin.first[0], bin.first[1], bin.first[2]);
        float *best = (float *)run->out[0].data + out;
        int32_t *winner = kept != NULL ? kept + out : spare;
        for (size_t c = 0; c < channels; c++) {
            best[c] = image[start * channels + c];
            winner[c] = (int32_t)start;
        }
        for (size_t z = bin.first[0]; z < bin.end[0]; z++) {
            for (size_t y = bin.first[1]; y < bin.end[1]; y++) {
                for (size_t at = bin.first[2]; at < bin.end[2]; at++) {
                    size_t here = adaptive_pixel(adaptive, z, y, at);
                    meet(channels, image + here * channels, (int32_t)here, best, winner);
                }
            }
        }
    }
}

static void gradient_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    const struct adaptive *adaptive = &work->adaptive;
    size_t channels = work->channels, many = adaptive->in_pixels * channels, few = adaptive->out_pixels * channels;
    const float *dy = (const float *)work->run->in[0].data + chunk * few;
    const int32_t *index = (const int32_t *)work->run->in[1].data + chunk * few;
    float *dx = (float *)work->run->out[0].data + chunk * many;
    work->run->kernel->fill(many, 0, dx);
    for (size_t i = 0; i < few; i++) {
        if (index[i] >= 0 && (size_t)index[i] < adaptive->in_pixels) {
            dx[(size_t)index[i] * channels + i % channels] += dy[i];
        }
    }
}

static void run(const struct op_run *run)
{
    const fov_shape *x = &run->in[0].shape;
    struct work work = {run, adaptive_of(x, &run->out[0].shape), (size_t)x->dim[1]};
    pool_run(run->pool, max_chunk, &work, (size_t)x->dim[0]);
}

static void run_gradient(const struct op_run *run)
{
    const fov_shape *x = &run->out[0].shape;
    struct work work = {run, adaptive_of(x, &run->in[0].shape), (size_t)x->dim[1]};
    pool_run(run->pool, gradient_chunk, &work, (size_t)x->dim[0]);
}

static int compile(struct op_compile *compile)
{
    compile->scratch_per_worker = (size_t)compile->in[0].shape.dim[1] * sizeof(int32_t);
    compile->run = run;
    return FOV_OK;
}

static int compile_gradient(struct op_compile *compile)
{
    compile->run = run_gradient;
    return FOV_OK;
}

static bool supports(const void *options, const struct op_tensor *in, int in_count)
{
    (void)in_count;
    return op_all_f32(options, in, 1); /* the index is i32 */
}

static const struct op_cpu cpu = {.layout = OP_WANTS_CHANNELS_LAST, .supports = supports, .compile = compile};
static const struct op_cpu gradient_cpu = {
    .layout = OP_WANTS_CHANNELS_LAST, .supports = supports, .compile = compile_gradient};

fov_value fov_adaptive_max_pool2d(fov_graph *graph, fov_value x, int height, int width)
{
    return adaptive_build2d(graph, x, height, width, "adaptive_max_pool", fov_max_pool2d_opt);
}

/* No two values of a tensor lie closer together than a step of the differences. */
static void fill_distinct(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = (double)((i * 7919 + key.seed) % 4093) / 64 - 32;
    }
}

static void fill_places(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        data[i] = index == 1 ? (double)random_below(key, i, 24) : (double)(float)random_normal(key, i);
    }
}

static const struct adaptive_options shrink = {.output = {2, {3, 4}}}, grow = {.output = {2, {7, 5}}},
                                     line = {.output = {1, {3}}}, volume = {.output = {3, {2, 1, 3}}},
                                     shrink_gradient = {{2, {3, 4}}, {2, {7, 9}}},
                                     volume_gradient = {{3, {2, 1, 3}}, {3, {3, 2, 4}}};
static const struct op_case cases[] = {
    {.name = "bins overlap", .in = {{4, {2, 5, 7, 9}}}, .in_count = 1, .options = &shrink, .fill = fill_distinct},
    {.name = "larger than x", .in = {{4, {1, 17, 3, 5}}}, .in_count = 1, .options = &grow, .fill = fill_distinct},
    {.name = "1-D", .in = {{3, {2, 3, 8}}}, .in_count = 1, .options = &line, .fill = fill_distinct},
    {.name = "3-D", .in = {{5, {2, 3, 3, 2, 4}}}, .in_count = 1, .options = &volume, .fill = fill_distinct},
    {0},
};
static const struct op_case gradient_cases[] = {
    {.name = "bins overlap", .in = {{4, {2, 5, 3, 4}}, {4, {2, 5, 3, 4}}}, .in_dtype = {FOV_F32, FOV_I32},
     .in_count = 2, .options = &shrink_gradient, .fill = fill_places},
    {.name = "3-D", .in = {{5, {2, 3, 2, 1, 3}}, {5, {2, 3, 2, 1, 3}}}, .in_dtype = {FOV_F32, FOV_I32}, .in_count = 2,
     .options = &volume_gradient, .fill = fill_places},
    {0},
};

const struct op op_adaptive_max_pool = {
    .name = "adaptive_max_pool",
    .family = OP_POOLING,
    .summary = "The largest values of bins that divide an image into a given number of pixels.",
    .formula = "y[o] = max of x[floor(o in / out) .. ceil((o + 1) in / out) - 1], per axis",
    .source = "He et al., Spatial pyramid pooling, ECCV 2014, section 2.3; bins as in PyTorch",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, spatial...]"}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, C, output...]"},
                                    {.name = "index", .shape = "as y: i32, the pixel of x that won", .optional = true},
                                    {0}},
    .attributes = adaptive_attributes,
    .options_size = sizeof(struct adaptive_options),
    .infer = infer,
    .gradient = gradient,
    .cost = adaptive_cost,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};

const struct op op_adaptive_max_pool_gradient = {
    .name = "adaptive_max_pool_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of adaptive_max_pool.",
    .formula = "dx[i] = sum over bins that i won of dy[o]",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[N, C, output...]"},
                                   {.name = "index", .shape = "as dy: i32, pixels of x"},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "[N, C, size...]"}, {0}},
    .attributes = adaptive_attributes,
    .options_size = sizeof(struct adaptive_options),
    .infer = infer_gradient,
    .gradient = gradient_gradient,
    .textbook = gradient_textbook,
    .cpu = &gradient_cpu,
    .cases = gradient_cases,
};
