/* SPDX-License-Identifier: MIT */
/* Winograd's convolution of stride 1, for the forward pass and the input gradient: a tile of m x m outputs of a 3 x 3
 * kernel costs (m + 2)^2 products where direct sums cost 9 m^2; 36 instead of 144 for m = 4. What the transformations
 * are is in kernel/kernel.h; here is when they pay (winograd_plan.c) and how tiles become matrix products (winograd.c).
 * Private to the folder; read product.h before, which serves everything else. */
#ifndef OP_CONV_WINOGRAD_H
#define OP_CONV_WINOGRAD_H

#include "op/conv/conv.h"

/** Fills compile with the fastest form if there is one that beats direct sums, and says so. The gradient is that of x:
 *  in[0] is dy then. False: nothing was touched. */
bool conv_winograd_compile(struct op_compile *compile, const struct conv_geometry *geometry, bool gradient);

/* ---- the state: made by winograd_plan.c, run by winograd.c ------------------------------------------------------- */

/** Tiles are numbered image by image, row by row, and taken in blocks. A block is one thread's alone: it transforms,
 *  multiplies and transforms back in its own memory. Where that would leave too few blocks, or each thread would read
 * too many weights, blocks are larger and shared: all threads transform, and then each job is the sums and results of
 * some tiles and some filters. Which one it is follows from the shapes. */
struct winograd_plan {
    enum winograd_form form;
    size_t outputs[2];           /**< pixels of a tile of the result, high and wide */
    size_t points;               /**< of a tile: matrix products */
    size_t batch, channels;
    size_t filters, padded;      /**< columns of the products; with those that fill the last vector */
    size_t panel;                /**< columns of a whole panel */
    size_t in[2], out[2];        /**< pixels, high and wide */
    ptrdiff_t begin[2];          /**< pixels that the first tile of the input lies before the image */
    size_t tiles[2];             /**< of an image */
    size_t count;                /**< tiles in all */
    size_t blocks, block_tiles;  /**< tiles of a block: at most */
    bool   shared;
    size_t piece;                /**< tiles of a shared block that are transformed together */
    size_t groups, group_tiles;  /**< parts of a shared block; tiles of a part: at most. Else 1 and block_tiles */
    size_t segment, segments;    /**< filters of a job of a shared block; jobs across the filters. Else padded and 1 */
    size_t value_stride, value_plane; /**< of transformed tiles, floats from tile to tile and from point to point */
    size_t sum_plane;            /**< of products; from tile to tile it is `segment` */
    size_t sums;                 /**< where products begin in a worker's memory, floats */
    size_t weight_plane;         /**< floats */
    size_t filter_stride, channel_stride; /**< of the plain weights */
    bool   rotated;              /**< the gradient's: the last tap first */
};

op_function conv_winograd_run, conv_winograd_pack;

#endif
