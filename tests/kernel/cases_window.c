/* SPDX-License-Identifier: MIT */
/* Cases of depthwise and grouped convolution and pooling: random windows with every stride, dilation, pad and missing row. */
#include <math.h>
#include <string.h>

#include "cases.h"

enum { MAX_KERNEL = 40, MAX_FLOATS = 1 << 14 };
static const float u = 0x1p-24f;

/* A random window whose output width follows from the rest. */
static struct kernel_window random_window(void)
{
    struct kernel_window w = {.channels = RANDOM_OF(1, 2, 3, 4, 5, 8, 15, 16, 17, 32, 33, 70),
                              .width = RANDOM_OF(1, 2, 5, 6, 7, 13, 20),
                              .kernel_height = RANDOM_OF(1, 2, 3),
                              .kernel_width = RANDOM_OF(1, 2, 3, 3, 5, 7),
                              .stride = RANDOM_OF(1, 1, 2, 3),
                              .dilation = RANDOM_OF(1, 1, 1, 2, 3)};
    bool apart = random_below(4) == 0; /* windows that do not overlap */
    if (apart) {
        w.kernel_height = 2, w.kernel_width = w.stride = RANDOM_OF(2, 2, 3), w.dilation = 1;
    }
    size_t reach = (w.kernel_width - 1) * w.dilation;
    w.pad = apart ? 0 : random_below(reach + 1);
    size_t right = random_below(reach + 1);
    while (w.width + w.pad + right < reach + 1) {
        right++;
    }
    w.out_width = (w.width + w.pad + right - reach - 1) / w.stride + 1;
    bool packed = random_below(2) != 0; /* no gaps between pixels, as is usual */
    w.x_stride = w.channels + (packed ? 0 : random_below(3));
    w.y_stride = w.channels + (packed ? 0 : random_below(3));
    return w;
}

static size_t x_floats(const struct kernel_window *w)
{
    return (w->width - 1) * w->x_stride + w->channels;
}

static size_t y_floats(const struct kernel_window *w)
{
    return (w->out_width - 1) * w->y_stride + w->channels;
}

/* kernel_height rows of n floats; some are missing, as above and below an image. */
static void random_rows(const struct kernel_window *w, size_t n, const float **rows, enum numbers numbers)
{
    for (size_t ky = 0; ky < w->kernel_height; ky++) {
        rows[ky] = random_below(5) == 0 ? NULL : guard_random(n, numbers);
    }
}

/* A bound on the rounding error of a sum of `terms` products of random numbers: |x w| is below 4 * 4. */
static float loose_bound(size_t terms)
{
    return 8 * u * 16 * (float)(terms + 1);
}

void case_depthwise(const struct kernel_table *table)
{
    static const enum unary activations[] = {UNARY_identity, UNARY_relu, UNARY_clip, UNARY_leaky_relu, UNARY_sigmoid};
    for (size_t i = 0; i < 400; i++) {
        enum numbers numbers = i % 2 ? REALS : INTEGERS;
        struct kernel_window w = random_window();
        size_t taps = w.kernel_height * w.kernel_width, n = y_floats(&w);
        const float *rows[3];
        random_rows(&w, x_floats(&w), rows, numbers);
        float *weights = guard_random(taps * w.channels, numbers);
        float *bias = random_below(2) ? guard_random(w.channels, numbers) : NULL;
        float *y = guard_floats(n), *want = guard_floats(n);
        enum unary activation = activations[random_below(numbers == INTEGERS ? 4 : 5)];
        if (random_below(2)) { /* changes no result */
            w.read_ahead = rows[0] ? rows[0] : y, w.write_ahead = y, w.read_lines = RANDOM_OF(1, 2);
        }
        table->depthwise(&w, rows, weights, bias, y, activation, activation == UNARY_clip ? -2.0f : 0.5f, 6.0f);
        reference_table()->depthwise(&w, rows, weights, bias, want, activation,
                                     activation == UNARY_clip ? -2.0f : 0.5f, 6.0f);
        if (numbers == INTEGERS) {
            check_equal("depthwise", y, want, n);
        } else {
            float *bound = guard_floats(n);
            for (size_t k = 0; k < n; k++) {
                bound[k] = loose_bound(taps);
            }
            check_near("depthwise", y, want, bound, 0.0f, n);
        }
        guard_release_all();
    }
}

void case_grouped(const struct kernel_table *table)
{
    static const enum unary activations[] = {UNARY_identity, UNARY_relu, UNARY_clip, UNARY_leaky_relu, UNARY_sigmoid};
    for (size_t i = 0; i < 400; i++) {
        enum numbers numbers = i % 2 ? REALS : INTEGERS;
        struct kernel_window w = random_window();
        size_t group = RANDOM_OF(4, 4, 8, 8, 16, 32, 48), more = w.x_stride - w.channels;
        w.channels = group * (group % 16 == 0 ? RANDOM_OF(1, 2) : 16 / group * RANDOM_OF(1, 2, 3));
        w.x_stride = w.channels + more, w.y_stride = w.channels + more;
        size_t taps = w.kernel_height * w.kernel_width, n = y_floats(&w);
        const float *rows[3];
        random_rows(&w, x_floats(&w), rows, numbers);
        float *weights = guard_random(taps * group * w.channels, numbers);
        float *bias = random_below(2) ? guard_random(w.channels, numbers) : NULL;
        float *y = guard_floats(n), *want = guard_floats(n);
        enum unary activation = activations[random_below(numbers == INTEGERS ? 4 : 5)];
        float alpha = activation == UNARY_clip ? -2.0f : 0.5f;
        table->grouped(&w, group, rows, weights, bias, y, activation, alpha, 6.0f);
        reference_table()->grouped(&w, group, rows, weights, bias, want, activation, alpha, 6.0f);
        if (numbers == INTEGERS) {
            check_equal("grouped", y, want, n);
        } else {
            float *bound = guard_floats(n);
            for (size_t k = 0; k < n; k++) {
                bound[k] = loose_bound(taps * group);
            }
            check_near("grouped", y, want, bound, 0.0f, n);
        }
        guard_release_all();
    }
}

void case_depthwise_gradients(const struct kernel_table *table)
{
    for (size_t i = 0; i < 900; i++) {
        enum numbers numbers = i % 2 ? REALS : INTEGERS;
        struct kernel_window w = random_window();
        if (i % 50 == 0) { /* a kernel so wide that its taps are handled in several parts */
            w = (struct kernel_window){.channels = 5, .width = 60, .out_width = 60, .kernel_height = 2,
                                       .kernel_width = MAX_KERNEL, .stride = 1, .dilation = 1, .pad = 20,
                                       .x_stride = 5, .y_stride = 6};
            numbers = INTEGERS;
        }
        size_t taps = w.kernel_height * w.kernel_width, n = x_floats(&w), count = taps * w.channels;
        const float *rows[3];
        random_rows(&w, y_floats(&w), rows, numbers);
        float *weights = guard_random(count, numbers), *x = guard_random(n, numbers);
        float *dx = guard_floats(n), *want = guard_floats(n), *bound = guard_floats(n > count ? n : count);
        float *dweights = guard_random(count, numbers), *want_weights = guard_copy(dweights, count);
        bool input = i % 3 != 0, weight = i % 3 != 1; /* one gradient, the other, or both */
        if (random_below(2)) { /* changes no result */
            w.read_ahead = x, w.write_ahead = dx, w.read_lines = 1;
        }
        table->depthwise_gradients(&w, rows, input ? weights : NULL, weight ? x : NULL, input ? dx : NULL,
                                   weight ? dweights : NULL);
        reference_table()->depthwise_gradients(&w, rows, weights, x, want, weight ? want_weights : NULL);
        for (size_t k = 0; k < n || k < count; k++) {
            bound[k] = numbers == INTEGERS ? 0.0f : loose_bound(taps > w.width ? taps : w.width);
        }
        if (input) {
            check_near("depthwise_gradients, dx", dx, want, bound, 0.0f, n);
        }
        check_near("depthwise_gradients, dweights", dweights, want_weights, bound, 0.0f, count);
        guard_release_all();
    }
}

void case_max_pool(const struct kernel_table *table)
{
    for (size_t i = 0; i < 400; i++) {
        struct kernel_window w = random_window();
        const float *rows[3];
        for (size_t ky = 0; ky < w.kernel_height; ky++) {
            float *row = guard_random(x_floats(&w), i % 2 ? REALS : INTEGERS); /* integers: many ties */
            if (i % 7 == 0) {
                row[random_below(x_floats(&w))] = NAN;
                row[random_below(x_floats(&w))] = -INFINITY;
            }
            rows[ky] = random_below(5) == 0 ? NULL : row;
        }
        size_t n = y_floats(&w), count = w.out_width * w.channels, bytes = RANDOM_OF(0, 1, 4);
        float *y = guard_floats(n), *want = guard_floats(n);
        void *index = guard_new(count * bytes), *want_index = guard_new(count * bytes);
        table->max_pool(&w, rows, y, bytes ? index : NULL, bytes);
        reference_table()->max_pool(&w, rows, want, bytes ? want_index : NULL, bytes);
        check_equal("max_pool", y, want, n);
        check_bytes("max_pool index", index, want_index, count * bytes);
        guard_release_all();
    }
}

void case_max_pool_gradient(const struct kernel_table *table)
{
    for (size_t i = 0; i < 300; i++) {
        struct kernel_window w = random_window();
        const float *rows[3];
        const void *indices[3];
        size_t bytes = RANDOM_OF(1, 4), taps = w.kernel_height * w.kernel_width, n = x_floats(&w);
        random_rows(&w, y_floats(&w), rows, i % 2 ? REALS : INTEGERS);
        for (size_t ky = 0; ky < w.kernel_height; ky++) {
            uint8_t *index = guard_new(w.out_width * w.channels * bytes);
            for (size_t k = 0; k < w.out_width * w.channels; k++) {
                int32_t tap = (int32_t)random_below(taps);
                if (bytes == 1) {
                    index[k] = (uint8_t)tap;
                } else {
                    memcpy(index + 4 * k, &tap, sizeof tap);
                }
            }
            indices[ky] = rows[ky] ? index : NULL;
        }
        float *dx = guard_floats(n), *want = guard_floats(n);
        table->max_pool_gradient(&w, rows, indices, bytes, dx);
        reference_table()->max_pool_gradient(&w, rows, indices, bytes, want);
        check_equal("max_pool_gradient", dx, want, n);
        guard_release_all();
    }
}

void case_average_pool(const struct kernel_table *table)
{
    for (size_t i = 0; i < 300; i++) {
        struct kernel_window w = random_window();
        const float *rows[3];
        size_t n = y_floats(&w);
        random_rows(&w, x_floats(&w), rows, i % 2 ? REALS : INTEGERS);
        float *divisors = guard_floats(w.out_width), *y = guard_floats(n), *want = guard_floats(n);
        for (size_t o = 0; o < w.out_width; o++) {
            divisors[o] = (float)(1 + random_below(9));
        }
        table->average_pool(&w, rows, divisors, y);
        reference_table()->average_pool(&w, rows, divisors, want);
        check_equal("average_pool", y, want, n);
        guard_release_all();
    }
}

void case_average_pool_gradient(const struct kernel_table *table)
{
    for (size_t i = 0; i < 300; i++) {
        struct kernel_window w = random_window();
        const float *rows[3], *divisors[3];
        size_t n = x_floats(&w);
        random_rows(&w, y_floats(&w), rows, i % 2 ? REALS : INTEGERS);
        for (size_t ky = 0; ky < w.kernel_height; ky++) {
            float *row = guard_floats(w.out_width);
            for (size_t o = 0; o < w.out_width; o++) {
                row[o] = (float)(1 + random_below(9));
            }
            divisors[ky] = rows[ky] ? row : NULL;
        }
        float *dx = guard_floats(n), *want = guard_floats(n);
        table->average_pool_gradient(&w, rows, divisors, dx);
        reference_table()->average_pool_gradient(&w, rows, divisors, want);
        check_equal("average_pool_gradient", dx, want, n);
        guard_release_all();
    }
}
