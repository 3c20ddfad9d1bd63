/* SPDX-License-Identifier: MIT */
/* Runs what winograd_plan.c planned: transforms tiles to points, makes a matrix product per point and transforms the
 * sums back to tiles. All decisions are in the plan. */
#include "op/conv/winograd.h"

struct winograd_job {
    const struct op_run        *run;
    const struct winograd_plan *plan;
    struct kernel_winograd_input  input;  /**< the fields that are the same in all kernel calls, as in output */
    struct kernel_winograd_output output;
    const float *x, *residual, *saved;
    float       *y;
    size_t       x_image, y_image, residual_image; /**< floats from image to image */
    size_t       first, tiles; /**< the current block's first tile and number of tiles */
    float       *values;       /**< the current block's transformed tiles */
};

/* ---- weights ----------------------------------------------------------------------------------------------------- */

enum { PACK_CHANNELS = 32 }; /* channels of a panel that a chunk packs */

static void pack_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct op_run *run = context;
    const struct winograd_plan *plan = run->state;
    size_t parts = size_divide_up(plan->channels, PACK_CHANNELS);
    size_t first = chunk / parts * plan->panel, channel = chunk % parts * PACK_CHANNELS;
    struct winograd_sizes sizes = winograd_sizes(plan->form);
    size_t filters = size_smaller(plan->panel, plan->filters - first), taps = sizes.taps[0] * sizes.taps[1];
    int32_t rotated[25];
    for (size_t t = 0; t < taps; t++) {
        rotated[t] = (int32_t)(taps - 1 - t);
    }
    struct kernel_winograd_weights weights = {
        .form = plan->form,
        .shape = {.filters = filters,
                  .channels = size_smaller(PACK_CHANNELS, plan->channels - channel),
                  .taps = taps,
                  .filter_stride = plan->filter_stride,
                  .channel_stride = plan->channel_stride,
                  .tap_offsets = plan->rotated ? rotated : NULL},
        .weights = (const float *)run->in[1].data + first * plan->filter_stride + channel * plan->channel_stride,
        .factor = run->fold_factor == NULL ? NULL : run->fold_factor + first,
        .out = (float *)run->packed[1] + first * plan->channels + channel * kernel_panel_width(run->kernel, filters),
        .panel = plan->panel * plan->channels,
        .plane = plan->weight_plane,
    };
    run->kernel->winograd_weights(&weights);
}

void conv_winograd_pack(const struct op_run *run)
{
    enum { WORTH_THREADS = 1 << 13 }; /* weights */
    const struct winograd_plan *plan = run->state;
    size_t panels = size_divide_up(plan->filters, plan->panel);
    size_t parts = size_divide_up(plan->channels, PACK_CHANNELS);
    struct op_run copy = *run; /* the pool's context is not const */
    pool_run(plan->filters * plan->channels >= WORTH_THREADS ? run->pool : NULL, pack_chunk, &copy, panels * parts);
}

/* ---- parts of the current block ---------------------------------------------------------------- */

/** The image and first pixel of a tile, and how many tiles from it on lie in the same row. */
struct tile_place {
    size_t image, top, left, count;
};

static struct tile_place place_of(const struct winograd_plan *plan, size_t tile, size_t end)
{
    size_t image_tiles = plan->tiles[0] * plan->tiles[1], within = tile % image_tiles;
    size_t column = within % plan->tiles[1];
    return (struct tile_place){.image = tile / image_tiles,
                               .top = within / plan->tiles[1] * plan->outputs[0],
                               .left = column * plan->outputs[1],
                               .count = size_smaller(plan->tiles[1] - column, end - tile)};
}

static void transform_tiles(const struct winograd_job *job, size_t begin, size_t end)
{
    const struct winograd_plan *plan = job->plan;
    while (begin < end) {
        struct tile_place at = place_of(plan, job->first + begin, job->first + end);
        struct kernel_winograd_input input = job->input;
        input.tiles = at.count;
        input.x = job->x + at.image * job->x_image;
        input.top = (ptrdiff_t)at.top - plan->begin[0];
        input.left = (ptrdiff_t)at.left - plan->begin[1];
        input.out = job->values + begin * plan->value_stride;
        job->run->kernel->winograd_input(&input);
        begin += at.count;
    }
}

/** Multiplies tiles of the result that have just been written by the derivative of the activation
 *  (conv_activation_gradient). */
static void apply_activation_gradient(const struct winograd_job *job, const struct tile_place *at, size_t first,
                                      size_t filters)
{
    const struct winograd_plan *plan = job->plan;
    const struct kernel_winograd_output *output = &job->output;
    size_t width = size_smaller(at->count * plan->outputs[1], plan->out[1] - at->left), columns = filters;
    if (filters == output->pixel) {
        columns *= width;
        width = 1;
    }
    for (size_t y = at->top; y < at->top + plan->outputs[0] && y < plan->out[0]; y++) {
        size_t pixel = at->image * job->y_image + y * output->line + at->left * output->pixel + first;
        for (size_t x = 0; x < width; x++, pixel += output->pixel) {
            conv_activation_gradient(job->run, columns, job->saved + pixel, job->y + pixel);
        }
    }
}

/** Multiplies tiles begin .. end - 1 of the block by one segment of filters at all points, and transforms the sums back
 *  to pixels. `sums` lies in the worker's scratch. */
static void multiply_and_finish(const struct winograd_job *job, size_t begin, size_t end, size_t segment, float *sums)
{
    const struct winograd_plan *plan = job->plan;
    size_t first = segment * plan->segment, last = size_smaller(first + plan->segment, plan->padded);
    const float *weights = (const float *)job->run->packed[1] + first * plan->channels;
    for (size_t point = 0; point < plan->points; point++, weights += plan->weight_plane) {
        struct kernel_product product = {
            .rows = end - begin,
            .filters = last - first,
            .taps = 1,
            .channels = plan->channels,
            .x = job->values + point * plan->value_plane + begin * plan->value_stride,
            .x_stride = plan->value_stride,
            .weights = weights,
            .next = point + 1 < plan->points ? weights + plan->weight_plane : NULL,
            .out = sums + point * plan->sum_plane,
            .out_stride = plan->segment,
        };
        job->run->kernel->product(&product);
    }
    struct kernel_winograd_output output = job->output;
    output.filters = size_smaller(first + plan->segment, plan->filters) - first;
    output.bias = output.bias == NULL ? NULL : output.bias + first;
    for (size_t tile = begin; tile < end; tile += output.tiles) {
        struct tile_place at = place_of(plan, job->first + tile, job->first + end);
        output.tiles = at.count;
        output.sums = sums + (tile - begin) * plan->segment;
        output.residual = job->residual == NULL ? NULL : job->residual + at.image * job->residual_image + first;
        output.y = job->y + at.image * job->y_image + first;
        output.top = at.top;
        output.left = at.left;
        job->run->kernel->winograd_output(&output);
        if (job->saved != NULL) {
            apply_activation_gradient(job, &at, first, output.filters);
        }
    }
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

/** Where part `index` begins when `count` things are divided into `parts` parts whose sizes differ by at most one. */
static size_t part_begin(size_t count, size_t parts, size_t index)
{
    return count / parts * index + size_smaller(count % parts, index);
}

static float *worker_floats(const struct op_run *run, int worker)
{
    return op_worker_scratch(run, worker);
}

static void take_block(struct winograd_job *job, size_t block)
{
    job->first = part_begin(job->plan->count, job->plan->blocks, block);
    job->tiles = part_begin(job->plan->count, job->plan->blocks, block + 1) - job->first;
}

static void block_alone(void *context, size_t block, int worker)
{
    struct winograd_job job = *(const struct winograd_job *)context;
    take_block(&job, block);
    job.values = worker_floats(job.run, worker);
    transform_tiles(&job, 0, job.tiles);
    multiply_and_finish(&job, 0, job.tiles, 0, job.values + job.plan->sums);
}

static void transform_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct winograd_job *job = context;
    transform_tiles(job, chunk * job->plan->chunk_tiles,
                    size_smaller((chunk + 1) * job->plan->chunk_tiles, job->tiles));
}

static void finish_part(void *context, size_t part, int worker)
{
    const struct winograd_job *job = context;
    const struct winograd_plan *plan = job->plan;
    size_t group = part % plan->groups, segment = part / plan->groups;
    multiply_and_finish(job, part_begin(job->tiles, plan->groups, group),
                        part_begin(job->tiles, plan->groups, group + 1), segment, worker_floats(job->run, worker));
}

void conv_winograd_run(const struct op_run *run)
{
    const struct winograd_plan *plan = run->state;
    size_t x_pixel = op_pixel_stride(&run->in[0]), y_pixel = op_pixel_stride(&run->out[0]);
    struct winograd_job job = {
        .run = run,
        .plan = plan,
        .x = run->in[0].data,
        .y = run->out[0].data,
        .x_image = plan->in[0] * plan->in[1] * x_pixel,
        .y_image = plan->out[0] * plan->out[1] * y_pixel,
        .input = {.form = plan->form,
                  .channels = plan->channels,
                  .height = plan->in[0],
                  .width = plan->in[1],
                  .line = plan->in[1] * x_pixel,
                  .pixel = x_pixel,
                  .stride = plan->value_stride,
                  .plane = plan->value_plane},
        .output = {.form = plan->form,
                   .stride = plan->segment,
                   .plane = plan->sum_plane,
                   .bias = op_bias(run, 2),
                   .height = plan->out[0],
                   .width = plan->out[1],
                   .line = plan->out[1] * y_pixel,
                   .pixel = y_pixel,
                   .activation = run->saved_activation != NULL ? UNARY_identity : run->activation,
                   .alpha = run->alpha,
                   .beta = run->beta},
    };
    if (run->saved_activation != NULL) {
        job.saved = run->saved_activation->data;
    }
    if (run->residual != NULL) {
        job.residual = run->residual->data;
        job.output.residual_pixel = op_pixel_stride(run->residual);
        job.output.residual_line = plan->out[1] * job.output.residual_pixel;
        job.residual_image = plan->out[0] * job.output.residual_line;
    }
    if (!plan->shared) {
        pool_run(run->pool, block_alone, &job, plan->blocks);
        return;
    }
    job.values = run->scratch;
    for (size_t block = 0; block < plan->blocks; block++) {
        take_block(&job, block);
        pool_run(run->pool, transform_chunk, &job, size_divide_up(job.tiles, plan->chunk_tiles));
        pool_run(run->pool, finish_part, &job, plan->groups * plan->segments);
    }
}
