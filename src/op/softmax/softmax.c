/* SPDX-License-Identifier: MIT */
/* Softmax along any axis, and its gradients. The family (op/lines.h) finds the lines along an axis in memory.
 * The largest element is subtracted first, so exp cannot overflow. */
#include "op/lines.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct softmax_options, axis), .onnx = "axis", .kind = OP_INTEGER, .standard = -1,
     .minimum = -FOV_MAX_RANK, .maximum = FOV_MAX_RANK - 1, .doc = "along which results sum to 1; from the end if < 0"},
    {0},
};

/* ---- definitions --------------------------------------------------------------------------------------------- */

static void softmax_textbook(const struct op_textbook *textbook)
{
    const double *x = textbook->in[0].data;
    double *y = textbook->out[0].data;
    struct lines lines = lines_of(textbook);
    for (size_t line = 0; line < lines.count; line++) {
        double largest = -INFINITY, sum = 0;
        for (size_t k = 0; k < lines.length; k++) {
            largest = fmax(largest, x[lines_place(lines, line, k)]);
        }
        for (size_t k = 0; k < lines.length; k++) {
            sum += exp(x[lines_place(lines, line, k)] - largest);
        }
        for (size_t k = 0; k < lines.length; k++) {
            y[lines_place(lines, line, k)] = exp(x[lines_place(lines, line, k)] - largest) / sum;
        }
    }
}

/* dy_k / dx_j = y_k ([j = k] - y_j), so dx_j = y_j (dy_j - sum of dy_k y_k). */
static void gradient_textbook(const struct op_textbook *textbook)
{
    const double *y = textbook->in[0].data, *dy = textbook->in[1].data;
    double *dx = textbook->out[0].data;
    struct lines lines = lines_of(textbook);
    for (size_t line = 0; line < lines.count; line++) {
        double sum = 0;
        for (size_t k = 0; k < lines.length; k++) {
            sum += dy[lines_place(lines, line, k)] * y[lines_place(lines, line, k)];
        }
        for (size_t k = 0; k < lines.length; k++) {
            size_t i = lines_place(lines, line, k);
            dx[i] = y[i] * (dy[i] - sum);
        }
    }
}

/* dx, weighted by flow (its gradient) and differentiated by y: flow_j (dy_j - sum of dy_k y_k) - dy_j sum of flow_k
 * y_k. */
static void second_textbook(const struct op_textbook *textbook)
{
    const double *y = textbook->in[0].data, *dy = textbook->in[1].data, *flow = textbook->in[2].data;
    double *out = textbook->out[0].data;
    struct lines lines = lines_of(textbook);
    for (size_t line = 0; line < lines.count; line++) {
        double sum = 0, flow_sum = 0;
        for (size_t k = 0; k < lines.length; k++) {
            size_t i = lines_place(lines, line, k);
            sum += dy[i] * y[i];
            flow_sum += flow[i] * y[i];
        }
        for (size_t k = 0; k < lines.length; k++) {
            size_t i = lines_place(lines, line, k);
            out[i] = flow[i] * (dy[i] - sum) - dy[i] * flow_sum;
        }
    }
}

/* ---- gradients ----------------------------------------------------------------------------------------------- */

static void softmax_gradient(struct op_gradient *gradient)
{
    gradient->in_gradient[0] = op_emit2(gradient->emitter, "softmax_gradient", gradient->out[0],
                                        gradient->out_gradient[0], gradient->options);
}

/* The Jacobian is symmetric: the gradient with respect to dy is the same operator again. */
static void gradient_gradient(struct op_gradient *gradient)
{
    fov_value y = gradient->in[0], dy = gradient->in[1], flow = gradient->out_gradient[0];
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] =
            op_emit3(gradient->emitter, "softmax_second_gradient", y, dy, flow, gradient->options);
    }
    if (gradient->wanted[1]) {
        gradient->in_gradient[1] = op_emit2(gradient->emitter, "softmax_gradient", y, flow, gradient->options);
    }
}

/* ---- on the CPU ---------------------------------------------------------------------------------------------- */

static void softmax_rows(const struct kernel_table *kernel, size_t rows, size_t columns, const float *x,
                         const float *unused, float *y)
{
    (void)unused;
    kernel->softmax(rows, columns, x, columns, y, columns);
}

static void gradient_rows(const struct kernel_table *kernel, size_t rows, size_t columns, const float *y,
                          const float *dy, float *dx)
{
    kernel->softmax_gradient(rows, columns, y, columns, dy, columns, dx, columns);
}

static void run_softmax(const struct op_run *run)
{
    lines_run(run, softmax_rows);
}

static void run_gradient(const struct op_run *run)
{
    lines_run(run, gradient_rows);
}

static int compile_softmax(struct op_compile *compile)
{
    return lines_compile(compile, run_softmax);
}

static int compile_gradient(struct op_compile *compile)
{
    return lines_compile(compile, run_gradient);
}

static const struct op_cpu softmax_cpu = {.layout = OP_WANTS_PLAIN, .layout_for = lines_layout_for,
                                          .supports = op_all_f32, .compile = compile_softmax,
                                          .in_place = 1u << 0};
static const struct op_cpu gradient_cpu = {.layout = OP_WANTS_PLAIN, .layout_for = lines_layout_for,
                                           .supports = op_all_f32, .compile = compile_gradient,
                                           .in_place = 1u << 1};

/* ---- ONNX ---------------------------------------------------------------------------------------------------- */

static int import_softmax(struct op_import *node)
{
    return op_import_matrix_axis(node, "softmax", -1);
}

static const struct op_onnx onnx = {.type = "Softmax", .since = 1, .import = import_softmax};

fov_value fov_softmax_opt(fov_graph *graph, fov_value x, const fov_softmax_options *options)
{
    struct softmax_options softmax = {options != NULL && options->axis != 0 ? options->axis : -1};
    return op_build(graph, "softmax", &x, 1, &softmax, options != NULL ? options->name : NULL);
}

/* ---- the descriptors ----------------------------------------------------------------------------------------- */

static const struct op_port softmax_in[] = {{.name = "x", .shape = "[..., classes, ...]"}, {0}};
static const struct op_port softmax_out[] = {{.name = "y", .shape = "as x"}, {0}};
static const struct op_port gradient_in[] = {
    {.name = "y", .shape = "[..., classes, ...]"}, {.name = "dy", .shape = "as y"}, {0}};
static const struct op_port gradient_out[] = {{.name = "dx", .shape = "as y"}, {0}};
static const struct op_port second_in[] = {{.name = "y", .shape = "[..., classes, ...]"},
                                           {.name = "dy", .shape = "as y"},
                                           {.name = "flow", .shape = "as y: gradient of dx"},
                                           {0}};
static const struct op_port second_out[] = {{.name = "gradient_y", .shape = "as y"}, {0}};

static const struct softmax_options over_channels = {1}, over_samples = {0}, over_rows = {2};

static const struct op_case softmax_cases[] = {
    {.name = "logits", .in = {{2, {3, 10}}}, .in_count = 1},
    {.name = "one class", .in = {{2, {3, 1}}}, .in_count = 1},
    {.name = "vector", .in = {{1, {37}}}, .in_count = 1},
    {.name = "channels of an image", .in = {{4, {2, 5, 3, 4}}}, .in_count = 1, .options = &over_channels},
    {.name = "rows of an image", .in = {{4, {1, 3, 5, 7}}}, .in_count = 1, .options = &over_rows},
    {.name = "over the batch", .in = {{2, {5, 70}}}, .in_count = 1, .options = &over_samples, .no_gradient = true},
    {.name = "several chunks", .in = {{2, {67, 701}}}, .in_count = 1, .no_gradient = true},
    {.name = "over the batch, small", .in = {{2, {3, 4}}}, .in_count = 1, .options = &over_samples},
    {0},
};
static const struct op_case gradient_cases[] = {
    {.name = "logits", .in = {{2, {3, 10}}, {2, {3, 10}}}, .in_count = 2},
    {.name = "channels of an image", .in = {{4, {2, 5, 3, 2}}, {4, {2, 5, 3, 2}}}, .in_count = 2,
     .options = &over_channels},
    {.name = "rows of an image", .in = {{4, {1, 2, 5, 3}}, {4, {1, 2, 5, 3}}}, .in_count = 2, .options = &over_rows},
    {.name = "several chunks", .in = {{2, {67, 701}}, {2, {67, 701}}}, .in_count = 2, .no_gradient = true},
    {0},
};
static const struct op_case second_cases[] = {
    {.name = "logits", .in = {{2, {3, 5}}, {2, {3, 5}}, {2, {3, 5}}}, .in_count = 3}, {0}};

const struct op op_softmax = {
    .name = "softmax",
    .family = OP_ACTIVATION,
    .summary = "Turns scores into probabilities that sum to 1 along an axis.",
    .formula = "y_k = exp(x_k) / sum over j of exp(x_j)",
    .source = "Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990",
    .in = softmax_in,
    .out = softmax_out,
    .attributes = attributes,
    .options_size = sizeof(struct softmax_options),
    .infer = lines_infer,
    .gradient = softmax_gradient,
    .textbook = softmax_textbook,
    .cpu = &softmax_cpu,
    .onnx = &onnx,
    .cases = softmax_cases,
};

const struct op op_softmax_gradient = {
    .name = "softmax_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of softmax.",
    .formula = "dx_j = y_j (dy_j - sum over k of dy_k y_k)",
    .in = gradient_in,
    .out = gradient_out,
    .attributes = attributes,
    .options_size = sizeof(struct softmax_options),
    .infer = lines_infer,
    .gradient = gradient_gradient,
    .textbook = gradient_textbook,
    .cpu = &gradient_cpu,
    .cases = gradient_cases,
};

const struct op op_softmax_second_gradient = {
    .name = "softmax_second_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of softmax_gradient by y.",
    .formula = "out_j = flow_j (dy_j - sum over k of dy_k y_k) - dy_j sum over k of flow_k y_k",
    .in = second_in,
    .out = second_out,
    .attributes = attributes,
    .options_size = sizeof(struct softmax_options),
    .infer = lines_infer,
    .textbook = second_textbook,
    .cases = second_cases,
};
