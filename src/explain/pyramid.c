/* SPDX-License-Identifier: MIT */
/* A Laplacian pyramid (Burt & Adelson, "The Laplacian pyramid as a compact image code", 1983) whose octaves are made
 * equally strong: the normalisation of Mordvintsev's DeepDream tutorial (2016). A gradient has most of its strength in
 * the finest octave; a picture has most of it in the coarse ones. */
#include "explain/pyramid.h"
#include <math.h>
#include <string.h>

enum { LEAST_SIDE = 4, TAPS = 5, MOST_RADIUS = 48 };
static const float binomial[TAPS] = {1 / 16.0F, 4 / 16.0F, 6 / 16.0F, 4 / 16.0F, 1 / 16.0F};

int pyramid_open(struct pyramid *p, struct memory *memory, int channels, int height, int width, struct error *error)
{
    *p = (struct pyramid){.memory = memory, .channels = channels};
    p->height[0] = height;
    p->width[0] = width;
    while (p->levels < PYRAMID_MOST_LEVELS && p->height[p->levels] >= 2 * LEAST_SIDE &&
           p->width[p->levels] >= 2 * LEAST_SIDE) {
        p->height[p->levels + 1] = (p->height[p->levels] + 1) / 2;
        p->width[p->levels + 1] = (p->width[p->levels] + 1) / 2;
        p->levels++;
    }
    for (int k = 0; k <= p->levels; k++) {
        size_t area = (size_t)p->height[k] * (size_t)p->width[k];
        p->level[k] = memory_allocate(memory, area, (size_t)channels * sizeof(float), "octaves", error);
    }
    p->work = memory_allocate(memory, (size_t)height * (size_t)width, 2 * sizeof(float), "octaves", error);
    return (int)error->status;
}

void pyramid_close(struct pyramid *p)
{
    if (p->memory != NULL) {
        for (int k = 0; k <= p->levels; k++) {
            memory_free(p->memory, p->level[k]);
        }
        memory_free(p->memory, p->work);
    }
    *p = (struct pyramid){.memory = NULL};
}

static int within(int at, int size)
{
    return at < 0 ? 0 : at >= size ? size - 1 : at;
}

/* out[y, x] = the sum over taps of weight * in, along one axis and then the other; edges are repeated. */
static void smooth(const float *in, float *out, float *work, int height, int width, const float *weights, int radius)
{
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            float sum = 0.0F;
            for (int k = -radius; k <= radius; k++) {
                sum += weights[k + radius] * in[(size_t)y * (size_t)width + (size_t)within(x + k, width)];
            }
            work[(size_t)y * (size_t)width + (size_t)x] = sum;
        }
    }
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            float sum = 0.0F;
            for (int k = -radius; k <= radius; k++) {
                sum += weights[k + radius] * work[(size_t)within(y + k, height) * (size_t)width + (size_t)x];
            }
            out[(size_t)y * (size_t)width + (size_t)x] = sum;
        }
    }
}

void pyramid_blur(float *values, float *work, int height, int width, double deviation)
{
    float weights[2 * MOST_RADIUS + 1];
    int radius = (int)ceil(3.0 * deviation);
    double total = 0.0;
    radius = radius < 1 ? 1 : radius < MOST_RADIUS ? radius : MOST_RADIUS;
    for (int k = -radius; k <= radius; k++) {
        total += exp(-0.5 * k * k / (deviation * deviation));
    }
    for (int k = -radius; k <= radius; k++) {
        weights[k + radius] = (float)(exp(-0.5 * k * k / (deviation * deviation)) / total);
    }
    smooth(values, values, work, height, width, weights, radius);
}

/* Makes a channel of level k + 1: every second pixel of the smoothed level k. */
static void halve(const struct pyramid *p, int k, int channel)
{
    int height = p->height[k], width = p->width[k];
    size_t area = (size_t)height * (size_t)width, half = (size_t)p->height[k + 1] * (size_t)p->width[k + 1];
    float *smoothed = p->work, *out = p->level[k + 1] + (size_t)channel * half;
    smooth(p->level[k] + (size_t)channel * area, smoothed, p->work + (size_t)p->height[0] * (size_t)p->width[0], height,
           width, binomial, TAPS / 2);
    for (int y = 0; y < p->height[k + 1]; y++) {
        for (int x = 0; x < p->width[k + 1]; x++) {
            *out++ = smoothed[(size_t)(2 * y) * (size_t)width + (size_t)(2 * x)];
        }
    }
}

/* Adds level k + 1, enlarged bilinearly, times a sign, to level k. */
static void add_enlarged(const struct pyramid *p, int k, int channel, float sign)
{
    int height = p->height[k], width = p->width[k], low = p->height[k + 1], narrow = p->width[k + 1];
    float *to = p->level[k] + (size_t)channel * (size_t)height * (size_t)width;
    const float *from = p->level[k + 1] + (size_t)channel * (size_t)low * (size_t)narrow;
    for (int y = 0; y < height; y++) {
        const float *above = from + (size_t)(y / 2) * (size_t)narrow;
        const float *below = from + (size_t)within(y / 2 + y % 2, low) * (size_t)narrow;
        for (int x = 0; x < width; x++) {
            int left = x / 2, right = within(x / 2 + x % 2, narrow);
            float value = 0.25F * (above[left] + above[right] + below[left] + below[right]);
            to[(size_t)y * (size_t)width + (size_t)x] += sign * value;
        }
    }
}

/* Divides a level by its root mean square. False: it is 0. */
static bool make_equal(float *values, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)values[i] * (double)values[i];
    }
    double size = sqrt(sum / (double)count);
    for (size_t i = 0; size > 0.0 && i < count; i++) {
        values[i] = (float)((double)values[i] / size);
    }
    return size > 0.0;
}

bool pyramid_balance(const struct pyramid *p, float *values)
{
    size_t count = (size_t)p->channels * (size_t)p->height[0] * (size_t)p->width[0];
    bool any = false;
    memcpy(p->level[0], values, count * sizeof *values);
    for (int k = 0; k < p->levels; k++) {
        for (int c = 0; c < p->channels; c++) {
            halve(p, k, c);
            add_enlarged(p, k, c, -1.0F);
        }
    }
    for (int k = p->levels; k >= 0; k--) {
        any = make_equal(p->level[k], (size_t)p->channels * (size_t)p->height[k] * (size_t)p->width[k]) || any;
        for (int c = 0; k < p->levels && c < p->channels; c++) {
            add_enlarged(p, k, c, 1.0F);
        }
    }
    memcpy(values, p->level[0], count * sizeof *values);
    return any;
}
