/* SPDX-License-Identifier: MIT */
/* The weight gradient by Winograd's transformations: the sum that winograd.h computes is a product of three factors
 * summed over points, so its derivative by the weight is G^T [sum over tiles of (B^T x B) (A dy A^T)] G: 36 products
 * for a tile of 16 pixels and 9 taps, where outer.h makes 144. Private to the folder; read winograd.h and outer.h
 * before. */
#ifndef OP_CONV_WINOGRAD_WEIGHT_H
#define OP_CONV_WINOGRAD_WEIGHT_H

#include "op/conv/conv.h"

/** Fills compile if this is faster than outer products. False: nothing was touched. */
bool conv_winograd_weight_compile(struct op_compile *compile, const struct conv_geometry *geometry);

/** Tiles are taken in blocks; of a block first both sides are transformed, then multiplied: pieces of the weight, some
 *  channels by some filters. Each side lies as the products read it: x as [channel part][point][tile][channels], dy as
 *  [panel][point][tile][width]. All of it follows from the shapes. */
struct winograd_weight_plan {
    enum winograd_form form;
    size_t outputs[2], points, taps;
    size_t batch, channels, filters;
    size_t in[2], out[2];      /**< pixels, high and wide */
    ptrdiff_t begin[2];        /**< pixels that the first tile of x lies before the image */
    size_t tiles[2], count;    /**< of an image, high and wide; in all */
    size_t blocks, block_tiles;
    size_t run;                /**< tiles that one product takes: their rows stay in cache */
    size_t piece;              /**< tiles transformed together */
    size_t panel, panels;
    size_t channel_part, channel_parts, panel_part, panel_parts; /**< pieces of the weight */
    size_t x_plane, x_part;    /**< from point to point, from part to part, floats */
    size_t dy_plane, dy_panel; /**< of a whole panel */
    size_t sum_plane, sum_floats; /**< of a piece: per point, in all */
    size_t x_floats, dy_floats;
};

#endif
