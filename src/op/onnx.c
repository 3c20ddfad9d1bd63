/* SPDX-License-Identifier: MIT */
/* Code shared by the ONNX import and export of several operators: element type codes, operators with any number of
 * operands, broadcasting before opset 7, softmax axes before opset 13. Declared in onnx.h, where the two interfaces
 * are. */
#include "op/onnx.h"

#include "op/common.h"

/* TensorProto.DataType of each dtype. */
static const int codes[FOV_DTYPE_COUNT] = {
    [FOV_F32] = 1,  [FOV_U8] = 2,  [FOV_I8] = 3,   [FOV_U16] = 4,  [FOV_I16] = 5,  [FOV_I32] = 6,
    [FOV_I64] = 7,  [FOV_BOOL] = 9, [FOV_F16] = 10, [FOV_F64] = 11, [FOV_U32] = 12, [FOV_U64] = 13,
};

int op_onnx_type(fov_dtype dtype)
{
    return codes[dtype];
}

fov_dtype op_dtype_of_onnx(int64_t code)
{
    enum { FLOAT16 = 10, BFLOAT16 = 16 }; /* imported as f32: see docs/numerics.md */
    if (code == FLOAT16 || code == BFLOAT16) {
        return FOV_F32;
    }
    for (int dtype = 0; dtype < FOV_DTYPE_COUNT; dtype++) {
        if (codes[dtype] == code) {
            return (fov_dtype)dtype;
        }
    }
    return FOV_DTYPE_COUNT;
}

/* ---- operands ------------------------------------------------------------------------------------------------ */

/* Before opset 7 broadcasting was requested by an attribute, and b could be aligned with a from any axis on:
   a [2, 3, 4, 5], b [3, 4], axis 1. Appending dimensions of 1 to b's shape gives the same result by today's rules. */
static int old_operand(struct op_import *node, fov_value *b)
{
    int64_t broadcasts = node->integer(node->reader, "broadcast", 0);
    if (!node->has(node->reader, "axis") || broadcasts == 0) {
        return FOV_OK;
    }
    int64_t axis = node->integer(node->reader, "axis", 0);
    fov_shape a_shape = node->shape(node->reader, node->in[0]), shape = node->shape(node->reader, *b);
    axis += axis < 0 ? a_shape.rank : 0;
    if (axis < 0 || axis > a_shape.rank - shape.rank) {
        return node->fail(node->reader, FOV_E_INPUT,
                          "axis %lld does not lay a tensor of rank %d against one of rank %d",
                          (long long)axis, shape.rank, a_shape.rank);
    }
    int missing = a_shape.rank - (int)axis - shape.rank;
    for (int i = 0; i < missing; i++) {
        shape.dim[shape.rank++] = 1;
    }
    *b = missing > 0 ? op_emit_reshape(node->emitter, *b, &shape) : *b;
    return FOV_OK;
}

int op_import_binary(struct op_import *node, const char *op)
{
    if (node->in_count != 2) {
        return node->fail(node->reader, FOV_E_INPUT, "%s takes 2 inputs, got %d", node->type, node->in_count);
    }
    fov_value in[] = {node->in[0], node->in[1]};
    int status = node->opset < 7 ? old_operand(node, &in[1]) : FOV_OK;
    if (status != FOV_OK) {
        return status;
    }
    node->result(node->reader, 0,
                 node->emitter->node(node->emitter->graph, op, in, 2, NULL, node->node_name));
    return FOV_OK;
}

fov_value op_import_chain(struct op_import *node, const char *op)
{
    if (node->in_count < 1) {
        node->fail(node->reader, FOV_E_INPUT, "%s has no inputs", node->type);
        return (fov_value){0};
    }
    if (node->in_count == 1) {
        return node->emitter->node(node->emitter->graph, "identity", node->in, 1, NULL, node->node_name);
    }
    fov_value value = node->in[0];
    for (int i = 1; i < node->in_count; i++) {
        fov_value pair[] = {value, node->in[i]};
        value = node->emitter->node(node->emitter->graph, op, pair, 2, NULL,
                                    i == node->in_count - 1 ? node->node_name : NULL);
    }
    return value;
}

/* ---- axes ---------------------------------------------------------------------------------------------------- */

int op_import_matrix_axis(struct op_import *node, const char *op, int modern)
{
    bool is_matrix = node->opset < 13;
    fov_shape shape = node->shape(node->reader, node->in[0]);
    struct softmax_options options = {node->integer(node->reader, "axis", is_matrix ? 1 : modern)};
    int64_t axis = options.axis < 0 ? options.axis + shape.rank : options.axis;
    if (axis < 0 || axis > shape.rank || (axis == shape.rank && !is_matrix)) {
        return node->fail(node->reader, FOV_E_INPUT, "%s has axis %lld for a tensor of rank %d", node->type,
                          (long long)options.axis, shape.rank);
    }
    fov_value x = node->in[0];
    bool folds = is_matrix && axis != shape.rank - 1;
    if (folds) { /* rows: all dimensions before the axis; columns: the rest */
        fov_shape flat = {2, {FOV_BATCH, 1}};
        for (int64_t i = axis; i < shape.rank; i++) {
            if (shape.dim[i] <= 0 || flat.dim[1] > INT64_MAX / shape.dim[i]) {
                return node->fail(node->reader, FOV_E_UNSUPPORTED,
                                  "%s with axis %lld mixes the samples of an open batch", node->type, (long long)axis);
            }
            flat.dim[1] *= shape.dim[i];
        }
        x = op_emit_reshape(node->emitter, x, &flat);
        options.axis = 1;
    }
    fov_value y = node->emitter->node(node->emitter->graph, op, &x, 1, &options, node->node_name);
    node->result(node->reader, 0, folds ? op_emit_reshape(node->emitter, y, &shape) : y);
    return FOV_OK;
}

/* ---- sub-graphs ------------------------------------------------------------------------------------------------- */

const char *op_export_step(struct op_export *node, const char *type, const char *a, const char *b, int out)
{
    const char *fresh = out == OP_EXPORT_FRESH ? node->temporary(node->writer) : NULL;
    node->begin(node->writer, type, NULL);
    node->input_name(node->writer, a);
    if (b != NULL) {
        node->input_name(node->writer, b);
    }
    fresh != NULL ? node->output_name(node->writer, fresh) : node->output(node->writer, out);
    return fresh;
}

const char *op_export_reshape(struct op_export *node, const char *x, const int64_t *shape, int rank, int out)
{
    return op_export_step(node, "Reshape", x, node->integers(node->writer, shape, rank, false), out);
}

static double the_number(const void *context, size_t index)
{
    (void)index;
    return *(const double *)context;
}

const char *op_export_number(struct op_export *node, fov_dtype dtype, double value)
{
    return node->constant(node->writer, dtype, &(fov_shape){.rank = 0}, the_number, &value);
}

const char *op_export_sizes(struct op_export *node, int in, const fov_shape *shape)
{
    if (shape->dim[0] >= 0) {
        return node->integers(node->writer, shape->dim, shape->rank, false);
    }
    int64_t zero = 0, one = 1;
    const char *rest = node->integers(node->writer, shape->dim + 1, shape->rank - 1, false);
    const char *begin = node->integers(node->writer, &zero, 1, false),
               *end = node->integers(node->writer, &one, 1, false);
    const char *whole = op_export_step(node, "Shape", node->in_name(node->writer, in), NULL, OP_EXPORT_FRESH);
    const char *batch = op_export_step(node, "Slice", whole, begin, OP_EXPORT_FRESH);
    node->input_name(node->writer, end);
    const char *sizes = op_export_step(node, "Concat", batch, rest, OP_EXPORT_FRESH);
    node->attribute_integer(node->writer, "axis", 0);
    return sizes;
}

static const char *cast(struct op_export *node, const char *value, fov_dtype dtype, int out)
{
    const char *typed = op_export_step(node, "Cast", value, NULL, out);
    node->attribute_integer(node->writer, "to", op_onnx_type(dtype));
    return typed;
}

int op_export_arithmetic(struct op_export *node)
{
    fov_dtype dtype = node->in[0].dtype;
    const char *a = node->in_name(node->writer, 0), *b = node->in_name(node->writer, 1);
    if (node->opset >= 14 || op_is_float(dtype) || fov_dtype_size(dtype) >= 4) {
        op_export_step(node, node->op->onnx->type, a, b, 0);
        return FOV_OK;
    }
    a = cast(node, a, FOV_I32, OP_EXPORT_FRESH);
    b = cast(node, b, FOV_I32, OP_EXPORT_FRESH);
    cast(node, op_export_step(node, node->op->onnx->type, a, b, OP_EXPORT_FRESH), dtype, 0);
    return FOV_OK;
}
