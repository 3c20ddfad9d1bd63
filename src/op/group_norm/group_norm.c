/* SPDX-License-Identifier: MIT */
/* Group normalisation: each group of channels of a sample is normalised by itself. The arithmetic is in
 * op/row_norm.c. */
#include "op/given.h"
#include "op/onnx.h"
#include "op/row_norm.h"

#include <fovea/operators.h>

static const char *const kinds[] = {"layer", "group", NULL};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct row_norm_options, epsilon), .onnx = "epsilon", .kind = OP_NUMBER, .standard = 1e-5,
     .minimum = 0, .maximum = 1e6, .doc = "added to the variance"},
    {OP_ATTRIBUTE(struct row_norm_options, groups), .onnx = "num_groups", .kind = OP_INTEGER, .standard = 1,
     .minimum = 1, .maximum = INT32_MAX, .doc = "parts of the channels"},
    {OP_ATTRIBUTE(struct row_norm_options, kind), .kind = OP_CHOICE, .choices = kinds, .standard = ROW_NORM_GROUP,
     .doc = "what makes a row: here a group"},
    {OP_ATTRIBUTE(struct row_norm_options, group_weights), .kind = OP_FLAG,
     .doc = "weight and bias are per group, not per channel (opsets 18 to 20)"},
    {0},
};

static const struct op_cpu cpu = {.layout = OP_WANTS_PLAIN, .supports = op_all_f32, .compile = row_norm_compile};

static int import_norm(struct op_import *node)
{
    struct row_norm_options options = {.epsilon = node->number(node->reader, "epsilon", 1e-5),
                                       .groups = node->integer(node->reader, "num_groups", 1),
                                       .kind = ROW_NORM_GROUP,
                                       .group_weights = node->opset < 21};
    int64_t stash = node->integer(node->reader, "stash_type", 1);
    if (stash != 1 && stash != 11) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "stash_type is %lld, only float and double are known",
                          (long long)stash);
    }
    node->result(node->reader, 0,
                 node->emitter->node(node->emitter->graph, "group_norm", node->in, node->in_count, &options,
                                     node->node_name));
    return FOV_OK;
}

/** Opset 21 has GroupNormalization with weights per channel, opsets 18 to 20 with weights per group. Anything else is
 *  written as InstanceNormalization of x reshaped to [0, groups, -1], groups in place of channels; the 0 keeps an open
 *  number of samples. */
static int export_norm(struct op_export *node)
{
    const struct row_norm_options *options = node->options;
    const fov_shape *x = &node->in[ROW_NORM_X].shape;
    if (node->opset >= 21 ? !options->group_weights : options->group_weights && node->opset >= 18) {
        node->begin(node->writer, "GroupNormalization", NULL);
        for (int i = 0; i < node->in_count; i++) {
            node->input(node->writer, i);
        }
        node->attribute_number(node->writer, "epsilon", options->epsilon);
        node->attribute_integer(node->writer, "num_groups", options->groups);
        node->output(node->writer, 0);
        return FOV_OK;
    }
    int64_t rows[3] = {0, options->groups, -1}, channels[FOV_MAX_RANK], broadcast[FOV_MAX_RANK];
    for (int i = 0; i < x->rank; i++) {
        channels[i] = i == 0 ? 0 : x->dim[i];
        broadcast[i] = i == 1 ? x->dim[1] : 1;
    }
    const char *flat = op_export_reshape(node, node->in_name(node->writer, ROW_NORM_X), rows, 3, OP_EXPORT_FRESH);
    const char *scale = node->in_name(node->writer, ROW_NORM_WEIGHT),
               *shift = node->in_name(node->writer, ROW_NORM_BIAS);
    if (!options->group_weights) { /* weights per channel are applied afterwards */
        const char *length = node->integers(node->writer, &options->groups, 1, false);
        fov_dtype dtype = node->in[ROW_NORM_X].dtype;
        scale = op_export_step(node, "Expand", op_export_number(node, dtype, 1), length, OP_EXPORT_FRESH);
        shift = op_export_step(node, "Expand", op_export_number(node, dtype, 0), length, OP_EXPORT_FRESH);
    }
    const char *even = op_export_step(node, "InstanceNormalization", flat, scale, OP_EXPORT_FRESH);
    node->input_name(node->writer, shift);
    node->attribute_number(node->writer, "epsilon", options->epsilon);
    const char *image = op_export_reshape(node, even, channels, x->rank, options->group_weights ? 0 : OP_EXPORT_FRESH);
    if (!options->group_weights) {
        const char *factor = op_export_reshape(node, node->in_name(node->writer, ROW_NORM_WEIGHT), broadcast + 1,
                                               x->rank - 1, OP_EXPORT_FRESH);
        const char *offset = op_export_reshape(node, node->in_name(node->writer, ROW_NORM_BIAS), broadcast + 1,
                                               x->rank - 1, OP_EXPORT_FRESH);
        op_export_step(node, "Add", op_export_step(node, "Mul", image, factor, OP_EXPORT_FRESH), offset, 0);
    }
    return FOV_OK;
}

static const struct op_onnx onnx = {
    .type = "GroupNormalization", .since = 18, .import = import_norm, .export = export_norm};

static const struct row_norm_options one = {.epsilon = 1e-5, .groups = 1, .kind = ROW_NORM_GROUP},
                                     two = {.epsilon = 1e-2, .groups = 2, .kind = ROW_NORM_GROUP},
                                     old = {
                                         .epsilon = 1e-5, .groups = 3, .kind = ROW_NORM_GROUP, .group_weights = true};
static const struct op_case cases[] = {
    {.name = "1 group", .options = &one, .in = {FOV_SHAPE(2, 3, 4, 2), FOV_SHAPE(3), FOV_SHAPE(3)}, .in_count = 3},
    {.name = "2 groups", .options = &two, .in = {FOV_SHAPE(3, 6, 2, 3), FOV_SHAPE(6), FOV_SHAPE(6)}, .in_count = 3},
    {.name = "weights per group",
     .options = &old,
     .in = {FOV_SHAPE(2, 6, 5), FOV_SHAPE(3), FOV_SHAPE(3)},
     .in_count = 3},
    {.name = "several chunks",
     .options = &two,
     .in = {FOV_SHAPE(3, 4, 70, 61), FOV_SHAPE(4), FOV_SHAPE(4)},
     .in_count = 3,
     .no_gradient = true},
    {0},
};

const struct op op_group_norm = {
    .name = "group_norm",
    .family = OP_NORMALISATION,
    .summary =
        "Brings each group of a sample's channels to mean 0 and variance 1, then scales and shifts each channel.",
    .formula = "y = (x - mean[n, g]) / sqrt(var[n, g] + epsilon) * weight[c] + bias[c]",
    .source = "Wu & He, Group normalization, ECCV 2018, section 3",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, ...]"},
                                   {.name = "weight", .shape = "[C]", .plain = true},
                                   {.name = "bias", .shape = "[C]", .plain = true},
                                   {0}},
    .out =
        (const struct op_port[]){
            {.name = "y", .shape = "as x"},
            {.name = "mean", .shape = "[N, groups]", .optional = true, .plain = true, .detached = true},
            {.name = "inv_std", .shape = "[N, groups]", .optional = true, .plain = true, .detached = true},
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

fov_value fov_group_norm_opt(fov_graph *graph, fov_value x, const fov_group_norm_options *options)
{
    static const fov_group_norm_options none = {0};
    const fov_group_norm_options *given = options != NULL ? options : &none;
    const char *node = graph == NULL ? NULL : fov_graph_node_name(graph, given->name, "group_norm");
    if (!op_is_given(graph, node, x)) {
        return (fov_value){0};
    }
    fov_shape shape = fov_value_shape(graph, x);
    if (shape.rank < 2 || shape.dim[1] < 1 || given->groups < 1) {
        char text[SHAPE_TEXT_SIZE];
        return fov_graph_fail(graph, node, FOV_E_SHAPE, "input %s must be [N, C, ...], and groups (%d) at least 1",
                              shape_text(&shape, text), given->groups);
    }
    fov_shape vector = {1, {shape.dim[1]}};
    struct row_norm_options norm = {.epsilon = given->epsilon != 0 ? (double)given->epsilon : 1e-5,
                                    .groups = given->groups,
                                    .kind = ROW_NORM_GROUP};
    fov_value in[3] = {x};
    in[1] = fov_graph_parameter(graph, node, "weight", vector, FOV_INITIAL_ONES, 0, false);
    in[2] = fov_graph_parameter(graph, node, "bias", vector, FOV_INITIAL_ZEROS, 0, false);
    return op_build(graph, "group_norm", in, 3, &norm, node);
}
