/* SPDX-License-Identifier: MIT */
/* The gradients of a depthwise convolution, to its input, to its weight, or both in one pass: down the lines of x and of dy,
 * each of which is read once, or made once where it is not stored (line_ring.h). The forward pass is in depthwise.c. */
#include "op/conv/conv.h"
#include "op/conv/line_ring.h"

#include <stdio.h>
#include <string.h>

enum {
    PART_FLOATS = 40 << 10, /* of x, of a part: with dy, dx and what they are made from, about a second-level cache */
    LEAST_LINES = 4,
    MOST_LINES = 16,
    PARTS = 16 /* there should be */
};

/** What the runs look up: the state. */
struct gradient_plan {
    struct window window;
    size_t batch, channels, taps;
    size_t lines;        /**< of x, all images */
    size_t part_lines;   /**< chunks by shape alone: each has a sum of its own, combined in order */
    size_t parts;
    bool   input, weight;       /**< which gradients this step makes */
    bool   made_x, made_dy;     /**< as they are read */
    size_t met_bytes, x_bytes;  /**< of a worker's room: pointers to lines, x's ring; behind them dy's */
};

/** Who makes what: a step for one gradient, or the weight's for both. */
struct gradient_job {
    const struct op_run        *run;          /**< whose plan, scratch and threads are used */
    const struct op_run        *input, *weight; /**< NULL: not made here */
    const struct gradient_plan *plan;
};

static size_t rounded(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static struct gradient_plan make_plan(const struct conv_geometry *geometry, bool input, bool weight, bool made_x, bool made_dy)
{
    const struct window *window = &geometry->window;
    struct gradient_plan plan = {.window = *window,
                                 .batch = (size_t)geometry->batch,
                                 .channels = (size_t)geometry->channels,
                                 .taps = (size_t)geometry->taps,
                                 .input = input,
                                 .weight = weight,
                                 .made_x = made_x,
                                 .made_dy = made_dy};
    plan.lines = plan.batch * (size_t)(window->in[0] * window->in[1]);
    size_t line = (size_t)window->in[2] * plan.channels, lines = PART_FLOATS / (line == 0 ? 1 : line);
    lines = lines < LEAST_LINES ? LEAST_LINES : lines > MOST_LINES ? MOST_LINES : lines;
    lines = lines * PARTS > plan.lines ? plan.lines / PARTS : lines;
    plan.part_lines = lines == 0 ? 1 : lines;
    plan.parts = (plan.lines + plan.part_lines - 1) / plan.part_lines;
    plan.met_bytes = rounded(window_rows_count(window) * sizeof(void *));
    size_t x_slots = line_ring_slots(window->kernel[1], window->dilation[1]);
    plan.x_bytes = made_x ? rounded(line_ring_bytes(x_slots, line)) : 0;
    return plan;
}

static size_t dy_bytes(const struct gradient_plan *plan)
{
    const struct window *window = &plan->window;
    return plan->made_dy ? line_ring_bytes(line_ring_slots(window->kernel[1], window->dilation[1]),
                                           (size_t)window->out[2] * plan->channels)
                         : 0;
}

static int plan_input(const struct op_compile *compile, struct gradient_plan *plan)
{
    struct conv_geometry geometry;
    fov_shape x;
    int status = conv_x_shape(compile->options, &compile->in[0].shape, &compile->in[1].shape, &x, compile->error);
    status = status != 0 ? status : conv_geometry(&geometry, compile->options, &x, &compile->in[1].shape, compile->error);
    if (status == 0) {
        *plan = make_plan(&geometry, true, false, false, op_comes_as_rows(compile, 0));
    }
    return status;
}

static int plan_weight(const struct op_compile *compile, struct gradient_plan *plan)
{
    struct conv_geometry geometry;
    fov_shape weight;
    int status = conv_weight_shape(compile->options, &compile->in[0].shape, &compile->in[1].shape, &weight, compile->error);
    status = status != 0 ? status : conv_geometry(&geometry, compile->options, &compile->in[0].shape, &weight, compile->error);
    if (status == 0) {
        *plan = make_plan(&geometry, compile->joins, true, op_comes_as_rows(compile, 0), op_comes_as_rows(compile, 1));
    }
    return status;
}

static int prepare_input(const struct op_compile *compile, void *state)
{
    return plan_input(compile, state);
}

static int prepare_weight(const struct op_compile *compile, void *state)
{
    return plan_weight(compile, state);
}

/** Plain weights [C][taps] to [taps][C]. */
static void pack(const struct op_run *run)
{
    const struct gradient_plan *plan = run->state;
    run->kernel->transpose(plan->channels, plan->taps, run->in[1].data, plan->taps, run->packed[1], plan->channels);
}

/* ---- lines ---------------------------------------------------------------------------------------------------------------- */

/** An image's lines, stored or made. */
struct lines {
    struct line_ring ring;
    const float     *stored; /**< NULL: made */
    size_t           planes, height, floats;
};

static struct lines lines_of(const struct op_run *run, int input, const int64_t size[3], size_t channels, size_t slots, void *room)
{
    struct lines lines = {.stored = run->in[input].data,
                          .planes = (size_t)size[0],
                          .height = (size_t)size[1],
                          .floats = (size_t)size[2] * channels};
    if (lines.stored == NULL) {
        lines.ring = line_ring_make(run, input, (size_t)size[2], channels, slots, room);
    }
    return lines;
}

static const float *line_at(struct lines *lines, size_t image, int64_t z, int64_t y)
{
    size_t line = (image * lines->planes + (size_t)z) * lines->height + (size_t)y;
    return lines->stored != NULL ? lines->stored + line * lines->floats : line_ring_get(&lines->ring, line);
}

/** A worker's view of both images. */
struct gradient_lines {
    struct lines  x, dy;
    const float **met; /**< room for the lines that one line meets */
};

/** dx of line (z, y) of an image: from the lines of dy that meet it. */
static void input_line(const struct gradient_job *job, struct gradient_lines *lines, size_t image, int64_t z, int64_t y, float *dx)
{
    const struct gradient_plan *plan = job->plan;
    const struct window *window = &plan->window;
    struct kernel_window row = window_row(window, plan->channels);
    const float **met = lines->met;
    for (int64_t kz = 0; kz < window->kernel[0]; kz++) {
        for (int64_t ky = 0; ky < window->kernel[1]; ky++) {
            int64_t out_z = window_met_by(window, 0, z, kz), out_y = window_met_by(window, 1, y, ky);
            *met++ = out_z < 0 || out_y < 0 ? NULL : line_at(&lines->dy, image, out_z, out_y);
        }
    }
    job->run->kernel->depthwise_input_gradient(&row, lines->met, job->input->packed[1], dx);
}

/** Adds line (z, y) of dy times the lines of x that it meets to a part's sum. */
static void weight_line(const struct gradient_job *job, struct gradient_lines *lines, size_t image, int64_t z, int64_t y,
                        float *sum)
{
    const struct gradient_plan *plan = job->plan;
    const struct window *window = &plan->window;
    struct kernel_window row = window_row(window, plan->channels);
    const float **met = lines->met;
    for (int64_t kz = 0; kz < window->kernel[0]; kz++) {
        for (int64_t ky = 0; ky < window->kernel[1]; ky++) {
            int64_t in_z = window_meets(window, 0, z, kz), in_y = window_meets(window, 1, y, ky);
            bool inside = in_z >= 0 && in_z < window->in[0] && in_y >= 0 && in_y < window->in[1];
            *met++ = inside ? line_at(&lines->x, image, in_z, in_y) : NULL;
        }
    }
    job->run->kernel->depthwise_weight_gradient(&row, lines->met, line_at(&lines->dy, image, z, y), sum);
}

/** The lines of dy that go with a line of x: that which begins there, and with the last one all that begin beyond. */
static void lines_with(int64_t at, int64_t size, int64_t stride, int64_t out, int64_t *first, int64_t *end)
{
    *first = (at + stride - 1) / stride;
    *end = at + 1 == size ? out : at / stride + 1;
    *end = *end > out ? out : *end;
}

static void part_chunk(void *context, size_t part, int worker)
{
    const struct gradient_job *job = context;
    const struct gradient_plan *plan = job->plan;
    const struct window *window = &plan->window;
    const struct op_run *run = job->run, *dy_run = job->weight != NULL ? job->weight : job->input;
    char *room = (char *)run->worker_scratch + (size_t)worker * run->worker_scratch_bytes;
    size_t slots = line_ring_slots(window->kernel[1], window->dilation[1]), floats = plan->taps * plan->channels;
    struct gradient_lines lines = {.met = (const float **)(void *)room};
    lines.dy = lines_of(dy_run, job->weight != NULL ? 1 : 0, window->out, plan->channels, slots, room + plan->met_bytes + plan->x_bytes);
    float *sum = NULL;
    if (job->weight != NULL) {
        lines.x = lines_of(job->weight, 0, window->in, plan->channels, slots, room + plan->met_bytes);
        sum = (float *)run->scratch + part * floats;
        memset(sum, 0, floats * sizeof *sum);
    }
    size_t line_floats = (size_t)window->in[2] * plan->channels, first = part * plan->part_lines;
    size_t end = first + plan->part_lines < plan->lines ? first + plan->part_lines : plan->lines;
    for (size_t line = first; line < end; line++) {
        int64_t y = (int64_t)line % window->in[1], z = (int64_t)line / window->in[1] % window->in[0];
        size_t image = line / (size_t)(window->in[0] * window->in[1]);
        int64_t first_z, end_z, first_y, end_y;
        if (job->input != NULL) {
            input_line(job, &lines, image, z, y, (float *)job->input->out[0].data + line * line_floats);
        }
        lines_with(z, window->in[0], window->stride[0], window->out[0], &first_z, &end_z);
        lines_with(y, window->in[1], window->stride[1], window->out[1], &first_y, &end_y);
        for (int64_t out_z = first_z; sum != NULL && out_z < end_z; out_z++) {
            for (int64_t out_y = first_y; out_y < end_y; out_y++) {
                weight_line(job, &lines, image, out_z, out_y, sum);
            }
        }
    }
    if (job->input != NULL) {
        op_show(job->input, first * (size_t)window->in[2], (end - first) * (size_t)window->in[2], 0, plan->channels);
    }
}

/* ---- steps ---------------------------------------------------------------------------------------------------------------- */

static void run_input(const struct op_run *run)
{
    struct gradient_job job = {.run = run, .input = run, .plan = run->state};
    pool_run(run->pool, part_chunk, &job, job.plan->parts);
}

/** The weight's gradient, and that of the step before if it was joined. */
static void run_weight(const struct op_run *run)
{
    struct gradient_job job = {.run = run, .input = run->before, .weight = run, .plan = run->state};
    size_t floats = job.plan->taps * job.plan->channels;
    float *sum = run->scratch;
    pool_run(run->pool, part_chunk, &job, job.plan->parts);
    if (job.plan->parts == 0) {
        memset(run->out[0].data, 0, floats * sizeof(float));
        return;
    }
    for (size_t part = 1; part < job.plan->parts; part++) { /* in order: the same bits for any number of threads */
        run->kernel->scale_add(floats, 1, sum + part * floats, 1, sum);
    }
    run->kernel->transpose(job.plan->taps, job.plan->channels, sum, job.plan->channels, run->out[0].data, job.plan->taps);
}

int conv_depthwise_input_compile(struct op_compile *compile, const struct conv_geometry *geometry)
{
    struct gradient_plan plan = make_plan(geometry, true, false, false, op_comes_as_rows(compile, 0));
    compile->run = run_input;
    compile->prepare = prepare_input;
    compile->pack = pack;
    compile->packed[1] = plan.taps * plan.channels * sizeof(float);
    compile->state = sizeof plan;
    compile->scratch_per_worker = plan.met_bytes + plan.x_bytes + dy_bytes(&plan);
    compile->shown_rows = plan.part_lines * (size_t)plan.window.in[2];
    snprintf(compile->detail, sizeof compile->detail, "depthwise rows");
    return 0;
}

/** Whether the step before is the input gradient of the same convolution. */
static bool joins(const struct op_compile *compile)
{
    const struct op_compile *before = compile->before;
    return before != NULL && before->run == run_input && before->in[0].id != 0 && before->in[0].id == compile->in[1].id &&
           shape_equal(&before->out[0].shape, &compile->in[0].shape);
}

int conv_depthwise_weight_compile(struct op_compile *compile, const struct conv_geometry *geometry)
{
    compile->joins = joins(compile);
    struct gradient_plan plan =
        make_plan(geometry, compile->joins, true, op_comes_as_rows(compile, 0), op_comes_as_rows(compile, 1));
    compile->run = run_weight;
    compile->prepare = prepare_weight;
    compile->state = sizeof plan;
    compile->scratch = plan.parts * plan.taps * plan.channels * sizeof(float);
    compile->scratch_per_worker = plan.met_bytes + plan.x_bytes + dy_bytes(&plan);
    snprintf(compile->detail, sizeof compile->detail, "depthwise rows%s", compile->joins ? ", both gradients" : "");
    return 0;
}
