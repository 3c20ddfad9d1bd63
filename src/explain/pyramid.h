/* SPDX-License-Identifier: MIT */
/* A Laplacian pyramid: coarse and fine parts of an array of pixels, octave by octave, so that gradient steps do not
 * consist of fine grain alone. Read next: visualise.c. */
#ifndef EXPLAIN_PYRAMID_H
#define EXPLAIN_PYRAMID_H

#include "base/error.h"
#include "base/memory.h"
#include <stdbool.h>

enum { PYRAMID_MOST_LEVELS = 6 };

struct pyramid {
    struct memory *memory;
    int channels, levels; /**< levels: halvings */
    int height[PYRAMID_MOST_LEVELS + 1], width[PYRAMID_MOST_LEVELS + 1];
    float *level[PYRAMID_MOST_LEVELS + 1]; /**< [channels, height, width] of each */
    float *work;                           /**< two planes of [height, width] of the first level */
};

/** Allocates as many octaves as keep at least 4 pixels a side. */
int pyramid_open(struct pyramid *pyramid, struct memory *memory, int channels, int height, int width,
                 struct error *error);
void pyramid_close(struct pyramid *pyramid); /**< accepts a zeroed one */
/** Replaces values [channels, height, width] by the sum of its octaves, each divided by its root mean square. False:
 *  they are all 0, and stay so. */
bool pyramid_balance(const struct pyramid *pyramid, float *values);
/** Blurs one channel by a Gaussian of that standard deviation, pixels; edges are repeated. work: [height, width]. */
void pyramid_blur(float *values, float *work, int height, int width, double deviation);

#endif
