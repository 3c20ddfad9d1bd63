/* SPDX-License-Identifier: MIT */
/* Running sums along an axis, from the front or from the back, with or without the element itself. The axis is an
 * option, or an input whose value is known when a plan is made. */
#include "op/common.h"

#include "op/onnx.h"

struct cum_sum_options {
    int64_t axis;
    bool    exclusive, reverse;
};

static const struct op_port in[] = {
    {.name = "x", .shape = "[...]"},
    {.name = "axis", .shape = "[] or [1]", .optional = true, .plain = true, .values = true},
    {0}};
static const struct op_port out[] = {{.name = "y", .shape = "[...], as x"}, {0}};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct cum_sum_options, axis), .kind = OP_INTEGER, .minimum = -FOV_MAX_RANK,
     .maximum = FOV_MAX_RANK - 1, .doc = "along which is summed, from the end if < 0"},
    {OP_ATTRIBUTE(struct cum_sum_options, exclusive), .onnx = "exclusive", .kind = OP_FLAG,
     .doc = "without the element itself: sums begin with 0"},
    {OP_ATTRIBUTE(struct cum_sum_options, reverse), .onnx = "reverse", .kind = OP_FLAG, .doc = "from the back"},
    {0},
};

static int infer(const struct op_infer *infer)
{
    int64_t axis = ((const struct cum_sum_options *)infer->options)->axis;
    int counted;
    if (infer->in[0].dtype == FOV_BOOL) {
        return error_set(infer->error, FOV_E_USAGE, "x is bool, it must be a number");
    }
    if (infer->in_count > 1 && infer->in[1].shape.rank >= 0) {
        size_t count;
        if (infer->in_constant[1] == NULL) {
            return error_set(infer->error, FOV_E_UNSUPPORTED, "axis must be known when the graph is built");
        }
        if (!shape_count(&infer->in[1].shape, &count) || count != 1) {
            return error_set(infer->error, FOV_E_SHAPE, "axis must be one number");
        }
        axis = op_axis_value(infer->in_constant[1][0]);
    }
    int status = shape_axis(&infer->in[0].shape, axis, &counted, infer->error);
    return status != FOV_OK ? status : op_infer_same(infer);
}

/* An element is part of all later sums, so its gradient is the running sum of dy from the other end. */
static void gradient(struct op_gradient *gradient)
{
    struct cum_sum_options options = *(const struct cum_sum_options *)gradient->options;
    options.reverse = !options.reverse;
    bool has_input = gradient->in_count > 1 && gradient->in[1].id != 0;
    fov_value x_axis[] = {gradient->out_gradient[0], has_input ? gradient->in[1] : (fov_value){0}};
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit(gradient->emitter, "cum_sum", x_axis, has_input ? 2 : 1, &options);
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const struct cum_sum_options *options = textbook->options;
    const fov_shape *shape = &textbook->in[0].shape;
    bool has_input = textbook->in_count > 1 && textbook->in[1].shape.rank >= 0;
    int64_t given = has_input ? op_axis_value(textbook->in[1].data[0]) : options->axis;
    int axis = (int)(given < 0 ? given + shape->rank : given);
    size_t length = (size_t)shape->dim[axis], inner = shape_span(shape, axis + 1, shape->rank);
    size_t lines = shape_span(shape, 0, axis) * inner;
    for (size_t line = 0; line < lines; line++) {
        size_t first = line / inner * length * inner + line % inner;
        double sum = 0;
        for (size_t k = 0; k < length; k++) {
            size_t i = first + (options->reverse ? length - 1 - k : k) * inner;
            double x = textbook->in[0].data[i];
            textbook->out[0].data[i] = op_wrap(textbook->out[0].dtype, options->exclusive ? sum : sum + x);
            sum += x;
        }
    }
}

/* ---- ONNX: the axis is an input ------------------------------------------------------------------------------ */

static int import_cum_sum(struct op_import *node)
{
    struct cum_sum_options options = {.exclusive = node->integer(node->reader, "exclusive", 0) != 0,
                                      .reverse = node->integer(node->reader, "reverse", 0) != 0};
    fov_shape shape;
    const double *axis = node->constant(node->reader, 1, &shape);
    bool is_known = axis != NULL && shape.rank <= 1 && op_count(&shape) == 1;
    if (is_known) {
        options.axis = op_axis_value(axis[0]);
    }
    node->result(node->reader, 0,
                 node->emitter->node(node->emitter->graph, "cum_sum", node->in, is_known ? 1 : node->in_count,
                                     &options, node->node_name));
    return FOV_OK;
}

static int export_cum_sum(struct op_export *node)
{
    const struct cum_sum_options *options = node->options;
    bool has_input = node->in_count > 1 && node->in[1].shape.rank >= 0;
    const char *axis = has_input ? NULL : node->integers(node->writer, &options->axis, 1, true);
    node->begin(node->writer, "CumSum", NULL);
    node->input(node->writer, 0);
    if (has_input) {
        node->input(node->writer, 1);
    } else {
        node->input_name(node->writer, axis);
    }
    node->attribute_integer(node->writer, "exclusive", options->exclusive ? 1 : 0);
    node->attribute_integer(node->writer, "reverse", options->reverse ? 1 : 0);
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "CumSum", .since = 11, .import = import_cum_sum, .export = export_cum_sum};

static const struct cum_sum_options rows = {.axis = 1}, exclusive = {.axis = -1, .exclusive = true},
                                    reverse = {.axis = 1, .reverse = true},
                                    both = {.axis = 2, .exclusive = true, .reverse = true};

static void fill_axis(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        data[i] = index == 1 ? -2 : (double)random_below(key, i, 9) - 4;
    }
}

static const struct op_case cases[] = {
    {.name = "axis as an input", .in = {{3, {2, 3, 4}}, {0, {0}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2,
     .fill = fill_axis},
    {.name = "vector", .in = {{1, {17}}}, .in_count = 1},
    {.name = "rows", .in = {{2, {4, 7}}}, .in_count = 1, .options = &rows},
    {.name = "exclusive", .in = {{2, {4, 7}}}, .in_count = 1, .options = &exclusive},
    {.name = "reverse", .in = {{4, {2, 5, 3, 2}}}, .in_count = 1, .options = &reverse},
    {.name = "exclusive and reverse", .in = {{4, {2, 3, 5, 2}}}, .in_count = 1, .options = &both},
    {0},
};

const struct op op_cum_sum = {
    .name = "cum_sum",
    .family = OP_REDUCTION,
    .exact = true,
    .summary = "Running sums along an axis.",
    .formula = "y_k = x_0 + ... + x_k",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct cum_sum_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
