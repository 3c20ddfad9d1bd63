/* SPDX-License-Identifier: MIT */
/* Grid sampling: the grid holds, for every output pixel, the position in x that it is taken from (spatial transformers,
 * optical flow). One to three spatial axes. The definition is also the implementation; the gradient goes to x and to
 * the grid. */
#include "op/common.h"
#include "op/onnx.h"
#include "op/window.h"

#include <math.h>
#include <string.h>

enum grid_mode { GRID_LINEAR, GRID_NEAREST, GRID_CUBIC };
enum grid_padding { GRID_ZEROS, GRID_BORDER, GRID_REFLECTION };

struct grid_options {
    int  mode, padding;
    bool align_corners;
};

static const char *const modes[] = {"linear", "nearest", "cubic", NULL};
static const char *const old_modes[] = {"bilinear", "nearest", "bicubic", NULL}; /* before opset 20 */
static const char *const paddings[] = {"zeros", "border", "reflection", NULL};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct grid_options, mode), .onnx = "mode", .kind = OP_CHOICE, .choices = modes,
     .doc = "how neighbours are weighted"},
    {OP_ATTRIBUTE(struct grid_options, padding), .onnx = "padding_mode", .kind = OP_CHOICE, .choices = paddings,
     .doc = "what lies outside x"},
    {OP_ATTRIBUTE(struct grid_options, align_corners), .onnx = "align_corners", .kind = OP_FLAG,
     .doc = "-1 and 1 are the centres of the corner pixels, not their outer edges"},
    {0},
};

enum { X, GRID, DY };

static int infer(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[X].shape, *grid = &infer->in[GRID].shape;
    char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
    int status = op_check_float(infer, X, "x"), axes = x->rank - 2;
    status = status != 0 ? status : op_check_float(infer, GRID, "grid");
    if (status != 0) {
        return status;
    }
    if (axes < 1 || axes > WINDOW_AXES || grid->rank != x->rank || grid->dim[grid->rank - 1] != axes ||
        (grid->dim[0] != x->dim[0] && grid->dim[0] >= 0 && x->dim[0] >= 0)) {
        return error_set(infer->error, FOV_E_SHAPE,
                         "x %s must be [N, C, spatial...] and grid %s [N, result's spatial..., %d]",
                         shape_text(x, text), shape_text(grid, other), axes);
    }
    infer->out[0].shape = (fov_shape){x->rank, {x->dim[0], x->dim[1]}};
    for (int i = 0; i < axes; i++) {
        infer->out[0].shape.dim[2 + i] = grid->dim[1 + i];
        if (x->dim[2 + i] < 1) {
            return error_set(infer->error, FOV_E_SHAPE, "x %s: spatial sizes must be known and not empty",
                             shape_text(x, text));
        }
    }
    return 0;
}

static void gradient(struct op_gradient *gradient)
{
    fov_value dx = op_emit3(gradient->emitter, "grid_sample_gradient", gradient->in[X], gradient->in[GRID],
                            gradient->out_gradient[0], gradient->options);
    if (gradient->wanted[X]) {
        gradient->in_gradient[X] = dx;
    }
    if (gradient->wanted[GRID]) {
        gradient->in_gradient[GRID] = op_emit_output(gradient->emitter, dx, 1);
    }
}

/* ---- where a sample lies along an axis --------------------------------------------------------------------------- */

enum { TAPS = 4 };
struct taps {
    int     count;
    int64_t index[TAPS];                /**< -1: outside x, reads zero */
    double  weight[TAPS], slope[TAPS];  /**< slope: derivative of the weight by the grid's number */
};

/** Reflects `at` into low .. high as often as needed; *slope changes its sign with every reflection. */
static double reflect(double at, double low, double high, double *slope)
{
    double span = high - low;
    if (span <= 0) {
        *slope = 0;
        return low;
    }
    double distance = at < low ? low - at : at - low, turns = floor(distance / span);
    double rest = distance - turns * span;
    *slope *= (at < low ? -1 : 1) * (fmod(turns, 2) != 0 ? -1 : 1);
    return fmod(turns, 2) != 0 ? high - rest : low + rest;
}

static double pad(const struct grid_options *options, double at, int64_t size, double *slope)
{
    double last = (double)(size - 1);
    if (options->padding == GRID_REFLECTION) {
        at = options->align_corners ? reflect(at, 0, last, slope) : reflect(at, -0.5, last + 0.5, slope);
    }
    if (options->padding != GRID_ZEROS && !(at >= 0 && at <= last)) {
        *slope = 0;
        at = at > 0 ? last : 0; /* a NaN becomes 0, too */
    }
    return at;
}

/** Keys' cubic convolution kernel (1981) with a = -0.75, as PyTorch has it, and its derivative. */
static void cubic(double distance, double *value, double *slope)
{
    const double a = -0.75;
    double d = fabs(distance), sign = distance < 0 ? -1 : 1;
    if (d < 1) {
        *value = ((a + 2) * d - (a + 3)) * d * d + 1;
        *slope = sign * (3 * (a + 2) * d - 2 * (a + 3)) * d;
    } else if (d < 2) {
        *value = (((d - 5) * d + 8) * d - 4) * a;
        *slope = sign * ((3 * d - 10) * d + 8) * a;
    } else {
        *value = *slope = 0;
    }
}

static struct taps taps_at(const struct grid_options *options, double place, int64_t size)
{
    struct taps taps = {.count = 2};
    double scale = (double)(options->align_corners ? size - 1 : size) / 2, slope = scale;
    double at = options->align_corners ? (place + 1) * scale : (place + 1) * scale - 0.5;
    at = fmin(fmax(at, -0x1p40), 0x1p40);
    if (options->mode != GRID_CUBIC) {
        at = pad(options, at, size, &slope);
    }
    double base = floor(at);
    if (options->mode == GRID_NEAREST) {
        taps.count = 1;
        base = rint(at);
        taps.weight[0] = 1;
    } else if (options->mode == GRID_LINEAR) {
        taps.weight[0] = 1 - (at - base);
        taps.weight[1] = at - base;
        taps.slope[0] = -slope;
        taps.slope[1] = slope;
    } else {
        taps.count = 4;
        base -= 1;
        for (int k = 0; k < 4; k++) {
            double value, by_distance;
            cubic(at - (base + k), &value, &by_distance);
            taps.weight[k] = value;
            taps.slope[k] = by_distance * slope;
        }
    }
    for (int k = 0; k < taps.count; k++) {
        double unused = 1, index = base + k;
        index = options->mode == GRID_CUBIC ? pad(options, index, size, &unused) : index;
        taps.index[k] = index >= 0 && index <= (double)(size - 1) ? (int64_t)index : -1;
    }
    return taps;
}

/** The neighbours of an output pixel: all combinations of the axes' taps. */
struct place {
    int         axes;
    struct taps taps[WINDOW_AXES];
    const int64_t *size;
};

static struct place place_at(const struct grid_options *options, const fov_shape *x, const double *grid)
{
    struct place place = {.axes = x->rank - 2, .size = x->dim + 2};
    for (int i = 0; i < place.axes; i++) { /* the grid counts x, y, z: innermost first */
        place.taps[i] = taps_at(options, grid[place.axes - 1 - i], x->dim[2 + i]);
    }
    return place;
}

static int neighbours(const struct place *place)
{
    int count = 1;
    for (int i = 0; i < place->axes; i++) {
        count *= place->taps[i].count;
    }
    return count;
}

/** Pixel and weight of the k-th neighbour; slope[i]: derivative of the weight along axis i. False: outside x. */
static bool neighbour(const struct place *place, int k, size_t *pixel, double *weight, double *slope)
{
    *weight = 1;
    *pixel = 0;
    for (int i = 0; i < place->axes; i++) {
        slope[i] = 1;
    }
    for (int i = 0, rest = k; i < place->axes; i++) {
        const struct taps *taps = &place->taps[i];
        int tap = rest % taps->count;
        rest /= taps->count;
        if (taps->index[tap] < 0) {
            return false;
        }
        *pixel = *pixel * (size_t)place->size[i] + (size_t)taps->index[tap];
        *weight *= taps->weight[tap];
        for (int j = 0; j < place->axes; j++) {
            slope[j] *= i == j ? taps->slope[tap] : taps->weight[tap];
        }
    }
    return true;
}

/** Walks all (output pixel, neighbour, channel): y += w x; or, given dy, dx += w dy and dgrid += slope x dy. */
static void walk(const struct op_textbook *textbook, const double *dy, double *y, double *dx, double *dgrid)
{
    const fov_shape *x = &textbook->in[X].shape, *grid = &textbook->in[GRID].shape;
    size_t axes = (size_t)x->rank - 2, pixels = shape_span(x, 2, x->rank), channels = (size_t)x->dim[1];
    size_t out_pixels = shape_span(grid, 1, grid->rank - 1);
    for (size_t i = 0; i < (size_t)x->dim[0] * out_pixels; i++) {
        struct place place = place_at(textbook->options, x, textbook->in[GRID].data + i * axes);
        for (int k = 0; k < neighbours(&place); k++) {
            size_t pixel;
            double weight, slope[WINDOW_AXES];
            if (!neighbour(&place, k, &pixel, &weight, slope)) {
                continue;
            }
            for (size_t c = 0; c < channels; c++) {
                size_t plane = i / out_pixels * channels + c;
                size_t from = plane * pixels + pixel, to = plane * out_pixels + i % out_pixels;
                if (y != NULL) {
                    y[to] += weight * textbook->in[X].data[from];
                }
                if (dx != NULL) {
                    dx[from] += weight * dy[to];
                }
                for (size_t axis = 0; dgrid != NULL && axis < axes; axis++) {
                    dgrid[i * axes + axes - 1 - axis] += slope[axis] * textbook->in[X].data[from] * dy[to];
                }
            }
        }
    }
}

static void textbook(const struct op_textbook *textbook)
{
    walk(textbook, NULL, textbook->out[0].data, NULL, NULL);
}

static int import_grid(struct op_import *node)
{
    struct grid_options options = {0};
    const char *mode = node->text(node->reader, "mode", "linear");
    const char *padding = node->text(node->reader, "padding_mode", "zeros");
    while (modes[options.mode] != NULL && strcmp(modes[options.mode], mode) != 0 &&
           strcmp(old_modes[options.mode], mode) != 0) {
        options.mode++;
    }
    while (paddings[options.padding] != NULL && strcmp(paddings[options.padding], padding) != 0) {
        options.padding++;
    }
    if (modes[options.mode] == NULL || paddings[options.padding] == NULL) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "mode \"%s\" or padding_mode \"%s\" is not known", mode,
                          padding);
    }
    options.align_corners = node->integer(node->reader, "align_corners", 0) != 0;
    node->result(node->reader, 0,
                 node->emitter->node(node->emitter->graph, "grid_sample", node->in, node->in_count, &options,
                                     node->node_name));
    return FOV_OK;
}

static int export_grid(struct op_export *node)
{
    const struct grid_options *options = node->options;
    if (node->opset < 16 || (node->opset < 20 && node->in[X].shape.rank != 4)) {
        return node->fail(node->writer, FOV_E_UNSUPPORTED,
                          "GridSample needs opset 16, and 20 for other than images, not %d", node->opset);
    }
    node->begin(node->writer, "GridSample", NULL);
    node->input(node->writer, X);
    node->input(node->writer, GRID);
    node->attribute_text(node->writer, "mode", node->opset < 20 ? old_modes[options->mode] : modes[options->mode]);
    node->attribute_text(node->writer, "padding_mode", paddings[options->padding]);
    node->attribute_integer(node->writer, "align_corners", options->align_corners);
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "GridSample", .since = 16, .import = import_grid, .export = export_grid};

static const struct grid_options linear = {GRID_LINEAR, GRID_ZEROS, false}, border = {GRID_LINEAR, GRID_BORDER, true},
                                 mirrored = {GRID_LINEAR, GRID_REFLECTION, false},
                                 mirrored_corners = {GRID_LINEAR, GRID_REFLECTION, true},
                                 nearest = {GRID_NEAREST, GRID_ZEROS, false},
                                 cubic_zeros = {GRID_CUBIC, GRID_ZEROS, false},
                                 cubic_mirrored = {GRID_CUBIC, GRID_REFLECTION, true};
#define IMAGE .in = {FOV_SHAPE(2, 3, 4, 5), FOV_SHAPE(2, 3, 2, 2)}, .in_count = 2
static const struct op_case cases[] = {
    {.name = "bilinear", .options = &linear, IMAGE},
    {.name = "border", .options = &border, IMAGE},
    {.name = "reflection", .options = &mirrored, IMAGE},
    {.name = "reflection, corners", .options = &mirrored_corners, IMAGE},
    {.name = "nearest", .options = &nearest, IMAGE},
    {.name = "bicubic", .options = &cubic_zeros, IMAGE},
    {.name = "bicubic, reflection", .options = &cubic_mirrored, IMAGE},
    {.name = "3-D", .options = &linear, .in = {FOV_SHAPE(1, 2, 3, 4, 3), FOV_SHAPE(1, 2, 3, 2, 3)}, .in_count = 2},
    {0},
};

const struct op op_grid_sample = {
    .name = "grid_sample",
    .family = OP_POOLING,
    .summary = "Takes every output pixel from the place in x that a grid names.",
    .formula =
        "y[n, c, o] = sum over pixels i around grid[n, o] of x[n, c, i] * product over axes of w(i - grid[n, o])",
    .source = "Jaderberg et al., Spatial transformer networks, NIPS 2015, equations 3 to 7",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, spatial...]", .plain = true},
                                   {.name = "grid", .shape = "[N, result's spatial..., axes]: -1 .. 1", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, C, result's spatial...]", .plain = true}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct grid_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};

static int infer_gradient(const struct op_infer *infer_of)
{
    struct op_tensor y = infer_of->in[X];
    struct op_infer forward = *infer_of;
    forward.out = &y;
    forward.out_count = 1;
    int status = infer(&forward);
    if (status == 0 && !shape_fits(&y.shape, &infer_of->in[DY].shape)) {
        char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
        status = error_set(infer_of->error, FOV_E_SHAPE, "dy %s does not fit the sampled shape %s",
                           shape_text(&infer_of->in[DY].shape, text), shape_text(&y.shape, other));
    }
    infer_of->out[0].shape = infer_of->in[X].shape;
    if (infer_of->out_count > 1) {
        infer_of->out[1].shape = infer_of->in[GRID].shape;
    }
    return status;
}

static void textbook_gradient(const struct op_textbook *textbook)
{
    walk(textbook, textbook->in[DY].data, NULL, textbook->out[0].data,
         textbook->out_count > 1 ? textbook->out[1].data : NULL);
}

/* Gradients of this gradient do not exist yet. */
static const struct op_case gradient_cases[] = {
    {.name = "bilinear",
     .options = &linear,
     .in = {FOV_SHAPE(2, 3, 4, 5), FOV_SHAPE(2, 3, 2, 2), FOV_SHAPE(2, 3, 3, 2)},
     .in_count = 3,
     .no_gradient = true},
    {.name = "bicubic",
     .options = &cubic_mirrored,
     .in = {FOV_SHAPE(2, 3, 4, 5), FOV_SHAPE(2, 3, 2, 2), FOV_SHAPE(2, 3, 3, 2)},
     .in_count = 3,
     .no_gradient = true},
    {0},
};

const struct op op_grid_sample_gradient = {
    .name = "grid_sample_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of grid sampling by x and by the grid.",
    .formula = "dx[i] = sum over o near i of w dy[o]; dgrid[o] = sum over i near o of dw x[i] dy[o]",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, spatial...]", .plain = true},
                                   {.name = "grid", .shape = "[N, result's spatial..., axes]", .plain = true},
                                   {.name = "dy", .shape = "[N, C, result's spatial...]", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as x", .plain = true},
                                    {.name = "dgrid", .shape = "as grid", .optional = true, .plain = true},
                                    {0}},
    .attributes = attributes,
    .options_size = sizeof(struct grid_options),
    .infer = infer_gradient,
    .textbook = textbook_gradient,
    .cases = gradient_cases,
};
