/* SPDX-License-Identifier: MIT */
/* Reference kernels for Winograd's transformations: the three matrices computed from their points, and plain products
   with them, in double. The fast versions, which exploit that points come in pairs, are vector/winograd.h. */
#include <string.h>

#include "kernel/reference/reference.h"

enum { MOST_POINTS = 10 };

/* The finite points of an axis; its last point is infinity. An axis of one point is not transformed. */
static const double *finite_points(size_t points)
{
    static const double four[] = {0, 1, -1}, six[] = {0, 0.75, -0.75, 1.5, -1.5},
                        ten[] = {0, 0.5, -0.5, 0.75, -0.75, 1.25, -1.25, 2, -2};
    return points == 4 ? four : points == 6 ? six : ten;
}

typedef double matrix[MOST_POINTS][MOST_POINTS];

/* Row i of B^T holds the coefficients of the product of (t - p) over all finite points p but p_i: it gives the residue
   of the input's polynomial at p_i. The row of infinity has the product over all finite points. */
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

/* Row i of G evaluates the filter's polynomial at p_i and divides by the product of (p_i - p_j) over all j but i. */
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

/* Row k of A^T holds the k-th powers of the points. */
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
                size_t at =
                    f * s->filter_stride + c * s->channel_stride + (s->tap_offsets ? (size_t)s->tap_offsets[t] : t);
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

/* out = left^T in right: for the gradients, which use the transposes of the three matrices. */
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

/* One axis: m is the matrix of the transformation; unspread and collect use its transpose (`turned`). */
void reference_images_axis(const struct kernel_images_axis *a)
{
    matrix m;
    bool turned = a->axis == WINOGRAD_UNSPREAD || a->axis == WINOGRAD_COLLECT;
    size_t to = a->points, from = a->points;
    if (a->axis == WINOGRAD_SPREAD || a->axis == WINOGRAD_UNSPREAD) {
        input_matrix(a->points, m);
    } else if (a->axis == WINOGRAD_GATHER) {
        output_matrix(a->points, 2, m);
        to = 2;
    } else {
        weight_matrix(a->points, a->points - 1, m);
        *(turned ? &to : &from) = a->points - 1;
    }
    for (size_t i = 0; i < a->repeats * a->count; i++) {
        size_t repeat = i / a->count, at = i % a->count;
        for (size_t k = 0; k < to; k++) {
            float *out = a->out + repeat * a->out_repeat + k * a->out_step + at;
            double sum = a->axis == WINOGRAD_UNSPREAD ? *out : 0;
            for (size_t l = 0; l < from; l++) {
                sum += (turned ? m[l][k] : m[k][l]) * a->x[repeat * a->x_repeat + l * a->x_step + at];
            }
            *out = (float)sum;
        }
    }
}

/* ---- images as lanes: lines of tiles ----------------------------------------------------------------------------- */

static float *tile_x(const struct kernel_images_tiles *k, size_t row, size_t tile, size_t pixel, size_t c, size_t lane)
{
    return k->x + row * k->x_line + ((2 * tile + pixel) * k->channels + c) * k->lanes + lane;
}

static float *tile_y(const struct kernel_images_tiles *k, size_t row, size_t tile, size_t column, size_t f, size_t lane)
{
    return k->y + column * k->y_plane + ((row * k->tiles + tile) * k->filters + f) * k->lanes + lane;
}

/* The value of a tile's channel at a point: row `point` of B^T times its pixels. */
static double value_of_x(const struct kernel_images_tiles *k, matrix b, size_t row, size_t tile, size_t c, size_t lane,
                         size_t point)
{
    double sum = 0;
    for (size_t i = 0; i < k->points; i++) {
        sum += b[point][i] * *tile_x(k, row, tile, i, c, lane);
    }
    return sum;
}

/* The value of a tile's filter at a point: column `point` of A^T times its two pixels. */
static double value_of_y(const struct kernel_images_tiles *k, matrix a, size_t row, size_t tile, size_t f, size_t lane,
                         size_t point)
{
    return a[0][point] * *tile_y(k, row, tile, 0, f, lane) + a[1][point] * *tile_y(k, row, tile, 1, f, lane);
}

/* The place of one number in a kernel's result, [row][tile][number][lane]; a number is a filter or a channel. */
struct tile_place {
    size_t row, tile, number, lane;
};

static struct tile_place place_of(const struct kernel_images_tiles *k, size_t i, size_t numbers)
{
    size_t tile = i / k->lanes / numbers;
    return (struct tile_place){tile / k->tiles, tile % k->tiles, i / k->lanes % numbers, i % k->lanes};
}

void reference_images_tiles(const struct kernel_images_tiles *k)
{
    matrix a, b;
    output_matrix(k->points, 2, a);
    input_matrix(k->points, b);
    for (size_t i = 0; i < k->rows * k->tiles * k->filters * k->lanes; i++) {
        struct tile_place at = place_of(k, i, k->filters);
        double sum[2] = {0, 0};
        for (size_t point = 0; point < k->points; point++) {
            double at_point = 0;
            for (size_t c = 0; c < k->channels; c++) {
                at_point += value_of_x(k, b, at.row, at.tile, c, at.lane, point) *
                            k->weights[(c * k->filters + at.number) * k->points + point];
            }
            sum[0] += a[0][point] * at_point;
            sum[1] += a[1][point] * at_point;
        }
        *tile_y(k, at.row, at.tile, 0, at.number, at.lane) = (float)sum[0];
        *tile_y(k, at.row, at.tile, 1, at.number, at.lane) = (float)sum[1];
    }
}

void reference_images_tiles_back(const struct kernel_images_tiles *k)
{
    matrix a, b;
    output_matrix(k->points, 2, a);
    input_matrix(k->points, b);
    for (size_t i = 0; i < k->rows * k->tiles * k->channels * k->lanes; i++) {
        struct tile_place at = place_of(k, i, k->channels);
        double at_point[MOST_POINTS] = {0};
        for (size_t point = 0; point < k->points; point++) {
            for (size_t f = 0; f < k->filters; f++) {
                at_point[point] += value_of_y(k, a, at.row, at.tile, f, at.lane, point) *
                                   k->weights[(f * k->channels + at.number) * k->points + point];
            }
        }
        for (size_t pixel = 0; pixel < k->points; pixel++) {
            double sum = *tile_x(k, at.row, at.tile, pixel, at.number, at.lane);
            for (size_t point = 0; point < k->points; point++) {
                sum += b[point][pixel] * at_point[point];
            }
            *tile_x(k, at.row, at.tile, pixel, at.number, at.lane) = (float)sum;
        }
    }
}

void reference_images_tiles_outer(const struct kernel_images_tiles *k)
{
    matrix a, b;
    output_matrix(k->points, 2, a);
    input_matrix(k->points, b);
    for (size_t i = 0; i < k->channels * k->filters * k->points * k->lanes; i++) {
        size_t lane = i % k->lanes, point = i / k->lanes % k->points, f = i / k->lanes / k->points % k->filters;
        size_t c = i / k->lanes / k->points / k->filters;
        double sum = k->begins ? 0 : k->sums[i];
        for (size_t tile = 0; tile < k->rows * k->tiles; tile++) {
            sum += value_of_x(k, b, tile / k->tiles, tile % k->tiles, c, lane, point) *
                   value_of_y(k, a, tile / k->tiles, tile % k->tiles, f, lane, point);
        }
        k->sums[i] = (float)sum;
    }
}

void reference_images_winners(size_t points, size_t n, const float *dy, const int32_t *index, float *out)
{
    matrix a;
    output_matrix(points, 2, a);
    for (size_t i = 0; i < points * 2 * n; i++) {
        size_t point = i / n / 2, column = i / n % 2, winner = (size_t)index[i % n];
        out[i] = winner < 4 && winner % 2 == column ? (float)(a[winner / 2][point] * dy[i % n]) : 0.0f;
    }
}
