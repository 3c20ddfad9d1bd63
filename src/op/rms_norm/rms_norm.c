/* SPDX-License-Identifier: MIT */
/* RMS normalisation: layer normalisation that does not subtract the mean; samples are only scaled to mean square 1. The
 * arithmetic is in op/row_norm.c, the gradient in layer_norm/gradient.c. */
#include "op/onnx.h"
#include "op/row_norm.h"

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct row_norm_options, epsilon), .onnx = "epsilon", .kind = OP_NUMBER, .standard = 1e-5,
     .minimum = 0, .maximum = 1e6, .doc = "added to the mean square"},
    {OP_ATTRIBUTE(struct row_norm_options, axis), .onnx = "axis", .kind = OP_INTEGER, .standard = -1,
     .minimum = -FOV_MAX_RANK, .maximum = FOV_MAX_RANK - 1, .doc = "the first of the dimensions normalised together"},
    {OP_ATTRIBUTE(struct row_norm_options, uncentred), .kind = OP_FLAG, .standard = 1,
     .doc = "no mean is taken away: always so here"},
    {0},
};

static const struct op_cpu cpu = {.layout = OP_WANTS_PLAIN, .supports = op_all_f32, .compile = row_norm_compile};

static int infer(const struct op_infer *infer)
{
    const struct row_norm_options *options = infer->options;
    if (!options->uncentred) {
        return error_set(infer->error, FOV_E_USAGE, "with a mean taken away this is layer_norm");
    }
    return row_norm_infer(infer);
}

/* A scale of another shape than the normalised dimensions, which broadcasts, becomes a multiplication afterwards. */
static int import_norm(struct op_import *node)
{
    struct row_norm_options options = {.epsilon = node->number(node->reader, "epsilon", 1e-5),
                                       .axis = node->integer(node->reader, "axis", -1),
                                       .uncentred = true};
    int64_t stash = node->integer(node->reader, "stash_type", 1);
    if (stash != 1 && stash != 11) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "stash_type is %lld, only float and double are known",
                          (long long)stash);
    }
    if (node->in_count != 2) {
        return node->fail(node->reader, FOV_E_INPUT, "RMSNormalization takes 2 inputs, got %d", node->in_count);
    }
    fov_shape x = node->shape(node->reader, node->in[0]), scale = node->shape(node->reader, node->in[1]);
    int first = (int)(options.axis < 0 ? options.axis + x.rank : options.axis);
    bool whole = first >= 0 && first <= x.rank && scale.rank == x.rank - first;
    for (int i = 0; whole && i < scale.rank; i++) {
        whole = scale.dim[i] == x.dim[first + i];
    }
    fov_value y = node->emitter->node(node->emitter->graph, "rms_norm", node->in, whole ? 2 : 1, &options,
                                      node->node_name);
    node->result(node->reader, 0, whole ? y : op_emit2(node->emitter, "mul", y, node->in[1], NULL));
    return FOV_OK;
}

/* Written as its formula: the operator exists since opset 23, which is not written yet. */
static int export_norm(struct op_export *node)
{
    const struct row_norm_options *options = node->options;
    const fov_shape *x = &node->in[ROW_NORM_X].shape;
    const char *in = node->in_name(node->writer, ROW_NORM_X);
    bool scaled = node->in_count > ROW_NORM_WEIGHT && node->in[ROW_NORM_WEIGHT].shape.rank >= 0;
    bool wants_inv_std = node->out_count > ROW_NORM_INV_STD && node->out[ROW_NORM_INV_STD].shape.rank >= 0;
    int64_t axes[FOV_MAX_RANK];
    int first = (int)(options->axis < 0 ? options->axis + x->rank : options->axis), count = 0;
    for (int i = first; i < x->rank; i++) {
        axes[count++] = i;
    }
    const char *square = op_export_step(node, "Mul", in, in, OP_EXPORT_FRESH);
    const char *mean;
    if (node->opset < 18) { /* axes became an input */
        mean = op_export_step(node, "ReduceMean", square, NULL, OP_EXPORT_FRESH);
        node->attribute_list(node->writer, "axes", axes, count);
    } else {
        mean = op_export_step(node, "ReduceMean", square, node->integers(node->writer, axes, count, false),
                              OP_EXPORT_FRESH);
    }
    const char *sum = op_export_step(node, "Add", mean, op_export_number(node, node->in[0].dtype, options->epsilon),
                                     OP_EXPORT_FRESH);
    const char *root = op_export_step(node, "Sqrt", sum, NULL, OP_EXPORT_FRESH);
    if (wants_inv_std) {
        op_export_step(node, "Reciprocal", root, NULL, ROW_NORM_INV_STD);
    }
    const char *even = op_export_step(node, "Div", in, root, scaled ? OP_EXPORT_FRESH : ROW_NORM_Y);
    if (scaled) {
        op_export_step(node, "Mul", even, node->in_name(node->writer, ROW_NORM_WEIGHT), ROW_NORM_Y);
    }
    return FOV_OK;
}

static const struct op_onnx onnx = {
    .type = "RMSNormalization", .since = 23, .import = import_norm, .export = export_norm};

static const struct row_norm_options last = {.epsilon = 1e-5, .axis = -1, .uncentred = true},
                                     from_1 = {.epsilon = 1e-2, .axis = 1, .uncentred = true};
static const struct op_case cases[] = {
    {.name = "last", .options = &last, .in = {FOV_SHAPE(3, 4, 5), FOV_SHAPE(5)}, .in_count = 2},
    {.name = "from 1", .options = &from_1, .in = {FOV_SHAPE(2, 3, 4, 2), FOV_SHAPE(3, 4, 2)}, .in_count = 2},
    {.name = "no weight", .options = &last, .in = {FOV_SHAPE(3, 7)}, .in_count = 1},
    {.name = "several chunks", .options = &last, .in = {FOV_SHAPE(300, 130), FOV_SHAPE(130)}, .in_count = 2,
     .no_gradient = true},
    {0},
};

const struct op op_rms_norm = {
    .name = "rms_norm",
    .family = OP_NORMALISATION,
    .summary = "Brings each sample to mean square 1 over its last dimensions, then scales it.",
    .formula = "y = x / sqrt(mean(x^2) + epsilon) * weight, mean over the dimensions from axis on",
    .source = "Zhang & Sennrich, Root mean square layer normalization, NeurIPS 2019, equation 4",
    .in = (const struct op_port[]){{.name = "x", .shape = "[...]"},
                                   {.name = "weight", .shape = "[dimensions from axis on]", .optional = true,
                                    .plain = true},
                                   {0}},
    .out = (const struct op_port[]){
        {.name = "y", .shape = "as x"},
        {.name = "mean", .shape = "none", .optional = true, .plain = true, .detached = true},
        {.name = "inv_std", .shape = "as x, 1 from axis on", .optional = true, .plain = true, .detached = true},
        {0}},
    .attributes = attributes,
    .options_size = sizeof(struct row_norm_options),
    .infer = infer,
    .gradient = row_norm_gradient,
    .textbook = row_norm_textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
