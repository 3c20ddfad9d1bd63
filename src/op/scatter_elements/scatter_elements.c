/* SPDX-License-Identifier: MIT */
/* ScatterElements: a copy of x in which single elements are replaced by updates, or combined with them by sum, product,
 * maximum or minimum. One thread applies the updates in order, so that the result is defined even for equal indices. */
#include "op/scatter.h"

#include <string.h>

struct scatter_elements_options {
    int64_t axis;
    int     reduction;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct scatter_elements_options, axis), .onnx = "axis", .kind = OP_INTEGER, .minimum = -FOV_MAX_RANK,
     .maximum = FOV_MAX_RANK - 1, .doc = "dimension along which the indices count; from the end if < 0"},
    {OP_ATTRIBUTE(struct scatter_elements_options, reduction), .onnx = "reduction", .kind = OP_CHOICE,
     .choices = scatter_reductions, .doc = "how an update meets what is there"},
    {0},
};

static int infer(const struct op_infer *infer)
{
    const struct scatter_elements_options *options = infer->options;
    int axis, status = shape_axis(&infer->in[0].shape, options->axis, &axis, infer->error);
    status = status != FOV_OK ? status : op_check_same_shape(infer, 1, "indices", 2, "updates");
    status = status != FOV_OK ? status : op_check_same_dtype(infer, 0, "x", 2, "updates");
    return status != FOV_OK ? status : index_check_elements(infer, axis);
}

static void gradient(struct op_gradient *gradient)
{
    const struct scatter_elements_options *options = gradient->options;
    struct scatter_elements_options none = {options->axis, SCATTER_NONE};
    int64_t axis = options->axis; /* all the options that gather_elements has */
    scatter_gradient(gradient, options->reduction, "scatter_elements", &none, "gather_elements", &axis);
}

/* The element of x that the i-th update goes to; SIZE_MAX: its index is outside the axis. */
static size_t place(const struct scatter_elements_options *options, const fov_shape *updates, size_t i, int64_t index,
                    const fov_shape *x)
{
    int axis = index_axis(options->axis, x->rank);
    int64_t at[FOV_MAX_RANK];
    index_coordinates(updates, i, at);
    at[axis] = index < 0 ? index + x->dim[axis] : index;
    return at[axis] >= 0 && at[axis] < x->dim[axis] ? index_of(x, at) : SIZE_MAX;
}

static void textbook(const struct op_textbook *textbook)
{
    const struct scatter_elements_options *options = textbook->options;
    const struct op_textbook_tensor *x = &textbook->in[0], *updates = &textbook->in[2], *y = &textbook->out[0];
    size_t count = op_count(&y->shape);
    for (size_t i = 0; i < count; i++) {
        y->data[i] = x->data[i];
    }
    count = op_count(&updates->shape);
    for (size_t i = 0; i < count; i++) {
        size_t to = place(options, &updates->shape, i, index_clamp(textbook->in[1].data[i]), &x->shape);
        if (to != SIZE_MAX) {
            y->data[to] = scatter_combine(options->reduction, y->data[to], updates->data[i]);
        }
    }
}

static void run(const struct op_run *run)
{
    const struct scatter_elements_options *options = run->options;
    const struct op_tensor *updates = &run->in[2], *y = &run->out[0];
    size_t count = op_count(&updates->shape), element = fov_dtype_size(y->dtype);
    scatter_copy(run);
    for (size_t i = 0; i < count; i++) {
        size_t to = place(options, &updates->shape, i, index_load(&run->in[1], i), &y->shape);
        if (to == SIZE_MAX) {
            continue;
        }
        if (options->reduction == SCATTER_NONE) {
            memcpy((char *)y->data + to * element, (const char *)updates->data + i * element, element);
        } else {
            float *there = (float *)y->data + to;
            *there = (float)scatter_combine(options->reduction, (double)*there,
                                            (double)((const float *)updates->data)[i]);
        }
    }
}

static int compile(struct op_compile *compile)
{
    compile->run = run;
    return FOV_OK;
}

static bool supports(const void *options, const struct op_tensor *in, int in_count)
{
    (void)in_count;
    return in[0].dtype == FOV_F32 || ((const struct scatter_elements_options *)options)->reduction == SCATTER_NONE;
}

static const struct op_cpu cpu = {.layout = OP_WANTS_PLAIN, .supports = supports, .compile = compile};

/* Opsets 9 and 10 called it Scatter. */
static int import_scatter(struct op_import *node)
{
    struct scatter_elements_options options = {node->integer(node->reader, "axis", 0), SCATTER_NONE};
    const char *reduction = node->text(node->reader, "reduction", "none");
    while (scatter_reductions[options.reduction] != NULL &&
           strcmp(scatter_reductions[options.reduction], reduction) != 0) {
        options.reduction++;
    }
    if (scatter_reductions[options.reduction] == NULL) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "%s has a reduction that is not known", node->type);
    }
    return index_import_node(node, "scatter_elements", node->in, node->in_count, &options);
}

static int export_scatter(struct op_export *node)
{
    const struct scatter_elements_options *options = node->options;
    return scatter_export(node, options->reduction, &options->axis);
}

static const char *const also[] = {"Scatter", NULL};
static const struct op_onnx onnx = {
    .type = "ScatterElements", .since = 9, .import = import_scatter, .export = export_scatter, .also = also};

/* 0, 2, 4, ... modulo 5 along any axis: different along rows and columns of the cases below. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    (void)key;
    for (size_t i = 0; index == 1 && i < count; i++) {
        data[i] = (double)(i * 2 % 5) - (i % 2 == 0 ? 0 : 5);
    }
}

static const struct scatter_elements_options columns = {-1, SCATTER_NONE}, sums = {0, SCATTER_ADD},
                                             products = {1, SCATTER_MUL}, largest = {1, SCATTER_MAX},
                                             smallest = {1, SCATTER_MIN};
static const struct op_case cases[] = {
    {.name = "columns", .in = {{2, {3, 5}}, {2, {2, 4}}, {2, {2, 4}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 3,
     .options = &columns, .fill = fill},
    {.name = "sums", .in = {{2, {5, 3}}, {2, {7, 3}}, {2, {7, 3}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 3,
     .options = &sums, .fill = fill},
    {.name = "products", .in = {{2, {3, 5}}, {2, {2, 8}}, {2, {2, 8}}}, .in_dtype = {FOV_F32, FOV_I32}, .in_count = 3,
     .options = &products, .fill = fill, .no_gradient = true},
    {.name = "maxima", .in = {{2, {3, 5}}, {2, {2, 8}}, {2, {2, 8}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 3,
     .options = &largest, .fill = fill},
    {.name = "minima", .in = {{2, {3, 5}}, {2, {2, 8}}, {2, {2, 8}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 3,
     .options = &smallest, .fill = fill},
    {.name = "integers", .in = {{2, {3, 5}}, {2, {2, 4}}, {2, {2, 4}}}, .in_dtype = {FOV_I64, FOV_I64, FOV_I64},
     .integers = 9, .in_count = 3, .options = &columns, .fill = fill},
    {0},
};

const struct op op_scatter_elements = {
    .name = "scatter_elements",
    .family = OP_SHAPE,
    .summary = "A copy in which single elements along an axis meet updates.",
    .formula = "y = x; y[i, indices[i, j, ...], ...] = updates[i, j, ...], or + * max min",
    .in = (const struct op_port[]){{.name = "x", .shape = "[...]"},
                                   {.name = "indices", .shape = "[of x's rank]", .plain = true},
                                   {.name = "updates", .shape = "as indices"},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "as x"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct scatter_elements_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
