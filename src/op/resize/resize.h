/* SPDX-License-Identifier: MIT */
/* Resizing by interpolation: per axis, every output element is a weighted sum of a few neighbouring inputs, and the
 * axes
 * multiply. points.c says which neighbours and weights (all of ONNX's ways to count), resize.c is the operator,
 * apply.c computes axis after axis, gradient.c runs the same tables backwards. Private to the folder. */
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
    struct op_list axes; /**< those that roi, scales, sizes and size name; none: all, in order */
    struct op_list size; /**< in place of the input `sizes` */
    double         scale; /**< in place of the input `scales`: the same for all of `axes`; 0: not given */
};
extern const struct op_attribute resize_attributes[];

struct resize_axis {
    int64_t in, out;  /**< elements; FOV_BATCH where they are not known, which needs scale 1 */
    double  scale;    /**< out / in, or what was asked for: in * scale need not be whole */
    double  length;   /**< in * scale */
    double  slack;    /**< how far `scale` may be off, as a share of it: by its rounding to float32, or to double */
    double  from, to; /**< of the crop, as shares of the axis */
};
struct resize_geometry {
    int                rank;
    struct resize_axis axis[FOV_MAX_RANK];
};

/** The values of the three optional inputs. */
struct resize_request {
    const double *roi, *scales, *sizes; /**< NULL: absent */
    size_t        roi_count, scale_count, size_count;
};
/** From tensors and known values [roi, scales, sizes]; E_SHAPE when one is there but not known. */
int resize_request(struct resize_request *request, const struct op_tensor *in, const double *const *values,
                   int in_count, int first, struct error *error);
/** The same for definitions. */
struct resize_request resize_textbook_request(const struct op_textbook *textbook, int first);
int resize_resolve(struct resize_geometry *geometry, const struct resize_options *options, const fov_shape *x,
                   const struct resize_request *request, struct error *error);
/** Nothing happens along this axis. */
bool resize_is_identity(const struct resize_options *options, const struct resize_axis *axis);

/** The neighbours of one output element along an axis: `width` of them from `first` on, which may lie outside. */
struct resize_point {
    int64_t first, width;
    double  origin; /**< where the element lies in x */
    double  sum;    /**< to divide weights by */
    bool    outside; /**< of a crop: takes the extrapolation value */
};
int64_t resize_width(const struct resize_options *options, const struct resize_axis *axis);
struct resize_point resize_point(const struct resize_options *options, const struct resize_axis *axis, int64_t out);
/** Weight of the k-th neighbour, and which element that is. */
double resize_weight(const struct resize_options *options, const struct resize_axis *axis,
                     const struct resize_point *point, int64_t k, size_t *index);

/** Fills compile for a pass over all axes, forwards or (dy to dx) backwards. */
int resize_compile(struct op_compile *compile, bool backwards);

#endif
