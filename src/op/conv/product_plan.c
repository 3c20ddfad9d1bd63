/* SPDX-License-Identifier: MIT */
/* Chooses how a convolution (or its input gradient) is divided into products, and writes the offset tables. Everything
 * here happens once, when a plan is made; product.c runs it. */
#include "base/memory.h"
#include "op/conv/product.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    BLOCK_TILES = 32,    /* rows of one call, in register tiles: 16 to 64 are within noise (guides/CPU.md, section 2) */
    FEW_CHANNELS = 4,    /* up to so many, a zero-padded copy with collapsed kernel rows pays */
    LEAST_TILES = 4,     /* register tiles of a block, at least */
    /* BF16X3_...: for products with a workspace, on bfloat16 tiles */
    BF16X3_ROWS = 16,      /* rows are divided at multiples of this */
    BF16X3_BLOCK = 16,     /* times BF16X3_ROWS: rows of a block, at most */
    BF16X3_ITEMS = 2,      /* items per thread: few, since each item splits its rows and weights anew */
    BF16X3_DEPTH = 256,    /* shallower products do not use tiles if they add a residual and have more than */
    BF16X3_NEAR = 1 << 20, /* so many results: they would wait for the residual to come from memory */
    BF16X3_EVENLY = 4,     /* the number of blocks is a multiple of this, so that two or four threads get as many */
    CHUNK_WORK = 1 << 19,  /* multiply-adds worth handing to a thread: some five to ten microseconds */
    MADE_FLOATS = 1 << 17, /* floats of a source made on demand at a time: a quarter of a second-level cache, */
    NEAR_FLOATS = 6 << 10, /* or half of a first-level cache, if the weights do not take more than that */
    ALIKE_WORKERS = 4,     /* training divides pixels for so many threads, whatever their actual number */
    THREAD_ITEMS = 4       /* items per thread, so that others can take over items of a thread that is held up */
};

/** The pixels of one phase along an axis, and the taps that reach them. */
struct axis_phase {
    int64_t first, step, rows; /**< pixels first, first + step, ... */
    int64_t residue;           /**< those are the taps with tap * dilation % modulus == residue; modulus 1: all */
    int64_t modulus;
};

static struct axis_phase axis_phase(const struct window *window, int axis, bool gradient, int64_t index)
{
    if (!gradient) {
        return (struct axis_phase){0, 1, window->out[axis], 0, 1};
    }
    int64_t stride = window->stride[axis];
    return (struct axis_phase){index, stride, (window->in[axis] - index + stride - 1) / stride,
                               (index + window->begin[axis]) % stride, stride};
}

/** Number of phases along an axis. */
static int64_t axis_phases(const struct window *window, int axis, bool gradient)
{
    int64_t stride = window->stride[axis], in = window->in[axis];
    return gradient ? (stride < in ? stride : in) : 1;
}

static bool axis_has_tap(const struct window *window, int axis, const struct axis_phase *phase, int64_t tap)
{
    return tap * window->dilation[axis] % phase->modulus == phase->residue;
}

static int64_t axis_taps(const struct window *window, int axis, const struct axis_phase *phase)
{
    int64_t count = 0;
    for (int64_t tap = 0; tap < window->kernel[axis]; tap++) {
        count += axis_has_tap(window, axis, phase, tap);
    }
    return count;
}

/** A plan under construction: the product_plan itself, and values that are needed only while it is made. */
struct product_planner {
    struct product_plan plan;
    struct window window;
    const struct kernel_table *kernel;
    bool gradient;
    bool has_workspace; /**< the kernel has a use for a workspace in the largest of the products */
    bool collapsed;     /**< all taps of a kernel row are one contiguous run of x */
    bool alike;         /**< blocks do not depend on the number of threads, because an observer may sum over them */
    bool splits_rows; /**< threads divide pixels rather than filters among them */
    int64_t phases[3];
    size_t block_rows; /**< good number of rows for a block */
    size_t integer_count, packed_floats;
};

static void phase_axes(const struct product_planner *planner, size_t index, struct axis_phase axes[3])
{
    int64_t at = (int64_t)index;
    for (int axis = 2; axis >= 0; axis--) {
        axes[axis] = axis_phase(&planner->window, axis, planner->gradient, at % planner->phases[axis]);
        at /= planner->phases[axis];
    }
}

/** With a workspace: into how many blocks of rows to divide `items` items (each block into segments of filters), so
 *  that rows and weights are split into bfloat16 terms as seldom as possible. */
static size_t bf16x3_blocks(const struct product_planner *planner, size_t rows, size_t items)
{
    size_t best = 1, filters = planner->plan.filters, panels = size_divide_up(filters, planner->plan.panel_columns);
    double least = INFINITY;
    for (size_t blocks = 1; blocks <= items; blocks++) {
        size_t segments = size_divide_up(items, blocks);
        double cost = (double)rows * (double)segments + (double)filters * (double)blocks;
        if (segments <= panels && cost < least) {
            least = cost;
            best = blocks;
        }
    }
    return best;
}

/** Sizes of a phase, and its offsets in the tables, which follow those of the phases before it. */
static struct product_phase describe_phase(struct product_planner *planner, size_t index, size_t padded_filters)
{
    struct product_plan *plan = &planner->plan;
    struct axis_phase axes[3];
    phase_axes(planner, index, axes);
    struct product_phase phase = {.rows = 1, .weight_taps = 1};
    for (int axis = 0; axis < 3; axis++) {
        phase.rows *= (size_t)axes[axis].rows;
        phase.weight_taps *= (size_t)axis_taps(&planner->window, axis, &axes[axis]);
    }
    if (plan->x_stride != 0) {
        phase.rows *= plan->unit_images; /* pointwise: the batch is one long image */
    }
    phase.taps = planner->collapsed ? phase.weight_taps / (size_t)planner->window.kernel[2] : phase.weight_taps;
    size_t rows = plan->x_stride != 0 ? phase.rows : phase.rows * plan->unit_images;
    size_t target = planner->block_rows;
    phase.blocks = rows == 0 ? 0 : rows < target ? 1 : (rows + target / 2) / target;
    size_t each = size_divide_up(plan->wanted, size_larger(1, plan->units * plan->phase_count));
    if (planner->has_workspace) {
        each = bf16x3_blocks(planner, rows, planner->alike ? BF16X3_EVENLY : each);
    } else if (!planner->splits_rows) { /* filters are divided first, rows only as far as that does not suffice */
        each = size_divide_up(each, size_divide_up(plan->filters, plan->panel_columns));
    }
    if (planner->has_workspace && rows > 0) {
        size_t least = size_divide_up(rows, target);
        phase.blocks = least > BF16X3_EVENLY ? size_round_up(least, BF16X3_EVENLY) : least > each ? least : each;
    } else if (phase.blocks < each) {
        size_t most = rows / (LEAST_TILES * plan->tile_rows);
        phase.blocks = each < most ? each : most > phase.blocks ? most : phase.blocks;
    }
    if (planner->alike && phase.blocks > 0) {
        plan->part_rows = size_divide_up(size_divide_up(rows, plan->tile_rows), phase.blocks) * plan->tile_rows;
        phase.blocks = size_divide_up(rows, plan->part_rows);
    }
    size_t whole = phase.rows * (plan->x_stride != 0 ? 1 : plan->batch), depth = phase.weight_taps * plan->channels;
    size_t workspace = planner->has_workspace ? planner->kernel->product_workspace(whole, plan->filters, depth) : 0;
    phase.has_workspace = workspace > 0;
    plan->workspace = workspace > plan->workspace ? workspace : plan->workspace;
    phase.offsets = planner->integer_count;
    phase.out_offsets = phase.offsets + (plan->x_stride != 0 ? 0 : phase.taps * rows);
    phase.tap_offsets = phase.out_offsets + (plan->scattered ? rows : 0);
    planner->integer_count = phase.tap_offsets + phase.weight_taps;
    phase.weights = planner->packed_floats;
    planner->packed_floats += plan->groups * padded_filters * phase.weight_taps * plan->channels;
    return phase;
}

/** Chooses how many items there should be, and whether to get them by dividing pixels or filters. Every thread reads
 *  the whole of the side that is not divided, so the larger of image and weights is divided. */
static void choose_items(struct product_planner *planner, const struct op_compile *compile, double multiply_adds)
{
    struct product_plan *plan = &planner->plan;
    double chunks = multiply_adds / CHUNK_WORK;
    planner->alike = compile->training && plan->x_stride != 0;
    size_t workers = planner->alike && !planner->has_workspace ? ALIKE_WORKERS : (size_t)compile->workers;
    plan->wanted = workers > 1 ? workers * (planner->has_workspace ? BF16X3_ITEMS : THREAD_ITEMS) : 1;
    if (chunks < (double)plan->wanted) {
        plan->wanted = chunks < 1 ? 1 : (size_t)chunks;
    }
    double image = (double)plan->unit_images * (double)plan->in_image, weights = (double)plan->weight_group;
    planner->splits_rows = image >= weights;
}

/** Divides too few blocks further into segments of filters, and joins small items to chunks that are worth waking a
 *  thread. */
static void choose_chunks(struct product_plan *plan, size_t blocks, double multiply_adds)
{
    size_t all = plan->units * blocks, panels = size_divide_up(plan->filters, plan->panel_columns);
    plan->segments = 1;
    if (all > 0 && all < plan->wanted) {
        plan->segments = size_divide_up(plan->wanted, all);
        if (plan->segments > panels) {
            plan->segments = panels;
        }
    }
    plan->unit_items = blocks * plan->segments;
    plan->items = plan->units * plan->unit_items;
    double work = multiply_adds / (double)(plan->items == 0 ? 1 : plan->items);
    double together = work > 0 ? CHUNK_WORK / work : 1;
    plan->chunk_items = together < 1 ? 1 : together > 4096 ? 4096 : (size_t)together;
}

/** Chooses whether the kernel gets a workspace, which depends on the shapes of the whole convolution, and the sizes at
 *  which rows are divided. */
static void choose_tiles(struct product_planner *planner, const struct op_compile *compile,
                         const struct conv_geometry *geometry)
{
    const struct window *window = &geometry->window;
    size_t pixels = (size_t)(planner->gradient ? geometry->in_pixels : geometry->out_pixels),
           taps = (size_t)geometry->taps;
    size_t filters = (size_t)(planner->gradient ? geometry->group_channels : geometry->group_filters);
    size_t channels = (size_t)(planner->gradient ? geometry->group_filters : geometry->group_channels);
    for (int axis = 0; axis < 3 && planner->gradient; axis++) {
        pixels = size_divide_up(pixels, (size_t)window->stride[axis]);
        taps = size_divide_up(taps, (size_t)window->stride[axis]);
    }
    /* A shallow product with a residual waits for the residual to come from memory, on tiles more than in registers. */
    bool waits = compile->residual != NULL && channels * taps < BF16X3_DEPTH &&
                 (size_t)geometry->batch * pixels * filters > BF16X3_NEAR;
    planner->has_workspace =
        !compile->takes_producer && !waits &&
        planner->kernel->product_workspace((size_t)geometry->batch * pixels, filters, channels * taps) > 0;
    planner->plan.tile_rows = planner->has_workspace ? BF16X3_ROWS : planner->kernel->tile_rows;
    planner->block_rows = planner->plan.tile_rows * (planner->has_workspace ? BF16X3_BLOCK : BLOCK_TILES);
}

/** Fills in what does not depend on phases. */
static void choose_form(struct product_planner *planner, const struct op_compile *compile,
                        const struct conv_geometry *geometry)
{
    struct product_plan *plan = &planner->plan;
    const struct window *window = &geometry->window;
    size_t group_channels = (size_t)geometry->group_channels, group_filters = (size_t)geometry->group_filters;
    size_t taps = (size_t)geometry->taps;
    plan->in_stride = op_pixel_stride(&compile->in[0]);
    plan->out_stride = op_pixel_stride(&compile->out[0]);
    plan->residual_stride = compile->residual != NULL ? op_pixel_stride(compile->residual) : 0;
    plan->in_image = plan->in_stride * (size_t)(planner->gradient ? geometry->out_pixels : geometry->in_pixels);
    plan->out_image = plan->out_stride * (size_t)(planner->gradient ? geometry->in_pixels : geometry->out_pixels);
    planner->window = *window;
    plan->window = *window;
    plan->image_channels = (size_t)geometry->channels;
    plan->batch = (size_t)geometry->batch;
    plan->groups = (size_t)geometry->groups;
    plan->weight_group = group_filters * group_channels * taps;
    if (planner->gradient) {
        plan->filters = plan->group_out = group_channels;
        plan->channels = plan->group_in = group_filters;
        plan->filter_stride = taps, plan->channel_stride = group_channels * taps;
    } else {
        plan->filters = plan->group_out = group_filters;
        plan->channels = plan->group_in = group_channels;
        plan->filter_stride = group_channels * taps, plan->channel_stride = taps;
        bool row_runs = geometry->groups == 1 && window->dilation[2] == 1 && window->kernel[2] > 1;
        bool pads_width = window->begin[2] + window->end[2] > 0;
        plan->padded = row_runs && pads_width && geometry->channels <= FEW_CHANNELS;
        bool dense = plan->in_stride == (size_t)geometry->channels;
        planner->collapsed = row_runs && ((!pads_width && dense) || plan->padded);
    }
    plan->run = planner->collapsed ? plan->channels * (size_t)window->kernel[2] : plan->channels;
    plan->separable = !planner->gradient;
    for (int axis = 0; axis < 3; axis++) {
        planner->phases[axis] = axis_phases(window, axis, planner->gradient);
        plan->scattered = plan->scattered || (planner->gradient && window->stride[axis] > 1);
        plan->padded_size[axis] = window->in[axis] + window->begin[axis] + window->end[axis];
        plan->separable = plan->separable && (plan->padded || (window->begin[axis] == 0 && window->end[axis] == 0));
    }
    plan->phase_count = (size_t)(planner->phases[0] * planner->phases[1] * planner->phases[2]);
    if (plan->padded) { /* from here on, the image is the padded copy, which no tap leaves */
        plan->in_stride = (size_t)geometry->channels;
        plan->in_image =
            (size_t)(plan->padded_size[0] * plan->padded_size[1] * plan->padded_size[2] * geometry->channels);
        for (int axis = 0; axis < 3; axis++) {
            planner->window.in[axis] = plan->padded_size[axis];
            planner->window.begin[axis] = 0;
        }
    }
    size_t pixels = (size_t)(planner->gradient ? geometry->in_pixels : geometry->out_pixels) / plan->phase_count;
    size_t target = planner->block_rows;
    plan->unit_images = pixels >= target / 2 ? 1 : size_divide_up(target, pixels == 0 ? 1 : pixels);
    if (conv_is_pointwise(window)) {
        plan->x_stride = plan->in_stride;
        plan->unit_images = plan->batch;
        if (op_comes_as_rows(compile, 0)) {
            size_t floats = plan->weight_group <= NEAR_FLOATS && !planner->has_workspace ? NEAR_FLOATS : MADE_FLOATS;
            size_t tile = floats / plan->tile_rows / plan->x_stride;
            plan->made_rows = (tile == 0 ? 1 : tile) * plan->tile_rows;
            plan->made_bytes = memory_aligned(plan->made_rows * plan->x_stride * sizeof(float));
        }
    }
    if (plan->unit_images > plan->batch) {
        plan->unit_images = plan->batch;
    }
    plan->units = plan->batch == 0 ? 0 : size_divide_up(plan->batch, plan->unit_images);
}

static int make(struct product_planner *planner, const struct op_compile *compile, const struct conv_geometry *geometry,
                bool gradient, struct product_phase *phases)
{
    const struct kernel_table *kernel = compile->kernel;
    *planner = (struct product_planner){.gradient = gradient, .kernel = kernel};
    struct product_plan *plan = &planner->plan;
    plan->panel_columns = kernel->panel_columns;
    choose_tiles(planner, compile, geometry);
    choose_form(planner, compile, geometry);
    double unit_floats = (double)plan->unit_images * (double)(plan->in_image > plan->out_image ? plan->in_image
                                                                                                : plan->out_image);
    if (plan->x_stride == 0 && unit_floats > INT32_MAX) {
        return error_set(compile->error, FOV_E_UNSUPPORTED,
                         "an image of %.3g numbers exceeds the 2^31 a convolution can address", unit_floats);
    }
    choose_items(planner, compile, (double)conv_multiply_adds(geometry));
    size_t padded_filters = kernel_padded_filters(kernel, plan->filters), blocks = 0;
    for (size_t i = 0; i < plan->phase_count; i++) {
        struct product_phase phase = describe_phase(planner, i, padded_filters);
        phase.first_item = blocks;
        blocks += phase.blocks;
        if (phases != NULL) {
            phases[i] = phase;
        }
    }
    choose_chunks(plan, blocks, (double)conv_multiply_adds(geometry));
    if (compile->takes_producer) {
        plan->cut = conv_chain_cut(compile, geometry);
    }
    plan->phases = memory_aligned(sizeof *plan);
    plan->zeros = memory_aligned(plan->phases + plan->phase_count * sizeof(struct product_phase));
    plan->integers = plan->zeros + memory_aligned(plan->run * sizeof(float));
    return 0;
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/** Offset of the run that row (z, y, x) of a phase reads through a tap: into x going forward, into dy going back. */
static int64_t source_pixel(const struct product_planner *planner, const int64_t at[3], const int64_t tap[3])
{
    const struct window *window = &planner->window;
    int64_t pixel[3];
    for (int axis = 0; axis < 3; axis++) {
        pixel[axis] = planner->gradient ? window_met_by(window, axis, at[axis], tap[axis])
                                        : window_meets(window, axis, at[axis], tap[axis]);
    }
    return window_pixel(planner->gradient ? window->out : window->in, pixel[0], pixel[1], pixel[2]);
}

/** Writes one tap's offsets: one for each pixel of the phase, image by image. */
static void fill_tap(const struct product_planner *planner, const struct axis_phase axes[3], const int64_t tap[3],
                     int32_t *offsets)
{
    const struct product_plan *plan = &planner->plan;
    int64_t pixel_floats = (int64_t)plan->in_stride;
    for (size_t image = 0; image < plan->unit_images; image++) {
        for (int64_t z = 0; z < axes[0].rows; z++) {
            for (int64_t y = 0; y < axes[1].rows; y++) {
                for (int64_t x = 0; x < axes[2].rows; x++) {
                    int64_t at[3] = {axes[0].first + z * axes[0].step, axes[1].first + y * axes[1].step,
                                     axes[2].first + x * axes[2].step};
                    int64_t pixel = source_pixel(planner, at, tap);
                    *offsets++ = pixel < 0 ? -1 : (int32_t)((int64_t)(image * plan->in_image) + pixel * pixel_floats);
                }
            }
        }
    }
}

static void fill_out_offsets(const struct product_planner *planner, const struct axis_phase axes[3], int32_t *offsets)
{
    const struct product_plan *plan = &planner->plan;
    for (size_t image = 0; image < plan->unit_images; image++) {
        for (int64_t z = 0; z < axes[0].rows; z++) {
            for (int64_t y = 0; y < axes[1].rows; y++) {
                for (int64_t x = 0; x < axes[2].rows; x++) {
                    int64_t pixel = window_pixel(planner->window.in, axes[0].first + z * axes[0].step,
                                                 axes[1].first + y * axes[1].step, axes[2].first + x * axes[2].step);
                    *offsets++ = (int32_t)(image * plan->out_image + (size_t)pixel * plan->out_stride);
                }
            }
        }
    }
}

static void fill_phase(const struct product_planner *planner, const struct product_phase *phase, size_t index,
                       int32_t *integers)
{
    const struct product_plan *plan = &planner->plan;
    const struct window *window = &planner->window;
    struct axis_phase axes[3];
    phase_axes(planner, index, axes);
    int32_t *offsets = integers + phase->offsets, *taps = integers + phase->tap_offsets;
    for (int64_t kz = 0; kz < window->kernel[0]; kz++) {
        for (int64_t ky = 0; ky < window->kernel[1]; ky++) {
            for (int64_t kx = 0; kx < window->kernel[2]; kx++) {
                if (!axis_has_tap(window, 0, &axes[0], kz) || !axis_has_tap(window, 1, &axes[1], ky) ||
                    !axis_has_tap(window, 2, &axes[2], kx)) {
                    continue;
                }
                *taps++ = (int32_t)((kz * window->kernel[1] + ky) * window->kernel[2] + kx);
                if (plan->x_stride == 0 && (!planner->collapsed || kx == 0)) {
                    fill_tap(planner, axes, (int64_t[3]){kz, ky, kx}, offsets);
                    offsets += plan->unit_images * phase->rows;
                }
            }
        }
    }
    if (plan->scattered) {
        fill_out_offsets(planner, axes, integers + phase->out_offsets);
    }
}

static int prepare(const struct op_compile *compile, void *state, bool gradient)
{
    struct conv_geometry geometry;
    struct product_planner planner;
    int status = gradient ? conv_input_geometry(&geometry, compile) : conv_forward_geometry(&geometry, compile);
    if (status == 0) {
        status = make(&planner, compile, &geometry, gradient, NULL);
    }
    if (status != 0) {
        return status;
    }
    char *bytes = state;
    struct product_phase *phases = (struct product_phase *)(void *)(bytes + planner.plan.phases);
    status = make(&planner, compile, &geometry, gradient, phases);
    memcpy(state, &planner.plan, sizeof planner.plan);
    memset(bytes + planner.plan.zeros, 0, planner.plan.run * sizeof(float));
    for (size_t i = 0; i < planner.plan.phase_count; i++) {
        fill_phase(&planner, &phases[i], i, (int32_t *)(void *)(bytes + planner.plan.integers));
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

static int compile_product(struct op_compile *compile, const struct conv_geometry *geometry, bool gradient)
{
    struct product_planner planner;
    bool by_lines = !gradient && geometry->groups == 1 && conv_is_pointwise(&geometry->window) &&
                    !op_comes_as_rows(compile, 0);
    int status = make(&planner, compile, geometry, gradient, NULL);
    /* A product that runs line by line has no workspace, so its sums would have other bits. In training no bit may
       depend on whether steps are chained, since a memory limit can prevent that. */
    bool chains = by_lines && !(compile->training && planner.has_workspace);
    compile->takes_producer = status == 0 && chains && conv_chain_pays(compile, geometry);
    if (compile->takes_producer) {
        status = make(&planner, compile, geometry, gradient, NULL);
    }
    if (status != 0) {
        return status;
    }
    const struct product_plan *plan = &planner.plan;
    compile->make = chains && compile->residual == NULL && !compile->takes_producer ? conv_chain_make : NULL;
    compile->makes_channels = compile->make != NULL;
    compile->run = compile->takes_producer ? conv_chain_run : conv_product_run;
    compile->pack = conv_product_pack;
    compile->pack_rows = !gradient && plan->groups == 1 && plan->phase_count == 1 ? plan->panel_columns : 0;
    compile->packed[1] = planner.packed_floats * sizeof(float);
    compile->state = plan->integers + planner.integer_count * sizeof(int32_t);
    compile->prepare = gradient ? prepare_gradient : prepare_forward;
    compile->scratch = plan->padded ? plan->batch * plan->in_image * sizeof(float) : 0;
    compile->scratch_per_worker = plan->made_bytes + plan->workspace * sizeof(float);
    compile->shown_rows = plan->part_rows;
    compile->shows = !compile->takes_producer;
    compile->overwrites_residual = true; /* each element of the residual is read when its sum is stored */
    if (compile->takes_producer) {
        size_t line = (size_t)(geometry->window.out[2] * geometry->channels);
        compile->scratch_per_worker = plan->cut.block * line * sizeof(float);
    }
    snprintf(compile->detail, sizeof compile->detail, "implicit product %zu x %zu%s%s", plan->tile_rows,
             plan->panel_columns, plan->workspace > 0 ? " on tiles" : "",
             compile->takes_producer ? ", pointwise, of lines made in it"
             : plan->x_stride != 0   ? ", pointwise"
             : plan->padded          ? ", padded rows"
             : planner.collapsed     ? ", rows"
             : plan->scattered       ? ", phases"
                                     : "");
    return 0;
}

int conv_product_compile(struct op_compile *compile, const struct conv_geometry *geometry)
{
    return compile_product(compile, geometry, false);
}

int conv_product_gradient_compile(struct op_compile *compile, const struct conv_geometry *geometry)
{
    return compile_product(compile, geometry, true);
}
