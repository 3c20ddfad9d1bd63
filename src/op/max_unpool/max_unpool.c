/* SPDX-License-Identifier: MIT */
/* Max unpooling: puts each value back to the place its pooling took it from, zeros elsewhere. `index` is what ONNX's
 * MaxPool gives: places in the whole flattened tensor. Two elements with one place: the later one stays, as in ONNX. */
#include "op/common.h"
#include "op/forward.h"
#include "op/onnx.h"
#include "op/window.h"

#include <fovea/operators.h>
#include <string.h>

struct unpool_options {
    struct op_list kernel, stride, pad; /**< of the pooling, pixels */
    struct op_list size;                /**< spatial size of y, in place of the input output_shape */
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct unpool_options, kernel), .onnx = "kernel_shape", .kind = OP_LIST, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "taps of the pooling, per axis"},
    {OP_ATTRIBUTE(struct unpool_options, stride), .onnx = "strides", .kind = OP_LIST, .standard = 1, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels from window to window of the pooling, per axis"},
    {OP_ATTRIBUTE(struct unpool_options, pad), .onnx = "pads", .kind = OP_LIST, .standard = 0, .minimum = 0,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels that the pooling added before each axis, then after"},
    {OP_ATTRIBUTE(struct unpool_options, size), .kind = OP_LIST, .minimum = 0, .maximum = INT32_MAX,
     .doc = "spatial size of y, pixels, in place of output_shape"},
    {0},
};

enum { X, INDEX, OUTPUT_SHAPE };

/** `places`: the shape whose elements `index` counts. `y`: the result's shape, at least that large in ONNX's own
 *  cases. */
static int resolve(const struct unpool_options *options, const fov_shape *x, const double *shape, size_t count,
                   fov_shape *places, fov_shape *y, struct error *error)
{
    char text[SHAPE_TEXT_SIZE];
    int rank = x->rank - 2;
    if (rank < 1 || options->kernel.count != rank || (options->stride.count != 0 && options->stride.count != rank) ||
        (options->pad.count != 0 && options->pad.count != 2 * rank)) {
        return error_set(error, FOV_E_SHAPE,
                         "input %s must be [N, C, spatial...], and kernel, stride and pad fit its %d spatial axes",
                         shape_text(x, text), rank < 0 ? 0 : rank);
    }
    *places = *x;
    for (int i = 0; i < rank; i++) {
        int64_t size = (x->dim[2 + i] - 1) * op_list_get(&options->stride, i, 1) + options->kernel.at[i] -
                       op_list_get(&options->pad, i, 0) - op_list_get(&options->pad, rank + i, 0);
        if (x->dim[2 + i] < 1 || size < 1) {
            return error_set(error, FOV_E_SHAPE, "axis %d of %s cannot be unpooled to %lld pixels", 2 + i,
                             shape_text(x, text), (long long)size);
        }
        places->dim[2 + i] = size;
    }
    *y = *places;
    if (options->size.count != 0 && options->size.count != rank) {
        return error_set(error, FOV_E_SHAPE, "size has %d numbers where %d are needed", options->size.count, rank);
    }
    for (int i = 0; i < options->size.count; i++) {
        y->dim[2 + i] = options->size.at[i];
    }
    if (shape != NULL) {
        if (count != (size_t)x->rank) {
            return error_set(error, FOV_E_SHAPE, "output_shape has %zu numbers where %d are needed", count, x->rank);
        }
        for (int i = 0; i < x->rank; i++) {
            y->dim[i] = op_size_value(shape[i]);
            if (i < 2 ? y->dim[i] != x->dim[i] : y->dim[i] < 1) {
                return error_set(error, FOV_E_SHAPE, "output_shape has %g where the input is %s", shape[i],
                                 shape_text(x, text));
            }
        }
    }
    return 0;
}

static int infer_places(const struct op_infer *infer)
{
    fov_shape places;
    const double *shape = NULL;
    size_t count = 0;
    if (infer->in_count > OUTPUT_SHAPE && infer->in[OUTPUT_SHAPE].shape.rank >= 0) {
        shape = infer->in_constant[OUTPUT_SHAPE];
        if (shape == NULL || infer->in[OUTPUT_SHAPE].shape.rank != 1) {
            return error_set(infer->error, FOV_E_UNSUPPORTED,
                             "output_shape must be a list that is known before the run");
        }
        count = (size_t)infer->in[OUTPUT_SHAPE].shape.dim[0];
    }
    int status = op_check_same_shape(infer, INDEX, "index", X, "x");
    if (status == 0 && !op_is_integer(infer->in[INDEX].dtype)) {
        status = error_set(infer->error, FOV_E_USAGE, "index is %s, it must be whole numbers",
                           fov_dtype_name(infer->in[INDEX].dtype));
    }
    return status != 0 ? status
                       : resolve(infer->options, &infer->in[X].shape, shape, count, &places, &infer->out[0].shape,
                                 infer->error);
}

static void gradient(struct op_gradient *gradient)
{
    fov_value in[3] = {gradient->out_gradient[0], gradient->in[X], gradient->in[INDEX]};
    if (gradient->wanted[X]) {
        gradient->in_gradient[X] = op_emit(gradient->emitter, "max_unpool_gradient", in, 3, gradient->options);
    }
}

/** Where place `index` of the tensor `places` lies in y; SIZE_MAX: outside of it. */
static size_t place_in(const fov_shape *places, double index, const fov_shape *y)
{
    size_t at = 0, step = 1;
    if (!(index >= 0) || index >= (double)op_count(places)) {
        return SIZE_MAX;
    }
    size_t rest = (size_t)index;
    for (int i = places->rank - 1; i >= 0; i--) {
        size_t coordinate = rest % (size_t)places->dim[i];
        if (coordinate >= (size_t)y->dim[i]) {
            return SIZE_MAX;
        }
        at += coordinate * step;
        step *= (size_t)y->dim[i];
        rest /= (size_t)places->dim[i];
    }
    return at;
}

static void textbook(const struct op_textbook *textbook)
{
    fov_shape places, plain;
    const fov_shape *x = &textbook->in[X].shape, *y = &textbook->out[0].shape;
    if (resolve(textbook->options, x, NULL, 0, &places, &plain, NULL) != 0) {
        return;
    }
    for (size_t i = 0; i < op_count(x); i++) {
        size_t at = place_in(&places, textbook->in[INDEX].data[i], y);
        if (at != SIZE_MAX) {
            textbook->out[0].data[at] = textbook->in[X].data[i];
        }
    }
}

static int export_unpool(struct op_export *node)
{
    const struct unpool_options *options = node->options;
    const fov_shape *y = &node->out[0].shape;
    const char *shape = NULL;
    if (options->size.count != 0) {
        shape = op_export_sizes(node, X, y);
    }
    node->begin(node->writer, "MaxUnpool", NULL);
    for (int i = 0; i < node->in_count; i++) {
        node->input(node->writer, i);
    }
    if (shape != NULL && node->in_count <= OUTPUT_SHAPE) {
        node->input_name(node->writer, shape);
    }
    node->attribute_list(node->writer, "kernel_shape", options->kernel.at, options->kernel.count);
    if (options->stride.count != 0) {
        node->attribute_list(node->writer, "strides", options->stride.at, options->stride.count);
    }
    if (options->pad.count != 0) {
        node->attribute_list(node->writer, "pads", options->pad.at, options->pad.count);
    }
    node->output(node->writer, 0);
    return 0;
}

static const struct op_onnx onnx = {.type = "MaxUnpool", .since = 9, .export = export_unpool};

#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
static const struct unpool_options halves = {.kernel = LIST(2, 2), .stride = LIST(2, 2)},
                                   larger = {.kernel = LIST(2, 2), .stride = LIST(2, 2), .size = LIST(5, 7)},
                                   line = {.kernel = LIST(3), .stride = LIST(2), .pad = LIST(1, 1)};

/** Draws normal numbers; for index, distinct places: 7 i modulo twice the count, of which 7 is no divisor here. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        data[i] = index != X && index != 3 ? (double)(7 * i % (2 * count)) : (double)(float)random_normal(key, i);
    }
}
static void fill_gradient(int index, double *data, size_t count, struct random_key key)
{
    fill(index == 2 ? INDEX : X, data, count, key);
}

static const struct op_case cases[] = {
    {.name = "2x2",
     .options = &halves,
     .in = {FOV_SHAPE(2, 3, 3, 2), FOV_SHAPE(2, 3, 3, 2)},
     .in_dtype = {FOV_F32, FOV_I64},
     .in_count = 2,
     .fill = fill},
    {.name = "larger",
     .options = &larger,
     .in = {FOV_SHAPE(1, 3, 2, 3), FOV_SHAPE(1, 3, 2, 3)},
     .in_dtype = {FOV_F32, FOV_I64},
     .in_count = 2,
     .fill = fill},
    {.name = "1-D",
     .options = &line,
     .in = {FOV_SHAPE(2, 3, 5), FOV_SHAPE(2, 3, 5)},
     .in_dtype = {FOV_F32, FOV_I32},
     .in_count = 2,
     .fill = fill},
    {0},
};

const struct op op_max_unpool = {
    .name = "max_unpool",
    .family = OP_POOLING,
    .summary = "Puts values back to the places that a max pooling took them from, zeros elsewhere.",
    .formula = "y[index[i]] = x[i], y = 0 elsewhere",
    .source = "Zeiler & Fergus, Visualizing and understanding convolutional networks, ECCV 2014, section 2.1",
    .in = (const struct op_port[]){
        {.name = "x", .shape = "[N, C, pooled...]", .plain = true},
        {.name = "index", .shape = "as x: places in the flattened result", .plain = true},
        {.name = "output_shape", .shape = "[rank]", .optional = true, .plain = true, .values = true},
        {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, C, spatial...]", .plain = true}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct unpool_options),
    .infer = infer_places,
    .gradient = gradient,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};

/* ---- gradient: what lies at the places --------------------------------------------------------------------------- */

static int infer_gradient(const struct op_infer *infer)
{
    struct unpool_options options = *(const struct unpool_options *)infer->options;
    options.size = window_spatial(&infer->in[0].shape); /* any: the input output_shape may have said it */
    struct op_infer sized = *infer;
    sized.options = &options;
    infer->out[0].shape = infer->in[1].shape;
    return op_check_result(&sized, 0, infer_places, (const int[]){1, 2}, 2);
}

static void textbook_gradient(const struct op_textbook *textbook)
{
    fov_shape places, plain;
    const fov_shape *x = &textbook->in[1].shape, *y = &textbook->in[0].shape;
    if (resolve(textbook->options, x, NULL, 0, &places, &plain, NULL) != 0) {
        return;
    }
    for (size_t i = 0; i < op_count(x); i++) {
        size_t at = place_in(&places, textbook->in[2].data[i], y);
        textbook->out[0].data[i] = at != SIZE_MAX ? textbook->in[0].data[at] : 0;
    }
}

static void gradient_gradient(struct op_gradient *gradient)
{
    struct unpool_options options = *(const struct unpool_options *)gradient->options;
    options.size = window_spatial(&gradient->in_tensor[0].shape);
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] =
            op_emit2(gradient->emitter, "max_unpool", gradient->out_gradient[0], gradient->in[2], &options);
    }
}

static const struct op_case gradient_cases[] = {
    {.name = "2x2", .options = &halves, .in = {FOV_SHAPE(2, 3, 6, 4), FOV_SHAPE(2, 3, 3, 2), FOV_SHAPE(2, 3, 3, 2)},
     .in_dtype = {FOV_F32, FOV_F32, FOV_I64}, .in_count = 3, .fill = fill_gradient},
    {0},
};

const struct op op_max_unpool_gradient = {
    .name = "max_unpool_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of max unpooling: takes what lies at the places.",
    .formula = "dx[i] = dy[index[i]]",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[N, C, spatial...]", .plain = true},
                                   {.name = "x", .shape = "[N, C, pooled...]", .plain = true, .shape_only = true},
                                   {.name = "index", .shape = "as x", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as x", .plain = true}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct unpool_options),
    .infer = infer_gradient,
    .gradient = gradient_gradient,
    .textbook = textbook_gradient,
    .cases = gradient_cases,
};

fov_value fov_max_unpool2d_opt(fov_graph *graph, fov_value x, fov_value index, const fov_max_unpool2d_options *options)
{
    static const fov_max_unpool2d_options none = {0};
    const fov_max_unpool2d_options *given = options != NULL ? options : &none;
    fov_pool2d_options windows = {
        .kernel = given->kernel, .stride = given->stride, .pad = given->pad, .name = given->name};
    struct window_pool2d pool;
    const char *node = window_pool2d(graph, x, &windows, "max_unpool2d", &pool);
    if (node == NULL) {
        return (fov_value){0};
    }
    struct unpool_options unpool = {.kernel = pool.kernel, .stride = pool.stride, .pad = pool.pad};
    if ((given->height != 0) != (given->width != 0)) {
        return fov_graph_fail(graph, node, FOV_E_USAGE, "height is %d and width %d: give both or neither",
                              given->height, given->width);
    }
    if (given->height != 0) {
        unpool.size = (struct op_list){2, {given->height, given->width}};
    }
    fov_value in[2] = {x, index};
    return op_build(graph, "max_unpool", in, 2, &unpool, node);
}
