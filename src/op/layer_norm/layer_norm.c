/* SPDX-License-Identifier: MIT */
/* Layer normalisation: every sample (or every position in it) is normalised by itself, over the dimensions from an axis
 * on. The arithmetic is in op/row_norm.c, the gradient in gradient.c. */
#include "op/given.h"
#include "op/index.h"
#include "op/onnx.h"
#include "op/row_norm.h"

#include <fovea/operators.h>

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct row_norm_options, epsilon), .onnx = "epsilon", .kind = OP_NUMBER, .standard = 1e-5,
     .minimum = 0, .maximum = 1e6, .doc = "added to the variance"},
    {OP_ATTRIBUTE(struct row_norm_options, axis), .onnx = "axis", .kind = OP_INTEGER, .standard = -1,
     .minimum = -FOV_MAX_RANK, .maximum = FOV_MAX_RANK - 1, .doc = "the first of the dimensions normalised together"},
    {0},
};

static const struct op_cpu cpu = {.layout = OP_WANTS_PLAIN, .supports = op_all_f32, .compile = row_norm_compile};

/** The dimension that ONNX's `axis` names, counted from the front; -1: none. */
static int first_of(const fov_shape *x, int64_t axis)
{
    int64_t first = axis < 0 ? axis + x->rank : axis;
    return first >= 0 && first <= x->rank ? (int)first : -1;
}

/** Whether a weight of this shape has a number for each element of the dimensions from `axis` on. Weights of other
 * shapes broadcast against the whole input. */
static bool is_per_element(const fov_shape *weight, const fov_shape *x, int64_t axis)
{
    int first = first_of(x, axis), ones = first < 0 ? -1 : weight->rank - (x->rank - first);
    bool fits = ones >= 0;
    for (int i = 0; fits && i < weight->rank; i++) {
        fits = weight->dim[i] == (i < ones ? 1 : x->dim[first + i - ones]);
    }
    return fits;
}

/** Ones in the shape of the dimensions from `axis` on: for a normalisation whose own weight is applied after it. */
static fov_value ones_from(struct op_import *node, const fov_shape *x, int64_t axis)
{
    int first = first_of(x, axis);
    if (first < 0) {
        return (fov_value){0}; /* layer_norm's shape rule reports the axis */
    }
    return op_emit2(node->emitter, "expand", op_emit_number(node->emitter, node->dtype(node->reader, node->in[0]), 1),
                    index_constant(node->emitter, x->dim + first, x->rank - first), NULL);
}

static int import_norm(struct op_import *node)
{
    struct row_norm_options options = {.epsilon = node->number(node->reader, "epsilon", 1e-5),
                                       .axis = node->integer(node->reader, "axis", -1)};
    /* The precision of the statistics; here it is at least single. */
    int64_t stash = node->integer(node->reader, "stash_type", 1);
    if (stash != 1 && stash != 11) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "stash_type is %lld, only float and double are known",
                          (long long)stash);
    }
    fov_shape x = node->shape(node->reader, node->in[0]);
    fov_value in[3] = {node->in[0], node->in[1]}, behind[3] = {{0}};
    in[ROW_NORM_BIAS] = node->in_count > ROW_NORM_BIAS ? node->in[ROW_NORM_BIAS] : (fov_value){0};
    for (int i = ROW_NORM_WEIGHT; i <= ROW_NORM_BIAS; i++) {
        fov_shape shape = node->shape(node->reader, in[i]);
        /* the bias also moves behind the normalisation where the weight does */
        if (in[i].id != 0 && (behind[ROW_NORM_WEIGHT].id != 0 || !is_per_element(&shape, &x, options.axis))) {
            behind[i] = in[i];
            in[i] = i == ROW_NORM_WEIGHT ? ones_from(node, &x, options.axis) : (fov_value){0};
        }
    }
    fov_value y = node->emitter->node(node->emitter->graph, "layer_norm", in, in[ROW_NORM_BIAS].id != 0 ? 3 : 2,
                                      &options, node->node_name);
    fov_value first = y;
    if (behind[ROW_NORM_WEIGHT].id != 0) {
        y = op_emit2(node->emitter, "mul", y, behind[ROW_NORM_WEIGHT], NULL);
    }
    if (behind[ROW_NORM_BIAS].id != 0) {
        y = op_emit2(node->emitter, "add", y, behind[ROW_NORM_BIAS], NULL);
    }
    for (int i = 0; i < node->out_count && i < 3; i++) {
        node->result(node->reader, i, i == 0 ? y : op_emit_output(node->emitter, first, i));
    }
    return FOV_OK;
}

/* Opset 17 has LayerNormalization. Before, it is written as exporters did: mean, deviation, variance, root. */
static int export_norm(struct op_export *node)
{
    const struct row_norm_options *options = node->options;
    const fov_shape *x = &node->in[ROW_NORM_X].shape;
    const char *in[3] = {node->in_name(node->writer, ROW_NORM_X), node->in_name(node->writer, ROW_NORM_WEIGHT),
                         node->in_name(node->writer, ROW_NORM_BIAS)};
    bool has_bias = node->in_count > ROW_NORM_BIAS && node->in[ROW_NORM_BIAS].shape.rank >= 0, wanted[3] = {false};
    for (int i = 0; i < 3; i++) {
        wanted[i] = i < node->out_count && node->out[i].shape.rank >= 0;
    }
    if (node->opset >= 17) {
        op_export_step(node, "LayerNormalization", in[0], in[1], ROW_NORM_Y);
        if (has_bias) {
            node->input_name(node->writer, in[2]);
        }
        node->attribute_number(node->writer, "epsilon", options->epsilon);
        node->attribute_integer(node->writer, "axis", options->axis);
        for (int i = 1; i < 3 && (wanted[i] || wanted[2]); i++) {
            node->output(node->writer, i);
        }
        return FOV_OK;
    }
    int64_t axes[FOV_MAX_RANK];
    int first = (int)(options->axis < 0 ? options->axis + x->rank : options->axis), count = 0;
    for (int i = first; i < x->rank; i++) {
        axes[count++] = i;
    }
    const char *mean = op_export_step(node, "ReduceMean", in[0], NULL, wanted[1] ? ROW_NORM_MEAN : OP_EXPORT_FRESH);
    node->attribute_list(node->writer, "axes", axes, count);
    mean = mean != NULL ? mean : node->out_name(node->writer, ROW_NORM_MEAN);
    const char *deviation = op_export_step(node, "Sub", in[0], mean, OP_EXPORT_FRESH);
    const char *square = op_export_step(node, "Mul", deviation, deviation, OP_EXPORT_FRESH);
    const char *variance = op_export_step(node, "ReduceMean", square, NULL, OP_EXPORT_FRESH);
    node->attribute_list(node->writer, "axes", axes, count);
    const char *epsilon = op_export_number(node, node->in[0].dtype, options->epsilon);
    const char *sum = op_export_step(node, "Add", variance, epsilon, OP_EXPORT_FRESH);
    const char *root = op_export_step(node, "Sqrt", sum, NULL, OP_EXPORT_FRESH);
    if (wanted[2]) {
        op_export_step(node, "Reciprocal", root, NULL, ROW_NORM_INV_STD);
    }
    const char *even = op_export_step(node, "Div", deviation, root, OP_EXPORT_FRESH);
    const char *scaled = op_export_step(node, "Mul", even, in[1], has_bias ? OP_EXPORT_FRESH : ROW_NORM_Y);
    if (has_bias) {
        op_export_step(node, "Add", scaled, in[2], ROW_NORM_Y);
    }
    return FOV_OK;
}

static const struct op_onnx onnx = {
    .type = "LayerNormalization", .since = 17, .import = import_norm, .export = export_norm};

static const struct row_norm_options last = {.epsilon = 1e-5, .axis = -1}, from_1 = {.epsilon = 1e-2, .axis = 1},
                                     all = {.epsilon = 1e-5, .axis = 0};
static const struct op_case cases[] = {
    {.name = "last", .options = &last, .in = {FOV_SHAPE(3, 4, 5), FOV_SHAPE(5), FOV_SHAPE(5)}, .in_count = 3},
    {.name = "from 1",
     .options = &from_1,
     .in = {FOV_SHAPE(2, 3, 4, 2), FOV_SHAPE(3, 4, 2), FOV_SHAPE(3, 4, 2)},
     .in_count = 3},
    {.name = "all, no bias", .options = &all, .in = {FOV_SHAPE(3, 7), FOV_SHAPE(3, 7)}, .in_count = 2},
    {.name = "several chunks",
     .options = &last,
     .in = {FOV_SHAPE(300, 130), FOV_SHAPE(130), FOV_SHAPE(130)},
     .in_count = 3,
     .no_gradient = true},
    {0},
};

const struct op op_layer_norm = {
    .name = "layer_norm",
    .family = OP_NORMALISATION,
    .summary = "Brings each sample to mean 0 and variance 1 over its last dimensions, then scales and shifts it.",
    .formula = "y = (x - mean) / sqrt(var + epsilon) * weight + bias, mean and var over the dimensions from axis on",
    .source = "Ba, Kiros & Hinton, Layer normalization (2016), equation 3",
    .in = (const struct op_port[]){{.name = "x", .shape = "[...]"},
                                   {.name = "weight", .shape = "[dimensions from axis on]", .plain = true},
                                   {.name = "bias", .shape = "as weight", .optional = true, .plain = true},
                                   {0}},
    .out = (const struct op_port[]){
        {.name = "y", .shape = "as x"},
        {.name = "mean", .shape = "as x, 1 from axis on", .optional = true, .plain = true, .detached = true},
        {.name = "inv_std", .shape = "as mean", .optional = true, .plain = true, .detached = true},
        {0}},
    .attributes = attributes,
    .options_size = sizeof(struct row_norm_options),
    .infer = row_norm_infer,
    .gradient = row_norm_gradient,
    .textbook = row_norm_textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};

fov_value fov_layer_norm_opt(fov_graph *graph, fov_value x, const fov_layer_norm_options *options)
{
    static const fov_layer_norm_options none = {0};
    const fov_layer_norm_options *given = options != NULL ? options : &none;
    const char *node = graph == NULL ? NULL : fov_graph_node_name(graph, given->name, "layer_norm");
    if (!op_is_given(graph, node, x)) {
        return (fov_value){0};
    }
    fov_shape shape = fov_value_shape(graph, x), vector = {0};
    int dimensions = given->dimensions != 0 ? given->dimensions : 1;
    bool known = dimensions >= 1 && dimensions <= shape.rank;
    for (int i = 0; known && i < dimensions; i++) {
        vector.dim[vector.rank++] = shape.dim[shape.rank - dimensions + i];
        known = vector.dim[i] >= 1;
    }
    if (!known) {
        char text[SHAPE_TEXT_SIZE];
        return fov_graph_fail(graph, node, FOV_E_SHAPE, "input %s does not have %d last dimensions of known size",
                              shape_text(&shape, text), dimensions);
    }
    struct row_norm_options norm = {.epsilon = given->epsilon != 0 ? (double)given->epsilon : 1e-5,
                                    .axis = -dimensions};
    fov_value in[3] = {x};
    in[1] = fov_graph_parameter(graph, node, "weight", vector, FOV_INITIAL_ONES, 0, false);
    in[2] = fov_graph_parameter(graph, node, "bias", vector, FOV_INITIAL_ZEROS, 0, false);
    return op_build(graph, "layer_norm", in, 3, &norm, node);
}
