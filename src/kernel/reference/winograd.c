/* SPDX-License-Identifier: MIT */
/* Winograd's transformations as definitions: the three matrices made from their points, and plain products with them, in
   double. The fast versions, which use that points come in pairs, are vector/winograd.h. */
#include <string.h>

#include "kernel/reference/reference.h"

enum { MOST_POINTS = 10 };

/* The finite points of an axis; the last one is infinity. An axis of one point is left alone. */
static const double *finite_points(size_t points)
{
    static const double four[] = {0, 1, -1}, six[] = {0, 0.75, -0.75, 1.5, -1.5},
                        ten[] = {0, 0.5, -0.5, 0.75, -0.75, 1.25, -1.25, 2, -2};
    return points == 4 ? four : points == 6 ? six : ten;
}

typedef double matrix[MOST_POINTS][MOST_POINTS];

/* Row i of B^T holds the coefficients of the product of (t - p) over the other points p: it gives the residue of the input's
   polynomial there. Infinity takes the product over all. */
static void input_matrix(size_t points, matrix b)
{
    memset(b, 0, sizeof(matrix));
    if (points == 1) {
        b[0][0] = 1;
        return;
    }
    const double *p = finite_points(points);
    for (size_t i = 0; i < points; i++) {
        size_t degree = 0;
        b[i][0] = 1;
        for (size_t j = 0; j + 1 < points; j++) {
            if (j == i) {
                continue;
            }
            degree++;
            for (size_t k = degree; k > 0; k--) {
                b[i][k] = b[i][k - 1] - p[j] * b[i][k];
            }
            b[i][0] *= -p[j];
        }
    }
}

/* Row i of G evaluates the filter's polynomial at p_i, over the product of (p_i - p_j). */
static void weight_matrix(size_t points, size_t taps, matrix g)
{
    memset(g, 0, sizeof(matrix));
    g[points - 1][taps - 1] = 1;
    for (size_t i = 0; i + 1 < points; i++) {
        const double *p = finite_points(points);
        double power = 1, others = 1;
        for (size_t j = 0; j + 1 < points; j++) {
            others *= j == i ? 1 : p[i] - p[j];
        }
        for (size_t t = 0; t < taps; t++, power *= p[i]) {
            g[i][t] = power / others;
        }
    }
}

/* Row k of A^T has the k-th powers of the points. */
static void output_matrix(size_t points, size_t outputs, matrix a)
{
    memset(a, 0, sizeof(matrix));
    a[outputs - 1][points - 1] = 1;
    for (size_t i = 0; i + 1 < points; i++) {
        double power = 1;
        for (size_t k = 0; k < outputs; k++, power *= finite_points(points)[i]) {
            a[k][i] = power;
        }
    }
}

/* out [rows_y][rows_x] = left [rows_y][columns_y] in [columns_y][columns_x] right^T, right [rows_x][columns_x] */
static void both_sides(size_t rows_y, size_t columns_y, matrix left, size_t rows_x, size_t columns_x, matrix right,
                       matrix in, matrix out)
{
    for (size_t i = 0; i < rows_y; i++) {
        for (size_t j = 0; j < rows_x; j++) {
            double sum = 0;
            for (size_t k = 0; k < columns_y; k++) {
                for (size_t l = 0; l < columns_x; l++) {
                    sum += left[i][k] * in[k][l] * right[j][l];
                }
            }
            out[i][j] = sum;
        }
    }
}

void reference_winograd_input(const struct kernel_winograd_input *w)
{
    struct winograd_sizes sizes = winograd_sizes(w->form);
    matrix b_y, b_x, d, v;
    input_matrix(sizes.points[0], b_y);
    input_matrix(sizes.points[1], b_x);
    size_t padded = (w->channels + REFERENCE_PANEL - 1) / REFERENCE_PANEL * REFERENCE_PANEL;
    for (size_t tile = 0; tile < w->tiles; tile++) {
        for (size_t c = 0; c < padded; c++) {
            for (size_t i = 0; i < sizes.points[0]; i++) {
                for (size_t j = 0; j < sizes.points[1]; j++) {
                    ptrdiff_t y = w->top + (ptrdiff_t)i, x = w->left + (ptrdiff_t)(tile * sizes.outputs[1] + j);
                    bool inside = c < w->channels && y >= 0 && y < (ptrdiff_t)w->height && x >= 0 &&
                                  x < (ptrdiff_t)w->width;
                    d[i][j] = inside ? w->x[(size_t)y * w->line + (size_t)x * w->pixel + c] : 0;
                }
            }
            both_sides(sizes.points[0], sizes.points[0], b_y, sizes.points[1], sizes.points[1], b_x, d, v);
            for (size_t point = 0; point < sizes.points[0] * sizes.points[1]; point++) {
                w->out[point * w->plane + tile * w->stride + c] =
                    (float)v[point / sizes.points[1]][point % sizes.points[1]];
            }
        }
    }
}

void reference_winograd_weights(const struct kernel_winograd_weights *w)
{
    struct winograd_sizes sizes = winograd_sizes(w->form);
    const struct kernel_weights *s = &w->shape;
    matrix g_y, g_x, taps, u;
    weight_matrix(sizes.points[0], sizes.taps[0], g_y);
    weight_matrix(sizes.points[1], sizes.taps[1], g_x);
    for (size_t f = 0; f < (s->filters + REFERENCE_PANEL - 1) / REFERENCE_PANEL * REFERENCE_PANEL; f++) {
        for (size_t c = 0; c < s->channels; c++) {
            for (size_t t = 0; t < s->taps; t++) {
                size_t at = f * s->filter_stride + c * s->channel_stride + (s->tap_offsets ? (size_t)s->tap_offsets[t] : t);
                taps[t / sizes.taps[1]][t % sizes.taps[1]] =
                    f < s->filters ? (double)w->weights[at] * (w->factor ? (double)w->factor[f] : 1) : 0;
            }
            both_sides(sizes.points[0], sizes.taps[0], g_y, sizes.points[1], sizes.taps[1], g_x, taps, u);
            for (size_t point = 0; point < sizes.points[0] * sizes.points[1]; point++) {
                w->out[point * w->plane + f / REFERENCE_PANEL * w->panel + c * REFERENCE_PANEL + f % REFERENCE_PANEL] =
                    (float)u[point / sizes.points[1]][point % sizes.points[1]];
            }
        }
    }
}

void reference_winograd_output(const struct kernel_winograd_output *w)
{
    struct winograd_sizes sizes = winograd_sizes(w->form);
    matrix a_y, a_x, m, out;
    output_matrix(sizes.points[0], sizes.outputs[0], a_y);
    output_matrix(sizes.points[1], sizes.outputs[1], a_x);
    for (size_t tile = 0; tile < w->tiles; tile++) {
        for (size_t f = 0; f < w->filters; f++) {
            for (size_t point = 0; point < sizes.points[0] * sizes.points[1]; point++) {
                m[point / sizes.points[1]][point % sizes.points[1]] = w->sums[point * w->plane + tile * w->stride + f];
            }
            both_sides(sizes.outputs[0], sizes.points[0], a_y, sizes.outputs[1], sizes.points[1], a_x, m, out);
            for (size_t i = 0; i < sizes.outputs[0]; i++) {
                for (size_t j = 0; j < sizes.outputs[1]; j++) {
                    size_t y = w->top + i, x = w->left + tile * sizes.outputs[1] + j;
                    if (y >= w->height || x >= w->width) {
                        continue;
                    }
                    double sum = out[i][j] + (w->bias ? w->bias[f] : 0.0F);
                    sum += w->residual ? w->residual[y * w->residual_line + x * w->residual_pixel + f] : 0.0F;
                    w->y[y * w->line + x * w->pixel + f] =
                        (float)reference_activation(w->activation, sum, w->alpha, w->beta);
                }
            }
        }
    }
}

/* out = left^T in right: the transposed matrices of the other three. */
static void both_transposed(size_t rows_y, size_t columns_y, matrix left, size_t rows_x, size_t columns_x, matrix right,
                            matrix in, matrix out)
{
    matrix left_turned, right_turned;
    for (size_t i = 0; i < MOST_POINTS; i++) {
        for (size_t j = 0; j < MOST_POINTS; j++) {
            left_turned[j][i] = i < rows_y && j < columns_y ? left[i][j] : 0;
            right_turned[j][i] = i < rows_x && j < columns_x ? right[i][j] : 0;
        }
    }
    both_sides(columns_y, rows_y, left_turned, columns_x, rows_x, right_turned, in, out);
}

void reference_winograd_gradient(const struct kernel_winograd_input *w)
{
    struct winograd_sizes sizes = winograd_sizes(w->form);
    matrix a_y, a_x, d, v;
    output_matrix(sizes.points[0], sizes.outputs[0], a_y);
    output_matrix(sizes.points[1], sizes.outputs[1], a_x);
    size_t padded = (w->channels + REFERENCE_PANEL - 1) / REFERENCE_PANEL * REFERENCE_PANEL;
    for (size_t tile = 0; tile < w->tiles; tile++) {
        for (size_t c = 0; c < padded; c++) {
            for (size_t i = 0; i < sizes.outputs[0]; i++) {
                for (size_t j = 0; j < sizes.outputs[1]; j++) {
                    ptrdiff_t y = w->top + (ptrdiff_t)i, x = w->left + (ptrdiff_t)(tile * sizes.outputs[1] + j);
                    bool inside = c < w->channels && y >= 0 && y < (ptrdiff_t)w->height && x >= 0 &&
                                  x < (ptrdiff_t)w->width;
                    d[i][j] = inside ? w->x[(size_t)y * w->line + (size_t)x * w->pixel + c] : 0;
                }
            }
            both_transposed(sizes.outputs[0], sizes.points[0], a_y, sizes.outputs[1], sizes.points[1], a_x, d, v);
            for (size_t point = 0; point < sizes.points[0] * sizes.points[1]; point++) {
                w->out[point * w->plane + tile * w->stride + c] =
                    (float)v[point / sizes.points[1]][point % sizes.points[1]];
            }
        }
    }
}

void reference_winograd_taps(enum winograd_form form, size_t columns, const float *sums, size_t plane, float *taps,
                             size_t tap_plane)
{
    struct winograd_sizes sizes = winograd_sizes(form);
    matrix g_y, g_x, m, out;
    weight_matrix(sizes.points[0], sizes.taps[0], g_y);
    weight_matrix(sizes.points[1], sizes.taps[1], g_x);
    for (size_t i = 0; i < columns; i++) {
        for (size_t point = 0; point < sizes.points[0] * sizes.points[1]; point++) {
            m[point / sizes.points[1]][point % sizes.points[1]] = sums[point * plane + i];
        }
        both_transposed(sizes.points[0], sizes.taps[0], g_y, sizes.points[1], sizes.taps[1], g_x, m, out);
        for (size_t t = 0; t < sizes.taps[0] * sizes.taps[1]; t++) {
            taps[t * tap_plane + i] = (float)out[t / sizes.taps[1]][t % sizes.taps[1]];
        }
    }
}
