/* SPDX-License-Identifier: MIT */
/* The rectifier of transformers and of ConvNeXt: x times the share of a normal distribution below x, exactly or by
 * a tanh.
 * Everything but the formula and the option is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

enum { EXACT, BY_TANH };
struct gelu_options {
    int approximate;
};

static const char *const ways[] = {"none", "tanh", NULL};
static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct gelu_options, approximate), .onnx = "approximate", .kind = OP_CHOICE, .choices = ways,
     .doc = "none: by erf; tanh: by tanh"},
    {0},
};

static const double PI = 3.14159265358979323846;

static double gelu(double x, const void *options)
{
    const struct gelu_options *own = options;
    double share = own->approximate == EXACT ? (1 + erf(x / sqrt(2))) / 2
                                             : (1 + tanh(sqrt(2 / PI) * (x + 0.044715 * x * x * x))) / 2;
    return isinf(x) && x < 0 ? 0 : x * share;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, gelu);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    const struct gelu_options *own = options;
    *alpha = *beta = 0;
    return own->approximate == EXACT ? UNARY_gelu : UNARY_gelu_tanh;
}

/* ---- ONNX has it since opset 20; before, it is written as exporters wrote it --------------------------------- */

static const char *number(struct op_export *node, double value)
{
    return op_export_number(node, node->in[0].dtype, value);
}

/* temporary = type(first, second); second NULL: one input; first NULL: the operator's own input. */
static const char *step(struct op_export *node, const char *type, const char *first, const char *second)
{
    return op_export_step(node, type, first != NULL ? first : node->in_name(node->writer, 0), second, OP_EXPORT_FRESH);
}

static const char *argument_of_erf(struct op_export *node)
{
    return step(node, "Mul", NULL, number(node, sqrt(0.5)));
}

static const char *argument_of_tanh(struct op_export *node)
{
    const char *third = number(node, 3), *factor = number(node, 0.044715);
    const char *root = number(node, sqrt(2 / PI));
    const char *cubic = step(node, "Mul", step(node, "Pow", NULL, third), factor);
    return step(node, "Mul", step(node, "Add", NULL, cubic), root);
}

static int export_gelu(struct op_export *node)
{
    const struct gelu_options *own = node->options;
    if (node->opset >= 20) {
        node->begin(node->writer, "Gelu", NULL);
        node->input(node->writer, 0);
        node->attribute_text(node->writer, "approximate", ways[own->approximate]);
        node->output(node->writer, 0);
        return FOV_OK;
    }
    const char *one = number(node, 1), *half = number(node, 0.5);
    const char *share = own->approximate == EXACT ? step(node, "Erf", argument_of_erf(node), NULL)
                                                  : step(node, "Tanh", argument_of_tanh(node), NULL);
    const char *twice = step(node, "Mul", NULL, step(node, "Add", share, one));
    op_export_step(node, "Mul", twice, half, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Gelu", .since = 20, .export = export_gelu};

fov_value fov_gelu(fov_graph *graph, fov_value x)
{
    return op_build(graph, "gelu", &x, 1, NULL, NULL);
}

static const struct gelu_options by_tanh = {BY_TANH};
static const struct op_case cases[] = {
    {.name = "exact", .in = {{2, {3, 17}}}, .in_count = 1},
    {.name = "exact, image", .in = {{4, {2, 3, 5, 3}}}, .in_count = 1},
    {.name = "tanh", .in = {{1, {37}}}, .in_count = 1, .options = &by_tanh},
    {.name = "tanh, image", .in = {{4, {2, 3, 5, 3}}}, .in_count = 1, .options = &by_tanh},
    {.name = "several chunks", .in = {{2, {3, 12001}}}, .in_count = 1, .no_gradient = true},
    {0},
};

/* Exporters write the argument of erf as a quotient or a product, and the factor 0.5 in any place. */
#define SHARE(argument) "add(erf(" argument "), 1)"
#define EXACTLY(argument)                                                                                              \
    {.text = "mul(mul(x, " SHARE(argument) "), 0.5)"}, {.text = "mul(x, mul(" SHARE(argument) ", 0.5))"},              \
    {.text = "mul(mul(x, 0.5), " SHARE(argument) ")"}
#define TANH "add(tanh(mul(0.79788456, add(x, mul(0.044715, pow(x, 3))))), 1)"
static const struct op_pattern patterns[] = {
    EXACTLY("div(x, 1.4142135)"),
    EXACTLY("mul(x, 0.70710678)"),
    {.text = "mul(mul(x, 0.5), " TANH ")", .options = &by_tanh},
    {.text = "mul(mul(x, " TANH "), 0.5)", .options = &by_tanh},
    {.text = "mul(x, mul(" TANH ", 0.5))", .options = &by_tanh},
    {0}};

const struct op op_gelu = {
    .name = "gelu",
    .family = OP_ACTIVATION,
    .summary = "Gaussian error linear unit: x times the normal distribution's share below x.",
    .formula = "y = x (1 + erf(x / sqrt(2))) / 2",
    .source = "Hendrycks & Gimpel, Gaussian error linear units (GELUs), 2016, section 2",
    .in = elementwise_in,
    .out = elementwise_out,
    .attributes = attributes,
    .options_size = sizeof(struct gelu_options),
    .infer = elementwise_infer,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = cases,
    .as_activation = as_activation,
    .patterns = patterns,
};
