/* SPDX-License-Identifier: MIT */
/* conv_max_pool and its gradients with images as lanes by Winograd's convolution (Lavin & Gray 2016): a pooling block
 * is a tile of 2 x 2 outputs, which for 5 x 5 taps takes 36 multiplications per channel and filter in place of 100. All
 * three operators multiply values at the points: the forward pass is y = A^T [G w G^T * B^T d B] A; both gradients are
 * its transposes, with A dy A^T, where only one pixel of a tile of dy is not zero. The work is done one line of points
 * at a time, so that what a line needs stays in the first-level cache. images.c and images_gradient.c do the same with
 * direct sums. */
#include "op/conv/images.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    WANTED_ITEMS = 8,
    MOST_PARTS = 8,
    CACHED_FLOATS = 3 << 16, /* floats of the tiles that are processed together: they fit the second-level cache; */
    NEAR_FLOATS = 9 << 10    /* of these, floats that are read again and again: they fit the first-level cache */
};

struct transformed_plan {
    struct images_plan images;
    size_t points, taps;         /**< per axis */
    size_t together;             /**< most lines of tiles at a time */
    size_t line;                 /**< floats of a line of x, in lanes */
    size_t plane;                /**< floats of the weight at one point, whole registers */
    size_t lines, tiles, values, sums, dy; /**< floats from the beginning of a worker's scratch */
};

struct transformed_job {
    struct images_job              images;
    const struct op_run           *run;
    const struct transformed_plan *plan;
};

/** Compares the multiplications saved in a tile with the vector operations that transform its channels and filters,
 *  counted three times since their operands come from memory. */
bool images_transform_pays(const struct op_compile *compile, const struct pooled_geometry *geometry)
{
    const struct conv_geometry *conv = &geometry->conv;
    const struct window *window = &conv->window;
    int64_t taps = window->kernel[1], points = taps + 1, pairs = conv->channels * conv->filters;
    return !compile->exact && (taps == 3 || taps == 5) && window->kernel[2] == taps && window->stride[1] == 1 &&
           window->stride[2] == 1 &&
           (4 * taps * taps - points * points) * pairs > 30 * points * conv->channels + 20 * points * conv->filters;
}

/** lines: most lines of tiles in a chunk; near: floats of a tile, per lane, that are read again and again at one point,
 *  0 to ignore them. */
static struct transformed_plan make_plan(const struct op_compile *compile, const struct pooled_geometry *geometry,
                                         size_t lines, size_t near)
{
    struct transformed_plan plan = {.images = images_plan(compile, geometry)};
    const struct images_plan *images = &plan.images;
    plan.taps = (size_t)images->window.kernel[1];
    plan.points = plan.taps + 1;
    plan.line = images->padded_width * images->channels * images->lanes;
    plan.plane = size_round_up(images->channels * images->filters, IMAGES_ALIGN);
    size_t filters = images->width * images->filters * images->lanes,
           channels = images->width * images->channels * images->lanes;
    size_t most = CACHED_FLOATS / (plan.points * (plan.line + 2 * filters + channels) + 4 * filters);
    most = near > 0 ? size_smaller(most, NEAR_FLOATS / (near * images->width * images->lanes)) : most;
    most = size_smaller(most == 0 ? 1 : most, lines);
    plan.together = size_divide_up(lines, size_divide_up(lines, most));
    plan.lines = images_reserve(&plan.images, plan.points * plan.together * plan.line);
    plan.tiles = images_reserve(&plan.images, plan.points * plan.together * 2 * filters);
    plan.values = images_reserve(&plan.images, plan.points * plan.together * channels);
    plan.sums = images_reserve(&plan.images, 4 * plan.together * filters);
    return plan;
}

/* ---- axes -------------------------------------------------------------------------------------------------------- */

/** Transforms one axis of `count` numbers at once; x_step and out_step are the distances from plane to plane. */
static void transform(const struct kernel_table *kernel, enum winograd_axis axis, size_t points, size_t count,
                      const float *x, size_t x_step, float *out, size_t out_step)
{
    struct kernel_images_axis job = {axis, points, count, 1, x, x_step, 0, out, out_step, 0};
    kernel->images_axis(&job);
}

/** Transforms lines of x along the height: to [point][line of tiles][pixel][channel]. */
static void spread_lines(const struct transformed_job *job, size_t rows, const float *x, float *lines)
{
    const struct transformed_plan *plan = job->plan;
    for (size_t row = 0; row < rows; row++) {
        transform(job->run->kernel, WINOGRAD_SPREAD, plan->points, plan->line, x + 2 * row * plan->line, plan->line,
                  lines + row * plan->line, rows * plan->line);
    }
}

/** The kernel's arguments for some lines of tiles at one point along the height. */
static struct kernel_images_tiles tiles_at(const struct transformed_plan *plan, size_t point, size_t rows,
                                           float *scratch)
{
    const struct images_plan *images = &plan->images;
    size_t plane = rows * images->width * images->filters * images->lanes;
    return (struct kernel_images_tiles){
        .lanes = images->lanes,
        .points = plan->points,
        .rows = rows,
        .tiles = images->width,
        .channels = images->channels,
        .filters = images->filters,
        .x = scratch + plan->lines + point * rows * plan->line,
        .x_line = plan->line,
        .y = scratch + plan->tiles + point * 2 * plane,
        .y_plane = plane,
        .workspace = scratch + plan->values,
    };
}

/** Transforms lines of dy, each number placed at the pixel that won, along the height: to
   [point][column][tile][filter]. */
static void raise_lines(const struct transformed_job *job, const struct op_tensor *dy, const struct op_tensor *index,
                        size_t group, size_t first, size_t end, float *scratch)
{
    const struct transformed_plan *plan = job->plan;
    const struct images_plan *images = &plan->images;
    size_t count = (end - first) * images->width * images->filters * images->lanes;
    float *workspace = scratch + plan->dy;
    int32_t *winners = (int32_t *)(void *)(workspace + count), *integers = (int32_t *)(void *)(scratch + plan->sums);
    const float *lanes = images_load_gradient(&job->images, dy, index, group, first, end, workspace, winners, integers);
    job->run->kernel->images_winners(plan->points, count, lanes, winners, scratch + plan->tiles);
}

static size_t points_of(const struct transformed_plan *plan)
{
    return plan->points * plan->points;
}

static size_t taps_of(const struct transformed_plan *plan)
{
    return plan->taps * plan->taps;
}

/** Floats of one weight in all of its forms: at the points in two orders, transformed along the width alone, plain. */
static size_t weight_floats(const struct transformed_plan *plan)
{
    return (2 * points_of(plan) + plan->points * plan->taps + taps_of(plan)) * plan->plane;
}

/** Transforms the plain weight [taps][pairs], which lies behind `weights`, to [point of the height][pairs][point of the
 *  width] in `weights`. A pair is a channel and a filter. */
static void evaluate_weights(const struct transformed_plan *plan, const struct kernel_table *kernel, float *weights)
{
    size_t points = plan->points, taps = plan->taps, plane = plan->plane, row = points * plane;
    float *planes = weights + points * row, *half = planes + points * row, *plain = half + taps * row;
    struct kernel_images_axis width = {WINOGRAD_EVALUATE, points, plane, taps, plain, plane,
                                       taps * plane,      half,   plane, row};
    kernel->images_axis(&width);
    transform(kernel, WINOGRAD_EVALUATE, points, row, half, row, planes, row);
    for (size_t point = 0; point < points; point++) {
        kernel->transpose(points, plane, planes + point * row, plane, weights + point * row, points);
    }
}

/** The transpose of evaluate_weights: from sums at the points to the plain weight gradient behind `weights`. */
static void collect_weights(const struct transformed_plan *plan, const struct kernel_table *kernel, float *weights)
{
    size_t points = plan->points, taps = plan->taps, plane = plan->plane, row = points * plane;
    float *planes = weights + points * row, *half = planes + points * row, *plain = half + taps * row;
    struct kernel_images_axis width = {WINOGRAD_COLLECT, points, plane, points, planes, plane, row, half, plane,
                                       taps * plane};
    for (size_t point = 0; point < points; point++) {
        kernel->transpose(plane, points, weights + point * row, points, planes + point * row, plane);
    }
    kernel->images_axis(&width);
    transform(kernel, WINOGRAD_COLLECT, points, taps * plane, half, taps * plane, plain, taps * plane);
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

static struct transformed_plan forward_plan(const struct op_compile *compile, const struct pooled_geometry *geometry)
{
    struct images_plan images = images_plan(compile, geometry);
    size_t bands = size_divide_up(WANTED_ITEMS, images.groups);
    if (bands > images.height / 2) {
        bands = images.height < 2 ? 1 : images.height / 2;
    }
    size_t lines = size_divide_up(images.height, bands);
    struct transformed_plan plan = make_plan(compile, geometry, lines, 0);
    size_t outputs = lines * images.width * images.filters * images.lanes;
    plan.images.bands = bands;
    plan.images.lines = 2 * (lines - 1) + plan.points;
    plan.images.x = images_reserve(&plan.images, plan.images.lines * plan.line);
    plan.images.y = images_reserve(&plan.images, outputs);
    plan.images.index = images_reserve(&plan.images, outputs);
    plan.images.integers = images_reserve(&plan.images, outputs);
    return plan;
}

/** Computes some lines of tiles: x are the lines of input that they meet, y and index their results. */
static void forward_lines(const struct transformed_job *job, size_t rows, const float *x, float *scratch, float *y,
                          int32_t *index)
{
    const struct transformed_plan *plan = job->plan;
    const struct images_plan *images = &plan->images;
    const struct op_run *run = job->run;
    const struct pooled_options *options = run->options;
    size_t tiles = rows * images->width, plane = tiles * images->filters * images->lanes, points = plan->points;
    float *sums = scratch + plan->sums;
    spread_lines(job, rows, x, scratch + plan->lines);
    for (size_t point = 0; point < points; point++) {
        struct kernel_images_tiles line = tiles_at(plan, point, rows, scratch);
        line.weights = (const float *)run->packed[1] + point * points * plan->plane;
        run->kernel->images_tiles(&line);
    }
    transform(run->kernel, WINOGRAD_GATHER, points, 2 * plane, scratch + plan->tiles, 2 * plane, sums, 2 * plane);
    struct kernel_images_pool pool = {
        .lanes = images->lanes,
        .pixels = tiles,
        .filters = images->filters,
        .x = sums,
        .bias = op_bias(run, 2),
        .low = options->rectify || run->activation == UNARY_relu ? 0 : -INFINITY,
        .high = INFINITY,
        .out = y,
        .index = index,
    };
    run->kernel->images_pool(&pool);
}

static void forward_chunk(void *context, size_t chunk, int worker)
{
    const struct transformed_job *job = context;
    const struct transformed_plan *plan = job->plan;
    const struct images_plan *images = &plan->images;
    const struct op_run *run = job->run;
    float *scratch = images_scratch(run, worker);
    bool indexed = run->out_count > 1 && run->out[1].shape.rank >= 0;
    int32_t *index = indexed ? (int32_t *)(void *)(scratch + images->index) : NULL;
    size_t group = chunk / images->bands, band = chunk % images->bands;
    size_t first = images->height * band / images->bands, end = images->height * (band + 1) / images->bands;
    size_t outputs = images->width * images->filters * images->lanes;
    const float *x = images_lines(&job->images, run->in[0].data, group, 2 * first, 2 * (end - first - 1) + plan->points,
                                  scratch + images->x);
    float *y = images_results(&job->images, group, first, scratch + images->y);
    for (size_t row = 0; row < end - first; row += plan->together) {
        forward_lines(job, size_smaller(plan->together, end - first - row), x + 2 * row * plan->line, scratch,
                      y + row * outputs, indexed ? index + row * outputs : NULL);
    }
    if (run->activation != UNARY_identity && run->activation != UNARY_relu) {
        run->kernel->unary[run->activation]((end - first) * outputs, y, y, run->alpha, run->beta);
    }
    images_store(&job->images, group, first, end, y, index, (int32_t *)(void *)(scratch + images->integers));
}

static struct transformed_job job_of(const struct op_run *run)
{
    const struct transformed_plan *plan = run->state;
    return (struct transformed_job){{run, &plan->images}, run, plan};
}

static void run_forward(const struct op_run *run)
{
    struct transformed_job job = job_of(run);
    pool_run(run->pool, forward_chunk, &job, job.plan->images.groups * job.plan->images.bands);
}

/** Packs the weight [filters][C][taps] to [taps][C][filters], and transforms that to the points. */
static void pack_forward(const struct op_run *run)
{
    const struct transformed_plan *plan = run->state;
    const struct images_plan *images = &plan->images;
    size_t taps = taps_of(plan);
    float *weights = run->packed[1], *plain = weights + weight_floats(plan) - taps * plan->plane;
    memset(plain, 0, taps * plan->plane * sizeof *plain); /* for the padding in the last register */
    for (size_t c = 0; c < images->channels; c++) {
        run->kernel->transpose(images->filters, taps, (const float *)run->in[1].data + c * taps,
                               images->channels * taps, plain + c * images->filters, plan->plane);
    }
    evaluate_weights(plan, run->kernel, weights);
}

static int prepare_forward(const struct op_compile *compile, void *state)
{
    struct pooled_geometry geometry;
    int status = images_forward_geometry(compile, &geometry);
    if (status == 0) {
        *(struct transformed_plan *)state = forward_plan(compile, &geometry);
    }
    return status;
}

static void describe(struct op_compile *compile, const struct transformed_plan *plan)
{
    compile->state = sizeof *plan;
    compile->scratch_per_worker = plan->images.worker_floats * sizeof(float);
    snprintf(compile->detail, sizeof compile->detail, "Winograd F(2x2, %zux%zu), %zu images as lanes", plan->taps,
             plan->taps, plan->images.lanes);
}

int images_winograd_compile(struct op_compile *compile, const struct pooled_geometry *geometry)
{
    struct transformed_plan plan = forward_plan(compile, geometry);
    compile->run = run_forward;
    compile->pack = pack_forward;
    compile->prepare = prepare_forward;
    compile->packed[1] = weight_floats(&plan) * sizeof(float);
    describe(compile, &plan);
    return 0;
}

/* ---- with respect to the weight ---------------------------------------------------------------------------------- */

/** `near` counts the numbers of all filters, and at each point those of the channels that are summed together. */
static struct transformed_plan weight_plan(const struct op_compile *compile, const struct pooled_geometry *geometry)
{
    size_t points = (size_t)geometry->conv.window.kernel[1] + 1;
    struct transformed_plan plan =
        make_plan(compile, geometry, (size_t)geometry->height, 2 * (size_t)geometry->conv.filters + 4 * points);
    struct images_plan *images = &plan.images;
    images->parts = size_smaller(images->groups, MOST_PARTS);
    images->lines = 2 * (images->height - 1) + plan.points;
    images->x = images_reserve(images, images->lines * plan.line);
    images->sums =
        images_reserve(images, plan.points * plan.points * images->count / (plan.taps * plan.taps) * images->lanes);
    plan.dy = images_reserve(&plan.images, 2 * plan.together * images->width * images->filters * images->lanes);
    return plan;
}

/** Adds the products of some lines of tiles to the sums at each point: [point][channel][filter][lane]. */
static void weight_lines(const struct transformed_job *job, size_t group, size_t first, size_t end, const float *x,
                         float *scratch, bool begins)
{
    const struct transformed_plan *plan = job->plan;
    const struct images_plan *images = &plan->images;
    const struct op_run *run = job->run;
    size_t points = plan->points, pairs = images->channels * images->filters * images->lanes;
    spread_lines(job, end - first, x, scratch + plan->lines);
    raise_lines(job, &run->in[1], &run->in[2], group, first, end, scratch);
    for (size_t point = 0; point < points; point++) {
        struct kernel_images_tiles line = tiles_at(plan, point, end - first, scratch);
        line.sums = scratch + images->sums + point * points * pairs;
        line.begins = begins;
        run->kernel->images_tiles_outer(&line);
    }
}

/** chunk = a range of groups, whose sums, added over lanes, go to a part of the scratch. */
static void weight_chunk(void *context, size_t chunk, int worker)
{
    const struct transformed_job *job = context;
    const struct transformed_plan *plan = job->plan;
    const struct images_plan *images = &plan->images;
    float *scratch = images_scratch(job->run, worker), *sums = scratch + images->sums;
    size_t points = points_of(plan), pairs = images->channels * images->filters, row = plan->points * plan->plane;
    float *part = (float *)job->run->scratch + chunk * points * plan->plane;
    size_t begin = images->groups * chunk / images->parts, end = images->groups * (chunk + 1) / images->parts;
    for (size_t group = begin; group < end; group++) {
        const float *x = images_lines(&job->images, job->run->in[0].data, group, 0, images->lines, scratch + images->x);
        for (size_t first = 0; first < images->height; first += plan->together) {
            weight_lines(job, group, first, size_smaller(first + plan->together, images->height),
                         x + 2 * first * plan->line,
                         scratch, group == begin && first == 0);
        }
    }
    memset(part, 0, points * plan->plane * sizeof *part);
    for (size_t point = 0; point < plan->points; point++) {
        size_t count = plan->points * pairs;
        job->run->kernel->images_total(count, images->lanes, sums + point * count * images->lanes, part + point * row);
    }
}

static void run_weight(const struct op_run *run)
{
    struct transformed_job job = job_of(run);
    const struct transformed_plan *plan = job.plan;
    const struct images_plan *images = &plan->images;
    size_t whole = points_of(plan) * plan->plane, parts = images->parts;
    float *last = (float *)run->scratch + (parts - 1) * whole; /* has space behind it for the weight's other forms */
    pool_run(run->pool, weight_chunk, &job, parts);
    images_add_parts(run, parts, whole, run->scratch, parts - 1);
    collect_weights(plan, run->kernel, last);
    images_write_weight(run, images, last + weight_floats(plan) - taps_of(plan) * plan->plane, plan->plane);
}

static int prepare_weight(const struct op_compile *compile, void *state)
{
    struct pooled_geometry geometry;
    int status = images_weight_geometry(compile, &geometry);
    if (status == 0) {
        *(struct transformed_plan *)state = weight_plan(compile, &geometry);
    }
    return status;
}

int images_winograd_weight_compile(struct op_compile *compile, const struct pooled_geometry *geometry)
{
    struct transformed_plan plan = weight_plan(compile, geometry);
    compile->run = run_weight;
    compile->prepare = prepare_weight;
    compile->scratch = ((plan.images.parts - 1) * points_of(&plan) * plan.plane + weight_floats(&plan)) * sizeof(float);
    describe(compile, &plan);
    return 0;
}

/* ---- with respect to the input ----------------------------------------------------------------------------------- */

static struct transformed_plan input_plan(const struct op_compile *compile, const struct pooled_geometry *geometry)
{
    struct transformed_plan plan = make_plan(compile, geometry, (size_t)geometry->height, 0);
    struct images_plan *images = &plan.images;
    size_t pads = (size_t)(images->window.begin[1] + images->window.end[1]);
    images->lines = images->in_height + pads;
    images->x = images_reserve(images, images->lines * plan.line);
    plan.dy = images_reserve(&plan.images, 2 * plan.together * images->width * images->filters * images->lanes);
    return plan;
}

/** Adds the gradients of some lines of tiles to the lines of dx that they meet. */
static void input_lines(const struct transformed_job *job, size_t group, size_t first, size_t end, float *scratch,
                        float *dx)
{
    const struct transformed_plan *plan = job->plan;
    const struct op_run *run = job->run;
    size_t rows = end - first, points = plan->points;
    float *lines = scratch + plan->lines;
    raise_lines(job, &run->in[0], &run->in[1], group, first, end, scratch);
    memset(lines, 0, points * rows * plan->line * sizeof *lines);
    for (size_t point = 0; point < points; point++) {
        struct kernel_images_tiles line = tiles_at(plan, point, rows, scratch);
        line.weights = (const float *)run->packed[2] + point * points * plan->plane;
        run->kernel->images_tiles_back(&line);
    }
    for (size_t row = 0; row < rows; row++) {
        transform(run->kernel, WINOGRAD_UNSPREAD, points, plan->line, lines + row * plan->line, rows * plan->line,
                  dx + 2 * row * plan->line, plan->line);
    }
}

/** chunk = a group of images */
static void input_chunk(void *context, size_t group, int worker)
{
    const struct transformed_job *job = context;
    const struct transformed_plan *plan = job->plan;
    const struct images_plan *images = &plan->images;
    const struct window *window = &images->window;
    size_t line = images->in_width * images->channels, image = images->in_height * line, lanes = images->lanes;
    float *scratch = images_scratch(job->run, worker), *out = (float *)job->run->out[0].data + group * lanes * image;
    float *dx = images->bare ? out : scratch + images->x;
    memset(dx, 0, images->lines * plan->line * sizeof *dx);
    for (size_t first = 0; first < images->height; first += plan->together) {
        input_lines(job, group, first, size_smaller(first + plan->together, images->height), scratch,
                    dx + 2 * first * plan->line);
    }
    if (images->bare) {
        return;
    }
    const float *inside =
        dx + (size_t)window->begin[1] * plan->line + (size_t)window->begin[2] * images->channels * lanes;
    size_t together =
        images->padded_width == images->in_width ? images->in_height : 1; /* lines that are contiguous */
    for (size_t y = 0; y < images->in_height; y += together) {
        if (images->batch_innermost) {
            memcpy(out + y * line * lanes, inside + y * plan->line, together * line * lanes * sizeof *out);
        } else {
            job->run->kernel->transpose(together * line, images_in(images, group), inside + y * plan->line, lanes,
                                        out + y * line, image);
        }
    }
}

static void run_input(const struct op_run *run)
{
    struct transformed_job job = job_of(run);
    pool_run(run->pool, input_chunk, &job, job.plan->images.groups);
}

/** Packs the weight [filters][C][taps] to [taps][filters][C], and transforms that to the points. */
static void pack_input(const struct op_run *run)
{
    const struct transformed_plan *plan = run->state;
    const struct images_plan *images = &plan->images;
    size_t taps = taps_of(plan);
    float *weights = run->packed[2], *plain = weights + weight_floats(plan) - taps * plan->plane;
    memset(plain, 0, taps * plan->plane * sizeof *plain);
    run->kernel->transpose(images->filters * images->channels, taps, run->in[2].data, taps, plain, plan->plane);
    evaluate_weights(plan, run->kernel, weights);
}

static int prepare_input(const struct op_compile *compile, void *state)
{
    struct pooled_geometry geometry;
    int status = images_input_geometry(compile, &geometry);
    if (status == 0) {
        *(struct transformed_plan *)state = input_plan(compile, &geometry);
    }
    return status;
}

int images_winograd_input_compile(struct op_compile *compile, const struct pooled_geometry *geometry)
{
    struct transformed_plan plan = input_plan(compile, geometry);
    compile->run = run_input;
    compile->pack = pack_input;
    compile->prepare = prepare_input;
    compile->packed[2] = weight_floats(&plan) * sizeof(float);
    describe(compile, &plan);
    return 0;
}
