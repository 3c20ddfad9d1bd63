/* SPDX-License-Identifier: MIT */
/* conv_max_pool with images as lanes: reads a group's lines, sums and takes the maximum of four in registers, and
 * writes pooled lines. The image between convolution and pooling is never stored. */
#include "op/conv/images.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST_CHANNELS = 24,            /* more channels or filters fill registers well enough by themselves */
    MOST_GROUP_FLOATS = 3 << 15,   /* floats of a group's x, and of its image before pooling: 384 KiB */
    WANTED_ITEMS = 8
};

bool images_can(const struct pooled_geometry *geometry)
{
    const struct window *window = &geometry->conv.window;
    return geometry->conv.batch > 0 && window->dilation[1] == 1 && window->dilation[2] == 1;
}

bool images_can_flow_back(const struct pooled_geometry *geometry)
{
    return images_can(geometry) && geometry->conv.window.stride[1] == 1 && geometry->conv.window.stride[2] == 1;
}

bool images_pay(const struct kernel_table *kernel, const struct pooled_geometry *geometry)
{
    const struct conv_geometry *conv = &geometry->conv;
    int64_t lanes = (int64_t)kernel->vector_floats;
    return images_can(geometry) && conv->batch >= lanes && conv->channels <= MOST_CHANNELS && conv->filters <= MOST_CHANNELS &&
           conv->in_pixels * conv->channels * lanes <= MOST_GROUP_FLOATS &&
           conv->out_pixels * conv->filters * lanes <= MOST_GROUP_FLOATS;
}

struct images_plan images_plan(const struct op_compile *compile, const struct pooled_geometry *geometry)
{
    const struct conv_geometry *conv = &geometry->conv;
    const struct window *window = &conv->window;
    struct images_plan plan = {.window = *window,
                               .batch_innermost = compile->in[0].layout == OP_BATCH_INNERMOST,
                               .lanes = compile->kernel->vector_floats,
                               .batch = (size_t)conv->batch,
                               .channels = (size_t)conv->channels,
                               .filters = (size_t)conv->filters,
                               .height = (size_t)geometry->height,
                               .width = (size_t)geometry->width,
                               .in_height = (size_t)window->in[1],
                               .in_width = (size_t)window->in[2],
                               .padded_width = (size_t)(window->in[2] + window->begin[2] + window->end[2]),
                               .count = (size_t)(conv->channels * conv->filters * conv->taps)};
    plan.bare = plan.batch_innermost && window->begin[1] == 0 && window->end[1] == 0 && window->begin[2] == 0 &&
                window->end[2] == 0;
    plan.groups = size_divide_up(plan.batch, plan.lanes);
    plan.pixels_of_y = plan.height * plan.width;
    return plan;
}

size_t images_reserve(struct images_plan *plan, size_t floats)
{
    size_t at = plan->worker_floats;
    plan->worker_floats += size_round_up(floats, IMAGES_ALIGN);
    return at;
}

static struct images_plan forward_plan(const struct op_compile *compile, const struct pooled_geometry *geometry)
{
    struct images_plan plan = images_plan(compile, geometry);
    plan.bands = size_divide_up(WANTED_ITEMS, plan.groups);
    if (plan.bands > plan.height / 2) {
        plan.bands = plan.height < 2 ? 1 : plan.height / 2;
    }
    size_t pooled = size_divide_up(plan.height, plan.bands), outputs = pooled * plan.width * plan.filters * plan.lanes;
    plan.lines = (2 * pooled - 1) * (size_t)plan.window.stride[1] + (size_t)plan.window.kernel[1];
    plan.x = images_reserve(&plan, plan.lines * plan.padded_width * plan.channels * plan.lanes);
    plan.y = images_reserve(&plan, outputs);
    plan.index = images_reserve(&plan, outputs);
    plan.integers = images_reserve(&plan, outputs);
    return plan;
}

float *images_scratch(const struct op_run *run, int worker)
{
    return op_worker_scratch(run, worker);
}

/** Copies `count` lines of the image to lines that are `line` floats apart, which leaves space for the pads. */
static void copy_lines(const struct images_plan *plan, const float *x, size_t count, float *to, size_t line)
{
    size_t floats = plan->in_width * plan->channels * plan->lanes;
    for (size_t y = 0; y < count; y++) {
        memcpy(to + y * line, x + y * floats, floats * sizeof *to);
    }
}

const float *images_lines(const struct images_job *job, const float *x, size_t group, size_t first, size_t count,
                          float *workspace)
{
    const struct images_plan *plan = job->plan;
    const struct window *window = &plan->window;
    size_t images = images_in(plan, group), line = plan->in_width * plan->channels, image = plan->in_height * line;
    size_t padded_line = plan->padded_width * plan->channels * plan->lanes;
    size_t left = (size_t)window->begin[2] * plan->channels * plan->lanes, top = (size_t)window->begin[1];
    x += group * plan->lanes * image;
    if (plan->bare) {
        return x + first * line * plan->lanes;
    }
    size_t begin = first < top ? top - first : 0; /* of the wanted lines, [begin, end) lie inside the image */
    size_t end = plan->in_height + top > first ? plan->in_height + top - first : 0;
    end = end < count ? end : count;
    begin = begin < end ? begin : end;
    bool dense = plan->padded_width == plan->in_width;
    if (!dense || images < plan->lanes) {
        memset(workspace, 0, count * padded_line * sizeof *workspace);
    } else {
        memset(workspace, 0, begin * padded_line * sizeof *workspace);
        memset(workspace + end * padded_line, 0, (count - end) * padded_line * sizeof *workspace);
    }
    if (begin == end) {
        return workspace;
    }
    float *to = workspace + begin * padded_line + left;
    size_t inside = first + begin - top; /* the image's line that corresponds to `begin` */
    if (plan->batch_innermost) {
        copy_lines(plan, x + inside * line * plan->lanes, end - begin, to, padded_line);
        return workspace;
    }
    size_t together = dense ? end - begin : 1;
    for (size_t y = 0; y < end - begin; y += together) {
        job->run->kernel->transpose(images, together * line, x + (inside + y) * line, image, to + y * padded_line,
                                    plan->lanes);
    }
    return workspace;
}

float *images_results(const struct images_job *job, size_t group, size_t first, float *workspace)
{
    const struct images_plan *plan = job->plan;
    size_t pixels = group * plan->pixels_of_y + first * plan->width;
    return plan->batch_innermost ? (float *)job->run->out[0].data + pixels * plan->filters * plan->lanes : workspace;
}

void images_store(const struct images_job *job, size_t group, size_t first, size_t end, const float *y,
                  const int32_t *index, int32_t *integers)
{
    const struct images_plan *plan = job->plan;
    const struct op_run *run = job->run;
    size_t line = plan->width * plan->filters, image = plan->pixels_of_y * plan->filters, count = (end - first) * line;
    size_t images = images_in(plan, group), at = group * plan->lanes * image + first * line;
    if (plan->batch_innermost) {
        if (index != NULL) {
            size_t place = (group * image + first * line) * plan->lanes;
            run->kernel->narrow_to_bytes(count * plan->lanes, index, (uint8_t *)run->out[1].data + place);
        }
        return;
    }
    run->kernel->transpose(count, images, y, plan->lanes, (float *)run->out[0].data + at, image);
    if (index == NULL) {
        return;
    }
    /* A transposition only moves bits, so integers may pass for floats. */
    run->kernel->transpose(count, images, (const float *)index, plan->lanes, (float *)integers, count);
    for (size_t i = 0; i < images; i++) {
        run->kernel->narrow_to_bytes(count, integers + i * count, (uint8_t *)run->out[1].data + at + i * image);
    }
}

static void forward_chunk(void *context, size_t chunk, int worker)
{
    const struct images_job *job = context;
    const struct images_plan *plan = job->plan;
    const struct op_run *run = job->run;
    const struct window *window = &plan->window;
    const struct pooled_options *options = run->options;
    float *scratch = images_scratch(run, worker);
    bool indexed = run->out_count > 1 && run->out[1].shape.rank >= 0;
    int32_t *index = indexed ? (int32_t *)(void *)(scratch + plan->index) : NULL;
    size_t group = chunk / plan->bands, band = chunk % plan->bands;
    size_t first = plan->height * band / plan->bands, end = plan->height * (band + 1) / plan->bands;
    size_t stride = (size_t)window->stride[1], kernel_height = (size_t)window->kernel[1];
    const float *x = images_lines(job, run->in[0].data, group, 2 * first * stride,
                                  (2 * (end - first) - 1) * stride + kernel_height, scratch + plan->x);
    float *y = images_results(job, group, first, scratch + plan->y);

    size_t pixel = plan->channels * plan->lanes, line = plan->padded_width * pixel;
    size_t outputs = plan->width * plan->filters * plan->lanes;
    struct kernel_images images = {
        .lanes = plan->lanes,
        .pixels = plan->width,
        .filters = plan->filters,
        .rows = kernel_height,
        .run = (size_t)window->kernel[2] * plan->channels,
        .x_row = line,
        .x_step = (size_t)window->stride[2] * pixel,
        .x_line = stride * line,
        .weights = run->packed[1],
        .weight_row = (size_t)window->kernel[2] * plan->channels * plan->filters,
        .bias = op_bias(run, 2),
        .pools = true,
        .low = options->rectify || run->activation == UNARY_relu ? 0 : -INFINITY,
        .high = INFINITY,
    };
    for (size_t row = 0; row < end - first; row++) {
        images.x = x + 2 * row * stride * line;
        images.out = y + row * outputs;
        images.index = indexed ? index + row * outputs : NULL;
        run->kernel->images(&images);
    }
    if (run->activation != UNARY_identity && run->activation != UNARY_relu) {
        run->kernel->unary[run->activation]((end - first) * outputs, y, y, run->alpha, run->beta);
    }
    images_store(job, group, first, end, y, index, (int32_t *)(void *)(scratch + plan->integers));
}

static void run_forward(const struct op_run *run)
{
    struct images_job job = {run, run->state};
    pool_run(run->pool, forward_chunk, &job, job.plan->groups * job.plan->bands);
}

/** Packs the weight [filters][C][taps] to [taps][C][filters]. */
static void pack_forward(const struct op_run *run)
{
    const struct images_plan *plan = run->state;
    size_t taps = (size_t)window_taps(&plan->window);
    for (size_t c = 0; c < plan->channels; c++) {
        run->kernel->transpose(plan->filters, taps, (const float *)run->in[1].data + c * taps, plan->channels * taps,
                               (float *)run->packed[1] + c * plan->filters, plan->channels * plan->filters);
    }
}

int images_forward_geometry(const struct op_compile *compile, struct pooled_geometry *geometry)
{
    return pooled_geometry(geometry, compile->options, &compile->in[0].shape, &compile->in[1].shape, compile->error);
}

static int prepare_forward(const struct op_compile *compile, void *state)
{
    struct pooled_geometry geometry;
    int status = images_forward_geometry(compile, &geometry);
    if (status == 0) {
        *(struct images_plan *)state = forward_plan(compile, &geometry);
    }
    return status;
}

int images_compile(struct op_compile *compile, const struct pooled_geometry *geometry)
{
    if (images_transform_pays(compile, geometry)) {
        return images_winograd_compile(compile, geometry);
    }
    struct images_plan plan = forward_plan(compile, geometry);
    compile->run = run_forward;
    compile->pack = pack_forward;
    compile->prepare = prepare_forward;
    compile->state = sizeof plan;
    compile->packed[1] = plan.count * sizeof(float);
    compile->scratch_per_worker = plan.worker_floats * sizeof(float);
    snprintf(compile->detail, sizeof compile->detail, "%zu images as lanes", plan.lanes);
    return 0;
}
