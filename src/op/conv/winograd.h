/* SPDX-License-Identifier: MIT */
/* Winograd's convolution of stride 1, for the forward pass and the input gradient: a tile of m x m outputs of a 3 x 3
 * kernel costs (m + 2)^2 products where direct sums cost 9 m^2; 36 instead of 144 for m = 4. kernel/kernel.h defines
 * the transformations; winograd_plan.c decides when they pay, winograd.c turns tiles into matrix products. Private to
 * the folder; read product.h first, which serves all other convolutions. */
#ifndef OP_CONV_WINOGRAD_H
#define OP_CONV_WINOGRAD_H

#include "op/conv/conv.h"

/** Fills compile with the fastest form and returns true if there is one that beats direct sums. `gradient`: computes
 *  the input gradient, and in[0] is dy. False: compile is unchanged. */
bool conv_winograd_compile(struct op_compile *compile, const struct conv_geometry *geometry, bool gradient);

/** Whether this is a convolution of stride 1, no dilation, one group, two axes, and the form's taps. */
bool conv_winograd_fits(const struct conv_geometry *geometry, enum winograd_form form);
/** The rates by which Winograd's forms are compared with others; those of a usual machine where compile has none. */
const fov_rates *conv_winograd_rates(const struct op_compile *compile);

/* ---- the state: made by winograd_plan.c, run by winograd.c ------------------------------------------------------- */

/** Tiles are numbered image by image, row by row, and divided into blocks. Usually one thread processes a block by
 *  itself: it transforms, multiplies and transforms back in its own scratch. Where that would give too few blocks, or
 *  each thread would read too many weights, blocks are larger and shared: first all threads transform, then each job
 *  multiplies and transforms back some tiles and some filters. The shapes decide between the two. */
struct winograd_plan {
    enum winograd_form form;
    size_t outputs[2];           /**< height and width of a tile of the result, pixels */
    size_t points;               /**< points of a tile, each of which is one matrix product */
    size_t batch, channels;
    size_t filters, padded;      /**< columns of the products, without and with those that fill the last vector */
    size_t panel;                /**< columns of a whole panel */
    size_t in[2], out[2];        /**< height and width of source and result, pixels */
    ptrdiff_t begin[2];          /**< pixels by which the first tile of the source begins before the image */
    size_t tiles[2];             /**< tiles of an image along its height and width */
    size_t count;                /**< tiles in all */
    size_t blocks, block_tiles;  /**< number of blocks; most tiles in a block */
    bool   shared;
    size_t chunk_tiles;          /**< tiles of a shared block that are transformed together */
    size_t groups, group_tiles;  /**< parts of a shared block, most tiles in a part; else 1 and block_tiles */
    size_t segment, segments;    /**< filters of a job of a shared block, jobs across the filters; else padded and 1 */
    size_t value_stride, value_plane; /**< of transformed tiles, floats from tile to tile and from point to point */
    size_t sum_plane;            /**< of products, floats from point to point; from tile to tile it is `segment` */
    size_t sums;                 /**< where products begin in a worker's scratch, floats */
    size_t weight_plane;         /**< of packed weights, floats from point to point */
    size_t filter_stride, channel_stride; /**< of the plain weights */
    bool   rotated;              /**< gradient: taps in reverse order */
};

op_function conv_winograd_run, conv_winograd_pack;

#endif
