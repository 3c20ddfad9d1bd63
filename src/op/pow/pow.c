/* SPDX-License-Identifier: MIT */
/* Powers. The exponent may have another type than the base, whose type the result has.
 * Everything but the formula, the types and the gradient is shared by the family: op/binary.h. */
#include "op/binary.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

static int infer(const struct op_infer *infer)
{
    for (int i = 0; i < 2; i++) {
        if (infer->in[i].dtype == FOV_BOOL) {
            return error_set(infer->error, FOV_E_USAGE, "%s is bool, it must be a number", i == 0 ? "a" : "b");
        }
    }
    infer->out[0].dtype = infer->in[0].dtype;
    return shape_broadcast(&infer->in[0].shape, &infer->in[1].shape, &infer->out[0].shape, infer->error);
}

static void textbook(const struct op_textbook *textbook)
{
    binary_textbook(textbook, pow);
}

/* By a: b a^(b - 1); by b: y log(a), which is for bases above zero. */
static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value a = gradient->in[0], b = gradient->in[1], dy = gradient->out_gradient[0];
    if (gradient->in_tensor[1].dtype != gradient->in_tensor[0].dtype) {
        struct cast_options as_base = {(int)gradient->in_tensor[0].dtype};
        b = op_emit1(emitter, "cast", b, &as_base);
    }
    if (gradient->wanted[0]) {
        fov_value power = op_emit2(emitter, "pow", a, op_emit_affine(emitter, b, 1, -1), NULL);
        fov_value slope = op_emit2(emitter, "mul", power, b, NULL);
        binary_give(gradient, 0, op_emit2(emitter, "mul", dy, slope, NULL));
    }
    if (gradient->wanted[1]) {
        fov_value slope = op_emit2(emitter, "mul", gradient->out[0], op_emit1(emitter, "log", a, NULL), NULL);
        binary_give(gradient, 1, op_emit2(emitter, "mul", dy, slope, NULL));
    }
}

static void run(const struct op_run *run)
{
    binary_run(run, BINARY_pow);
}

static int compile(struct op_compile *compile)
{
    return binary_compile(compile, run);
}

static const struct op_cpu cpu = BINARY_CPU(compile);

static int import_pow(struct op_import *node)
{
    return op_import_binary(node, "pow");
}

static const struct op_onnx onnx = {.type = "Pow", .since = 1, .import = import_pow};

fov_value fov_pow(fov_graph *graph, fov_value a, fov_value b)
{
    return binary_build(graph, "pow", a, b);
}

const struct op op_pow = {
    .name = "pow",
    .family = OP_ELEMENTWISE,
    .summary = "Power, element by element; the result has the base's type.",
    .formula = "y = a^b",
    .in = binary_in,
    .out = binary_out,
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = binary_cases_positive,
};
