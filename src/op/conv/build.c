/* SPDX-License-Identifier: MIT */
/* The public builders fov_conv1d, fov_conv2d and fov_conv3d: they turn the options of operators.h into those of the
 * operator, and create the learned parameters. */
#include "op/common.h"
#include "op/conv/conv.h"
#include "op/given.h"

#include <fovea/operators.h>
#include <math.h>

fov_value fov_conv2d_opt(fov_graph *graph, fov_value x, const fov_conv2d_options *options)
{
    static const fov_conv2d_options none = {0};
    const fov_conv2d_options *given = options != NULL ? options : &none;
    const char *node = graph == NULL ? NULL : fov_graph_node_name(graph, given->name, "conv2d");
    if (!op_is_given(graph, node, x)) {
        return (fov_value){0};
    }
    fov_shape shape = fov_value_shape(graph, x);
    if (shape.rank != 4) {
        char text[SHAPE_TEXT_SIZE];
        return fov_graph_fail(graph, node, FOV_E_SHAPE, "input %s must be [N, C, H, W]", shape_text(&shape, text));
    }
    if (given->filters < 1) {
        return fov_graph_fail(graph, node, FOV_E_USAGE, "filters is %d, it must be at least 1", given->filters);
    }
    struct conv_options conv = {
        .kernel = window_list2(given->kernel, given->kernel_size, 0),
        .stride = window_list2(given->stride, given->stride_size, 1),
        .pad = window_pads2(given->pad, given->pads),
        .dilation = window_list2(given->dilation, given->dilation_size, 1),
        .groups = given->groups != 0 ? given->groups : 1,
    };
    if (conv.kernel.at[0] < 1 || conv.kernel.at[1] < 1) {
        return fov_graph_fail(graph, node, FOV_E_USAGE, "kernel is %lld x %lld, it must be at least 1 x 1",
                              (long long)conv.kernel.at[0], (long long)conv.kernel.at[1]);
    }
    if (conv.groups < 1 || shape.dim[1] < 1 || shape.dim[1] % conv.groups != 0 || given->filters % conv.groups != 0) {
        return fov_graph_fail(graph, node, FOV_E_SHAPE, "groups %lld must divide the %lld channels and the %d filters",
                              (long long)conv.groups, (long long)shape.dim[1], given->filters);
    }
    int64_t channels = shape.dim[1] / conv.groups;
    fov_shape weight = {4, {given->filters, channels, conv.kernel.at[0], conv.kernel.at[1]}};
    fov_shape bias = {1, {given->filters}};
    /* PyTorch's default, kaiming_uniform with a = sqrt 5, amounts to the bound 1 / sqrt(fan in). */
    float bound = (float)(1 / sqrt((double)channels * (double)conv.kernel.at[0] * (double)conv.kernel.at[1]));
    fov_value in[3] = {x};
    in[1] = fov_graph_parameter(graph, node, "weight", weight, FOV_INITIAL_UNIFORM, bound, false);
    if (!given->no_bias) {
        in[2] = fov_graph_parameter(graph, node, "bias", bias, FOV_INITIAL_UNIFORM, bound, false);
    }
    return op_build(graph, "conv", in, given->no_bias ? 2 : 3, &conv, node);
}

/** 1-D and 3-D convolution: each option is one number for all axes. */
static fov_value build_cube(fov_graph *graph, fov_value x, const fov_conv_options *options, int axes, const char *kind)
{
    static const fov_conv_options none = {0};
    const fov_conv_options *given = options != NULL ? options : &none;
    const char *node = graph == NULL ? NULL : fov_graph_node_name(graph, given->name, kind);
    if (!op_is_given(graph, node, x)) {
        return (fov_value){0};
    }
    fov_shape shape = fov_value_shape(graph, x);
    int64_t groups = given->groups != 0 ? given->groups : 1;
    if (shape.rank != axes + 2 || shape.dim[1] < 1) {
        char text[SHAPE_TEXT_SIZE];
        return fov_graph_fail(graph, node, FOV_E_SHAPE, "input %s must be [N, C, and %d spatial sizes]",
                              shape_text(&shape, text), axes);
    }
    if (given->filters < 1 || given->kernel < 1) {
        return fov_graph_fail(graph, node, FOV_E_USAGE, "filters is %d and kernel %d, both must be at least 1",
                              given->filters, given->kernel);
    }
    if (groups < 1 || shape.dim[1] % groups != 0 || given->filters % groups != 0) {
        return fov_graph_fail(graph, node, FOV_E_SHAPE, "groups %lld must divide the %lld channels and the %d filters",
                              (long long)groups, (long long)shape.dim[1], given->filters);
    }
    struct conv_options conv = {.groups = groups};
    fov_shape weight = {axes + 2, {given->filters, shape.dim[1] / groups}}, bias = {1, {given->filters}};
    double fan_in = (double)weight.dim[1];
    conv.kernel.count = conv.stride.count = conv.dilation.count = axes;
    conv.pad.count = 2 * axes;
    for (int i = 0; i < axes; i++) {
        weight.dim[2 + i] = conv.kernel.at[i] = given->kernel;
        conv.stride.at[i] = given->stride != 0 ? given->stride : 1;
        conv.dilation.at[i] = given->dilation != 0 ? given->dilation : 1;
        conv.pad.at[i] = conv.pad.at[axes + i] = given->pad;
        fan_in *= given->kernel;
    }
    float bound = (float)(1 / sqrt(fan_in));
    fov_value in[3] = {x};
    in[1] = fov_graph_parameter(graph, node, "weight", weight, FOV_INITIAL_UNIFORM, bound, false);
    if (!given->no_bias) {
        in[2] = fov_graph_parameter(graph, node, "bias", bias, FOV_INITIAL_UNIFORM, bound, false);
    }
    return op_build(graph, "conv", in, given->no_bias ? 2 : 3, &conv, node);
}

fov_value fov_conv1d_opt(fov_graph *graph, fov_value x, const fov_conv_options *options)
{
    return build_cube(graph, x, options, 1, "conv1d");
}

fov_value fov_conv3d_opt(fov_graph *graph, fov_value x, const fov_conv_options *options)
{
    return build_cube(graph, x, options, 3, "conv3d");
}
