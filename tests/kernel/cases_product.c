/* SPDX-License-Identifier: MIT */
/* Cases of the matrix products and of the layouts they read. */
#include <math.h>
#include <string.h>

#include "cases.h"

static const float u = 0x1p-24f;

static void absolute(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = fabsf(x[i]);
    }
}

/* Packs weights [filters][channels][taps] into a table's panels. */
static float *packed(const struct kernel_table *table, const struct kernel_weights *shape, const float *weights)
{
    float *panels = guard_floats(kernel_padded_filters(table, shape->filters) * shape->taps * shape->channels);
    table->pack_weights(shape, weights, panels);
    return panels;
}

/* Workspace for a product of these sizes, also if product_workspace asks for none; NULL: this instruction
 * set never uses any. */
static float *workspace_for(const struct kernel_table *table, size_t rows, size_t filters, size_t depth)
{
    size_t floats =
        table->product_workspace(rows < 512 ? 512 : rows, filters < 512 ? 512 : filters, depth < 512 ? 512 : depth);
    return floats > 0 ? guard_floats(floats) : NULL;
}

/* One random product: rows read by offsets or strides, stored in order or not; any bias, residual and activation. */
static void check_product(const struct kernel_table *table, size_t rows, size_t filters, size_t taps, size_t channels,
                          enum numbers numbers)
{
    static const enum unary activations[] = {UNARY_identity, UNARY_relu, UNARY_leaky_relu, UNARY_clip,
                                             UNARY_sigmoid,  UNARY_tanh, UNARY_hard_swish};
    const struct kernel_table *reference = reference_table();
    bool table_of_offsets = taps > 1 || random_below(2), scattered = random_below(4) == 0;
    size_t x_stride = channels + random_below(3), pixels = rows + random_below(5);
    size_t x_floats = (pixels - 1) * x_stride + channels;
    float *x = guard_random(x_floats, numbers);
    float *zeros = guard_floats(channels);
    memset(zeros, 0, channels * sizeof(float));

    size_t offset_stride = rows + random_below(3);
    int32_t *offsets = guard_new(((taps - 1) * offset_stride + rows) * sizeof(int32_t));
    for (size_t t = 0; t < taps; t++) {
        for (size_t r = 0; r < rows; r++) {
            size_t offset = random_below(x_floats - channels + 1); /* rows may overlap and start anywhere */
            offsets[t * offset_stride + r] = random_below(5) == 0 ? -1 : (int32_t)offset;
        }
    }
    bool separable = random_below(2) != 0;
    if (separable) { /* offset = row's offset + tap's offset, which may be below the first tap's */
        size_t furthest = x_floats - channels;
        for (size_t t = taps; t-- > 0;) {
            size_t shift = random_below(furthest - furthest / 2 + 1);
            for (size_t r = 0; r < rows; r++) {
                offsets[r] = t + 1 == taps ? (int32_t)random_below(furthest / 2 + 1) : offsets[r];
                offsets[t * offset_stride + r] = offsets[r] + (int32_t)shift;
            }
        }
    }
    struct kernel_weights shape = {filters, channels, taps, channels * taps, taps, NULL};
    float *weights = guard_random(filters * channels * taps, numbers);

    size_t out_stride = filters + random_below(4), out_floats = (rows - 1) * out_stride + filters;
    size_t residual_stride = scattered ? out_stride : filters + random_below(4);
    int32_t *out_offsets = guard_new(rows * sizeof(int32_t));
    for (size_t r = 0; r < rows; r++) {
        out_offsets[r] = (int32_t)((rows - 1 - r) * out_stride); /* backwards */
    }
    float *out = guard_random(out_floats, numbers), *before = guard_copy(out, out_floats);
    float *want = guard_copy(out, out_floats);

    struct kernel_product p = {.rows = rows, .filters = filters, .taps = taps, .channels = channels, .x = x,
                               .x_stride = x_stride, .offset_stride = offset_stride, .zeros = zeros,
                               .separable = separable};
    p.offsets = table_of_offsets ? offsets : NULL;
    p.bias = random_below(2) ? guard_random(filters, numbers) : NULL;
    p.residual = random_below(3) == 0 ? guard_random((rows - 1) * residual_stride + filters, numbers) : NULL;
    p.residual_stride = residual_stride;
    p.out_stride = out_stride;
    p.out_offsets = scattered ? out_offsets : NULL;
    p.accumulate = random_below(3) == 0;
    p.activation = activations[random_below(numbers == INTEGERS ? 4 : 7)];
    p.alpha = p.activation == UNARY_clip ? -3.0f : 0.5f;
    p.beta = 6.0f;
    p.workspace = random_below(2) ? workspace_for(table, rows, filters, taps * channels) : NULL;

    p.weights = packed(table, &shape, weights);
    p.out = out;
    table->product(&p);
    p.weights = packed(reference, &shape, weights);
    p.out = want;
    reference->product(&p);

    if (numbers == INTEGERS) {
        check_equal("product", out, want, out_floats);
        return;
    }
    /* The product of absolute values, times 8 u, bounds the error; no activation has a slope above 1.1. */
    float *bound = guard_copy(before, out_floats);
    absolute(bound, out_floats);
    absolute(x, x_floats);
    absolute(weights, filters * channels * taps);
    float *bias = p.bias ? guard_copy(p.bias, filters) : NULL;
    float *residual = p.residual ? guard_copy(p.residual, (rows - 1) * residual_stride + filters) : NULL;
    if (bias) {
        absolute(bias, filters);
    }
    if (residual) {
        absolute(residual, (rows - 1) * residual_stride + filters);
    }
    p.bias = bias;
    p.residual = residual;
    p.activation = UNARY_identity;
    p.weights = packed(reference, &shape, weights);
    p.out = bound;
    reference->product(&p);
    for (size_t i = 0; i < out_floats; i++) {
        bound[i] *= 8 * u * 1.1f;
    }
    for (size_t r = 0; r + 1 < rows; r++) { /* between rows nothing may change */
        for (size_t f = filters; f < out_stride; f++) {
            bound[r * out_stride + f] = 0.0f;
        }
    }
    check_near("product", out, want, bound, 8 * u, out_floats);
}

void case_product(const struct kernel_table *table)
{
    for (size_t i = 0; i < 600; i++) {
        size_t rows = RANDOM_OF(1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 17, 23, 25, 49);
        size_t filters = RANDOM_OF(1, 2, 3, 4, 5, 8, 10, 15, 16, 17, 20, 24, 31, 32, 33, 48, 64, 70, 128, 131);
        size_t taps = RANDOM_OF(1, 1, 2, 3, 9), channels = RANDOM_OF(1, 2, 3, 4, 5, 7, 8, 15, 16, 33);
        check_product(table, rows, filters, taps, channels, i % 2 ? REALS : INTEGERS);
        guard_release_all();
    }
    for (size_t i = 0; i < 24; i++) { /* more than one group of rows and of filters, more than one part of the depth */
        size_t rows = RANDOM_OF(100, 257, 300, 600), filters = RANDOM_OF(30, 64, 100, 260, 300);
        size_t taps = RANDOM_OF(1, 3), channels = RANDOM_OF(32, 64, 100, 130, 256);
        check_product(table, rows, filters, taps, channels, i % 2 ? REALS : INTEGERS);
        guard_release_all();
    }
    check_product(table, 25, 40, 9, 256, REALS);
    check_product(table, 1, 200, 1, 4096, REALS);
    for (size_t i = 0; i < 12; i++) { /* sums that are cut into parts, in wide panels and narrow ones */
        size_t rows = RANDOM_OF(13, 25, 49, 60, 61), filters = RANDOM_OF(16, 30, 64, 90);
        size_t channels = RANDOM_OF(1030, 2051, 9001), taps = RANDOM_OF(2, 9);
        check_product(table, rows, filters, 1, channels, i % 2 ? REALS : INTEGERS);
        rows = RANDOM_OF(16, 49), filters = RANDOM_OF(20, 64, 70), channels = RANDOM_OF(120, 600, 1100);
        check_product(table, rows, filters, taps, channels, i % 2 ? REALS : INTEGERS);
        guard_release_all();
    }

    /* NaN passes through every activation that is fused into the product. */
    float x[1] = {NAN}, w[1] = {1.0f}, out[1];
    float *panel = packed(table, &(struct kernel_weights){1, 1, 1, 1, 1, NULL}, w);
    for (int f = UNARY_identity; f <= UNARY_clip; f++) {
        table->product(&(struct kernel_product){.rows = 1,
                                                .filters = 1,
                                                .taps = 1,
                                                .channels = 1,
                                                .x = x,
                                                .x_stride = 1,
                                                .weights = panel,
                                                .out = out,
                                                .out_stride = 1,
                                                .activation = (enum unary)f,
                                                .alpha = -1.0f,
                                                .beta = 1.0f});
        if (f != UNARY_thresholded_relu) {
            assert_true(isnan(out[0]));
        }
    }
}

/* The workspace that product_workspace asks for is large enough at all sizes (it ends at a guard page), and a row's
 * result does not depend on how the rows are divided among calls. */
void case_product_workspace(const struct kernel_table *table)
{
    for (size_t i = 0; i < 60; i++) {
        size_t rows = RANDOM_OF(24, 25, 49, 100, 256, 257, 300, 520),
               filters = RANDOM_OF(16, 17, 30, 48, 64, 70, 256, 300);
        size_t depth = RANDOM_OF(32, 33, 64, 100, 256, 300, 520), first = 1 + random_below(rows - 1);
        size_t floats = table->product_workspace(rows, filters, depth);
        assert_int_equal(table->product_workspace(rows, filters, 8), 0);
        float *x = guard_random(rows * depth, REALS), *weights = guard_random(filters * depth, REALS);
        float *out = guard_floats(rows * filters), *want = guard_floats(rows * filters);
        struct kernel_weights shape = {filters, depth, 1, depth, 1, NULL};
        struct kernel_product p = {.rows = rows,
                                   .filters = filters,
                                   .taps = 1,
                                   .channels = depth,
                                   .x = x,
                                   .x_stride = depth,
                                   .weights = packed(table, &shape, weights),
                                   .out = want,
                                   .out_stride = filters,
                                   .workspace = floats > 0 ? guard_floats(floats) : NULL};
        table->product(&p);
        p.out = out;
        p.rows = first;
        table->product(&p);
        p.x += first * depth;
        p.out += first * filters;
        p.rows = rows - first;
        table->product(&p);
        check_equal("product in two calls", out, want, rows * filters);
        /* NaN or infinity in a row makes that row's results not finite, and changes no other. */
        x[(rows / 2) * depth + depth / 3] = i % 2 ? NAN : INFINITY;
        p.rows = rows, p.x = x, p.out = out;
        table->product(&p);
        for (size_t k = 0; k < rows * filters; k++) {
            assert_true(k / filters == rows / 2 ? !isfinite(out[k]) : out[k] == want[k]);
        }
        guard_release_all();
    }
}

static void check_outer(const struct kernel_table *table, size_t runs, size_t run, size_t channels, size_t filters,
                        enum numbers numbers)
{
    size_t width = kernel_panel_width(table, filters), x_step = RANDOM_OF(channels, channels + 1, 2 * channels, 1);
    size_t x_run_stride = run * x_step + random_below(3), out_stride = width + random_below(2) * 3;
    size_t x_floats = (runs - 1) * x_run_stride + (run - 1) * x_step + channels;
    size_t out_floats = (channels - 1) * out_stride + width;
    float *x = guard_random(x_floats, numbers), *dy = guard_random(runs * run * width, numbers);
    float *out = guard_random(out_floats, numbers), *want = guard_copy(out, out_floats);
    float *bound = guard_copy(out, out_floats);
    struct kernel_outer o = {runs, run, channels, width, x, x_step, x_run_stride, dy, out, out_stride,
                             random_below(2) == 0, dy, random_below(runs * run + 3)};
    table->outer(&o);
    o.out = want;
    reference_table()->outer(&o);
    if (numbers == INTEGERS) {
        check_equal("outer", out, want, out_floats);
        return;
    }
    absolute(x, x_floats);
    absolute(dy, runs * run * width);
    absolute(bound, out_floats);
    o.out = bound;
    reference_table()->outer(&o);
    for (size_t i = 0; i < out_floats; i++) {
        bound[i] *= 8 * u;
    }
    check_near("outer", out, want, bound, 0.0f, out_floats);
}

void case_outer(const struct kernel_table *table)
{
    for (size_t i = 0; i < 300; i++) {
        size_t filters = 1 + random_below(table->panel_columns), channels = 1 + random_below(table->tile_rows);
        size_t runs = RANDOM_OF(1, 2, 3, 7), run = RANDOM_OF(1, 2, 3, 8, 17);
        check_outer(table, runs, run, channels, filters, i % 2 ? REALS : INTEGERS);
        guard_release_all();
    }
    check_outer(table, 32, 32, table->tile_rows, table->panel_columns, REALS);
}

/* Rows of x anywhere or missing, in one call or several; the result's rows and columns padded to whole registers. */
static void check_outer_rows(const struct kernel_table *table, size_t pixels, size_t channels, size_t filters,
                             enum numbers numbers)
{
    size_t vector = table->vector_floats, height = (filters + vector - 1) / vector * vector;
    size_t out_stride = (channels + vector - 1) / vector * vector + random_below(3) * 4, floats = height * out_stride;
    size_t dy_stride = filters + random_below(3), x_floats = 2 * pixels + channels;
    size_t dy_floats = (pixels - 1) * dy_stride + filters, workspace = table->outer_rows_workspace(channels, filters);
    float *x = guard_random(x_floats, numbers), *dy = guard_random(dy_floats, numbers);
    float *out = guard_random(floats, numbers), *want = guard_copy(out, floats), *bound = guard_copy(out, floats);
    const float **rows = guard_new(pixels * sizeof *rows);
    for (size_t p = 0; p < pixels; p++) {
        rows[p] = random_below(8) == 0 ? NULL : x + random_below(2 * pixels + 1);
    }
    struct kernel_outer_rows o = {.channels = channels, .filters = filters, .x = rows, .dy = dy, .dy_stride = dy_stride,
                                  .out = out, .out_stride = out_stride, .accumulate = random_below(2) == 0,
                                  .workspace = workspace > 0 ? guard_floats(workspace) : NULL};
    struct kernel_outer_rows whole = o;
    for (size_t first = 0; o.block == 0 || o.before > 0; first += o.before, o.block++) {
        size_t left = pixels - first, most = RANDOM_OF(1, 40, 100, KERNEL_OUTER_PIXELS);
        o.pixels = left < most ? left : most;
        o.x = rows + first;
        o.dy = left > 0 ? dy + first * dy_stride : NULL;
        table->outer_rows(&o);
        o.before = o.pixels;
    }
    whole.pixels = pixels;
    whole.out = want;
    reference_table()->outer_rows(&whole);
    if (numbers == REALS) {
        absolute(x, x_floats);
        absolute(dy, dy_floats);
        absolute(bound, floats);
        whole.out = bound;
        reference_table()->outer_rows(&whole);
    }
    for (size_t f = 0; f < filters; f++) {
        float *row = out + f * out_stride;
        if (numbers == INTEGERS) {
            check_equal("outer_rows", row, want + f * out_stride, channels);
            continue;
        }
        for (size_t c = 0; c < channels; c++) {
            bound[f * out_stride + c] *= 8 * u;
        }
        check_near("outer_rows", row, want + f * out_stride, bound + f * out_stride, 0.0f, channels);
    }
    memset(rows, 0, pixels * sizeof *rows); /* addresses must not enter the hash of all buffers (--hashes) */
}

void case_outer_rows(const struct kernel_table *table)
{
    for (size_t i = 0; i < 200; i++) {
        size_t pixels = RANDOM_OF(1, 2, 17, 31, 33, 64, 100, 128, 129, 200, 300);
        size_t channels = RANDOM_OF(16, 17, 24, 31, 32, 33, 48, 64, 70, 144, 260);
        size_t filters = RANDOM_OF(16, 19, 24, 32, 40, 41, 64, 66, 200);
        check_outer_rows(table, pixels, channels, filters, i % 2 ? REALS : INTEGERS);
        guard_release_all();
    }
}

/* Too small a result needs no workspace; a large one does where products do. The cases above check that it suffices. */
void case_outer_rows_workspace(const struct kernel_table *table)
{
    assert_int_equal(table->outer_rows_workspace(1, 1), 0);
    assert_true((table->outer_rows_workspace(256, 256) > 0) == (table->product_workspace(256, 256, 256) > 0));
}

/* pack_weights against the layout that kernel.h describes. */
void case_pack_weights(const struct kernel_table *table)
{
    for (size_t i = 0; i < 200; i++) {
        size_t filters = RANDOM_OF(1, 3, 4, 5, 8, 10, 16, 17, 20, 33, 70), channels = RANDOM_OF(1, 3, 5, 16);
        size_t taps = RANDOM_OF(1, 3, 6, 9), width, kernel_area = random_below(2) ? 9 : taps; /* all taps, or some */
        int32_t chosen[9]; /* taps in reverse order, or the subset of a phase */
        for (size_t t = 0; t < 9; t++) {
            chosen[t] = (int32_t)((2 * kernel_area - 1 - t) % kernel_area);
        }
        bool transposed = random_below(2);
        struct kernel_weights shape = {filters,
                                       channels,
                                       taps,
                                       transposed ? kernel_area : channels * kernel_area,
                                       transposed ? filters * kernel_area : kernel_area,
                                       random_below(2) ? chosen : NULL};
        float *weights = guard_random(filters * channels * kernel_area, REALS);
        float *panels = guard_floats(kernel_padded_filters(table, filters) * taps * channels);
        table->pack_weights(&shape, weights, panels);
        const float *next = panels;
        for (size_t first = 0; first < filters; first += width) {
            width = kernel_panel_width(table, filters - first);
            for (size_t t = 0; t < taps; t++) {
                for (size_t c = 0; c < channels; c++) {
                    for (size_t f = 0; f < width; f++, next++) {
                        size_t tap = shape.tap_offsets ? (size_t)chosen[t] : t;
                        float want = first + f < filters ? weights[(first + f) * shape.filter_stride +
                                                                   c * shape.channel_stride + tap]
                                                         : 0.0f;
                        assert_true(*next == want);
                    }
                }
            }
        }
        guard_release_all();
    }
}

void case_unpack_weights(const struct kernel_table *table)
{
    for (size_t i = 0; i < 50; i++) {
        size_t filters = RANDOM_OF(1, 3, 8, 10, 17, 33, 70), channels = RANDOM_OF(1, 3, 16), taps = RANDOM_OF(1, 4, 9);
        int32_t order[9] = {2, 0, 1, 3, 8, 7, 5, 6, 4}; /* permutations: the first 4, all 9 */
        struct kernel_weights shape = {filters, channels, taps, channels * taps, taps, NULL};
        size_t n = filters * channels * taps;
        shape.tap_offsets = taps != 1 && random_below(2) ? order : NULL;
        float *weights = guard_random(n, REALS), *back = guard_floats(n);
        table->unpack_weights(&shape, packed(table, &shape, weights), back);
        check_equal("unpack_weights", back, weights, n);
        guard_release_all();
    }
}

void case_pack_columns(const struct kernel_table *table)
{
    for (size_t i = 0; i < 100; i++) {
        size_t rows = RANDOM_OF(1, 2, 7, 30), columns = RANDOM_OF(1, 3, 6, 12, 16, 17, 33, 64),
               stride = columns + i % 3;
        size_t round = RANDOM_OF(1, 4, 8), block = round * RANDOM_OF(1, 2, 3), blocks = (columns + block - 1) / block;
        size_t last = columns - (blocks - 1) * block, width = (last + round - 1) / round * round;
        size_t block_stride = rows * block + random_below(3), n = (blocks - 1) * block_stride + rows * width;
        float *x = guard_random((rows - 1) * stride + columns, REALS), *out = guard_floats(n), *want = guard_floats(n);
        table->pack_columns(rows, columns, x, stride, block, round, out, block_stride);
        reference_table()->pack_columns(rows, columns, x, stride, block, round, want, block_stride);
        check_equal("pack_columns", out, want, n);
        guard_release_all();
    }
}

void case_transpose(const struct kernel_table *table)
{
    for (size_t i = 0; i < 100; i++) {
        size_t rows = RANDOM_OF(1, 2, 3, 4, 15, 16, 17, 40), columns = RANDOM_OF(1, 2, 4, 7, 8, 16, 19, 33);
        size_t x_stride = columns + random_below(3), out_stride = rows + random_below(3);
        float *x = guard_random((rows - 1) * x_stride + columns, REALS);
        size_t n = (columns - 1) * out_stride + rows;
        float *out = guard_floats(n), *want = guard_floats(n);
        table->transpose(rows, columns, x, x_stride, out, out_stride);
        reference_table()->transpose(rows, columns, x, x_stride, want, out_stride);
        check_equal("transpose", out, want, n);
        guard_release_all();
    }
}
