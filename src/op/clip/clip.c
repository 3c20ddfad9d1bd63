/* SPDX-License-Identifier: MIT */
/* Keeps values between two limits. The limits are options, as networks use them (ReLU6); a Clip whose limits are
 * computed is imported as max and min.
 * Everything but the formula, the options and the ONNX code is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

struct clip_options {
    double min, max;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct clip_options, min), .kind = OP_NUMBER, .standard = -(double)INFINITY,
     .doc = "the lower limit"},
    {OP_ATTRIBUTE(struct clip_options, max), .kind = OP_NUMBER, .standard = (double)INFINITY, .doc = "the upper limit"},
    {0},
};

/* If min > max, the result is max. */
static double clip(double x, const void *options)
{
    const struct clip_options *own = options;
    double y = x < own->min ? own->min : x;
    return y > own->max ? own->max : y;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, clip);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    const struct clip_options *own = options;
    *alpha = (float)(own->min > own->max ? own->max : own->min); /* kernels may apply the limits in any order */
    *beta = (float)own->max;
    return UNARY_clip;
}

/* ---- ONNX: limits were attributes before opset 11, and inputs since ------------------------------------------ */

/* Reads one limit. Returns true if it is absent or a constant (then *limit is set), else sets *computed. */
static bool read_limit(struct op_import *node, int input, double *limit, fov_value *computed)
{
    if (input >= node->in_count || node->in[input].id == 0) {
        return true;
    }
    fov_shape shape;
    const double *known = node->constant(node->reader, input, &shape);
    if (known != NULL && op_count(&shape) == 1 && !isnan(known[0])) {
        *limit = known[0];
        return true;
    }
    *computed = node->in[input];
    return false;
}

static int import_clip(struct op_import *node)
{
    const struct op_emitter *emitter = node->emitter;
    struct clip_options options = {-(double)INFINITY, (double)INFINITY};
    fov_value lower = {0}, upper = {0}, y = node->in[0];
    if (node->opset < 11) {
        options.min = node->number(node->reader, "min", options.min);
        options.max = node->number(node->reader, "max", options.max);
    }
    bool known = node->opset < 11 || (read_limit(node, 1, &options.min, &lower) &&
                                      read_limit(node, 2, &options.max, &upper));
    if (known) {
        y = emitter->node(emitter->graph, "clip", &y, 1, &options, node->node_name);
    } else {
        read_limit(node, 2, &options.max, &upper);
        /* If only one limit is computed, the constant one is used as an input, too. */
        fov_value below[] = {y, lower.id != 0 || node->in_count < 2 ? lower : node->in[1]};
        y = below[1].id != 0 ? emitter->node(emitter->graph, "max", below, 2, NULL, NULL) : y;
        fov_value above[] = {y, upper.id != 0 || node->in_count < 3 ? upper : node->in[2]};
        y = above[1].id != 0 ? emitter->node(emitter->graph, "min", above, 2, NULL, node->node_name) : y;
    }
    node->result(node->reader, 0, y);
    return FOV_OK;
}

static int export_clip(struct op_export *node)
{
    const struct clip_options *own = node->options;
    const char *lower = isinf(own->min) && own->min < 0 ? NULL : op_export_number(node, node->in[0].dtype, own->min);
    const char *upper = isinf(own->max) && own->max > 0 ? NULL : op_export_number(node, node->in[0].dtype, own->max);
    node->begin(node->writer, "Clip", NULL);
    node->input(node->writer, 0);
    if (lower != NULL || upper != NULL) {
        node->input_name(node->writer, lower != NULL ? lower : "");
    }
    if (upper != NULL) {
        node->input_name(node->writer, upper);
    }
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Clip", .since = 6, .import = import_clip, .export = export_clip};

fov_value fov_clip(fov_graph *graph, fov_value x, float min, float max)
{
    struct clip_options options = {(double)min, (double)max};
    return op_build(graph, "clip", &x, 1, &options, NULL);
}

/* Values at least 0.25 away from all limits used below. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = (double)random_below(key, i, 9) - 4 + 0.25 + 0.5 * random_uniform(key, i + count);
    }
}

static const struct clip_options unit = {-1, 1}, six = {0, 6}, from_below = {-2, (double)INFINITY}, crossed = {2, -1};
static const struct op_case cases[] = {
    {.name = "no limits", .in = {{2, {3, 17}}}, .in_count = 1},
    {.name = "-1 .. 1", .in = {{4, {2, 3, 5, 3}}}, .in_count = 1, .options = &unit, .fill = fill},
    {.name = "0 .. 6", .in = {{1, {37}}}, .in_count = 1, .options = &six, .fill = fill},
    {.name = "from below", .in = {{0, {0}}}, .in_count = 1, .options = &from_below, .fill = fill},
    {.name = "crossed limits", .in = {{1, {37}}}, .in_count = 1, .options = &crossed, .fill = fill,
     .no_gradient = true},
    {.name = "integers", .in = {{1, {37}}}, .in_dtype = {FOV_I8}, .integers = 20, .in_count = 1, .options = &six},
    {.name = "several chunks", .in = {{2, {3, 12001}}}, .in_count = 1, .options = &unit, .fill = fill,
     .no_gradient = true},
    {0},
};

const struct op op_clip = {
    .name = "clip",
    .family = OP_ACTIVATION,
    .summary = "Keeps values between two limits.",
    .formula = "y = min(max(x, min), max)",
    .in = elementwise_in,
    .out = elementwise_out,
    .attributes = attributes,
    .options_size = sizeof(struct clip_options),
    .infer = elementwise_infer_numbers,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = cases,
    .as_activation = as_activation,
};
