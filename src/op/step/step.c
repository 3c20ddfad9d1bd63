/* SPDX-License-Identifier: MIT */
/* The Heaviside step: the neuron of 1943 fires or does not. Its derivative is zero wherever it has one, so nothing
 * can be learned through it.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

/* 0 at 0, as in the first artificial neurons; NaN stays NaN. */
static double step(double x, const void *options)
{
    (void)options;
    return isnan(x) ? x : x > 0;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, step);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_step;
}

/* ONNX has no step. Sign gives -1, 0, 1 and Relu lifts the -1: the type stays that of x. */
static int export_step(struct op_export *node)
{
    node->begin(node->writer, "Sign", NULL);
    node->input(node->writer, 0);
    const char *sign = node->temporary(node->writer);
    node->output_name(node->writer, sign);
    node->begin(node->writer, "Relu", NULL);
    node->input_name(node->writer, sign);
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Sign + Relu", .since = 9, .export = export_step};

fov_value fov_step(fov_graph *graph, fov_value x)
{
    return elementwise_build(graph, "step", x);
}

const struct op op_step = {
    .name = "step",
    .family = OP_ACTIVATION,
    .summary = "Threshold: 1 where x is positive, else 0.",
    .formula = "y = 1 if x > 0, else 0; NaN stays NaN",
    .source = "McCulloch & Pitts, A logical calculus of the ideas immanent in nervous activity, 1943",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer_numbers,
    .zero_gradient = true,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases_kinked,
    .as_activation = as_activation,
};
