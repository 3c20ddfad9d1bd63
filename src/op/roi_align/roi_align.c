/* SPDX-License-Identifier: MIT */
/* RoI align: a grid of values for each box of an image, by bilinear interpolation without rounding the box (Mask
 * R-CNN). The definition is also the implementation. No gradient flows back to the boxes. */
#include "op/common.h"
#include "op/onnx.h"

#include <math.h>
#include <string.h>

enum roi_mode { ROI_AVERAGE, ROI_MAX };

struct roi_options {
    int64_t height, width, sampling_ratio;
    double  spatial_scale;
    int     mode, coordinate;
};

static const char *const modes[] = {"avg", "max", NULL};
static const char *const coordinates[] = {"half_pixel", "output_half_pixel", NULL};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct roi_options, height), .onnx = "output_height", .kind = OP_INTEGER, .standard = 1, .minimum = 1,
     .maximum = 1 << 16, .doc = "of a box's result, values"},
    {OP_ATTRIBUTE(struct roi_options, width), .onnx = "output_width", .kind = OP_INTEGER, .standard = 1, .minimum = 1,
     .maximum = 1 << 16, .doc = "of a box's result, values"},
    {OP_ATTRIBUTE(struct roi_options, sampling_ratio), .onnx = "sampling_ratio", .kind = OP_INTEGER, .minimum = 0,
     .maximum = 1 << 7, .doc = "points per value and axis; 0: one per pixel of x, rounded up"},
    {OP_ATTRIBUTE(struct roi_options, spatial_scale), .onnx = "spatial_scale", .kind = OP_NUMBER, .standard = 1,
     .doc = "pixels of x per unit of the boxes"},
    {OP_ATTRIBUTE(struct roi_options, mode), .onnx = "mode", .kind = OP_CHOICE, .choices = modes,
     .doc = "how the points of a value are put together"},
    {OP_ATTRIBUTE(struct roi_options, coordinate), .onnx = "coordinate_transformation_mode", .kind = OP_CHOICE,
     .choices = coordinates,
     .doc = "whether boxes are moved by half a pixel; not moved, they are at least a pixel wide"},
    {0},
};

enum { X, ROIS, BATCH, DY };

static int infer(const struct op_infer *infer)
{
    const struct roi_options *options = infer->options;
    const fov_shape *x = &infer->in[X].shape, *rois = &infer->in[ROIS].shape, *batch = &infer->in[BATCH].shape;
    char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE], c[SHAPE_TEXT_SIZE];
    if (x->rank != 4 || x->dim[2] < 1 || x->dim[3] < 1 || rois->rank != 2 || rois->dim[1] != 4 || batch->rank != 1 ||
        (batch->dim[0] != rois->dim[0] && batch->dim[0] >= 0 && rois->dim[0] >= 0)) {
        return error_set(infer->error, FOV_E_SHAPE,
                         "x %s must be [N, C, H, W], rois %s [boxes, 4] and batch_indices %s [boxes]", shape_text(x, a),
                         shape_text(rois, b), shape_text(batch, c));
    }
    infer->out[0].shape = (fov_shape){4, {rois->dim[0], x->dim[1], options->height, options->width}};
    return op_check_float(infer, X, "x");
}

static void gradient(struct op_gradient *gradient)
{
    fov_value in[4] = {gradient->in[X], gradient->in[ROIS], gradient->in[BATCH], gradient->out_gradient[0]};
    if (gradient->wanted[X]) {
        gradient->in_gradient[X] = op_emit(gradient->emitter, "roi_align_gradient", in, 4, gradient->options);
    }
}

/** The four pixels around a point, with their weights; all weights are 0 more than a pixel outside the image. */
struct corners {
    size_t pixel[4];
    double weight[4];
};

static struct corners corners_at(double y, double x, int64_t height, int64_t width)
{
    struct corners corners = {{0}, {0}};
    if (!(y >= -1 && y <= (double)height && x >= -1 && x <= (double)width)) {
        return corners;
    }
    y = fmin(fmax(y, 0), (double)(height - 1));
    x = fmin(fmax(x, 0), (double)(width - 1));
    size_t top = (size_t)y, left = (size_t)x;
    size_t bottom = top + 1 < (size_t)height ? top + 1 : top, right = left + 1 < (size_t)width ? left + 1 : left;
    double v = y - (double)top, h = x - (double)left;
    const size_t rows[] = {top, top, bottom, bottom}, columns[] = {left, right, left, right};
    const double weights[] = {(1 - v) * (1 - h), (1 - v) * h, v * (1 - h), v * h};
    for (int k = 0; k < 4; k++) {
        corners.pixel[k] = rows[k] * (size_t)width + columns[k];
        corners.weight[k] = weights[k];
    }
    return corners;
}

/** A box in pixels of x, and how its values are sampled. */
struct box {
    double  y, x, height, width; /**< upper left corner of the box; size of one value's cell */
    int64_t rows, columns;       /**< points per value */
};

/** Sampling points along one side of a value's cell: the option or, if 0, one per pixel, rounded up. As the scale is a
 * float32, 4.0000001 pixels count as 4. */
static int64_t points_for(const struct roi_options *options, double pixels)
{
    double begun = ceil(pixels * (1 - 0x1p-22));
    return options->sampling_ratio > 0 ? options->sampling_ratio : (int64_t)fmin(fmax(begun, 0), 1 << 14);
}

static struct box box_at(const struct roi_options *options, const double *roi)
{
    double offset = options->coordinate == 0 ? 0.5 : 0, scale = options->spatial_scale;
    struct box box = {.y = roi[1] * scale - offset, .x = roi[0] * scale - offset};
    double height = roi[3] * scale - offset - box.y, width = roi[2] * scale - offset - box.x;
    if (options->coordinate != 0) {
        height = fmax(height, 1);
        width = fmax(width, 1);
    }
    box.height = height / (double)options->height;
    box.width = width / (double)options->width;
    box.rows = points_for(options, box.height);
    box.columns = points_for(options, box.width);
    if (!isfinite(box.y) || !isfinite(box.x) || !isfinite(height) || !isfinite(width)) {
        box.rows = box.columns = 0; /* a box that is nowhere has no sampling points */
    }
    return box;
}

/** The sampling points of one value along an axis that may lie in the image. Others are skipped, so that a box far
 * larger than the image does not cost more time. */
struct span {
    int64_t from, to;
};

static struct span span_inside(double start, double size, int64_t points, int64_t pixels)
{
    double step = size / (double)points;
    if (!(step > 0)) { /* a box from right to left has as many points as the option says, which are few: try all */
        return (struct span){0, points};
    }
    /* One more at either end, in case of rounding; corners_at decides. */
    double from = fmin(fmax(floor((-1 - start) / step - 0.5) - 1, 0), (double)points);
    double to = fmin(fmax(ceil(((double)pixels - start) / step - 0.5) + 2, from), (double)points);
    return (struct span){(int64_t)from, (int64_t)to};
}

/** Computes one value of a box over one plane of x. With dx, also adds its gradient `dy` to the pixels it came
 *  from. In mode max the value is the greatest weighted corner of all points, as in ONNX, not the greatest
 *  interpolated value. */
static double value_at(const struct roi_options *options, const struct box *box, int64_t row, int64_t column,
                       const fov_shape *x, const double *plane, double dy, double *dx)
{
    double points = fmax((double)(box->rows * box->columns), 1), sum = 0, best = -INFINITY, best_weight = 0;
    size_t best_pixel = 0;
    struct span rows = span_inside(box->y + (double)row * box->height, box->height, box->rows, x->dim[2]);
    struct span columns = span_inside(box->x + (double)column * box->width, box->width, box->columns, x->dim[3]);
    int64_t     wide = columns.to - columns.from, tried = (rows.to - rows.from) * wide;
    if (tried < box->rows * box->columns) {
        best = 0; /* points outside the image were skipped, and each of them has the value 0 */
    }
    for (int64_t i = 0; i < tried; i++) {
        double at_y = box->y + ((double)row + ((double)(rows.from + i / wide) + 0.5) / (double)box->rows) * box->height;
        double at_x =
            box->x + ((double)column + ((double)(columns.from + i % wide) + 0.5) / (double)box->columns) * box->width;
        struct corners corners = corners_at(at_y, at_x, x->dim[2], x->dim[3]);
        for (int k = 0; k < 4; k++) {
            double part = corners.weight[k] * plane[corners.pixel[k]];
            sum += part;
            if (part > best) {
                best = part;
                best_weight = corners.weight[k];
                best_pixel = corners.pixel[k];
            }
            if (dx != NULL && options->mode == ROI_AVERAGE) {
                dx[corners.pixel[k]] += dy * corners.weight[k] / points;
            }
        }
    }
    if (dx != NULL && options->mode == ROI_MAX) {
        dx[best_pixel] += dy * best_weight;
    }
    return options->mode == ROI_AVERAGE ? sum / points : best > -INFINITY ? best : 0;
}

static void walk(const struct op_textbook *textbook, const double *dy, double *dx)
{
    const struct roi_options *options = textbook->options;
    const fov_shape *x = &textbook->in[X].shape;
    size_t boxes = (size_t)textbook->in[ROIS].shape.dim[0], channels = (size_t)x->dim[1], at = 0;
    size_t pixels = (size_t)(x->dim[2] * x->dim[3]);
    for (size_t r = 0; r < boxes; r++) {
        struct box box = box_at(options, textbook->in[ROIS].data + 4 * r);
        double image = textbook->in[BATCH].data[r];
        bool exists = image >= 0 && image < (double)x->dim[0];
        for (size_t c = 0; c < channels; c++) {
            size_t plane = ((exists ? (size_t)image : 0) * channels + c) * pixels;
            for (int64_t i = 0; i < options->height * options->width; i++, at++) {
                double value = !exists ? 0
                                       : value_at(options, &box, i / options->width, i % options->width, x,
                                                  textbook->in[X].data + plane, dy != NULL ? dy[at] : 0,
                                                  dx != NULL ? dx + plane : NULL);
                if (dy == NULL) {
                    textbook->out[0].data[at] = value;
                }
            }
        }
    }
}

static void textbook(const struct op_textbook *textbook)
{
    walk(textbook, NULL, NULL);
}

static int import_roi(struct op_import *node)
{
    const char *mode = node->text(node->reader, "mode", "avg");
    const char *coordinate = node->text(node->reader, "coordinate_transformation_mode",
                                        node->opset < 16 ? "output_half_pixel" : "half_pixel");
    struct roi_options options = {.height = node->integer(node->reader, "output_height", 1),
                                  .width = node->integer(node->reader, "output_width", 1),
                                  .sampling_ratio = node->integer(node->reader, "sampling_ratio", 0),
                                  .spatial_scale = node->number(node->reader, "spatial_scale", 1),
                                  .mode = strcmp(mode, "max") == 0,
                                  .coordinate = strcmp(coordinate, "output_half_pixel") == 0};
    if (strcmp(mode, modes[options.mode]) != 0 || strcmp(coordinate, coordinates[options.coordinate]) != 0) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED,
                          "mode \"%s\" or coordinate_transformation_mode \"%s\" is not known", mode, coordinate);
    }
    node->result(node->reader, 0,
                 node->emitter->node(node->emitter->graph, "roi_align", node->in, node->in_count, &options,
                                     node->node_name));
    return FOV_OK;
}

static int export_roi(struct op_export *node)
{
    const struct roi_options *options = node->options;
    if (node->opset < 16 && options->coordinate == 0) {
        return node->fail(node->writer, FOV_E_UNSUPPORTED, "RoiAlign with half_pixel needs opset 16, not %d",
                          node->opset);
    }
    node->begin(node->writer, "RoiAlign", NULL);
    for (int i = 0; i < 3; i++) {
        node->input(node->writer, i);
    }
    node->attribute_integer(node->writer, "output_height", options->height);
    node->attribute_integer(node->writer, "output_width", options->width);
    node->attribute_integer(node->writer, "sampling_ratio", options->sampling_ratio);
    node->attribute_number(node->writer, "spatial_scale", options->spatial_scale);
    node->attribute_text(node->writer, "mode", modes[options->mode]);
    if (node->opset >= 16) {
        node->attribute_text(node->writer, "coordinate_transformation_mode", coordinates[options->coordinate]);
    }
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "RoiAlign", .since = 10, .import = import_roi, .export = export_roi};

/** Boxes that begin in the upper left of an image of 5 x 6 and may reach beyond it. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        double share = (double)random_uniform(key, i);
        data[i] = index == ROIS    ? (double)(float)(i % 4 < 2 ? 2 * share : 3 + 4 * share)
                  : index == BATCH ? (double)random_below(key, i, 2)
                                   : (double)(float)random_normal(key, i);
    }
}

static const struct roi_options two_points = {2, 3, 2, 1, ROI_AVERAGE, 0}, adaptive = {3, 2, 0, 0.75, ROI_AVERAGE, 1},
                                greatest = {2, 2, 2, 1, ROI_MAX, 0};
#define BOXES FOV_SHAPE(2, 3, 5, 6), FOV_SHAPE(3, 4), FOV_SHAPE(3)
#define TYPES .in_dtype = {FOV_F32, FOV_F32, FOV_I64, FOV_F32}
static const struct op_case cases[] = {
    {.name = "two points",
     .options = &two_points,
     .in = {BOXES},
     TYPES,
     .in_count = 3,
     .fill = fill,
     .no_gradient = true},
    {.name = "adaptive", .options = &adaptive, .in = {BOXES}, TYPES, .in_count = 3, .fill = fill, .no_gradient = true},
    {.name = "max", .options = &greatest, .in = {BOXES}, TYPES, .in_count = 3, .fill = fill, .no_gradient = true},
    {.name = "whole numbers as boxes",
     .options = &two_points,
     .in = {FOV_SHAPE(2, 3, 5, 6), FOV_SHAPE(3, 4), FOV_SHAPE(3)},
     .in_dtype = {FOV_F32, FOV_I32, FOV_I64},
     .in_count = 3,
     .integers = 2},
    {0},
};

static const struct op_port in[] = {{.name = "x", .shape = "[N, C, H, W]", .plain = true},
                                    {.name = "rois", .shape = "[boxes, 4]: x1, y1, x2, y2", .plain = true},
                                    {.name = "batch_indices", .shape = "[boxes]: the image of each", .plain = true},
                                    {0}};

const struct op op_roi_align = {
    .name = "roi_align",
    .family = OP_POOLING,
    .summary = "A grid of interpolated values for each box of an image.",
    .formula =
        "y[r, c, o] = mean over sampling points p of value o in box r of x[batch[r], c, p], interpolated bilinearly",
    .source = "He et al., Mask R-CNN, ICCV 2017, section 3",
    .in = in,
    .out = (const struct op_port[]){{.name = "y", .shape = "[boxes, C, height, width]", .plain = true}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct roi_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};

static int infer_gradient(const struct op_infer *infer_of)
{
    struct op_infer forward = *infer_of;
    struct op_tensor y = infer_of->in[X];
    forward.out = &y;
    int status = infer(&forward);
    if (status == 0 && !shape_fits(&y.shape, &infer_of->in[DY].shape)) {
        char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
        status = error_set(infer_of->error, FOV_E_SHAPE, "dy %s does not fit the result's shape %s",
                           shape_text(&infer_of->in[DY].shape, text), shape_text(&y.shape, other));
    }
    infer_of->out[0].shape = infer_of->in[X].shape;
    return status;
}

static void textbook_gradient(const struct op_textbook *textbook)
{
    walk(textbook, textbook->in[DY].data, textbook->out[0].data);
}

/* Gradients of this gradient do not exist yet. */
static const struct op_case gradient_cases[] = {
    {.name = "two points",
     .options = &two_points,
     .in = {BOXES, FOV_SHAPE(3, 3, 2, 3)},
     TYPES,
     .in_count = 4,
     .fill = fill,
     .no_gradient = true},
    {.name = "max",
     .options = &greatest,
     .in = {BOXES, FOV_SHAPE(3, 3, 2, 2)},
     TYPES,
     .in_count = 4,
     .fill = fill,
     .no_gradient = true},
    {0},
};

const struct op op_roi_align_gradient = {
    .name = "roi_align_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of RoI align by x.",
    .formula = "dx[i] = sum over boxes, values o and points p near i of w(i - p) dy[o] / points",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, H, W]", .plain = true},
                                   {.name = "rois", .shape = "[boxes, 4]", .plain = true},
                                   {.name = "batch_indices", .shape = "[boxes]", .plain = true},
                                   {.name = "dy", .shape = "[boxes, C, height, width]", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as x", .plain = true}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct roi_options),
    .infer = infer_gradient,
    .textbook = textbook_gradient,
    .cases = gradient_cases,
};
