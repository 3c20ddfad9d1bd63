/* SPDX-License-Identifier: MIT */
/* Convolution in many small groups, as in ResNeXt and RegNet (Xie et al. 2017, arXiv:1611.05431), line by line with the
 * row kernel `grouped`. A matrix product (product.h) would be narrower than a register tile and read its rows again for
 * each group. The gradients are still products. */
#include "op/conv/conv.h"

#include <stdio.h>

enum {
    MOST_ROWS = 8,          /* kernel rows, at most: the limit of the kernel `grouped` */
    NEAR_WEIGHTS = 6 << 10, /* floats that a part's weights should take: three quarters of a first-level cache */
    LEAST_FILTERS = 16      /* the filters of a part are a multiple of this */
};

/** The state of a step. */
struct grouped_plan {
    struct window window;
    size_t batch, channels, taps, group;
    size_t part;  /**< channels computed together for all lines of a chunk; packed: [parts][group][taps][part] */
    size_t lines; /**< lines of y, of all images */
    size_t lines_per_chunk;
};

/** Whether the kernel takes these sizes, and the groups are no wider than a panel; if they were, a product would fill
 *  its tiles. */
static bool fits(const struct kernel_table *kernel, const struct conv_geometry *geometry)
{
    const struct window *window = &geometry->window;
    int64_t group = geometry->group_channels;
    return geometry->groups > 1 && group == geometry->group_filters && group <= (int64_t)kernel->panel_columns &&
           (group == 4 || group == 8 || group % LEAST_FILTERS == 0) && geometry->channels % LEAST_FILTERS == 0 &&
           window->kernel[2] == 3 && window->stride[2] <= 2 && window->dilation[2] == 1 &&
           window->kernel[0] * window->kernel[1] <= MOST_ROWS;
}

static struct grouped_plan make_plan(const struct conv_geometry *geometry)
{
    const struct window *window = &geometry->window;
    struct grouped_plan plan = {.window = *window,
                                .batch = (size_t)geometry->batch,
                                .channels = (size_t)geometry->channels,
                                .taps = (size_t)geometry->taps,
                                .group = (size_t)geometry->group_channels};
    size_t least = plan.group > LEAST_FILTERS ? plan.group : LEAST_FILTERS,
           wanted = NEAR_WEIGHTS / (plan.taps * plan.group);
    plan.part = wanted > least ? wanted / least * least : least;
    plan.part = plan.part < plan.channels ? plan.part : plan.channels;
    plan.lines = plan.batch * (size_t)(window->out[0] * window->out[1]);
    plan.lines_per_chunk = window_lines_per_chunk((size_t)window->out[2] * plan.part * plan.taps * plan.group);
    return plan;
}

static int prepare(const struct op_compile *compile, void *state)
{
    struct conv_geometry geometry;
    int status = conv_forward_geometry(&geometry, compile);
    if (status == 0) {
        *(struct grouped_plan *)state = make_plan(&geometry);
    }
    return status;
}

/** Plain weights [C][group][taps] to [parts][group][taps][part]. */
static void pack(const struct op_run *run)
{
    const struct grouped_plan *plan = run->state;
    size_t each = plan->group * plan->taps;
    for (size_t channel = 0; channel < plan->channels; channel += plan->part) {
        size_t left = plan->channels - channel, channels = plan->part < left ? plan->part : left;
        float *packed = (float *)run->packed[1] + channel * each;
        run->kernel->transpose(channels, each, (const float *)run->in[1].data + channel * each, each, packed, channels);
        if (run->fold_factor != NULL) {
            struct kernel_operand weights = {packed, channels, 1}, factor = {run->fold_factor + channel, 0, 1};
            run->kernel->binary[BINARY_mul](each, channels, weights, factor, packed, channels);
        }
    }
}

/** Computes one part of the channels of a line, with residual and activation. */
static void run_line(const struct op_run *run, struct kernel_window *row, const void **rows, size_t line,
                     size_t channel)
{
    const struct grouped_plan *plan = run->state;
    const float *bias = op_bias(run, 2);
    float *y = (float *)run->out[0].data + line * row->out_width * row->y_stride + channel;
    enum unary activation = run->residual != NULL ? UNARY_identity : run->activation;
    run->kernel->grouped(row, plan->group, (const float *const *)rows,
                         (const float *)run->packed[1] + channel * plan->group * plan->taps,
                         bias == NULL ? NULL : bias + channel, y, activation, run->alpha, run->beta);
    if (run->residual != NULL) {
        conv_add_residual(run, line * row->out_width, row->out_width, channel, row->channels);
    }
}

/** Context of a chunk's task. */
struct grouped_job {
    const struct op_run *run;
};

static void run_chunk(void *context, size_t chunk, int worker)
{
    const struct op_run *run = ((const struct grouped_job *)context)->run;
    const struct grouped_plan *plan = run->state;
    const struct window *window = &plan->window;
    const void **rows = op_worker_scratch(run, worker);
    size_t chunks = size_divide_up(plan->lines, plan->lines_per_chunk), first = chunk % chunks * plan->lines_per_chunk;
    size_t end = first + plan->lines_per_chunk < plan->lines ? first + plan->lines_per_chunk : plan->lines;
    size_t channel = chunk / chunks * plan->part, left = plan->channels - channel;
    struct kernel_window row = window_row(window, plan->part < left ? plan->part : left);
    row.x_stride = op_pixel_stride(&run->in[0]);
    row.y_stride = op_pixel_stride(&run->out[0]);
    size_t image_lines = (size_t)(window->out[0] * window->out[1]);
    for (size_t line = first; line < end; line++) {
        const float *x = (const float *)run->in[0].data + channel +
                         line / image_lines * (size_t)window_in_pixels(window) * row.x_stride;
        int64_t at = (int64_t)(line % image_lines);
        window_rows(window, at / window->out[1], at % window->out[1], x, row.width * row.x_stride * sizeof(float),
                    rows);
        run_line(run, &row, rows, line, channel);
    }
    op_show(run, first * row.out_width, (end - first) * row.out_width, channel, row.channels);
}

static void run_forward(const struct op_run *run)
{
    const struct grouped_plan *plan = run->state;
    struct grouped_job job = {run};
    pool_run(run->pool, run_chunk, &job,
             size_divide_up(plan->lines, plan->lines_per_chunk) * size_divide_up(plan->channels, plan->part));
}

bool conv_grouped_compile(struct op_compile *compile, const struct conv_geometry *geometry)
{
    if (!fits(compile->kernel, geometry)) {
        return false;
    }
    struct grouped_plan plan = make_plan(geometry);
    compile->run = run_forward;
    compile->prepare = prepare;
    compile->pack = pack;
    compile->packed[1] = plan.channels * plan.group * plan.taps * sizeof(float);
    compile->state = sizeof plan;
    compile->scratch_per_worker = window_rows_count(&plan.window) * sizeof(void *);
    compile->shown_rows = plan.lines_per_chunk * (size_t)plan.window.out[2];
    compile->shows = true;
    snprintf(compile->detail, sizeof compile->detail, "grouped rows");
    return true;
}
