/* SPDX-License-Identifier: MIT */
/* The mean of each channel over all pixels, and its gradient, which spreads dy evenly over the pixels; the two are each
 * other's gradients. Any spatial rank. Whole rows of channels are added up, in double. */
#include "op/common.h"
#include "op/onnx.h"
#include "op/window.h"

#include <fovea/operators.h>
#include <stdio.h>
#include <string.h>

struct global_options {
    struct op_list size; /**< gradient only: spatial size of x */
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct global_options, size), .kind = OP_LIST, .minimum = 0, .maximum = INT32_MAX,
     .doc = "spatial size of x, pixels; only the gradient needs it"},
    {0},
};

/** How the work is cut into chunks, by shape alone: some whole images; or a part of a large image's pixels; or some
 *  channels of a small image with many channels (the thread that produced these channels often still has them in its
 *  cache). */
struct global_plan {
    size_t images, pixels, channels, images_per_chunk, parts, part_channels;
};

static struct global_plan make_plan(const fov_shape *x)
{
    struct global_plan plan = {.images = (size_t)x->dim[0], .channels = (size_t)x->dim[1],
                               .pixels = shape_span(x, 2, x->rank)};
    plan.images_per_chunk = window_lines_per_chunk(plan.pixels * plan.channels);
    enum { PART_FLOATS = 1 << 16, MOST_PARTS = 8 };
    size_t parts = plan.pixels * plan.channels / PART_FLOATS;
    enum { PART_CHANNELS = 128, SMALL_PIXELS = 256 };
    bool by_channels = plan.images < MOST_PARTS && plan.pixels <= SMALL_PIXELS && plan.channels > 2 * PART_CHANNELS;
    plan.part_channels = by_channels ? PART_CHANNELS : plan.channels;
    parts = by_channels ? 1 : parts;
    plan.parts = parts < 2 || plan.images >= MOST_PARTS ? 1 : parts > MOST_PARTS ? MOST_PARTS : parts;
    return plan;
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

static int infer(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[0].shape;
    int status = op_check_float(infer, 0, "x");
    if (status != 0) {
        return status;
    }
    if (x->rank < 3) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "input %s must be [N, C, spatial...]", shape_text(x, text));
    }
    for (int i = 2; i < x->rank; i++) {
        if (x->dim[i] < 1) {
            char text[SHAPE_TEXT_SIZE];
            return error_set(infer->error, FOV_E_SHAPE, "input %s: spatial sizes must be known and not empty",
                             shape_text(x, text));
        }
        infer->out[0].shape.dim[i] = 1;
    }
    return 0;
}

static void gradient(struct op_gradient *gradient)
{
    struct global_options options = {window_spatial(&gradient->in_tensor[0].shape)};
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] =
            op_emit1(gradient->emitter, "global_avg_pool_gradient", gradient->out_gradient[0], &options);
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
        double sum = 0;
        for (size_t pixel = 0; pixel < pixels; pixel++) {
            sum += textbook->in[0].data[plane * pixels + pixel];
        }
        textbook->out[0].data[plane] = sum / (double)pixels;
    }
}

/** chunk = (image, part): the part's sums, in scratch [images][parts][channels]. */
static void part_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct op_run *run = context;
    const struct global_plan *plan = run->state;
    size_t image = chunk / plan->parts, part = chunk % plan->parts, stride = op_pixel_stride(&run->in[0]);
    size_t first = plan->pixels * part / plan->parts, end = plan->pixels * (part + 1) / plan->parts;
    double *sum = (double *)run->scratch + chunk * plan->channels;
    memset(sum, 0, plan->channels * sizeof *sum);
    run->kernel->column_sum(end - first, plan->channels,
                            (const float *)run->in[0].data + (image * plan->pixels + first) * stride, stride, sum);
}

static void run_parts(const struct op_run *run)
{
    const struct global_plan *plan = run->state;
    struct op_run copy = *run; /* the pool's context is not const */
    pool_run(run->pool, part_chunk, &copy, plan->images * plan->parts);
    for (size_t image = 0; image < plan->images; image++) {
        const double *sums = (const double *)run->scratch + image * plan->parts * plan->channels;
        for (size_t c = 0; c < plan->channels; c++) {
            double sum = 0;
            for (size_t part = 0; part < plan->parts; part++) {
                sum += sums[part * plan->channels + c];
            }
            ((float *)run->out[0].data)[image * plan->channels + c] = (float)(sum / (double)plan->pixels);
        }
    }
}

/** Means of some channels of one image. `sum`: room for as many numbers. */
static void mean_of(const struct op_run *run, size_t image, size_t channel, size_t channels, double *sum)
{
    const struct global_plan *plan = run->state;
    size_t stride = op_pixel_stride(&run->in[0]);
    const float *x = (const float *)run->in[0].data + image * plan->pixels * stride + channel;
    float *y = (float *)run->out[0].data + image * plan->channels + channel;
    memset(sum, 0, channels * sizeof *sum);
    run->kernel->column_sum(plan->pixels, channels, x, stride, sum);
    for (size_t c = 0; c < channels; c++) {
        y[c] = (float)(sum[c] / (double)plan->pixels);
    }
}

static size_t channel_parts(const struct global_plan *plan)
{
    return plan->part_channels == 0 ? 1 : size_divide_up(plan->channels, plan->part_channels);
}

static void mean_chunk(void *context, size_t chunk, int worker)
{
    const struct op_run *run = context;
    const struct global_plan *plan = run->state;
    double *sum = op_worker_scratch(run, worker);
    size_t parts = channel_parts(plan), first = op_chunk_begin(chunk, plan->images_per_chunk);
    size_t end = first + op_chunk_length(chunk, plan->images_per_chunk, plan->images);
    if (parts > 1) { /* chunk = (part, image) */
        size_t channel = chunk / plan->images * plan->part_channels, left = plan->channels - channel;
        mean_of(run, chunk % plan->images, channel, left < plan->part_channels ? left : plan->part_channels, sum);
        return;
    }
    for (size_t image = first; image < end; image++) {
        mean_of(run, image, 0, plan->channels, sum);
    }
}

static void run_mean(const struct op_run *run)
{
    const struct global_plan *plan = run->state;
    struct op_run copy = *run; /* the pool's context is not const */
    size_t parts = channel_parts(plan);
    size_t chunks = parts > 1 ? parts * plan->images : op_chunks(plan->images, plan->images_per_chunk);
    pool_run(run->pool, mean_chunk, &copy, chunks);
}

static int prepare_mean(const struct op_compile *compile, void *state)
{
    *(struct global_plan *)state = make_plan(&compile->in[0].shape);
    return 0;
}

static int compile_mean(struct op_compile *compile)
{
    struct global_plan plan = make_plan(&compile->in[0].shape);
    compile->run = plan.parts > 1 ? run_parts : run_mean;
    compile->scratch = plan.parts > 1 ? plan.images * plan.parts * plan.channels * sizeof(double) : 0;
    compile->prepare = prepare_mean;
    compile->state = sizeof(struct global_plan);
    compile->scratch_per_worker = (size_t)compile->in[0].shape.dim[1] * sizeof(double);
    return 0;
}

static const struct op_cpu cpu = {.layout = OP_WANTS_CHANNELS_LAST,
                                  .supports = op_all_f32,
                                  .compile = compile_mean,
                                  .strided_in = 1U << 0};
static const struct op_onnx onnx = {.type = "GlobalAveragePool", .since = 1};

static const struct op_case cases[] = {
    {.name = "image", .in = {FOV_SHAPE(3, 5, 7, 4)}, .in_count = 1},
    {.name = "many channels", .in = {FOV_SHAPE(1, 33, 3, 3)}, .in_count = 1},
    {.name = "1-D", .in = {FOV_SHAPE(2, 3, 11)}, .in_count = 1},
    {.name = "3-D", .in = {FOV_SHAPE(2, 3, 2, 3, 2)}, .in_count = 1},
    {.name = "by channels", .in = {FOV_SHAPE(2, 301, 3, 4)}, .in_count = 1, .no_gradient = true},
    {.name = "one pixel", .in = {FOV_SHAPE(2, 4, 1, 1)}, .in_count = 1},
    {.name = "in parts", .in = {FOV_SHAPE(2, 37, 67, 71)}, .in_count = 1, .no_gradient = true},
    {0},
};

const struct op op_global_avg_pool = {
    .name = "global_avg_pool",
    .family = OP_POOLING,
    .summary = "The mean of each channel over all pixels.",
    .formula = "y[n, c] = mean over pixels of x[n, c, pixel]",
    .source = "Lin, Chen & Yan, Network in network, ICLR 2014, section 3.2",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, spatial...]"}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, C, 1...]"}, {0}},
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

fov_value fov_global_avg_pool(fov_graph *graph, fov_value x)
{
    return op_build(graph, "global_avg_pool", &x, 1, NULL, NULL);
}

/* ---- gradient ---------------------------------------------------------------------------------------------------- */

static int infer_gradient(const struct op_infer *infer)
{
    const struct global_options *options = infer->options;
    const fov_shape *dy = &infer->in[0].shape;
    bool pooled = dy->rank >= 3 && options->size.count == dy->rank - 2;
    for (int i = 2; pooled && i < dy->rank; i++) {
        pooled = dy->dim[i] == 1;
    }
    if (!pooled) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "dy %s must be [N, C, 1...] with a size of as many numbers",
                         shape_text(dy, text));
    }
    for (int i = 2; i < dy->rank; i++) {
        infer->out[0].shape.dim[i] = options->size.at[i - 2];
    }
    return 0;
}

static void gradient_gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit1(gradient->emitter, "global_avg_pool", gradient->out_gradient[0], NULL);
    }
}

static void textbook_gradient(const struct op_textbook *textbook)
{
    const fov_shape *x = &textbook->out[0].shape;
    size_t count = op_count(x), pixels = shape_span(x, 2, x->rank);
    for (size_t i = 0; i < count; i++) {
        textbook->out[0].data[i] = textbook->in[0].data[i / pixels] / (double)pixels;
    }
}

/** The first pixel's row is dy / pixels; all other pixels get a copy. */
static void spread_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct op_run *run = context;
    const struct global_plan *plan = run->state;
    size_t first = op_chunk_begin(chunk, plan->images_per_chunk);
    size_t end = first + op_chunk_length(chunk, plan->images_per_chunk, plan->images);
    for (size_t image = first; image < end; image++) {
        float *dx = (float *)run->out[0].data + image * plan->pixels * plan->channels;
        run->kernel->scale_add(plan->channels, (float)(1 / (double)plan->pixels),
                               (const float *)run->in[0].data + image * plan->channels, 0, dx);
        for (size_t pixel = 1; pixel < plan->pixels; pixel++) {
            memcpy(dx + pixel * plan->channels, dx, plan->channels * sizeof *dx);
        }
    }
}

static void run_spread(const struct op_run *run)
{
    const struct global_plan *plan = run->state;
    struct op_run copy = *run; /* the pool's context is not const */
    pool_run(run->pool, spread_chunk, &copy, op_chunks(plan->images, plan->images_per_chunk));
}

static int prepare_spread(const struct op_compile *compile, void *state)
{
    *(struct global_plan *)state = make_plan(&compile->out[0].shape);
    return 0;
}

static int compile_spread(struct op_compile *compile)
{
    compile->run = run_spread;
    compile->prepare = prepare_spread;
    compile->state = sizeof(struct global_plan);
    return 0;
}

static const struct op_cpu cpu_gradient = {
    .layout = OP_WANTS_CHANNELS_LAST, .supports = op_all_f32, .compile = compile_spread};

static const struct global_options size_2d = {{2, {4, 5}}}, size_1d = {{1, {7}}}, size_3d = {{3, {2, 3, 2}}};
static const struct op_case cases_gradient[] = {
    {.name = "image", .options = &size_2d, .in = {FOV_SHAPE(3, 5, 1, 1)}, .in_count = 1},
    {.name = "1-D", .options = &size_1d, .in = {FOV_SHAPE(2, 33, 1)}, .in_count = 1},
    {.name = "3-D", .options = &size_3d, .in = {FOV_SHAPE(1, 3, 1, 1, 1)}, .in_count = 1},
    {0},
};

const struct op op_global_avg_pool_gradient = {
    .name = "global_avg_pool_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of global average pooling: every pixel gets the same share.",
    .formula = "dx[n, c, pixel] = dy[n, c] / pixels",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[N, C, 1...]"}, {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "[N, C, size...]"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct global_options),
    .infer = infer_gradient,
    .gradient = gradient_gradient,
    .textbook = textbook_gradient,
    .cpu = &cpu_gradient,
    .cases = cases_gradient,
};
