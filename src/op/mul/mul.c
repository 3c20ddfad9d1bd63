/* SPDX-License-Identifier: MIT */
/* Product of two tensors: gates, attention over channels, scaling by a constant.
 * Everything but the formula and the gradient is shared by the family: op/binary.h. */
#include "op/binary.h"

#include "op/onnx.h"
#include <fovea/operators.h>

static double mul(double a, double b)
{
    return a * b;
}

static void textbook(const struct op_textbook *textbook)
{
    binary_textbook(textbook, mul);
}

/* Each factor's gradient is the other one. */
static void gradient(struct op_gradient *gradient)
{
    for (int i = 0; i < 2; i++) {
        if (gradient->wanted[i]) {
            fov_value other = gradient->in[1 - i];
            binary_give(gradient, i, op_emit2(gradient->emitter, "mul", gradient->out_gradient[0], other, NULL));
        }
    }
}

static void run(const struct op_run *run)
{
    binary_run(run, BINARY_mul);
}

static void make(const struct op_run *run, const struct op_lines *lines, float *to, int worker)
{
    (void)worker;
    binary_make(run, lines, to, BINARY_mul);
}

/* The product of an image and its gate often has one reader, a convolution, which can have it made line by line. */
static int compile(struct op_compile *compile)
{
    compile->make = binary_by_lines(compile) ? make : NULL;
    compile->makes_channels = true;
    return binary_compile(compile, run);
}

/* With one factor per channel this is a scale, often part of a normalisation, that the producer of x may fold in. */
static bool as_affine(const void *options, const struct op_tensor *in, int in_count, bool training, float *factor,
                      float *offset)
{
    (void)options, (void)training;
    bool fits = binary_per_channel(in, in_count, factor);
    for (int64_t c = 0; fits && in[1].data != NULL && c < in[0].shape.dim[1]; c++) {
        offset[c] = 0;
    }
    return fits;
}

static const struct op_cpu cpu = BINARY_CPU(compile, .runs_within = true);

static int import_mul(struct op_import *node)
{
    return op_import_binary(node, "mul");
}

static const struct op_onnx onnx = {.type = "Mul", .since = 6, .import = import_mul, .export = op_export_arithmetic};

fov_value fov_mul(fov_graph *graph, fov_value a, fov_value b)
{
    return binary_build(graph, "mul", a, b);
}

const struct op op_mul = {
    .name = "mul",
    .family = OP_ELEMENTWISE,
    .summary = "Product, element by element.",
    .formula = "y = a b",
    .in = binary_in,
    .out = binary_out,
    .infer = binary_infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = binary_cases,
    .commutes = true,
    .as_affine = as_affine,
};
