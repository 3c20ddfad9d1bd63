/* SPDX-License-Identifier: MIT */
/* Max pooling of 1 to 3 spatial axes. A second output says which tap won each window, usually in one byte: the
 * gradient needs nothing else. The kernel max_pool makes one line of y at a time; the gradient is in gradient.c. */
#include "op/max_pool/max_pool.h"
#include "base/memory.h"
#include "op/onnx.h"

#include <fovea/operators.h>
#include <math.h>
#include <stdio.h>

static const char *const indices_choices[] = {"taps", "flat", NULL};

const struct op_attribute max_pool_attributes[] = {
    {OP_ATTRIBUTE(struct max_pool_options, kernel), .onnx = "kernel_shape", .kind = OP_LIST, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "taps per axis"},
    {OP_ATTRIBUTE(struct max_pool_options, stride), .onnx = "strides", .kind = OP_LIST, .standard = 1, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels from window to window, per axis"},
    {OP_ATTRIBUTE(struct max_pool_options, pad), .onnx = "pads", .kind = OP_LIST, .standard = 0, .minimum = 0,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "minus infinity before each axis, then after each axis, pixels"},
    {OP_ATTRIBUTE(struct max_pool_options, dilation), .onnx = "dilations", .kind = OP_LIST, .standard = 1, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels from tap to tap, per axis"},
    {OP_ATTRIBUTE(struct max_pool_options, size), .kind = OP_LIST, .minimum = 0, .maximum = INT32_MAX,
     .doc = "spatial size of x, pixels; only the gradient needs it"},
    {OP_ATTRIBUTE(struct max_pool_options, auto_pad), .onnx = "auto_pad", .kind = OP_CHOICE,
     .choices = window_auto_pad_choices, .doc = "how pads follow from sizes, in place of pad"},
    {OP_ATTRIBUTE(struct max_pool_options, ceil_mode), .onnx = "ceil_mode", .kind = OP_FLAG,
     .doc = "round output sizes up"},
    {OP_ATTRIBUTE(struct max_pool_options, indices), .kind = OP_CHOICE, .choices = indices_choices,
     .doc = "what the second output holds: the winning tap, or its place in all of x"},
    {OP_ATTRIBUTE(struct max_pool_options, storage_order), .onnx = "storage_order", .kind = OP_FLAG,
     .doc = "flat indices count columns first"},
    {0},
};

int max_pool_window(struct window *window, const struct max_pool_options *options, const fov_shape *x,
                    struct error *error)
{
    struct window_request request = {&options->kernel, &options->stride, &options->pad, &options->dilation,
                                     options->auto_pad, options->ceil_mode};
    return window_resolve_pool(window, x, &request, error);
}

fov_dtype max_pool_tap_dtype(const struct window *window)
{
    return window_taps(window) <= 256 ? FOV_U8 : FOV_I32;
}

static int infer(const struct op_infer *infer)
{
    const struct max_pool_options *options = infer->options;
    const fov_shape *x = &infer->in[0].shape;
    struct window window;
    int status = max_pool_window(&window, options, x, infer->error);
    if (status != 0) {
        return status;
    }
    infer->out[0].shape = window_out_shape(&window, x->dim[0], x->dim[1]);
    if (infer->out_count > 1) {
        infer->out[1].shape = infer->out[0].shape;
        infer->out[1].dtype = options->indices == MAX_POOL_FLAT ? FOV_I64 : max_pool_tap_dtype(&window);
    }
    return 0;
}

/* The gradient reads taps. Where this node gives flat indices, a second max_pool node gives taps. */
static void gradient(struct op_gradient *gradient)
{
    struct max_pool_options options = *(const struct max_pool_options *)gradient->options;
    fov_value taps = gradient->out[1];
    if (!gradient->wanted[0] || gradient->out_gradient[0].id == 0) {
        return;
    }
    if (options.indices == MAX_POOL_FLAT) {
        options.indices = MAX_POOL_TAPS;
        taps = op_emit_output(gradient->emitter, op_emit1(gradient->emitter, "max_pool", gradient->in[0], &options), 1);
    }
    options.size = window_spatial(&gradient->in_tensor[0].shape);
    gradient->in_gradient[0] =
        op_emit2(gradient->emitter, "max_pool_gradient", gradient->out_gradient[0], taps, &options);
}

static void cost(struct op_cost *cost)
{
    struct window window;
    if (max_pool_window(&window, cost->options, &cost->in[0].shape, NULL) == 0) {
        window_cost(&window, cost);
    }
}

/** ONNX's flat index of pixel (z, y, x) of plane `plane`: row-major, or with the spatial axes in reverse order. */
static double flat_index(const struct window *window, bool columns_first, size_t plane, int64_t z, int64_t y, int64_t x)
{
    int64_t within = columns_first ? (x * window->in[1] + y) * window->in[0] + z
                                   : (z * window->in[1] + y) * window->in[2] + x;
    return (double)plane * (double)window_in_pixels(window) + (double)within;
}

static void textbook(const struct op_textbook *textbook)
{
    const struct max_pool_options *options = textbook->options;
    const fov_shape *shape = &textbook->in[0].shape;
    struct window window;
    if (max_pool_window(&window, options, shape, NULL) != 0) {
        return;
    }
    size_t planes = (size_t)(shape->dim[0] * shape->dim[1]), at = 0;
    double *index = textbook->out_count > 1 ? textbook->out[1].data : NULL;
    for (size_t plane = 0; plane < planes; plane++) {
        const double *image = textbook->in[0].data + plane * (size_t)window_in_pixels(&window);
        for (int64_t pixel = 0; pixel < window_out_pixels(&window); pixel++, at++) {
            int64_t oz = pixel / (window.out[1] * window.out[2]), oy = pixel / window.out[2] % window.out[1];
            int64_t ox = pixel % window.out[2];
            double greatest = -INFINITY, place = 0;
            bool found = false;
            for (int64_t tap = 0; tap < window_taps(&window); tap++) {
                int64_t z = window_meets(&window, 0, oz, tap / (window.kernel[1] * window.kernel[2]));
                int64_t y = window_meets(&window, 1, oy, tap / window.kernel[2] % window.kernel[1]);
                int64_t x = window_meets(&window, 2, ox, tap % window.kernel[2]);
                int64_t in = window_pixel(window.in, z, y, x);
                /* The first of equals wins; a NaN wins over all that follow. */
                if (in >= 0 && (!found || image[in] > greatest || (isnan(image[in]) && !isnan(greatest)))) {
                    found = true;
                    greatest = image[in];
                    place = options->indices == MAX_POOL_FLAT
                                ? flat_index(&window, options->storage_order, plane, z, y, x)
                                : (double)tap;
                }
            }
            textbook->out[0].data[at] = greatest;
            if (index != NULL) {
                index[at] = place;
            }
        }
    }
}

/* ---- CPU --------------------------------------------------------------------------------------------------------- */

struct pool_job {
    const struct op_run        *run;
    const struct max_pool_plan *plan;
};

/** chunk = some lines of y */
static void pool_chunk(void *context, size_t chunk, int worker)
{
    const struct pool_job *job = context;
    const struct max_pool_plan *plan = job->plan;
    const struct op_run *run = job->run;
    const struct window *window = &plan->window;
    const void **rows = op_worker_scratch(run, worker);
    struct kernel_window row = window_row(window, plan->channels);
    size_t lines = plan->batch * (size_t)(window->out[0] * window->out[1]), end = (chunk + 1) * plan->lines_per_chunk;
    row.x_stride = op_pixel_stride(&run->in[0]);
    row.y_stride = op_pixel_stride(&run->out[0]);
    size_t line_pixels = row.out_width, in_image = (size_t)window_in_pixels(window) * row.x_stride;
    char *index = plan->index_bytes > 0 ? run->out[1].data : NULL;
    for (size_t line = chunk * plan->lines_per_chunk; line < end && line < lines; line++) {
        int64_t y = (int64_t)line % window->out[1], z = (int64_t)line / window->out[1] % window->out[0];
        size_t image = line / (size_t)(window->out[0] * window->out[1]);
        window_rows(window, z, y, (const float *)run->in[0].data + image * in_image,
                    row.width * row.x_stride * sizeof(float), rows);
        run->kernel->max_pool(&row, (const float *const *)rows,
                              (float *)run->out[0].data + line * line_pixels * row.y_stride,
                              index != NULL ? index + line * line_pixels * plan->channels * plan->index_bytes : NULL,
                              index != NULL ? plan->index_bytes : 0);
    }
}

/* Whether two passes are worth it: maxima along each row of x, kept for all windows that include the row, then maxima
 * of these down the columns, 2 k taps in place of k x k. Rows come first, so that the first of equal values wins as in
 * one pass, and the bits are the same. Not possible where the winning tap is wanted. */
static bool is_by_axes(const struct window *window, bool index)
{
    enum { LEAST_TAPS = 25 };
    return !index && window->kernel[0] == 1 && window->in[0] == 1 && window->stride[1] == 1 &&
           window->stride[2] == 1 && window->dilation[1] == 1 && window->kernel[1] > 2 && window->kernel[2] > 2 &&
           window_taps(window) >= LEAST_TAPS;
}

/* Floats that a worker keeps for one row of x: the maxima along it. */
static size_t kept_row(const struct window *window, size_t channels)
{
    return (size_t)window->out[2] * channels;
}

static size_t pointers_bytes(const struct window *window)
{
    return memory_aligned(window_rows_count(window) * sizeof(void *));
}

/** chunk = some lines of y */
static void pool_chunk_by_axes(void *context, size_t chunk, int worker)
{
    const struct pool_job *job = context;
    const struct max_pool_plan *plan = job->plan;
    const struct op_run *run = job->run;
    const struct window *window = &plan->window;
    const float **rows = op_worker_scratch(run, worker);
    float *kept = (float *)(void *)((char *)(void *)rows + pointers_bytes(window));
    struct kernel_window along = window_row(window, plan->channels), down = along;
    size_t height = (size_t)window->out[1], end = (chunk + 1) * plan->lines_per_chunk;
    int64_t taps = window->kernel[1], last = -1; /* last: newest row of x whose maxima are kept */
    along.kernel_height = 1;
    along.x_stride = op_pixel_stride(&run->in[0]);
    down.width = down.out_width;
    down.kernel_width = 1;
    down.pad = 0;
    down.dilation = 1;
    down.y_stride = op_pixel_stride(&run->out[0]);
    for (size_t line = chunk * plan->lines_per_chunk; line < end && line < plan->batch * height; line++) {
        size_t image = line / height * (size_t)window->in[1];
        int64_t first = (int64_t)(line % height) - window->begin[1];
        last = line % height == 0 ? -1 : last;
        for (int64_t k = 0; k < taps; k++) {
            int64_t y = first + k;
            bool inside = y >= 0 && y < window->in[1];
            float *to = inside ? kept + (size_t)(y % taps) * kept_row(window, plan->channels) : NULL;
            if (inside && y > last) {
                const float *x = (const float *)run->in[0].data + (image + (size_t)y) * along.width * along.x_stride;
                run->kernel->max_pool(&along, &x, to, NULL, 0);
                last = y;
            }
            rows[k] = to;
        }
        run->kernel->max_pool(&down, rows, (float *)run->out[0].data + line * down.out_width * down.y_stride, NULL, 0);
    }
}

static void run(const struct op_run *run)
{
    struct pool_job job = {run, run->state};
    size_t lines = job.plan->batch * (size_t)(job.plan->window.out[0] * job.plan->window.out[1]);
    pool_run(run->pool, job.plan->by_axes ? pool_chunk_by_axes : pool_chunk, &job,
             op_chunks(lines, job.plan->lines_per_chunk));
}

static int prepare(const struct op_compile *compile, void *state)
{
    const fov_shape *x = &compile->in[0].shape;
    struct max_pool_plan *plan = state;
    int status = max_pool_window(&plan->window, compile->options, x, compile->error);
    bool index = compile->out_count > 1 && compile->out[1].shape.rank >= 0;
    plan->batch = (size_t)x->dim[0];
    plan->channels = (size_t)x->dim[1];
    plan->index_bytes = index ? fov_dtype_size(compile->out[1].dtype) : 0;
    plan->lines_per_chunk = window_lines_per_chunk((size_t)(plan->window.out[2] * window_taps(&plan->window)) *
                                                   plan->channels);
    plan->by_axes = is_by_axes(&plan->window, index);
    if (plan->by_axes && plan->lines_per_chunk < (size_t)plan->window.kernel[1]) {
        plan->lines_per_chunk = (size_t)plan->window.kernel[1]; /* neighbouring chunks share rows of x */
    }
    return status;
}

static int compile(struct op_compile *compile)
{
    struct window window;
    int status = max_pool_window(&window, compile->options, &compile->in[0].shape, compile->error);
    compile->run = run;
    compile->prepare = prepare;
    compile->state = sizeof(struct max_pool_plan);
    compile->scratch_per_worker = window_rows_count(&window) * sizeof(void *);
    bool index = compile->out_count > 1 && compile->out[1].shape.rank >= 0, by_axes = is_by_axes(&window, index);
    if (by_axes) {
        size_t row = kept_row(&window, (size_t)compile->in[0].shape.dim[1]) * sizeof(float);
        compile->scratch_per_worker = pointers_bytes(&window) + (size_t)window.kernel[1] * row;
    }
    snprintf(compile->detail, sizeof compile->detail, by_axes ? "rows, then columns" : "rows");
    return status;
}

/** Flat indices are left to the textbook twin: they serve export and comparison, not training. */
static bool supports(const void *options, const struct op_tensor *in, int in_count)
{
    return ((const struct max_pool_options *)options)->indices == MAX_POOL_TAPS && op_all_f32(options, in, in_count);
}

static const struct op_cpu cpu = {.layout = OP_WANTS_CHANNELS_LAST,
                                  .supports = supports,
                                  .compile = compile,
                                  .strided_in = 1U << 0,
                                  .strided_out = true};

/* ---- ONNX -------------------------------------------------------------------------------------------------------- */

static int import(struct op_import *node)
{
    struct max_pool_options options = {0};
    node->list(node->reader, "kernel_shape", &options.kernel);
    node->list(node->reader, "strides", &options.stride);
    node->list(node->reader, "pads", &options.pad);
    node->list(node->reader, "dilations", &options.dilation);
    options.ceil_mode = node->integer(node->reader, "ceil_mode", 0) != 0;
    options.storage_order = node->integer(node->reader, "storage_order", 0) != 0;
    options.indices = node->out_count > 1 ? MAX_POOL_FLAT : MAX_POOL_TAPS;
    options.auto_pad = window_auto_pad_read(node->text(node->reader, "auto_pad", "NOTSET"));
    if (options.auto_pad < 0) {
        return node->fail(node->reader, FOV_E_INPUT, "auto_pad must be NOTSET, SAME_UPPER, SAME_LOWER or VALID");
    }
    fov_value y = node->emitter->node(node->emitter->graph, "max_pool", node->in, 1, &options, node->node_name);
    node->result(node->reader, 0, y);
    if (node->out_count > 1) {
        node->result(node->reader, 1, op_emit_output(node->emitter, y, 1));
    }
    return 0;
}

static int export(struct op_export *node)
{
    const struct max_pool_options *options = node->options;
    bool flat = options->indices == MAX_POOL_FLAT;
    node->begin(node->writer, "MaxPool", NULL);
    node->input(node->writer, 0);
    node->attribute_list(node->writer, "kernel_shape", options->kernel.at, options->kernel.count);
    if (options->stride.count > 0) {
        node->attribute_list(node->writer, "strides", options->stride.at, options->stride.count);
    }
    if (options->auto_pad != WINDOW_PAD_GIVEN) {
        node->attribute_text(node->writer, "auto_pad", window_auto_pad_choices[options->auto_pad]);
    } else if (options->pad.count > 0) {
        node->attribute_list(node->writer, "pads", options->pad.at, options->pad.count);
    }
    if (options->dilation.count > 0) {
        node->attribute_list(node->writer, "dilations", options->dilation.at, options->dilation.count);
    }
    if (options->ceil_mode) {
        node->attribute_integer(node->writer, "ceil_mode", 1);
    }
    if (flat && options->storage_order) {
        node->attribute_integer(node->writer, "storage_order", 1);
    }
    node->output(node->writer, 0);
    if (flat) { /* ONNX has no tap indices; they only serve the gradient, which is not saved */
        node->output(node->writer, 1);
    }
    return 0;
}

static const struct op_onnx onnx = {.type = "MaxPool", .since = 1, .import = import, .export = export};

/* ---- cases ------------------------------------------------------------------------------------------------------- */

/** Distinct values far apart: no ties, and no central difference crosses a kink. */
static void fill_distinct(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = 0.25 * (double)i;
    }
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)random_below(key, i, i);
        double held = data[i - 1];
        data[i - 1] = data[other];
        data[other] = held;
    }
}

#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
static const struct max_pool_options
    halves = {.kernel = LIST(2, 2), .stride = LIST(2, 2)},
    overlapping = {.kernel = LIST(3, 3), .stride = LIST(2, 2), .pad = LIST(1, 1, 1, 1)},
    dense_windows = {.kernel = LIST(3, 2), .pad = LIST(1, 0, 1, 1)},
    ceiled = {.kernel = LIST(3, 3), .stride = LIST(2, 2), .ceil_mode = true},
    dilated = {.kernel = LIST(2, 3), .dilation = LIST(2, 2), .pad = LIST(0, 2, 0, 2)},
    line = {.kernel = LIST(3), .stride = LIST(2), .pad = LIST(1, 1)},
    volume = {.kernel = LIST(2, 2, 2), .stride = LIST(1, 2, 2), .pad = LIST(1, 0, 0, 0, 1, 1)},
    large = {.kernel = LIST(17, 17), .stride = LIST(3, 3), .pad = LIST(8, 8, 8, 8)},
    same = {.kernel = LIST(3, 2), .stride = LIST(2, 2), .auto_pad = WINDOW_SAME_UPPER},
    flat = {.kernel = LIST(2, 2), .stride = LIST(2, 2), .indices = MAX_POOL_FLAT},
    flat_columns = {.kernel = LIST(2, 2), .indices = MAX_POOL_FLAT, .storage_order = true};

static const struct op_case cases[] = {
    {.name = "2x2", .options = &halves, .in = {FOV_SHAPE(2, 10, 6, 8)}, .in_count = 1, .fill = fill_distinct},
    {.name = "3x3 stride 2 padded",
     .options = &overlapping,
     .in = {FOV_SHAPE(2, 5, 7, 8)},
     .in_count = 1,
     .fill = fill_distinct},
    {.name = "stride 1",
     .options = &dense_windows,
     .in = {FOV_SHAPE(1, 17, 4, 5)},
     .in_count = 1,
     .fill = fill_distinct},
    {.name = "ceil mode", .options = &ceiled, .in = {FOV_SHAPE(2, 3, 6, 8)}, .in_count = 1, .fill = fill_distinct},
    {.name = "dilated", .options = &dilated, .in = {FOV_SHAPE(1, 4, 5, 6)}, .in_count = 1, .fill = fill_distinct},
    {.name = "1-D", .options = &line, .in = {FOV_SHAPE(2, 3, 9)}, .in_count = 1, .fill = fill_distinct},
    {.name = "3-D", .options = &volume, .in = {FOV_SHAPE(1, 3, 3, 4, 5)}, .in_count = 1, .fill = fill_distinct},
    {.name = "more than 256 taps",
     .options = &large,
     .in = {FOV_SHAPE(1, 2, 9, 10)},
     .in_count = 1,
     .fill = fill_distinct},
    {.name = "same upper", .options = &same, .in = {FOV_SHAPE(1, 3, 5, 6)}, .in_count = 1, .fill = fill_distinct},
    {.name = "flat indices", .options = &flat, .in = {FOV_SHAPE(2, 3, 4, 5)}, .in_count = 1, .fill = fill_distinct},
    {.name = "flat indices, columns first",
     .options = &flat_columns,
     .in = {FOV_SHAPE(1, 2, 4, 3)},
     .in_count = 1,
     .fill = fill_distinct},
    {0},
};

const struct op op_max_pool = {
    .name = "max_pool",
    .family = OP_POOLING,
    .summary = "The largest value of each window.",
    .formula =
        "y[n, c, o] = max over t of x[n, c, o * stride + t * dilation - pad]; taps outside the image are skipped",
    .source = "Ranzato et al., Unsupervised learning of invariant feature hierarchies, CVPR 2007",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, spatial...]"}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, C, spatial...]"},
                                    {.name = "index", .shape = "as y", .optional = true},
                                    {0}},
    .attributes = max_pool_attributes,
    .options_size = sizeof(struct max_pool_options),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};

fov_value fov_max_pool2d_opt(fov_graph *graph, fov_value x, const fov_pool2d_options *options)
{
    struct window_pool2d pool;
    const char *node = window_pool2d(graph, x, options, "max_pool2d", &pool);
    if (node == NULL) {
        return (fov_value){0};
    }
    struct max_pool_options max = {
        .kernel = pool.kernel, .stride = pool.stride, .pad = pool.pad, .ceil_mode = options->ceil_mode};
    return op_build(graph, "max_pool", &x, 1, &max, node);
}
