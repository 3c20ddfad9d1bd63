/* SPDX-License-Identifier: MIT */
/* Bins, shapes and builders of adaptive pooling: no values. See adaptive_pool.h. */
#include "op/adaptive_pool/adaptive_pool.h"

const struct op_attribute adaptive_attributes[] = {
    {OP_ATTRIBUTE(struct adaptive_options, output), .kind = OP_LIST, .minimum = 1, .maximum = WINDOW_SIZE_LIMIT,
     .doc = "pixels of the result per axis"},
    {OP_ATTRIBUTE(struct adaptive_options, size), .kind = OP_LIST, .minimum = 1, .maximum = INT32_MAX,
     .doc = "spatial size of x, pixels; only the gradient needs it"},
    {0},
};

struct adaptive adaptive_of(const fov_shape *x, const fov_shape *y)
{
    struct adaptive adaptive = {{1, 1, 1}, {1, 1, 1}, 1, 1};
    int axes = x->rank - 2;
    for (int i = 0; i < axes; i++) {
        adaptive.in[WINDOW_AXES - axes + i] = (size_t)x->dim[2 + i];
        adaptive.out[WINDOW_AXES - axes + i] = (size_t)y->dim[2 + i];
        adaptive.in_pixels *= (size_t)x->dim[2 + i];
        adaptive.out_pixels *= (size_t)y->dim[2 + i];
    }
    return adaptive;
}

struct adaptive_bin adaptive_bin(const struct adaptive *adaptive, size_t out_pixel)
{
    struct adaptive_bin bin = {.count = 1};
    for (int axis = WINDOW_AXES - 1; axis >= 0; axis--) {
        size_t in = adaptive->in[axis], out = adaptive->out[axis], o = out_pixel % out;
        out_pixel /= out;
        bin.first[axis] = o * in / out;
        bin.end[axis] = ((o + 1) * in + out - 1) / out;
        bin.count *= bin.end[axis] - bin.first[axis];
    }
    return bin;
}

int adaptive_infer(const struct op_infer *infer, const fov_shape *x, fov_shape *y)
{
    const struct adaptive_options *options = infer->options;
    char text[SHAPE_TEXT_SIZE];
    if (x->rank < 3 || x->rank > 2 + WINDOW_AXES) {
        return error_set(infer->error, FOV_E_SHAPE, "input %s must be [N, C, spatial...] of rank 3 to 5",
                         shape_text(x, text));
    }
    if (options->output.count != x->rank - 2) {
        return error_set(infer->error, FOV_E_USAGE, "output has %d numbers, input %s needs %d", options->output.count,
                         shape_text(x, text), x->rank - 2);
    }
    fov_shape result = *x;
    int64_t pixels = 1;
    for (int i = 2; i < x->rank; i++) {
        if (x->dim[i] < 1 || x->dim[i] > INT32_MAX / pixels) {
            return error_set(infer->error, FOV_E_SHAPE, "input %s: spatial sizes must be known, not empty, and countable",
                             shape_text(x, text));
        }
        pixels *= x->dim[i];
        result.dim[i] = options->output.at[i - 2];
    }
    *y = result;
    return FOV_OK;
}

int adaptive_infer_gradient(const struct op_infer *infer)
{
    const struct adaptive_options *options = infer->options;
    const fov_shape *dy = &infer->in[0].shape;
    char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
    if (dy->rank < 3 || options->size.count != dy->rank - 2) {
        return error_set(infer->error, FOV_E_USAGE, "size has %d numbers, dy is %s", options->size.count,
                         shape_text(dy, a));
    }
    fov_shape x = *dy, expected;
    for (int i = 0; i < options->size.count; i++) {
        x.dim[2 + i] = options->size.at[i];
    }
    int status = adaptive_infer(infer, &x, &expected);
    if (status == FOV_OK && !shape_fits(&expected, dy)) {
        status = error_set(infer->error, FOV_E_SHAPE, "dy %s does not fit the pooled shape %s", shape_text(dy, a),
                           shape_text(&expected, b));
    }
    infer->out[0].shape = x;
    return status;
}

/** The largest bin, moving by whole pixels about in / out apart. */
void adaptive_cost(struct op_cost *cost)
{
    const fov_shape *x = &cost->in[0].shape, *y = &cost->out[0].shape;
    for (int i = 2; i < x->rank && i < 2 + WINDOW_AXES; i++) {
        int64_t in = x->dim[i], out = y->dim[i];
        cost->kernel[i - 2] = in % out == 0 ? in / out : in / out + 1 + (out % (in % out) != 0);
        cost->stride[i - 2] = in / out > 1 ? in / out : 1;
    }
}

fov_value adaptive_build2d(fov_graph *graph, fov_value x, int height, int width, const char *op,
                           fov_value (*plain)(fov_graph *graph, fov_value x, const fov_pool2d_options *options))
{
    struct adaptive_options options = {.output = {2, {height, width}}};
    fov_shape shape = {.rank = -1};
    if (graph != NULL && x.id != 0) {
        shape = fov_value_shape(graph, x);
    }
    bool divides = shape.rank == 4 && height > 0 && width > 0 && shape.dim[2] > 0 && shape.dim[3] > 0 &&
                   shape.dim[2] % height == 0 && shape.dim[3] % width == 0 && shape.dim[2] <= WINDOW_SIZE_LIMIT &&
                   shape.dim[3] <= WINDOW_SIZE_LIMIT;
    if (divides) {
        fov_pool2d_options pool = {.kernel_size = {(int)(shape.dim[2] / height), (int)(shape.dim[3] / width)}};
        return plain(graph, x, &pool);
    }
    return op_build(graph, op, &x, 1, &options, NULL);
}
