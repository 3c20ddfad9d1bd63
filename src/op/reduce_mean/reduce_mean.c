/* SPDX-License-Identifier: MIT */
/* Mean along axes: global pooling, the statistics of normalisations. Also reads MeanVarianceNormalization, which ONNX
 * defines by means: (x - mean) / (sqrt(mean of squares - mean^2) + 1e-9).
 * Everything but the definition and the gradient is shared by the family: op/reduce.h. */
#include "op/reduce.h"

#include <string.h>

static double add(double sum, double x)
{
    return sum + x;
}

static double finish(double sum, double count)
{
    return sum / count;
}

static void textbook(const struct op_textbook *textbook)
{
    static const struct reduce_definition definition = {0, add, finish, false};
    reduce_textbook(textbook, &definition);
}

/* dy divided by the number of elements per mean: a number known now or, where the batch is open, counted in each
 * run. */
static fov_value mean_share(const struct op_gradient *gradient, const struct reduce_flow *flow)
{
    const struct op_emitter *emitter = gradient->emitter;
    size_t in_count, out_count;
    if (shape_count(&gradient->in_tensor[0].shape, &in_count) &&
        shape_count(&gradient->out_tensor[0].shape, &out_count)) {
        return op_emit_affine(emitter, flow->dy, (double)out_count / (double)(in_count > 0 ? in_count : 1), 0);
    }
    fov_value ones = reduce_flow_spread(gradient, op_emit_scalar(emitter, flow->dy, 1));
    return op_emit2(emitter, "div", flow->dy, reduce_flow_reduce(gradient, flow, "reduce_sum", ones), NULL);
}

static void gradient(struct op_gradient *gradient)
{
    static const struct cast_options wide = {FOV_F32}, back = {FOV_F16};
    const struct op_emitter *emitter = gradient->emitter;
    bool half = gradient->in_tensor[0].dtype == FOV_F16; /* too narrow for counts of more than 65,504 */
    struct reduce_flow flow;
    reduce_flow_begin(gradient, &flow);
    flow.dy = half ? op_emit1(emitter, "cast", flow.dy, &wide) : flow.dy;
    fov_value share = mean_share(gradient, &flow);
    gradient->in_gradient[0] = reduce_flow_spread(gradient, half ? op_emit1(emitter, "cast", share, &back) : share);
}

static int prepare(const struct op_compile *compile, void *state)
{
    return reduce_prepare(compile, state, REDUCE_SUM, FINISH_MEAN);
}

static int compile(struct op_compile *compile)
{
    return reduce_compile(compile, prepare);
}

static const struct op_cpu cpu = REDUCE_CPU(compile);

/* MeanVarianceNormalization, built step by step from ONNX's definition. */
static fov_value normalise(struct op_import *node)
{
    const struct op_emitter *emitter = node->emitter;
    struct reduce_options over = {.axes = {3, {0, 2, 3}}, .keep_dims = true};
    fov_value x = node->in[0];
    fov_dtype dtype = node->dtype(node->reader, x);
    node->list(node->reader, "axes", &over.axes);
    fov_value mean = op_emit1(emitter, "reduce_mean", x, &over);
    fov_value squares = op_emit1(emitter, "reduce_mean", op_emit1(emitter, "square", x, NULL), &over);
    fov_value variance = op_emit2(emitter, "sub", squares, op_emit1(emitter, "square", mean, NULL), NULL);
    fov_value deviation = op_emit1(emitter, "sqrt", variance, NULL);
    deviation = op_emit2(emitter, "add", deviation, op_emit_number(emitter, dtype, 1e-9), NULL);
    fov_value in[] = {op_emit2(emitter, "sub", x, mean, NULL), deviation};
    return emitter->node(emitter->graph, "div", in, 2, NULL, node->node_name);
}

static int import_reduction(struct op_import *node)
{
    if (strcmp(node->type, "MeanVarianceNormalization") == 0) {
        node->result(node->reader, 0, normalise(node));
        return FOV_OK;
    }
    return reduce_import(node, "reduce_mean", 18);
}

static int export_reduction(struct op_export *node)
{
    return reduce_export(node, 18);
}

static const char *const also[] = {"MeanVarianceNormalization", NULL};
static const struct op_onnx onnx = {
    .type = "ReduceMean", .since = 1, .import = import_reduction, .export = export_reduction, .also = also};

fov_value fov_reduce_mean_opt(fov_graph *graph, fov_value x, const fov_reduce_options *options)
{
    return reduce_build(graph, "reduce_mean", x, options);
}

const struct op op_reduce_mean = {
    .name = "reduce_mean",
    .family = OP_REDUCTION,
    .summary = "Mean along axes.",
    .formula = "y = sum of x along the axes / number of elements summed",
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
