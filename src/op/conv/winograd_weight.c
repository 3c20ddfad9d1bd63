/* SPDX-License-Identifier: MIT */
/* Plans and runs the weight gradient by Winograd's transformations; winograd_weight.h says what is computed. */
#include "op/conv/winograd.h"
#include "op/conv/winograd_weight.h"

#include <stdio.h>
#include <string.h>

enum {
    BLOCK_TILES = 384,         /* tiles of a block, at most; sums are read and written once per block */
    RUN_TILES = 128,
    CHUNK_FLOATS = 1 << 15,    /* floats that one chunk transforms */
    PART_CHANNELS = 64,
    PART_FILTERS = 64
};

/* ---- the plan ---------------------------------------------------------------------------------------------------- */

static struct winograd_weight_plan make_plan(const struct kernel_table *kernel, const struct conv_geometry *geometry,
                                             enum winograd_form form)
{
    const struct window *window = &geometry->window;
    struct winograd_sizes sizes = winograd_sizes(form);
    size_t vector = kernel->vector_floats, panel = kernel->panel_columns;
    struct winograd_weight_plan plan = {.form = form,
                                        .points = sizes.points[0] * sizes.points[1],
                                        .taps = sizes.taps[0] * sizes.taps[1],
                                        .batch = (size_t)geometry->batch,
                                        .channels = (size_t)geometry->channels,
                                        .filters = (size_t)geometry->filters,
                                        .panel = panel};
    plan.count = plan.batch;
    for (int axis = 0; axis < 2; axis++) {
        plan.in[axis] = (size_t)window->in[axis + 1];
        plan.out[axis] = (size_t)window->out[axis + 1];
        plan.begin[axis] = (ptrdiff_t)window->begin[axis + 1];
        plan.outputs[axis] = sizes.outputs[axis];
        plan.tiles[axis] = size_divide_up(plan.out[axis], sizes.outputs[axis]);
        plan.count *= plan.tiles[axis];
    }
    plan.blocks = size_larger(1, size_divide_up(plan.count, BLOCK_TILES));
    plan.block_tiles = size_divide_up(plan.count, plan.blocks);
    plan.run = size_divide_up(plan.block_tiles, size_larger(1, size_divide_up(plan.block_tiles, RUN_TILES)));
    plan.channel_parts = size_divide_up(plan.channels, PART_CHANNELS);
    plan.channel_part = size_round_up(size_divide_up(plan.channels, plan.channel_parts), vector);
    plan.channel_parts = size_divide_up(plan.channels, plan.channel_part);
    plan.panels = size_divide_up(plan.filters, panel);
    plan.panel_part = size_smaller(size_larger(1, PART_FILTERS / panel), plan.panels);
    plan.panel_parts = size_divide_up(plan.panels, plan.panel_part);
    /* The extra 16: planes a power of two apart would compete for the same few cache sets. */
    plan.x_plane = plan.block_tiles * plan.channel_part + 16;
    plan.x_part = plan.points * plan.x_plane;
    plan.x_floats = plan.channel_parts * plan.x_part;
    plan.dy_plane = plan.block_tiles * panel + 16;
    plan.dy_panel = plan.points * plan.dy_plane;
    plan.dy_floats = plan.panels * plan.dy_panel;
    plan.chunk_tiles = size_larger(1, CHUNK_FLOATS / (plan.points * (plan.channels + plan.filters)));
    plan.sum_plane = plan.channel_part * plan.panel_part * panel;
    plan.sum_floats = plan.points * plan.sum_plane;
    return plan;
}

/** The rate of outer products. Where the instruction set has bfloat16 tiles, rates->products is their rate in a large
 *  product; outer products of rows (op/outer_rows.h) reach two thirds of it, and the products here, which use
 *  registers, about half. Measured on Sapphire Rapids. */
static double outer_rate(const struct op_compile *compile, const struct conv_geometry *geometry, bool of_rows)
{
    bool tiles = compile->kernel->outer_rows_workspace((size_t)geometry->channels, (size_t)geometry->filters) > 0;
    return conv_winograd_rates(compile)->products * (!tiles ? 1.0 : of_rows ? 0.67 : 0.55);
}

/** Estimated seconds of one thread for products, transformations, and reading and writing sums. */
static double seconds_of(const fov_rates *rates, double products, const struct winograd_weight_plan *plan)
{
    double weights = (double)plan->points * (double)plan->channels * (double)plan->filters, tiles = (double)plan->count;
    double moved = tiles * (double)(plan->channels + plan->filters) * (double)(2 * plan->points) * sizeof(float);
    return weights * tiles / products + moved / rates->transform +
           weights * sizeof(float) * (1 + 2 * (double)(plan->blocks - 1)) / rates->memory;
}

static double outer_seconds(const fov_rates *rates, double products, const struct conv_geometry *geometry)
{
    double weights = (double)geometry->taps * (double)geometry->channels * (double)geometry->filters;
    double pixels = (double)geometry->batch * (double)geometry->out_pixels;
    return weights * pixels / products + weights * sizeof(float) / rates->memory;
}

/** The fastest form; WINOGRAD_COUNT: outer products. */
static enum winograd_form choose(const struct op_compile *compile, const struct conv_geometry *geometry)
{
    const fov_rates *rates = conv_winograd_rates(compile);
    enum winograd_form best = WINOGRAD_COUNT;
    double least = outer_seconds(rates, outer_rate(compile, geometry, true), geometry);
    double products = outer_rate(compile, geometry, false);
    for (int i = 0; i < WINOGRAD_COUNT; i++) {
        enum winograd_form form = (enum winograd_form)i;
        if (compile->exact || conv_has_idle_taps(&geometry->window) || !conv_winograd_fits(geometry, form)) {
            continue;
        }
        struct winograd_weight_plan plan = make_plan(compile->kernel, geometry, form);
        double seconds = seconds_of(rates, products, &plan);
        if (seconds < least) {
            least = seconds;
            best = form;
        }
    }
    return best;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

struct weight_job {
    const struct op_run               *run;
    const struct winograd_weight_plan *plan;
    struct kernel_winograd_input       x, dy; /**< the fields that are the same in all kernel calls */
    float *values, *gradients, *sums; /**< the block's transformed x and dy; several blocks: the sums of all pieces */
    size_t first, tiles;                      /**< the block's first tile and number of tiles */
    bool   begins;                            /**< this is the first block */
};

/** Transforms `tiles` tiles of one row of tiles, from `tile` of the block on: all parts of x, all panels of dy. */
static void transform(const struct weight_job *job, size_t tile, size_t tiles)
{
    const struct winograd_weight_plan *plan = job->plan;
    size_t at = job->first + tile, image_tiles = plan->tiles[0] * plan->tiles[1], image = at / image_tiles;
    size_t top = at % image_tiles / plan->tiles[1] * plan->outputs[0], left = at % plan->tiles[1] * plan->outputs[1];
    struct kernel_winograd_input x = job->x, dy = job->dy;
    x.tiles = dy.tiles = tiles;
    x.top = (ptrdiff_t)top - plan->begin[0];
    x.left = (ptrdiff_t)left - plan->begin[1];
    dy.top = (ptrdiff_t)top;
    dy.left = (ptrdiff_t)left;
    for (size_t part = 0; part < plan->channel_parts; part++) {
        size_t channel = part * plan->channel_part;
        x.channels = size_smaller(plan->channel_part, plan->channels - channel);
        x.x = job->x.x + image * plan->in[0] * x.line + channel;
        x.out = job->values + part * plan->x_part + tile * x.stride;
        job->run->kernel->winograd_input(&x);
    }
    for (size_t panel = 0; panel < plan->panels; panel++) {
        size_t filter = panel * plan->panel;
        dy.channels = size_smaller(plan->panel, plan->filters - filter);
        dy.x = job->dy.x + image * plan->out[0] * dy.line + filter;
        dy.stride = kernel_panel_width(job->run->kernel, plan->filters - filter);
        dy.out = job->gradients + panel * plan->dy_panel + tile * dy.stride;
        job->run->kernel->winograd_gradient(&dy);
    }
}

/** Transforms a chunk of the block's tiles. */
static void transform_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct weight_job *job = context;
    const struct winograd_weight_plan *plan = job->plan;
    size_t end = size_smaller((chunk + 1) * plan->chunk_tiles, job->tiles);
    for (size_t tile = chunk * plan->chunk_tiles; tile < end;) {
        size_t together = size_smaller(plan->tiles[1] - (job->first + tile) % plan->tiles[1], end - tile);
        transform(job, tile, together);
        tile += together;
    }
}

/** Sets what call i of `count` prefetches of the next point's operands for these tiles: a share of dy, or, if wants_x,
 *  the first two thirds of the calls prefetch x and the others dy. */
static void look_ahead(struct kernel_outer *outer, const float *next_x, size_t i, size_t count, bool wants_x)
{
    enum { LINE_FLOATS = 16 };
    size_t x_calls = wants_x ? (2 * count + 2) / 3 : 0, calls = i < x_calls ? x_calls : count - x_calls;
    size_t lines = outer->run * (i < x_calls ? outer->x_step : outer->width) / LINE_FLOATS;
    size_t each = calls > 0 ? size_divide_up(lines, calls) : 0, first = (i < x_calls ? i : i - x_calls) * each;
    const float *next = i < x_calls ? next_x : outer->ahead;
    outer->ahead_lines = first < lines ? size_smaller(each, lines - first) : 0;
    outer->ahead = next + size_smaller(first, lines) * LINE_FLOATS;
}

/** Sums over the block's tiles at one point, for a part of the channels by one panel of filters: [channels][width].
 *  `first`: this is the first panel to read the point's x. */
static void multiply(const struct weight_job *job, size_t point, size_t part, size_t panel, bool first, float *out)
{
    const struct winograd_weight_plan *plan = job->plan;
    const struct kernel_table *kernel = job->run->kernel;
    size_t width = kernel_panel_width(kernel, plan->filters - panel * plan->panel);
    size_t channels = size_smaller(plan->channel_part, plan->channels - part * plan->channel_part);
    /* Balanced heights: 64 channels in tiles of at most 12 are four of 11 and two of 10. */
    size_t count = size_divide_up(channels, kernel->tile_rows);
    for (size_t begin = 0; begin < job->tiles; begin += plan->run) {
        struct kernel_outer outer = {
            .runs = 1,
            .run = size_smaller(plan->run, job->tiles - begin),
            .width = width,
            .x_step = plan->channel_part,
            .dy = job->gradients + panel * plan->dy_panel + point * plan->dy_plane + begin * width,
            .out_stride = width,
            .accumulate = begin > 0 || !job->begins,
        };
        const float *x = job->values + part * plan->x_part + point * plan->x_plane + begin * plan->channel_part;
        for (size_t i = 0; i < count; i++) {
            size_t c = channels * i / count;
            outer.channels = channels * (i + 1) / count - c;
            outer.x = x + c;
            outer.out = out + c * width;
            if (point + 1 < plan->points) {
                outer.ahead = outer.dy + plan->dy_plane;
                look_ahead(&outer, x + plan->x_plane, i, count, first);
            }
            kernel->outer(&outer);
        }
    }
}

/** The sums of all panels of a piece at one point. */
static void multiply_piece(const struct weight_job *job, size_t piece, size_t point, float *sums)
{
    const struct winograd_weight_plan *plan = job->plan;
    size_t part = piece / plan->panel_parts, first = piece % plan->panel_parts * plan->panel_part;
    for (size_t panel = first; panel < first + plan->panel_part && panel < plan->panels; panel++) {
        multiply(job, point, part, panel, panel == first,
                 sums + point * plan->sum_plane + (panel - first) * plan->channel_part * plan->panel);
    }
}

/** Transforms a piece's sums back to taps and unpacks them to the plain weight. `taps` holds one panel. */
static void finish_piece(const struct weight_job *job, size_t piece, const float *sums, float *taps)
{
    const struct winograd_weight_plan *plan = job->plan;
    const struct kernel_table *kernel = job->run->kernel;
    size_t part = piece / plan->panel_parts, first = piece % plan->panel_parts * plan->panel_part;
    size_t channel = part * plan->channel_part, channels = size_smaller(plan->channel_part, plan->channels - channel);
    for (size_t panel = first; panel < first + plan->panel_part && panel < plan->panels; panel++) {
        size_t filter = panel * plan->panel, columns = channels * kernel_panel_width(kernel, plan->filters - filter);
        kernel->winograd_taps(plan->form, columns, sums + (panel - first) * plan->channel_part * plan->panel,
                              plan->sum_plane, taps, columns);
        struct kernel_weights shape = {.filters = size_smaller(plan->panel, plan->filters - filter),
                                       .channels = channels,
                                       .taps = plan->taps,
                                       .filter_stride = plan->channels * plan->taps,
                                       .channel_stride = plan->taps};
        kernel->unpack_weights(&shape, taps,
                               (float *)job->run->out[0].data + (filter * plan->channels + channel) * plan->taps);
    }
}

static float *own_floats(const struct weight_job *job, int worker)
{
    return op_worker_scratch(job->run, worker);
}

/** If there is only one block: chunk = a piece of the weight, summed and transformed back. */
static void whole_chunk(void *context, size_t chunk, int worker)
{
    const struct weight_job *job = context;
    float *sums = own_floats(job, worker);
    for (size_t point = 0; point < job->plan->points; point++) {
        multiply_piece(job, chunk, point, sums);
    }
    finish_piece(job, chunk, sums, sums + job->plan->sum_floats);
}

/** If there are several blocks: chunk = (piece, point), added to the sums of the previous blocks. */
static void point_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct weight_job *job = context;
    size_t piece = chunk / job->plan->points;
    multiply_piece(job, piece, chunk % job->plan->points, job->sums + piece * job->plan->sum_floats);
}

/** After the last of several blocks: chunk = piece, transformed back. */
static void finish_chunk(void *context, size_t chunk, int worker)
{
    const struct weight_job *job = context;
    finish_piece(job, chunk, job->sums + chunk * job->plan->sum_floats, own_floats(job, worker));
}

static void run_weight(const struct op_run *run)
{
    const struct winograd_weight_plan *plan = run->state;
    size_t x_pixel = op_pixel_stride(&run->in[0]), dy_pixel = op_pixel_stride(&run->in[1]);
    struct weight_job job = {
        .run = run,
        .plan = plan,
        .x = {.form = plan->form,
              .channels = plan->channels,
              .x = run->in[0].data,
              .height = plan->in[0],
              .width = plan->in[1],
              .line = plan->in[1] * x_pixel,
              .pixel = x_pixel,
              .stride = plan->channel_part,
              .plane = plan->x_plane},
        .dy = {.form = plan->form,
               .channels = plan->filters,
               .x = run->in[1].data,
               .height = plan->out[0],
               .width = plan->out[1],
               .line = plan->out[1] * dy_pixel,
               .pixel = dy_pixel,
               .plane = plan->dy_plane},
        .values = run->scratch,
    };
    job.gradients = job.values + plan->x_floats;
    job.sums = job.gradients + plan->dy_floats;
    size_t pieces = plan->channel_parts * plan->panel_parts;
    for (size_t block = 0; block < plan->blocks; block++) {
        job.first = plan->count * block / plan->blocks;
        job.tiles = plan->count * (block + 1) / plan->blocks - job.first;
        job.begins = block == 0;
        pool_run(run->pool, transform_chunk, &job, size_divide_up(job.tiles, plan->chunk_tiles));
        pool_run(run->pool, plan->blocks > 1 ? point_chunk : whole_chunk, &job,
                 plan->blocks > 1 ? pieces * plan->points : pieces);
    }
    if (plan->blocks > 1) {
        pool_run(run->pool, finish_chunk, &job, pieces);
    }
}

/* ---- compiling --------------------------------------------------------------------------------------------------- */

static int prepare(const struct op_compile *compile, void *state)
{
    struct conv_geometry geometry;
    int status = conv_weight_geometry(&geometry, compile);
    if (status == 0) {
        struct winograd_weight_plan plan = make_plan(compile->kernel, &geometry, choose(compile, &geometry));
        memcpy(state, &plan, sizeof plan);
    }
    return status;
}

bool conv_winograd_weight_compile(struct op_compile *compile, const struct conv_geometry *geometry)
{
    enum winograd_form form = choose(compile, geometry);
    if (form == WINOGRAD_COUNT) {
        return false;
    }
    struct winograd_weight_plan plan = make_plan(compile->kernel, geometry, form);
    struct winograd_sizes sizes = winograd_sizes(form);
    size_t taps = plan.taps * plan.channel_part * plan.panel, pieces = plan.channel_parts * plan.panel_parts;
    compile->run = run_weight;
    compile->prepare = prepare;
    compile->state = sizeof plan;
    compile->scratch =
        (plan.x_floats + plan.dy_floats + (plan.blocks > 1 ? pieces * plan.sum_floats : 0)) * sizeof(float);
    compile->scratch_per_worker = (taps + (plan.blocks > 1 ? 0 : plan.sum_floats)) * sizeof(float);
    snprintf(compile->detail, sizeof compile->detail, "Winograd F(%zux%zu, %zux%zu), blocks of %zu tiles",
             sizes.outputs[0], sizes.outputs[1], sizes.taps[0], sizes.taps[1], plan.block_tiles);
    return true;
}
