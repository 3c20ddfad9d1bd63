/* SPDX-License-Identifier: MIT */
/* Window arithmetic: see window.h. The size rule is Dumoulin & Visin, "A guide to convolution arithmetic for deep
 * learning" (2016); ceil mode and automatic pads are ONNX's. */
#include "op/given.h"
#include "op/window.h"

#include <fovea/operators.h>
#include <string.h>

const char *const window_auto_pad_choices[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", NULL};

int window_check_list(const char *name, const struct op_list *list, int expected, struct error *error)
{
    if (list->count != 0 && list->count != expected) {
        return error_set(error, FOV_E_SHAPE, "%s has %d numbers where %d are needed", name, list->count, expected);
    }
    return 0;
}

/** Pads of one axis under SAME: ceil(in / stride) outputs; an odd pixel of padding goes to the end (upper) or the
 *  beginning (lower). */
static void pad_same(struct window *window, int axis, bool upper)
{
    int64_t stride = window->stride[axis], in = window->in[axis];
    int64_t out = (in + stride - 1) / stride;
    int64_t total = (out - 1) * stride + (window->kernel[axis] - 1) * window->dilation[axis] + 1 - in;
    if (total < 0) {
        total = 0;
    }
    window->begin[axis] = upper ? total / 2 : total - total / 2;
    window->end[axis] = total - window->begin[axis];
}

static int resolve_axis(struct window *window, int axis, bool ceil_mode, const fov_shape *x, struct error *error)
{
    int64_t kernel = window->kernel[axis], pad = window->begin[axis] + window->end[axis];
    int64_t needs = (kernel - 1) * window->dilation[axis] + 1, has = window->in[axis] + pad;
    if (needs > has) {
        char text[SHAPE_TEXT_SIZE];
        if (window->begin[axis] != window->end[axis]) {
            return error_set(error, FOV_E_SHAPE,
                             "kernel %lld does not fit input %s with pads %lld and %lld (needs %lld pixels, has %lld)",
                             (long long)kernel, shape_text(x, text), (long long)window->begin[axis],
                             (long long)window->end[axis], (long long)needs, (long long)has);
        }
        return error_set(
            error, FOV_E_SHAPE, "kernel %lld does not fit input %s with pad %lld (needs %lld pixels, has %lld)",
            (long long)kernel, shape_text(x, text), (long long)window->begin[axis], (long long)needs, (long long)has);
    }
    int64_t stride = window->stride[axis];
    int64_t steps = ceil_mode ? (has - needs + stride - 1) / stride : (has - needs) / stride;
    window->out[axis] = steps + 1;
    /* A window that would begin in the right pad covers no pixel: it is dropped. */
    if (ceil_mode && steps * stride >= window->in[axis] + window->begin[axis]) {
        window->out[axis] = steps;
    }
    return 0;
}

/** Whether the product of three sizes, none negative, fits in an int64_t. */
static bool product_fits(const int64_t size[WINDOW_AXES])
{
    size_t product;
    return size_multiply((size_t)size[0], (size_t)size[1], &product) &&
           size_multiply(product, (size_t)size[2], &product) && product <= INT64_MAX;
}

int window_resolve(struct window *window, const fov_shape *x, const struct window_request *request, struct error *error)
{
    char text[SHAPE_TEXT_SIZE];
    int rank = x->rank - 2;
    if (rank < 1 || rank > WINDOW_AXES) {
        return error_set(error, FOV_E_SHAPE, "input %s needs a batch, channels and 1 to 3 spatial dimensions",
                         shape_text(x, text));
    }
    if (request->kernel->count == 0) {
        return error_set(error, FOV_E_USAGE, "kernel is not given");
    }
    if (window_check_list("kernel", request->kernel, rank, error) != 0 ||
        window_check_list("stride", request->stride, rank, error) != 0 ||
        window_check_list("pad", request->pad, 2 * rank, error) != 0 ||
        window_check_list("dilation", request->dilation, rank, error) != 0) {
        return FOV_E_SHAPE;
    }
    *window = (struct window){.rank = rank};
    for (int axis = 0; axis < WINDOW_AXES; axis++) {
        int given = axis - (WINDOW_AXES - rank); /* missing axes are one pixel under a window of one pixel */
        window->in[axis] = given < 0 ? 1 : x->dim[2 + given];
        window->kernel[axis] = given < 0 ? 1 : request->kernel->at[given];
        window->stride[axis] = given < 0 ? 1 : op_list_get(request->stride, given, 1);
        window->dilation[axis] = given < 0 ? 1 : op_list_get(request->dilation, given, 1);
        if (window->in[axis] < 0) {
            return error_set(error, FOV_E_SHAPE, "input %s: spatial sizes must be known", shape_text(x, text));
        }
        if (window->in[axis] > WINDOW_MOST_PIXELS || window->kernel[axis] > WINDOW_MOST_PIXELS) {
            return error_set(error, FOV_E_SHAPE, "input %s and a kernel of %lld are too large for a window",
                             shape_text(x, text), (long long)window->kernel[axis]);
        }
        if (window->kernel[axis] < 1 || window->stride[axis] < 1 || window->dilation[axis] < 1) {
            return error_set(error, FOV_E_USAGE, "kernel, stride and dilation must be at least 1");
        }
        if (given >= 0 && request->auto_pad == WINDOW_PAD_GIVEN) {
            window->begin[axis] = op_list_get(request->pad, given, 0);
            window->end[axis] = op_list_get(request->pad, rank + given, 0);
        } else if (request->auto_pad == WINDOW_SAME_UPPER || request->auto_pad == WINDOW_SAME_LOWER) {
            pad_same(window, axis, request->auto_pad == WINDOW_SAME_UPPER);
        }
        if (resolve_axis(window, axis, request->ceil_mode, x, error) != 0) {
            return FOV_E_SHAPE;
        }
    }
    if (!product_fits(window->in) || !product_fits(window->out) || !product_fits(window->kernel)) {
        return error_set(error, FOV_E_SHAPE, "input %s: more pixels, or taps, than can be counted",
                         shape_text(x, text));
    }
    return 0;
}

int window_resolve_pool(struct window *window, const fov_shape *x, const struct window_request *request,
                        struct error *error)
{
    int status = window_resolve(window, x, request, error);
    for (int axis = 0; status == 0 && axis < WINDOW_AXES; axis++) {
        int64_t reach = (window->kernel[axis] - 1) * window->dilation[axis] + 1;
        if (window->begin[axis] >= reach || window->end[axis] >= reach) {
            int64_t pad = window->begin[axis] > window->end[axis] ? window->begin[axis] : window->end[axis];
            return error_set(error, FOV_E_SHAPE, "pad %lld must be smaller than the window of %lld pixels",
                             (long long)pad, (long long)reach);
        }
    }
    return status;
}

fov_shape window_out_shape(const struct window *window, int64_t batch, int64_t channels)
{
    fov_shape shape = {.rank = 2 + window->rank, .dim = {batch, channels}};
    for (int i = 0; i < window->rank; i++) {
        shape.dim[2 + i] = window->out[WINDOW_AXES - window->rank + i];
    }
    return shape;
}

int64_t window_taps(const struct window *window)
{
    return window->kernel[0] * window->kernel[1] * window->kernel[2];
}

int64_t window_in_pixels(const struct window *window)
{
    return window->in[0] * window->in[1] * window->in[2];
}

int64_t window_out_pixels(const struct window *window)
{
    return window->out[0] * window->out[1] * window->out[2];
}

struct op_list window_spatial(const fov_shape *shape)
{
    struct op_list list = {.count = shape->rank > 2 ? shape->rank - 2 : 0};
    for (int i = 0; i < list.count; i++) {
        list.at[i] = shape->dim[2 + i];
    }
    return list;
}

void window_cost(const struct window *window, struct op_cost *cost)
{
    for (int i = 0; i < window->rank; i++) {
        int axis = WINDOW_AXES - window->rank + i;
        cost->kernel[i] = window->kernel[axis];
        cost->stride[i] = window->stride[axis];
        cost->dilation[i] = window->dilation[axis];
    }
}

int64_t window_pixel(const int64_t size[WINDOW_AXES], int64_t z, int64_t y, int64_t x)
{
    if (z < 0 || z >= size[0] || y < 0 || y >= size[1] || x < 0 || x >= size[2]) {
        return -1;
    }
    return (z * size[1] + y) * size[2] + x;
}

struct kernel_window window_row(const struct window *window, size_t channels)
{
    return (struct kernel_window){
        .channels = channels,
        .width = (size_t)window->in[2],
        .out_width = (size_t)window->out[2],
        .kernel_height = window_rows_count(window),
        .kernel_width = (size_t)window->kernel[2],
        .stride = (size_t)window->stride[2],
        .dilation = (size_t)window->dilation[2],
        .pad = (size_t)window->begin[2],
        .x_stride = channels,
        .y_stride = channels,
    };
}

size_t window_rows_count(const struct window *window)
{
    return (size_t)(window->kernel[0] * window->kernel[1]);
}

void window_rows(const struct window *window, int64_t z, int64_t y, const void *image, size_t line, const void **rows)
{
    const char *base = image;
    for (int64_t kz = 0; kz < window->kernel[0]; kz++) {
        for (int64_t ky = 0; ky < window->kernel[1]; ky++) {
            int64_t in_z = window_meets(window, 0, z, kz), in_y = window_meets(window, 1, y, ky);
            bool inside = in_z >= 0 && in_z < window->in[0] && in_y >= 0 && in_y < window->in[1];
            *rows++ = inside ? base + (size_t)(in_z * window->in[1] + in_y) * line : NULL;
        }
    }
}

void window_met_rows(const struct window *window, int64_t z, int64_t y, const void *image, size_t line,
                     const void **rows)
{
    const char *base = image;
    for (int64_t kz = 0; kz < window->kernel[0]; kz++) {
        for (int64_t ky = 0; ky < window->kernel[1]; ky++) {
            int64_t out_z = window_met_by(window, 0, z, kz), out_y = window_met_by(window, 1, y, ky);
            *rows++ = out_z < 0 || out_y < 0 ? NULL : base + (size_t)(out_z * window->out[1] + out_y) * line;
        }
    }
}

/** Address of an option of the producer by name and kind; NULL: its operator has no such option. */
static const void *option_of(const struct op_producer *producer, const char *name, enum op_attribute_kind kind)
{
    const struct op_attribute *attribute = producer->op->attributes;
    while (attribute != NULL && attribute->name != NULL &&
           (attribute->kind != kind || strcmp(attribute->name, name) != 0)) {
        attribute++;
    }
    return attribute == NULL || attribute->name == NULL ? NULL : (const char *)producer->options + attribute->offset;
}

/** If the producer is a pad with zeros, fills `frame` with its pads: 2 numbers per dimension, beginnings first. False:
 *  it is another operator, pads with another value, or its pads are unknown. */
static bool zero_frame(const struct op_substitution *node, const struct op_producer *producer, struct op_list *frame)
{
    enum { PADS = 1, VALUE = 2, AXES = 3, CONSTANT = 0 };
    if (strcmp(producer->op->name, "pad") != 0 || (producer->in_count > AXES && producer->in[AXES] != 0)) {
        return false;
    }
    const struct op_list *pads = option_of(producer, "pads", OP_LIST);
    const int *mode = option_of(producer, "mode", OP_CHOICE);
    const double *value = option_of(producer, "value", OP_NUMBER), *known;
    size_t count = 1;
    if (producer->in_count > VALUE && producer->in[VALUE] != 0) {
        value = node->known(node->plan, producer->in[VALUE], &count);
    }
    if (pads == NULL || mode == NULL || *mode != CONSTANT || value == NULL || count != 1 || *value != 0) {
        return false;
    }
    *frame = *pads;
    if (producer->in_count > PADS && producer->in[PADS] != 0) {
        known = node->known(node->plan, producer->in[PADS], &count);
        frame->count = known != NULL && count <= sizeof frame->at / sizeof *frame->at ? (int)count : 0;
        for (int i = 0; i < frame->count; i++) {
            frame->at[i] = known[i] >= 0 && known[i] <= WINDOW_SIZE_LIMIT ? (int64_t)known[i] : -1;
        }
    }
    return frame->count > 0;
}

bool window_take_pad(const struct op_substitution *node, int auto_pad, struct op_list *pad)
{
    struct op_producer producer;
    struct op_list frame = {0};
    if (auto_pad != WINDOW_PAD_GIVEN || node->readers(node->plan, node->in[0]) != 1 ||
        !node->producer(node->plan, node->in[0], &producer) || !zero_frame(node, &producer, &frame)) {
        return false;
    }
    int rank = frame.count / 2, axes = rank - 2;
    bool fits = frame.count % 2 == 0 && axes >= 1 && axes <= WINDOW_AXES && (pad->count == 0 || pad->count == 2 * axes);
    for (int i = 0; fits && i < frame.count; i++) {
        fits = frame.at[i] >= 0 && frame.at[i] <= WINDOW_SIZE_LIMIT / 2 && (i % rank >= 2 || frame.at[i] == 0);
    }
    if (!fits) {
        return false;
    }
    for (int i = 0; i < 2 * axes; i++) {
        pad->at[i] = (pad->count != 0 ? pad->at[i] : 0) + frame.at[i < axes ? 2 + i : rank + 2 + i - axes];
    }
    pad->count = 2 * axes;
    node->in[0] = producer.in[0];
    return true;
}

size_t window_lines_per_chunk(size_t work)
{
    enum { CHUNK_WORK = 1 << 16 }; /* elements: some ten microseconds */
    return work >= CHUNK_WORK ? 1 : CHUNK_WORK / (work == 0 ? 1 : work);
}

struct op_list window_list2(int side, const int sides[2], int fallback)
{
    struct op_list list = {.count = 2};
    for (int i = 0; i < 2; i++) {
        list.at[i] = sides[i] != 0 ? sides[i] : side != 0 ? side : fallback;
    }
    return list;
}

struct op_list window_pads2(int side, const int sides[4])
{
    struct op_list list = {0};
    bool each = sides[0] != 0 || sides[1] != 0 || sides[2] != 0 || sides[3] != 0;
    if (side != 0 || each) {
        list.count = 4;
        for (int i = 0; i < 4; i++) {
            list.at[i] = each ? sides[i] : side;
        }
    }
    return list;
}

const char *window_pool2d(fov_graph *graph, fov_value x, const fov_pool2d_options *options, const char *kind,
                          struct window_pool2d *pool)
{
    const char *node =
        graph == NULL ? NULL : fov_graph_node_name(graph, options != NULL ? options->name : NULL, kind);
    if (!op_is_given(graph, node, x)) {
        return NULL;
    }
    fov_shape shape = fov_value_shape(graph, x);
    if (shape.rank != 4) {
        char text[SHAPE_TEXT_SIZE];
        fov_graph_fail(graph, node, FOV_E_SHAPE, "input %s must be [N, C, H, W]", shape_text(&shape, text));
        return NULL;
    }
    if (options == NULL) {
        fov_graph_fail(graph, node, FOV_E_USAGE, "kernel is not given");
        return NULL;
    }
    pool->kernel = window_list2(options->kernel, options->kernel_size, 0);
    pool->stride = window_list2(options->stride, options->stride_size, 0);
    pool->pad = window_pads2(options->pad, options->pads);
    for (int axis = 0; axis < 2; axis++) {
        int64_t kernel = pool->kernel.at[axis];
        if (kernel < 1) {
            fov_graph_fail(graph, node, FOV_E_USAGE, "kernel is %lld, it must be at least 1", (long long)kernel);
            return NULL;
        }
        if (pool->stride.at[axis] == 0) { /* default: windows that do not overlap */
            pool->stride.at[axis] = kernel;
        }
        for (int side = 0; side < 2; side++) {
            int64_t pad = op_list_get(&pool->pad, axis + 2 * side, 0);
            if (2 * pad > kernel) {
                fov_graph_fail(graph, node, FOV_E_USAGE, "pad %lld is more than half the kernel of %lld pixels",
                               (long long)pad, (long long)kernel);
                return NULL;
            }
        }
    }
    return node;
}

int window_auto_pad_read(const char *text)
{
    for (int i = 0; window_auto_pad_choices[i] != NULL; i++) {
        if (strcmp(text, window_auto_pad_choices[i]) == 0) {
            return i;
        }
    }
    return -1;
}
