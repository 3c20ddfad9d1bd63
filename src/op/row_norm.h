/* SPDX-License-Identifier: MIT */
/* Shared by layer, group, instance and RMS normalisation: each brings parts ("rows") of every sample to mean 0 and
 * variance 1 (RMS: only to mean square 1), and then scales and shifts. They differ in which elements form a row and
 * which weight belongs to an element. Rows are contiguous in plain order. Next: layer_norm/, group_norm/,
 * instance_norm/. */
#ifndef OP_ROW_NORM_H
#define OP_ROW_NORM_H

#include "op/common.h"

enum row_norm_kind {
    ROW_NORM_LAYER, /**< a row: all dimensions from `axis` on; a weight per element of the row */
    ROW_NORM_GROUP  /**< a row: all pixels of one group of channels; a weight per channel */
};
enum { ROW_NORM_X, ROW_NORM_WEIGHT, ROW_NORM_BIAS };         /**< inputs */
enum { ROW_NORM_Y, ROW_NORM_MEAN, ROW_NORM_INV_STD };        /**< outputs */

struct row_norm_options {
    double  epsilon;
    int64_t axis, groups; /**< groups 0: one per channel */
    int     kind;         /**< enum row_norm_kind */
    bool    group_weights; /**< weight and bias are [groups], as in ONNX opset 18 */
    bool    uncentred;     /**< the mean is not subtracted, and output ROW_NORM_MEAN is absent */
};

/** Element j of row r has the weight with index (r % period) * row_step + j / divisor. */
struct row_norm_geometry {
    size_t rows, columns, weights;
    size_t period, row_step, divisor;
};

int  row_norm_resolve(struct row_norm_geometry *geometry, const struct row_norm_options *options, const fov_shape *x,
                      struct error *error);
int  row_norm_infer(const struct op_infer *infer);
/** E_SHAPE unless input `index`, if there is one, has geometry->weights elements, in any shape. */
int  row_norm_check_weights(const struct op_infer *infer, const struct row_norm_geometry *geometry, int index,
                            const char *name);
/** Shape of the saved statistics: a number per row. */
fov_shape row_norm_rows(const struct row_norm_options *options, const fov_shape *x);
void row_norm_gradient(struct op_gradient *gradient);
void row_norm_textbook(const struct op_textbook *textbook);
int  row_norm_compile(struct op_compile *compile);

static inline size_t row_norm_weight(const struct row_norm_geometry *geometry, size_t row, size_t column)
{
    return row % geometry->period * geometry->row_step + column / geometry->divisor;
}

#endif
