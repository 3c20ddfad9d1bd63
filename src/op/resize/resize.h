/* SPDX-License-Identifier: MIT */
/* Resizing by interpolation: per axis, every output element is a weighted sum of a few neighbouring inputs, and the
 * weights of several axes multiply. points.c computes neighbours and weights (for all coordinate modes of ONNX),
 * resize.c is the operator, apply.c computes one axis after another, gradient.c runs the same tables backwards. Private
 * to the folder. */
#ifndef OP_RESIZE_RESIZE_H
#define OP_RESIZE_RESIZE_H

#include "op/common.h"

enum resize_mode { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC };
enum resize_coordinate {
    RESIZE_HALF_PIXEL,
    RESIZE_HALF_PIXEL_SYMMETRIC,
    RESIZE_PYTORCH_HALF_PIXEL,
    RESIZE_ALIGN_CORNERS,
    RESIZE_ASYMMETRIC,
    RESIZE_CROP,
    RESIZE_TF_HALF_PIXEL /**< opset 11 only */
};
enum resize_nearest { RESIZE_ROUND_DOWN, RESIZE_ROUND_UP, RESIZE_FLOOR, RESIZE_CEIL };
enum resize_policy { RESIZE_STRETCH, RESIZE_NOT_LARGER, RESIZE_NOT_SMALLER };

struct resize_options {
    int            mode, coordinate, nearest_mode, policy;
    double         cubic_coeff_a, extrapolation_value;
    bool           exclude_outside, antialias;
    struct op_list axes; /**< the axes that roi, scales, sizes and size refer to; empty: all, in order */
    struct op_list size; /**< in place of the input `sizes` */
    double         scale; /**< in place of the input `scales`: the same for all of `axes`; 0: not given */
};
extern const struct op_attribute resize_attributes[];

struct resize_axis {
    int64_t in, out;  /**< elements; FOV_BATCH where not known, which requires scale 1 */
    double  scale;    /**< out / in, or the requested scale: in * scale need not be a whole number */
    double  length;   /**< in * scale */
    double  slack;    /**< relative error that `scale` may have from rounding to float32 or to double */
    double  from, to; /**< the crop's begin and end, as fractions of the axis */
};
struct resize_geometry {
    int                rank;
    struct resize_axis axis[FOV_MAX_RANK];
};

/** The known values of the three optional inputs. */
struct resize_request {
    const double *roi, *scales, *sizes; /**< NULL: absent */
    size_t        roi_count, scale_count, size_count;
};
/** Fills `request` from tensors and their known values; the inputs roi, scales and sizes begin at index `first`.
 *  E_UNSUPPORTED when one is present but its values are not known, E_SHAPE when it is no list. */
int resize_request(struct resize_request *request, const struct op_tensor *in, const double *const *values,
                   int in_count, int first, struct error *error);
/** The same for definitions. */
struct resize_request resize_textbook_request(const struct op_textbook *textbook, int first);
int resize_resolve(struct resize_geometry *geometry, const struct resize_options *options, const fov_shape *x,
                   const struct resize_request *request, struct error *error);
/** Whether nothing is resized along this axis. */
bool resize_is_identity(const struct resize_options *options, const struct resize_axis *axis);

/** The neighbours of one output element along an axis: `width` of them from `first` on, some perhaps outside x. */
struct resize_point {
    int64_t first, width;
    double  origin; /**< the element's position in x */
    double  sum;    /**< divisor of the weights */
    bool    outside; /**< crop mode, and the position lies outside x: the element gets the extrapolation value */
};
int64_t resize_width(const struct resize_options *options, const struct resize_axis *axis);
struct resize_point resize_point(const struct resize_options *options, const struct resize_axis *axis, int64_t out);
/** Weight of the k-th neighbour; *index: that neighbour, clamped to the axis. */
double resize_weight(const struct resize_options *options, const struct resize_axis *axis,
                     const struct resize_point *point, int64_t k, size_t *index);

/** The compile function of resize (x to y) and, `backwards`, of its gradient (dy to dx). */
int resize_compile(struct op_compile *compile, bool backwards);

#endif
