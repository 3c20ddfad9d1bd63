/* SPDX-License-Identifier: MIT */
/* Squeeze drops dimensions of size 1, unsqueeze inserts some. Both are views: the result is the input's memory. The
 * axes are an option (ONNX before opset 13) or an input whose values are known (since then). */
#include "op/index.h"
#include "op/view.h"

#include <fovea/operators.h>

struct squeeze_options {
    struct op_list axes;
};

static const struct op_attribute squeeze_attributes[] = {
    {OP_ATTRIBUTE(struct squeeze_options, axes), .kind = OP_LIST, .minimum = -FOV_MAX_RANK, .maximum = FOV_MAX_RANK - 1,
     .doc = "dimensions of size 1 to drop; not given: all of them"},
    {0},
};
static const struct op_attribute unsqueeze_attributes[] = {
    {OP_ATTRIBUTE(struct squeeze_options, axes), .kind = OP_LIST, .minimum = -FOV_MAX_RANK, .maximum = FOV_MAX_RANK - 1,
     .doc = "places of the new dimensions in the result"},
    {0},
};

static int infer_squeeze(const struct op_infer *infer)
{
    const struct squeeze_options *options = infer->options;
    const fov_shape *x = &infer->in[0].shape;
    struct index_values values;
    bool dropped[FOV_MAX_RANK];
    int count, status = index_values_infer(infer, 1, &values);
    status = status != FOV_OK ? status : index_axes(&values, &options->axes, x->rank, dropped, &count, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    fov_shape y = {.rank = 0};
    for (int d = 0; d < x->rank; d++) {
        if (count == 0 ? x->dim[d] == 1 : dropped[d]) {
            if (x->dim[d] != 1) {
                char text[SHAPE_TEXT_SIZE];
                return error_set(infer->error, FOV_E_SHAPE, "dimension %d of %s is not 1 and cannot be dropped", d,
                                 shape_text(x, text));
            }
            continue;
        }
        y.dim[y.rank++] = x->dim[d];
    }
    infer->out[0].shape = y;
    return FOV_OK;
}

static int infer_unsqueeze(const struct op_infer *infer)
{
    const struct squeeze_options *options = infer->options;
    const fov_shape *x = &infer->in[0].shape;
    struct index_values values;
    bool added[FOV_MAX_RANK];
    int count, status = index_values_infer(infer, 1, &values);
    if (status != FOV_OK) {
        return status;
    }
    int rank = x->rank + (values.at != NULL ? values.count : options->axes.count);
    if (rank > FOV_MAX_RANK) {
        return error_set(infer->error, FOV_E_SHAPE, "the result would have %d dimensions, at most %d are possible",
                         rank, FOV_MAX_RANK);
    }
    status = index_axes(&values, &options->axes, rank, added, &count, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    fov_shape y = {.rank = rank};
    int next = 0;
    for (int d = 0; d < rank; d++) {
        y.dim[d] = added[d] ? 1 : x->dim[next++];
    }
    for (int d = 1; d < rank; d++) {
        if (y.dim[d] < 0) {
            return error_set(infer->error, FOV_E_UNSUPPORTED, "axes move the open batch to dimension %d", d);
        }
    }
    infer->out[0].shape = y;
    return FOV_OK;
}

/* ---- ONNX -------------------------------------------------------------------------------------------------------- */

static int import_axes(struct op_import *node, const char *op)
{
    struct squeeze_options options = {{0}};
    if (node->opset < 13) {
        node->list(node->reader, "axes", &options.axes);
        return index_import_node(node, op, node->in, 1, &options);
    }
    return index_import_node(node, op, node->in, node->in_count, &options);
}

static int import_squeeze(struct op_import *node)
{
    return import_axes(node, "squeeze");
}

static int import_unsqueeze(struct op_import *node)
{
    return import_axes(node, "unsqueeze");
}

static int export_axes(struct op_export *node)
{
    const struct squeeze_options *options = node->options;
    bool has_input = node->in_count > 1 && node->in[1].shape.rank >= 0;
    const char *axes = NULL;
    if (!has_input && options->axes.count > 0) {
        axes = node->integers(node->writer, options->axes.at, options->axes.count, false);
    }
    node->begin(node->writer, node->op->onnx->type, NULL);
    node->input(node->writer, 0);
    if (has_input) {
        node->input(node->writer, 1);
    } else if (axes != NULL) {
        node->input_name(node->writer, axes);
    }
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx squeeze_onnx = {
    .type = "Squeeze", .since = 1, .import = import_squeeze, .export = export_axes};
static const struct op_onnx unsqueeze_onnx = {
    .type = "Unsqueeze", .since = 1, .import = import_unsqueeze, .export = export_axes};

/* ---- builders ---------------------------------------------------------------------------------------------------- */

static fov_value build(fov_graph *graph, const char *op, fov_value x, const int *axes, int count)
{
    struct squeeze_options options = {{0}};
    if (count < 0 || count > FOV_MAX_RANK || (count > 0 && axes == NULL)) {
        return fov_graph_fail(graph, fov_graph_node_name(graph, NULL, op), FOV_E_USAGE,
                              "%d axes, at most %d are possible", count, FOV_MAX_RANK);
    }
    options.axes.count = count;
    for (int i = 0; i < count; i++) {
        options.axes.at[i] = axes[i];
    }
    return op_build(graph, op, &x, 1, &options, NULL);
}

fov_value fov_squeeze(fov_graph *graph, fov_value x, const int *axes, int count)
{
    return build(graph, "squeeze", x, axes, count);
}

fov_value fov_unsqueeze(fov_graph *graph, fov_value x, const int *axes, int count)
{
    return build(graph, "unsqueeze", x, axes, count);
}

/* ---- the descriptors --------------------------------------------------------------------------------------------- */

static void fill_axes(int index, double *data, size_t count, struct random_key key)
{
    (void)key;
    for (size_t i = 0; index == 1 && i < count; i++) {
        data[i] = 2 * (double)i;
    }
}

static const struct squeeze_options last = {{1, {-1}}}, two = {{2, {0, 2}}};
static const struct op_case squeeze_cases[] = {
    {.name = "all", .in = {{4, {3, 2, 1, 1}}}, .in_count = 1},
    {.name = "last", .in = {{3, {1, 3, 1}}}, .in_count = 1, .options = &last},
    {.name = "to a scalar", .in = {{2, {1, 1}}}, .in_count = 1},
    {.name = "axes as input", .in = {{4, {1, 3, 1, 2}}, {1, {2}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2,
     .fill = fill_axes},
    {0},
};
static const struct op_case unsqueeze_cases[] = {
    {.name = "last", .in = {{2, {3, 2}}}, .in_count = 1, .options = &last},
    {.name = "two", .in = {{2, {3, 2}}}, .in_count = 1, .options = &two},
    {.name = "scalar", .in = {{0, {0}}}, .in_count = 1, .options = &last},
    {.name = "axes as input", .in = {{2, {3, 2}}, {1, {2}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2,
     .fill = fill_axes},
    {0},
};

static const struct op_port in[] = {{.name = "x", .shape = "[...]"},
                                    {.name = "axes", .shape = "[k]", .optional = true, .plain = true, .values = true},
                                    {0}};
static const struct op_port squeeze_out[] = {{.name = "y", .shape = "[x's dimensions without those of size 1]"}, {0}};
static const struct op_port unsqueeze_out[] = {{.name = "y", .shape = "[x's dimensions and some of size 1]"}, {0}};

const struct op op_squeeze = {
    .name = "squeeze",
    .family = OP_SHAPE,
    .summary = "Drops dimensions of size 1.",
    .formula = "y[i] = x[i], i counting elements in plain order",
    .in = in,
    .out = squeeze_out,
    .attributes = squeeze_attributes,
    .options_size = sizeof(struct squeeze_options),
    .infer = infer_squeeze,
    .gradient = view_gradient,
    .textbook = view_textbook,
    .cpu = &view_cpu,
    .onnx = &squeeze_onnx,
    .cases = squeeze_cases,
    .view = true,
};

const struct op op_unsqueeze = {
    .name = "unsqueeze",
    .family = OP_SHAPE,
    .summary = "Puts in dimensions of size 1.",
    .formula = "y[i] = x[i], i counting elements in plain order",
    .in = in,
    .out = unsqueeze_out,
    .attributes = unsqueeze_attributes,
    .options_size = sizeof(struct squeeze_options),
    .infer = infer_unsqueeze,
    .gradient = view_gradient,
    .textbook = view_textbook,
    .cpu = &view_cpu,
    .onnx = &unsqueeze_onnx,
    .cases = unsqueeze_cases,
    .view = true,
};
