/* SPDX-License-Identifier: MIT */
/* Difference of two tensors.
 * Everything but the formula and the gradient is shared by the family: op/binary.h. */
#include "op/binary.h"

#include "op/onnx.h"
#include <fovea/operators.h>

static double sub(double a, double b)
{
    return a - b;
}

static void textbook(const struct op_textbook *textbook)
{
    binary_textbook(textbook, sub);
}

static void gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        binary_give(gradient, 0, gradient->out_gradient[0]);
    }
    if (gradient->wanted[1]) {
        binary_give(gradient, 1, op_emit1(gradient->emitter, "neg", gradient->out_gradient[0], NULL));
    }
}

static void run(const struct op_run *run)
{
    binary_run(run, BINARY_sub);
}

static int compile(struct op_compile *compile)
{
    return binary_compile(compile, run);
}

/* Subtracting one number per channel is affine: the operator before may take it over, like a normalisation. */
static bool as_affine(const void *options, const struct op_tensor *in, int in_count, bool training, float *factor,
                      float *offset)
{
    (void)options, (void)training;
    bool fits = binary_per_channel(in, in_count, offset);
    for (int64_t c = 0; fits && in[1].data != NULL && c < in[0].shape.dim[1]; c++) {
        factor[c] = 1;
        offset[c] = -offset[c];
    }
    return fits;
}

static const struct op_cpu cpu = BINARY_CPU(compile);

static int import_sub(struct op_import *node)
{
    return op_import_binary(node, "sub");
}

static const struct op_onnx onnx = {.type = "Sub", .since = 6, .import = import_sub, .export = op_export_arithmetic};

fov_value fov_sub(fov_graph *graph, fov_value a, fov_value b)
{
    return binary_build(graph, "sub", a, b);
}

const struct op op_sub = {
    .name = "sub",
    .family = OP_ELEMENTWISE,
    .summary = "Difference, element by element.",
    .formula = "y = a - b",
    .in = binary_in,
    .out = binary_out,
    .infer = binary_infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = binary_cases,
    .as_affine = as_affine,
};
