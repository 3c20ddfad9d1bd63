/* SPDX-License-Identifier: MIT */
/* Quotient of two tensors; quotients of integers are truncated towards zero.
 * Everything but the formula and the gradient is shared by the family: op/binary.h. */
#include "op/binary.h"

#include "op/onnx.h"
#include <fovea/operators.h>

static double divide(double a, double b)
{
    return a / b;
}

static void textbook(const struct op_textbook *textbook)
{
    binary_textbook(textbook, divide);
}

/* By a: dy / b; by b: -(dy / b) y. */
static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value share = op_emit2(emitter, "div", gradient->out_gradient[0], gradient->in[1], NULL);
    if (gradient->wanted[0]) {
        binary_give(gradient, 0, share);
    }
    if (gradient->wanted[1]) {
        fov_value flow = op_emit2(emitter, "mul", share, gradient->out[0], NULL);
        binary_give(gradient, 1, op_emit1(emitter, "neg", flow, NULL));
    }
}

static void run(const struct op_run *run)
{
    binary_run(run, BINARY_div);
}

static int compile(struct op_compile *compile)
{
    return binary_compile(compile, run);
}

/* With one divisor per channel this is a scale, often part of a normalisation, that the producer of x may fold in. */
static bool as_affine(const void *options, const struct op_tensor *in, int in_count, bool training, float *factor,
                      float *offset)
{
    (void)options, (void)training;
    bool fits = binary_per_channel(in, in_count, factor);
    for (int64_t c = 0; fits && in[1].data != NULL && c < in[0].shape.dim[1]; c++) {
        factor[c] = 1 / factor[c];
        offset[c] = 0;
    }
    return fits;
}

static const struct op_cpu cpu = BINARY_CPU(compile);

static int import_divide(struct op_import *node)
{
    return op_import_binary(node, "div");
}

static const struct op_onnx onnx = {.type = "Div", .since = 6, .import = import_divide, .export = op_export_arithmetic};

fov_value fov_div(fov_graph *graph, fov_value a, fov_value b)
{
    return binary_build(graph, "div", a, b);
}

const struct op op_div = {
    .name = "div",
    .family = OP_ELEMENTWISE,
    .summary = "Quotient, element by element; of integers, towards zero.",
    .formula = "y = a / b",
    .in = binary_in,
    .out = binary_out,
    .infer = binary_infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = binary_cases_positive,
    .as_affine = as_affine,
};
