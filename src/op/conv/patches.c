/* SPDX-License-Identifier: MIT */
/* The input gradient by patches (col2im): one matrix product of dy with the whole weight gives, for each output pixel,
 * the gradient of its whole window; these patches are then added to dx at the windows' places, each image by one thread
 * in the order of its pixels. This multiplies no padding (a full 5x5 gradient of an 8x8 map is more than half padding)
 * and fills the register tile where channels are few (the product's columns are kernel x channels). Small layers in
 * large batches gain; product.h serves the rest. */
#include "op/conv/conv.h"

#include <stdio.h>
#include <string.h>

enum {
    MIN_IMAGES = 8,             /* images of a batch, at least: they are what threads divide */
    ADD_COST = 8,               /* cost of adding one number of a patch, in multiply-adds */
    MAX_PATCH_FLOATS = 1 << 17, /* patches of one image, at most: they should stay in the second-level cache */
    CHUNK_WORK = 1 << 19        /* multiply-adds worth handing to a thread */
};

struct patches_plan {
    struct window window;
    size_t batch, channels, filters, taps, columns; /**< columns: taps x channels */
    size_t in_pixels, out_pixels, images_per_chunk;
};

static struct patches_plan make_plan(const struct conv_geometry *geometry)
{
    struct patches_plan plan = {.window = geometry->window,
                                .batch = (size_t)geometry->batch,
                                .channels = (size_t)geometry->channels,
                                .filters = (size_t)geometry->filters,
                                .taps = (size_t)geometry->taps,
                                .in_pixels = (size_t)geometry->in_pixels,
                                .out_pixels = (size_t)geometry->out_pixels};
    plan.columns = plan.taps * plan.channels;
    size_t work = plan.out_pixels * plan.columns * (plan.filters + ADD_COST);
    plan.images_per_chunk = work >= CHUNK_WORK ? 1 : CHUNK_WORK / (work + 1);
    return plan;
}

bool conv_patches_pay(const struct kernel_table *kernel, const struct conv_geometry *geometry)
{
    struct patches_plan plan = make_plan(geometry);
    if (geometry->groups != 1 || plan.batch < MIN_IMAGES || plan.out_pixels * plan.columns > MAX_PATCH_FLOATS) {
        return false;
    }
    /* The direct form (product.h) multiplies all taps of every phase, padding included: on average taps / strides per
     * pixel. */
    const struct window *window = &geometry->window;
    double strides = (double)(window->stride[0] * window->stride[1] * window->stride[2]);
    double direct = (double)plan.in_pixels * (double)plan.taps / strides * (double)plan.filters *
                    (double)kernel_padded_filters(kernel, plan.channels);
    double patches =
        (double)plan.out_pixels *
        ((double)plan.filters * (double)kernel_padded_filters(kernel, plan.columns) + ADD_COST * (double)plan.columns);
    return patches * 1.2 < direct;
}

static int prepare(const struct op_compile *compile, void *state)
{
    struct conv_geometry geometry;
    int status = conv_input_geometry(&geometry, compile);
    if (status == 0) {
        *(struct patches_plan *)state = make_plan(&geometry);
    }
    return status;
}

/** Transposes the weight [filters][C][taps] to [filters][taps][C], which is stored behind the packed form, and packs
 *  that into panels whose columns are (tap, channel). */
static void pack(const struct op_run *run)
{
    const struct patches_plan *plan = run->state;
    float *packed = run->packed[1];
    float *turned = packed + kernel_padded_filters(run->kernel, plan->columns) * plan->filters;
    for (size_t filter = 0; filter < plan->filters; filter++) {
        run->kernel->transpose(plan->channels, plan->taps, (const float *)run->in[1].data + filter * plan->columns,
                               plan->taps, turned + filter * plan->columns, plan->channels);
    }
    struct kernel_weights shape = {.filters = plan->columns,
                                   .channels = plan->filters,
                                   .taps = 1,
                                   .filter_stride = 1,
                                   .channel_stride = plan->columns};
    run->kernel->pack_weights(&shape, turned, packed);
}

static void add(float *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        to[i] += from[i];
    }
}

/** Adds a kernel row of a patch to a line of dx; taps outside the line are dropped. */
static void add_row(const struct patches_plan *plan, const float *row, int64_t out_x, float *line)
{
    const struct window *window = &plan->window;
    int64_t first = window_meets(window, 2, out_x, 0);
    if (window->dilation[2] == 1) { /* neighbouring taps are neighbouring pixels: one run */
        int64_t begin = first < 0 ? -first : 0;
        int64_t end = first + window->kernel[2] > window->in[2] ? window->in[2] - first : window->kernel[2];
        if (begin < end) {
            add(line + (size_t)(first + begin) * plan->channels, row + (size_t)begin * plan->channels,
                (size_t)(end - begin) * plan->channels);
        }
        return;
    }
    for (int64_t kx = 0; kx < window->kernel[2]; kx++) {
        int64_t x = window_meets(window, 2, out_x, kx);
        if (x >= 0 && x < window->in[2]) {
            add(line + (size_t)x * plan->channels, row + (size_t)kx * plan->channels, plan->channels);
        }
    }
}

static void add_patches(const struct patches_plan *plan, const float *patches, const float *residual, float *dx)
{
    const struct window *window = &plan->window;
    size_t row = (size_t)window->kernel[2] * plan->channels, line = (size_t)window->in[2] * plan->channels;
    size_t bytes = plan->in_pixels * plan->channels * sizeof *dx;
    if (residual == NULL) {
        memset(dx, 0, bytes);
    } else if (residual != dx) {
        memcpy(dx, residual, bytes);
    }
    for (int64_t z = 0; z < window->out[0]; z++) {
        for (int64_t y = 0; y < window->out[1]; y++) {
            for (int64_t x = 0; x < window->out[2]; x++) {
                for (int64_t k = 0; k < window->kernel[0] * window->kernel[1]; k++, patches += row) {
                    int64_t in_z = window_meets(window, 0, z, k / window->kernel[1]);
                    int64_t in_y = window_meets(window, 1, y, k % window->kernel[1]);
                    if (in_z >= 0 && in_z < window->in[0] && in_y >= 0 && in_y < window->in[1]) {
                        add_row(plan, patches, x, dx + (size_t)(in_z * window->in[1] + in_y) * line);
                    }
                }
            }
        }
    }
}

/** Computes dx for some images; chunk = plan->images_per_chunk of them. */
static void patches_chunk(void *context, size_t chunk, int worker)
{
    const struct op_run *run = context;
    const struct patches_plan *plan = run->state;
    float *patches = op_worker_scratch(run, worker);
    size_t end = (chunk + 1) * plan->images_per_chunk;
    for (size_t image = chunk * plan->images_per_chunk; image < end && image < plan->batch; image++) {
        struct kernel_product product = {
            .rows = plan->out_pixels,
            .filters = plan->columns,
            .taps = 1,
            .channels = plan->filters,
            .x = (const float *)run->in[0].data + image * plan->out_pixels * plan->filters,
            .x_stride = plan->filters,
            .weights = run->packed[1],
            .out = patches,
            .out_stride = plan->columns,
        };
        run->kernel->product(&product);
        size_t floats = plan->in_pixels * plan->channels;
        float *dx = (float *)run->out[0].data + image * floats;
        const float *residual = run->residual != NULL ? (const float *)run->residual->data + image * floats : NULL;
        add_patches(plan, patches, residual, dx);
        if (run->saved_activation != NULL) {
            conv_activation_gradient(run, floats, (const float *)run->saved_activation->data + image * floats, dx);
        }
    }
}

static void run_patches(const struct op_run *run)
{
    const struct patches_plan *plan = run->state;
    struct op_run copy = *run; /* the pool's context is not const */
    pool_run(run->pool, patches_chunk, &copy, size_divide_up(plan->batch, plan->images_per_chunk));
}

int conv_patches_compile(struct op_compile *compile, const struct conv_geometry *geometry)
{
    struct patches_plan plan = make_plan(geometry);
    compile->run = run_patches;
    compile->prepare = prepare;
    compile->pack = pack;
    compile->state = sizeof plan;
    compile->packed[1] =
        (kernel_padded_filters(compile->kernel, plan.columns) + plan.columns) * plan.filters * sizeof(float);
    compile->scratch_per_worker = plan.out_pixels * plan.columns * sizeof(float);
    compile->overwrites_residual = true; /* dx begins as a copy of the residual, or in its place */
    snprintf(compile->detail, sizeof compile->detail, "product %zu x %zu, patches added", compile->kernel->tile_rows,
             compile->kernel->panel_columns);
    return 0;
}
