/* SPDX-License-Identifier: MIT */
/* The logarithm of softmax, computed without forming the softmax, so that small probabilities keep all their digits.
 * And its gradient. op/lines.h finds the lines along an axis in memory. */
#include "op/lines.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct softmax_options, axis), .onnx = "axis", .kind = OP_INTEGER, .standard = -1,
     .minimum = -FOV_MAX_RANK, .maximum = FOV_MAX_RANK - 1,
     .doc = "along which probabilities sum to 1; from the end if < 0"},
    {0},
};

/* ---- definitions --------------------------------------------------------------------------------------------- */

static void log_softmax_textbook(const struct op_textbook *textbook)
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
            y[lines_place(lines, line, k)] = x[lines_place(lines, line, k)] - largest - log(sum);
        }
    }
}

/* dy_k / dx_j = [j = k] - exp(y_j), so dx_j = dy_j - exp(y_j) sum of dy_k. */
static void gradient_textbook(const struct op_textbook *textbook)
{
    const double *y = textbook->in[0].data, *dy = textbook->in[1].data;
    double *dx = textbook->out[0].data;
    struct lines lines = lines_of(textbook);
    for (size_t line = 0; line < lines.count; line++) {
        double sum = 0;
        for (size_t k = 0; k < lines.length; k++) {
            sum += dy[lines_place(lines, line, k)];
        }
        for (size_t k = 0; k < lines.length; k++) {
            size_t i = lines_place(lines, line, k);
            dx[i] = dy[i] - exp(y[i]) * sum;
        }
    }
}

/* ---- gradients ----------------------------------------------------------------------------------------------- */

static void log_softmax_gradient(struct op_gradient *gradient)
{
    gradient->in_gradient[0] = op_emit2(gradient->emitter, "log_softmax_gradient", gradient->out[0],
                                        gradient->out_gradient[0], gradient->options);
}

/* dx = dy - p sum(dy) with p = exp(y). By y: -flow p sum(dy); by dy: flow - sum(flow p). Sums run along the axis. */
static void gradient_gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value y = gradient->in[0], dy = gradient->in[1], flow = gradient->out_gradient[0];
    int axis = lines_axis(gradient->options, gradient->in_tensor[0].shape.rank);
    struct reduce_options along = {.axes = {1, {axis}}, .keep_dims = true};
    fov_value flow_p = op_emit2(emitter, "mul", flow, op_emit1(emitter, "exp", y, NULL), NULL);
    if (gradient->wanted[0]) {
        fov_value sum = op_emit1(emitter, "reduce_sum", dy, &along);
        gradient->in_gradient[0] = op_emit1(emitter, "neg", op_emit2(emitter, "mul", flow_p, sum, NULL), NULL);
    }
    if (gradient->wanted[1]) {
        fov_value sum = op_emit1(emitter, "reduce_sum", flow_p, &along);
        gradient->in_gradient[1] = op_emit2(emitter, "sub", flow, sum, NULL);
    }
}

/* ---- on the CPU ---------------------------------------------------------------------------------------------- */

static void log_softmax_rows(const struct kernel_table *kernel, size_t rows, size_t columns, const float *x,
                             const float *unused, float *y)
{
    (void)unused;
    kernel->log_softmax(rows, columns, x, columns, y, columns);
}

static void gradient_rows(const struct kernel_table *kernel, size_t rows, size_t columns, const float *y,
                          const float *dy, float *dx)
{
    kernel->log_softmax_gradient(rows, columns, y, columns, dy, columns, dx, columns);
}

static void run_log_softmax(const struct op_run *run)
{
    lines_run(run, log_softmax_rows);
}

static void run_gradient(const struct op_run *run)
{
    lines_run(run, gradient_rows);
}

static int compile_log_softmax(struct op_compile *compile)
{
    return lines_compile(compile, run_log_softmax);
}

static int compile_gradient(struct op_compile *compile)
{
    return lines_compile(compile, run_gradient);
}

static const struct op_cpu log_softmax_cpu = {.layout = OP_WANTS_PLAIN, .layout_for = lines_layout_for,
                                              .supports = op_all_f32, .compile = compile_log_softmax,
                                              .in_place = 1u << 0};
static const struct op_cpu gradient_cpu = {.layout = OP_WANTS_PLAIN, .layout_for = lines_layout_for,
                                           .supports = op_all_f32, .compile = compile_gradient, .in_place = 1u << 1};

/* ---- ONNX ---------------------------------------------------------------------------------------------------- */

static int import_log_softmax(struct op_import *node)
{
    return op_import_matrix_axis(node, "log_softmax", -1);
}

static const struct op_onnx onnx = {.type = "LogSoftmax", .since = 1, .import = import_log_softmax};

fov_value fov_log_softmax_opt(fov_graph *graph, fov_value x, const fov_softmax_options *options)
{
    struct softmax_options own = {options != NULL && options->axis != 0 ? options->axis : -1};
    return op_build(graph, "log_softmax", &x, 1, &own, options != NULL ? options->name : NULL);
}

/* ---- the descriptors ----------------------------------------------------------------------------------------- */

static const struct op_port in[] = {{.name = "x", .shape = "[..., classes, ...]"}, {0}};
static const struct op_port out[] = {{.name = "y", .shape = "as x"}, {0}};
static const struct op_port gradient_in[] = {
    {.name = "y", .shape = "[..., classes, ...]"}, {.name = "dy", .shape = "as y"}, {0}};
static const struct op_port gradient_out[] = {{.name = "dx", .shape = "as y"}, {0}};

static const struct softmax_options over_channels = {1}, over_samples = {0}, over_rows = {2};

static const struct op_case cases[] = {
    {.name = "logits", .in = {{2, {3, 10}}}, .in_count = 1},
    {.name = "one class", .in = {{2, {3, 1}}}, .in_count = 1},
    {.name = "vector", .in = {{1, {37}}}, .in_count = 1},
    {.name = "channels of an image", .in = {{4, {2, 5, 3, 4}}}, .in_count = 1, .options = &over_channels},
    {.name = "rows of an image", .in = {{4, {1, 3, 5, 7}}}, .in_count = 1, .options = &over_rows},
    {.name = "over the batch", .in = {{2, {3, 4}}}, .in_count = 1, .options = &over_samples},
    {.name = "several chunks", .in = {{2, {67, 701}}}, .in_count = 1, .no_gradient = true},
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

const struct op op_log_softmax = {
    .name = "log_softmax",
    .family = OP_ACTIVATION,
    .summary = "Logarithm of softmax along an axis.",
    .formula = "y_k = x_k - log(sum over j of exp(x_j))",
    .source = "Goodfellow, Bengio & Courville, Deep Learning, 2016, eq. 6.30",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct softmax_options),
    .infer = lines_infer,
    .gradient = log_softmax_gradient,
    .textbook = log_softmax_textbook,
    .cpu = &log_softmax_cpu,
    .onnx = &onnx,
    .cases = cases,
};

const struct op op_log_softmax_gradient = {
    .name = "log_softmax_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of log_softmax.",
    .formula = "dx_j = dy_j - exp(y_j) sum over k of dy_k",
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
