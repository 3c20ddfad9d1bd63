/* SPDX-License-Identifier: MIT */
/* The largest value of each channel over all pixels. A second output says which pixel won, so that the gradient only
 * has to write dy there. Any spatial rank. */
#include "op/common.h"
#include "op/onnx.h"
#include "op/window.h"

#include <fovea/operators.h>
#include <math.h>
#include <string.h>

struct global_options {
    struct op_list size; /**< gradient only: spatial size of x */
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct global_options, size), .kind = OP_LIST, .minimum = 0, .maximum = INT32_MAX,
     .doc = "spatial size of x, pixels; only the gradient needs it"},
    {0},
};

static int infer(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[0].shape;
    char text[SHAPE_TEXT_SIZE];
    if (x->rank < 3) {
        return error_set(infer->error, FOV_E_SHAPE, "input %s must be [N, C, spatial...]", shape_text(x, text));
    }
    int64_t pixels = 1;
    for (int i = 2; i < x->rank; i++) {
        if (x->dim[i] < 1 || x->dim[i] > INT32_MAX / pixels) {
            return error_set(infer->error, FOV_E_SHAPE,
                             "input %s: spatial sizes must be known, not empty, and countable", shape_text(x, text));
        }
        pixels *= x->dim[i];
        infer->out[0].shape.dim[i] = 1;
    }
    for (int i = 1; i < infer->out_count; i++) {
        infer->out[i].shape = infer->out[0].shape;
        infer->out[i].dtype = FOV_I32;
    }
    return 0;
}

static void gradient(struct op_gradient *gradient)
{
    struct global_options options = {window_spatial(&gradient->in_tensor[0].shape)};
    if (gradient->wanted[0]) {
        fov_value index = op_emit_output(gradient->emitter, gradient->out[0], 1);
        gradient->in_gradient[0] =
            op_emit2(gradient->emitter, "global_max_pool_gradient", gradient->out_gradient[0], index, &options);
    }
}

static void cost(struct op_cost *cost)
{
    cost->global = true;
}

static void textbook(const struct op_textbook *textbook)
{
    const fov_shape *x = &textbook->in[0].shape;
    size_t planes = shape_span(x, 0, 2), pixels = shape_span(x, 2, x->rank);
    for (size_t plane = 0; plane < planes; plane++) {
        const double *image = textbook->in[0].data + plane * pixels;
        size_t best = 0;
        for (size_t pixel = 1; pixel < pixels && !isnan(image[best]); pixel++) {
            best = image[pixel] > image[best] || isnan(image[pixel]) ? pixel : best;
        }
        textbook->out[0].data[plane] = image[best];
        if (textbook->out_count > 1 && textbook->out[1].data != NULL) {
            textbook->out[1].data[plane] = (double)best;
        }
    }
}

/** chunk = an image. Pixels are visited in order, all channels of a pixel at once. */
static void max_chunk(void *context, size_t chunk, int worker)
{
    const struct op_run *run = context;
    const fov_shape *shape = &run->in[0].shape;
    size_t channels = (size_t)shape->dim[1], pixels = shape_span(shape, 2, shape->rank);
    const float *x = (const float *)run->in[0].data + chunk * pixels * channels;
    float *y = (float *)run->out[0].data + chunk * channels;
    int32_t *index =
        run->out_count > 1 && run->out[1].data != NULL
            ? (int32_t *)run->out[1].data + chunk * channels
            : op_worker_scratch(run, worker);
    memcpy(y, x, channels * sizeof *y);
    memset(index, 0, channels * sizeof *index);
    for (size_t pixel = 1; pixel < pixels; pixel++) {
        x += channels;
        for (size_t c = 0; c < channels; c++) {
            bool wins = x[c] > y[c] || (isnan(x[c]) && !isnan(y[c]));
            y[c] = wins ? x[c] : y[c];
            index[c] = wins ? (int32_t)pixel : index[c];
        }
    }
}

static void run(const struct op_run *run)
{
    struct op_run copy = *run; /* the pool's context is not const */
    pool_run(run->pool, max_chunk, &copy, (size_t)run->in[0].shape.dim[0]);
}

static int compile(struct op_compile *compile)
{
    compile->run = run;
    compile->scratch_per_worker = (size_t)compile->in[0].shape.dim[1] * sizeof(int32_t);
    return 0;
}

static const struct op_cpu cpu = {.layout = OP_WANTS_CHANNELS_LAST, .supports = op_all_f32, .compile = compile};
static const struct op_onnx onnx = {.type = "GlobalMaxPool", .since = 1};

static const struct op_case cases[] = {
    {.name = "image", .in = {FOV_SHAPE(3, 5, 7, 4)}, .in_count = 1},
    {.name = "many channels", .in = {FOV_SHAPE(1, 33, 3, 3)}, .in_count = 1},
    {.name = "1-D", .in = {FOV_SHAPE(2, 3, 11)}, .in_count = 1},
    {.name = "3-D", .in = {FOV_SHAPE(2, 3, 2, 3, 2)}, .in_count = 1},
    {0},
};

const struct op op_global_max_pool = {
    .name = "global_max_pool",
    .family = OP_POOLING,
    .summary = "The largest value of each channel over all pixels.",
    .formula = "y[n, c] = max over pixels of x[n, c, pixel]",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, spatial...]"}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, C, 1...]"},
                                    {.name = "index", .shape = "as y: the pixel that won, i32", .optional = true,
                                     .detached = true},
                                    {0}},
    .attributes = attributes,
    .options_size = sizeof(struct global_options),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};

fov_value fov_global_max_pool(fov_graph *graph, fov_value x)
{
    return op_build(graph, "global_max_pool", &x, 1, NULL, NULL);
}

/* ---- gradient, and its gradient: what the winners have ----------------------------------------------------------- */

static int infer_gradient(const struct op_infer *infer)
{
    const struct global_options *options = infer->options;
    const fov_shape *dy = &infer->in[0].shape;
    bool fits = dy->rank >= 3 && options->size.count == dy->rank - 2 && shape_fits(dy, &infer->in[1].shape);
    for (int i = 2; fits && i < dy->rank; i++) {
        fits = dy->dim[i] == 1;
    }
    if (!fits) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE,
                         "dy %s must be [N, C, 1...], as index, with a size of as many numbers", shape_text(dy, text));
    }
    for (int i = 2; i < dy->rank; i++) {
        infer->out[0].shape.dim[i] = options->size.at[i - 2];
    }
    return 0;
}

static void gradient_gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "global_max_pool_take", gradient->out_gradient[0],
                                            gradient->in[1], NULL);
    }
}

static void textbook_gradient(const struct op_textbook *textbook)
{
    const fov_shape *x = &textbook->out[0].shape;
    size_t planes = op_count(&textbook->in[0].shape), pixels = shape_span(x, 2, x->rank);
    for (size_t plane = 0; plane < planes; plane++) {
        double index = textbook->in[1].data[plane];
        if (index >= 0 && index < (double)pixels) {
            textbook->out[0].data[plane * pixels + (size_t)index] = textbook->in[0].data[plane];
        }
    }
}

/** chunk = an image */
static void put_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct op_run *run = context;
    const fov_shape *shape = &run->out[0].shape;
    size_t channels = (size_t)shape->dim[1], pixels = shape_span(shape, 2, shape->rank);
    float *dx = (float *)run->out[0].data + chunk * pixels * channels;
    memset(dx, 0, pixels * channels * sizeof *dx);
    for (size_t c = 0; c < channels; c++) {
        int32_t index = ((const int32_t *)run->in[1].data)[chunk * channels + c];
        if (index >= 0 && (size_t)index < pixels) {
            dx[(size_t)index * channels + c] = ((const float *)run->in[0].data)[chunk * channels + c];
        }
    }
}

static void run_gradient(const struct op_run *run)
{
    struct op_run copy = *run; /* the pool's context is not const */
    pool_run(run->pool, put_chunk, &copy, (size_t)run->out[0].shape.dim[0]);
}

static int compile_gradient(struct op_compile *compile)
{
    compile->run = run_gradient;
    return 0;
}

static bool supports_gradient(const void *options, const struct op_tensor *in, int in_count)
{
    (void)options;
    (void)in_count;
    return in[0].dtype == FOV_F32 && in[1].dtype == FOV_I32;
}

static const struct op_cpu cpu_gradient = {
    .layout = OP_WANTS_CHANNELS_LAST, .supports = supports_gradient, .compile = compile_gradient};

static const struct global_options size_2d = {{2, {4, 5}}}, size_1d = {{1, {7}}};
static const struct op_case cases_gradient[] = {
    {.name = "image",
     .options = &size_2d,
     .in = {FOV_SHAPE(3, 5, 1, 1), FOV_SHAPE(3, 5, 1, 1)},
     .in_dtype = {FOV_F32, FOV_I32},
     .integers = 20,
     .in_count = 2},
    {.name = "1-D",
     .options = &size_1d,
     .in = {FOV_SHAPE(2, 33, 1), FOV_SHAPE(2, 33, 1)},
     .in_dtype = {FOV_F32, FOV_I32},
     .integers = 7,
     .in_count = 2},
    {0},
};

const struct op op_global_max_pool_gradient = {
    .name = "global_max_pool_gradient",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Gradient of global max pooling: all of it goes to the pixel that won.",
    .formula = "dx[n, c, pixel] = dy[n, c] where pixel = index[n, c], else 0",
    .in = (const struct op_port[]){
        {.name = "dy", .shape = "[N, C, 1...]"}, {.name = "index", .shape = "as dy: i32"}, {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "[N, C, size...]"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct global_options),
    .infer = infer_gradient,
    .gradient = gradient_gradient,
    .textbook = textbook_gradient,
    .cpu = &cpu_gradient,
    .cases = cases_gradient,
};

static int infer_take(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[0].shape, *index = &infer->in[1].shape;
    fov_shape pooled = *x;
    for (int i = 2; i < x->rank; i++) {
        pooled.dim[i] = 1;
    }
    if (x->rank < 3 || !shape_fits(&pooled, index)) {
        char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "x %s must be [N, C, spatial...] and index %s [N, C, 1...]",
                         shape_text(x, text), shape_text(index, other));
    }
    infer->out[0].shape = *index;
    return 0;
}

static void gradient_take(struct op_gradient *gradient)
{
    struct global_options options = {window_spatial(&gradient->in_tensor[0].shape)};
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "global_max_pool_gradient", gradient->out_gradient[0],
                                            gradient->in[1], &options);
    }
}

static void textbook_take(const struct op_textbook *textbook)
{
    const fov_shape *x = &textbook->in[0].shape;
    size_t planes = shape_span(x, 0, 2), pixels = shape_span(x, 2, x->rank);
    for (size_t plane = 0; plane < planes; plane++) {
        double index = textbook->in[1].data[plane];
        if (index >= 0 && index < (double)pixels) {
            textbook->out[0].data[plane] = textbook->in[0].data[plane * pixels + (size_t)index];
        }
    }
}

static const struct op_case cases_take[] = {
    {.name = "image",
     .in = {FOV_SHAPE(3, 5, 4, 5), FOV_SHAPE(3, 5, 1, 1)},
     .in_dtype = {FOV_F32, FOV_I32},
     .integers = 20,
     .in_count = 2},
    {0},
};

const struct op op_global_max_pool_take = {
    .name = "global_max_pool_take",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "The pixel that won each channel: gradient of the gradient of global max pooling.",
    .formula = "y[n, c] = x[n, c, index[n, c]]",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, spatial...]"},
                                   {.name = "index", .shape = "[N, C, 1...]: i32"},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "as index"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct global_options),
    .infer = infer_take,
    .gradient = gradient_take,
    .textbook = textbook_take,
    .cases = cases_take,
};
