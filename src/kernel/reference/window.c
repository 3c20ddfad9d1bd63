/* SPDX-License-Identifier: MIT */
/* Reference kernels for depthwise and grouped convolution and pooling, one output row at a time. Each loop works out
   for every output pixel and tap which input pixel they meet; the fast versions in vector/depthwise.h, grouped.h and
   pool.h do that once per pixel or row, not once per channel. */
#include <math.h>

#include "kernel/reference/reference.h"

/* The input pixel that output o sees through kernel column k; false if it lies outside the row. */
static bool input_of(const struct kernel_window *w, size_t o, size_t k, size_t *i)
{
    size_t padded = o * w->stride + k * w->dilation;
    *i = padded - w->pad;
    return padded >= w->pad && *i < w->width;
}

/* The output pixel that sees input i through kernel column k; false if there is none. */
static bool output_of(const struct kernel_window *w, size_t i, size_t k, size_t *o)
{
    size_t padded = i + w->pad;
    if (padded < k * w->dilation || (padded - k * w->dilation) % w->stride != 0) {
        return false;
    }
    *o = (padded - k * w->dilation) / w->stride;
    return *o < w->out_width;
}

void reference_depthwise(const struct kernel_window *w, const float *const *rows, const float *weights,
                         const float *bias, float *y, enum unary activation, float alpha, float beta)
{
    for (size_t o = 0; o < w->out_width; o++) {
        for (size_t c = 0; c < w->channels; c++) {
            double sum = bias ? bias[c] : 0.0;
            for (size_t tap = 0; tap < w->kernel_height * w->kernel_width; tap++) {
                const float *row = rows[tap / w->kernel_width];
                size_t i;
                if (row && input_of(w, o, tap % w->kernel_width, &i)) {
                    sum += (double)row[i * w->x_stride + c] * weights[tap * w->channels + c];
                }
            }
            y[o * w->y_stride + c] = (float)reference_activation(activation, sum, alpha, beta);
        }
    }
}

void reference_grouped(const struct kernel_window *w, size_t group, const float *const *rows, const float *weights,
                       const float *bias, float *y, enum unary activation, float alpha, float beta)
{
    size_t taps = w->kernel_height * w->kernel_width;
    for (size_t o = 0; o < w->out_width; o++) {
        for (size_t f = 0; f < w->channels; f++) {
            double sum = bias ? bias[f] : 0.0;
            for (size_t tap = 0; tap < taps; tap++) {
                const float *row = rows[tap / w->kernel_width];
                size_t i;
                if (!row || !input_of(w, o, tap % w->kernel_width, &i)) {
                    continue;
                }
                for (size_t c = 0; c < group; c++) {
                    float x = row[i * w->x_stride + f / group * group + c];
                    sum += (double)x * weights[(c * taps + tap) * w->channels + f];
                }
            }
            y[o * w->y_stride + f] = (float)reference_activation(activation, sum, alpha, beta);
        }
    }
}

static void input_gradient(const struct kernel_window *w, const float *const *dy_rows, const float *weights, float *dx)
{
    for (size_t i = 0; i < w->width; i++) {
        for (size_t c = 0; c < w->channels; c++) {
            double sum = 0;
            for (size_t tap = 0; tap < w->kernel_height * w->kernel_width; tap++) {
                const float *row = dy_rows[tap / w->kernel_width];
                size_t o;
                if (row && output_of(w, i, tap % w->kernel_width, &o)) {
                    sum += (double)row[o * w->y_stride + c] * weights[tap * w->channels + c];
                }
            }
            dx[i * w->x_stride + c] = (float)sum;
        }
    }
}

static void weight_gradient(const struct kernel_window *w, const float *const *dy_rows, const float *x, float *dweights)
{
    for (size_t tap = 0; tap < w->kernel_height * w->kernel_width; tap++) {
        const float *row = dy_rows[tap / w->kernel_width];
        for (size_t c = 0; row && c < w->channels; c++) {
            double sum = dweights[tap * w->channels + c];
            for (size_t i = 0; i < w->width; i++) {
                size_t o;
                if (output_of(w, i, tap % w->kernel_width, &o)) {
                    sum += (double)x[i * w->x_stride + c] * row[o * w->y_stride + c];
                }
            }
            dweights[tap * w->channels + c] = (float)sum;
        }
    }
}

void reference_depthwise_gradients(const struct kernel_window *w, const float *const *dy_rows, const float *weights,
                                   const float *x, float *dx, float *dweights)
{
    if (dx) {
        input_gradient(w, dy_rows, weights, dx);
    }
    if (dweights) {
        weight_gradient(w, dy_rows, x, dweights);
    }
}

void reference_max_pool(const struct kernel_window *w, const float *const *rows, float *y, void *index,
                        size_t index_bytes)
{
    for (size_t o = 0; o < w->out_width; o++) {
        for (size_t c = 0; c < w->channels; c++) {
            float best = -INFINITY;
            size_t winner = 0;
            bool seen = false;
            for (size_t tap = 0; tap < w->kernel_height * w->kernel_width; tap++) {
                const float *row = rows[tap / w->kernel_width];
                size_t i;
                if (!row || !input_of(w, o, tap % w->kernel_width, &i)) {
                    continue;
                }
                float x = row[i * w->x_stride + c];
                if (!seen || x > best || (isnan(x) && !isnan(best))) {
                    best = x;
                    winner = tap;
                    seen = true;
                }
            }
            y[o * w->y_stride + c] = best;
            if (index_bytes == 1) {
                ((uint8_t *)index)[o * w->channels + c] = (uint8_t)winner;
            } else if (index_bytes == 4) {
                ((int32_t *)index)[o * w->channels + c] = (int32_t)winner;
            }
        }
    }
}

void reference_max_pool_gradient(const struct kernel_window *w, const float *const *dy_rows,
                                 const void *const *index_rows, size_t index_bytes, float *dx)
{
    for (size_t i = 0; i < w->width; i++) {
        for (size_t c = 0; c < w->channels; c++) {
            float sum = 0;
            for (size_t tap = 0; tap < w->kernel_height * w->kernel_width; tap++) {
                size_t ky = tap / w->kernel_width, o;
                if (!dy_rows[ky] || !output_of(w, i, tap % w->kernel_width, &o)) {
                    continue;
                }
                size_t at = o * w->channels + c;
                size_t winner = index_bytes == 1 ? ((const uint8_t *)index_rows[ky])[at]
                                                 : (size_t)((const int32_t *)index_rows[ky])[at];
                sum += winner == tap ? dy_rows[ky][o * w->y_stride + c] : 0.0f;
            }
            dx[i * w->x_stride + c] = sum;
        }
    }
}

void reference_average_pool(const struct kernel_window *w, const float *const *rows, const float *divisors, float *y)
{
    for (size_t o = 0; o < w->out_width; o++) {
        for (size_t c = 0; c < w->channels; c++) {
            float sum = 0;
            for (size_t tap = 0; tap < w->kernel_height * w->kernel_width; tap++) {
                const float *row = rows[tap / w->kernel_width];
                size_t i;
                if (row && input_of(w, o, tap % w->kernel_width, &i)) {
                    sum += row[i * w->x_stride + c];
                }
            }
            y[o * w->y_stride + c] = sum / divisors[o];
        }
    }
}

void reference_average_pool_gradient(const struct kernel_window *w, const float *const *dy_rows,
                                     const float *const *divisor_rows, float *dx)
{
    for (size_t i = 0; i < w->width; i++) {
        for (size_t c = 0; c < w->channels; c++) {
            float sum = 0;
            for (size_t tap = 0; tap < w->kernel_height * w->kernel_width; tap++) {
                size_t ky = tap / w->kernel_width, o;
                if (dy_rows[ky] && output_of(w, i, tap % w->kernel_width, &o)) {
                    sum += dy_rows[ky][o * w->y_stride + c] / divisor_rows[ky][o];
                }
            }
            dx[i * w->x_stride + c] = sum;
        }
    }
}
