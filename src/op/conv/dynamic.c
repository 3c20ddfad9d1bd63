/* SPDX-License-Identifier: MIT */
/* Dynamic convolution: every sample has its own weights, which the network computes. Each sample is a convolution of a
 * batch of one, by the same fast forms; so are the two gradients. As with conv, the three operators are each other's
 * gradients. */
#include "base/memory.h"
#include "op/common.h"
#include "op/conv/conv.h"
#include "op/conv/outer.h"
#include "op/conv/product.h"
#include "op/onnx.h"

#include <fovea/operators.h>
#include <string.h>

/** Shape of one sample: [N, ...] to [1, ...] for images, [N, F, ...] to [F, ...] for weights. */
static fov_shape one_image(const fov_shape *shape)
{
    fov_shape one = *shape;
    if (one.rank > 0) {
        one.dim[0] = 1;
    }
    return one;
}

static fov_shape one_weight(const fov_shape *shape)
{
    fov_shape one = {.rank = shape->rank - 1};
    for (int i = 0; i < one.rank; i++) {
        one.dim[i] = shape->dim[i + 1];
    }
    return one;
}

static fov_shape stacked(int64_t samples, const fov_shape *one)
{
    fov_shape all = {one->rank + 1, {samples}};
    for (int i = 0; i < one->rank; i++) {
        all.dim[i + 1] = one->dim[i];
    }
    return all;
}

enum kind { FORWARD, OF_INPUT, OF_WEIGHT };

/** The convolution of one sample, and the shapes of its three tensors. */
struct sample {
    struct conv_geometry geometry;
    fov_shape            x, weight, y;
};

static int resolve(struct sample *sample, enum kind kind, const struct conv_options *options, const fov_shape *a,
                   const fov_shape *b, struct error *error)
{
    char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
    int rank = kind == OF_WEIGHT ? b->rank : b->rank - 1;
    if (a->rank < 3 || a->rank > 5 || rank != a->rank || (a->dim[0] != b->dim[0] && a->dim[0] >= 0 && b->dim[0] >= 0)) {
        return error_set(error, FOV_E_SHAPE,
                         "%s and %s must be of the same samples: [N, C, spatial...] and [N, filters, ...]",
                         shape_text(a, text), shape_text(b, other));
    }
    sample->x = sample->y = one_image(a);
    int status = 0;
    if (kind == OF_WEIGHT) {
        sample->y = one_image(b);
        status = conv_weight_shape(options, &sample->x, &sample->y, &sample->weight, error);
    } else {
        sample->weight = one_weight(b);
    }
    if (kind == OF_INPUT) {
        status = conv_x_shape(options, &sample->y, &sample->weight, &sample->x, error);
    }
    status = status != 0 ? status : conv_geometry(&sample->geometry, options, &sample->x, &sample->weight, error);
    if (status == 0 && kind == FORWARD) {
        sample->y = conv_y_shape(&sample->geometry);
    }
    return status != 0 || kind == FORWARD ? status : conv_check_dy(&sample->geometry, &sample->y, error);
}

static int infer_kind(const struct op_infer *infer, enum kind kind)
{
    struct sample sample;
    int64_t samples = infer->in[0].shape.dim[0];
    int status = resolve(&sample, kind, infer->options, &infer->in[0].shape, &infer->in[1].shape, infer->error);
    if (status == 0) {
        infer->out[0].shape = kind == FORWARD ? sample.y : sample.x;
        infer->out[0].shape.dim[0] = samples;
        if (kind == OF_WEIGHT) {
            infer->out[0].shape = stacked(samples, &sample.weight);
        }
    }
    return status;
}

/* ---- definition: the sums of conv, conv_input_gradient and conv_weight_gradient, sample by sample ---------------- */

struct sums {
    enum kind     kind;
    const double *a, *b;
    double       *out;
};

static void add(void *context, size_t x, size_t weight, size_t y)
{
    struct sums *sums = context;
    if (sums->kind == FORWARD) {
        sums->out[y] += sums->a[x] * sums->b[weight];
    } else if (sums->kind == OF_INPUT) {
        sums->out[x] += sums->a[y] * sums->b[weight];
    } else {
        sums->out[weight] += sums->a[x] * sums->b[y];
    }
}

static void textbook_kind(const struct op_textbook *textbook, enum kind kind)
{
    struct sample sample;
    const fov_shape *a = &textbook->in[0].shape, *b = &textbook->in[1].shape;
    if (resolve(&sample, kind, textbook->options, a, b, NULL) != 0) {
        return;
    }
    for (int64_t n = 0; n < a->dim[0]; n++) {
        struct sums sums = {kind, textbook->in[0].data + (size_t)n * shape_span(a, 1, a->rank),
                            textbook->in[1].data + (size_t)n * shape_span(b, 1, b->rank), textbook->out[0].data};
        sums.out += (size_t)n * shape_span(&textbook->out[0].shape, 1, textbook->out[0].shape.rank);
        conv_each_pair(&sample.geometry, add, &sums);
    }
}

/* ---- CPU: a form for one sample, run for each -------------------------------------------------------------------- */

/** The head of the state, in front of the form's own. */
struct head {
    op_function     *run, *pack;
    size_t           samples, step[3]; /**< floats from sample to sample of the two inputs and of the output */
    struct op_tensor tensors[3];       /**< of one sample */
};

static size_t head_bytes(void)
{
    return memory_aligned(sizeof(struct head));
}

static void run(const struct op_run *run)
{
    const struct head *head = run->state;
    for (size_t n = 0; n < head->samples; n++) {
        struct op_tensor tensors[3] = {head->tensors[0], head->tensors[1], head->tensors[2]};
        for (int i = 0; i < 3; i++) {
            float *data = i < 2 ? run->in[i].data : run->out[0].data;
            tensors[i].data = data + n * head->step[i];
        }
        struct op_run inner = *run;
        inner.state = (char *)run->state + head_bytes();
        inner.in = tensors;
        inner.out = tensors + 2;
        inner.in_count = 2;
        inner.out_count = 1;
        if (head->pack != NULL) {
            head->pack(&inner);
        }
        head->run(&inner);
    }
}

/** Weights are packed sample by sample, in run. */
static void pack_nothing(const struct op_run *run)
{
    (void)run;
}

static int compile_inner(const struct op_compile *compile, enum kind kind, struct op_tensor *tensors,
                         struct op_compile *inner)
{
    struct sample sample;
    int status = resolve(&sample, kind, compile->options, &compile->in[0].shape, &compile->in[1].shape, compile->error);
    if (status != 0) {
        return status;
    }
    fov_shape shapes[3][3] = {{sample.x, sample.weight, sample.y},
                              {sample.y, sample.weight, sample.x},
                              {sample.x, sample.y, sample.weight}};
    for (int i = 0; i < 3; i++) {
        tensors[i] = i < 2 ? compile->in[i] : compile->out[0];
        tensors[i].shape = shapes[kind][i];
    }
    *inner = op_compile_alone(compile);
    inner->in = tensors;
    inner->out = tensors + 2;
    inner->in_count = 2;
    inner->out_count = 1;
    bool depthwise = conv_is_depthwise(&sample.geometry);
    if (kind == OF_INPUT) {
        return conv_input_compile(inner);
    }
    if (kind == FORWARD) {
        return depthwise ? conv_depthwise_compile(inner, &sample.geometry)
                         : conv_product_compile(inner, &sample.geometry);
    }
    return depthwise ? conv_depthwise_weight_compile(inner, &sample.geometry)
                     : conv_outer_compile(inner, &sample.geometry);
}

static int prepare_kind(const struct op_compile *compile, void *state, enum kind kind)
{
    struct head *head = state;
    struct op_compile inner;
    *head = (struct head){.samples = (size_t)compile->in[0].shape.dim[0]};
    int status = compile_inner(compile, kind, head->tensors, &inner);
    head->run = inner.run;
    head->pack = inner.pack;
    for (int i = 0; i < 3; i++) {
        const fov_shape *shape = i < 2 ? &compile->in[i].shape : &compile->out[0].shape;
        head->step[i] = shape_span(shape, 1, shape->rank);
    }
    return status == 0 && inner.prepare != NULL ? inner.prepare(&inner, (char *)state + head_bytes()) : status;
}

static int prepare_forward(const struct op_compile *compile, void *state)
{
    return prepare_kind(compile, state, FORWARD);
}

static int prepare_input(const struct op_compile *compile, void *state)
{
    return prepare_kind(compile, state, OF_INPUT);
}

static int prepare_weight(const struct op_compile *compile, void *state)
{
    return prepare_kind(compile, state, OF_WEIGHT);
}

static int compile_kind(struct op_compile *compile, enum kind kind)
{
    struct op_tensor tensors[3];
    struct op_compile inner;
    int status = compile_inner(compile, kind, tensors, &inner);
    if (status != 0) {
        return status;
    }
    compile->run = run;
    memcpy(compile->packed, inner.packed, sizeof compile->packed);
    compile->scratch = inner.scratch;
    compile->scratch_per_worker = inner.scratch_per_worker;
    memcpy(compile->detail, inner.detail, sizeof compile->detail);
    compile->pack = inner.pack != NULL ? pack_nothing : NULL;
    compile->reads_plain = true;
    compile->prepare = kind == FORWARD ? prepare_forward : kind == OF_INPUT ? prepare_input : prepare_weight;
    compile->state = inner.state + head_bytes();
    return 0;
}

static int infer(const struct op_infer *infer)
{
    return infer_kind(infer, FORWARD);
}

static int infer_input(const struct op_infer *infer)
{
    return infer_kind(infer, OF_INPUT);
}

static int infer_weight(const struct op_infer *infer)
{
    return infer_kind(infer, OF_WEIGHT);
}

static void textbook(const struct op_textbook *textbook)
{
    textbook_kind(textbook, FORWARD);
}

static void textbook_input(const struct op_textbook *textbook)
{
    textbook_kind(textbook, OF_INPUT);
}

static void textbook_weight(const struct op_textbook *textbook)
{
    textbook_kind(textbook, OF_WEIGHT);
}

static int compile(struct op_compile *c)
{
    return compile_kind(c, FORWARD);
}

static int compile_input(struct op_compile *c)
{
    return compile_kind(c, OF_INPUT);
}

static int compile_weight(struct op_compile *c)
{
    return compile_kind(c, OF_WEIGHT);
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

static const char *const names[] = {"dynamic_conv", "dynamic_conv_input_gradient", "dynamic_conv_weight_gradient"};

/** Emits the gradient of one input, if it is wanted: operator `kind` of a and b. All three operators are linear in both
 *  of their inputs. */
static void emit(struct op_gradient *gradient, int input, enum kind kind, fov_value a, fov_value b,
                 const struct conv_options *options)
{
    if (gradient->wanted[input]) {
        gradient->in_gradient[input] = op_emit2(gradient->emitter, names[kind], a, b, options);
    }
}

static void gradient(struct op_gradient *gradient)
{
    fov_shape x = one_image(&gradient->in_tensor[0].shape), weight = one_weight(&gradient->in_tensor[1].shape);
    struct conv_options options = conv_complete_options(gradient->options, &x, &weight);
    fov_value dy = gradient->out_gradient[0];
    emit(gradient, 0, OF_INPUT, dy, gradient->in[1], &options);
    emit(gradient, 1, OF_WEIGHT, gradient->in[0], dy, &options);
}

static void gradient_input(struct op_gradient *gradient)
{
    fov_value g = gradient->out_gradient[0];
    emit(gradient, 0, FORWARD, g, gradient->in[1], gradient->options);
    emit(gradient, 1, OF_WEIGHT, g, gradient->in[0], gradient->options);
}

static void gradient_weight(struct op_gradient *gradient)
{
    fov_value g = gradient->out_gradient[0];
    emit(gradient, 0, OF_INPUT, gradient->in[1], g, gradient->options);
    emit(gradient, 1, FORWARD, gradient->in[0], g, gradient->options);
}

static void cost_kind(struct op_cost *cost, enum kind kind)
{
    struct sample sample;
    if (resolve(&sample, kind, cost->options, &cost->in[0].shape, &cost->in[1].shape, NULL) == 0) {
        sample.geometry.batch = cost->in[0].shape.dim[0];
        cost->multiply_adds = conv_multiply_adds(&sample.geometry);
        window_cost(&sample.geometry.window, cost);
    }
}

static void cost(struct op_cost *cost)
{
    cost_kind(cost, FORWARD);
}

static void cost_input(struct op_cost *cost)
{
    cost_kind(cost, OF_INPUT);
}

static void cost_weight(struct op_cost *cost)
{
    cost_kind(cost, OF_WEIGHT);
}

/* ---- in ONNX ----------------------------------------------------------------------------------------------------- */

/** Writes the shape [first, second, the last `axes` of a window's three sizes] of a Reshape; returns its rank. */
static int spread(int64_t *shape, int64_t first, int64_t second, const int64_t *sizes, int axes)
{
    shape[0] = first;
    shape[1] = second;
    for (int i = 0; i < axes; i++) {
        shape[2 + i] = sizes[WINDOW_AXES - axes + i];
    }
    return 2 + axes;
}

/* For a known number of samples: they become the groups of one convolution. */
static int export_as_groups(struct op_export *node, const struct sample *sample, int64_t samples)
{
    const struct conv_geometry *geometry = &sample->geometry;
    const struct window *window = &geometry->window;
    int axes = window->rank, from = WINDOW_AXES - axes;
    int64_t shape[FOV_MAX_RANK], pads[2 * WINDOW_AXES];
    int rank = spread(shape, 1, samples * geometry->channels, window->in, axes);
    const char *x = op_export_reshape(node, node->in_name(node->writer, 0), shape, rank, OP_EXPORT_FRESH);
    spread(shape, samples * geometry->filters, geometry->group_channels, window->kernel, axes);
    const char *weight = op_export_reshape(node, node->in_name(node->writer, 1), shape, rank, OP_EXPORT_FRESH);
    for (int i = 0; i < axes; i++) {
        pads[i] = window->begin[from + i];
        pads[axes + i] = window->end[from + i];
    }
    const char *y = op_export_step(node, "Conv", x, weight, OP_EXPORT_FRESH);
    node->attribute_list(node->writer, "kernel_shape", window->kernel + from, axes);
    node->attribute_list(node->writer, "strides", window->stride + from, axes);
    node->attribute_list(node->writer, "dilations", window->dilation + from, axes);
    node->attribute_list(node->writer, "pads", pads, 2 * axes);
    node->attribute_integer(node->writer, "group", samples * geometry->groups);
    spread(shape, samples, geometry->filters, window->out, axes);
    op_export_reshape(node, y, shape, rank, 0);
    return 0;
}

/** Element [t][o] of a table: the pixel of the padded image that output pixel o meets through tap t. */
static double met_pixel(const void *context, size_t index)
{
    const struct window *window = context;
    int64_t tap = (int64_t)index / window_out_pixels(window), out = (int64_t)index % window_out_pixels(window);
    int64_t pixel = 0, step = 1;
    for (int axis = WINDOW_AXES - 1; axis >= 0; axis--) {
        int64_t o = out % window->out[axis], t = tap % window->kernel[axis];
        out /= window->out[axis];
        tap /= window->kernel[axis];
        pixel += step * (window_meets(window, axis, o, t) + window->begin[axis]);
        step *= window->begin[axis] + window->in[axis] + window->end[axis];
    }
    return (double)pixel;
}

/* For an unknown number of samples, which cannot be a group count: the pixels that each output pixel meets are
   gathered, and a matrix product sums over them (the im2col of Chellapilla et al., 2006). */
static int export_as_product(struct op_export *node, const struct sample *sample)
{
    const struct conv_geometry *geometry = &sample->geometry;
    const struct window *window = &geometry->window;
    const char *x = node->in_name(node->writer, 0);
    int axes = window->rank, from = WINDOW_AXES - axes;
    int64_t pads[2 * FOV_MAX_RANK] = {0}, shape[FOV_MAX_RANK], pixels = 1, padding = 0;
    int64_t sums = geometry->group_channels * geometry->taps;
    for (int i = 0; i < axes; i++) {
        pads[2 + i] = window->begin[from + i];
        pads[4 + axes + i] = window->end[from + i];
        padding += window->begin[from + i] + window->end[from + i];
        pixels *= window->begin[from + i] + window->in[from + i] + window->end[from + i];
    }
    if (padding > 0) {
        const char *counts = node->integers(node->writer, pads, 2 * (axes + 2), false);
        x = op_export_step(node, "Pad", x, counts, OP_EXPORT_FRESH);
    }
    const int64_t images[] = {0, geometry->groups, geometry->group_channels, pixels};
    const int64_t columns[] = {0, geometry->groups, sums, geometry->out_pixels};
    const int64_t rows[] = {0, geometry->groups, geometry->group_filters, sums};
    fov_shape table = {2, {geometry->taps, geometry->out_pixels}};
    const char *met = node->constant(node->writer, FOV_I64, &table, met_pixel, window);
    x = op_export_step(node, "Gather", op_export_reshape(node, x, images, 4, OP_EXPORT_FRESH), met, OP_EXPORT_FRESH);
    node->attribute_integer(node->writer, "axis", 3);
    x = op_export_reshape(node, x, columns, 4, OP_EXPORT_FRESH);
    const char *weight = op_export_reshape(node, node->in_name(node->writer, 1), rows, 4, OP_EXPORT_FRESH);
    const char *y = op_export_step(node, "MatMul", weight, x, OP_EXPORT_FRESH);
    op_export_reshape(node, y, shape, spread(shape, 0, geometry->filters, window->out, axes), 0);
    return 0;
}

static int export_forward(struct op_export *node)
{
    const fov_shape *x = &node->in[0].shape, *weight = &node->in[1].shape;
    struct sample sample;
    if (resolve(&sample, FORWARD, node->options, x, weight, NULL) != 0) {
        return node->fail(node->writer, FOV_E_UNSUPPORTED, "its sizes are not known");
    }
    int64_t samples = x->dim[0] > 0 ? x->dim[0] : weight->dim[0];
    return samples > 0 ? export_as_groups(node, &sample, samples) : export_as_product(node, &sample);
}

static const struct op_onnx onnx = {.type = "Conv (per sample)", .since = 13, .export = export_forward};

static const struct op_cpu cpu = {.layout = OP_WANTS_CHANNELS_LAST, .supports = op_all_f32, .compile = compile},
                           cpu_input = {
                               .layout = OP_WANTS_CHANNELS_LAST, .supports = op_all_f32, .compile = compile_input},
                           cpu_weight = {
                               .layout = OP_WANTS_CHANNELS_LAST, .supports = op_all_f32, .compile = compile_weight};

#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
static const struct conv_options
    same = {.kernel = LIST(3, 3), .pad = LIST(1, 1, 1, 1), .size = LIST(5, 4), .groups = 1},
    strided = {.kernel = LIST(3, 2), .stride = LIST(2, 1), .size = LIST(6, 5), .groups = 2},
    depthwise = {.kernel = LIST(3, 3), .pad = LIST(1, 1, 1, 1), .size = LIST(4, 5), .groups = 5},
    line = {.kernel = LIST(3), .pad = LIST(1, 1), .size = LIST(7), .groups = 1};

/* name, options, x, weight, y */
#define EACH_CASE(CASE)                                                                                                \
    CASE("3x3", same, FOV_SHAPE(3, 5, 5, 4), FOV_SHAPE(3, 7, 5, 3, 3), FOV_SHAPE(3, 7, 5, 4))                          \
    CASE("2 groups, strided", strided, FOV_SHAPE(2, 4, 6, 5), FOV_SHAPE(2, 6, 2, 3, 2), FOV_SHAPE(2, 6, 2, 4))         \
    CASE("depthwise", depthwise, FOV_SHAPE(2, 5, 4, 5), FOV_SHAPE(2, 5, 1, 3, 3), FOV_SHAPE(2, 5, 4, 5))               \
    CASE("1-D", line, FOV_SHAPE(3, 2, 7), FOV_SHAPE(3, 4, 2, 3), FOV_SHAPE(3, 4, 7))
#define CONV(label, with, x, weight, y) {.name = label, .options = &with, .in = {x, weight}, .in_count = 2},
#define INPUT_GRADIENT(label, with, x, weight, y) {.name = label, .options = &with, .in = {y, weight}, .in_count = 2},
#define WEIGHT_GRADIENT(label, with, x, weight, y) {.name = label, .options = &with, .in = {x, y}, .in_count = 2},
static const struct op_case cases[] = {EACH_CASE(CONV){0}}, cases_input[] = {EACH_CASE(INPUT_GRADIENT){0}},
                            cases_weight[] = {EACH_CASE(WEIGHT_GRADIENT){0}};

const struct op op_dynamic_conv = {
    .name = "dynamic_conv",
    .family = OP_CONVOLUTION,
    .exact = true,
    .summary = "Convolution in which every sample has weights of its own.",
    .formula = "y[n, f, o] = sum over c, t of x[n, c, o * stride + t * dilation - pad] * weight[n, f, c, t]",
    .source = "De Brabandere et al., Dynamic filter networks, NIPS 2016, section 3",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, spatial...]"},
                                   {.name = "weight", .shape = "[N, filters, C / groups, kernel...]", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, filters, spatial...]"}, {0}},
    .attributes = conv_attributes,
    .options_size = sizeof(struct conv_options),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};

const struct op op_dynamic_conv_input_gradient = {
    .name = "dynamic_conv_input_gradient",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Gradient of dynamic convolution with respect to its input.",
    .formula =
        "dx[n, c, i] = sum over f, t, o with o * stride + t * dilation - pad = i of dy[n, f, o] * weight[n, f, c, t]",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[N, filters, spatial...]"},
                                   {.name = "weight", .shape = "[N, filters, C / groups, kernel...]", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "[N, C, size...]"}, {0}},
    .attributes = conv_attributes,
    .options_size = sizeof(struct conv_options),
    .infer = infer_input,
    .gradient = gradient_input,
    .cost = cost_input,
    .textbook = textbook_input,
    .cpu = &cpu_input,
    .cases = cases_input,
};

const struct op op_dynamic_conv_weight_gradient = {
    .name = "dynamic_conv_weight_gradient",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Gradient of dynamic convolution with respect to its weights.",
    .formula = "dweight[n, f, c, t] = sum over o of x[n, c, o * stride + t * dilation - pad] * dy[n, f, o]",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, spatial...]"},
                                   {.name = "dy", .shape = "[N, filters, spatial...]"},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dweight", .shape = "[N, filters, C / groups, kernel...]", .plain = true},
                                    {0}},
    .attributes = conv_attributes,
    .options_size = sizeof(struct conv_options),
    .infer = infer_weight,
    .gradient = gradient_weight,
    .cost = cost_weight,
    .textbook = textbook_weight,
    .cpu = &cpu_weight,
    .cases = cases_weight,
};

fov_value fov_dynamic_conv2d_opt(fov_graph *graph, fov_value x, fov_value weight,
                                 const fov_dynamic_conv2d_options *options)
{
    static const fov_dynamic_conv2d_options none = {0};
    static const int same_sides[2] = {0, 0};
    const fov_dynamic_conv2d_options *given = options != NULL ? options : &none;
    struct conv_options conv = {.stride = window_list2(given->stride, same_sides, 1),
                                .pad = window_pads2(given->pad, given->pads),
                                .dilation = window_list2(given->dilation, same_sides, 1),
                                .groups = given->groups != 0 ? given->groups : 1};
    fov_value in[2] = {x, weight};
    return op_build(graph, "dynamic_conv", in, 2, &conv, given->name);
}
