/* SPDX-License-Identifier: MIT */
/* Depthwise convolution, a filter per channel (its gradients are in depthwise_gradient.c): a line of pixels at a time through the row kernels,
 * vectorised over channels. The general form (product.h) would multiply by a matrix of one column. */
#include "op/conv/conv.h"
#include "op/conv/line_ring.h"

#include <stdio.h>
#include <string.h>

enum {
    TALL_LINES = 16, /* of a chunk in training: input lines that are made as they are read are made twice where chunks meet */
    TALL_CHUNKS = 16 /* but so many there should be */
};

/** What the runs look up: the state. */
struct depthwise_plan {
    struct window window;
    size_t batch, channels, taps;
    size_t lines;           /**< of y, all images */
    size_t lines_per_chunk;
    bool   made;            /**< lines of x are made as they are read */
};

static struct depthwise_plan make_plan(const struct op_compile *compile, const struct conv_geometry *geometry)
{
    const struct window *window = &geometry->window;
    struct depthwise_plan plan = {.window = *window,
                                  .batch = (size_t)geometry->batch,
                                  .channels = (size_t)geometry->channels,
                                  .taps = (size_t)geometry->taps,
                                  .made = op_comes_as_rows(compile, 0)};
    plan.lines = plan.batch * (size_t)(window->out[0] * window->out[1]);
    plan.lines_per_chunk = window_lines_per_chunk((size_t)window->out[2] * plan.channels * plan.taps);
    size_t tall = plan.lines / TALL_CHUNKS < TALL_LINES ? plan.lines / TALL_CHUNKS : TALL_LINES;
    if ((plan.made || compile->training) && plan.lines_per_chunk < tall) {
        plan.lines_per_chunk = tall;
    }
    return plan;
}

static size_t chunks_of(const struct depthwise_plan *plan)
{
    return (plan->lines + plan->lines_per_chunk - 1) / plan->lines_per_chunk;
}

static int prepare(const struct op_compile *compile, void *state)
{
    struct conv_geometry geometry;
    int status = conv_geometry(&geometry, compile->options, &compile->in[0].shape, &compile->in[1].shape, compile->error);
    if (status == 0) {
        *(struct depthwise_plan *)state = make_plan(compile, &geometry);
    }
    return status;
}

/** Plain weights [C][taps] to [taps][C]. */
static void pack(const struct op_run *run)
{
    const struct depthwise_plan *plan = run->state;
    float *packed = run->packed[1];
    run->kernel->transpose(plan->channels, plan->taps, run->in[1].data, plan->taps, packed, plan->channels);
    if (run->fold_factor != NULL) {
        struct kernel_operand weights = {packed, plan->channels, 1}, factor = {run->fold_factor, 0, 1};
        run->kernel->binary[BINARY_mul](plan->taps, plan->channels, weights, factor, packed, plan->channels);
    }
}

/** What a chunk's task sees. */
struct depthwise_job {
    const struct op_run         *run;
    const struct depthwise_plan *plan;
};

/** Of a worker's pointers to lines, rounded up so that lines may follow. */
static size_t rows_bytes(const struct window *window)
{
    return (window_rows_count(window) * sizeof(void *) + 63) / 64 * 64;
}

static void *rows_of(const struct op_run *run, int worker)
{
    return (char *)run->worker_scratch + (size_t)worker * run->worker_scratch_bytes;
}

/** Line `index` of all lines of images of `size`: which image, and z and y in it. */
static void locate(size_t index, const int64_t size[3], size_t *image, int64_t *z, int64_t *y)
{
    *y = (int64_t)index % size[1];
    *z = (int64_t)index / size[1] % size[0];
    *image = index / (size_t)(size[0] * size[1]);
}

/** A worker's lines of x, behind its pointers to them. */
static struct line_ring ring_of(const struct op_run *run, const struct depthwise_plan *plan, const void **rows)
{
    const struct window *window = &plan->window;
    void *room = (char *)rows + rows_bytes(window);
    return plan->made ? line_ring_make(run, 0, (size_t)window->in[2], plan->channels,
                                       line_ring_slots(window->kernel[1], window->dilation[1]), room)
                      : (struct line_ring){0};
}

/** The lines of x that output line (z, y) of an image meets. */
static void lines_met(const struct op_run *run, const struct depthwise_plan *plan, struct line_ring *ring, size_t image,
                      int64_t z, int64_t y, const void **rows)
{
    const struct window *window = &plan->window;
    size_t stride = op_pixel_stride(&run->in[0]), pixels = (size_t)window_in_pixels(window);
    if (!plan->made) {
        window_rows(window, z, y, (const float *)run->in[0].data + image * pixels * stride,
                    (size_t)window->in[2] * stride * sizeof(float), rows);
    }
    for (int64_t ky = 0; plan->made && ky < window->kernel[1]; ky++) {
        int64_t line = window_meets(window, 1, y, ky);
        bool inside = line >= 0 && line < window->in[1];
        rows[ky] = inside ? line_ring_get(ring, image * (size_t)window->in[1] + (size_t)line) : NULL;
    }
}

/** What follows a line of sums where a residual comes between them and the activation; the line is in the first-level cache. */
static void add_residual(const struct op_run *run, size_t line, size_t pixels, size_t channels, float *y)
{
    size_t stride = op_pixel_stride(run->residual), y_stride = op_pixel_stride(&run->out[0]);
    struct kernel_operand sums = {y, y_stride, 1};
    struct kernel_operand residual = {(const float *)run->residual->data + line * pixels * stride, stride, 1};
    run->kernel->binary[BINARY_add](pixels, channels, sums, residual, y, y_stride);
    for (size_t pixel = 0; run->activation != UNARY_identity && pixel < pixels; pixel++, y += y_stride) {
        run->kernel->unary[run->activation](channels, y, y, run->alpha, run->beta);
    }
}

static void forward_chunk(void *context, size_t chunk, int worker)
{
    const struct depthwise_job *job = context;
    const struct depthwise_plan *plan = job->plan;
    const struct op_run *run = job->run;
    const struct window *window = &plan->window;
    const void **rows = rows_of(run, worker);
    struct line_ring ring = ring_of(run, plan, rows);
    struct kernel_window row = window_row(window, plan->channels);
    enum unary activation = run->residual != NULL ? UNARY_identity : run->activation;
    row.x_stride = op_pixel_stride(&run->in[0]);
    row.y_stride = op_pixel_stride(&run->out[0]);
    size_t end = (chunk + 1) * plan->lines_per_chunk < plan->lines ? (chunk + 1) * plan->lines_per_chunk : plan->lines;
    for (size_t line = chunk * plan->lines_per_chunk; line < end; line++) {
        size_t image;
        int64_t z, y;
        locate(line, window->out, &image, &z, &y);
        lines_met(run, plan, &ring, image, z, y, rows);
        float *out = (float *)run->out[0].data + line * row.out_width * row.y_stride;
        run->kernel->depthwise(&row, (const float *const *)rows, run->packed[1], op_bias(run, 2), out, activation,
                               run->alpha, run->beta);
        if (run->residual != NULL) {
            add_residual(run, line, row.out_width, plan->channels, out);
        }
    }
    size_t first = chunk * plan->lines_per_chunk;
    op_show(run, first * row.out_width, (end - first) * row.out_width, 0, plan->channels);
}

static void run_forward(const struct op_run *run)
{
    struct depthwise_job job = {run, run->state};
    pool_run(run->pool, forward_chunk, &job, chunks_of(job.plan));
}

int conv_depthwise_compile(struct op_compile *compile, const struct conv_geometry *geometry)
{
    const struct window *window = &geometry->window;
    struct depthwise_plan plan = make_plan(compile, geometry);
    compile->run = run_forward;
    compile->prepare = prepare;
    compile->pack = pack;
    compile->packed[1] = (size_t)(geometry->taps * geometry->channels) * sizeof(float);
    compile->state = sizeof plan;
    compile->scratch_per_worker = rows_bytes(window);
    if (plan.made) {
        compile->scratch_per_worker += line_ring_bytes(line_ring_slots(window->kernel[1], window->dilation[1]),
                                                       (size_t)(window->in[2] * geometry->channels));
    }
    compile->shown_rows = plan.lines_per_chunk * (size_t)window->out[2];
    snprintf(compile->detail, sizeof compile->detail, "depthwise rows");
    return 0;
}
