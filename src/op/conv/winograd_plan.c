/* SPDX-License-Identifier: MIT */
/* Decides when Winograd's convolution pays, in which form, and how its tiles are divided into blocks. The choice is
 * made when a plan is compiled, from shapes and from the speed of one thread (fov_rates), not from the number of
 * threads. */
#include "op/conv/winograd.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    ALONE_BLOCKS = 4,         /* blocks belong to one thread each if there are at least so many of */
    ALONE_TILES = 24,         /* at least so many tiles: smaller ones would read the weights too often */
    ALONE_BYTES = 1 << 20,    /* bytes of such a block, at most, if that is more tiles: fits the second-level cache */
    WANTED_BLOCKS = 8,        /* number of such blocks to aim for, if there are enough tiles */
    SHARED_BYTES = 8 << 20,   /* transformed tiles of a shared block */
    CHUNK_FLOATS = 1 << 14,   /* floats that one chunk of a shared block transforms */
    GROUP_TILES = 32,         /* tiles of a job of a shared block; */
    GROUP_TILES_LARGE = 64,   /* the same, since each job reads its weights, where the panels alone give each thread */
    THREAD_JOBS = 2,          /* so many jobs, */
    LARGE_WEIGHTS = 12 << 20, /* or where the weights have at least so many bytes and do not stay in a cache */
    WANTED_JOBS = 8
};

bool conv_winograd_fits(const struct conv_geometry *geometry, enum winograd_form form)
{
    const struct window *window = &geometry->window;
    struct winograd_sizes sizes = winograd_sizes(form);
    bool fits = geometry->groups == 1 && window->in[0] == 1 && window->out[0] == 1 && window->kernel[0] == 1;
    for (int axis = 0; axis < 2; axis++) {
        fits = fits && window->stride[axis + 1] == 1 && window->kernel[axis + 1] == (int64_t)sizes.taps[axis] &&
               (window->dilation[axis + 1] == 1 || sizes.taps[axis] == 1);
    }
    return fits;
}

/** Divides the tiles into blocks for one thread each, whole register tiles of rows. */
static void cut_alone(struct winograd_plan *plan, size_t rows)
{
    size_t tile_bytes = plan->points * (plan->value_stride + plan->padded) * sizeof(float);
    size_t wanted = size_round_up(size_divide_up(plan->count, WANTED_BLOCKS), rows);
    size_t most = size_smaller(ALONE_BYTES / tile_bytes / rows * rows, wanted);
    plan->blocks = size_divide_up(plan->count, size_larger(most, ALONE_TILES));
    plan->block_tiles = size_divide_up(plan->count, plan->blocks);
    plan->groups = plan->segments = 1;
    plan->group_tiles = plan->block_tiles;
    plan->segment = plan->padded;
}

/** Divides the tiles into blocks that all threads share, and each block into jobs across tiles and filters. Only the
 *  jobs depend on the number of threads: the estimate that chooses the form counts the blocks, and another form has
 *  other bits. */
static void cut_shared(struct winograd_plan *plan, int workers)
{
    size_t tile_bytes = plan->points * plan->value_stride * sizeof(float);
    size_t weights = plan->points * plan->channels * plan->padded * sizeof(float);
    size_t panels = size_divide_up(plan->padded, plan->panel);
    bool few_panels = panels < (size_t)(workers > 1 ? workers : 1) * THREAD_JOBS;
    size_t most = few_panels && weights < LARGE_WEIGHTS ? GROUP_TILES : GROUP_TILES_LARGE;
    plan->blocks = size_divide_up(plan->count, size_larger(SHARED_BYTES / tile_bytes, GROUP_TILES_LARGE));
    plan->block_tiles = size_divide_up(plan->count, plan->blocks);
    plan->chunk_tiles = size_larger(1, CHUNK_FLOATS / (plan->points * plan->channels));
    plan->groups = size_divide_up(plan->block_tiles, most);
    plan->group_tiles = size_divide_up(plan->block_tiles, plan->groups);
    size_t segments = size_smaller(panels, size_divide_up(WANTED_JOBS, plan->groups));
    plan->segment = size_divide_up(panels, segments) * plan->panel;
    plan->segments = size_divide_up(plan->padded, plan->segment);
}

static void choose_blocks(struct winograd_plan *plan, const struct kernel_table *kernel, int workers)
{
    plan->shared = size_divide_up(plan->count, ALONE_TILES) < ALONE_BLOCKS;
    if (plan->shared) {
        cut_shared(plan, workers);
    } else {
        cut_alone(plan, kernel->tile_rows);
    }
}

static struct winograd_plan make_plan(const struct kernel_table *kernel, const struct conv_geometry *geometry,
                                      enum winograd_form form, bool gradient, int workers)
{
    const struct window *window = &geometry->window;
    struct winograd_sizes sizes = winograd_sizes(form);
    size_t taps = sizes.taps[0] * sizes.taps[1], channels = (size_t)geometry->channels,
           filters = (size_t)geometry->filters;
    struct winograd_plan plan = {.form = form,
                                 .points = sizes.points[0] * sizes.points[1],
                                 .batch = (size_t)geometry->batch,
                                 .channels = gradient ? filters : channels,
                                 .filters = gradient ? channels : filters,
                                 .panel = kernel->panel_columns,
                                 .filter_stride = gradient ? taps : channels * taps,
                                 .channel_stride = gradient ? channels * taps : taps,
                                 .rotated = gradient};
    plan.count = plan.batch;
    for (int axis = 0; axis < 2; axis++) {
        size_t in = (size_t)window->in[axis + 1], out = (size_t)window->out[axis + 1];
        ptrdiff_t begin = (ptrdiff_t)window->begin[axis + 1];
        plan.in[axis] = gradient ? out : in;
        plan.out[axis] = gradient ? in : out;
        plan.begin[axis] = gradient ? (ptrdiff_t)sizes.taps[axis] - 1 - begin : begin;
        plan.outputs[axis] = sizes.outputs[axis];
        plan.tiles[axis] = size_divide_up(plan.out[axis], sizes.outputs[axis]);
        plan.count *= plan.tiles[axis];
    }
    plan.padded = kernel_padded_filters(kernel, plan.filters);
    plan.value_stride = size_round_up(plan.channels, kernel->vector_floats);
    choose_blocks(&plan, kernel, workers);
    /* The extra 16: planes a power of two apart would compete for the same few cache sets. */
    plan.value_plane = plan.block_tiles * plan.value_stride + 16;
    plan.sum_plane = plan.group_tiles * plan.segment + 16;
    plan.weight_plane = plan.channels * plan.padded + 16;
    plan.sums = plan.shared ? 0 : plan.points * plan.value_plane;
    return plan;
}

/* ---- the choice -------------------------------------------------------------------------------------------------- */

/* Fitted to 48 layers (3 x 3, 5 x 5, 7 x 1, 3 x 1) of six networks at batch 1, on one and two threads, AVX-512 and
   AVX2, all on one machine. On those same layers the choices cost 0.02 % (AVX-512) and 0.34 % (AVX2) more time than the
   best ones, with the rates of device/rates.c; single small layers are up to twice as slow. Batches and PACK_SHARE rest
   on fewer figures. */
#define WEIGHTS_SHARE 0.75   /* share of the time for reading weights that products do not hide */
#define TRANSFORM_PASSES 3.0 /* passes over a transformed number: written, read, and one more for the products' reads */
#define PACK_SHARE 1.0       /* cost of packing weights that change with each run, as a share of reading them */
/* Where the set has bfloat16 tiles, rates->products is their rate; sums for fewer filters than a panel holds stay in
   registers. Measured on Sapphire Rapids: 16 filters of 128 pictures took 8.4 ms directly and 5.8 ms by Winograd. */
#define NARROW_SHARE 0.65

static double weight_seconds(const fov_rates *rates, double weights, bool packs)
{
    return (WEIGHTS_SHARE + (packs ? PACK_SHARE : 0)) * weights * (double)sizeof(float) / rates->memory;
}

/** Estimated seconds of one thread for direct sums. */
static double direct_seconds(const struct op_compile *compile, const struct conv_geometry *geometry,
                             const struct winograd_plan *plan, bool packs)
{
    enum { LARGE = 256 }; /* rows, filters and depth of a product that is done on tiles, if there are any */
    const fov_rates *rates = conv_winograd_rates(compile);
    bool has_tiles = compile->kernel->product_workspace(LARGE, LARGE, LARGE) > 0;
    double products = rates->products * (has_tiles && plan->padded < plan->panel ? NARROW_SHARE : 1.0);
    double weights = (double)(geometry->taps) * (double)plan->channels * (double)plan->padded;
    double pixels = (double)plan->batch * (double)plan->out[0] * (double)plan->out[1];
    return weights * pixels / products + weight_seconds(rates, weights, packs);
}

static double winograd_seconds(const fov_rates *rates, const struct winograd_plan *plan, bool packs)
{
    double points = (double)plan->points, weights = points * (double)plan->channels * (double)plan->padded;
    double tiles = (double)plan->count, numbers = tiles * points * (double)(plan->value_stride + plan->padded);
    double seconds = weights * tiles / rates->products + weight_seconds(rates, weights, packs);
    seconds += TRANSFORM_PASSES * numbers * (double)sizeof(float) / rates->transform;
    return seconds + (plan->shared ? (double)plan->blocks * rates->wake : 0); /* threads wait once more per block */
}

const fov_rates *conv_winograd_rates(const struct op_compile *compile)
{
    static const fov_rates usual = {.products = 48e9, .transform = 55e9, .memory = 15e9, .wake = 5e-6};
    return compile->rates != NULL ? compile->rates : &usual;
}

/* A plan keeps constant weights in transformed form, with F(4x4, 3x3) four times as large as before: that was half of
   U-Net's memory at batch 1. Where they are this large, a form that keeps less than half as much is preferred even if
   it takes somewhat longer: for U-Net's 1024 x 1024 filters of 16 x 16 pixels F(2x2, 3x3) saves 80 MiB and took 13 %
   less time with AVX-512, 24 % more with AVX2 (1 % of the whole). */
#define MUCH_KEPT (64 << 20) /* bytes of transformed weights */
#define SMALLER_MAY_TAKE 1.3     /* factor of the time of the fastest form */

static double kept_bytes(const struct winograd_plan *plan)
{
    return (double)plan->points * (double)plan->channels * (double)plan->padded * (double)sizeof(float);
}

/** The fastest form, or a form not much slower whose weights are much smaller; WINOGRAD_COUNT: direct sums. */
static enum winograd_form choose(const struct op_compile *compile, const struct conv_geometry *geometry, bool gradient)
{
    const fov_rates *rates = conv_winograd_rates(compile);
    enum winograd_form best = WINOGRAD_COUNT;
    bool packs = !compile->in_constant[1];
    double least = 0, kept = 0, taken[WINOGRAD_COUNT], keeps[WINOGRAD_COUNT];
    for (int i = 0; i < WINOGRAD_COUNT; i++) {
        enum winograd_form form = (enum winograd_form)i;
        taken[i] = keeps[i] = HUGE_VAL;
        if (compile->exact || !conv_winograd_fits(geometry, form)) {
            continue;
        }
        struct winograd_plan plan = make_plan(compile->kernel, geometry, form, gradient, compile->workers);
        taken[i] = winograd_seconds(rates, &plan, packs);
        keeps[i] = packs ? 0 : kept_bytes(&plan);
        if (best == WINOGRAD_COUNT) {
            least = direct_seconds(compile, geometry, &plan, packs);
        }
        if (taken[i] < least) {
            least = taken[i];
            kept = keeps[i];
            best = form;
        }
    }
    double most = least * SMALLER_MAY_TAKE;
    for (int i = 0; i < WINOGRAD_COUNT && kept >= MUCH_KEPT; i++) {
        if (2 * keeps[i] < kept && taken[i] < most) {
            most = taken[i];
            best = (enum winograd_form)i;
        }
    }
    return best;
}

/* ---- compiling --------------------------------------------------------------------------------------------------- */

static int prepare(const struct op_compile *compile, void *state, bool gradient)
{
    struct conv_geometry geometry;
    int status = gradient ? conv_input_geometry(&geometry, compile) : conv_forward_geometry(&geometry, compile);
    if (status == 0) {
        struct winograd_plan plan =
            make_plan(compile->kernel, &geometry, choose(compile, &geometry, gradient), gradient, compile->workers);
        memcpy(state, &plan, sizeof plan);
    }
    return status;
}

static int prepare_forward(const struct op_compile *compile, void *state)
{
    return prepare(compile, state, false);
}

static int prepare_gradient(const struct op_compile *compile, void *state)
{
    return prepare(compile, state, true);
}

bool conv_winograd_compile(struct op_compile *compile, const struct conv_geometry *geometry, bool gradient)
{
    enum winograd_form form = choose(compile, geometry, gradient);
    if (form == WINOGRAD_COUNT) {
        return false;
    }
    struct winograd_plan plan = make_plan(compile->kernel, geometry, form, gradient, compile->workers);
    struct winograd_sizes sizes = winograd_sizes(form);
    compile->run = conv_winograd_run;
    compile->pack = conv_winograd_pack;
    compile->overwrites_residual = true; /* each pixel of the residual is read when that of the result is stored */
    compile->prepare = gradient ? prepare_gradient : prepare_forward;
    compile->state = sizeof plan;
    compile->packed[1] = plan.points * plan.weight_plane * sizeof(float);
    size_t values = plan.points * plan.value_plane * sizeof(float);
    compile->scratch = plan.shared ? values : 0;
    compile->scratch_per_worker = plan.points * plan.sum_plane * sizeof(float) + (plan.shared ? 0 : values);
    snprintf(compile->detail, sizeof compile->detail, "Winograd F(%zux%zu, %zux%zu), %s of %zu tiles", sizes.outputs[0],
             sizes.outputs[1], sizes.taps[0], sizes.taps[1], plan.shared ? "shared blocks" : "blocks",
             plan.block_tiles);
    return true;
}
