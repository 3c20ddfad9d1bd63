/* SPDX-License-Identifier: MIT */
/* Sum of two tensors: residual connections, biases.
 * Everything but the formula and the gradient is shared by the family: op/binary.h. */
#include "op/binary.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <string.h>

static double add(double a, double b)
{
    return a + b;
}

static void textbook(const struct op_textbook *textbook)
{
    binary_textbook(textbook, add);
}

static void gradient(struct op_gradient *gradient)
{
    for (int i = 0; i < 2; i++) {
        if (gradient->wanted[i]) {
            binary_give(gradient, i, gradient->out_gradient[0]);
        }
    }
}

static void run(const struct op_run *run)
{
    binary_run(run, BINARY_add);
}

static int compile(struct op_compile *compile)
{
    return binary_compile(compile, run);
}

/* The sum with one number per channel, a bias, can be folded into the operator before. */
static bool as_affine(const void *options, const struct op_tensor *in, int in_count, bool training, float *factor,
                      float *offset)
{
    (void)options, (void)training;
    bool fits = binary_per_channel(in, in_count, offset);
    for (int64_t c = 0; fits && in[1].data != NULL && c < in[0].shape.dim[1]; c++) {
        factor[c] = 1;
    }
    return fits;
}

static const struct op_cpu cpu = BINARY_CPU(compile);

/* Imports Add, and Sum and Mean, which take any number of tensors; Mean divides the sum by their number. */
static int import_add(struct op_import *node)
{
    if (strcmp(node->type, "Add") == 0) {
        return op_import_binary(node, "add");
    }
    fov_value sum = op_import_chain(node, "add");
    if (strcmp(node->type, "Mean") == 0 && node->in_count > 1) {
        fov_dtype dtype = node->dtype(node->reader, node->in[0]);
        fov_value number = op_emit_number(node->emitter, dtype, node->in_count);
        sum = op_emit2(node->emitter, "div", sum, number, NULL);
    }
    node->result(node->reader, 0, sum);
    return FOV_OK;
}

static const char *const also[] = {"Sum", "Mean", NULL};
static const struct op_onnx onnx = {
    .type = "Add", .since = 6, .import = import_add, .also = also, .export = op_export_arithmetic};

fov_value fov_add(fov_graph *graph, fov_value a, fov_value b)
{
    return binary_build(graph, "add", a, b);
}

const struct op op_add = {
    .name = "add",
    .family = OP_ELEMENTWISE,
    .summary = "Sum, element by element.",
    .formula = "y = a + b",
    .in = binary_in,
    .out = binary_out,
    .infer = binary_infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = binary_cases,
    .as_residual = true,
    .commutes = true,
    .as_affine = as_affine,
};
