/* SPDX-License-Identifier: MIT */
/* The L2 norm along axes: the length of a vector.
 * Everything but the definition and the gradient is shared by the family: op/reduce.h. */
#include "op/reduce.h"

#include <math.h>
#include <string.h>

static double add(double sum, double x)
{
    return sum + x * x;
}

static double finish(double sum, double count)
{
    (void)count;
    return sqrt(sum);
}

static void textbook(const struct op_textbook *textbook)
{
    static const struct reduce_definition definition = {0, add, finish, false};
    reduce_textbook(textbook, &definition);
}

/* dy x / y; 0 where y is 0: there, dy x / 1. A quotient dy / y may be beyond 16-bit floats, x / y is at most 1. */
static void gradient(struct op_gradient *gradient)
{
    struct reduce_flow flow;
    reduce_flow_begin(gradient, &flow);
    const struct op_emitter *emitter = gradient->emitter;
    fov_value x = gradient->in[0], is_zero = op_emit_affine(emitter, op_emit1(emitter, "sign", flow.y, NULL), -1, 1);
    fov_value length = op_emit2(emitter, "add", flow.y, is_zero, NULL);
    gradient->in_gradient[0] =
        gradient->out_tensor[0].dtype == FOV_F16
            ? op_emit2(emitter, "mul", op_emit2(emitter, "div", x, length, NULL), flow.dy, NULL)
            : op_emit2(emitter, "mul", x, op_emit2(emitter, "div", flow.dy, length, NULL), NULL);
}

static int prepare(const struct op_compile *compile, void *state)
{
    return reduce_prepare(compile, state, REDUCE_SUM_SQUARES, FINISH_ROOT);
}

static int compile(struct op_compile *compile)
{
    return reduce_compile(compile, prepare);
}

static const struct op_cpu cpu = REDUCE_CPU(compile);

/* LpNormalization: x over its norm along one axis; zeros stay zeros, as ONNX says since opset 22. */
static int normalise(struct op_import *node)
{
    int64_t p = node->integer(node->reader, "p", 2);
    struct reduce_options along = {
        .axes = {1, {node->integer(node->reader, "axis", -1)}}, .keep_dims = true};
    if (p != 1 && p != 2) {
        return node->fail(node->reader, FOV_E_INPUT, "p is %lld, it must be 1 or 2", (long long)p);
    }
    fov_value norm = op_emit1(node->emitter, p == 1 ? "reduce_l1" : "reduce_l2", node->in[0], &along);
    /* Avoids 0 / 0: where the norm is 0, adds 1 to it (1 - sign(norm) is 0 everywhere else). */
    fov_value zero = op_emit_affine(node->emitter, op_emit1(node->emitter, "sign", norm, NULL), -1, 1);
    fov_value in[] = {node->in[0], op_emit2(node->emitter, "add", norm, zero, NULL)};
    node->result(node->reader, 0, node->emitter->node(node->emitter->graph, "div", in, 2, NULL, node->node_name));
    return FOV_OK;
}

static int import_reduction(struct op_import *node)
{
    if (strcmp(node->type, "LpNormalization") == 0) {
        return normalise(node);
    }
    return reduce_import(node, "reduce_l2", 18);
}

static int export_reduction(struct op_export *node)
{
    return reduce_export(node, 18);
}

static const char *const also[] = {"LpNormalization", NULL};
static const struct op_onnx onnx = {
    .type = "ReduceL2", .since = 1, .import = import_reduction, .export = export_reduction, .also = also};

const struct op op_reduce_l2 = {
    .name = "reduce_l2",
    .family = OP_REDUCTION,
    .summary = "Euclidean length along axes.",
    .formula = "y = sqrt(sum of x^2 along the axes)",
    .in = reduce_in,
    .out = reduce_out,
    .attributes = reduce_attributes,
    .options_size = sizeof(struct reduce_options),
    .infer = reduce_infer_numbers,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = reduce_cases_by_input,
};
