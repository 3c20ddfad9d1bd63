/* SPDX-License-Identifier: MIT */
/* Convolution as an implicit matrix product (DESIGN section 4), for the forward pass and for the input gradient. Rows
 * are output pixels, columns are filters; the row's elements are found through a table of offsets into the image, so no
 * im2col copy exists. The gradient of a stride s convolution is s x s such products ("phases"), each with the taps that
 * reach its pixels. Private to the folder; read conv.h before. */
#ifndef OP_CONV_PRODUCT_H
#define OP_CONV_PRODUCT_H

#include "op/conv/conv.h"

/** Fills compile for y = x * weight. */
int conv_product_compile(struct op_compile *compile, const struct conv_geometry *geometry);
/** Fills compile for dx from dy and weight. */
int conv_product_gradient_compile(struct op_compile *compile, const struct conv_geometry *geometry);

/* ---- the state: made by product_plan.c, run by product.c --------------------------------------------------------- */

/** Output pixels that share their taps. */
struct product_phase {
    size_t rows;        /**< output pixels of one image */
    size_t taps;        /**< runs of contiguous floats per row; 0: the rows are zero */
    size_t weight_taps; /**< taps of the weights: taps, or more where a run covers several */
    size_t blocks;      /**< per unit */
    size_t first_item;  /**< within a unit, for finding the phase of an item */
    size_t offsets;     /**< into the integers: [taps][unit_images * rows] */
    size_t out_offsets; /**< into the integers: [unit_images * rows] */
    size_t tap_offsets; /**< into the integers: [weight_taps], where each tap lies within a plain filter */
    size_t weights;     /**< into the packed floats: [groups][panels][weight_taps][channels][width] */
    bool   has_room;    /**< the kernel gets room (kernel.h, product_room) */
};

/** Work is units x phases x blocks x segments; runs of items are chunks. All of it follows from the shapes. */
struct product_plan {
    size_t batch;        /**< images */
    size_t unit_images;  /**< images that share one call: small images are taken together */
    size_t units, unit_items, segments, items, chunk_items;
    size_t wanted; /**< items that the threads want. No sum depends on it: only filters and pixels are cut */
    size_t tile_rows, panel_columns; /**< rows are cut at multiples of the first, filters of the second */
    size_t made_bytes; /**< of a worker's scratch, for rows that are made; room for the kernel comes behind */
    size_t room;       /**< floats; 0: none */
    size_t groups, group_in, group_out; /**< floats from group to group in a pixel of the source and of the result */
    size_t filters;      /**< columns of the product, per group */
    size_t channels;     /**< of the weights, per tap */
    size_t run;          /**< contiguous floats per tap of the table */
    size_t x_stride;     /**< pointwise: floats from row to row, no table; else 0 */
    size_t part_rows;    /**< pointwise, in training: rows of a block, whatever the number of threads; 0: blocks are not
                            alike */
    size_t made_rows;    /**< pointwise: so many rows of the source are made at a time; 0: they are stored */
    bool   separable;    /**< no tap leaves the image, so the table is a sum: place of the pixel + place of the tap */
    size_t in_image, out_image; /**< floats */
    size_t in_stride, out_stride, residual_stride; /**< floats from pixel to pixel; in: of what the products read */
    bool   scattered;           /**< rows go to out_offsets */
    size_t filter_stride, channel_stride, weight_group; /**< how plain weights are read */
    size_t phase_count, phases, zeros, integers;        /**< bytes from the state's beginning */
    bool   padded;                                      /**< x is copied into a zero-padded image first */
    struct window window;
    struct conv_cut cut;    /**< where the producer runs within this step */
    size_t image_channels;  /**< of x, for the padded copy */
    int64_t padded_size[3]; /**< pixels */
};

op_function conv_product_run, conv_product_pack;
/** Some pixels of a pointwise product of one group, from `first` on (of all images), and filters from `filter` on. */
struct product_part {
    size_t first, pixels, filter, filters;
};
void conv_product_part(const struct op_run *run, const struct product_part *part, const float *x, size_t x_stride,
                       float *out, size_t out_stride);

/* chain.c, for pointwise products */
op_function conv_chain_run;
op_make     conv_chain_make;

#endif
