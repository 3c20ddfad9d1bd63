/* SPDX-License-Identifier: MIT */
/* Convolution of small integers: conv_integer gives the exact 32-bit sums, qlinear_conv scales and rounds them to small
 * integers again. The products are those of conv.c; padding stands for the number 0, that is for the zero point, and
 * adds nothing. */
#include "op/conv/conv.h"
#include "op/onnx.h"
#include "op/quantise.h"

struct sums {
    const double *x, *weight, *weight_zero;
    double        x_zero, *y;
    size_t        weight_zeros, filter_weights; /**< number of zero points, 1 or filters; weights per filter */
};

static void add_to_y(void *context, size_t x, size_t weight, size_t y)
{
    struct sums *sums = context;
    double zero = sums->weight_zero == NULL ? 0
                  : sums->weight_zeros == 1 ? sums->weight_zero[0]
                                            : sums->weight_zero[weight / sums->filter_weights];
    sums->y[y] += (sums->x[x] - sums->x_zero) * (sums->weight[weight] - zero);
}

/** Checks x and weight, and that a scale or zero point is one number or one per filter. */
static int check(const struct op_infer *infer, int weight, const int *singles, int single_count, const int *several,
                 int several_count)
{
    struct conv_geometry geometry;
    char text[SHAPE_TEXT_SIZE];
    int status = conv_geometry(&geometry, infer->options, &infer->in[0].shape, &infer->in[weight].shape, infer->error);
    for (int i = 0; status == 0 && i < single_count + several_count; i++) {
        int input = i < single_count ? singles[i] : several[i - single_count];
        size_t count;
        if (input >= infer->in_count || infer->in[input].shape.rank < 0) {
            continue;
        }
        if (!shape_count(&infer->in[input].shape, &count) ||
            (count != 1 && (i < single_count || count != (size_t)geometry.filters))) {
            status =
                error_set(infer->error, FOV_E_SHAPE, "scale or zero point %s must be one number%s",
                          shape_text(&infer->in[input].shape, text), i < single_count ? "" : ", or one per filter");
        }
    }
    if (status == 0) {
        infer->out[0].shape = conv_y_shape(&geometry);
    }
    return status;
}

static void cost_of(struct op_cost *cost, int weight)
{
    struct conv_geometry geometry;
    if (conv_geometry(&geometry, cost->options, &cost->in[0].shape, &cost->in[weight].shape, NULL) == 0) {
        cost->multiply_adds = conv_multiply_adds(&geometry);
        window_cost(&geometry.window, cost);
    }
}

/** x and weight are of 8 bits: with no other type are the sums exact. */
static int check_bytes(const struct op_infer *infer, int x, int weight)
{
    for (int k = 0; k < 2; k++) {
        fov_dtype dtype = infer->in[k == 0 ? x : weight].dtype;
        if (dtype != FOV_U8 && dtype != FOV_I8) {
            return error_set(infer->error, FOV_E_USAGE, "%s is %s, it must be u8 or i8", k == 0 ? "x" : "weight",
                             fov_dtype_name(dtype));
        }
    }
    return 0;
}

/* ---- conv_integer ------------------------------------------------------------------------------------------------ */

enum { X, WEIGHT, X_ZERO, WEIGHT_ZERO };

static int infer_integer(const struct op_infer *infer)
{
    static const int singles[] = {X_ZERO}, several[] = {WEIGHT_ZERO};
    infer->out[0].dtype = FOV_I32;
    int status = check_bytes(infer, X, WEIGHT);
    return status != 0 ? status : check(infer, WEIGHT, singles, 1, several, 1);
}

static void cost_integer(struct op_cost *cost)
{
    cost_of(cost, WEIGHT);
}

static void textbook_integer(const struct op_textbook *textbook)
{
    struct conv_geometry geometry;
    if (conv_geometry(&geometry, textbook->options, &textbook->in[X].shape, &textbook->in[WEIGHT].shape, NULL) != 0) {
        return;
    }
    bool x_zero = textbook->in_count > X_ZERO && textbook->in[X_ZERO].data != NULL;
    bool weight_zero = textbook->in_count > WEIGHT_ZERO && textbook->in[WEIGHT_ZERO].data != NULL;
    struct sums sums = {.x = textbook->in[X].data,
                        .weight = textbook->in[WEIGHT].data,
                        .y = textbook->out[0].data,
                        .x_zero = x_zero ? textbook->in[X_ZERO].data[0] : 0,
                        .filter_weights = (size_t)(geometry.group_channels * geometry.taps)};
    if (weight_zero) {
        sums.weight_zero = textbook->in[WEIGHT_ZERO].data;
        sums.weight_zeros = op_count(&textbook->in[WEIGHT_ZERO].shape);
    }
    conv_each_pair(&geometry, add_to_y, &sums);
}

#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
#define NUMBER {0, {0}}
static const struct conv_options padded = {.pad = LIST(1, 1, 1, 1), .groups = 1},
                                 grouped = {.stride = LIST(2, 1), .groups = 2};
static const struct op_onnx integer_onnx = {.type = "ConvInteger", .since = 10};
static const struct op_case integer_cases[] = {
    {.name = "padded", .options = &padded, .in = {FOV_SHAPE(1, 3, 4, 5), FOV_SHAPE(2, 3, 3, 3), NUMBER},
     .in_dtype = {FOV_U8, FOV_U8, FOV_U8}, .in_count = 3, .integers = 255},
    {.name = "groups, zero per filter", .options = &grouped,
     .in = {FOV_SHAPE(2, 4, 5, 4), FOV_SHAPE(6, 2, 2, 2), NUMBER, FOV_SHAPE(6)},
     .in_dtype = {FOV_U8, FOV_I8, FOV_U8, FOV_I8}, .in_count = 4, .integers = 100},
    {0},
};

const struct op op_conv_integer = {
    .name = "conv_integer",
    .family = OP_CONVOLUTION,
    .summary = "Convolution of small integers, exact.",
    .formula = "y[n, f, o] = sum over c, t of (x - x_zero)[n, c, o * stride + t * dilation - pad] (weight - "
               "weight_zero)[f, c, t]",
    .in =
        (const struct op_port[]){
            {.name = "x", .shape = "[N, C, spatial...]: u8 or i8", .plain = true},
            {.name = "weight", .shape = "[filters, C / groups, kernel...]: u8 or i8", .plain = true},
            {.name = "x_zero_point", .shape = "[]", .optional = true},
            {.name = "weight_zero_point", .shape = "[] or [filters]", .optional = true},
            {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, filters, spatial...]: i32", .plain = true}, {0}},
    .attributes = conv_attributes,
    .options_size = sizeof(struct conv_options),
    .infer = infer_integer,
    .zero_gradient = true,
    .cost = cost_integer,
    .textbook = textbook_integer,
    .onnx = &integer_onnx,
    .cases = integer_cases,
};

/* ---- qlinear_conv ------------------------------------------------------------------------------------------------ */

enum { Q_X, Q_X_SCALE, Q_X_ZERO, Q_WEIGHT, Q_WEIGHT_SCALE, Q_WEIGHT_ZERO, Q_Y_SCALE, Q_Y_ZERO, Q_BIAS };

static int infer_linear(const struct op_infer *infer)
{
    static const int singles[] = {Q_X_SCALE, Q_X_ZERO, Q_Y_SCALE, Q_Y_ZERO},
                     several[] = {Q_WEIGHT_SCALE, Q_WEIGHT_ZERO};
    infer->out[0].dtype = infer->in[Q_Y_ZERO].dtype;
    if (!quantise_is_target(infer->out[0].dtype)) {
        return error_set(infer->error, FOV_E_UNSUPPORTED, "values cannot be quantised to %s",
                         fov_dtype_name(infer->out[0].dtype));
    }
    int status = check_bytes(infer, Q_X, Q_WEIGHT);
    status = status != 0 ? status : check(infer, Q_WEIGHT, singles, 4, several, 2);
    if (status == 0 && infer->in_count > Q_BIAS && infer->in[Q_BIAS].shape.rank >= 0 &&
        (infer->in[Q_BIAS].shape.rank != 1 || infer->in[Q_BIAS].shape.dim[0] != infer->in[Q_WEIGHT].shape.dim[0])) {
        char text[SHAPE_TEXT_SIZE];
        status = error_set(infer->error, FOV_E_SHAPE, "bias %s must be [%lld], one number per filter",
                           shape_text(&infer->in[Q_BIAS].shape, text), (long long)infer->in[Q_WEIGHT].shape.dim[0]);
    }
    return status;
}

static void cost_linear(struct op_cost *cost)
{
    cost_of(cost, Q_WEIGHT);
}

static void textbook_linear(const struct op_textbook *textbook)
{
    struct conv_geometry geometry;
    const struct op_textbook_tensor *in = textbook->in;
    if (conv_geometry(&geometry, textbook->options, &in[Q_X].shape, &in[Q_WEIGHT].shape, NULL) != 0) {
        return;
    }
    struct sums sums = {.x = in[Q_X].data,
                        .weight = in[Q_WEIGHT].data,
                        .weight_zero = in[Q_WEIGHT_ZERO].data,
                        .weight_zeros = op_count(&in[Q_WEIGHT_ZERO].shape),
                        .y = textbook->out[0].data,
                        .x_zero = in[Q_X_ZERO].data[0],
                        .filter_weights = (size_t)(geometry.group_channels * geometry.taps)};
    const double *bias = textbook->in_count > Q_BIAS ? in[Q_BIAS].data : NULL;
    bool per_filter = op_count(&in[Q_WEIGHT_SCALE].shape) > 1;
    conv_each_pair(&geometry, add_to_y, &sums);
    for (size_t i = 0; i < op_count(&textbook->out[0].shape); i++) {
        size_t filter = i / (size_t)geometry.out_pixels % (size_t)geometry.filters;
        double scale = in[Q_X_SCALE].data[0] * in[Q_WEIGHT_SCALE].data[per_filter ? filter : 0] / in[Q_Y_SCALE].data[0];
        double sum = sums.y[i] + (bias != NULL ? bias[filter] : 0);
        sums.y[i] = quantise_round(sum * scale, in[Q_Y_ZERO].data[0], textbook->out[0].dtype);
    }
}

static const struct op_onnx linear_onnx = {.type = "QLinearConv", .since = 10};
static const struct op_case linear_cases[] = {
    {.name = "padded",
     .options = &padded,
     .in = {FOV_SHAPE(1, 3, 4, 5), NUMBER, NUMBER, FOV_SHAPE(2, 3, 3, 3), NUMBER, NUMBER, NUMBER, NUMBER},
     .in_dtype = {FOV_U8, FOV_F32, FOV_U8, FOV_U8, FOV_F32, FOV_U8, FOV_F32, FOV_U8},
     .in_count = 8,
     .integers = 10,
     .positive = true},
    {.name = "groups, scales per filter, bias",
     .options = &grouped,
     .in = {FOV_SHAPE(2, 4, 5, 4), NUMBER, NUMBER, FOV_SHAPE(6, 2, 2, 2), FOV_SHAPE(6), FOV_SHAPE(6), NUMBER, NUMBER,
            FOV_SHAPE(6)},
     .in_dtype = {FOV_U8, FOV_F32, FOV_U8, FOV_I8, FOV_F32, FOV_I8, FOV_F32, FOV_U8, FOV_I32},
     .in_count = 9,
     .integers = 12,
     .positive = true},
    {0},
};

const struct op op_qlinear_conv = {
    .name = "qlinear_conv",
    .family = OP_CONVOLUTION,
    .summary = "Convolution of quantised numbers, quantised again.",
    .formula = "y = clamp(rint(x_scale weight_scale / y_scale (bias + sum over c, t of (x - x_zero) (weight - "
               "weight_zero))) + y_zero)",
    .source = "Jacob et al., Quantization and training of neural networks, CVPR 2018, equations 4 and 11",
    .in =
        (const struct op_port[]){
            {.name = "x", .shape = "[N, C, spatial...]: u8 or i8", .plain = true},
            {.name = "x_scale", .shape = "[]"},
            {.name = "x_zero_point", .shape = "[]"},
            {.name = "weight", .shape = "[filters, C / groups, kernel...]: u8 or i8", .plain = true},
            {.name = "weight_scale", .shape = "[] or [filters]"},
            {.name = "weight_zero_point", .shape = "as weight_scale"},
            {.name = "y_scale", .shape = "[]"},
            {.name = "y_zero_point", .shape = "[]"},
            {.name = "bias", .shape = "[filters]: i32, of scale x_scale weight_scale", .optional = true},
            {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, filters, spatial...]", .plain = true}, {0}},
    .attributes = conv_attributes,
    .options_size = sizeof(struct conv_options),
    .infer = infer_linear,
    .zero_gradient = true,
    .cost = cost_linear,
    .textbook = textbook_linear,
    .onnx = &linear_onnx,
    .cases = linear_cases,
};
