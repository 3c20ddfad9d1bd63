/* SPDX-License-Identifier: MIT */
/* Cases of the convolution with the batch innermost (each lane of a register is another image), of its weight gradient
 * and of the kernels around them. */
#include <math.h>

#include "cases.h"

static const float u = 0x1p-24f;

static void absolute(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = fabsf(x[i]);
    }
}

static void check_images(const struct kernel_table *table, size_t pixels, size_t filters, size_t rows, size_t run,
                         bool pools, enum numbers numbers)
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
    if (numbers == INTEGERS) { /* many ties: the first maximum must win */
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
    reference_table()->images(&k); /* pooling: the greatest of four bounds is a bound for the greatest of four */
    for (size_t i = 0; i < count; i++) {
        bound[i] *= 8 * u;
    }
    check_near("images", out, want, bound, 0.0f, count);
}

void case_images(const struct kernel_table *table)
{
    for (size_t i = 0; i < 400; i++) {
        size_t filters = RANDOM_OF(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 19, 20),
               run = RANDOM_OF(1, 2, 3, 5, 12), pixels = RANDOM_OF(1, 2, 3, 4, 7), rows = RANDOM_OF(1, 2, 3, 5);
        check_images(table, pixels, filters, rows, run, i % 4 < 2, i % 2 ? REALS : INTEGERS);
        guard_release_all();
    }
    /* NaN wins its block and passes the limits. */
    size_t lanes = table->vector_floats;
    float *x = guard_random(4 * lanes, REALS), *out = guard_floats(lanes), one[1] = {1.0f};
    int32_t *index = guard_new(lanes * sizeof *index);
    x[2 * lanes + 1] = NAN;
    x[3 * lanes + 1] = NAN;
    struct kernel_images k = {lanes, 1, 1,    1,    1,    x,    lanes, lanes, 2 * lanes,
                              one,   1, NULL, true, 0.0f, 1.0f, out,   index};
    table->images(&k);
    assert_true(isnan(out[1]) && !isnan(out[0]));
    assert_int_equal(index[1], 2);
    k.index = NULL;
    table->images(&k);
    assert_true(isnan(out[1]) && !isnan(out[0]));
}

static void check_images_outer(const struct kernel_table *table, size_t lines, size_t pixels, size_t filters,
                               size_t rows, size_t columns, size_t channels, enum numbers numbers)
{
    size_t lanes = table->vector_floats, x_step = RANDOM_OF(1, 2) * channels * lanes;
    size_t x_row = (pixels - 1) * x_step + columns * channels * lanes, x_line = RANDOM_OF(1, 2) * x_row;
    size_t x_floats = (lines - 1) * x_line + rows * x_row;
    size_t dy_line = (pixels + random_below(2)) * filters * lanes,
           dy_floats = (lines - 1) * dy_line + pixels * filters * lanes;
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
        size_t lines = RANDOM_OF(1, 2, 3), pixels = RANDOM_OF(1, 2, 5);
        size_t filters = RANDOM_OF(1, 2, 3, 4, 5, 6, 7, 10, 11, 13), rows = RANDOM_OF(1, 2, 3);
        size_t columns = RANDOM_OF(1, 2, 3, 4, 5, 6, 7), channels = RANDOM_OF(1, 2, 3);
        check_images_outer(table, lines, pixels, filters, rows, columns, channels, i % 2 ? REALS : INTEGERS);
        guard_release_all();
    }
}

void case_images_total(const struct kernel_table *table)
{
    for (size_t n = 0; n < 40; n++) {
        size_t lanes = table->vector_floats;
        float *sums = guard_random(n * lanes, REALS), *total = guard_floats(n), *want = guard_floats(n),
              *bound = guard_floats(n);
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

void case_images_axis(const struct kernel_table *table)
{
    for (size_t i = 0; i < 200; i++) {
        enum winograd_axis axis = (enum winograd_axis)(i % 5);
        size_t points = RANDOM_OF(4, 6), count = table->vector_floats * RANDOM_OF(1, 2, 3, 5),
               repeats = RANDOM_OF(1, 2, 3);
        size_t from = axis == WINOGRAD_EVALUATE ? points - 1 : points;
        size_t to = axis == WINOGRAD_GATHER ? 2 : axis == WINOGRAD_COLLECT ? points - 1 : points;
        bool overlap = axis == WINOGRAD_UNSPREAD && random_below(2); /* tiles that overlap */
        size_t x_step = count + random_below(2) * 3, out_step = count + random_below(2);
        size_t x_repeat = from * x_step, out_repeat = overlap ? 2 * out_step : to * out_step;
        size_t x_floats = (repeats - 1) * x_repeat + (from - 1) * x_step + count;
        size_t floats = (repeats - 1) * out_repeat + (to - 1) * out_step + count;
        float *x = guard_random(x_floats, REALS), *out = guard_random(floats, REALS), *want = guard_copy(out, floats);
        float *bound = guard_copy(out, floats);
        struct kernel_images_axis a = {axis, points, count, repeats, x, x_step, x_repeat, out, out_step, out_repeat};
        table->images_axis(&a);
        a.out = want;
        reference_table()->images_axis(&a);
        float most = 0;
        for (size_t k = 0; k < x_floats; k++) {
            most = fmaxf(most, fabsf(x[k]));
        }
        for (size_t k = 0; k < floats; k++) { /* no row of any of the matrices has a sum above 20 */
            bound[k] = 8 * u * (fabsf(bound[k]) + 20 * (overlap ? (float)repeats : 1) * most);
        }
        check_near("images_axis", out, want, bound, 0.0f, floats);
        guard_release_all();
    }
}

typedef void tiles_kernel(const struct kernel_images_tiles *tiles);

/* One of the three kernels of tiles. `writes` ('x', 'y' or 's' for sums): the array that it writes, which is compared;
 * the bound follows from the greatest numbers that it reads. */
static void check_tiles(const struct kernel_table *table, tiles_kernel *kernel, tiles_kernel *reference,
                        const char *name, char writes)
{
    size_t lanes = table->vector_floats, points = RANDOM_OF(4, 6), rows = RANDOM_OF(1, 2),
           tiles = RANDOM_OF(1, 2, 3, 5);
    size_t channels = RANDOM_OF(1, 2, 3, 4, 5, 6, 10), filters = RANDOM_OF(1, 2, 3, 4, 5, 6, 7, 16);
    size_t line = (2 * tiles + points - 2) * channels * lanes, x_line = line + random_below(2) * lanes;
    size_t plane = rows * tiles * filters * lanes, y_plane = plane + random_below(2) * lanes;
    size_t x_floats = (rows - 1) * x_line + line, y_floats = y_plane + plane, pairs = channels * filters * points;
    float *x = guard_random(x_floats, REALS), *y = guard_random(y_floats, REALS),
          *sums = guard_random(pairs * lanes, REALS);
    float *workspace = guard_floats(points * lanes * (rows * tiles * channels + filters));
    struct kernel_images_tiles k = {lanes, points, rows, tiles, channels, filters, x, x_line, y, y_plane,
                                    guard_random(pairs, REALS), sums, random_below(2) == 1, workspace};
    float **out = writes == 'x' ? &k.x : writes == 'y' ? &k.y : &k.sums, *got = *out;
    size_t count = writes == 'x' ? x_floats : writes == 'y' ? y_floats : pairs * lanes;
    float *want = guard_copy(got, count), *bound = guard_copy(got, count);
    kernel(&k);
    *out = want;
    reference(&k);
    /* Numbers are below 8; rows of the matrices have sums of 7.5 and 5 at most; `terms` products are added. */
    float terms = writes == 'x' ? (float)(filters * tiles) : writes == 'y' ? (float)channels : (float)(rows * tiles);
    for (size_t i = 0; i < count; i++) {
        bound[i] = 8 * u * (fabsf(bound[i]) + 7.5f * 5 * 8 * 8 * terms);
    }
    check_near(name, got, want, bound, 0.0f, count);
    guard_release_all();
}

void case_images_tiles(const struct kernel_table *table)
{
    for (size_t i = 0; i < 100; i++) {
        check_tiles(table, table->images_tiles, reference_table()->images_tiles, "images_tiles", 'y');
    }
}

void case_images_tiles_back(const struct kernel_table *table)
{
    for (size_t i = 0; i < 100; i++) {
        check_tiles(table, table->images_tiles_back, reference_table()->images_tiles_back, "images_tiles_back", 'x');
    }
}

void case_images_tiles_outer(const struct kernel_table *table)
{
    for (size_t i = 0; i < 100; i++) {
        check_tiles(table, table->images_tiles_outer, reference_table()->images_tiles_outer, "images_tiles_outer", 's');
    }
}

void case_images_pool(const struct kernel_table *table)
{
    for (size_t i = 0; i < 100; i++) {
        size_t lanes = table->vector_floats, pixels = RANDOM_OF(1, 2, 5), filters = RANDOM_OF(1, 3, 10);
        size_t count = pixels * filters * lanes;
        float *x = guard_random(4 * count, INTEGERS), *out = guard_floats(count), *want = guard_floats(count);
        int32_t *index = guard_new(count * sizeof *index), *want_index = guard_new(count * sizeof *index);
        bool limited = random_below(2), indexed = random_below(2);
        if (i % 4 == 0) { /* NaN wins at any position */
            x[random_below(4 * count)] = NAN;
        }
        struct kernel_images_pool k = {lanes,
                                       pixels,
                                       filters,
                                       x,
                                       random_below(2) ? guard_random(filters, INTEGERS) : NULL,
                                       limited && i % 4 ? 0.0f : -INFINITY,
                                       limited && i % 4 ? 3.0f : INFINITY,
                                       out,
                                       indexed ? index : NULL};
        table->images_pool(&k);
        k.out = want;
        k.index = indexed ? want_index : NULL;
        reference_table()->images_pool(&k);
        check_equal("images_pool", out, want, count);
        if (indexed) {
            check_bytes("images_pool index", index, want_index, count * sizeof *index);
        }
        guard_release_all();
    }
}

void case_images_winners(const struct kernel_table *table)
{
    for (size_t n = table->vector_floats; n < 10 * table->vector_floats; n += table->vector_floats) {
        size_t points = RANDOM_OF(4, 6), count = points * 2 * n;
        float *dy = guard_random(n, REALS), *out = guard_floats(count), *want = guard_floats(count);
        int32_t *index = guard_new(n * sizeof *index);
        for (size_t k = 0; k < n; k++) {
            index[k] = (int32_t)random_below(4);
        }
        table->images_winners(points, n, dy, index, out);
        reference_table()->images_winners(points, n, dy, index, want);
        check_equal("images_winners", out, want, count); /* exact: one product each */
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
