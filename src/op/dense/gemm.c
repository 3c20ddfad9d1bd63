/* SPDX-License-Identifier: MIT */
/* The dense layer's ONNX spelling. Export: Gemm with transB = 1 for matrices, else Transpose, MatMul and Add. Import:
 * the three products of a dense layer (forward and both gradients) are Gemm's products with at most one transposed
 * operand, so every weight stays the parameter that it is in the file, and can be trained further. */
#include "op/dense/dense.h"

static fov_value scaled(const struct op_import *node, fov_value value, double factor)
{
    fov_dtype dtype = node->dtype(node->reader, node->in[0]);
    return factor == 1 ? value
                       : op_emit2(node->emitter, "mul", value, op_emit_number(node->emitter, dtype, factor), NULL);
}

/** alpha A' B' + beta C, where ' is a transposition that transA and transB ask for. */
int dense_import(struct op_import *node)
{
    const struct op_emitter *emitter = node->emitter;
    double alpha = node->number(node->reader, "alpha", 1), beta = node->number(node->reader, "beta", 1);
    bool turn_a = node->integer(node->reader, "transA", 0) != 0, turn_b = node->integer(node->reader, "transB", 0) != 0;
    node->has(node->reader, "broadcast"); /* an attribute until opset 6: C always broadcasts here as its shape allows */
    if (node->in_count < 2 || node->in[0].id == 0 || node->in[1].id == 0) {
        return node->fail(node->reader, FOV_E_INPUT, "Gemm needs 2 inputs");
    }
    bool has_c = node->in_count > 2 && node->in[2].id != 0 && beta != 0;
    bool plain = !turn_a && turn_b && alpha == 1; /* a dense layer as it stands */
    if (plain && has_c && beta == 1 && node->shape(node->reader, node->in[2]).rank == 1 &&
        node->shape(node->reader, node->in[1]).rank == 2 &&
        node->shape(node->reader, node->in[2]).dim[0] == node->shape(node->reader, node->in[1]).dim[0]) {
        node->result(node->reader, 0, emitter->node(emitter->graph, "dense", node->in, 3, NULL, node->node_name));
        return 0;
    }
    fov_value in[2] = {node->in[0], node->in[1]};
    if (turn_a && turn_b) { /* none of the three products transposes both */
        in[0] = op_emit1(emitter, "transpose", in[0], NULL);
        turn_a = false;
    }
    if (turn_a) { /* dweight = dy' x */
        in[0] = node->in[1];
        in[1] = node->in[0];
    }
    const char *product = turn_a ? "dense_weight_gradient" : turn_b ? "dense" : "dense_input_gradient";
    fov_value y = emitter->node(emitter->graph, product, in, 2, NULL, node->node_name);
    y = scaled(node, y, alpha);
    if (has_c) {
        y = op_emit2(emitter, "add", y, scaled(node, node->in[2], beta), NULL);
    }
    node->result(node->reader, 0, y);
    return 0;
}

int dense_export(struct op_export *node)
{
    bool has_bias = node->in_count > 2 && node->in[2].shape.rank >= 0;
    if (node->in[0].shape.rank == 2) {
        node->begin(node->writer, "Gemm", NULL);
        for (int i = 0; i < (has_bias ? 3 : 2); i++) {
            node->input(node->writer, i);
        }
        node->attribute_integer(node->writer, "transB", 1);
        node->output(node->writer, 0);
        return 0;
    }
    const char *turned = node->temporary(node->writer), *product = has_bias ? node->temporary(node->writer) : NULL;
    node->begin(node->writer, "Transpose", NULL);
    node->input(node->writer, 1);
    node->attribute_list(node->writer, "perm", (int64_t[]){1, 0}, 2);
    node->output_name(node->writer, turned);
    node->begin(node->writer, "MatMul", NULL);
    node->input(node->writer, 0);
    node->input_name(node->writer, turned);
    if (!has_bias) {
        node->output(node->writer, 0);
        return 0;
    }
    node->output_name(node->writer, product);
    node->begin(node->writer, "Add", NULL);
    node->input_name(node->writer, product);
    node->input(node->writer, 2);
    node->output(node->writer, 0);
    return 0;
}

int dense_export_input_gradient(struct op_export *node)
{
    node->begin(node->writer, node->in[0].shape.rank == 2 ? "Gemm" : "MatMul", NULL);
    node->input(node->writer, 0);
    node->input(node->writer, 1);
    node->output(node->writer, 0);
    return 0;
}

int dense_export_weight_gradient(struct op_export *node)
{
    if (node->in[0].shape.rank != 2) {
        return node->fail(node->writer, FOV_E_UNSUPPORTED, "a weight gradient of rank %d has no ONNX spelling",
                          node->in[0].shape.rank);
    }
    node->begin(node->writer, "Gemm", NULL);
    node->input(node->writer, 1);
    node->input(node->writer, 0);
    node->attribute_integer(node->writer, "transA", 1);
    node->output(node->writer, 0);
    return 0;
}
