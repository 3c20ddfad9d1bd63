/* SPDX-License-Identifier: MIT */
/* The identity, through which no gradient flows: its input counts as a constant. For generators that must not learn
 * from the discriminator's step, weights of a loss that are measured and not trained (CIoU), and target networks. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <fovea/operators.h>

static double same(double x, const void *options)
{
    (void)options;
    return x;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, same);
}

static const struct op_cpu cpu = {
    .layout = OP_FOLLOWS, .supports = op_any_dtype, .compile = op_compile_identity, .in_place = 1u << 0,
    .may_alias = true};

/* ---- ONNX has no gradients to stop: written as Identity ---------------------------------------------------------- */

static int import_stop(struct op_import *node)
{
    node->result(node->reader, 0, node->emitter->node(node->emitter->graph, "stop_gradient", node->in, 1, NULL,
                                                      node->node_name));
    return FOV_OK;
}

static int export_stop(struct op_export *node)
{
    node->begin(node->writer, "Identity", NULL);
    node->input(node->writer, 0);
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {
    .type = "StopGradient", .domain = "fovea", .since = 1, .import = import_stop, .export = export_stop};

fov_value fov_stop_gradient(fov_graph *graph, fov_value x)
{
    return op_build(graph, "stop_gradient", &x, 1, NULL, NULL);
}

const struct op op_stop_gradient = {
    .name = "stop_gradient",
    .family = OP_SHAPE,
    .summary = "The same tensor, counted as given: no gradient flows back.",
    .formula = "y = x, dx = 0",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = op_infer_same,
    .zero_gradient = true,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = elementwise_cases,
};
