/* SPDX-License-Identifier: MIT */
/* Average pooling of 1 to 3 spatial axes, line by line with the kernel average_pool. The divisor of each output pixel
 * is computed once, when a plan is made; the gradient is in gradient.c. */
#include "op/avg_pool/avg_pool.h"
#include "base/memory.h"
#include "op/onnx.h"

#include <fovea/operators.h>
#include <math.h>
#include <stdio.h>

const struct op_attribute avg_pool_attributes[] = {
    {OP_ATTRIBUTE(struct avg_pool_options, kernel), .onnx = "kernel_shape", .kind = OP_LIST, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "taps per axis"},
    {OP_ATTRIBUTE(struct avg_pool_options, stride), .onnx = "strides", .kind = OP_LIST, .standard = 1, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels from window to window, per axis"},
    {OP_ATTRIBUTE(struct avg_pool_options, pad), .onnx = "pads", .kind = OP_LIST, .standard = 0, .minimum = 0,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "zeros before each axis, then after each axis, pixels"},
    {OP_ATTRIBUTE(struct avg_pool_options, dilation), .onnx = "dilations", .kind = OP_LIST, .standard = 1, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels from tap to tap, per axis", .since = 19},
    {OP_ATTRIBUTE(struct avg_pool_options, size), .kind = OP_LIST, .minimum = 0, .maximum = INT32_MAX,
     .doc = "spatial size of x, pixels; only the gradient needs it"},
    {OP_ATTRIBUTE(struct avg_pool_options, auto_pad), .onnx = "auto_pad", .kind = OP_CHOICE,
     .choices = window_auto_pad_choices, .doc = "how pads follow from sizes, in place of pad"},
    {OP_ATTRIBUTE(struct avg_pool_options, ceil_mode), .onnx = "ceil_mode", .kind = OP_FLAG,
     .doc = "round output sizes up"},
    {OP_ATTRIBUTE(struct avg_pool_options, count_include_pad), .onnx = "count_include_pad", .kind = OP_FLAG,
     .doc = "padded pixels count as zeros"},
    {0},
};

int avg_pool_window(struct window *window, const struct avg_pool_options *options, const fov_shape *x,
                    struct error *error)
{
    struct window_request request = {&options->kernel, &options->stride, &options->pad, &options->dilation,
                                     options->auto_pad, options->ceil_mode};
    return window_resolve_pool(window, x, &request, error);
}

/** Number of taps of one axis that count, for output pixel `out`. */
static int64_t axis_count(const struct window *window, int axis, bool include_pad, int64_t out)
{
    int64_t first = include_pad ? -window->begin[axis] : 0, count = 0;
    int64_t end = window->in[axis] + (include_pad ? window->end[axis] : 0);
    for (int64_t tap = 0; tap < window->kernel[axis]; tap++) {
        int64_t in = window_meets(window, axis, out, tap);
        count += in >= first && in < end;
    }
    return count;
}

double avg_pool_divisor(const struct window *window, bool include_pad, int64_t z, int64_t y, int64_t x)
{
    int64_t taps = axis_count(window, 0, include_pad, z) * axis_count(window, 1, include_pad, y) *
                   axis_count(window, 2, include_pad, x);
    return taps > 0 ? (double)taps : 1; /* the taps of a dilated window may all miss the image: its mean is 0 */
}

static size_t divisors_at(void)
{
    return memory_aligned(sizeof(struct avg_pool_plan));
}

size_t avg_pool_state_bytes(const struct window *window)
{
    return divisors_at() + (size_t)window_out_pixels(window) * sizeof(float);
}

float *avg_pool_divisors(void *state)
{
    return (float *)(void *)((char *)state + divisors_at());
}

void avg_pool_fill(void *state, const struct window *window, const fov_shape *x, bool include_pad)
{
    struct avg_pool_plan *plan = state;
    float *divisors = avg_pool_divisors(state);
    *plan = (struct avg_pool_plan){
        .window = *window, .batch = (size_t)x->dim[0], .channels = (size_t)x->dim[1]};
    plan->lines_per_chunk =
        window_lines_per_chunk((size_t)(window->out[2] * window_taps(window)) * plan->channels);
    for (int64_t pixel = 0; pixel < window_out_pixels(window); pixel++) {
        int64_t z = pixel / (window->out[1] * window->out[2]), y = pixel / window->out[2] % window->out[1];
        divisors[pixel] = (float)avg_pool_divisor(window, include_pad, z, y, pixel % window->out[2]);
    }
}

static int infer(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[0].shape;
    struct window window;
    int status = op_check_float(infer, 0, "x");
    status = status != 0 ? status : avg_pool_window(&window, infer->options, x, infer->error);
    if (status == 0) {
        infer->out[0].shape = window_out_shape(&window, x->dim[0], x->dim[1]);
    }
    return status;
}

static void gradient(struct op_gradient *gradient)
{
    struct avg_pool_options options = *(const struct avg_pool_options *)gradient->options;
    options.size = window_spatial(&gradient->in_tensor[0].shape);
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] =
            op_emit1(gradient->emitter, "avg_pool_gradient", gradient->out_gradient[0], &options);
    }
}

static void cost(struct op_cost *cost)
{
    struct window window;
    if (avg_pool_window(&window, cost->options, &cost->in[0].shape, NULL) == 0) {
        window_cost(&window, cost);
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const struct avg_pool_options *options = textbook->options;
    const fov_shape *shape = &textbook->in[0].shape;
    struct window window;
    if (avg_pool_window(&window, options, shape, NULL) != 0) {
        return;
    }
    size_t planes = (size_t)(shape->dim[0] * shape->dim[1]);
    double *y_at = textbook->out[0].data;
    for (size_t plane = 0; plane < planes; plane++) {
        const double *image = textbook->in[0].data + plane * (size_t)window_in_pixels(&window);
        for (int64_t pixel = 0; pixel < window_out_pixels(&window); pixel++) {
            int64_t oz = pixel / (window.out[1] * window.out[2]), oy = pixel / window.out[2] % window.out[1];
            int64_t ox = pixel % window.out[2];
            double sum = 0;
            for (int64_t tap = 0; tap < window_taps(&window); tap++) {
                int64_t in = window_pixel(
                    window.in, window_meets(&window, 0, oz, tap / (window.kernel[1] * window.kernel[2])),
                    window_meets(&window, 1, oy, tap / window.kernel[2] % window.kernel[1]),
                    window_meets(&window, 2, ox, tap % window.kernel[2]));
                sum += in >= 0 ? image[in] : 0;
            }
            *y_at++ = sum / avg_pool_divisor(&window, options->count_include_pad, oz, oy, ox);
        }
    }
}

/** Takes over a pad with zeros. Those zeros were part of the image, so count_include_pad is set; that excludes nodes
 * with pads of their own that do not count, and ceil mode, where windows reach beyond the pads. */
static bool absorb(struct op_substitution *node)
{
    struct avg_pool_options *options = node->options;
    bool counts = options->count_include_pad;
    for (int i = 0; !counts && i < options->pad.count; i++) {
        if (options->pad.at[i] != 0) {
            return false;
        }
    }
    if (options->ceil_mode || !window_take_pad(node, options->auto_pad, &options->pad)) {
        return false;
    }
    /* This operator refuses pads as wide as a window, which would lie in the pad alone: then the pad node stays. */
    struct op_tensor x = node->tensor(node->plan, node->in[0]);
    struct window window;
    options->count_include_pad = true;
    return avg_pool_window(&window, options, &x.shape, NULL) == 0;
}

/* ---- CPU --------------------------------------------------------------------------------------------------------- */

/** chunk = some lines of y */
static void pool_chunk(void *context, size_t chunk, int worker)
{
    const struct op_run *run = context;
    const struct avg_pool_plan *plan = run->state;
    const struct window *window = &plan->window;
    const void **rows = op_worker_scratch(run, worker);
    struct kernel_window row = window_row(window, plan->channels);
    size_t image_lines = (size_t)(window->out[0] * window->out[1]), lines = plan->batch * image_lines;
    row.x_stride = op_pixel_stride(&run->in[0]);
    row.y_stride = op_pixel_stride(&run->out[0]);
    size_t end = (chunk + 1) * plan->lines_per_chunk, in_image = (size_t)window_in_pixels(window) * row.x_stride;
    for (size_t line = chunk * plan->lines_per_chunk; line < end && line < lines; line++) {
        size_t image = line / image_lines, within = line % image_lines;
        window_rows(window, (int64_t)within / window->out[1], (int64_t)within % window->out[1],
                    (const float *)run->in[0].data + image * in_image, row.width * row.x_stride * sizeof(float), rows);
        run->kernel->average_pool(&row, (const float *const *)rows,
                                  avg_pool_divisors(run->state) + within * row.out_width,
                                  (float *)run->out[0].data + line * row.out_width * row.y_stride);
    }
}

static void run(const struct op_run *run)
{
    const struct avg_pool_plan *plan = run->state;
    struct op_run copy = *run; /* the pool's context is not const */
    size_t lines = plan->batch * (size_t)(plan->window.out[0] * plan->window.out[1]);
    pool_run(run->pool, pool_chunk, &copy, op_chunks(lines, plan->lines_per_chunk));
}

static int prepare(const struct op_compile *compile, void *state)
{
    const struct avg_pool_options *options = compile->options;
    struct window window;
    int status = avg_pool_window(&window, options, &compile->in[0].shape, compile->error);
    if (status == 0) {
        avg_pool_fill(state, &window, &compile->in[0].shape, options->count_include_pad);
    }
    return status;
}

static int compile(struct op_compile *compile)
{
    struct window window;
    int status = avg_pool_window(&window, compile->options, &compile->in[0].shape, compile->error);
    if (status != 0) {
        return status;
    }
    compile->run = run;
    compile->prepare = prepare;
    compile->state = avg_pool_state_bytes(&window);
    compile->scratch_per_worker = window_rows_count(&window) * sizeof(void *);
    snprintf(compile->detail, sizeof compile->detail, "rows");
    return 0;
}

static const struct op_cpu cpu = {.layout = OP_WANTS_CHANNELS_LAST,
                                  .supports = op_all_f32,
                                  .compile = compile,
                                  .strided_in = 1U << 0,
                                  .strided_out = true};
static const struct op_onnx onnx = {.type = "AveragePool", .since = 1};

#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
static const struct avg_pool_options halves = {.kernel = LIST(2, 2), .stride = LIST(2, 2)},
                                     padded = {.kernel = LIST(3, 3), .stride = LIST(2, 2), .pad = LIST(1, 1, 1, 1)},
                                     pad_counts = {.kernel = LIST(3, 3),
                                                   .stride = LIST(2, 1),
                                                   .pad = LIST(1, 0, 1, 2),
                                                   .count_include_pad = true},
                                     ceiled = {.kernel = LIST(3, 3),
                                               .stride = LIST(2, 2),
                                               .pad = LIST(1, 1, 1, 1),
                                               .ceil_mode = true,
                                               .count_include_pad = true},
                                     dilated = {.kernel = LIST(2, 2), .dilation = LIST(2, 3), .pad = LIST(1, 0, 0, 2)},
                                     astride = {.kernel = LIST(2, 2), .dilation = LIST(4, 1), .pad = LIST(2, 0, 2, 0)},
                                     line = {.kernel = LIST(4), .stride = LIST(3), .pad = LIST(1, 1)},
                                     volume = {.kernel = LIST(2, 3, 2),
                                               .stride = LIST(1, 2, 2),
                                               .pad = LIST(1, 1, 0, 0, 1, 1)},
                                     same = {.kernel = LIST(3, 2), .stride = LIST(2, 2), .auto_pad = WINDOW_SAME_LOWER};

static const struct op_case cases[] = {
    {.name = "2x2", .options = &halves, .in = {FOV_SHAPE(2, 10, 6, 8)}, .in_count = 1},
    {.name = "padded", .options = &padded, .in = {FOV_SHAPE(2, 5, 7, 8)}, .in_count = 1},
    {.name = "pad counts", .options = &pad_counts, .in = {FOV_SHAPE(1, 17, 4, 5)}, .in_count = 1},
    {.name = "ceil mode", .options = &ceiled, .in = {FOV_SHAPE(2, 3, 6, 8)}, .in_count = 1},
    {.name = "dilated", .options = &dilated, .in = {FOV_SHAPE(1, 4, 5, 6)}, .in_count = 1},
    {.name = "taps above and below the image", .options = &astride, .in = {FOV_SHAPE(1, 4, 3, 4)}, .in_count = 1},
    {.name = "1-D", .options = &line, .in = {FOV_SHAPE(2, 3, 9)}, .in_count = 1},
    {.name = "3-D", .options = &volume, .in = {FOV_SHAPE(1, 3, 3, 4, 5)}, .in_count = 1},
    {.name = "same lower", .options = &same, .in = {FOV_SHAPE(1, 3, 5, 6)}, .in_count = 1},
    {0},
};

const struct op op_avg_pool = {
    .name = "avg_pool",
    .family = OP_POOLING,
    .summary = "The mean of each window.",
    .formula = "y[n, c, o] = sum over t of x[n, c, o * stride + t * dilation - pad] / taps that count",
    .source = "LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 86 (1998), section II",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, spatial...]"}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, C, spatial...]"}, {0}},
    .attributes = avg_pool_attributes,
    .options_size = sizeof(struct avg_pool_options),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
    .absorb = absorb,
};

fov_value fov_avg_pool2d_opt(fov_graph *graph, fov_value x, const fov_pool2d_options *options)
{
    struct window_pool2d pool;
    const char *node = window_pool2d(graph, x, options, "avg_pool2d", &pool);
    if (node == NULL) {
        return (fov_value){0};
    }
    struct avg_pool_options average = {.kernel = pool.kernel,
                                       .stride = pool.stride,
                                       .pad = pool.pad,
                                       .ceil_mode = options->ceil_mode,
                                       .count_include_pad = options->count_include_pad};
    return op_build(graph, "avg_pool", &x, 1, &average, node);
}
