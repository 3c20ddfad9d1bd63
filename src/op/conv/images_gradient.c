/* SPDX-License-Identifier: MIT */
/* The gradients of conv_max_pool with images as lanes. Both first scatter a group's dy to the pixels that won, which
 * with images as lanes costs four stores per block. The weight gradient then sums lane by lane over pixels; the input
 * gradient is the forward kernel with the rotated weight, and only with those taps that reach inside. */
#include "op/conv/images.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST_PARTS = 8,
    WANTED_ITEMS = 8,
    CACHED_FLOATS = 5120 /* floats of dy for five filters: half of the first-level cache */
};

const float *images_load_gradient(const struct images_job *job, const struct op_tensor *dy,
                                  const struct op_tensor *index, size_t group, size_t first, size_t end,
                                  float *workspace, int32_t *winners, int32_t *integers)
{
    const struct images_plan *plan = job->plan;
    const struct kernel_table *kernel = job->run->kernel;
    size_t images = images_in(plan, group), image = plan->pixels_of_y * plan->filters,
           row = plan->width * plan->filters;
    size_t count = (end - first) * row, at = group * plan->lanes * image + first * row;
    if (plan->batch_innermost) {
        at = (group * image + first * row) * plan->lanes;
        kernel->widen_bytes(count * plan->lanes, (const uint8_t *)index->data + at, winners);
        return (const float *)dy->data + at;
    }
    if (images < plan->lanes) {
        memset(workspace, 0, count * plan->lanes * sizeof *workspace);
        memset(winners, 0, count * plan->lanes * sizeof *winners);
    }
    kernel->transpose(images, count, (const float *)dy->data + at, image, workspace, plan->lanes);
    for (size_t i = 0; i < images; i++) {
        kernel->widen_bytes(count, (const uint8_t *)index->data + at + i * image, integers + i * count);
    }
    kernel->transpose(images, count, (const float *)integers, count, (float *)winners, plan->lanes);
    return workspace;
}

/** Scatters pooled lines first .. end - 1 of a group's dy to the pixels that won: each to two lines of `out`, which are
 *  `line` floats apart and begin with `left` pixels of zeros. */
static void spread(const struct images_job *job, const struct op_tensor *dy, const struct op_tensor *index,
                   size_t group, size_t first, size_t end, float *scratch, float *out, size_t line, size_t left)
{
    const struct images_plan *plan = job->plan;
    size_t row = plan->width * plan->filters * plan->lanes;
    int32_t *winners = (int32_t *)(void *)(scratch + plan->index);
    const float *lanes = images_load_gradient(job, dy, index, group, first, end, scratch + plan->y, winners,
                                              (int32_t *)(void *)(scratch + plan->integers));
    for (size_t y = 0; y < end - first; y++) {
        job->run->kernel->images_spread(plan->width, plan->filters, plan->lanes, lanes + y * row, winners + y * row,
                                        out + 2 * y * line + left * plan->filters * plan->lanes, line);
    }
}

/* ---- with respect to the weight ---------------------------------------------------------------------------------- */

static struct images_plan weight_plan(const struct op_compile *compile, const struct pooled_geometry *geometry)
{
    struct images_plan plan = images_plan(compile, geometry);
    plan.parts = size_smaller(plan.groups, MOST_PARTS);
    plan.lines = (2 * plan.height - 1) * (size_t)plan.window.stride[1] + (size_t)plan.window.kernel[1];
    plan.x = images_reserve(&plan, plan.lines * plan.padded_width * plan.channels * plan.lanes);
    plan.together = CACHED_FLOATS / (4 * plan.width * size_smaller(plan.filters, 5) * plan.lanes);
    plan.together = size_smaller(plan.together == 0 ? 1 : plan.together, plan.height);
    size_t outputs = plan.together * plan.width * plan.filters * plan.lanes;
    plan.y = images_reserve(&plan, outputs);
    plan.index = images_reserve(&plan, outputs);
    plan.integers = images_reserve(&plan, 4 * outputs); /* afterwards it holds dy, scattered */
    plan.sums = images_reserve(&plan, plan.count * plan.lanes);
    return plan;
}

/** chunk = a range of groups, whose sum, added over lanes, goes to a part of the scratch. */
static void weight_chunk(void *context, size_t chunk, int worker)
{
    const struct images_job *job = context;
    const struct images_plan *plan = job->plan;
    const struct op_run *run = job->run;
    const struct window *window = &plan->window;
    float *scratch = images_scratch(run, worker), *sums = scratch + plan->sums;
    float *dy = scratch + plan->integers;
    size_t pixel = plan->channels * plan->lanes, line = plan->padded_width * pixel, stride = (size_t)window->stride[1];
    size_t dy_line = 2 * plan->width * plan->filters * plan->lanes;
    struct kernel_images_outer outer = {
        .lanes = plan->lanes,
        .pixels = 2 * plan->width,
        .filters = plan->filters,
        .rows = (size_t)window->kernel[1],
        .columns = (size_t)window->kernel[2],
        .channels = plan->channels,
        .x_line = stride * line,
        .x_row = line,
        .x_step = (size_t)window->stride[2] * pixel,
        .dy_line = dy_line,
        .sums = sums,
    };
    memset(sums, 0, plan->count * plan->lanes * sizeof *sums);
    size_t end = plan->groups * (chunk + 1) / plan->parts;
    for (size_t group = plan->groups * chunk / plan->parts; group < end; group++) {
        const float *x = images_lines(job, run->in[0].data, group, 0, plan->lines, scratch + plan->x);
        for (size_t first = 0; first < plan->height; first += plan->together) { /* so few that dy stays in cache */
            size_t last = size_smaller(first + plan->together, plan->height);
            spread(job, &run->in[1], &run->in[2], group, first, last, scratch, dy, dy_line, 0);
            outer.lines = 2 * (last - first);
            outer.x = x + 2 * first * outer.x_line;
            outer.dy = dy;
            run->kernel->images_outer(&outer);
        }
    }
    run->kernel->images_total(plan->count, plan->lanes, sums, (float *)run->scratch + chunk * plan->count);
}

void images_add_parts(const struct op_run *run, size_t parts, size_t count, float *sums, size_t to)
{
    for (size_t part = 0; part < parts; part++) {
        if (part != to) {
            run->kernel->scale_add(count, 1, sums + part * count, 1, sums + to * count);
        }
    }
}

void images_write_weight(const struct op_run *run, const struct images_plan *plan, const float *sums, size_t plane)
{
    size_t taps = (size_t)window_taps(&plan->window);
    for (size_t c = 0; c < plan->channels; c++) {
        run->kernel->transpose(taps, plan->filters, sums + c * plan->filters, plane,
                               (float *)run->out[0].data + c * taps, plan->channels * taps);
    }
}

static void run_weight(const struct op_run *run)
{
    struct images_job job = {run, run->state};
    const struct images_plan *plan = job.plan;
    pool_run(run->pool, weight_chunk, &job, plan->parts);
    images_add_parts(run, plan->parts, plan->count, run->scratch, 0);
    images_write_weight(run, plan, run->scratch, plan->channels * plan->filters);
}

int images_weight_geometry(const struct op_compile *compile, struct pooled_geometry *geometry)
{
    fov_shape weight;
    return pooled_weight_geometry(geometry, compile->options, &compile->in[0].shape, &compile->in[1].shape, &weight,
                                  compile->error);
}

static int prepare_weight(const struct op_compile *compile, void *state)
{
    struct pooled_geometry geometry;
    int status = images_weight_geometry(compile, &geometry);
    if (status == 0) {
        *(struct images_plan *)state = weight_plan(compile, &geometry);
    }
    return status;
}

int images_weight_compile(struct op_compile *compile, const struct pooled_geometry *geometry)
{
    struct window pooled = geometry->conv.window; /* without a last odd line or column */
    pooled.out[1] = 2 * geometry->height;
    pooled.out[2] = 2 * geometry->width;
    if (images_transform_pays(compile, geometry) && !conv_has_idle_taps(&pooled)) {
        return images_winograd_weight_compile(compile, geometry);
    }
    struct images_plan plan = weight_plan(compile, geometry);
    compile->run = run_weight;
    compile->prepare = prepare_weight;
    compile->state = sizeof plan;
    compile->scratch = plan.parts * plan.count * sizeof(float);
    compile->scratch_per_worker = plan.worker_floats * sizeof(float);
    snprintf(compile->detail, sizeof compile->detail, "%zu images as lanes", plan.lanes);
    return 0;
}

/* ---- with respect to the input ----------------------------------------------------------------------------------- */

static struct images_plan input_plan(const struct op_compile *compile, const struct pooled_geometry *geometry)
{
    struct images_plan plan = images_plan(compile, geometry);
    plan.bands = size_smaller(size_divide_up(WANTED_ITEMS, plan.groups), size_divide_up(plan.in_height, 4));
    size_t lines = size_divide_up(plan.in_height, plan.bands); /* of dx */
    size_t pooled = size_smaller((lines + (size_t)plan.window.kernel[1]) / 2 + 1, plan.height);
    size_t outputs = pooled * plan.width * plan.filters * plan.lanes;
    plan.lines = 2 * pooled;
    plan.x = images_reserve(&plan, lines * plan.in_width * plan.channels * plan.lanes);
    plan.y = images_reserve(&plan, outputs);
    plan.index = images_reserve(&plan, outputs);
    plan.integers = images_reserve(&plan, outputs);
    /* dy, scattered */
    plan.sums = images_reserve(&plan, plan.lines * (2 * plan.width + 2) * plan.filters * plan.lanes);
    return plan;
}

/** Taps [begin, end) along an axis through which at least one of the pixels first .. last of dx meets a pixel inside
 *  dy: through tap t, a pixel of dx meets pixel `pixel + from + t` of dy. */
struct reach {
    size_t begin, end;
};

static struct reach reach(ptrdiff_t first, ptrdiff_t last, ptrdiff_t from, size_t taps, size_t size)
{
    ptrdiff_t begin = -from - last, end = (ptrdiff_t)size - from - first;
    begin = begin < 0 ? 0 : begin;
    end = end < (ptrdiff_t)taps ? end : (ptrdiff_t)taps;
    return end > begin ? (struct reach){(size_t)begin, (size_t)end} : (struct reach){0, 0};
}

/** Computes one line of dx in pairs of pixels, with one kernel call for neighbouring pairs that have the same taps.
 *  `dy` is the line that the first kernel row of `rows` meets; it begins with one pixel of zeros. */
static void input_line(const struct images_job *job, struct kernel_images *images, const float *dy,
                       const float *weights, struct reach rows, float *out)
{
    const struct images_plan *plan = job->plan;
    const struct window *window = &plan->window;
    size_t taps = (size_t)window->kernel[2], pixel = plan->filters * plan->lanes, width = plan->in_width;
    ptrdiff_t from = (ptrdiff_t)window->begin[2] - (ptrdiff_t)taps + 1;
    for (size_t x = 0; x < width;) {
        size_t last = x + 1 < width ? x + 1 : x;
        struct reach now = reach((ptrdiff_t)x, (ptrdiff_t)last, from, taps, 2 * plan->width);
        while (last + 2 < width) {
            struct reach next = reach((ptrdiff_t)last + 1, (ptrdiff_t)last + 2, from, taps, 2 * plan->width);
            if (next.begin != now.begin || next.end != now.end) {
                break;
            }
            last += 2;
        }
        images->pixels = last + 1 - x;
        images->out = out + x * plan->channels * plan->lanes;
        if (rows.end == rows.begin || now.end == now.begin) {
            memset(images->out, 0, images->pixels * plan->channels * plan->lanes * sizeof(float));
        } else {
            images->rows = rows.end - rows.begin;
            images->run = (now.end - now.begin) * plan->filters;
            images->x = dy + (size_t)((ptrdiff_t)x + from + (ptrdiff_t)now.begin + 1) * pixel;
            images->weights = weights + (rows.begin * taps + now.begin) * plan->filters * plan->channels;
            job->run->kernel->images(images);
        }
        x = last + 1;
    }
}

static void input_chunk(void *context, size_t chunk, int worker)
{
    const struct images_job *job = context;
    const struct images_plan *plan = job->plan;
    const struct op_run *run = job->run;
    const struct window *window = &plan->window;
    float *scratch = images_scratch(run, worker), *dy = scratch + plan->sums;
    size_t group = chunk / plan->bands, band = chunk % plan->bands, taps = (size_t)window->kernel[1];
    size_t first = plan->in_height * band / plan->bands, end = plan->in_height * (band + 1) / plan->bands;
    size_t out_line = plan->in_width * plan->channels, image = plan->in_height * out_line;
    float *out = (float *)run->out[0].data + group * plan->lanes * image;
    float *dx = plan->batch_innermost ? out + first * out_line * plan->lanes : scratch + plan->x;
    ptrdiff_t from = (ptrdiff_t)window->begin[1] - (ptrdiff_t)taps + 1; /* of dy: what line 0 meets through tap row 0 */
    ptrdiff_t low = (ptrdiff_t)first + from, high = (ptrdiff_t)end + (ptrdiff_t)window->begin[1];
    size_t pooled_first = low > 0 ? size_smaller((size_t)low / 2, plan->height) : 0;
    size_t pooled_end = high > 0 ? size_smaller(((size_t)high + 1) / 2, plan->height) : 0;
    pooled_end = pooled_end < pooled_first ? pooled_first : pooled_end;
    size_t pixel = plan->filters * plan->lanes, line = (2 * plan->width + 2) * pixel;
    for (size_t y = 0; y < 2 * (pooled_end - pooled_first); y++) {
        memset(dy + y * line, 0, pixel * sizeof *dy);
        memset(dy + (y + 1) * line - pixel, 0, pixel * sizeof *dy);
    }
    spread(job, &run->in[0], &run->in[1], group, pooled_first, pooled_end, scratch, dy, line, 1);

    struct kernel_images images = {
        .lanes = plan->lanes,
        .filters = plan->channels,
        .x_row = line,
        .x_step = pixel,
        .weight_row = (size_t)window->kernel[2] * plan->filters * plan->channels,
        .low = -INFINITY,
        .high = INFINITY,
    };
    for (size_t y = first; y < end; y++) {
        struct reach rows = reach((ptrdiff_t)y, (ptrdiff_t)y, from, taps, 2 * plan->height);
        ptrdiff_t at = (ptrdiff_t)y + from + (ptrdiff_t)rows.begin - 2 * (ptrdiff_t)pooled_first;
        input_line(job, &images, rows.end > rows.begin ? dy + (size_t)at * line : dy, run->packed[2], rows,
                   dx + (y - first) * out_line * plan->lanes);
    }
    if (!plan->batch_innermost) {
        run->kernel->transpose((end - first) * out_line, images_in(plan, group), dx, plan->lanes,
                               out + first * out_line, image);
    }
}

static void run_input(const struct op_run *run)
{
    struct images_job job = {run, run->state};
    pool_run(run->pool, input_chunk, &job, job.plan->groups * job.plan->bands);
}

/** Packs the weight [filters][C][taps] to [taps in reverse order][filters][C]. */
static void pack_input(const struct op_run *run)
{
    const struct images_plan *plan = run->state;
    const float *weights = run->in[2].data;
    float *packed = run->packed[2];
    size_t taps = (size_t)window_taps(&plan->window), pairs = plan->filters * plan->channels;
    for (size_t tap = taps; tap-- > 0; packed += pairs) {
        for (size_t i = 0; i < pairs; i++) {
            packed[i] = weights[i * taps + tap];
        }
    }
}

int images_input_geometry(const struct op_compile *compile, struct pooled_geometry *geometry)
{
    fov_shape x;
    return pooled_input_geometry(geometry, compile->options, &compile->in[0].shape, &compile->in[2].shape, &x,
                                 compile->error);
}

static int prepare_input(const struct op_compile *compile, void *state)
{
    struct pooled_geometry geometry;
    int status = images_input_geometry(compile, &geometry);
    if (status == 0) {
        *(struct images_plan *)state = input_plan(compile, &geometry);
    }
    return status;
}

int images_input_compile(struct op_compile *compile, const struct pooled_geometry *geometry)
{
    if (images_transform_pays(compile, geometry)) {
        return images_winograd_input_compile(compile, geometry);
    }
    struct images_plan plan = input_plan(compile, geometry);
    compile->run = run_input;
    compile->pack = pack_input;
    compile->prepare = prepare_input;
    compile->state = sizeof plan;
    compile->packed[2] = plan.count * sizeof(float);
    compile->scratch_per_worker = plan.worker_floats * sizeof(float);
    snprintf(compile->detail, sizeof compile->detail, "%zu images as lanes", plan.lanes);
    return 0;
}
