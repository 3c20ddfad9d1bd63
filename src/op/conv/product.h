/* SPDX-License-Identifier: MIT */
/* Convolution as an implicit matrix product (DESIGN section 4), for the forward pass and for the input gradient. Rows
 * are output pixels, columns are filters; a row's elements are found through a table of offsets into the image, so
 * there is no im2col copy. The input gradient of a convolution of stride s is s x s such products ("phases"), each with
 * the taps that reach its pixels. Private to the folder; read conv.h first. */
#ifndef OP_CONV_PRODUCT_H
#define OP_CONV_PRODUCT_H

#include "op/conv/conv.h"

/** Fills compile for y = x * weight. */
int conv_product_compile(struct op_compile *compile, const struct conv_geometry *geometry);
/** Fills compile for dx from dy and weight. */
int conv_product_gradient_compile(struct op_compile *compile, const struct conv_geometry *geometry);

/* ---- the state: made by product_plan.c, run by product.c --------------------------------------------------------- */

/** A phase: output pixels that are reached through the same taps. Going forward there is one phase, all pixels. */
struct product_phase {
    size_t rows;          /**< output pixels of one image; pointwise: of the whole batch */
    size_t taps;          /**< runs of contiguous floats per row; 0: no tap reaches these pixels, sums are empty */
    size_t weight_taps;   /**< taps of the weights: equal to taps, or more where a run covers several taps */
    size_t blocks;        /**< blocks of rows per unit */
    size_t first_item;    /**< number of blocks in the phases before it, for finding the phase of an item */
    size_t offsets;       /**< into the integers: [taps][unit_images * rows] */
    size_t out_offsets;   /**< into the integers: [unit_images * rows] */
    size_t tap_offsets;   /**< into the integers: [weight_taps], where each tap lies within a plain filter */
    size_t weights;       /**< into the packed floats: [groups][panels][weight_taps][channels][width] */
    bool   has_workspace; /**< the kernel gets a workspace: product on bfloat16 tiles */
};

/** The work is divided into items: units (of images) x phases x blocks (of rows) x segments (of filters). A chunk, the
 *  task of a thread, is `chunk_items` successive items. The division follows from the shapes and the number of threads;
 *  no sum depends on it. */
struct product_plan {
    size_t batch;        /**< images */
    size_t unit_images;  /**< images that share one kernel call, several if they are small */
    size_t units, unit_items, segments, items, chunk_items; /**< unit_items: items of a unit */
    size_t wanted; /**< number of items to aim for */
    size_t tile_rows, panel_columns; /**< rows are divided at multiples of the first, filters of the second */
    size_t made_bytes; /**< of a worker's scratch, for rows made on demand; the kernel's workspace follows */
    size_t workspace;  /**< floats of the kernel's workspace; 0: none */
    size_t groups, group_in, group_out; /**< groups; floats from group to group in a pixel of source and result */
    size_t filters;      /**< columns of the product, per group */
    size_t channels;     /**< channels of the weights, per tap */
    size_t run;          /**< contiguous floats per tap of the table */
    size_t x_stride;     /**< pointwise: floats from row to row of x, which needs no table; else 0 */
    size_t part_rows;    /**< pointwise, in training: rows of each block, the same for any number of threads; else 0 */
    size_t made_rows;    /**< pointwise: rows of the source made on demand at a time; 0: the source is stored */
    bool   separable;    /**< no tap leaves the image, so an offset is the sum of a pixel's place and a tap's place */
    size_t in_image, out_image; /**< floats of an image of the source and of the result */
    size_t in_stride, out_stride, residual_stride; /**< floats from pixel to pixel; in: of what the products read */
    bool   scattered;           /**< result rows are not contiguous, they go to out_offsets */
    size_t filter_stride, channel_stride, weight_group; /**< strides of plain weights: filter, channel, group */
    size_t phase_count, phases, zeros, integers; /**< phases; offsets of the three areas in the state, bytes */
    bool   padded;                                      /**< x is copied into a zero-padded image first */
    struct window window;
    struct conv_cut cut;    /**< how lines are divided where this step runs its producer */
    size_t image_channels;  /**< channels of x, for the padded copy */
    int64_t padded_size[3]; /**< of the padded copy, pixels */
};

op_function conv_product_run, conv_product_pack;
/** A part of a pointwise product of one group: `pixels` pixels from `first` on, counted through all images, and
 *  `filters` filters from `filter` on. */
struct product_part {
    size_t first, pixels, filter, filters;
};
void conv_product_part(const struct op_run *run, const struct product_part *part, const float *x, size_t x_stride,
                       float *out, size_t out_stride);

/* chain.c, for pointwise products */
op_function conv_chain_run;
op_make     conv_chain_make;

#endif
