/* SPDX-License-Identifier: MIT */
/* Reference kernels for convolution with images as lanes and its weight gradient: each lane is an image of its own. */
#include <math.h>

#include "kernel/reference/reference.h"

/* The sum of one pixel, filter and lane, whose window begins at x. */
static double window_sum(const struct kernel_images *k, const float *x, size_t filter, size_t lane)
{
    double sum = 0;
    for (size_t row = 0; row < k->rows; row++) {
        for (size_t i = 0; i < k->run; i++) {
            sum += (double)x[row * k->x_row + i * k->lanes + lane] *
                   k->weights[row * k->weight_row + i * k->filters + filter];
        }
    }
    return sum + (k->bias ? k->bias[filter] : 0);
}

void reference_images(const struct kernel_images *k)
{
    for (size_t o = 0; o < k->pixels; o++) {
        for (size_t f = 0; f < k->filters; f++) {
            for (size_t lane = 0; lane < k->lanes; lane++) {
                size_t at = (o * k->filters + f) * k->lanes + lane;
                const float *x = k->x + o * k->x_step * (k->pools ? 2 : 1);
                double best = window_sum(k, x, f, lane);
                size_t winner = 0;
                for (size_t tap = 1; k->pools && tap < 4; tap++) {
                    double sum = window_sum(k, x + (tap & 1) * k->x_step + (tap >> 1) * k->x_line, f, lane);
                    if (sum > best || (isnan(sum) && !isnan(best))) {
                        best = sum;
                        winner = tap;
                    }
                }
                best = best < k->low ? k->low : best;
                k->out[at] = (float)(best > k->high ? k->high : best);
                if (k->index) {
                    k->index[at] = (int32_t)winner;
                }
            }
        }
    }
}

void reference_images_outer(const struct kernel_images_outer *k)
{
    size_t count = k->rows * k->columns * k->channels * k->filters * k->lanes;
    for (size_t i = 0; i < count; i++) {
        size_t lane = i % k->lanes, filter = i / k->lanes % k->filters, place = i / k->lanes / k->filters;
        size_t run = k->columns * k->channels;
        double sum = k->sums[i];
        for (size_t line = 0; line < k->lines; line++) {
            for (size_t o = 0; o < k->pixels; o++) {
                sum += (double)k->x[line * k->x_line + place / run * k->x_row + o * k->x_step +
                                    place % run * k->lanes + lane] *
                       k->dy[line * k->dy_line + (o * k->filters + filter) * k->lanes + lane];
            }
        }
        k->sums[i] = (float)sum;
    }
}

void reference_images_total(size_t n, size_t lanes, const float *sums, float *total)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t lane = 0; lane < lanes; lane++) {
            sum += sums[i * lanes + lane];
        }
        total[i] = (float)sum;
    }
}

void reference_images_spread(size_t pixels, size_t filters, size_t lanes, const float *dy, const int32_t *index,
                             float *out, size_t out_line)
{
    for (size_t i = 0; i < pixels * filters * lanes; i++) {
        size_t o = i / (filters * lanes), within = i % (filters * lanes);
        for (size_t tap = 0; tap < 4; tap++) {
            out[tap / 2 * out_line + (2 * o + tap % 2) * filters * lanes + within] =
                (size_t)index[i] == tap ? dy[i] : 0.0f;
        }
    }
}

void reference_images_pool(const struct kernel_images_pool *k)
{
    size_t count = k->pixels * k->filters * k->lanes;
    for (size_t i = 0; i < count; i++) {
        float best = 0;
        int winner = -1;
        for (int tap = 0; tap < 4; tap++) { /* the first of equal values wins; a NaN wins over all that follow */
            float x = k->x[(size_t)tap * count + i] + (k->bias ? k->bias[i / k->lanes % k->filters] : 0.0f);
            if (winner < 0 || x > best || (isnan(x) && !isnan(best))) {
                best = x;
                winner = tap;
            }
        }
        k->out[i] = best < k->low ? k->low : best > k->high ? k->high : best;
        if (k->index) {
            k->index[i] = winner;
        }
    }
}

void reference_widen_bytes(size_t n, const uint8_t *x, int32_t *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = x[i];
    }
}

void reference_narrow_to_bytes(size_t n, const int32_t *x, uint8_t *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = (uint8_t)x[i];
    }
}
