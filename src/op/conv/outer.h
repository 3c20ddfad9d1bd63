/* SPDX-License-Identifier: MIT */
/* The weight gradient of a convolution as sums of outer products: for each tap and pixel, a column of x times a row of
 * dy. Small weights: chunks of pixels each make a whole partial sum, and the parts are added in order. Large ones: all
 * of x and dy is packed first, and each thread owns a piece of the weight (no reduction). Private to the folder. */
#ifndef OP_CONV_OUTER_H
#define OP_CONV_OUTER_H

#include "op/conv/conv.h"

int conv_outer_compile(struct op_compile *compile, const struct conv_geometry *geometry);
/** The same on tiles, in outer_rows.c: fills compile if that is faster. False: nothing was touched. */
bool conv_outer_rows_compile(struct op_compile *compile, const struct conv_geometry *geometry);

/** How x is read: in place, as a copy with zero columns left and right, or packed in blocks of tile_rows channels. */
enum outer_form { OUTER_IN_PLACE, OUTER_PADDED, OUTER_BLOCKS };

struct outer_plan {
    struct window window;
    enum outer_form form;
    bool   collapsed; /**< (kx, channel) is one run of columns, as x has them side by side */
    bool   packed_first; /**< large weights */
    size_t batch, channels, filters, groups, group_channels, group_filters;
    size_t taps, columns;    /**< calls per pixel block, and columns of x in each */
    size_t blocks;           /**< of columns, per group */
    size_t blocks_together, panels_together; /**< of large weights: a thread's job, which reads each unit once from
     * afar */
    size_t panels, padded_filters;
    size_t unit_lines, units, line_units; /**< a unit is unit_lines output lines of one plane: a pixel block */
    size_t parts;            /**< partial sums */
    size_t part_floats;      /**< [groups][panels][taps][columns][width] */
    size_t width, left, copied, column_step; /**< of a copied line: pixels, zeros before, pixels from x, every n-th */
    size_t lines, planes;    /**< that a copy holds */
    size_t pixel, line, plane, block, image; /**< strides of the copy (or of x), floats; block: also between groups'
                                                blocks */
    size_t dy_floats, x_floats; /**< of the copies */
    size_t copy_floats;         /**< both; behind them there is room for a line of x that is made as it is read */
};

op_function conv_outer_run;
struct outer_plan conv_outer_plan(const struct kernel_table *kernel, const struct conv_geometry *geometry);

#endif
