/* SPDX-License-Identifier: MIT */
/* Cases of the convolution with images as lanes and its weight gradient. */
#include <math.h>

#include "cases.h"

static const float u = 0x1p-24f;

static void absolute(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = fabsf(x[i]);
    }
}

static void check_images(const struct kernel_table *table, size_t pixels, size_t filters, size_t rows, size_t run, bool pools,
                         enum numbers numbers)
{
    size_t lanes = table->vector_floats, x_step = RANDOM_OF(1, 2, 3, 5) * lanes, before = pools ? 2 * pixels : pixels;
    size_t x_row = ((before - 1) * x_step + run * lanes) + random_below(2) * lanes, x_line = RANDOM_OF(1, 2) * x_row;
    size_t x_floats = (pools ? x_line : 0) + (rows - 1) * x_row + (before - 1) * x_step + run * lanes;
    size_t weight_row = run * filters + random_below(2) * 3, count = pixels * filters * lanes;
    size_t weight_floats = (rows - 1) * weight_row + run * filters;
    float *x = guard_random(x_floats, numbers), *weights = guard_random(weight_floats, numbers);
    float *out = guard_floats(count), *want = guard_floats(count);
    int32_t *index = guard_new(count * sizeof *index), *want_index = guard_new(count * sizeof *index);
    bool indexed = pools && random_below(2), limited = random_below(2);
    struct kernel_images k = {lanes, pixels, filters, rows, run, x, x_row, x_step, x_line, weights, weight_row,
                              random_below(2) ? guard_random(filters, numbers) : NULL, pools,
                              limited ? 0.0f : -INFINITY, limited ? 30.0f : INFINITY, out, indexed ? index : NULL};
    table->images(&k);
    k.out = want;
    k.index = indexed ? want_index : NULL;
    reference_table()->images(&k);
    if (numbers == INTEGERS) { /* ties are many: the first must win */
        check_equal("images", out, want, count);
        if (indexed) {
            check_bytes("images index", index, want_index, count * sizeof *index);
        }
        return;
    }
    float *bound = guard_floats(count), *bias = k.bias ? guard_copy(k.bias, filters) : NULL;
    absolute(x, x_floats);
    absolute(weights, weight_floats);
    if (bias) {
        absolute(bias, filters);
    }
    k.bias = bias;
    k.low = -INFINITY;
    k.high = INFINITY;
    k.out = bound;
    k.index = NULL;
    reference_table()->images(&k); /* the greatest of four bounds bounds the greatest of four */
    for (size_t i = 0; i < count; i++) {
        bound[i] *= 8 * u;
    }
    check_near("images", out, want, bound, 0.0f, count);
}

void case_images(const struct kernel_table *table)
{
    for (size_t i = 0; i < 400; i++) {
        size_t filters = RANDOM_OF(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 19, 20), run = RANDOM_OF(1, 2, 3, 5, 12);
        check_images(table, RANDOM_OF(1, 2, 3, 4, 7), filters, RANDOM_OF(1, 2, 3, 5), run, i % 4 < 2, i % 2 ? REALS : INTEGERS);
        guard_release_all();
    }
    /* Not-a-number wins its block and passes the limits. */
    size_t lanes = table->vector_floats;
    float *x = guard_random(4 * lanes, REALS), *out = guard_floats(lanes), one[1] = {1.0f};
    int32_t *index = guard_new(lanes * sizeof *index);
    x[2 * lanes + 1] = NAN;
    x[3 * lanes + 1] = NAN;
    struct kernel_images k = {lanes, 1, 1, 1, 1, x, lanes, lanes, 2 * lanes, one, 1, NULL, true, 0.0f, 1.0f, out, index};
    table->images(&k);
    assert_true(isnan(out[1]) && !isnan(out[0]));
    assert_int_equal(index[1], 2);
    k.index = NULL;
    table->images(&k);
    assert_true(isnan(out[1]) && !isnan(out[0]));
}

static void check_images_outer(const struct kernel_table *table, size_t lines, size_t pixels, size_t filters, size_t rows,
                               size_t columns, size_t channels, enum numbers numbers)
{
    size_t lanes = table->vector_floats, x_step = RANDOM_OF(1, 2) * channels * lanes;
    size_t x_row = (pixels - 1) * x_step + columns * channels * lanes, x_line = RANDOM_OF(1, 2) * x_row;
    size_t x_floats = (lines - 1) * x_line + rows * x_row;
    size_t dy_line = (pixels + random_below(2)) * filters * lanes, dy_floats = (lines - 1) * dy_line + pixels * filters * lanes;
    size_t count = rows * columns * channels * filters * lanes;
    float *x = guard_random(x_floats, numbers), *dy = guard_random(dy_floats, numbers);
    float *sums = guard_random(count, numbers), *want = guard_copy(sums, count), *bound = guard_copy(sums, count);
    struct kernel_images_outer k = {lanes, lines, pixels, filters, rows, columns, channels, x, x_line, x_row, x_step,
                                    dy, dy_line, sums};
    table->images_outer(&k);
    k.sums = want;
    reference_table()->images_outer(&k);
    if (numbers == INTEGERS) {
        check_equal("images_outer", sums, want, count);
        return;
    }
    absolute(x, x_floats);
    absolute(dy, dy_floats);
    absolute(bound, count);
    k.sums = bound;
    reference_table()->images_outer(&k);
    for (size_t i = 0; i < count; i++) {
        bound[i] *= 8 * u;
    }
    check_near("images_outer", sums, want, bound, 0.0f, count);
}

void case_images_outer(const struct kernel_table *table)
{
    for (size_t i = 0; i < 200; i++) {
        check_images_outer(table, RANDOM_OF(1, 2, 3), RANDOM_OF(1, 2, 5), RANDOM_OF(1, 2, 3, 4, 5, 6, 7, 10, 11, 13),
                           RANDOM_OF(1, 2, 3), RANDOM_OF(1, 2, 3, 4, 5, 6, 7), RANDOM_OF(1, 2, 3), i % 2 ? REALS : INTEGERS);
        guard_release_all();
    }
}

void case_images_total(const struct kernel_table *table)
{
    for (size_t n = 0; n < 40; n++) {
        size_t lanes = table->vector_floats;
        float *sums = guard_random(n * lanes, REALS), *total = guard_floats(n), *want = guard_floats(n), *bound = guard_floats(n);
        table->images_total(n, lanes, sums, total);
        reference_table()->images_total(n, lanes, sums, want);
        absolute(sums, n * lanes);
        reference_table()->images_total(n, lanes, sums, bound);
        for (size_t i = 0; i < n; i++) {
            bound[i] *= 8 * u;
        }
        check_near("images_total", total, want, bound, 0.0f, n);
        guard_release_all();
    }
}

void case_images_spread(const struct kernel_table *table)
{
    for (size_t i = 0; i < 40; i++) {
        size_t lanes = table->vector_floats, pixels = RANDOM_OF(1, 2, 5), filters = RANDOM_OF(1, 3, 10);
        size_t count = pixels * filters * lanes, line = 2 * count, out_line = line + RANDOM_OF(0, 3);
        float *dy = guard_random(count, REALS), *out = guard_random(out_line + line, REALS);
        float *want = guard_copy(out, out_line + line);
        int32_t *index = guard_new(count * sizeof *index);
        for (size_t k = 0; k < count; k++) {
            index[k] = (int32_t)random_below(4);
        }
        table->images_spread(pixels, filters, lanes, dy, index, out, out_line);
        reference_table()->images_spread(pixels, filters, lanes, dy, index, want, out_line);
        check_equal("images_spread", out, want, out_line + line);
        guard_release_all();
    }
}

void case_widen_bytes(const struct kernel_table *table)
{
    for (size_t n = 0; n < 70; n++) {
        uint8_t *bytes = guard_new(n), *back = guard_new(n);
        int32_t *integers = guard_new(n * sizeof *integers);
        for (size_t i = 0; i < n; i++) {
            bytes[i] = (uint8_t)random_below(256);
        }
        table->widen_bytes(n, bytes, integers);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(integers[i], bytes[i]);
        }
        table->narrow_to_bytes(n, integers, back);
        check_bytes("narrow_to_bytes", back, bytes, n);
        guard_release_all();
    }
}

void case_narrow_to_bytes(const struct kernel_table *table)
{
    case_widen_bytes(table);
}
