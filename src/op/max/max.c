/* SPDX-License-Identifier: MIT */
/* The larger of two elements. ONNX takes any number of tensors: a chain of these.
 * Everything but the formula and the gradient is shared by the family: op/binary.h. */
#include "op/binary.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

/* NaN if either is. */
static double larger_of(double a, double b)
{
    return a > b || isnan(a) ? a : b;
}

static void textbook(const struct op_textbook *textbook)
{
    binary_textbook(textbook, larger_of);
}

/* The gradient goes to the larger operand; half to each where they are equal. */
static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value order =
        op_emit1(emitter, "sign", op_emit2(emitter, "sub", gradient->in[0], gradient->in[1], NULL), NULL);
    for (int i = 0; i < 2; i++) {
        if (gradient->wanted[i]) {
            fov_value share = op_emit_affine(emitter, order, i == 0 ? 0.5 : -0.5, 0.5);
            binary_give(gradient, i, op_emit2(emitter, "mul", gradient->out_gradient[0], share, NULL));
        }
    }
}

static void run(const struct op_run *run)
{
    binary_run(run, BINARY_max);
}

static int compile(struct op_compile *compile)
{
    return binary_compile(compile, run);
}

static const struct op_cpu cpu = BINARY_CPU(compile);

static int import_larger_of(struct op_import *node)
{
    node->result(node->reader, 0, op_import_chain(node, "max"));
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Max", .since = 6, .import = import_larger_of};

fov_value fov_max(fov_graph *graph, fov_value a, fov_value b)
{
    return binary_build(graph, "max", a, b);
}

const struct op op_max = {
    .name = "max",
    .family = OP_ELEMENTWISE,
    .summary = "Larger of two, element by element.",
    .formula = "y = max(a, b), NaN if either is",
    .in = binary_in,
    .out = binary_out,
    .infer = binary_infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = binary_cases_apart,
    .commutes = true,
};
