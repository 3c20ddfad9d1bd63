/* SPDX-License-Identifier: MIT */
/* Resize: interpolation along any axes, in all modes of ONNX. Descriptor, definition and ONNX spelling, also of the
 * older Upsample; points.c has the formulas. */
#include "op/given.h"
#include "op/resize/resize.h"
#include "op/onnx.h"

#include <fovea/operators.h>
#include <math.h>
#include <string.h>

static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
static const char *const coordinates[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",   "align_corners",
                                          "asymmetric", "tf_crop_and_resize",   "tf_half_pixel_for_nn", NULL};
static const char *const nearest_modes[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL};
static const char *const policies[] = {"stretch", "not_larger", "not_smaller", NULL};

const struct op_attribute resize_attributes[] = {
    {OP_ATTRIBUTE(struct resize_options, mode), .onnx = "mode", .kind = OP_CHOICE, .choices = modes,
     .doc = "how neighbours are weighted"},
    {OP_ATTRIBUTE(struct resize_options, coordinate), .onnx = "coordinate_transformation_mode", .kind = OP_CHOICE,
     .choices = coordinates, .doc = "where an output element lies among the inputs"},
    {OP_ATTRIBUTE(struct resize_options, nearest_mode), .onnx = "nearest_mode", .kind = OP_CHOICE,
     .choices = nearest_modes, .doc = "which neighbour is nearest"},
    {OP_ATTRIBUTE(struct resize_options, policy), .onnx = "keep_aspect_ratio_policy", .kind = OP_CHOICE,
     .choices = policies, .doc = "whether sizes are met exactly, or with one scale that stays within or beyond them"},
    {OP_ATTRIBUTE(struct resize_options, cubic_coeff_a), .onnx = "cubic_coeff_a", .kind = OP_NUMBER, .standard = -0.75,
     .doc = "a of cubic convolution; -0.5 in other tools"},
    {OP_ATTRIBUTE(struct resize_options, extrapolation_value), .onnx = "extrapolation_value", .kind = OP_NUMBER,
     .doc = "of a crop's elements that lie outside"},
    {OP_ATTRIBUTE(struct resize_options, exclude_outside), .onnx = "exclude_outside", .kind = OP_FLAG,
     .doc = "neighbours beyond the border weigh nothing, rather than repeat the border"},
    {OP_ATTRIBUTE(struct resize_options, antialias), .onnx = "antialias", .kind = OP_FLAG,
     .doc = "when shrinking, weigh all inputs that an output covers"},
    {OP_ATTRIBUTE(struct resize_options, axes), .onnx = "axes", .kind = OP_LIST, .minimum = -FOV_MAX_RANK,
     .maximum = FOV_MAX_RANK - 1, .doc = "axes to resize; not given: all"},
    {OP_ATTRIBUTE(struct resize_options, size), .kind = OP_LIST, .minimum = 0, .maximum = INT32_MAX,
     .doc = "elements of each of axes, in place of the input sizes"},
    {OP_ATTRIBUTE(struct resize_options, scale), .kind = OP_NUMBER, .minimum = 0, .maximum = 1e9,
     .doc = "of each of axes, in place of the input scales; 0: not given"},
    {0},
};

enum { X, ROI, SCALES, SIZES };

static int infer(const struct op_infer *infer)
{
    struct resize_geometry geometry;
    struct resize_request request;
    const struct resize_options *options = infer->options;
    int status = resize_request(&request, infer->in, infer->in_constant, infer->in_count, ROI, infer->error);
    status = status != 0 ? status
                         : resize_resolve(&geometry, options, &infer->in[X].shape, &request, infer->error);
    if (status == 0 && options->mode != RESIZE_NEAREST && infer->in[X].dtype == FOV_BOOL) {
        status = error_set(infer->error, FOV_E_USAGE, "x is bool, which can only be resized by its nearest neighbour");
    }
    for (int i = 0; status == 0 && i < geometry.rank; i++) {
        infer->out[0].shape.dim[i] = geometry.axis[i].out;
    }
    return status;
}

/* Resizing is linear, so its gradient uses the same tables, transposed. The inputs that decide shapes are passed on, as
 * they decide the gradient's tables too. */
static void gradient(struct op_gradient *gradient)
{
    fov_value in[5] = {gradient->out_gradient[0], gradient->in[X]};
    for (int i = ROI; i < gradient->in_count; i++) {
        in[1 + i] = gradient->in[i];
    }
    if (gradient->wanted[X]) {
        gradient->in_gradient[X] =
            op_emit(gradient->emitter, "resize_gradient", in, 1 + gradient->in_count, gradient->options);
    }
}

/* ---- definition -------------------------------------------------------------------------------------------------- */

struct sum {
    const struct resize_options  *options;
    const struct resize_geometry *geometry;
    const double                 *x;
    struct resize_point           point[FOV_MAX_RANK]; /**< of one output element, per axis */
};

/** The weighted sum over the neighbours along `axis` and all later ones. */
static double sum_from(const struct sum *sum, int axis, size_t index)
{
    if (axis == sum->geometry->rank) {
        return sum->x[index];
    }
    double total = 0;
    for (int64_t k = 0; k < sum->point[axis].width; k++) {
        size_t at;
        double weight = resize_weight(sum->options, &sum->geometry->axis[axis], &sum->point[axis], k, &at);
        total += weight == 0 ? 0 : weight * sum_from(sum, axis + 1, index * (size_t)sum->geometry->axis[axis].in + at);
    }
    return total;
}

static void textbook(const struct op_textbook *textbook)
{
    const struct resize_options *options = textbook->options;
    struct resize_request request = resize_textbook_request(textbook, ROI);
    struct resize_geometry geometry;
    struct sum sum = {.options = options, .geometry = &geometry, .x = textbook->in[X].data};
    if (resize_resolve(&geometry, options, &textbook->in[X].shape, &request, NULL) != 0) {
        return;
    }
    size_t count = op_count(&textbook->out[0].shape);
    for (size_t i = 0; i < count; i++) {
        size_t rest = i;
        bool outside = false;
        for (int axis = geometry.rank - 1; axis >= 0; axis--) {
            size_t size = (size_t)geometry.axis[axis].out;
            sum.point[axis] = resize_point(options, &geometry.axis[axis], (int64_t)(rest % size));
            outside = outside || sum.point[axis].outside;
            rest /= size;
        }
        textbook->out[0].data[i] = outside ? options->extrapolation_value : sum_from(&sum, 0, 0);
    }
}

static int compile(struct op_compile *compile)
{
    return resize_compile(compile, false);
}

static bool supports(const void *options, const struct op_tensor *in, int in_count)
{
    (void)options;
    (void)in_count;
    return in[X].dtype == FOV_F32;
}

static const struct op_cpu cpu = {.layout = OP_FOLLOWS, .supports = supports, .compile = compile};

/* ---- ONNX: Upsample (7: scales are an attribute; 9: an input), Resize 10 (two inputs), 11 and later -------------- */

static int choice(struct op_import *node, const char *attribute, const char *const *choices, int standard, int *out)
{
    const char *text = node->text(node->reader, attribute, choices[standard]);
    for (*out = 0; choices[*out] != NULL; ++*out) {
        if (strcmp(choices[*out], text) == 0) {
            return 0;
        }
    }
    return node->fail(node->reader, FOV_E_UNSUPPORTED, "%s is \"%s\", which is not known", attribute, text);
}

/** Turns an input that is a float constant of the file into a constant of the graph, so that it does not become a
 *  parameter. An empty list counts as absent. */
static fov_value constant_input(struct op_import *node, int input)
{
    fov_shape shape;
    if (input >= node->in_count || node->in[input].id == 0) {
        return (fov_value){0};
    }
    const double *values = node->constant(node->reader, input, &shape);
    fov_dtype dtype = node->dtype(node->reader, node->in[input]);
    size_t count = values == NULL || shape.rank != 1 ? 0 : (size_t)shape.dim[0];
    if (values != NULL && shape.rank == 1 && count == 0) {
        return (fov_value){0}; /* an empty list says "not given" */
    }
    if (count == 0 || count > 2 * FOV_MAX_RANK || dtype != FOV_F32) {
        return node->in[input];
    }
    float numbers[2 * FOV_MAX_RANK];
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (float)values[i];
    }
    return node->emitter->constant(node->emitter->graph, FOV_F32, shape, numbers);
}

/** Opsets before 11: coordinates are asymmetric; nearest neighbours are rounded down or, where the image shrinks,
 *  up. */
static int import_old(struct op_import *node, struct resize_options *options, fov_value *scales)
{
    fov_shape shape, x = node->shape(node->reader, node->in[0]);
    options->coordinate = RESIZE_ASYMMETRIC;
    options->nearest_mode = RESIZE_FLOOR;
    const char *mode = node->text(node->reader, "mode", "nearest");
    if (strcmp(mode, "bilinear") == 0 || strcmp(mode, "linear") == 0) {
        options->mode = RESIZE_LINEAR;
    } else if (strcmp(mode, "nearest") != 0) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "mode is \"%s\", which is not known", mode);
    }
    float numbers[FOV_MAX_RANK] = {1, 1};
    if (node->has(node->reader, "height_scale") && x.rank == 4) { /* Upsample 1 */
        numbers[2] = (float)node->number(node->reader, "height_scale", 1);
        numbers[3] = (float)node->number(node->reader, "width_scale", 1);
        shape = (fov_shape){1, {4}};
        *scales = node->emitter->constant(node->emitter->graph, FOV_F32, shape, numbers);
        return 0;
    }
    int given = node->numbers(node->reader, "scales", numbers, FOV_MAX_RANK); /* Upsample 7 */
    if (given == 0 && node->in_count < 2) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "its scales are neither an input nor an attribute");
    }
    const double *values = given == 0 ? node->constant(node->reader, 1, &shape) : NULL;
    int64_t count = given > 0 ? given : values != NULL && shape.rank == 1 ? shape.dim[0] : 0;
    bool shrinks = false, grows = false;
    for (int64_t i = 0; i < count; i++) {
        double scale = given > 0 ? (double)numbers[i] : values[i];
        shrinks = shrinks || scale < 1;
        grows = grows || scale > 1;
    }
    if (shrinks && grows && options->mode == RESIZE_NEAREST) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "one axis shrinks and another grows, by nearest neighbours");
    }
    options->nearest_mode = shrinks ? RESIZE_CEIL : RESIZE_FLOOR;
    if (given > 0) {
        shape = (fov_shape){1, {given}};
        *scales = node->emitter->constant(node->emitter->graph, FOV_F32, shape, numbers);
        return 0;
    }
    *scales = constant_input(node, 1);
    return 0;
}

static int import_resize(struct op_import *node)
{
    struct resize_options options;
    fov_value in[4] = {node->in[0]};
    memset(&options, 0, sizeof options);
    options.cubic_coeff_a = node->number(node->reader, "cubic_coeff_a", -0.75);
    int status = 0, count = 4;
    if (node->opset < 11) {
        status = import_old(node, &options, &in[SCALES]);
    } else {
        status = choice(node, "mode", modes, 0, &options.mode);
        status =
            status != 0 ? status : choice(node, "coordinate_transformation_mode", coordinates, 0, &options.coordinate);
        status = status != 0 ? status : choice(node, "nearest_mode", nearest_modes, 0, &options.nearest_mode);
        status = status != 0 ? status : choice(node, "keep_aspect_ratio_policy", policies, 0, &options.policy);
        options.extrapolation_value = node->number(node->reader, "extrapolation_value", 0);
        options.exclude_outside = node->integer(node->reader, "exclude_outside", 0) != 0;
        options.antialias = node->integer(node->reader, "antialias", 0) != 0;
        node->list(node->reader, "axes", &options.axes);
        /* Only crop mode reads roi; in other modes exporters leave arbitrary tensors there. */
        in[ROI] = options.coordinate == RESIZE_CROP ? constant_input(node, 1) : (fov_value){0};
        in[SCALES] = constant_input(node, 2);
        in[SIZES] = constant_input(node, 3);
    }
    if (status != 0) {
        return status;
    }
    while (count > 1 && in[count - 1].id == 0) {
        count--;
    }
    node->result(node->reader, 0,
                 node->emitter->node(node->emitter->graph, "resize", in, count, &options, node->node_name));
    return 0;
}

static bool is_scaled(const struct resize_options *options, int rank, int axis)
{
    bool named = options->axes.count == 0;
    for (int i = 0; i < options->axes.count; i++) {
        named = named || options->axes.at[i] == axis || options->axes.at[i] + rank == axis;
    }
    return named;
}

/** Element `axis` of the list of all axes' scales: 1 for axes that are not named. */
static double scale_of(const void *context, size_t axis)
{
    const struct op_export *node = context;
    const struct resize_options *options = node->options;
    return is_scaled(options, node->in[X].shape.rank, (int)axis) ? options->scale : 1;
}

/** For roi_of: the crop of the named axes, to be written for all axes. */
struct whole_roi {
    const struct op_list *axes;
    const double         *part;
    int                   rank;
};

static double roi_of(const void *context, size_t index)
{
    const struct whole_roi *roi = context;
    int axis = (int)(index % (size_t)roi->rank), end = (int)(index / (size_t)roi->rank);
    for (int i = 0; i < roi->axes->count; i++) {
        if (roi->axes->at[i] == axis || roi->axes->at[i] + roi->rank == axis) {
            return roi->part[end * roi->axes->count + i];
        }
    }
    return end;
}

static int export_resize(struct op_export *node)
{
    const struct resize_options *options = node->options;
    bool has_scales = node->in_count > SCALES && node->in[SCALES].shape.rank >= 0;
    bool new_words = options->policy != 0 || options->antialias || options->coordinate == RESIZE_HALF_PIXEL_SYMMETRIC;
    if (node->opset < 11 || (new_words && node->opset < 18)) {
        return node->fail(node->writer, FOV_E_UNSUPPORTED, "this resize needs opset %d, not %d", new_words ? 18 : 11,
                          node->opset);
    }
    if (has_scales && options->axes.count != 0 && node->opset < 18) {
        return node->fail(node->writer, FOV_E_UNSUPPORTED, "scales of some axes need opset 18, not %d", node->opset);
    }
    const char *scales = NULL, *sizes = NULL;
    if (options->scale != 0) {
        scales = node->constant(node->writer, FOV_F32, &(fov_shape){1, {node->in[X].shape.rank}}, scale_of, node);
    }
    /* Sizes are written for all axes, unless the aspect ratio decides: then only the requested ones. */
    bool asked = options->policy != 0 && options->size.count != 0;
    bool given =
        node->in_count > SIZES && node->in[SIZES].shape.rank >= 0 && (options->policy != 0 || node->opset >= 18);
    if (asked) {
        sizes = node->integers(node->writer, options->size.at, options->size.count, false);
    } else if (!has_scales && !given && scales == NULL) {
        sizes = op_export_sizes(node, X, &node->out[0].shape);
    }
    bool names_axes = options->axes.count != 0 && (has_scales || given || asked);
    bool has_roi = node->in_count > ROI && node->in[ROI].shape.rank >= 0;
    const char *roi = NULL;
    if (has_roi && options->axes.count != 0 && !names_axes) {
        int rank = node->in[X].shape.rank;
        struct whole_roi whole = {&options->axes, node->known(node->writer, ROI), rank};
        if (whole.part == NULL) {
            return node->fail(node->writer, FOV_E_UNSUPPORTED, "the part to resize is not a constant");
        }
        roi = node->constant(node->writer, node->in[ROI].dtype, &(fov_shape){1, {2 * rank}}, roi_of, &whole);
    }
    node->begin(node->writer, "Resize", NULL);
    node->input(node->writer, X);
    if (roi != NULL) {
        node->input_name(node->writer, roi);
    } else {
        node->input(node->writer, has_roi ? ROI : -1);
    }
    if (scales != NULL) {
        node->input_name(node->writer, scales);
    } else {
        node->input(node->writer, has_scales ? SCALES : -1);
    }
    if (given) {
        node->input(node->writer, SIZES);
    } else if (sizes != NULL) {
        node->input_name(node->writer, sizes);
    }
    node->attribute_text(node->writer, "mode", modes[options->mode]);
    node->attribute_text(node->writer, "coordinate_transformation_mode", coordinates[options->coordinate]);
    node->attribute_text(node->writer, "nearest_mode", nearest_modes[options->nearest_mode]);
    if (options->mode == RESIZE_CUBIC) {
        node->attribute_number(node->writer, "cubic_coeff_a", options->cubic_coeff_a);
    }
    if (options->exclude_outside) {
        node->attribute_integer(node->writer, "exclude_outside", 1);
    }
    if (options->coordinate == RESIZE_CROP) {
        node->attribute_number(node->writer, "extrapolation_value", options->extrapolation_value);
    }
    if (options->antialias) {
        node->attribute_integer(node->writer, "antialias", 1);
    }
    if (options->policy != 0) {
        node->attribute_text(node->writer, "keep_aspect_ratio_policy", policies[options->policy]);
    }
    if (names_axes) {
        node->attribute_list(node->writer, "axes", options->axes.at, options->axes.count);
    }
    node->output(node->writer, 0);
    return 0;
}

static const char *const also[] = {"Upsample", NULL};
static const struct op_onnx onnx = {
    .type = "Resize", .since = 1, .import = import_resize, .export = export_resize, .also = also};

/* ---- cases ------------------------------------------------------------------------------------------------------- */

#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
#define IMAGE .axes = LIST(2, 3), .cubic_coeff_a = -0.75
static const struct resize_options
    doubled = {IMAGE, .scale = 2, .coordinate = RESIZE_ASYMMETRIC, .nearest_mode = RESIZE_FLOOR},
    nearest = {IMAGE, .size = LIST(7, 5)},
    nearest_up = {IMAGE, .size = LIST(3, 7), .nearest_mode = RESIZE_ROUND_UP, .coordinate = RESIZE_ALIGN_CORNERS},
    nearest_ceil = {IMAGE, .scale = 0.6, .nearest_mode = RESIZE_CEIL, .coordinate = RESIZE_TF_HALF_PIXEL},
    bilinear = {IMAGE, .scale = 2, .mode = RESIZE_LINEAR},
    corners = {IMAGE, .size = LIST(5, 9), .mode = RESIZE_LINEAR, .coordinate = RESIZE_ALIGN_CORNERS},
    shrunk = {IMAGE, .scale = 0.6, .mode = RESIZE_LINEAR, .coordinate = RESIZE_PYTORCH_HALF_PIXEL},
    symmetric = {IMAGE, .scale = 0.7, .mode = RESIZE_LINEAR, .coordinate = RESIZE_HALF_PIXEL_SYMMETRIC},
    smooth = {IMAGE, .size = LIST(3, 2), .mode = RESIZE_LINEAR, .antialias = true},
    smooth_inside = {IMAGE, .size = LIST(3, 2), .mode = RESIZE_CUBIC, .antialias = true, .exclude_outside = true},
    bicubic = {IMAGE, .scale = 1.5, .mode = RESIZE_CUBIC},
    bicubic_inside = {.axes = LIST(2, 3), .cubic_coeff_a = -0.5, .size = LIST(6, 3), .mode = RESIZE_CUBIC,
                      .exclude_outside = true, .coordinate = RESIZE_ASYMMETRIC},
    within = {IMAGE, .size = LIST(8, 8), .mode = RESIZE_LINEAR, .policy = RESIZE_NOT_LARGER},
    beyond = {IMAGE, .size = LIST(8, 8), .mode = RESIZE_LINEAR, .policy = RESIZE_NOT_SMALLER},
    line = {.axes = LIST(-1), .size = LIST(7), .mode = RESIZE_LINEAR},
    cut = {.axes = LIST(3, 2), .size = LIST(5, 4), .mode = RESIZE_LINEAR, .coordinate = RESIZE_CROP,
           .extrapolation_value = 2},
    volume = {.axes = LIST(2, 3, 4), .scale = 1.5, .mode = RESIZE_LINEAR},
    all = {.scale = 2, .mode = RESIZE_LINEAR},
    same = {IMAGE, .scale = 1, .mode = RESIZE_CUBIC};

/* The crop's begins, then its ends, of axes 3 and 2. */
static void fill_roi(int index, double *data, size_t count, struct random_key key)
{
    static const double roi[] = {0.25, 0.5, 0.875, 1.25};
    (void)key;
    for (size_t i = 0; index == ROI && i < count; i++) {
        data[i] = roi[i];
    }
}

static const struct op_case cases[] = {
    {.name = "nearest x 2", .options = &doubled, .in = {FOV_SHAPE(2, 5, 3, 4)}, .in_count = 1},
    {.name = "nearest to sizes", .options = &nearest, .in = {FOV_SHAPE(2, 17, 4, 8)}, .in_count = 1},
    {.name = "nearest rounded up", .options = &nearest_up, .in = {FOV_SHAPE(1, 3, 5, 4)}, .in_count = 1},
    {.name = "nearest, ceil", .options = &nearest_ceil, .in = {FOV_SHAPE(1, 3, 5, 7)}, .in_count = 1},
    {.name = "bilinear x 2", .options = &bilinear, .in = {FOV_SHAPE(2, 5, 4, 3)}, .in_count = 1},
    {.name = "aligned corners", .options = &corners, .in = {FOV_SHAPE(2, 8, 3, 4)}, .in_count = 1},
    {.name = "bilinear x 0.6", .options = &shrunk, .in = {FOV_SHAPE(1, 6, 7, 5)}, .in_count = 1},
    {.name = "symmetric", .options = &symmetric, .in = {FOV_SHAPE(1, 3, 5, 6)}, .in_count = 1},
    {.name = "antialias", .options = &smooth, .in = {FOV_SHAPE(2, 3, 8, 7)}, .in_count = 1},
    {.name = "antialias, cubic, inside", .options = &smooth_inside, .in = {FOV_SHAPE(1, 3, 7, 8)}, .in_count = 1},
    {.name = "bicubic x 1.5", .options = &bicubic, .in = {FOV_SHAPE(1, 5, 4, 5)}, .in_count = 1},
    {.name = "bicubic inside", .options = &bicubic_inside, .in = {FOV_SHAPE(1, 3, 4, 5)}, .in_count = 1},
    {.name = "not larger", .options = &within, .in = {FOV_SHAPE(1, 2, 4, 6)}, .in_count = 1},
    {.name = "not smaller", .options = &beyond, .in = {FOV_SHAPE(1, 2, 4, 6)}, .in_count = 1},
    {.name = "1-D", .options = &line, .in = {FOV_SHAPE(2, 3, 4)}, .in_count = 1},
    {.name = "3-D", .options = &volume, .in = {FOV_SHAPE(1, 3, 2, 4, 3)}, .in_count = 1},
    {.name = "a part, reaching beyond", .options = &cut, .in = {FOV_SHAPE(2, 3, 6, 7), FOV_SHAPE(4)}, .in_count = 2,
     .fill = fill_roi},
    {.name = "matrix", .options = &all, .in = {FOV_SHAPE(3, 4)}, .in_count = 1},
    {.name = "nothing to do", .options = &same, .in = {FOV_SHAPE(1, 2, 3, 4)}, .in_count = 1},
    {.name = "several chunks",
     .options = &bilinear,
     .in = {FOV_SHAPE(1, 33, 40, 37)},
     .in_count = 1,
     .no_gradient = true},
    {0},
};

const struct op op_resize = {
    .name = "resize",
    .family = OP_POOLING,
    .summary = "Interpolation along any axes: nearest, linear or cubic.",
    .formula = "y[o] = sum over neighbours i of the place of o in x of x[i] * product over axes of w(i - place)",
    .source = "Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 29 (1981), equation 4",
    .in =
        (const struct op_port[]){{.name = "x", .shape = "[...]"},
                                 {.name = "roi", .shape = "[2 axes]", .optional = true, .plain = true, .values = true},
                                 {.name = "scales", .shape = "[axes]", .optional = true, .plain = true, .values = true},
                                 {.name = "sizes", .shape = "[axes]", .optional = true, .plain = true, .values = true},
                                 {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[sizes]"}, {0}},
    .attributes = resize_attributes,
    .options_size = sizeof(struct resize_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};

fov_value fov_resize2d_opt(fov_graph *graph, fov_value x, const fov_resize2d_options *options)
{
    static const fov_resize2d_options none = {0};
    const fov_resize2d_options *given = options != NULL ? options : &none;
    const char *node = graph == NULL ? NULL : fov_graph_node_name(graph, given->name, "resize2d");
    if (!op_is_given(graph, node, x)) {
        return (fov_value){0};
    }
    fov_shape shape = fov_value_shape(graph, x);
    if (shape.rank != 4) {
        char text[SHAPE_TEXT_SIZE];
        return fov_graph_fail(graph, node, FOV_E_SHAPE, "input %s must be [N, C, H, W]", shape_text(&shape, text));
    }
    bool sized = given->height != 0 || given->width != 0;
    int ways = sized + (given->scale != 0) + (given->size.id != 0);
    if (ways != 1 || (sized && (given->height < 1 || given->width < 1))) {
        return fov_graph_fail(graph, node, FOV_E_USAGE,
                              "height %d and width %d, or scale %g, or a size: one of them must be given",
                              given->height, given->width, (double)given->scale);
    }
    struct resize_options resize = {.mode = (int)given->mode,
                                    .coordinate = given->align_corners                       ? RESIZE_ALIGN_CORNERS
                                                  : given->mode == FOV_RESIZE_NEAREST ? RESIZE_ASYMMETRIC
                                                                                      : RESIZE_HALF_PIXEL,
                                    .nearest_mode = RESIZE_FLOOR,
                                    .cubic_coeff_a = -0.75,
                                    .antialias = given->antialias};
    fov_value in[4] = {x};
    if (given->size.id != 0) {
        resize.axes = (struct op_list){2, {2, 3}};
        in[SIZES] = given->size;
        return op_build(graph, "resize", in, 4, &resize, node);
    }
    if (sized) {
        resize.axes = (struct op_list){2, {2, 3}};
        resize.size = (struct op_list){2, {given->height, given->width}};
        return op_build(graph, "resize", in, 1, &resize, node);
    }
    const struct op_emitter *emitter = fov_graph_emitter(graph);
    float scales[4] = {1, 1, given->scale, given->scale};
    in[SCALES] = emitter->constant(emitter->graph, FOV_F32, (fov_shape){1, {4}}, scales);
    return op_build(graph, "resize", in, 3, &resize, node);
}
