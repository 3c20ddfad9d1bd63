/* SPDX-License-Identifier: MIT */
/* Node types outside the ONNX standard: those that ONNX Runtime's graph optimiser writes (domain com.microsoft), and
 * experimental ones that early exporters used. Each is imported as nodes of standard operators, so none has an operator
 * of its own here, and none is ever exported. A quantised type is, by definition, the standard operator between
 * DequantizeLinear and QuantizeLinear. Definitions: ONNX Runtime, docs/ContribOperators.md; ONNX 1.1, docs/Operators.md
 * (experimental). */
#include "op/common.h"
#include "op/onnx.h"
#include "op/row_norm.h"

#include <string.h>

#define MICROSOFT "com.microsoft"

static fov_value input(const struct op_import *node, int index)
{
    return index < node->in_count ? node->in[index] : (fov_value){0};
}

static int done(struct op_import *node, fov_value value)
{
    node->result(node->reader, 0, value);
    return FOV_OK;
}

static fov_value read_as(struct op_import *node, const char *type, int opset, fov_value a, fov_value b)
{
    fov_value in[] = {a, b};
    return node->read_as(node->reader, type, opset, in, b.id != 0 ? 2 : 1);
}

static fov_value plus(struct op_import *node, fov_value value, fov_value addend)
{
    return addend.id != 0 && value.id != 0 ? op_emit2(node->emitter, "add", value, addend, NULL) : value;
}

static int check_inputs(struct op_import *node, int least)
{
    return node->in_count >= least ? FOV_OK
                                   : node->fail(node->reader, FOV_E_INPUT, "%s takes at least %d inputs, got %d",
                                                node->type, least, node->in_count);
}

/* ---- quantised tensors ------------------------------------------------------------------------------------------- */

struct scale_options { /* laid out as the options of quantize_linear and (first two) of dequantize_linear */
    int64_t axis, block_size;
    int dtype;
};

/** Dequantises input x with inputs scale and zero; scales are along `axis` where there are several. */
static fov_value widen(struct op_import *node, int x, int scale, int zero, int64_t axis)
{
    struct scale_options options = {.axis = axis};
    fov_value in[] = {input(node, x), input(node, scale), input(node, zero)};
    return op_emit(node->emitter, "dequantize_linear", in, in[2].id != 0 ? 3 : 2, &options);
}

/** Quantises a value, to the type of the zero point, or of input x where there is no zero point. */
static fov_value narrow(struct op_import *node, fov_value value, int scale, int zero, int x)
{
    struct scale_options options = {.axis = 1};
    fov_value in[] = {value, input(node, scale), input(node, zero)};
    if (in[2].id == 0) {
        in[2] = op_emit_number(node->emitter, node->dtype(node->reader, input(node, x)), 0);
    }
    return node->emitter->node(node->emitter->graph, "quantize_linear", in, 3, &options, node->node_name);
}

/* QLinearAdd, QLinearMul. Inputs: a, its scale and zero point; b, its scale and zero point; the result's scale and zero
 * point. */
static int import_pair(struct op_import *node)
{
    int status = check_inputs(node, 7);
    if (status != FOV_OK) {
        return status;
    }
    fov_value a = widen(node, 0, 1, 2, 1), b = widen(node, 3, 4, 5, 1);
    const char *op = strcmp(node->type, "QLinearAdd") == 0 ? "add" : "mul";
    return done(node, narrow(node, op_emit2(node->emitter, op, a, b, NULL), 6, 7, 0));
}

/** For attribute channels_last: transposes [N, ..., C] to [N, C, ...] (to_second) or back. */
static fov_value channels_to(struct op_import *node, fov_value value, bool to_second)
{
    int rank = node->shape(node->reader, value).rank;
    struct op_list perm = {.count = rank, .at = {0}};
    for (int i = 1; i < rank; i++) {
        perm.at[i] = to_second ? (i == 1 ? rank - 1 : i - 1) : (i == rank - 1 ? 1 : i + 1);
    }
    return rank > 2 ? op_emit1(node->emitter, "transpose", value, &perm) : value;
}

/* Types with one argument. Inputs: x, its scale and zero point; the result's scale and zero point. */
static int import_single(struct op_import *node)
{
    static const struct {
        const char *type, *standard;
        int opset;
    } kinds[] = {
        {"QLinearAveragePool", "AveragePool", 11}, {"QLinearGlobalAveragePool", "GlobalAveragePool", 1},
        {"QLinearLeakyRelu", "LeakyRelu", 16},     {"QLinearReduceMean", "ReduceMean", 13},
        {"QLinearSigmoid", "Sigmoid", 13},         {"QLinearSoftmax", "Softmax", 13},
    };
    size_t kind = 0;
    while (kind + 1 < sizeof kinds / sizeof kinds[0] && strcmp(kinds[kind].type, node->type) != 0) {
        kind++;
    }
    int status = check_inputs(node, 4);
    if (status != FOV_OK) {
        return status;
    }
    /* Softmax changed its meaning in opset 13; the attribute "opset" says which one this node has. */
    int64_t opset = node->integer(node->reader, "opset", kinds[kind].opset);
    bool last = node->integer(node->reader, "channels_last", 0) != 0;
    if (opset < 1 || opset > INT32_MAX) {
        return node->fail(node->reader, FOV_E_INPUT, "attribute \"opset\" is %lld", (long long)opset);
    }
    fov_value x = widen(node, 0, 1, 2, 1);
    x = last && x.id != 0 ? channels_to(node, x, true) : x;
    fov_value y = read_as(node, kinds[kind].standard, (int)opset, x, (fov_value){0});
    y = last && y.id != 0 ? channels_to(node, y, false) : y;
    return done(node, narrow(node, y, 3, 4, 0));
}

/* QLinearConcat. Inputs: the result's scale and zero point, then tensor, scale and zero point of each part. */
static int import_concat(struct op_import *node)
{
    fov_value parts[OP_MAX_PORTS];
    int count = (node->in_count - 2) / 3;
    int64_t axis = node->integer(node->reader, "axis", 0);
    int status = check_inputs(node, 5);
    if (status != FOV_OK) {
        return status;
    }
    for (int i = 0; i < count; i++) {
        parts[i] = widen(node, 2 + 3 * i, 3 + 3 * i, 4 + 3 * i, 1);
    }
    return done(node, narrow(node, op_emit(node->emitter, "concat", parts, count, &axis), 0, 1, 2));
}

static int import_where(struct op_import *node)
{
    int status = check_inputs(node, 8);
    if (status != FOV_OK) {
        return status;
    }
    fov_value a = widen(node, 1, 2, 3, 1), b = widen(node, 4, 5, 6, 1);
    return done(node, narrow(node, op_emit3(node->emitter, "where", input(node, 0), a, b, NULL), 7, 8, 1));
}

/* ONNX Runtime's own QLinearConv is the standard one with an additional attribute channels_last. */
static int import_convolution(struct op_import *node)
{
    fov_value in[9];
    int status = check_inputs(node, 8);
    bool last = node->integer(node->reader, "channels_last", 0) != 0;
    if (status != FOV_OK || node->in_count > 9) {
        return status != FOV_OK ? status : node->fail(node->reader, FOV_E_INPUT, "%d inputs", node->in_count);
    }
    memcpy(in, node->in, (size_t)node->in_count * sizeof in[0]);
    in[0] = last ? channels_to(node, in[0], true) : in[0];
    fov_value y = node->read_as(node->reader, "QLinearConv", 10, in, node->in_count);
    return done(node, last && y.id != 0 ? channels_to(node, y, false) : y);
}

/* NhwcMaxPool: max pooling of 8-bit integers [N, H, W, C]. */
static int import_nhwc_pool(struct op_import *node)
{
    int status = check_inputs(node, 1);
    if (status != FOV_OK) {
        return status;
    }
    fov_value y = read_as(node, "MaxPool", 12, channels_to(node, input(node, 0), true), (fov_value){0});
    return done(node, y.id != 0 ? channels_to(node, y, false) : y);
}

/* QuantizeLinear and DequantizeLinear before they were standard. */
static int import_linear(struct op_import *node)
{
    return done(node, node->read_as(node->reader, node->type, 13, node->in, node->in_count));
}

/* QGemm. Inputs: a, its scale and zero point; b, its scale and zero point (one or one per column); c (32-bit integers,
 * whose scale is a's times b's); the result's scale and zero point. */
static int import_qgemm(struct op_import *node)
{
    struct turns {
        bool a, b;
    } turns = {node->integer(node->reader, "transA", 0) != 0, node->integer(node->reader, "transB", 0) != 0};
    double alpha = node->number(node->reader, "alpha", 1);
    int status = check_inputs(node, 6);
    if (status != FOV_OK) {
        return status;
    }
    fov_value a = widen(node, 0, 1, 2, 1), b = widen(node, 3, 4, 5, turns.b ? 0 : 1);
    fov_value y = op_emit2(node->emitter, "matmul", a, b, &turns);
    if (input(node, 6).id != 0) {
        struct cast_options to_float = {FOV_F32};
        fov_value scale = op_emit2(node->emitter, "mul", input(node, 1), input(node, 4), NULL);
        fov_value c = op_emit1(node->emitter, "cast", input(node, 6), &to_float);
        y = plus(node, y, op_emit2(node->emitter, "mul", c, scale, NULL));
    }
    y = alpha != 1 ? op_emit_affine(node->emitter, y, alpha, 0) : y;
    return done(node, input(node, 7).id != 0 ? narrow(node, y, 7, 8, 0) : y);
}

/* MatMulIntegerToFloat. Inputs: a, b, their scales, their zero points, bias. */
static int import_integer_product(struct op_import *node)
{
    int status = check_inputs(node, 4);
    if (status != FOV_OK) {
        return status;
    }
    fov_value a = widen(node, 0, 2, 4, 1), b = widen(node, 1, 3, 5, -1);
    return done(node, plus(node, op_emit2(node->emitter, "matmul", a, b, NULL), input(node, 6)));
}

/* DynamicQuantizeMatMul. Inputs: a (floats, quantised in the run), b, its scale and zero point, bias. */
static int import_dynamic_product(struct op_import *node)
{
    struct scale_options options = {.axis = 1};
    int status = check_inputs(node, 3);
    if (status != FOV_OK) {
        return status;
    }
    fov_value small = op_emit1(node->emitter, "dynamic_quantize_linear", input(node, 0), NULL);
    fov_value in[] = {small, op_emit_output(node->emitter, small, 1), op_emit_output(node->emitter, small, 2)};
    fov_value a = op_emit(node->emitter, "dequantize_linear", in, 3, &options), b = widen(node, 1, 2, 3, -1);
    return done(node, plus(node, op_emit2(node->emitter, "matmul", a, b, NULL), input(node, 4)));
}

/* ---- fused operators --------------------------------------------------------------------------------------------- */

/** Applies the activation that attribute "activation" names; constants[count] in the order of the activation's own
 *  attributes. */
static fov_value activated(struct op_import *node, fov_value y, const float *constants, int count)
{
    const char *name = node->text(node->reader, "activation", "");
    double a = count > 0 ? (double)constants[0] : 0, b = count > 1 ? (double)constants[1] : 0;
    double both[] = {a, b}; /* laid out as the operators' options: alpha and beta, or minimum and maximum */
    static const struct {
        const char *type, *op;
        int constants;
    } kinds[] = {{"Relu", "relu", 0},
                 {"Tanh", "tanh", 0},
                 {"Sigmoid", "sigmoid", 0},
                 {"LeakyRelu", "leaky_relu", 1},
                 {"HardSigmoid", "hard_sigmoid", 2},
                 {"Clip", "clip", 2},
                 {"Elu", "elu", 1},
                 {"Selu", "selu", 0},
                 {"Softplus", "softplus", 0}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].type, name) == 0 && count >= kinds[i].constants) {
            return op_emit1(node->emitter, kinds[i].op, y, kinds[i].constants > 0 ? both : NULL);
        }
    }
    if (name[0] != '\0') {
        node->fail(node->reader, FOV_E_UNSUPPORTED, "activation \"%.40s\" with %d constants is not known", name, count);
        return (fov_value){0};
    }
    return y;
}

/* FusedConv: a convolution of x, weight and bias, plus input 3 (if present), then an activation. */
static int import_fused_conv(struct op_import *node)
{
    float constants[2];
    int count = node->numbers(node->reader, "activation_params", constants, 2);
    int status = check_inputs(node, 2);
    if (status != FOV_OK) {
        return status;
    }
    fov_value y = node->read_as(node->reader, "Conv", 11, node->in, node->in_count < 3 ? node->in_count : 3);
    return done(node, y.id != 0 ? activated(node, plus(node, y, input(node, 3)), constants, count) : y);
}

static int import_fused_gemm(struct op_import *node)
{
    float constants[2] = {(float)node->number(node->reader, "activation_alpha", 0),
                          (float)node->number(node->reader, "activation_beta", 0)};
    node->number(node->reader, "activation_gamma", 0); /* read so that it is known; no activation here uses it */
    fov_value y = node->read_as(node->reader, "Gemm", 13, node->in, node->in_count);
    return done(node, y.id != 0 ? activated(node, y, constants, 2) : y);
}

static int import_fused_matmul(struct op_import *node)
{
    struct turns {
        bool a, b;
    } turns = {node->integer(node->reader, "transA", 0) != 0, node->integer(node->reader, "transB", 0) != 0};
    double alpha = node->number(node->reader, "alpha", 1);
    if (node->integer(node->reader, "transBatchA", 0) != 0 || node->integer(node->reader, "transBatchB", 0) != 0) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "stacks whose batch is transposed are not known");
    }
    int status = check_inputs(node, 2);
    if (status != FOV_OK) {
        return status;
    }
    fov_value y = op_emit2(node->emitter, "matmul", input(node, 0), input(node, 1), &turns);
    return done(node, alpha != 1 ? op_emit_affine(node->emitter, y, alpha, 0) : y);
}

/* Gelu; BiasGelu and FastGelu (the tanh approximation) with a bias as input 1. */
static int import_gelu(struct op_import *node)
{
    static const int by_tanh = 1; /* gelu's option approximate */
    bool fast = strcmp(node->type, "FastGelu") == 0;
    int status = check_inputs(node, 1);
    fov_value x = plus(node, input(node, 0), input(node, 1));
    return status != FOV_OK ? status : done(node, op_emit1(node->emitter, "gelu", x, fast ? &by_tanh : NULL));
}

static int import_quick_gelu(struct op_import *node)
{
    double alpha = node->number(node->reader, "alpha", 1.702);
    int status = check_inputs(node, 1);
    return status != FOV_OK ? status : done(node, op_emit1(node->emitter, "swish", input(node, 0), &alpha));
}

/* ---- normalisation ----------------------------------------------------------------------------------------------- */

/* LayerNormalization in models of an opset before 17, and SimplifiedLayerNormalization (no mean is subtracted): ONNX
 * Runtime reads both in any opset. */
static int import_layer_norm(struct op_import *node)
{
    bool uncentred = strcmp(node->type, "SimplifiedLayerNormalization") == 0;
    if (node->out_count > 1) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED,
                          uncentred ? "%s is read without its statistics only"
                                    : "%s with statistics is read from opset 17 on",
                          node->type);
    }
    return done(node, node->read_as(node->reader, uncentred ? "RMSNormalization" : "LayerNormalization",
                                    uncentred ? 23 : 17, node->in, node->in_count));
}

/* SkipLayerNormalization normalises a sum. Inputs: x, skip, weight, bias of the norm, bias of the sum. Without mean
 * (SkipSimplifiedLayerNormalization): x, skip, weight, bias of the sum. Output 3 is the sum. The default of epsilon is
 * not LayerNormalization's. */
static int import_skip_norm(struct op_import *node)
{
    bool uncentred = strcmp(node->type, "SkipSimplifiedLayerNormalization") == 0;
    struct row_norm_options options = {
        .epsilon = node->number(node->reader, "epsilon", 1e-12), .axis = -1, .uncentred = uncentred};
    int status = check_inputs(node, 3);
    if (status != FOV_OK) {
        return status;
    }
    fov_value sum = plus(node, plus(node, input(node, 0), input(node, 1)), input(node, uncentred ? 3 : 4));
    fov_value in[] = {sum, input(node, 2), input(node, 3)};
    int count = !uncentred && in[2].id != 0 ? 3 : 2;
    if (node->out_count > 3) {
        node->result(node->reader, 3, sum);
    }
    return done(node, node->emitter->node(node->emitter->graph, uncentred ? "rms_norm" : "layer_norm", in, count,
                                          &options, node->node_name));
}

/* ---- experimental operators of ONNX's first versions -------------------------------------------------------------- */

static int import_image_scaler(struct op_import *node)
{
    enum { MOST = 4096 };
    float bias[MOST];
    int count = node->numbers(node->reader, "bias", bias, MOST);
    double scale = node->number(node->reader, "scale", 1);
    int status = check_inputs(node, 1);
    if (status != FOV_OK) {
        return status;
    }
    fov_value y = op_emit_affine(node->emitter, input(node, 0), scale, 0);
    if (count > 0) {
        fov_shape shape = {4, {1, count, 1, 1}};
        y = plus(node, y, node->emitter->constant(node->emitter->graph, FOV_F32, shape, bias));
    }
    return done(node, y);
}

/* Affine: alpha x + beta. Scale: scale x. ScaledTanh: alpha tanh(beta x). ParametricSoftplus: alpha softplus(beta x). */
static int import_affine(struct op_import *node)
{
    int status = check_inputs(node, 1);
    if (status != FOV_OK) {
        return status;
    }
    if (strcmp(node->type, "Scale") == 0) {
        double scale = node->number(node->reader, "scale", 1);
        return done(node, op_emit_affine(node->emitter, input(node, 0), scale, 0));
    }
    double alpha = node->number(node->reader, "alpha", 1);
    bool is_affine = strcmp(node->type, "Affine") == 0;
    double beta = node->number(node->reader, "beta", is_affine ? 0 : 1);
    if (is_affine) {
        return done(node, op_emit_affine(node->emitter, input(node, 0), alpha, beta));
    }
    const char *inner = strcmp(node->type, "ScaledTanh") == 0 ? "tanh" : "softplus";
    fov_value y = op_emit1(node->emitter, inner, op_emit_affine(node->emitter, input(node, 0), beta, 0), NULL);
    return done(node, op_emit_affine(node->emitter, y, alpha, 0));
}

/* Crop: attribute border is left, top, right, bottom. With attribute scale (height, width of the result) only left and
 * top are used. */
static int import_crop(struct op_import *node)
{
    struct op_list border = {0}, size = {0};
    node->list(node->reader, "border", &border);
    bool sized = node->list(node->reader, "scale", &size);
    int status = check_inputs(node, 1);
    fov_shape shape = status == FOV_OK ? node->shape(node->reader, input(node, 0)) : (fov_shape){0};
    if (status != FOV_OK || shape.rank != 4 || border.count != 4 || (sized && size.count != 2)) {
        return status != FOV_OK ? status
                                : node->fail(node->reader, FOV_E_INPUT,
                                             "Crop takes an image, a border of 4 numbers and a scale of 2");
    }
    int64_t height = sized ? size.at[0] : shape.dim[2] - border.at[1] - border.at[3];
    int64_t width = sized ? size.at[1] : shape.dim[3] - border.at[0] - border.at[2];
    fov_value rows = op_emit_slice(node->emitter, input(node, 0), 2, border.at[1], height, 1);
    return done(node, op_emit_slice(node->emitter, rows, 3, border.at[0], width, 1));
}

const struct op_onnx op_foreign_spellings[] = {
    {.type = "QLinearAdd", .domain = MICROSOFT, .since = 1, .import = import_pair},
    {.type = "QLinearMul", .domain = MICROSOFT, .since = 1, .import = import_pair},
    {.type = "QLinearAveragePool", .domain = MICROSOFT, .since = 1, .import = import_single},
    {.type = "QLinearGlobalAveragePool", .domain = MICROSOFT, .since = 1, .import = import_single},
    {.type = "QLinearLeakyRelu", .domain = MICROSOFT, .since = 1, .import = import_single},
    {.type = "QLinearReduceMean", .domain = MICROSOFT, .since = 1, .import = import_single},
    {.type = "QLinearSigmoid", .domain = MICROSOFT, .since = 1, .import = import_single},
    {.type = "QLinearSoftmax", .domain = MICROSOFT, .since = 1, .import = import_single},
    {.type = "QLinearConcat", .domain = MICROSOFT, .since = 1, .import = import_concat},
    {.type = "QLinearConv", .domain = MICROSOFT, .since = 1, .import = import_convolution},
    {.type = "QLinearWhere", .domain = MICROSOFT, .since = 1, .import = import_where},
    {.type = "QuantizeLinear", .domain = MICROSOFT, .since = 1, .import = import_linear},
    {.type = "DequantizeLinear", .domain = MICROSOFT, .since = 1, .import = import_linear},
    {.type = "QGemm", .domain = MICROSOFT, .since = 1, .import = import_qgemm},
    {.type = "NhwcMaxPool", .domain = MICROSOFT, .since = 1, .import = import_nhwc_pool},
    {.type = "MatMulIntegerToFloat", .domain = MICROSOFT, .since = 1, .import = import_integer_product},
    {.type = "DynamicQuantizeMatMul", .domain = MICROSOFT, .since = 1, .import = import_dynamic_product},
    {.type = "FusedConv", .domain = MICROSOFT, .since = 1, .import = import_fused_conv},
    {.type = "FusedGemm", .domain = MICROSOFT, .since = 1, .import = import_fused_gemm},
    {.type = "FusedMatMul", .domain = MICROSOFT, .since = 1, .import = import_fused_matmul},
    {.type = "Gelu", .domain = MICROSOFT, .since = 1, .import = import_gelu},
    {.type = "FastGelu", .domain = MICROSOFT, .since = 1, .import = import_gelu},
    {.type = "BiasGelu", .domain = MICROSOFT, .since = 1, .import = import_gelu},
    {.type = "QuickGelu", .domain = MICROSOFT, .since = 1, .import = import_quick_gelu},
    {.type = "SkipLayerNormalization", .domain = MICROSOFT, .since = 1, .import = import_skip_norm},
    {.type = "SkipSimplifiedLayerNormalization", .domain = MICROSOFT, .since = 1, .import = import_skip_norm},
    {.type = "LayerNormalization", .since = 1, .import = import_layer_norm},
    {.type = "SimplifiedLayerNormalization", .since = 1, .import = import_layer_norm},
    {.type = "ImageScaler", .since = 1, .import = import_image_scaler},
    {.type = "Affine", .since = 1, .import = import_affine},
    {.type = "Scale", .since = 1, .import = import_affine},
    {.type = "ScaledTanh", .since = 1, .import = import_affine},
    {.type = "ParametricSoftplus", .since = 1, .import = import_affine},
    {.type = "Crop", .since = 1, .import = import_crop},
    {.type = NULL},
};
