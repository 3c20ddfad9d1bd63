/* SPDX-License-Identifier: MIT */
/* The gradients of a depthwise convolution with respect to its input, its weight, or both in one pass. The pass goes
 * down the lines of x, each of which meets some lines of dy; every line is read once, or made once if it is not stored
 * (line_ring.h). The forward pass is in depthwise.c. */
#include "base/memory.h"
#include "op/conv/conv.h"
#include "op/conv/line_ring.h"

#include <stdio.h>
#include <string.h>

enum {
    PART_FLOATS = 40 << 10, /* floats of x in a part: with dy, dx and their sources, about a second-level cache */
    LEAST_LINES = 4,        /* lines of a part, at least and at most */
    MOST_LINES = 16,
    ITEMS = 32,             /* items to aim for, if they have at least */
    TALL_LINES = 16,        /* so many lines: lines of dy made on demand are made twice where items meet; else */
    LEAST_ITEMS = 16
};

/** The state of a step. */
struct gradient_plan {
    struct window window;
    size_t batch, channels, taps;
    size_t lines;        /**< lines of x, of all images */
    /** Items of work, which depend on the shape alone: each has its own partial sum of the weight gradient, and these
     *  are added in order. A worker goes down the lines of an item and reports each part of dx to an observer (op_show)
     *  while it is still in cache. */
    size_t items, item_lines, part_lines;
    bool   input, weight;       /**< which gradients this step makes */
    bool   made_x, made_dy;     /**< lines of x, of dy are made on demand */
    size_t met_bytes, x_bytes;  /**< areas of a worker's scratch: pointers to lines, a line of x; then dy's ring */
};

/** What a run computes: one gradient, or, in the weight gradient's step, both. */
struct gradient_job {
    const struct op_run        *run;          /**< whose plan, scratch and threads are used */
    const struct op_run        *input, *weight; /**< the runs of the two gradients; NULL: not computed here */
    const struct op_run        *dy_run;         /**< the one of the two from which dy is read, */
    int                         dy_input;       /**< as this input of it */
    const struct gradient_plan *plan;
};

static void cut_lines(struct gradient_plan *plan, size_t line_floats)
{
    size_t lines = PART_FLOATS / (line_floats == 0 ? 1 : line_floats), item = plan->lines / ITEMS;
    lines = lines < LEAST_LINES ? LEAST_LINES : lines > MOST_LINES ? MOST_LINES : lines;
    item = item < TALL_LINES ? plan->lines / LEAST_ITEMS : item;
    item = item == 0 ? 1 : item;
    size_t parts = size_divide_up(item, lines); /* of an item, all equal */
    plan->part_lines = size_divide_up(item, parts);
    plan->item_lines = plan->part_lines * parts;
    plan->items = size_divide_up(plan->lines, plan->item_lines);
}

static struct gradient_plan make_plan(const struct conv_geometry *geometry, bool input, bool weight, bool made_x,
                                      bool made_dy)
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
    size_t line = (size_t)window->in[2] * plan.channels;
    cut_lines(&plan, line);
    plan.met_bytes = memory_aligned(window_rows_count(window) * sizeof(void *));
    plan.x_bytes = made_x ? memory_aligned(line * sizeof(float)) : 0;
    return plan;
}

/** Lines of dy that one line of x may meet. */
static size_t dy_slots(const struct window *window)
{
    return line_ring_slots(window->kernel[1], window->dilation[1]);
}

static size_t dy_bytes(const struct gradient_plan *plan)
{
    const struct window *window = &plan->window;
    return plan->made_dy ? line_ring_bytes(dy_slots(window), (size_t)window->out[2] * plan->channels) : 0;
}

static int plan_input(const struct op_compile *compile, struct gradient_plan *plan)
{
    struct conv_geometry geometry;
    int status = conv_input_geometry(&geometry, compile);
    if (status == 0) {
        *plan = make_plan(&geometry, true, false, false, op_comes_as_rows(compile, 0));
    }
    return status;
}

static int plan_weight(const struct op_compile *compile, struct gradient_plan *plan)
{
    struct conv_geometry geometry;
    int status = conv_weight_geometry(&geometry, compile);
    if (status == 0) {
        *plan = make_plan(&geometry, compile->merges, true, op_comes_as_rows(compile, 0), op_comes_as_rows(compile, 1));
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

/* ---- lines ------------------------------------------------------------------------------------------------------- */

/** Sets `met` to the lines of dy that line (z, y) of an image meets, stored or made on demand; NULL: none. */
static void lines_met(const struct gradient_plan *plan, const float *dy, struct line_ring *made, size_t image,
                      int64_t z, int64_t y, const float **met)
{
    const struct window *window = &plan->window;
    size_t first = image * (size_t)(window->out[0] * window->out[1]), floats = (size_t)window->out[2] * plan->channels;
    for (int64_t kz = 0; kz < window->kernel[0]; kz++) {
        int64_t out_z = window_met_by(window, 0, z, kz);
        for (int64_t ky = 0; ky < window->kernel[1]; ky++) {
            int64_t out_y = window_met_by(window, 1, y, ky);
            size_t line = first + (size_t)(out_z * window->out[1] + out_y);
            bool meets = out_z >= 0 && out_y >= 0;
            *met++ = !meets ? NULL : plan->made_dy ? line_ring_get(made, line) : dy + line * floats;
        }
    }
}

/** A worker's state while it goes down the lines of an item. */
struct descent {
    const struct gradient_job *job;
    struct kernel_window       row;
    struct line_ring           dy;     /**< if dy is made on demand */
    const float              **met;    /**< pointers to the lines of dy that one line of x meets */
    float                     *x_line; /**< space for a line of x made on demand */
    float                     *sum;    /**< the item's weight gradient; NULL: not wanted */
};

static struct descent begin_descent(const struct gradient_job *job, size_t item, int worker)
{
    const struct gradient_plan *plan = job->plan;
    const struct op_run *run = job->run;
    size_t floats = plan->taps * plan->channels;
    char *workspace = op_worker_scratch(run, worker);
    struct descent down = {.job = job, .row = window_row(&plan->window, plan->channels)};
    down.met = (const float **)(void *)workspace;
    down.x_line = (float *)(void *)(workspace + plan->met_bytes);
    if (plan->made_dy) {
        down.dy = line_ring_make(job->dy_run, job->dy_input, down.row.out_width, plan->channels,
                                 dy_slots(&plan->window), workspace + plan->met_bytes + plan->x_bytes);
    }
    if (job->weight != NULL) {
        down.sum = (float *)run->scratch + item * floats;
        memset(down.sum, 0, floats * sizeof *down.sum);
    }
    return down;
}

/** Processes one line of x and dx; `next`: the line below follows, prefetch it. */
static void descend(struct descent *down, size_t line, bool next)
{
    const struct gradient_job *job = down->job;
    const struct gradient_plan *plan = job->plan;
    const struct window *window = &plan->window;
    int64_t y = (int64_t)line % window->in[1], z = (int64_t)line / window->in[1] % window->in[0];
    size_t image = line / (size_t)(window->in[0] * window->in[1]), width = down->row.width, pixel = line * width;
    const float *x = NULL, *weights = NULL;
    float *dx = NULL;
    down->row.read_ahead = down->row.write_ahead = NULL;
    if (job->weight != NULL) {
        x = op_rows(job->weight, 0, pixel, width, down->x_line);
        down->row.read_ahead = next ? op_rows_source(job->weight, 0, pixel + width) : NULL;
    }
    if (job->input != NULL) {
        weights = job->input->packed[1];
        dx = (float *)job->input->out[0].data + pixel * plan->channels;
        down->row.write_ahead = next ? dx + width * plan->channels : NULL;
    }
    lines_met(plan, job->dy_run->in[job->dy_input].data, &down->dy, image, z, y, down->met);
    job->run->kernel->depthwise_gradients(&down->row, down->met, weights, x, dx, down->sum);
}

static void run_item(void *context, size_t item, int worker)
{
    const struct gradient_job *job = context;
    const struct gradient_plan *plan = job->plan;
    struct descent down = begin_descent(job, item, worker);
    size_t first = item * plan->item_lines, width = down.row.width, shown = first;
    size_t end = first + plan->item_lines < plan->lines ? first + plan->item_lines : plan->lines;
    for (size_t line = first; line < end; line++) {
        descend(&down, line, line + 1 < end);
        if (job->input != NULL && (line + 1 == end || line + 1 == shown + plan->part_lines)) {
            op_show(job->input, shown * width, (line + 1 - shown) * width, 0, plan->channels);
            shown = line + 1;
        }
    }
}

/** The job of a run that computes `input`, `weight` or both; one of them may be NULL. */
static struct gradient_job make_job(const struct op_run *run, const struct op_run *input, const struct op_run *weight)
{
    return (struct gradient_job){.run = run,
                                 .input = input,
                                 .weight = weight,
                                 .dy_run = weight != NULL ? weight : input,
                                 .dy_input = weight != NULL ? 1 : 0,
                                 .plan = run->state};
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static void run_input(const struct op_run *run)
{
    struct gradient_job job = make_job(run, run, NULL);
    pool_run(run->pool, run_item, &job, job.plan->items);
}

/** The weight gradient, and the input gradient of the previous step if that was merged. */
static void run_weight(const struct op_run *run)
{
    struct gradient_job job = make_job(run, run->before, run);
    size_t floats = job.plan->taps * job.plan->channels;
    float *sum = run->scratch;
    pool_run(run->pool, run_item, &job, job.plan->items);
    for (size_t item = 1; item < job.plan->items; item++) { /* in order: the same bits for any number of threads */
        run->kernel->scale_add(floats, 1, sum + item * floats, 1, sum);
    }
    run->kernel->transpose(job.plan->taps, job.plan->channels, sum, job.plan->channels, run->out[0].data,
                           job.plan->taps);
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
    compile->shows = true;
    snprintf(compile->detail, sizeof compile->detail, "depthwise rows");
    return 0;
}

static bool equal_windows(const struct window *a, const struct window *b)
{
    bool equal = true;
    for (int axis = 0; axis < WINDOW_AXES; axis++) {
        equal = equal && a->in[axis] == b->in[axis] && a->out[axis] == b->out[axis] &&
                a->kernel[axis] == b->kernel[axis] && a->stride[axis] == b->stride[axis] &&
                a->dilation[axis] == b->dilation[axis] && a->begin[axis] == b->begin[axis];
    }
    return equal;
}

/** Whether the previous step is the input gradient, from the same dy, of a convolution of the same sizes: of this
 *  convolution, or of one that its result is added to. */
static bool can_merge(const struct op_compile *compile, const struct conv_geometry *geometry)
{
    const struct op_compile *before = compile->before;
    struct gradient_plan plan;
    return before != NULL && before->run == run_input && before->in[0].id != 0 &&
           before->in[0].id == compile->in[1].id && shape_equal(&before->out[0].shape, &compile->in[0].shape) &&
           plan_input(before, &plan) == 0 && equal_windows(&plan.window, &geometry->window);
}

int conv_depthwise_weight_compile(struct op_compile *compile, const struct conv_geometry *geometry)
{
    compile->merges = can_merge(compile, geometry);
    struct gradient_plan plan =
        make_plan(geometry, compile->merges, true, op_comes_as_rows(compile, 0), op_comes_as_rows(compile, 1));
    compile->run = run_weight;
    compile->prepare = prepare_weight;
    compile->state = sizeof plan;
    compile->scratch = plan.items * plan.taps * plan.channels * sizeof(float);
    compile->scratch_per_worker = plan.met_bytes + plan.x_bytes + dy_bytes(&plan);
    snprintf(compile->detail, sizeof compile->detail, "depthwise rows%s", compile->merges ? ", both gradients" : "");
    return 0;
}
