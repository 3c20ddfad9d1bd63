/* SPDX-License-Identifier: MIT */
/* Cases of vectors, columns, rows, optimisers and pixels. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

static const float u = 0x1p-24f;
static const size_t lengths[] = {0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 100, 1000, 8191, 8192, 8193, 20000};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

void case_fill(const struct kernel_table *table)
{
    for (size_t i = 0; i < LENGTHS; i++) {
        float *y = guard_floats(lengths[i]);
        table->fill(lengths[i], -0.0f, y);
        for (size_t k = 0; k < lengths[i]; k++) {
            assert_true(y[k] == 0.0f && signbit(y[k]));
        }
        guard_release_all();
    }
}

void case_scale_add(const struct kernel_table *table)
{
    for (size_t i = 0; i < 3 * LENGTHS; i++) {
        size_t n = lengths[i / 3];
        float alpha = random_number(REALS), beta = (float[]){0.0f, 1.0f, 0.75f}[i % 3];
        float *x = guard_random(n, REALS), *y = guard_random(n, REALS), *want = guard_copy(y, n),
              *bound = guard_floats(n);
        for (size_t k = 0; k < n; k++) {
            bound[k] = 2 * u * (fabsf(alpha * x[k]) + fabsf(y[k]));
            y[k] = beta == 0.0f ? NAN : y[k]; /* not read when beta is 0 */
        }
        table->scale_add(n, alpha, x, beta, y);
        reference_table()->scale_add(n, alpha, x, beta, want);
        check_near("scale_add", y, want, bound, 0.0f, n);
        guard_release_all();
    }
}

void case_weighted_sum(const struct kernel_table *table)
{
    for (size_t i = 0; i < 2 * LENGTHS; i++) {
        size_t n = lengths[i / 2], terms = RANDOM_OF(1, 2, 9, 98, 300);
        enum numbers numbers = i % 2 ? REALS : INTEGERS;
        const float **x = malloc(terms * sizeof *x);
        float *all = guard_random(n + terms - 1, numbers), *weights = guard_random(terms, numbers);
        float *y = guard_floats(n), *want = guard_floats(n), *bound = guard_floats(n);
        assert_non_null(x);
        for (size_t t = 0; t < terms; t++) {
            x[t] = all + (terms - 1 - t); /* they overlap */
        }
        table->weighted_sum(n, terms, x, weights, 0.5f, y);
        reference_table()->weighted_sum(n, terms, x, weights, 0.5f, want);
        for (size_t k = 0; k < n; k++) {
            double size = 0.5;
            for (size_t t = 0; t < terms; t++) {
                size += fabs((double)x[t][k] * (double)weights[t]);
            }
            bound[k] = numbers == INTEGERS ? 0.0f : (float)(2 * (double)u * (double)terms * size);
        }
        check_near("weighted_sum", y, want, bound, 0.0f, n);
        free(x);
        guard_release_all();
    }
}

static void check_sum(const char *what, double got, double want, double size, bool exact)
{
    *guard_doubles(1) = got;
    if (!(fabs(got - want) <= (exact ? 0.0 : 256 * 0x1p-24 * size))) {
        fail_msg("%s is %.17g, should be %.17g", what, got, want);
    }
}

void case_sum(const struct kernel_table *table)
{
    for (size_t i = 0; i < 2 * LENGTHS; i++) {
        size_t n = lengths[i / 2];
        float *x = guard_random(n, i % 2 ? REALS : INTEGERS);
        double size = 0;
        for (size_t k = 0; k < n; k++) {
            size += fabs((double)x[k]);
        }
        double got = table->sum(n, x);
        check_sum("sum", got, reference_table()->sum(n, x), size, i % 2 == 0);
        /* The promised order of summation, written out: the same bits on every instruction set but the reference. */
        double ordered = 0;
        for (size_t begin = 0; begin < n; begin += 8192) {
            float chain[32] = {0};
            for (size_t k = begin; k < n && k < begin + 8192; k++) {
                chain[(k - begin) % 32] += x[k];
            }
            for (size_t j = 0; j < 32; j++) {
                ordered += chain[j];
            }
        }
        if (table->level != CPU_REFERENCE) {
            assert_true(got == ordered);
        }
        guard_release_all();
    }
}

void case_sum_products(const struct kernel_table *table)
{
    for (size_t i = 0; i < 2 * LENGTHS; i++) {
        size_t n = lengths[i / 2];
        float *a = guard_random(n, i % 2 ? REALS : INTEGERS), *b = guard_random(n, i % 2 ? REALS : INTEGERS);
        double size = 0;
        for (size_t k = 0; k < n; k++) {
            size += fabs((double)a[k] * b[k]);
        }
        check_sum("sum_products", table->sum_products(n, a, b), reference_table()->sum_products(n, a, b), size,
                  i % 2 == 0);
        guard_release_all();
    }
}

void case_sum_squares(const struct kernel_table *table)
{
    for (size_t i = 0; i < 2 * LENGTHS; i++) {
        size_t n = lengths[i / 2];
        float *x = guard_random(n, i % 2 ? REALS : INTEGERS);
        double want = reference_table()->sum_squares(n, x);
        check_sum("sum_squares", table->sum_squares(n, x), want, want, i % 2 == 0);
        guard_release_all();
    }
}

void case_maximum(const struct kernel_table *table)
{
    for (size_t i = 0; i < 8 * LENGTHS; i++) {
        size_t n = lengths[i / 8];
        float *x = guard_random(n, REALS);
        if (n > 0 && i % 8 == 1) {
            x[random_below(n)] = NAN;
        }
        if (i % 8 == 2) {
            for (size_t k = 0; k < n; k++) {
                x[k] = -INFINITY;
            }
        }
        float got = table->maximum(n, x), want = reference_table()->maximum(n, x);
        check_equal("maximum", &got, &want, 1);
        guard_release_all();
    }
}

void case_index_of_maximum(const struct kernel_table *table)
{
    for (size_t i = 0; i < 8 * LENGTHS; i++) {
        size_t n = lengths[i / 8];
        float *x = guard_random(n, i % 2 ? REALS : INTEGERS);
        if (n > 0 && i % 8 == 1) {
            x[random_below(n)] = NAN;
        }
        assert_int_equal(table->index_of_maximum(n, x), reference_table()->index_of_maximum(n, x));
        guard_release_all();
    }
}

void case_all_finite(const struct kernel_table *table)
{
    for (size_t i = 0; i < LENGTHS; i++) {
        size_t n = lengths[i];
        float *x = guard_random(n, REALS);
        assert_true(table->all_finite(n, x));
        for (size_t k = 0; k < 5 && n > 0; k++) {
            size_t at = random_below(n);
            float kept = x[at];
            x[at] = (float[]){NAN, INFINITY, -INFINITY, -NAN, INFINITY}[k];
            assert_false(table->all_finite(n, x));
            x[at] = kept;
        }
        guard_release_all();
    }
}

/* A random matrix for the column kernels. */
struct matrix {
    size_t rows, channels, stride;
};

static struct matrix random_matrix(size_t i)
{
    struct matrix m = {RANDOM_OF(1, 2, 3, 4, 5, 9, 255, 256, 257, 600), RANDOM_OF(1, 3, 4, 8, 10, 16, 17, 33, 70), 0};
    if (i % 40 == 39) { /* wider than one part of the columns */
        m.rows = 5;
        m.channels = 1024 + 37;
    }
    m.stride = m.channels + random_below(3);
    return m;
}

static size_t matrix_floats(struct matrix m)
{
    return (m.rows - 1) * m.stride + m.channels;
}

static void check_columns(const char *what, const double *got, const double *want, size_t n, double tolerance)
{
    for (size_t c = 0; c < n; c++) {
        if (!(fabs(got[c] - want[c]) <= tolerance)) {
            fail_msg("%s: column %zu is %.12g, should be %.12g", what, c, got[c], want[c]);
        }
    }
}

void case_column_sum(const struct kernel_table *table)
{
    for (size_t i = 0; i < 120; i++) {
        struct matrix m = random_matrix(i);
        float *x = guard_random(matrix_floats(m), i % 2 ? REALS : INTEGERS);
        double *sum = guard_doubles(m.channels), *want = guard_doubles(m.channels);
        sum[0] = want[0] = 5; /* it adds to these */
        table->column_sum(m.rows, m.channels, x, m.stride, sum);
        reference_table()->column_sum(m.rows, m.channels, x, m.stride, want);
        check_columns("column_sum", sum, want, m.channels, i % 2 ? 16 * (double)u * (double)m.rows : 0.0);
        guard_release_all();
    }
}

void case_column_moments(const struct kernel_table *table)
{
    for (size_t i = 0; i < 120; i++) {
        struct matrix m = random_matrix(i);
        enum numbers numbers = i % 2 ? REALS : INTEGERS;
        float *x = guard_random(matrix_floats(m), numbers),
              *shift = random_below(2) ? guard_random(m.channels, numbers) : NULL;
        double *sum = guard_doubles(m.channels), *want = guard_doubles(m.channels);
        double *square = guard_doubles(m.channels), *want_square = guard_doubles(m.channels);
        table->column_moments(m.rows, m.channels, x, m.stride, shift, sum, square);
        reference_table()->column_moments(m.rows, m.channels, x, m.stride, shift, want, want_square);
        double tolerance = i % 2 ? 64 * (double)u * (double)m.rows : 0.0;
        check_columns("column_moments", sum, want, m.channels, tolerance);
        check_columns("column_moments squares", square, want_square, m.channels, 4 * tolerance);
        guard_release_all();
    }
}

void case_scale_shift(const struct kernel_table *table)
{
    static const enum unary activations[] = {UNARY_identity, UNARY_relu, UNARY_leaky_relu, UNARY_clip, UNARY_tanh};
    for (size_t i = 0; i < 120; i++) {
        struct matrix m = random_matrix(i);
        enum numbers numbers = i % 2 ? REALS : INTEGERS;
        enum unary activation = activations[random_below(numbers == INTEGERS ? 4 : 5)];
        size_t residual_stride = m.channels + random_below(2), n = matrix_floats(m);
        float *x = guard_random(n, numbers), *scale = guard_random(m.channels, numbers),
              *shift = guard_random(m.channels, numbers);
        float *residual = random_below(2) ? guard_random((m.rows - 1) * residual_stride + m.channels, numbers) : NULL;
        float *y = guard_floats(n), *want = guard_floats(n), *bound = guard_floats(n);
        table->scale_shift(m.rows, m.channels, x, m.stride, scale, shift, residual, residual_stride, y, m.stride,
                           activation, -0.5f, 3.0f);
        reference_table()->scale_shift(m.rows, m.channels, x, m.stride, scale, shift, residual, residual_stride, want,
                                       m.stride, activation, -0.5f, 3.0f);
        for (size_t k = 0; k < n; k++) {
            bound[k] = numbers == INTEGERS ? 0.0f : 60 * u;
        }
        check_near("scale_shift", y, want, bound, 4 * u, n);
        float *alone = guard_floats(m.channels);
        for (size_t r = 0; r < m.rows; r++) { /* a row does not depend on its neighbours */
            const float *added = residual ? residual + r * residual_stride : NULL;
            table->scale_shift(1, m.channels, x + r * m.stride, m.channels, scale, shift, added, m.channels, alone,
                               m.channels, activation, -0.5f, 3.0f);
            check_equal("scale_shift of one row", alone, y + r * m.stride, m.channels);
        }
        if (!residual) { /* in place */
            table->scale_shift(m.rows, m.channels, x, m.stride, scale, shift, NULL, 0, x, m.stride, activation, -0.5f,
                               3.0f);
            for (size_t r = 0; r < m.rows; r++) {
                check_equal("scale_shift in place", x + r * m.stride, y + r * m.stride, m.channels);
            }
        }
        guard_release_all();
    }
}

/* The mask of relu, leaky relu or clip, or none; no integer equals its thresholds. */
static struct kernel_mask random_mask(size_t channels, enum numbers numbers)
{
    struct kernel_mask mask = {NULL, NULL, random_below(2) ? 0.25f : -0.5f, random_below(2) ? INFINITY : 2.75f,
                               random_below(2) ? 0.0f : 0.5f};
    if (random_below(3) > 0) {
        mask.scale  = guard_random(channels, numbers);
        mask.offset = guard_random(channels, numbers);
    }
    return mask;
}

void case_column_products(const struct kernel_table *table)
{
    for (size_t i = 0; i < 120; i++) {
        struct matrix m = random_matrix(i);
        enum numbers numbers = i % 2 ? REALS : INTEGERS;
        size_t n = matrix_floats(m);
        float *dy = guard_random(n, numbers), *x = guard_random(n, numbers), *mean = guard_random(m.channels, numbers);
        struct kernel_mask mask = random_mask(m.channels, numbers);
        double *sum = guard_doubles(m.channels), *want = guard_doubles(m.channels);
        double *product = guard_doubles(m.channels), *want_product = guard_doubles(m.channels);
        table->column_products(m.rows, m.channels, dy, m.stride, x, m.stride, mean, mask, sum, product);
        reference_table()->column_products(m.rows, m.channels, dy, m.stride, x, m.stride, mean, mask, want,
                                           want_product);
        double tolerance = i % 2 ? 128 * (double)u * (double)m.rows : 0.0;
        check_columns("column_products", sum, want, m.channels, tolerance);
        check_columns("column_products products", product, want_product, m.channels, tolerance);
        guard_release_all();
    }
}

void case_column_combine(const struct kernel_table *table)
{
    for (size_t i = 0; i < 120; i++) {
        struct matrix m = random_matrix(i);
        enum numbers numbers = i % 2 ? REALS : INTEGERS;
        size_t n = matrix_floats(m);
        float *dy = guard_random(n, numbers), *x = guard_random(n, numbers), *mean = guard_random(m.channels, numbers);
        float *a = guard_random(m.channels, numbers), *b = guard_random(m.channels, numbers),
              *d = guard_random(m.channels, numbers);
        struct kernel_mask mask = random_mask(m.channels, numbers);
        float *dx = guard_floats(n), *want = guard_floats(n), *bound = guard_floats(n);
        table->column_combine(m.rows, m.channels, dy, m.stride, x, m.stride, mean, mask, a, b, d, dx, m.stride);
        reference_table()->column_combine(m.rows, m.channels, dy, m.stride, x, m.stride, mean, mask, a, b, d, want,
                                          m.stride);
        for (size_t k = 0; k < n; k++) {
            bound[k] = numbers == INTEGERS ? 0.0f : 200 * u;
        }
        check_near("column_combine", dx, want, bound, 0.0f, n);
        float *alone = guard_floats(m.channels);
        for (size_t r = 0; r < m.rows; r++) { /* a row does not depend on its neighbours */
            table->column_combine(1, m.channels, dy + r * m.stride, m.channels, x + r * m.stride, m.channels, mean, mask,
                                  a, b, d, alone, m.channels);
            check_equal("column_combine of one row", alone, dx + r * m.stride, m.channels);
        }
        guard_release_all();
    }
}

/* Shapes for the kernels of rows: softmax and those like it. */
static const size_t widths[] = {1, 2, 3, 5, 8, 10, 16, 17, 33, 100, 512, 513, 1000, 1029};
enum { WIDTHS = sizeof widths / sizeof widths[0] };

static float *logits_of(struct matrix m, size_t i)
{
    float *x = guard_random(matrix_floats(m), REALS);
    for (size_t k = 0; i % 3 == 1 && k < matrix_floats(m); k++) {
        x[k] *= 30.0f;
    }
    if (i % 3 == 2 && m.channels > 1) {
        x[random_below(m.channels - 1) + 1] = -INFINITY;
    }
    return x;
}

static void check_rows(const char *what, const float *got, const float *want, struct matrix m, float absolute,
                       float relative)
{
    float *bound = guard_floats(matrix_floats(m));
    for (size_t k = 0; k < matrix_floats(m); k++) {
        bound[k] = absolute;
    }
    check_near(what, got, want, bound, relative, matrix_floats(m));
}

/* Relative bound for a probability p: (16 - log p) u; -log p is about how far its argument lies below the greatest. */
static void check_probabilities(const char *what, const float *got, const float *want, struct matrix m)
{
    float *bound = guard_floats(matrix_floats(m));
    for (size_t k = 0; k < matrix_floats(m); k++) {
        bound[k] = 1e-44f + (want[k] > 0.0f ? want[k] * (u * (16.0f - logf(want[k]))) : 0.0f);
    }
    check_near(what, got, want, bound, 0.0f, matrix_floats(m));
}

void case_softmax(const struct kernel_table *table)
{
    for (size_t i = 0; i < 3 * WIDTHS; i++) {
        struct matrix m = {4, widths[i / 3], widths[i / 3] + i % 2};
        size_t n = matrix_floats(m);
        float *x = logits_of(m, i), *y = guard_floats(n), *want = guard_floats(n);
        table->softmax(m.rows, m.channels, x, m.stride, y, m.stride);
        reference_table()->softmax(m.rows, m.channels, x, m.stride, want, m.stride);
        check_probabilities("softmax", y, want, m);
        table->softmax(m.rows, m.channels, x, m.stride, x, m.stride);
        for (size_t r = 0; r < m.rows; r++) {
            check_equal("softmax in place", x + r * m.stride, y + r * m.stride, m.channels);
        }
        guard_release_all();
    }
}

void case_log_softmax(const struct kernel_table *table)
{
    for (size_t i = 0; i < 3 * WIDTHS; i++) {
        struct matrix m = {4, widths[i / 3], widths[i / 3] + i % 2};
        size_t n = matrix_floats(m);
        float *x = logits_of(m, i), *y = guard_floats(n), *want = guard_floats(n);
        table->log_softmax(m.rows, m.channels, x, m.stride, y, m.stride);
        reference_table()->log_softmax(m.rows, m.channels, x, m.stride, want, m.stride);
        check_rows("log_softmax", y, want, m, 16 * u, 4 * u);
        table->log_softmax(m.rows, m.channels, x, m.stride, x, m.stride);
        for (size_t r = 0; r < m.rows; r++) {
            check_equal("log_softmax in place", x + r * m.stride, y + r * m.stride, m.channels);
        }
        guard_release_all();
    }
}

void case_softmax_gradient(const struct kernel_table *table)
{
    for (size_t i = 0; i < WIDTHS; i++) {
        struct matrix m = {3, widths[i], widths[i] + i % 2};
        size_t n = matrix_floats(m);
        float *x = guard_random(n, REALS), *y = guard_floats(n), *dy = guard_random(n, REALS);
        reference_table()->softmax(m.rows, m.channels, x, m.stride, y, m.stride);
        float *dx = guard_floats(n), *want = guard_floats(n);
        table->softmax_gradient(m.rows, m.channels, y, m.stride, dy, m.stride, dx, m.stride);
        reference_table()->softmax_gradient(m.rows, m.channels, y, m.stride, dy, m.stride, want, m.stride);
        check_rows("softmax_gradient", dx, want, m, 32 * u, 4 * u);
        guard_release_all();
    }
}

void case_log_softmax_gradient(const struct kernel_table *table)
{
    for (size_t i = 0; i < WIDTHS; i++) {
        struct matrix m = {3, widths[i], widths[i] + i % 2};
        size_t n = matrix_floats(m);
        float *x = guard_random(n, REALS), *y = guard_floats(n), *dy = guard_random(n, REALS);
        reference_table()->log_softmax(m.rows, m.channels, x, m.stride, y, m.stride);
        float *dx = guard_floats(n), *want = guard_floats(n);
        table->log_softmax_gradient(m.rows, m.channels, y, m.stride, dy, m.stride, dx, m.stride);
        reference_table()->log_softmax_gradient(m.rows, m.channels, y, m.stride, dy, m.stride, want, m.stride);
        check_rows("log_softmax_gradient", dx, want, m, 256 * u, 4 * u);
        guard_release_all();
    }
}

static int32_t *random_labels(size_t rows, size_t classes)
{
    int32_t *labels = guard_new(rows * sizeof(int32_t));
    for (size_t r = 0; r < rows; r++) {
        labels[r] = random_below(5) == 0 ? (int32_t[]){-100, -1, (int32_t)classes}[random_below(3)]
                                         : (int32_t)random_below(classes);
    }
    return labels;
}

void case_cross_entropy(const struct kernel_table *table)
{
    for (size_t i = 0; i < 4 * WIDTHS; i++) {
        struct matrix m = {6, widths[i / 4], widths[i / 4] + i % 2};
        float *x = logits_of(m, i % 2), *weights = NULL; /* all finite */
        float smoothing = i % 4 < 2 ? 0.0f : 0.1f;
        if (random_below(2)) {
            weights = guard_random(m.channels, REALS);
            for (size_t k = 0; k < m.channels; k++) {
                weights[k] = fabsf(weights[k]);
            }
        }
        int32_t *labels = random_labels(m.rows, m.channels);
        size_t n = m.rows * m.channels;
        float *loss = guard_floats(m.rows), *want = guard_floats(m.rows), *p = guard_floats(n),
              *want_p = guard_floats(n);
        float *counted = guard_floats(m.rows), *want_counted = guard_floats(m.rows);
        bool keep = random_below(2);
        table->cross_entropy(m.rows, m.channels, x, m.stride, labels, weights, smoothing, loss, counted,
                             keep ? p : NULL);
        reference_table()->cross_entropy(m.rows, m.channels, x, m.stride, labels, weights, smoothing, want,
                                         want_counted, keep ? want_p : NULL);
        check_rows("cross_entropy", loss, want, (struct matrix){1, m.rows, m.rows}, 16 * u, 16 * u);
        check_equal("cross_entropy weight", counted, want_counted, m.rows);
        check_probabilities("cross_entropy probabilities", p, want_p, (struct matrix){1, n, n});
        guard_release_all();
    }
}

void case_cross_entropy_gradient(const struct kernel_table *table)
{
    for (size_t i = 0; i < 4 * WIDTHS; i++) {
        struct matrix m = {6, widths[i / 4], widths[i / 4] + (i % 3 == 0)};
        float smoothing = i % 4 < 2 ? 0.0f : 0.1f, *x = guard_random(m.rows * m.channels, REALS), *weights = NULL;
        float *p = guard_floats(m.rows * m.channels), *scale = guard_random(m.rows, REALS);
        reference_table()->softmax(m.rows, m.channels, x, m.channels, p, m.channels);
        if (random_below(2)) {
            weights = guard_random(m.channels, REALS);
            for (size_t k = 0; k < m.channels; k++) {
                weights[k] = fabsf(weights[k]);
            }
        }
        int32_t *labels = random_labels(m.rows, m.channels);
        float *dx = guard_floats(matrix_floats(m)), *want = guard_floats(matrix_floats(m));
        table->cross_entropy_gradient(m.rows, m.channels, p, labels, weights, smoothing, scale, dx, m.stride);
        reference_table()->cross_entropy_gradient(m.rows, m.channels, p, labels, weights, smoothing, scale, want,
                                                  m.stride);
        check_rows("cross_entropy_gradient", dx, want, m, 32 * u, 16 * u);
        if (m.stride == m.channels) {
            table->cross_entropy_gradient(m.rows, m.channels, p, labels, weights, smoothing, scale, p, m.stride);
            check_equal("cross_entropy_gradient in place", p, dx, m.rows * m.channels);
        }
        guard_release_all();
    }
}

void case_sgd(const struct kernel_table *table)
{
    for (size_t i = 0; i < 8 * LENGTHS; i++) {
        size_t n = lengths[i / 8];
        struct kernel_sgd o = {0.1f,       i % 2 ? 0.9f : 0.0f, i % 8 == 3 ? 0.2f : 0.0f, i % 4 < 2 ? 0.0f : 1e-2f,
                               i % 8 == 5, i % 8 == 1};
        float *g = guard_random(n, REALS), *w = guard_random(n, REALS), *m = guard_random(n, REALS);
        float *want_w = guard_copy(w, n), *want_m = guard_copy(m, n);
        for (size_t k = 0; o.first_step && k < n; k++) {
            m[k] = NAN;
        }
        table->sgd(n, &o, 0.5f, g, w, o.momentum != 0.0f ? m : NULL);
        reference_table()->sgd(n, &o, 0.5f, g, want_w, o.momentum != 0.0f ? want_m : NULL);
        struct matrix row = {1, n, n};
        if (n > 0) {
            check_rows("sgd weight", w, want_w, row, 16 * u, 4 * u);
            check_rows("sgd velocity", m, want_m, row, 16 * u, 4 * u);
        }
        guard_release_all();
    }
}

void case_adam(const struct kernel_table *table)
{
    for (size_t i = 0; i < 4 * LENGTHS; i++) {
        size_t n = lengths[i / 4];
        struct kernel_adam o = {1e-2f, 0.9f, 0.999f, 1e-8f, i % 2 ? 1e-2f : 0.0f, 0.1f, 0.001f, 0.1f, 0.001f, i % 4 < 2};
        float *g = guard_random(n, REALS), *w = guard_random(n, REALS), *m = guard_random(n, REALS),
              *v = guard_random(n, REALS);
        for (size_t k = 0; k < n; k++) {
            v[k] = fabsf(v[k]) + 0.001f;
        }
        float *want_w = guard_copy(w, n), *want_m = guard_copy(m, n), *want_v = guard_copy(v, n);
        table->adam(n, &o, 0.5f, g, w, m, v);
        reference_table()->adam(n, &o, 0.5f, g, want_w, want_m, want_v);
        struct matrix row = {1, n, n};
        if (n > 0) {
            check_rows("adam weight", w, want_w, row, 32 * u, 8 * u);
            check_rows("adam first", m, want_m, row, 8 * u, 8 * u);
            check_rows("adam second", v, want_v, row, 4 * u, 8 * u);
        }
        guard_release_all();
    }
}

void case_normalise_u8(const struct kernel_table *table)
{
    for (size_t i = 0; i < 100; i++) {
        size_t pixels = RANDOM_OF(0, 1, 2, 5, 16, 33, 100), channels = RANDOM_OF(1, 2, 3, 3, 4, 5, 13, 64),
               n = pixels * channels;
        uint8_t *x = guard_new(n);
        for (size_t k = 0; k < n; k++) {
            x[k] = (uint8_t)random_below(256);
        }
        float *mean = guard_random(channels, REALS), *deviation = guard_floats(channels);
        for (size_t c = 0; c < channels; c++) {
            deviation[c] = 0.2f + 0.01f * (float)c;
        }
        float *y = guard_floats(n), *want = guard_floats(n);
        table->normalise_u8(pixels, channels, x, mean, deviation, y);
        reference_table()->normalise_u8(pixels, channels, x, mean, deviation, want);
        check_equal("normalise_u8", y, want, n);
        guard_release_all();
    }
}
