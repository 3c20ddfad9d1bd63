/* SPDX-License-Identifier: MIT */
/* Instance normalisation: every channel of every sample is normalised by itself. The arithmetic is in op/row_norm.c. */
#include "op/given.h"
#include "op/onnx.h"
#include "op/row_norm.h"

#include <fovea/operators.h>

static const char *const kinds[] = {"layer", "group", NULL};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct row_norm_options, epsilon), .onnx = "epsilon", .kind = OP_NUMBER, .standard = 1e-5,
     .minimum = 0, .maximum = 1e6, .doc = "added to the variance"},
    {OP_ATTRIBUTE(struct row_norm_options, kind), .kind = OP_CHOICE, .choices = kinds, .standard = ROW_NORM_GROUP,
     .doc = "what makes a row: here a channel"},
    {0},
};

static const struct op_cpu cpu = {.layout = OP_WANTS_PLAIN, .supports = op_all_f32, .compile = row_norm_compile};
static const struct op_onnx onnx = {.type = "InstanceNormalization", .since = 6};

static const struct row_norm_options usual = {.epsilon = 1e-5, .kind = ROW_NORM_GROUP},
                                     large = {.epsilon = 1e-2, .kind = ROW_NORM_GROUP};
static const struct op_case cases[] = {
    {.name = "image", .options = &usual, .in = {FOV_SHAPE(2, 3, 4, 3), FOV_SHAPE(3), FOV_SHAPE(3)}, .in_count = 3},
    {.name = "1-D", .options = &large, .in = {FOV_SHAPE(2, 5, 7), FOV_SHAPE(5), FOV_SHAPE(5)}, .in_count = 3},
    {.name = "3-D", .options = &usual, .in = {FOV_SHAPE(1, 3, 2, 3, 2), FOV_SHAPE(3), FOV_SHAPE(3)}, .in_count = 3},
    {.name = "several chunks",
     .options = &usual,
     .in = {FOV_SHAPE(3, 4, 70, 61), FOV_SHAPE(4), FOV_SHAPE(4)},
     .in_count = 3,
     .no_gradient = true},
    {0},
};

const struct op op_instance_norm = {
    .name = "instance_norm",
    .family = OP_NORMALISATION,
    .summary = "Brings each channel of each sample to mean 0 and variance 1, then scales and shifts it.",
    .formula = "y = (x - mean[n, c]) / sqrt(var[n, c] + epsilon) * weight[c] + bias[c]",
    .source = "Ulyanov, Vedaldi & Lempitsky, Instance normalization (2016), equation 4",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, ...]"},
                                   {.name = "weight", .shape = "[C]", .plain = true},
                                   {.name = "bias", .shape = "[C]", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){
        {.name = "y", .shape = "as x"},
        {.name = "mean", .shape = "[N, C]", .optional = true, .plain = true, .detached = true},
        {.name = "inv_std", .shape = "[N, C]", .optional = true, .plain = true, .detached = true},
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

fov_value fov_instance_norm_opt(fov_graph *graph, fov_value x, const fov_instance_norm_options *options)
{
    static const fov_instance_norm_options none = {0};
    const fov_instance_norm_options *given = options != NULL ? options : &none;
    const char *node = graph == NULL ? NULL : fov_graph_node_name(graph, given->name, "instance_norm");
    if (!op_is_given(graph, node, x)) {
        return (fov_value){0};
    }
    fov_shape shape = fov_value_shape(graph, x);
    if (shape.rank < 3 || shape.dim[1] < 1) {
        char text[SHAPE_TEXT_SIZE];
        return fov_graph_fail(graph, node, FOV_E_SHAPE, "input %s must be [N, C, spatial...]",
                              shape_text(&shape, text));
    }
    fov_shape vector = {1, {shape.dim[1]}};
    struct row_norm_options norm = {.epsilon = given->epsilon != 0 ? (double)given->epsilon : 1e-5,
                                    .kind = ROW_NORM_GROUP};
    fov_value in[3] = {x};
    in[1] = fov_graph_parameter(graph, node, "weight", vector, FOV_INITIAL_ONES, 0, false);
    in[2] = fov_graph_parameter(graph, node, "bias", vector, FOV_INITIAL_ZEROS, 0, false);
    return op_build(graph, "instance_norm", in, 3, &norm, node);
}
