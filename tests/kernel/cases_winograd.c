/* SPDX-License-Identifier: MIT */
/* Cases of Winograd's transformations: tiles that reach over every edge, any number of channels and filters, every
 * activation; and the whole chain input, weights, product, output against the convolution's sum. */
#include <math.h>
#include <string.h>

#include "cases.h"

static const float u = 0x1p-24f;

static enum winograd_form any_form(void)
{
    return (enum winograd_form)random_below(WINOGRAD_COUNT);
}

static size_t points_of(enum winograd_form form)
{
    return winograd_sizes(form).points[0] * winograd_sizes(form).points[1];
}

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* The greatest magnitude, for bounds that hold for a whole tile. */
static float greatest(const float *x, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++) {
        most = fmaxf(most, fabsf(x[i]));
    }
    return most;
}

/* Tolerances from the greatest operand; `magnitude` includes a bound on the sums over the rows of B, G or A. */
static void allow(float *tolerance, size_t n, float magnitude)
{
    for (size_t i = 0; i < n; i++) {
        tolerance[i] = 16 * u * magnitude;
    }
}

/* One random run of tiles; on whole numbers, F(2x2, 3x3) is exact. */
static void check_input(const struct kernel_table *table, enum winograd_form form, enum numbers numbers, bool gradient)
{
    const struct kernel_table *reference = reference_table();
    size_t channels = RANDOM_OF(1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 33, 64, 70), tiles = 1 + random_below(4);
    size_t height = 1 + random_below(12), width = 1 + random_below(14), pixel = channels + random_below(4);
    size_t line = width * pixel + random_below(3), points = points_of(form);
    size_t stride = round_up(channels, 16) + 16 * random_below(2), plane = tiles * stride + 16 * random_below(2);
    float *x = guard_random((height - 1) * line + (width - 1) * pixel + channels, numbers);
    size_t n = (points - 1) * plane + (tiles - 1) * stride + round_up(channels, 16);
    float *out = guard_floats(n), *want = guard_floats(n), *tolerance = guard_floats(n);
    memset(out, 0, n * sizeof *out);
    memset(want, 0, n * sizeof *want);
    struct kernel_winograd_input w = {
        .form = form, .channels = channels, .tiles = tiles, .x = x, .height = height, .width = width, .line = line,
        .pixel = pixel, .top = (ptrdiff_t)random_below(height + 4) - 4, .left = (ptrdiff_t)random_below(width + 4) - 4,
        .stride = stride, .plane = plane};
    w.out = out;
    (gradient ? table->winograd_gradient : table->winograd_input)(&w);
    w.out = want;
    (gradient ? reference->winograd_gradient : reference->winograd_input)(&w);
    if (numbers == INTEGERS && form == WINOGRAD_f2x2_3x3) {
        check_equal("winograd_input", out, want, n);
        return;
    }
    allow(tolerance, n, 30 * greatest(x, (height - 1) * line + (width - 1) * pixel + channels));
    check_near("winograd_input", out, want, tolerance, 0, n);
}

void case_winograd_input(const struct kernel_table *table)
{
    for (size_t i = 0; i < 400; i++) {
        check_input(table, any_form(), i % 2 ? REALS : INTEGERS, false);
        guard_release_all();
    }
}

void case_winograd_gradient(const struct kernel_table *table)
{
    for (size_t i = 0; i < 400; i++) {
        check_input(table, any_form(), i % 2 ? REALS : INTEGERS, true);
        guard_release_all();
    }
}

static void check_taps(const struct kernel_table *table, enum winograd_form form, enum numbers numbers)
{
    struct winograd_sizes sizes = winograd_sizes(form);
    size_t columns = 16 * (1 + random_below(5)), plane = columns + random_below(3),
           tap_plane = columns + random_below(3);
    size_t taps = sizes.taps[0] * sizes.taps[1], n = (taps - 1) * tap_plane + columns;
    size_t m = (points_of(form) - 1) * plane + columns;
    float *sums = guard_random(m, numbers), *tolerance = guard_floats(n);
    float *got = guard_floats(n), *want = guard_floats(n);
    memset(got, 0, n * sizeof *got);
    memset(want, 0, n * sizeof *want);
    table->winograd_taps(form, columns, sums, plane, got, tap_plane);
    reference_table()->winograd_taps(form, columns, sums, plane, want, tap_plane);
    if (numbers == INTEGERS && form == WINOGRAD_f2x2_3x3) {
        check_equal("winograd_taps", got, want, n);
        return;
    }
    allow(tolerance, n, 30 * greatest(sums, m));
    check_near("winograd_taps", got, want, tolerance, 0, n);
}

void case_winograd_taps(const struct kernel_table *table)
{
    for (size_t i = 0; i < 200; i++) {
        check_taps(table, any_form(), i % 2 ? REALS : INTEGERS);
        guard_release_all();
    }
}

void case_winograd_weights(const struct kernel_table *table)
{
    for (size_t i = 0; i < 200; i++) {
        enum winograd_form form = any_form();
        struct winograd_sizes sizes = winograd_sizes(form);
        size_t taps = sizes.taps[0] * sizes.taps[1], points = points_of(form);
        size_t filters = RANDOM_OF(1, 3, 4, 5, 8, 15, 16, 17, 33, 48, 70), channels = RANDOM_OF(1, 3, 7, 8, 9, 17);
        bool transposed = random_below(2), rotated = random_below(2);
        int32_t offsets[25];
        for (size_t t = 0; t < taps; t++) {
            offsets[t] = (int32_t)(taps - 1 - t);
        }
        size_t padded = kernel_padded_filters(table, filters), plane = padded * channels + 16 * random_below(2);
        float *weights = guard_random(filters * channels * taps, REALS);
        float *out = guard_floats((points - 1) * plane + padded * channels);
        struct kernel_winograd_weights w = {
            .form = form,
            .shape = {filters, channels, taps, transposed ? taps : channels * taps, transposed ? filters * taps : taps,
                      rotated ? offsets : NULL},
            .weights = weights, .factor = random_below(2) ? guard_random(filters, REALS) : NULL, .out = out,
            .panel = channels * table->panel_columns, .plane = plane};
        memset(out, 0, ((points - 1) * plane + padded * channels) * sizeof *out);
        table->winograd_weights(&w);

        size_t wide = kernel_padded_filters(reference_table(), filters);
        float *want = guard_floats(points * wide * channels);
        w.out = want;
        w.panel = channels * reference_table()->panel_columns;
        w.plane = wide * channels;
        reference_table()->winograd_weights(&w);
        float most = 4 * greatest(weights, filters * channels * taps) * (w.factor ? greatest(w.factor, filters) : 1);
        for (size_t point = 0; point < points; point++) { /* the same numbers, in panels of different widths */
            for (size_t f = 0; f < padded; f++) {
                for (size_t c = 0; c < channels; c++) {
                    size_t panel = table->panel_columns, first = f / panel * panel;
                    size_t width = kernel_panel_width(table, filters - first),
                           narrow = reference_table()->panel_columns;
                    float got = out[point * plane + first * channels + c * width + f - first];
                    float expected =
                        f < wide ? want[point * w.plane + f / narrow * w.panel + c * narrow + f % narrow] : 0;
                    assert_true(fabsf(got - expected) <= 16 * u * most);
                }
            }
        }
        guard_release_all();
    }
}

static void check_output(const struct kernel_table *table, enum winograd_form form, enum numbers numbers)
{
    static const enum unary activations[] = {UNARY_identity, UNARY_relu, UNARY_leaky_relu, UNARY_clip,
                                             UNARY_sigmoid,  UNARY_tanh, UNARY_hard_swish};
    struct winograd_sizes sizes = winograd_sizes(form);
    size_t filters = RANDOM_OF(1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 33, 64, 70), points = points_of(form);
    size_t height = 1 + random_below(10), width = 1 + random_below(12), pixel = filters + random_below(4);
    size_t line = width * pixel + random_below(3), residual_pixel = filters + random_below(2);
    size_t residual_line = width * residual_pixel, n = (height - 1) * line + (width - 1) * pixel + filters;
    size_t row_tiles = (width + sizes.outputs[1] - 1) / sizes.outputs[1], first = random_below(row_tiles);
    size_t tiles = 1 + random_below(row_tiles - first);
    size_t stride = round_up(filters, 16), plane = tiles * stride + 16;
    float *sums = guard_random((points - 1) * plane + tiles * stride, numbers);
    float *y = guard_random(n, numbers), *want = guard_copy(y, n), *tolerance = guard_floats(n);
    struct kernel_winograd_output w = {
        .form = form,
        .filters = filters,
        .tiles = tiles,
        .sums = sums,
        .stride = stride,
        .plane = plane,
        .bias = random_below(2) ? guard_random(filters, numbers) : NULL,
        .residual =
            random_below(2) ? guard_random((height - 1) * residual_line + width * residual_pixel, numbers) : NULL,
        .residual_line = residual_line,
        .residual_pixel = residual_pixel,
        .height = height,
        .width = width,
        .line = line,
        .pixel = pixel,
        .top = random_below((height + sizes.outputs[0] - 1) / sizes.outputs[0]) * sizes.outputs[0],
        .left = first * sizes.outputs[1],
        .activation = activations[random_below(numbers == INTEGERS ? 4 : 7)],
        .beta = 6.0f};
    w.alpha = w.activation == UNARY_clip ? -3.0f : 0.5f;
    w.y = y;
    table->winograd_output(&w);
    w.y = want;
    reference_table()->winograd_output(&w);
    if (numbers == INTEGERS && form == WINOGRAD_f2x2_3x3) {
        check_equal("winograd_output", y, want, n);
        return;
    }
    allow(tolerance, n, 400 * greatest(sums, (points - 1) * plane + tiles * stride)); /* (1 + 2 sums of p^3)^2 */
    check_near("winograd_output", y, want, tolerance, 8 * u, n);
}

/* The whole chain of transformations and products equals the convolution. */
static void check_chain(const struct kernel_table *table, enum winograd_form form, enum numbers numbers)
{
    struct winograd_sizes sizes = winograd_sizes(form);
    size_t taps = sizes.taps[0] * sizes.taps[1], points = points_of(form), channels = RANDOM_OF(1, 3, 8, 19);
    size_t filters = RANDOM_OF(1, 7, 16, 37), tiles = 3, width = tiles * sizes.outputs[1];
    size_t in_width = width + sizes.taps[1] - 1, in_height = sizes.points[0],
           padded = kernel_padded_filters(table, filters);
    float *x = guard_random(in_height * in_width * channels, numbers);
    float *weights = guard_random(filters * channels * taps, numbers);
    float *packed = guard_floats(points * padded * channels), *y = guard_floats(sizes.outputs[0] * width * filters);
    size_t stride = round_up(channels, 16);
    float *values = guard_floats(points * tiles * stride), *sums = guard_floats(points * tiles * padded);
    table->winograd_weights(
        &(struct kernel_winograd_weights){.form = form,
                                          .shape = {filters, channels, taps, channels * taps, taps, NULL},
                                          .weights = weights,
                                          .out = packed,
                                          .panel = channels * table->panel_columns,
                                          .plane = padded * channels});
    table->winograd_input(&(struct kernel_winograd_input){
        .form = form, .channels = channels, .tiles = tiles, .x = x, .height = in_height, .width = in_width,
        .line = in_width * channels, .pixel = channels, .out = values, .stride = stride, .plane = tiles * stride});
    for (size_t point = 0; point < points; point++) {
        table->product(&(struct kernel_product){
            .rows = tiles, .filters = padded, .taps = 1, .channels = channels, .x = values + point * tiles * stride,
            .x_stride = stride, .weights = packed + point * padded * channels, .out = sums + point * tiles * padded,
            .out_stride = padded});
    }
    table->winograd_output(&(struct kernel_winograd_output){.form = form,
                                                            .filters = filters,
                                                            .tiles = tiles,
                                                            .sums = sums,
                                                            .stride = padded,
                                                            .plane = tiles * padded,
                                                            .y = y,
                                                            .height = sizes.outputs[0],
                                                            .width = width,
                                                            .line = width * filters,
                                                            .pixel = filters});
    double most = 0, worst = 0;
    for (size_t i = 0; i < sizes.outputs[0] * width * filters; i++) {
        size_t f = i % filters, at_x = i / filters % width, at_y = i / filters / width;
        double sum = 0;
        for (size_t t = 0; t < taps; t++) {
            const float *from = x + ((at_y + t / sizes.taps[1]) * in_width + at_x + t % sizes.taps[1]) * channels;
            for (size_t c = 0; c < channels; c++) {
                sum += (double)from[c] * weights[(f * channels + c) * taps + t];
            }
        }
        most = fmax(most, fabs(sum));
        worst = fmax(worst, fabs(sum - (double)y[i]));
    }
    assert_true(worst <= (numbers == INTEGERS && form == WINOGRAD_f2x2_3x3 ? 0 : 4e-5 * most));
}

void case_winograd_output(const struct kernel_table *table)
{
    for (size_t i = 0; i < 400; i++) {
        check_output(table, any_form(), i % 2 ? REALS : INTEGERS);
        check_chain(table, any_form(), i % 2 ? REALS : INTEGERS);
        guard_release_all();
    }
}
