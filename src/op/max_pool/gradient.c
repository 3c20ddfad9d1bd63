/* SPDX-License-Identifier: MIT */
/* The gradient of max pooling: each pixel gathers from the windows that it won. It gathers, so that every element is
 * written once and the order of its sum is fixed. Its own gradient reads the winning pixels again: max_pool_take,
 * below. */
#include "op/max_pool/max_pool.h"

#include <stdio.h>

/** Shape of x from that of y and options->size. */
static int x_shape(const struct max_pool_options *options, const fov_shape *y, fov_shape *x, struct error *error)
{
    if (y->rank < 3 || options->size.count != y->rank - 2) {
        return error_set(error, FOV_E_USAGE, "size has %d numbers where %d are needed", options->size.count,
                         y->rank - 2);
    }
    *x = (fov_shape){y->rank, {y->dim[0], y->dim[1]}};
    for (int i = 0; i < options->size.count; i++) {
        x->dim[2 + i] = options->size.at[i];
    }
    return 0;
}

/** Resolves the window; E_SHAPE unless `y` has the shape that the window makes of x. */
static int check(struct window *window, const struct max_pool_options *options, const fov_shape *x, const fov_shape *y,
                 struct error *error)
{
    char text[SHAPE_TEXT_SIZE], expected_text[SHAPE_TEXT_SIZE];
    int status = max_pool_window(window, options, x, error);
    if (status != 0) {
        return status;
    }
    fov_shape expected = window_out_shape(window, x->dim[0], x->dim[1]);
    if (!shape_fits(&expected, y)) {
        return error_set(error, FOV_E_SHAPE, "%s does not fit the pooled shape %s", shape_text(y, text),
                         shape_text(&expected, expected_text));
    }
    return 0;
}

static int infer(const struct op_infer *infer)
{
    struct window window;
    fov_shape x;
    int status = x_shape(infer->options, &infer->in[0].shape, &x, infer->error);
    for (int i = 0; status == 0 && i < 2; i++) {
        status = check(&window, infer->options, &x, &infer->in[i].shape, infer->error);
    }
    if (status == 0) {
        infer->out[0].shape = x;
    }
    return status;
}

static void gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "max_pool_take", gradient->out_gradient[0],
                                            gradient->in[1], gradient->options);
    }
}

/** The pixel of x at a window's winning tap; -1: outside x, as for a window that saw no pixel, or no tap at all. */
static int64_t winner(const struct window *window, int64_t pixel, double tap)
{
    if (!(tap >= 0 && tap < (double)window_taps(window))) {
        return -1;
    }
    int64_t oz = pixel / (window->out[1] * window->out[2]), oy = pixel / window->out[2] % window->out[1];
    int64_t ox = pixel % window->out[2], t = (int64_t)tap;
    return window_pixel(window->in, window_meets(window, 0, oz, t / (window->kernel[1] * window->kernel[2])),
                        window_meets(window, 1, oy, t / window->kernel[2] % window->kernel[1]),
                        window_meets(window, 2, ox, t % window->kernel[2]));
}

static void textbook(const struct op_textbook *textbook)
{
    struct window window;
    const fov_shape *x = &textbook->out[0].shape;
    if (max_pool_window(&window, textbook->options, x, NULL) != 0) {
        return;
    }
    size_t pixels = (size_t)window_out_pixels(&window), count = op_count(&textbook->in[0].shape);
    for (size_t i = 0; i < count; i++) {
        int64_t pixel = winner(&window, (int64_t)(i % pixels), textbook->in[1].data[i]);
        if (pixel >= 0) {
            textbook->out[0].data[i / pixels * (size_t)window_in_pixels(&window) + (size_t)pixel] +=
                textbook->in[0].data[i];
        }
    }
}

struct gradient_job {
    const struct op_run        *run;
    const struct max_pool_plan *plan;
};

/** chunk = some lines of dx */
static void gradient_chunk(void *context, size_t chunk, int worker)
{
    const struct gradient_job *job = context;
    const struct max_pool_plan *plan = job->plan;
    const struct op_run *run = job->run;
    const struct window *window = &plan->window;
    size_t row_count = window_rows_count(window);
    const void **rows = op_worker_scratch(run, worker);
    const void **index_rows = rows + row_count;
    struct kernel_window row = window_row(window, plan->channels);
    size_t lines = plan->batch * (size_t)(window->in[0] * window->in[1]), end = (chunk + 1) * plan->lines_per_chunk;
    size_t out_line = row.out_width * plan->channels, out_image = (size_t)window_out_pixels(window) * plan->channels;
    for (size_t line = chunk * plan->lines_per_chunk; line < end && line < lines; line++) {
        int64_t y = (int64_t)line % window->in[1], z = (int64_t)line / window->in[1] % window->in[0];
        size_t image = line / (size_t)(window->in[0] * window->in[1]);
        window_met_rows(window, z, y, (const float *)run->in[0].data + image * out_image, out_line * sizeof(float),
                        rows);
        window_met_rows(window, z, y, (const char *)run->in[1].data + image * out_image * plan->index_bytes,
                        out_line * plan->index_bytes, index_rows);
        run->kernel->max_pool_gradient(&row, (const float *const *)rows, index_rows, plan->index_bytes,
                                       (float *)run->out[0].data + line * row.width * plan->channels);
    }
}

static void run(const struct op_run *run)
{
    struct gradient_job job = {run, run->state};
    size_t lines = job.plan->batch * (size_t)(job.plan->window.in[0] * job.plan->window.in[1]);
    pool_run(run->pool, gradient_chunk, &job, op_chunks(lines, job.plan->lines_per_chunk));
}

static int prepare(const struct op_compile *compile, void *state)
{
    const fov_shape *x = &compile->out[0].shape;
    struct max_pool_plan *plan = state;
    int status = max_pool_window(&plan->window, compile->options, x, compile->error);
    plan->batch = (size_t)x->dim[0];
    plan->channels = (size_t)x->dim[1];
    plan->index_bytes = fov_dtype_size(compile->in[1].dtype);
    plan->lines_per_chunk = window_lines_per_chunk((size_t)plan->window.in[2] * plan->channels * 4);
    return status;
}

static int compile(struct op_compile *compile)
{
    struct window window;
    int status = max_pool_window(&window, compile->options, &compile->out[0].shape, compile->error);
    compile->run = run;
    compile->prepare = prepare;
    compile->state = sizeof(struct max_pool_plan);
    compile->scratch_per_worker = 2 * window_rows_count(&window) * sizeof(void *);
    snprintf(compile->detail, sizeof compile->detail, "rows, gathered");
    return status;
}

static bool supports(const void *options, const struct op_tensor *in, int in_count)
{
    (void)options;
    (void)in_count;
    return in[0].dtype == FOV_F32 && (in[1].dtype == FOV_U8 || in[1].dtype == FOV_I32);
}

static const struct op_cpu cpu = {.layout = OP_WANTS_CHANNELS_LAST, .supports = supports, .compile = compile};

#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
static const struct max_pool_options
    halves = {.kernel = LIST(2, 2), .stride = LIST(2, 2), .size = LIST(7, 6)},
    overlapping = {.kernel = LIST(3, 3), .stride = LIST(2, 1), .size = LIST(7, 5)},
    line = {.kernel = LIST(4), .stride = LIST(2), .size = LIST(10)},
    volume = {.kernel = LIST(2, 2, 2), .stride = LIST(1, 2, 2), .size = LIST(3, 4, 4)};

/* Any tap can win in these cases: no window leaves the image. */
static const struct op_case cases[] = {
    {.name = "2x2",
     .options = &halves,
     .in = {FOV_SHAPE(2, 5, 3, 3), FOV_SHAPE(2, 5, 3, 3)},
     .in_dtype = {FOV_F32, FOV_U8},
     .in_count = 2,
     .integers = 4},
    {.name = "overlapping",
     .options = &overlapping,
     .in = {FOV_SHAPE(1, 17, 3, 3), FOV_SHAPE(1, 17, 3, 3)},
     .in_dtype = {FOV_F32, FOV_U8},
     .in_count = 2,
     .integers = 9},
    {.name = "i32 taps",
     .options = &overlapping,
     .in = {FOV_SHAPE(1, 3, 3, 3), FOV_SHAPE(1, 3, 3, 3)},
     .in_dtype = {FOV_F32, FOV_I32},
     .in_count = 2,
     .integers = 9},
    {.name = "1-D",
     .options = &line,
     .in = {FOV_SHAPE(2, 3, 4), FOV_SHAPE(2, 3, 4)},
     .in_dtype = {FOV_F32, FOV_U8},
     .in_count = 2,
     .integers = 4},
    {.name = "3-D",
     .options = &volume,
     .in = {FOV_SHAPE(1, 3, 2, 2, 2), FOV_SHAPE(1, 3, 2, 2, 2)},
     .in_dtype = {FOV_F32, FOV_U8},
     .in_count = 2,
     .integers = 8},
    {0},
};

const struct op op_max_pool_gradient = {
    .name = "max_pool_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of max pooling: each pixel gathers from the windows that it won.",
    .formula = "dx[n, c, i] = sum of dy[n, c, o] over windows o whose winning tap is pixel i",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[N, C, spatial...]"},
                                   {.name = "index", .shape = "as dy"},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "[N, C, size...]"}, {0}},
    .attributes = max_pool_attributes,
    .options_size = sizeof(struct max_pool_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};

/* ---- the gradient's gradient: y[o] = x[the pixel that won window o] ---------------------------------------------- */

static int infer_take(const struct op_infer *infer)
{
    struct window window;
    int status = check(&window, infer->options, &infer->in[0].shape, &infer->in[1].shape, infer->error);
    infer->out[0].shape = infer->in[1].shape;
    return status;
}

static void gradient_take(struct op_gradient *gradient)
{
    struct max_pool_options options = *(const struct max_pool_options *)gradient->options;
    options.size = window_spatial(&gradient->in_tensor[0].shape);
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "max_pool_gradient", gradient->out_gradient[0],
                                            gradient->in[1], &options);
    }
}

static void textbook_take(const struct op_textbook *textbook)
{
    struct window window;
    if (max_pool_window(&window, textbook->options, &textbook->in[0].shape, NULL) != 0) {
        return;
    }
    size_t pixels = (size_t)window_out_pixels(&window), count = op_count(&textbook->out[0].shape);
    for (size_t i = 0; i < count; i++) {
        int64_t pixel = winner(&window, (int64_t)(i % pixels), textbook->in[1].data[i]);
        if (pixel >= 0) {
            textbook->out[0].data[i] =
                textbook->in[0].data[i / pixels * (size_t)window_in_pixels(&window) + (size_t)pixel];
        }
    }
}

static const struct op_case cases_take[] = {
    {.name = "2x2",
     .options = &halves,
     .in = {FOV_SHAPE(2, 5, 7, 6), FOV_SHAPE(2, 5, 3, 3)},
     .in_dtype = {FOV_F32, FOV_U8},
     .in_count = 2,
     .integers = 4},
    {.name = "1-D",
     .options = &line,
     .in = {FOV_SHAPE(2, 3, 10), FOV_SHAPE(2, 3, 4)},
     .in_dtype = {FOV_F32, FOV_U8},
     .in_count = 2,
     .integers = 4},
    {0},
};

/* Rare (gradients of gradients), so its definition is also its implementation. */
const struct op op_max_pool_take = {
    .name = "max_pool_take",
    .family = OP_GRADIENT,
    .summary = "The pixel that won each window of a max pooling: gradient of its gradient.",
    .formula = "y[n, c, o] = x[n, c, o * stride + index[n, c, o] * dilation - pad]",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, spatial...]"},
                                   {.name = "index", .shape = "[N, C, pooled...]"},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "as index"}, {0}},
    .attributes = max_pool_attributes,
    .options_size = sizeof(struct max_pool_options),
    .infer = infer_take,
    .gradient = gradient_take,
    .textbook = textbook_take,
    .cases = cases_take,
};
