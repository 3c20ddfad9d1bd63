/* SPDX-License-Identifier: MIT */
/* Which inputs contribute to an output element: sizes, coordinates, neighbours, weights. All modes of ONNX's Resize are
 * covered; the formulas are those of its specification (opset 19). Where that leaves a choice, docs/numerics.md says
 * what was chosen. */
#include "op/index.h"
#include "op/resize/resize.h"

#include <float.h>
#include <math.h>

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

static const char *const names[] = {"roi", "scales", "sizes"};

int resize_request(struct resize_request *request, const struct op_tensor *in, const double *const *values,
                   int in_count, int first, struct error *error)
{
    const double *known[3] = {NULL, NULL, NULL};
    size_t counts[3] = {0, 0, 0};
    for (int i = 0; i < 3 && first + i < in_count; i++) {
        const fov_shape *shape = &in[first + i].shape;
        if (shape->rank < 0 || (shape->rank == 1 && shape->dim[0] == 0)) {
            continue;
        }
        if (shape->rank != 1) {
            char text[SHAPE_TEXT_SIZE];
            return error_set(error, FOV_E_SHAPE, "%s %s must be a list", names[i], shape_text(shape, text));
        }
        known[i] = values != NULL ? values[first + i] : NULL;
        counts[i] = (size_t)shape->dim[0];
        if (known[i] == NULL) {
            return error_set(error, FOV_E_UNSUPPORTED, "%s must be known before the run", names[i]);
        }
    }
    *request = (struct resize_request){known[0], known[1], known[2], counts[0], counts[1], counts[2]};
    return 0;
}

struct resize_request resize_textbook_request(const struct op_textbook *textbook, int first)
{
    const double *known[3] = {NULL, NULL, NULL};
    size_t counts[3] = {0, 0, 0};
    for (int i = 0; i < 3 && first + i < textbook->in_count; i++) {
        const struct op_textbook_tensor *tensor = &textbook->in[first + i];
        if (tensor->shape.rank == 1 && tensor->shape.dim[0] > 0) {
            known[i] = tensor->data;
            counts[i] = tensor->data != NULL ? (size_t)tensor->shape.dim[0] : 0;
        }
    }
    return (struct resize_request){known[0], known[1], known[2], counts[0], counts[1], counts[2]};
}

/** Relative error that a scale may have: given in float32, or computed as a quotient of two sizes in double. */
static const double FLOAT_SLACK = 0x1p-24, DOUBLE_SLACK = 0x1p-48;

/** The whole number nearest to x if x differs from it by a relative error of at most `slack`; else x. */
static double meant(double x, double slack)
{
    double whole = floor(x + 0.5);
    return fabs(x - whole) <= slack * fabs(x) ? whole : x;
}

/** The length that results from a scale: a product within one float32 step of a whole number counts as that number, so
 * that a scale of 18 / 11 turns 11 elements into 18. */
static double length_of(int64_t in, double scale)
{
    double length = (double)in * scale, whole = floor(length + 0.5);
    int exponent;
    (void)frexp(whole, &exponent);
    return fabs(length - whole) <= ldexp(1, exponent - FLT_MANT_DIG) ? whole : length;
}

static int set_scale(struct resize_axis *axis, double scale, int index, struct error *error)
{
    if (!(scale > 0) || scale > 1e9) {
        return error_set(error, FOV_E_INPUT, "scale %g of axis %d must be a positive number", scale, index);
    }
    if (axis->in < 0 && scale != 1) {
        return error_set(error, FOV_E_UNSUPPORTED, "axis %d is not known yet and cannot be scaled by %g", index, scale);
    }
    double length = axis->in < 0 ? 0 : length_of(axis->in, scale);
    bool whole = length == floor(length) && length > 0;
    if (length > 0x1p40) {
        return error_set(error, FOV_E_SHAPE, "scale %g makes axis %d too long", scale, index);
    }
    axis->out = axis->in < 0 ? axis->in : (int64_t)length;
    axis->scale = whole ? length / (double)axis->in : scale;
    axis->length = length;
    axis->slack = whole ? DOUBLE_SLACK : FLOAT_SLACK;
    return 0;
}

static int set_size(struct resize_axis *axis, double size, int index, struct error *error)
{
    int64_t out = op_size_value(size);
    if (axis->in < 0 || out == FOV_BATCH) {
        if (axis->in != out) {
            return error_set(error, FOV_E_UNSUPPORTED, "axis %d is not known yet and cannot get the size %lld", index,
                             (long long)out);
        }
        return 0;
    }
    if (out < 0 || size > 0x1p40 || (axis->in < 1 && out > 0)) {
        return error_set(error, FOV_E_SHAPE, "axis %d cannot go from %lld to %.0f elements", index, (long long)axis->in,
                         size);
    }
    axis->out = out;
    axis->scale = axis->in == out ? 1 : (double)out / (double)axis->in;
    axis->length = (double)out;
    return 0;
}

/** Gives all named axes the same scale: the smallest (or largest) of the scales that the requested sizes imply. */
static void keep_aspect(struct resize_geometry *geometry, const bool *named, bool smallest)
{
    double scale = smallest ? INFINITY : 0;
    for (int i = 0; i < geometry->rank; i++) {
        if (named[i]) {
            scale = smallest ? fmin(scale, geometry->axis[i].scale) : fmax(scale, geometry->axis[i].scale);
        }
    }
    for (int i = 0; i < geometry->rank; i++) {
        if (named[i] && geometry->axis[i].in > 0) {
            double length = meant(2 * (double)geometry->axis[i].in * scale, DOUBLE_SLACK) / 2;
            geometry->axis[i].scale = scale;
            geometry->axis[i].length = length;
            geometry->axis[i].out = index_clamp(floor(length + 0.5));
        }
    }
}

int resize_resolve(struct resize_geometry *geometry, const struct resize_options *options, const fov_shape *x,
                   const struct resize_request *request, struct error *error)
{
    int rank = x->rank, count = options->axes.count != 0 ? options->axes.count : rank, status = 0;
    bool named[FOV_MAX_RANK] = {false};
    *geometry = (struct resize_geometry){.rank = rank};
    for (int i = 0; i < rank; i++) {
        geometry->axis[i] = (struct resize_axis){.in = x->dim[i], .out = x->dim[i], .scale = 1, .to = 1};
        geometry->axis[i].length = (double)x->dim[i];
        geometry->axis[i].slack = DOUBLE_SLACK;
    }
    bool sized = request->sizes != NULL || options->size.count != 0;
    bool scaled = request->scales != NULL || options->scale != 0;
    if (sized == scaled) {
        return error_set(error, FOV_E_USAGE, "%s", sized ? "scales and sizes are both given, there must be one"
                                                         : "neither scales nor sizes are given");
    }
    size_t given = request->scales != NULL  ? request->scale_count
                   : request->sizes != NULL ? request->size_count
                   : options->size.count != 0 ? (size_t)options->size.count
                                              : (size_t)count;
    if (count > rank || given != (size_t)count || (request->roi != NULL && request->roi_count != 2 * (size_t)count)) {
        return error_set(error, FOV_E_SHAPE, "%zu %s (and %zu numbers of roi) where %d axes are resized", given,
                         sized ? "sizes" : "scales", request->roi_count, count);
    }
    if (options->coordinate == RESIZE_CROP && request->roi == NULL) {
        return error_set(error, FOV_E_USAGE, "tf_crop_and_resize needs the input roi");
    }
    for (int i = 0; status == 0 && i < count; i++) {
        int64_t at = options->axes.count != 0 ? options->axes.at[i] : i;
        at += at < 0 ? rank : 0;
        if (at < 0 || at >= rank || named[at]) {
            return error_set(error, FOV_E_USAGE, "axis %lld is not one of %d, or named twice", (long long)at, rank);
        }
        named[at] = true;
        struct resize_axis *axis = &geometry->axis[at];
        if (sized) {
            double size = request->sizes != NULL ? request->sizes[i] : (double)options->size.at[i];
            status = set_size(axis, size, (int)at, error);
        } else {
            status = set_scale(axis, request->scales != NULL ? request->scales[i] : options->scale, (int)at, error);
        }
        if (options->coordinate == RESIZE_CROP) {
            axis->from = request->roi[i];
            axis->to = request->roi[count + i];
        }
    }
    if (status == 0 && sized && options->policy != RESIZE_STRETCH) {
        keep_aspect(geometry, named, options->policy == RESIZE_NOT_LARGER);
    }
    return status;
}

bool resize_is_identity(const struct resize_options *options, const struct resize_axis *axis)
{
    (void)options;
    return axis->in == axis->out && axis->scale == 1 && axis->from == 0 && axis->to == 1;
}

/* ---- coordinates ------------------------------------------------------------------------------------------------- */

/** The position of output element `out` in x. */
static double origin(const struct resize_options *options, const struct resize_axis *axis, int64_t out)
{
    double x = (double)out, length = axis->length, last = (double)(axis->in - 1);
    switch ((enum resize_coordinate)options->coordinate) {
    case RESIZE_HALF_PIXEL:
        break;
    case RESIZE_HALF_PIXEL_SYMMETRIC: { /* what rounding the output size down lost is split between both ends */
        double offset = (double)axis->in / 2 * (1 - (double)axis->out / length);
        return offset + (x + 0.5) / axis->scale - 0.5;
    }
    case RESIZE_PYTORCH_HALF_PIXEL:
        if (axis->out == 1) {
            return 0;
        }
        break;
    case RESIZE_ALIGN_CORNERS: /* the length before rounding down counts only where the axis shrinks */
        length = axis->scale < 1 ? length : (double)axis->out;
        return length == 1 || axis->out == 1 ? 0 : x * last / (length - 1);
    case RESIZE_ASYMMETRIC:
        return x / axis->scale;
    case RESIZE_CROP:
        return axis->out == 1 ? (axis->from + axis->to) * last / 2
                              : axis->from * last + x * (axis->to - axis->from) * last / (length - 1);
    case RESIZE_TF_HALF_PIXEL:
        return (x + 0.5) / axis->scale;
    }
    return (x + 0.5) / axis->scale - 0.5;
}

static double nearest(const struct resize_options *options, const struct resize_axis *axis, double at)
{
    /* A rounded scale turns 3 into 2.99999999 and a tie into 2.49999999: undo that. Twice the slack, as subtracting the
     * half pixel carries an error of its own. */
    at = meant(2 * (at + 1), 2 * axis->slack) / 2 - 1;
    switch ((enum resize_nearest)options->nearest_mode) {
    case RESIZE_ROUND_DOWN:
        return ceil(at - 0.5);
    case RESIZE_ROUND_UP:
        return floor(at + 0.5);
    case RESIZE_FLOOR:
        return floor(at);
    case RESIZE_CEIL:
        break;
    }
    return ceil(at);
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

/** Factor of distances in the weighting function: below 1 when shrinking with antialias, so that the function extends
 * over all inputs that an output covers. */
static double stretch(const struct resize_options *options, const struct resize_axis *axis)
{
    return options->antialias && axis->scale < 1 ? axis->scale : 1;
}

/** How many neighbours come before the one just left of the origin; none on an axis without outputs, whose scale may
 *  be 0. */
static int64_t before(const struct resize_options *options, const struct resize_axis *axis)
{
    if (axis->out == 0) {
        return 0;
    }
    double reach = options->mode == RESIZE_CUBIC ? 2 : 1;
    return -(int64_t)floor(-reach / stretch(options, axis)) - 1;
}

int64_t resize_width(const struct resize_options *options, const struct resize_axis *axis)
{
    return options->mode == RESIZE_NEAREST ? 1 : 2 + 2 * before(options, axis);
}

/** Keys, Cubic convolution interpolation (1981), equation 4, with any a. */
static double cubic(double distance, double a)
{
    double d = fabs(distance);
    if (d < 1) {
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    }
    return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

static double raw_weight(const struct resize_options *options, const struct resize_axis *axis,
                         const struct resize_point *point, int64_t k)
{
    int64_t at = point->first + k;
    if (options->mode == RESIZE_NEAREST) {
        return 1;
    }
    if (options->exclude_outside && (at < 0 || at >= axis->in)) {
        return 0;
    }
    double distance = ((double)at - point->origin) * stretch(options, axis);
    return options->mode == RESIZE_CUBIC ? cubic(distance, options->cubic_coeff_a) : fmax(0, 1 - fabs(distance));
}

struct resize_point resize_point(const struct resize_options *options, const struct resize_axis *axis, int64_t out)
{
    struct resize_point point = {.width = resize_width(options, axis), .origin = origin(options, axis, out), .sum = 1};
    if (resize_is_identity(options, axis)) {
        return (struct resize_point){.first = out, .width = 1, .origin = (double)out, .sum = 1};
    }
    point.outside =
        options->coordinate == RESIZE_CROP && !(point.origin >= 0 && point.origin <= (double)(axis->in - 1));
    point.origin = fmin(fmax(point.origin, -0x1p40), 0x1p40);
    if (options->mode == RESIZE_NEAREST) {
        point.first = (int64_t)nearest(options, axis, point.origin);
        return point;
    }
    point.first = (int64_t)floor(point.origin) - before(options, axis);
    if (options->exclude_outside || options->antialias) {
        double sum = 0;
        for (int64_t k = 0; k < point.width; k++) {
            sum += raw_weight(options, axis, &point, k);
        }
        point.sum = sum != 0 ? sum : 1;
    }
    return point;
}

double resize_weight(const struct resize_options *options, const struct resize_axis *axis,
                     const struct resize_point *point, int64_t k, size_t *index)
{
    int64_t at = point->first + k;
    *index = at < 0 ? 0 : at >= axis->in ? (size_t)(axis->in - 1) : (size_t)at; /* outside x, the border repeats */
    /* width 1: nearest neighbour, or an axis that is not resized */
    return point->width == 1 ? 1 : raw_weight(options, axis, point, k) / point->sum;
}
