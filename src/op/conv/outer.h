/* SPDX-License-Identifier: MIT */
/* The weight gradient of a convolution as sums of outer products: for each tap and pixel, a column of x times a row of
 * dy. Small weights: each chunk of pixels makes a partial sum of the whole weight, and these are added in order. Large
 * weights: all of x and dy is packed first, and each thread sums a piece of the weight over all pixels, without a
 * reduction. Private to the folder. */
#ifndef OP_CONV_OUTER_H
#define OP_CONV_OUTER_H

#include "op/conv/conv.h"

int conv_outer_compile(struct op_compile *compile, const struct conv_geometry *geometry);
/** outer_rows.c, the same on bfloat16 tiles: fills compile if that is faster. False: compile is unchanged. */
bool conv_outer_rows_compile(struct op_compile *compile, const struct conv_geometry *geometry);

/** How x is read: in place, as a copy with zero columns left and right, or packed in blocks of tile_rows channels. */
enum outer_form { OUTER_IN_PLACE, OUTER_PADDED, OUTER_BLOCKS };

struct outer_plan {
    struct window window;
    enum outer_form form;
    bool   collapsed; /**< the (kx, channel) of a kernel row are one run of columns, since they are contiguous in x */
    bool   packed_first; /**< large weights: x and dy are packed before the products */
    size_t batch, channels, filters, groups, group_channels, group_filters;
    size_t taps, columns;    /**< kernel calls per unit, and columns of x in each */
    size_t blocks;           /**< blocks of columns, per group */
    size_t blocks_together, panels_together; /**< large weights: blocks and panels of a thread's job, which reads each
     * unit from memory once */
    size_t panels, padded_filters;
    size_t unit_lines, units, line_units; /**< a unit is unit_lines output lines of one plane; line_units: in a plane */
    size_t parts;            /**< partial sums */
    size_t part_floats;      /**< [groups][panels][taps][columns][width] */
    size_t width, left, copied, column_step; /**< of a copied line: pixels, zeros before, pixels from x, every n-th */
    size_t lines, planes;    /**< lines and planes that a copy holds */
    size_t pixel, line, plane, block, image; /**< strides of the copy (or of x), floats; block: also from the last
                                                block of a group to the first of the next */
    size_t dy_floats, x_floats; /**< sizes of the copies of dy and x */
    size_t copy_floats;         /**< both copies; behind them lies a line of x where x is made on demand */
};

op_function conv_outer_run;
struct outer_plan conv_outer_plan(const struct kernel_table *kernel, const struct conv_geometry *geometry);

#endif
