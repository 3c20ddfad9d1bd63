/* SPDX-License-Identifier: MIT */
/* The gradient of average pooling: each pixel gathers its share of every window that it is in. It is linear, so its own
 * gradient is average pooling again. */
#include "op/avg_pool/avg_pool.h"

#include <stdio.h>

/** The shape of x from the shape of dy and options->size, and the window; checks that the window pools x to dy. */
static int resolve(struct window *window, const struct avg_pool_options *options, const fov_shape *dy, fov_shape *x,
                   struct error *error)
{
    char text[SHAPE_TEXT_SIZE], expected_text[SHAPE_TEXT_SIZE];
    if (dy->rank < 3 || options->size.count != dy->rank - 2) {
        return error_set(error, FOV_E_USAGE, "size has %d numbers where %d are needed", options->size.count,
                         dy->rank - 2);
    }
    *x = (fov_shape){dy->rank, {dy->dim[0], dy->dim[1]}};
    for (int i = 0; i < options->size.count; i++) {
        x->dim[2 + i] = options->size.at[i];
    }
    int status = avg_pool_window(window, options, x, error);
    if (status != 0) {
        return status;
    }
    fov_shape expected = window_out_shape(window, dy->dim[0], dy->dim[1]);
    if (!shape_fits(&expected, dy)) {
        return error_set(error, FOV_E_SHAPE, "dy %s does not fit the pooled shape %s", shape_text(dy, text),
                         shape_text(&expected, expected_text));
    }
    return 0;
}

static int infer(const struct op_infer *infer)
{
    struct window window;
    fov_shape x;
    int status = resolve(&window, infer->options, &infer->in[0].shape, &x, infer->error);
    if (status == 0) {
        infer->out[0].shape = x;
    }
    return status;
}

static void gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] =
            op_emit1(gradient->emitter, "avg_pool", gradient->out_gradient[0], gradient->options);
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const struct avg_pool_options *options = textbook->options;
    struct window window;
    fov_shape x;
    if (resolve(&window, options, &textbook->in[0].shape, &x, NULL) != 0) {
        return;
    }
    size_t planes = (size_t)(x.dim[0] * x.dim[1]);
    const double *dy_at = textbook->in[0].data;
    for (size_t plane = 0; plane < planes; plane++) {
        double *image = textbook->out[0].data + plane * (size_t)window_in_pixels(&window);
        for (int64_t pixel = 0; pixel < window_out_pixels(&window); pixel++) {
            int64_t oz = pixel / (window.out[1] * window.out[2]), oy = pixel / window.out[2] % window.out[1];
            int64_t ox = pixel % window.out[2];
            double share = *dy_at++ / avg_pool_divisor(&window, options->count_include_pad, oz, oy, ox);
            for (int64_t tap = 0; tap < window_taps(&window); tap++) {
                int64_t in = window_pixel(
                    window.in, window_meets(&window, 0, oz, tap / (window.kernel[1] * window.kernel[2])),
                    window_meets(&window, 1, oy, tap / window.kernel[2] % window.kernel[1]),
                    window_meets(&window, 2, ox, tap % window.kernel[2]));
                if (in >= 0) {
                    image[in] += share;
                }
            }
        }
    }
}

/** chunk = some lines of dx */
static void gradient_chunk(void *context, size_t chunk, int worker)
{
    const struct op_run *run = context;
    const struct avg_pool_plan *plan = run->state;
    const struct window *window = &plan->window;
    const void **rows = op_worker_scratch(run, worker);
    const void **divisor_rows = rows + window_rows_count(window);
    struct kernel_window row = window_row(window, plan->channels);
    size_t image_lines = (size_t)(window->in[0] * window->in[1]), lines = plan->batch * image_lines;
    size_t end = (chunk + 1) * plan->lines_per_chunk, out_image = (size_t)window_out_pixels(window) * plan->channels;
    for (size_t line = chunk * plan->lines_per_chunk; line < end && line < lines; line++) {
        size_t image = line / image_lines, within = line % image_lines;
        int64_t z = (int64_t)within / window->in[1], y = (int64_t)within % window->in[1];
        window_met_rows(window, z, y, (const float *)run->in[0].data + image * out_image,
                        row.out_width * plan->channels * sizeof(float), rows);
        window_met_rows(window, z, y, avg_pool_divisors(run->state), row.out_width * sizeof(float), divisor_rows);
        run->kernel->average_pool_gradient(&row, (const float *const *)rows, (const float *const *)divisor_rows,
                                           (float *)run->out[0].data + line * row.width * plan->channels);
    }
}

static void run(const struct op_run *run)
{
    const struct avg_pool_plan *plan = run->state;
    struct op_run copy = *run; /* the pool's context is not const */
    size_t lines = plan->batch * (size_t)(plan->window.in[0] * plan->window.in[1]);
    pool_run(run->pool, gradient_chunk, &copy, op_chunks(lines, plan->lines_per_chunk));
}

static int prepare(const struct op_compile *compile, void *state)
{
    const struct avg_pool_options *options = compile->options;
    struct window window;
    fov_shape x;
    int status = resolve(&window, options, &compile->in[0].shape, &x, compile->error);
    if (status == 0) {
        avg_pool_fill(state, &window, &x, options->count_include_pad);
    }
    return status;
}

static int compile(struct op_compile *compile)
{
    struct window window;
    fov_shape x;
    int status = resolve(&window, compile->options, &compile->in[0].shape, &x, compile->error);
    if (status != 0) {
        return status;
    }
    compile->run = run;
    compile->prepare = prepare;
    compile->state = avg_pool_state_bytes(&window);
    compile->scratch_per_worker = 2 * window_rows_count(&window) * sizeof(void *);
    snprintf(compile->detail, sizeof compile->detail, "rows, gathered");
    return 0;
}

static const struct op_cpu cpu = {.layout = OP_WANTS_CHANNELS_LAST, .supports = op_all_f32, .compile = compile};

#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
static const struct avg_pool_options halves = {.kernel = LIST(2, 2), .stride = LIST(2, 2), .size = LIST(7, 6)},
                                     padded = {.kernel = LIST(3, 3),
                                               .stride = LIST(2, 1),
                                               .pad = LIST(1, 1, 1, 1),
                                               .size = LIST(7, 5)},
                                     pad_counts = {.kernel = LIST(3, 3),
                                                   .stride = LIST(2, 2),
                                                   .pad = LIST(1, 1, 1, 1),
                                                   .size = LIST(6, 8),
                                                   .ceil_mode = true,
                                                   .count_include_pad = true},
                                     line = {.kernel = LIST(4), .stride = LIST(2), .size = LIST(10)},
                                     volume = {.kernel = LIST(2, 2, 2), .stride = LIST(1, 2, 2), .size = LIST(3, 4, 4)};

static const struct op_case cases[] = {
    {.name = "2x2", .options = &halves, .in = {FOV_SHAPE(2, 5, 3, 3)}, .in_count = 1},
    {.name = "padded", .options = &padded, .in = {FOV_SHAPE(1, 17, 4, 5)}, .in_count = 1},
    {.name = "pad counts, ceil mode", .options = &pad_counts, .in = {FOV_SHAPE(2, 3, 4, 5)}, .in_count = 1},
    {.name = "1-D", .options = &line, .in = {FOV_SHAPE(2, 3, 4)}, .in_count = 1},
    {.name = "3-D", .options = &volume, .in = {FOV_SHAPE(1, 3, 2, 2, 2)}, .in_count = 1},
    {0},
};

const struct op op_avg_pool_gradient = {
    .name = "avg_pool_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of average pooling: each pixel gathers its share of every window that it is in.",
    .formula = "dx[n, c, i] = sum of dy[n, c, o] / taps that count in o, over windows o that see pixel i",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[N, C, spatial...]"}, {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "[N, C, size...]"}, {0}},
    .attributes = avg_pool_attributes,
    .options_size = sizeof(struct avg_pool_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};
