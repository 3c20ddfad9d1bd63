/* SPDX-License-Identifier: MIT */
/* Adaptive pooling: a result of a given size, whatever the size of the input. Window i of an axis runs from
 * floor(i in / out) to ceil((i + 1) in / out), as in PyTorch, so windows may overlap and differ by a pixel. ONNX can
 * express only the case where `out` divides `in` as one node: this is exported as AveragePool or MaxPool, others as
 * sub-graphs of ONNX operators. There are no CPU implementations; the textbook twins run. */
#include "op/common.h"
#include "op/given.h"
#include "op/onnx.h"
#include "op/window.h"

#include <fovea/operators.h>
#include <math.h>

struct adaptive_options {
    struct op_list size;    /**< of the result, pixels */
    struct op_list in_size; /**< gradients only: of x */
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct adaptive_options, size), .kind = OP_LIST, .minimum = 1, .maximum = INT32_MAX,
     .doc = "spatial size of the result, pixels"},
    {OP_ATTRIBUTE(struct adaptive_options, in_size), .kind = OP_LIST, .minimum = 0, .maximum = INT32_MAX,
     .doc = "spatial size of x, pixels; only gradients need it"},
    {0},
};

/** Spatial sizes of x and y, always as three axes. */
struct sizes {
    int64_t in[WINDOW_AXES], out[WINDOW_AXES];
};

static int64_t product(const int64_t size[WINDOW_AXES])
{
    return size[0] * size[1] * size[2];
}

/** `in` and `out`: spatial sizes of x and y, [axes]; missing leading axes become 1. */
static void fill_sizes(struct sizes *sizes, const int64_t *in, const int64_t *out, int axes)
{
    for (int i = 0; i < WINDOW_AXES; i++) {
        int at = i - (WINDOW_AXES - axes);
        sizes->in[i] = at < 0 ? 1 : in[at];
        sizes->out[i] = at < 0 ? 1 : out[at];
    }
}

static int infer(const struct op_infer *infer)
{
    const struct adaptive_options *options = infer->options;
    const fov_shape *x = &infer->in[0].shape;
    char text[SHAPE_TEXT_SIZE];
    int axes = x->rank - 2, status = op_check_float(infer, 0, "x");
    if (status == 0 && (axes < 1 || axes > WINDOW_AXES || options->size.count != axes)) {
        return error_set(infer->error, FOV_E_SHAPE,
                         "input %s must be [N, C, spatial...] with as many axes as size (%d)", shape_text(x, text),
                         options->size.count);
    }
    for (int i = 0; status == 0 && i < axes; i++) {
        if (x->dim[2 + i] < 1) {
            return error_set(infer->error, FOV_E_SHAPE, "input %s: spatial sizes must be known and not empty",
                             shape_text(x, text));
        }
        for (int k = 0; k < infer->out_count; k++) {
            infer->out[k].shape.dim[2 + i] = options->size.at[i];
        }
    }
    if (infer->out_count > 1) {
        infer->out[1].dtype = FOV_I64;
    }
    return status;
}

/** [N, C, out...] to [N, C, in...]: shape rule of both gradients. */
static int infer_back(const struct op_infer *infer)
{
    const struct adaptive_options *options = infer->options;
    const fov_shape *dy = &infer->in[0].shape;
    char text[SHAPE_TEXT_SIZE];
    if (dy->rank < 3 || dy->rank > 5 || options->in_size.count != dy->rank - 2 || options->size.count != dy->rank - 2) {
        return error_set(infer->error, FOV_E_SHAPE,
                         "dy %s must be [N, C, spatial...] with as many axes as size and in_size",
                         shape_text(dy, text));
    }
    for (int i = 0; i < options->size.count; i++) {
        if (dy->dim[2 + i] != options->size.at[i]) {
            return error_set(infer->error, FOV_E_SHAPE, "dy %s does not have the pooled size", shape_text(dy, text));
        }
        infer->out[0].shape.dim[2 + i] = options->in_size.at[i];
    }
    return infer->in_count > 1 ? op_check_same_shape(infer, 1, "index", 0, "dy") : FOV_OK;
}

/** Pixels [first, end) of each axis under output pixel `out`. */
struct box {
    int64_t first[WINDOW_AXES], end[WINDOW_AXES], count;
};

static struct box box_of(const struct sizes *sizes, int64_t out)
{
    struct box box = {.count = 1};
    for (int axis = WINDOW_AXES - 1; axis >= 0; axis--) {
        int64_t o = out % sizes->out[axis];
        out /= sizes->out[axis];
        box.first[axis] = o * sizes->in[axis] / sizes->out[axis];
        box.end[axis] = ((o + 1) * sizes->in[axis] + sizes->out[axis] - 1) / sizes->out[axis];
        box.count *= box.end[axis] - box.first[axis];
    }
    return box;
}

/** Index in the image of the k-th pixel of a box. */
static size_t pixel_of(const struct sizes *sizes, const struct box *box, int64_t k)
{
    int64_t at[WINDOW_AXES];
    for (int axis = WINDOW_AXES - 1; axis >= 0; axis--) {
        int64_t length = box->end[axis] - box->first[axis];
        at[axis] = box->first[axis] + k % length;
        k /= length;
    }
    return (size_t)((at[0] * sizes->in[1] + at[1]) * sizes->in[2] + at[2]);
}

/* ---- average ----------------------------------------------------------------------------------------------------- */

/** Forward: `to` (y) becomes the mean of each window of `from` (x). `back`: `to` (dx) becomes the sum of each pixel's
 *  shares of `from` (dy). The caller has zeroed `to`. */
static void average(const fov_shape *x, const fov_shape *y, bool back, const double *from, double *to)
{
    struct sizes sizes;
    fill_sizes(&sizes, x->dim + 2, y->dim + 2, x->rank - 2);
    size_t in = (size_t)product(sizes.in), out = (size_t)product(sizes.out), count = op_count(y);
    for (size_t i = 0; i < count; i++) {
        struct box box = box_of(&sizes, (int64_t)(i % out));
        for (int64_t k = 0; k < box.count; k++) {
            size_t pixel = i / out * in + pixel_of(&sizes, &box, k);
            to[back ? pixel : i] += from[back ? i : pixel] / (double)box.count;
        }
    }
}

static void textbook_average(const struct op_textbook *textbook)
{
    average(&textbook->in[0].shape, &textbook->out[0].shape, false, textbook->in[0].data, textbook->out[0].data);
}

static void textbook_average_gradient(const struct op_textbook *textbook)
{
    average(&textbook->out[0].shape, &textbook->in[0].shape, true, textbook->in[0].data, textbook->out[0].data);
}

static struct adaptive_options with_in_size(struct op_gradient *gradient)
{
    struct adaptive_options options = *(const struct adaptive_options *)gradient->options;
    options.in_size = window_spatial(&gradient->in_tensor[0].shape);
    return options;
}

static void gradient_average(struct op_gradient *gradient)
{
    struct adaptive_options options = with_in_size(gradient);
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] =
            op_emit1(gradient->emitter, "adaptive_avg_pool_gradient", gradient->out_gradient[0], &options);
    }
}

static void gradient_of_average_gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] =
            op_emit1(gradient->emitter, "adaptive_avg_pool", gradient->out_gradient[0], gradient->options);
    }
}

/* ---- maximum: the second output is the index of its pixel -------------------------------------------------------- */

static void textbook_max(const struct op_textbook *textbook)
{
    const fov_shape *x = &textbook->in[0].shape, *y = &textbook->out[0].shape;
    struct sizes sizes;
    fill_sizes(&sizes, x->dim + 2, y->dim + 2, x->rank - 2);
    size_t in = (size_t)product(sizes.in), out = (size_t)product(sizes.out), count = op_count(y);
    for (size_t i = 0; i < count; i++) {
        struct box box = box_of(&sizes, (int64_t)(i % out));
        const double *plane = textbook->in[0].data + i / out * in;
        size_t best = pixel_of(&sizes, &box, 0);
        for (int64_t k = 1; k < box.count && !isnan(plane[best]); k++) {
            size_t pixel = pixel_of(&sizes, &box, k);
            best = plane[pixel] > plane[best] || isnan(plane[pixel]) ? pixel : best;
        }
        textbook->out[0].data[i] = plane[best];
        if (textbook->out_count > 1 && textbook->out[1].data != NULL) {
            textbook->out[1].data[i] = (double)best;
        }
    }
}

static void gradient_max(struct op_gradient *gradient)
{
    struct adaptive_options options = with_in_size(gradient);
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "adaptive_max_pool_gradient", gradient->out_gradient[0],
                                            op_emit_output(gradient->emitter, gradient->out[0], 1), &options);
    }
}

static void textbook_max_gradient(const struct op_textbook *textbook)
{
    const fov_shape *dy = &textbook->in[0].shape, *x = &textbook->out[0].shape;
    size_t in = shape_span(x, 2, x->rank), out = shape_span(dy, 2, dy->rank), count = op_count(dy);
    for (size_t i = 0; i < count; i++) {
        double pixel = textbook->in[1].data[i];
        if (pixel >= 0 && pixel < (double)in) {
            textbook->out[0].data[i / out * in + (size_t)pixel] += textbook->in[0].data[i];
        }
    }
}

/* ---- in ONNX ----------------------------------------------------------------------------------------------------- */

static bool sizes_divide(const struct sizes *sizes)
{
    bool divide = true;
    for (int axis = 0; axis < WINDOW_AXES; axis++) {
        divide = divide && sizes->in[axis] % sizes->out[axis] == 0;
    }
    return divide;
}

/** For windows of equal size that do not overlap: writes one node of `type`, AveragePool or MaxPool. */
static int export_ordinary(struct op_export *node, const struct sizes *sizes, int axes, const char *type)
{
    int64_t window[WINDOW_AXES];
    for (int i = 0; i < axes; i++) {
        int axis = i + WINDOW_AXES - axes;
        window[i] = sizes->in[axis] / sizes->out[axis];
    }
    op_export_step(node, type, node->in_name(node->writer, 0), NULL, 0);
    node->attribute_list(node->writer, "kernel_shape", window, axes);
    node->attribute_list(node->writer, "strides", window, axes);
    return FOV_OK;
}

/** One axis of an average as a matrix: element [i][o] (or [o][i]) is 1 / (pixels of window o) if pixel i lies in it,
 *  else 0. */
struct share {
    struct sizes sizes;
    int          axis;
    bool         rows; /**< [o][i] */
};

static double share_of(const void *context, size_t index)
{
    const struct share *share = context;
    int64_t in = share->sizes.in[share->axis], out = share->sizes.out[share->axis], columns = share->rows ? in : out;
    int64_t i = share->rows ? (int64_t)index % columns : (int64_t)index / columns;
    int64_t o = share->rows ? (int64_t)index / columns : (int64_t)index % columns;
    int64_t first = o * in / out, end = ((o + 1) * in + out - 1) / out;
    return i >= first && i < end ? 1.0 / (double)(end - first) : 0;
}

/* The mean over a box is a mean over each axis in turn, and a mean over one axis is a matrix product. ONNX's MatMul
   works on the last two axes; depth is transposed to the end and back. */
static int export_average(struct op_export *node)
{
    static const int64_t depth_last[] = {0, 1, 3, 4, 2}, depth_first[] = {0, 1, 4, 2, 3};
    const fov_shape *x = &node->in[0].shape, *y = &node->out[0].shape;
    int axes = x->rank - 2, left = 0;
    struct share share = {.rows = false};
    fill_sizes(&share.sizes, x->dim + 2, y->dim + 2, axes);
    if (sizes_divide(&share.sizes)) {
        return export_ordinary(node, &share.sizes, axes, "AveragePool");
    }
    for (int axis = 0; axis < WINDOW_AXES; axis++) {
        left += share.sizes.in[axis] != share.sizes.out[axis]; /* axes that are left to average */
    }
    const char *value = node->in_name(node->writer, 0);
    for (share.axis = WINDOW_AXES - 1; share.axis >= 0; share.axis--) {
        int64_t in = share.sizes.in[share.axis], out = share.sizes.out[share.axis];
        if (in == out) {
            continue;
        }
        int where = --left == 0 ? 0 : OP_EXPORT_FRESH;
        share.rows = share.axis == WINDOW_AXES - 2;
        fov_shape shape = {2, {share.rows ? out : in, share.rows ? in : out}};
        const char *matrix = node->constant(node->writer, node->in[0].dtype, &shape, share_of, &share);
        if (share.rows) {
            value = op_export_step(node, "MatMul", matrix, value, where);
        } else if (share.axis == WINDOW_AXES - 1) {
            value = op_export_step(node, "MatMul", value, matrix, where);
        } else {
            value = op_export_step(node, "Transpose", value, NULL, OP_EXPORT_FRESH);
            node->attribute_list(node->writer, "perm", depth_last, 5);
            value = op_export_step(node, "MatMul", value, matrix, OP_EXPORT_FRESH);
            value = op_export_step(node, "Transpose", value, NULL, where);
            node->attribute_list(node->writer, "perm", depth_first, 5);
        }
    }
    return FOV_OK;
}

/** Windows as a table [out][largest]: the index of the k-th pixel of window o. A window of fewer than `largest` pixels
 *  is filled up with its first pixel, which changes no maximum. */
struct table {
    struct sizes sizes;
    int64_t      largest;
};

static double table_pixel(const void *context, size_t index)
{
    const struct table *table = context;
    struct box box = box_of(&table->sizes, (int64_t)index / table->largest);
    int64_t k = (int64_t)index % table->largest;
    return (double)pixel_of(&table->sizes, &box, k < box.count ? k : 0);
}

static double table_row(const void *context, size_t index)
{
    return (double)((int64_t)index * ((const struct table *)context)->largest);
}

/* Gather puts the pixels of every window side by side, ReduceMax takes the largest of each. For the index output,
   ArgMax finds its position in the window (the first of equal ones, as here), and the table has the pixel at that
   position. */
static int export_max(struct op_export *node)
{
    const fov_shape *x = &node->in[0].shape, *y = &node->out[0].shape;
    struct table table = {.largest = 1};
    int64_t flat[] = {0, 0, -1}, back[FOV_MAX_RANK] = {0, 0}, axes[] = {3};
    fill_sizes(&table.sizes, x->dim + 2, y->dim + 2, x->rank - 2);
    bool indexed = node->out_count > 1 && node->out[1].shape.rank >= 0;
    if (sizes_divide(&table.sizes) && !indexed) {
        return export_ordinary(node, &table.sizes, x->rank - 2, "MaxPool");
    }
    int64_t out = product(table.sizes.out);
    for (int64_t o = 0; o < out; o++) {
        struct box box = box_of(&table.sizes, o);
        table.largest = box.count > table.largest ? box.count : table.largest;
    }
    for (int i = 2; i < x->rank; i++) {
        back[i] = y->dim[i];
    }
    const char *pixels =
        node->constant(node->writer, FOV_I64, &(fov_shape){2, {out, table.largest}}, table_pixel, &table);
    const char *image = op_export_reshape(node, node->in_name(node->writer, 0), flat, 3, OP_EXPORT_FRESH);
    const char *windows = op_export_step(node, "Gather", image, pixels, OP_EXPORT_FRESH);
    node->attribute_integer(node->writer, "axis", 2);
    const char *wanted = node->opset >= 18 ? node->integers(node->writer, axes, 1, false) : NULL;
    const char *best = op_export_step(node, "ReduceMax", windows, wanted, OP_EXPORT_FRESH);
    if (wanted == NULL) {
        node->attribute_list(node->writer, "axes", axes, 1);
    }
    node->attribute_integer(node->writer, "keepdims", 0);
    op_export_reshape(node, best, back, x->rank, 0);
    if (indexed) {
        const char *rows = node->constant(node->writer, FOV_I64, &(fov_shape){1, {out}}, table_row, &table);
        const char *list =
            node->constant(node->writer, FOV_I64, &(fov_shape){1, {out * table.largest}}, table_pixel, &table);
        const char *which = op_export_step(node, "ArgMax", windows, NULL, OP_EXPORT_FRESH);
        node->attribute_integer(node->writer, "axis", 3);
        node->attribute_integer(node->writer, "keepdims", 0);
        const char *place = op_export_step(node, "Add", which, rows, OP_EXPORT_FRESH);
        op_export_reshape(node, op_export_step(node, "Gather", list, place, OP_EXPORT_FRESH), back, x->rank, 1);
    }
    return FOV_OK;
}

static const struct op_onnx average_onnx = {.type = "AveragePool (adaptive)", .since = 13, .export = export_average},
                            max_onnx = {.type = "MaxPool (adaptive)", .since = 13, .export = export_max};

/* ---- descriptors ------------------------------------------------------------------------------------------------- */

#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
static const struct adaptive_options image = {LIST(3, 2), LIST(7, 5)}, larger = {LIST(5, 4), LIST(3, 6)},
                                     line = {LIST(3), LIST(8)}, dividing = {LIST(2, 3), LIST(6, 3)},
                                     volume = {LIST(2, 1, 3), LIST(3, 4, 4)};
static const struct op_case cases[] = {
    {.name = "image", .options = &image, .in = {FOV_SHAPE(2, 3, 7, 5)}, .in_count = 1},
    {.name = "more than there is", .options = &larger, .in = {FOV_SHAPE(1, 3, 3, 6)}, .in_count = 1},
    {.name = "1-D", .options = &line, .in = {FOV_SHAPE(2, 3, 8)}, .in_count = 1},
    {.name = "sizes that divide", .options = &dividing, .in = {FOV_SHAPE(2, 3, 6, 3)}, .in_count = 1},
    {.name = "3-D", .options = &volume, .in = {FOV_SHAPE(1, 2, 3, 4, 4)}, .in_count = 1},
    {0},
};
static const struct op_case average_gradient_cases[] = {
    {.name = "image", .options = &image, .in = {FOV_SHAPE(2, 3, 3, 2)}, .in_count = 1},
    {.name = "1-D", .options = &line, .in = {FOV_SHAPE(2, 3, 3)}, .in_count = 1},
    {0},
};
/* Gradients of this gradient do not exist yet. */
static const struct op_case max_gradient_cases[] = {
    {.name = "image", .options = &image, .in = {FOV_SHAPE(2, 3, 3, 2), FOV_SHAPE(2, 3, 3, 2)},
     .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2, .integers = 35, .no_gradient = true},
    {0},
};
static const struct op_port in[] = {{.name = "x", .shape = "[N, C, spatial...]", .plain = true}, {0}};
static const struct op_port back[] = {{.name = "dx", .shape = "[N, C, in_size...]", .plain = true}, {0}};

const struct op op_adaptive_avg_pool = {
    .name = "adaptive_avg_pool",
    .family = OP_POOLING,
    .summary = "Averages over as many windows as the result has pixels.",
    .formula = "y[n, c, o] = mean of x[n, c, i], floor(o in / out) <= i < ceil((o + 1) in / out)",
    .in = in,
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, C, size...]", .plain = true}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct adaptive_options),
    .infer = infer,
    .gradient = gradient_average,
    .textbook = textbook_average,
    .onnx = &average_onnx,
    .cases = cases,
};

const struct op op_adaptive_avg_pool_gradient = {
    .name = "adaptive_avg_pool_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of adaptive average pooling.",
    .formula = "dx[n, c, i] = sum over windows o that see i of dy[n, c, o] / pixels of o",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[N, C, size...]", .plain = true}, {0}},
    .out = back,
    .attributes = attributes,
    .options_size = sizeof(struct adaptive_options),
    .infer = infer_back,
    .gradient = gradient_of_average_gradient,
    .textbook = textbook_average_gradient,
    .cases = average_gradient_cases,
};

const struct op op_adaptive_max_pool = {
    .name = "adaptive_max_pool",
    .family = OP_POOLING,
    .summary = "The largest values of as many windows as the result has pixels.",
    .formula = "y[n, c, o] = max of x[n, c, i], floor(o in / out) <= i < ceil((o + 1) in / out)",
    .in = in,
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, C, size...]", .plain = true},
                                    {.name = "index", .shape = "as y: the pixel that won, i64", .optional = true,
                                     .plain = true, .detached = true},
                                    {0}},
    .attributes = attributes,
    .options_size = sizeof(struct adaptive_options),
    .infer = infer,
    .gradient = gradient_max,
    .textbook = textbook_max,
    .onnx = &max_onnx,
    .cases = cases,
};

const struct op op_adaptive_max_pool_gradient = {
    .name = "adaptive_max_pool_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of adaptive max pooling: all of it goes to the pixels that won.",
    .formula = "dx[n, c, i] = sum of dy[n, c, o] over windows o with index[n, c, o] = i",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[N, C, size...]", .plain = true},
                                   {.name = "index", .shape = "as dy: i64", .plain = true},
                                   {0}},
    .out = back,
    .attributes = attributes,
    .options_size = sizeof(struct adaptive_options),
    .infer = infer_back,
    .textbook = textbook_max_gradient,
    .cases = max_gradient_cases,
};

/* ---- builders: where sizes divide, they build an ordinary pooling ------------------------------------------------ */

typedef fov_value pool_builder(fov_graph *graph, fov_value x, const fov_pool2d_options *options);

static fov_value build(fov_graph *graph, fov_value x, int height, int width, const char *kind, pool_builder *ordinary)
{
    const char *node = graph == NULL ? NULL : fov_graph_node_name(graph, NULL, kind);
    if (!op_is_given(graph, node, x)) {
        return (fov_value){0};
    }
    fov_shape shape = fov_value_shape(graph, x);
    if (shape.rank != 4 || shape.dim[2] < 1 || shape.dim[3] < 1) {
        char text[SHAPE_TEXT_SIZE];
        return fov_graph_fail(graph, node, FOV_E_SHAPE, "input %s must be [N, C, H, W] of known size",
                              shape_text(&shape, text));
    }
    if (height < 1 || width < 1) {
        return fov_graph_fail(graph, node, FOV_E_USAGE, "a result of %d x %d pixels, it must be at least 1 x 1", height,
                              width);
    }
    if (shape.dim[2] % height == 0 && shape.dim[3] % width == 0) {
        fov_pool2d_options options = {.kernel_size = {(int)(shape.dim[2] / height), (int)(shape.dim[3] / width)}};
        return ordinary(graph, x, &options);
    }
    struct adaptive_options options = {.size = {2, {height, width}}};
    return op_build(graph, kind, &x, 1, &options, node);
}

fov_value fov_adaptive_avg_pool2d(fov_graph *graph, fov_value x, int height, int width)
{
    return build(graph, x, height, width, "adaptive_avg_pool", fov_avg_pool2d_opt);
}

fov_value fov_adaptive_max_pool2d(fov_graph *graph, fov_value x, int height, int width)
{
    return build(graph, x, height, width, "adaptive_max_pool", fov_max_pool2d_opt);
}
