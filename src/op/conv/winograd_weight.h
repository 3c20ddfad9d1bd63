/* SPDX-License-Identifier: MIT */
/* The weight gradient by Winograd's transformations: what winograd.h computes is a product of three factors summed over
 * points, so its derivative with respect to the weight is G^T [sum over tiles of (B^T x B) (A dy A^T)] G: 36 products
 * for a tile of 16 pixels and 9 taps, where outer.h makes 144. Private to the folder; read winograd.h and outer.h
 * first. */
#ifndef OP_CONV_WINOGRAD_WEIGHT_H
#define OP_CONV_WINOGRAD_WEIGHT_H

#include "op/conv/conv.h"

/** Fills compile if this is faster than outer products. False: compile is unchanged. */
bool conv_winograd_weight_compile(struct op_compile *compile, const struct conv_geometry *geometry);

/** Tiles are processed in blocks. First both sides of a block, x and dy, are transformed; then they are multiplied,
 *  piece by piece of the weight, a piece being some channels by some filters. The transformed sides are stored in the
 *  order in which the products read them: x as [channel part][point][tile][channels], dy as
 *  [panel][point][tile][width]. All of it follows from the shapes. */
struct winograd_weight_plan {
    enum winograd_form form;
    size_t outputs[2], points, taps;
    size_t batch, channels, filters;
    size_t in[2], out[2];      /**< height and width of x and dy, pixels */
    ptrdiff_t begin[2];        /**< pixels by which the first tile of x begins before the image */
    size_t tiles[2], count;    /**< tiles of an image along its height and width; tiles in all */
    size_t blocks, block_tiles; /**< number of blocks; most tiles in a block */
    size_t run;                /**< tiles that one product sums over: few enough for their rows to stay in cache */
    size_t chunk_tiles;        /**< tiles transformed together */
    size_t panel, panels;      /**< columns of a whole panel; number of panels */
    size_t channel_part, channel_parts, panel_part, panel_parts; /**< size and number of pieces along each side */
    size_t x_plane, x_part;    /**< floats from point to point and from channel part to channel part of x */
    size_t dy_plane, dy_panel; /**< floats from point to point and from panel to panel of dy */
    size_t sum_plane, sum_floats; /**< floats of a piece's sums at one point, and at all points */
    size_t x_floats, dy_floats;
};

#endif
