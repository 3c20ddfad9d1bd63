/* SPDX-License-Identifier: MIT */
/* Lp pooling: the p-norm of each window, and of whole images (global_lp_pool). Between the sum of magnitudes (p = 1)
 * and the maximum (p large). Rare, so the definition is also the implementation. */
#include "op/common.h"
#include "op/onnx.h"
#include "op/window.h"

#include <fovea/operators.h>
#include <math.h>
#include <string.h>

struct lp_options {
    struct op_list kernel, stride, pad, dilation; /**< pixels */
    double         p;
    int            auto_pad;
    bool           ceil_mode;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct lp_options, kernel), .onnx = "kernel_shape", .kind = OP_LIST, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "taps per axis"},
    {OP_ATTRIBUTE(struct lp_options, stride), .onnx = "strides", .kind = OP_LIST, .standard = 1, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels from window to window, per axis"},
    {OP_ATTRIBUTE(struct lp_options, pad), .onnx = "pads", .kind = OP_LIST, .standard = 0, .minimum = 0,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "zeros before each axis, then after each axis, pixels"},
    {OP_ATTRIBUTE(struct lp_options, dilation), .onnx = "dilations", .kind = OP_LIST, .standard = 1, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels from tap to tap, per axis"},
    {OP_ATTRIBUTE(struct lp_options, p), .onnx = "p", .kind = OP_NUMBER, .standard = 2, .minimum = 1, .maximum = 1e3,
     .doc = "of the norm"},
    {OP_ATTRIBUTE(struct lp_options, auto_pad), .onnx = "auto_pad", .kind = OP_CHOICE,
     .choices = window_auto_pad_choices, .doc = "how pads follow from sizes, in place of pad"},
    {OP_ATTRIBUTE(struct lp_options, ceil_mode), .onnx = "ceil_mode", .kind = OP_FLAG, .doc = "round output sizes up"},
    {0},
};
static const struct op_attribute global_attributes[] = {
    {OP_ATTRIBUTE(struct lp_options, p), .onnx = "p", .kind = OP_NUMBER, .standard = 2, .minimum = 1, .maximum = 1e3,
     .doc = "of the norm"},
    {0},
};

/** Without a kernel, the window is the whole image. */
static int resolve(struct window *window, const struct lp_options *options, const fov_shape *x, struct error *error)
{
    struct op_list whole = window_spatial(x);
    struct window_request request = {options->kernel.count != 0 ? &options->kernel : &whole,
                                     &options->stride,
                                     &options->pad,
                                     &options->dilation,
                                     options->auto_pad,
                                     options->ceil_mode};
    return window_resolve(window, x, &request, error);
}

static int infer(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[0].shape;
    struct window window;
    int status = op_check_float(infer, 0, "x");
    status = status != 0 ? status : resolve(&window, infer->options, x, infer->error);
    if (status == 0) {
        infer->out[0].shape = window_out_shape(&window, x->dim[0], x->dim[1]);
    }
    return status;
}

static void gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit3(gradient->emitter, "lp_pool_gradient", gradient->in[0], gradient->out[0],
                                            gradient->out_gradient[0], gradient->options);
    }
}

static void cost(struct op_cost *cost)
{
    struct window window;
    if (resolve(&window, cost->options, &cost->in[0].shape, NULL) == 0) {
        window_cost(&window, cost);
    }
}

/** The pixel of an image that output pixel `out` meets through `tap`, or -1. */
static int64_t met(const struct window *window, int64_t out, int64_t tap)
{
    int64_t oz = out / (window->out[1] * window->out[2]), oy = out / window->out[2] % window->out[1];
    return window_pixel(window->in, window_meets(window, 0, oz, tap / (window->kernel[1] * window->kernel[2])),
                        window_meets(window, 1, oy, tap / window->kernel[2] % window->kernel[1]),
                        window_meets(window, 2, out % window->out[2], tap % window->kernel[2]));
}

/** x^p for x >= 0: pow is slow, and p is mostly 2. */
static double power(double x, double p)
{
    return p == 2 ? x * x : p == 1 ? x : p == 0 ? 1 : pow(x, p);
}

static double root(double x, double p)
{
    return p == 2 ? sqrt(x) : p == 1 ? x : pow(x, 1 / p);
}

/** The p-norm of the pixels under output pixel `out`. The largest magnitude is a factor in front of the sum: what is
 *  raised to the power is at most 1, so a large p neither overflows nor loses everything. */
static double norm_of(const struct window *window, const double *image, int64_t out, double p)
{
    double largest = 0, sum = 0;
    for (int64_t tap = 0; tap < window_taps(window); tap++) {
        int64_t in = met(window, out, tap);
        double size = in >= 0 ? fabs(image[in]) : 0;
        largest = size > largest || isnan(size) ? size : largest;
    }
    for (int64_t tap = 0; largest > 0 && isfinite(largest) && tap < window_taps(window); tap++) {
        int64_t in = met(window, out, tap);
        sum += in >= 0 ? power(fabs(image[in]) / largest, p) : 0;
    }
    return sum > 0 ? largest * root(sum, p) : largest;
}

static void textbook(const struct op_textbook *textbook)
{
    const struct lp_options *options = textbook->options;
    const fov_shape *shape = &textbook->in[0].shape;
    struct window window;
    if (resolve(&window, options, shape, NULL) != 0) {
        return;
    }
    double *y = textbook->out[0].data;
    for (size_t plane = 0; plane < (size_t)(shape->dim[0] * shape->dim[1]); plane++) {
        const double *image = textbook->in[0].data + plane * (size_t)window_in_pixels(&window);
        for (int64_t out = 0; out < window_out_pixels(&window); out++) {
            *y++ = norm_of(&window, image, out, options->p);
        }
    }
}

/** d y / d x_i = sign(x_i) (|x_i| / y)^(p - 1); 0 where the window is all zeros. */
static void textbook_gradient(const struct op_textbook *textbook)
{
    const struct lp_options *options = textbook->options;
    const fov_shape *shape = &textbook->in[0].shape;
    struct window window;
    if (resolve(&window, options, shape, NULL) != 0) {
        return;
    }
    const double *y = textbook->in[1].data, *dy = textbook->in[2].data;
    for (size_t plane = 0; plane < (size_t)(shape->dim[0] * shape->dim[1]); plane++) {
        const double *image = textbook->in[0].data + plane * (size_t)window_in_pixels(&window);
        double *dx = textbook->out[0].data + plane * (size_t)window_in_pixels(&window);
        for (int64_t out = 0; out < window_out_pixels(&window); out++, y++, dy++) {
            for (int64_t tap = 0; tap < window_taps(&window); tap++) {
                int64_t in = met(&window, out, tap);
                if (in >= 0 && *y > 0 && image[in] != 0) {
                    dx[in] += *dy * copysign(power(fabs(image[in]) / *y, options->p - 1), image[in]);
                }
            }
        }
    }
}

static int infer_gradient(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[0].shape;
    struct window window;
    int status = resolve(&window, infer->options, x, infer->error);
    if (status != 0) {
        return status;
    }
    fov_shape expected = window_out_shape(&window, x->dim[0], x->dim[1]);
    for (int i = 1; i < 3; i++) {
        if (!shape_fits(&expected, &infer->in[i].shape)) {
            char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
            return error_set(infer->error, FOV_E_SHAPE, "%s does not fit the pooled shape %s",
                             shape_text(&infer->in[i].shape, text), shape_text(&expected, other));
        }
    }
    return 0;
}

/* ---- ONNX: p was a float in opset 1 ------------------------------------------------------------------------------ */

static int import_pool(struct op_import *node)
{
    struct lp_options options = {0};
    bool global = strcmp(node->type, "GlobalLpPool") == 0;
    options.p = node->opset < 2 ? node->number(node->reader, "p", 2) : (double)node->integer(node->reader, "p", 2);
    if (!global) {
        if (!node->list(node->reader, "kernel_shape", &options.kernel)) {
            return node->fail(node->reader, FOV_E_INPUT, "kernel_shape is missing");
        }
        node->list(node->reader, "strides", &options.stride);
        node->list(node->reader, "pads", &options.pad);
        node->list(node->reader, "dilations", &options.dilation);
        options.ceil_mode = node->integer(node->reader, "ceil_mode", 0) != 0;
        options.auto_pad = window_auto_pad_read(node->text(node->reader, "auto_pad", "NOTSET"));
        if (options.auto_pad < 0) {
            return node->fail(node->reader, FOV_E_INPUT, "auto_pad is not known");
        }
    }
    node->result(node->reader, 0,
                 node->emitter->node(node->emitter->graph, global ? "global_lp_pool" : "lp_pool", node->in, 1, &options,
                                     node->node_name));
    return 0;
}

static double one_tap(const void *context, size_t index)
{
    (void)context;
    (void)index;
    return 1;
}

/* What LpPool cannot express (a p with a fraction; before opset 18 dilation and rounding up) is written as several
   nodes: magnitudes to the p-th power, their sums over windows by a depthwise convolution with weights of one, the p-th
   root. */
static int export_steps(struct op_export *node)
{
    const struct lp_options *options = node->options;
    const fov_shape *x = &node->in[0].shape;
    fov_dtype dtype = node->in[0].dtype;
    struct window window;
    struct error unused = {0};
    int axes = x->rank - 2, from = WINDOW_AXES - axes;
    if (resolve(&window, options, x, &unused) != 0 || x->dim[1] < 0) {
        return node->fail(node->writer, FOV_E_UNSUPPORTED, "its sizes are not known");
    }
    int64_t pads[2 * WINDOW_AXES];
    fov_shape taps = {x->rank, {x->dim[1], 1}};
    for (int i = 0; i < axes; i++) {
        int64_t reach = (window.out[from + i] - 1) * window.stride[from + i] +
                        (window.kernel[from + i] - 1) * window.dilation[from + i] + 1;
        int64_t end = reach - window.in[from + i] - window.begin[from + i];
        pads[i] = window.begin[from + i];
        pads[axes + i] = end > 0 ? end : 0;
        taps.dim[2 + i] = window.kernel[from + i];
    }
    const char *size = op_export_step(node, "Abs", node->in_name(node->writer, 0), NULL, OP_EXPORT_FRESH);
    const char *power = op_export_step(node, "Pow", size, op_export_number(node, dtype, options->p), OP_EXPORT_FRESH);
    const char *weight = node->constant(node->writer, dtype, &taps, one_tap, NULL);
    const char *sum = op_export_step(node, "Conv", power, weight, OP_EXPORT_FRESH);
    node->attribute_list(node->writer, "kernel_shape", window.kernel + from, axes);
    node->attribute_list(node->writer, "strides", window.stride + from, axes);
    node->attribute_list(node->writer, "dilations", window.dilation + from, axes);
    node->attribute_list(node->writer, "pads", pads, 2 * axes);
    node->attribute_integer(node->writer, "group", x->dim[1]);
    op_export_step(node, "Pow", sum, op_export_number(node, dtype, 1 / options->p), 0);
    return FOV_OK;
}

static int export_pool(struct op_export *node)
{
    const struct lp_options *options = node->options;
    bool global = strcmp(node->op->name, "global_lp_pool") == 0, dilated = false;
    for (int i = 0; i < options->dilation.count; i++) {
        dilated = dilated || options->dilation.at[i] != 1;
    }
    if (options->p != floor(options->p) || ((dilated || options->ceil_mode) && node->opset < 18)) {
        return export_steps(node);
    }
    node->begin(node->writer, global ? "GlobalLpPool" : "LpPool", NULL);
    node->input(node->writer, 0);
    node->attribute_integer(node->writer, "p", (int64_t)options->p);
    const struct {
        const char           *name;
        const struct op_list *list;
    } lists[] = {{"kernel_shape", &options->kernel}, {"strides", &options->stride}, {"pads", &options->pad}};
    for (size_t i = 0; !global && i < sizeof lists / sizeof lists[0]; i++) {
        if (lists[i].list->count != 0) {
            node->attribute_list(node->writer, lists[i].name, lists[i].list->at, lists[i].list->count);
        }
    }
    if (dilated) {
        node->attribute_list(node->writer, "dilations", options->dilation.at, options->dilation.count);
    }
    if (options->ceil_mode) {
        node->attribute_integer(node->writer, "ceil_mode", 1);
    }
    if (options->auto_pad != WINDOW_PAD_GIVEN) {
        node->attribute_text(node->writer, "auto_pad", window_auto_pad_choices[options->auto_pad]);
    }
    node->output(node->writer, 0);
    return 0;
}

static const struct op_onnx onnx = {.type = "LpPool", .since = 1, .import = import_pool, .export = export_pool};
static const struct op_onnx global_onnx = {
    .type = "GlobalLpPool", .since = 1, .import = import_pool, .export = export_pool};

#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
static const struct lp_options
    halves = {.kernel = LIST(2, 2), .stride = LIST(2, 2), .p = 2},
    padded = {.kernel = LIST(3, 3), .stride = LIST(2, 1), .pad = LIST(1, 0, 1, 1), .p = 3},
    first = {.kernel = LIST(2), .p = 1},
    volume = {.kernel = LIST(2, 2, 2), .dilation = LIST(1, 2, 1), .p = 4},
    same = {.kernel = LIST(3, 2), .stride = LIST(2, 2), .auto_pad = WINDOW_SAME_UPPER, .p = 2},
    fraction = {.kernel = LIST(3, 2), .stride = LIST(2, 2), .p = 2.5, .ceil_mode = true},
    whole = {.p = 2}, whole_3 = {.p = 3};
static const struct op_case cases[] = {
    {.name = "2x2", .options = &halves, .in = {FOV_SHAPE(2, 3, 4, 6)}, .in_count = 1},
    {.name = "padded, p = 3", .options = &padded, .in = {FOV_SHAPE(1, 3, 5, 4)}, .in_count = 1},
    {.name = "1-D, p = 1", .options = &first, .in = {FOV_SHAPE(2, 3, 7)}, .in_count = 1},
    {.name = "3-D, dilated", .options = &volume, .in = {FOV_SHAPE(1, 2, 3, 4, 3)}, .in_count = 1},
    {.name = "p = 2.5, rounded up", .options = &fraction, .in = {FOV_SHAPE(2, 3, 6, 5)}, .in_count = 1},
    {.name = "same upper", .options = &same, .in = {FOV_SHAPE(1, 3, 5, 6)}, .in_count = 1},
    {0},
};
static const struct op_case global_cases[] = {
    {.name = "image", .options = &whole, .in = {FOV_SHAPE(2, 3, 4, 5)}, .in_count = 1},
    {.name = "1-D, p = 3", .options = &whole_3, .in = {FOV_SHAPE(2, 3, 7)}, .in_count = 1},
    {0},
};
static const struct op_case gradient_cases[] = {
    {.name = "2x2",
     .options = &halves,
     .in = {FOV_SHAPE(1, 3, 4, 4), FOV_SHAPE(1, 3, 2, 2), FOV_SHAPE(1, 3, 2, 2)},
     .in_count = 3,
     .positive = true},
    {.name = "global",
     .options = &whole_3,
     .in = {FOV_SHAPE(2, 3, 5), FOV_SHAPE(2, 3, 1), FOV_SHAPE(2, 3, 1)},
     .in_count = 3,
     .positive = true},
    {0},
};

static const struct op_port in[] = {{.name = "x", .shape = "[N, C, spatial...]"}, {0}};
static const struct op_port out[] = {{.name = "y", .shape = "[N, C, spatial...]"}, {0}};

const struct op op_lp_pool = {
    .name = "lp_pool",
    .family = OP_POOLING,
    .summary = "The p-norm of each window.",
    .formula = "y[n, c, o] = (sum over t of |x[n, c, o * stride + t * dilation - pad]|^p)^(1 / p)",
    .source = "Sermanet, Chintala & LeCun, CNNs applied to house numbers digit classification, ICPR 2012, section 2.1",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct lp_options),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};

const struct op op_global_lp_pool = {
    .name = "global_lp_pool",
    .family = OP_POOLING,
    .summary = "The p-norm of each channel over all pixels.",
    .formula = "y[n, c] = (sum over pixels of |x[n, c, pixel]|^p)^(1 / p)",
    .in = in,
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, C, 1...]"}, {0}},
    .attributes = global_attributes,
    .options_size = sizeof(struct lp_options),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .textbook = textbook,
    .onnx = &global_onnx,
    .cases = global_cases,
};

const struct op op_lp_pool_gradient = {
    .name = "lp_pool_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of Lp pooling, of windows and of whole images.",
    .formula = "dx[i] = sum over windows o that see i of dy[o] sign(x[i]) (|x[i]| / y[o])^(p - 1)",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, spatial...]"},
                                   {.name = "y", .shape = "[N, C, pooled...]"},
                                   {.name = "dy", .shape = "as y"},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as x"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct lp_options),
    .infer = infer_gradient,
    .textbook = textbook_gradient,
    .cases = gradient_cases,
};

fov_value fov_lp_pool2d_opt(fov_graph *graph, fov_value x, const fov_lp_pool2d_options *options)
{
    static const fov_lp_pool2d_options none = {0};
    const fov_lp_pool2d_options *given = options != NULL ? options : &none;
    fov_pool2d_options windows = {
        .kernel = given->kernel, .stride = given->stride, .pad = given->pad, .name = given->name};
    struct window_pool2d pool;
    const char *node = window_pool2d(graph, x, &windows, "lp_pool2d", &pool);
    if (node == NULL) {
        return (fov_value){0};
    }
    struct lp_options lp = {.kernel = pool.kernel, .stride = pool.stride, .pad = pool.pad,
                            .p = given->p != 0 ? (double)given->p : 2};
    return op_build(graph, "lp_pool", &x, 1, &lp, node);
}
