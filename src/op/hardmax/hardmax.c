/* SPDX-License-Identifier: MIT */
/* 1 at the largest element along an axis (the first of equals; NaN counts as the largest, as in arg_max), 0 elsewhere:
 * the decision that softmax softens. Piecewise constant, so nothing flows back. op/lines.h finds the lines along an
 * axis. */
#include "op/lines.h"

#include "op/onnx.h"
#include <math.h>

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct softmax_options, axis), .onnx = "axis", .kind = OP_INTEGER, .standard = -1,
     .minimum = -FOV_MAX_RANK, .maximum = FOV_MAX_RANK - 1, .doc = "along which one is chosen; from the end if < 0"},
    {0},
};

static void textbook(const struct op_textbook *textbook)
{
    const double *x = textbook->in[0].data;
    struct lines lines = lines_of(textbook);
    for (size_t line = 0; line < lines.count && lines.length > 0; line++) {
        size_t best = 0;
        for (size_t k = 1; k < lines.length; k++) {
            double candidate = x[lines_place(lines, line, k)], largest = x[lines_place(lines, line, best)];
            if (!isnan(largest) && (candidate > largest || isnan(candidate))) {
                best = k;
            }
        }
        textbook->out[0].data[lines_place(lines, line, best)] = 1;
    }
}

/* A row at a time: the place is found before anything is written, so y may be x. */
static void hardmax_rows(const struct kernel_table *kernel, size_t rows, size_t columns, const float *x,
                         const float *unused, float *y)
{
    (void)unused;
    for (size_t r = 0; r < rows; r++) {
        size_t best = kernel->index_of_maximum(columns, x + r * columns);
        kernel->fill(columns, 0, y + r * columns);
        y[r * columns + best] = 1;
    }
}

static void run(const struct op_run *run)
{
    lines_run(run, hardmax_rows);
}

static int compile(struct op_compile *compile)
{
    return lines_compile(compile, run);
}

static const struct op_cpu cpu = {.layout = OP_WANTS_PLAIN, .layout_for = lines_layout_for, .supports = op_all_f32,
                                  .compile = compile, .in_place = 1u << 0};

static int import_hardmax(struct op_import *node)
{
    return op_import_matrix_axis(node, "hardmax", -1);
}

static const struct op_onnx onnx = {.type = "Hardmax", .since = 1, .import = import_hardmax};

static const struct op_port in[] = {{.name = "x", .shape = "[..., classes, ...]"}, {0}};
static const struct op_port out[] = {{.name = "y", .shape = "as x"}, {0}};

static const struct softmax_options over_channels = {1}, over_samples = {0}, over_rows = {2};

static const struct op_case cases[] = {
    {.name = "logits", .in = {{2, {3, 10}}}, .in_count = 1},
    {.name = "one class", .in = {{2, {3, 1}}}, .in_count = 1},
    {.name = "channels of an image", .in = {{4, {2, 5, 3, 4}}}, .in_count = 1, .options = &over_channels},
    {.name = "rows of an image", .in = {{4, {1, 3, 5, 7}}}, .in_count = 1, .options = &over_rows},
    {.name = "over the batch", .in = {{2, {5, 70}}}, .in_count = 1, .options = &over_samples},
    {0},
};

const struct op op_hardmax = {
    .name = "hardmax",
    .family = OP_ACTIVATION,
    .summary = "1 at the largest element along an axis, 0 elsewhere.",
    .formula = "y_k = 1 if k is the first with x_k = max over j of x_j, else 0",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct softmax_options),
    .infer = lines_infer,
    .zero_gradient = true,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
