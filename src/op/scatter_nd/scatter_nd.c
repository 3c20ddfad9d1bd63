/* SPDX-License-Identifier: MIT */
/* ScatterND: a copy of x in which slices, named by their first coordinates, are replaced by updates, or combined with
 * them by sum, product, maximum or minimum. One thread applies the updates in order. */
#include "op/scatter.h"

#include <string.h>

struct scatter_nd_options {
    int reduction;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct scatter_nd_options, reduction), .onnx = "reduction", .kind = OP_CHOICE,
     .choices = scatter_reductions, .doc = "how an update meets what is there"},
    {0},
};

static int infer(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[0].shape, *indices = &infer->in[1].shape, *updates = &infer->in[2].shape;
    char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
    int last = indices->rank - 1;
    if (last < 0 || indices->dim[last] < 1 || indices->dim[last] > x->rank) {
        return error_set(infer->error, FOV_E_SHAPE, "indices %s do not name slices of x %s", shape_text(indices, a),
                         shape_text(x, b));
    }
    if (!op_is_integer(infer->in[1].dtype)) {
        return error_set(infer->error, FOV_E_USAGE, "indices are %s, they must be whole numbers",
                         fov_dtype_name(infer->in[1].dtype));
    }
    int named = (int)indices->dim[last];
    fov_shape expected = {.rank = last + x->rank - named};
    for (int d = 0; d < expected.rank && d < FOV_MAX_RANK; d++) {
        expected.dim[d] = d < last ? indices->dim[d] : x->dim[d - last + named];
    }
    if (expected.rank > FOV_MAX_RANK || !shape_fits(&expected, updates)) {
        return error_set(infer->error, FOV_E_SHAPE, "updates are %s, they must be %s", shape_text(updates, a),
                         expected.rank > FOV_MAX_RANK ? "of fewer dimensions" : shape_text(&expected, b));
    }
    int status = op_check_same_dtype(infer, 0, "x", 2, "updates");
    return status != FOV_OK ? status : index_check_known(infer, 0, named);
}

static void gradient(struct op_gradient *gradient)
{
    const struct scatter_nd_options *options = gradient->options;
    struct scatter_nd_options none = {SCATTER_NONE};
    scatter_gradient(gradient, options->reduction, "scatter_nd", &none, "gather_nd", NULL);
}

/* Adds one more coordinate to the index of a slice (in plain order). SIZE_MAX: outside x. */
static size_t step_in(size_t slice, int64_t index, int64_t size)
{
    index += index < 0 ? size : 0;
    return slice == SIZE_MAX || index < 0 || index >= size ? SIZE_MAX : slice * (size_t)size + (size_t)index;
}

static void textbook(const struct op_textbook *textbook)
{
    const struct scatter_nd_options *options = textbook->options;
    const struct op_textbook_tensor *x = &textbook->in[0], *indices = &textbook->in[1], *y = &textbook->out[0];
    size_t count = op_count(&x->shape), named = (size_t)indices->shape.dim[indices->shape.rank - 1];
    size_t rows = shape_span(&indices->shape, 0, indices->shape.rank - 1);
    size_t slice = shape_span(&x->shape, (int)named, x->shape.rank);
    for (size_t i = 0; i < count; i++) {
        y->data[i] = x->data[i];
    }
    for (size_t row = 0; row < rows; row++) {
        size_t to = 0;
        for (size_t c = 0; c < named; c++) {
            to = step_in(to, index_clamp(indices->data[row * named + c]), x->shape.dim[c]);
        }
        for (size_t i = 0; to != SIZE_MAX && i < slice; i++) {
            double *there = &y->data[to * slice + i];
            *there = scatter_combine(options->reduction, *there, textbook->in[2].data[row * slice + i]);
        }
    }
}

static void run(const struct op_run *run)
{
    const struct scatter_nd_options *options = run->options;
    const struct op_tensor *indices = &run->in[1], *updates = &run->in[2], *y = &run->out[0];
    size_t named = (size_t)indices->shape.dim[indices->shape.rank - 1], element = fov_dtype_size(y->dtype);
    size_t rows = shape_span(&indices->shape, 0, indices->shape.rank - 1);
    size_t slice = shape_span(&y->shape, (int)named, y->shape.rank);
    scatter_copy(run);
    for (size_t row = 0; row < rows; row++) {
        size_t to = 0;
        for (size_t c = 0; c < named; c++) {
            to = step_in(to, index_load(indices, row * named + c), y->shape.dim[c]);
        }
        if (to == SIZE_MAX) {
            continue;
        }
        if (options->reduction == SCATTER_NONE) {
            memcpy((char *)y->data + to * slice * element, (const char *)updates->data + row * slice * element,
                   slice * element);
            continue;
        }
        float *there = (float *)y->data + to * slice;
        const float *update = (const float *)updates->data + row * slice;
        for (size_t i = 0; i < slice; i++) {
            there[i] = (float)scatter_combine(options->reduction, (double)there[i], (double)update[i]);
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
    return in[0].dtype == FOV_F32 || ((const struct scatter_nd_options *)options)->reduction == SCATTER_NONE;
}

static const struct op_cpu cpu = {.layout = OP_WANTS_PLAIN, .supports = supports, .compile = compile};

static int export_scatter(struct op_export *node)
{
    return scatter_export(node, ((const struct scatter_nd_options *)node->options)->reduction, NULL);
}

static const struct op_onnx onnx = {.type = "ScatterND", .since = 11, .export = export_scatter};

/* Pairs of coordinates in [3, 5]: five different ones, which then repeat. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    (void)key;
    for (size_t i = 0; index == 1 && i < count; i++) {
        size_t row = i / 2 % 5;
        data[i] = i % 2 == 0 ? (double)(row % 3) : (double)row - 5;
    }
}

static const struct scatter_nd_options sums = {SCATTER_ADD}, products = {SCATTER_MUL}, largest = {SCATTER_MAX},
                                       smallest = {SCATTER_MIN};
static const struct op_case cases[] = {
    {.name = "elements", .in = {{2, {3, 5}}, {2, {4, 2}}, {1, {4}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 3,
     .fill = fill},
    {.name = "slices", .in = {{3, {3, 5, 2}}, {2, {4, 2}}, {2, {4, 2}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 3,
     .fill = fill},
    {.name = "sums", .in = {{3, {3, 5, 2}}, {2, {8, 2}}, {2, {8, 2}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 3,
     .options = &sums, .fill = fill},
    {.name = "products", .in = {{2, {3, 5}}, {2, {8, 2}}, {1, {8}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 3,
     .options = &products, .fill = fill, .no_gradient = true},
    {.name = "maxima", .in = {{2, {3, 5}}, {2, {8, 2}}, {1, {8}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 3,
     .options = &largest, .fill = fill},
    {.name = "minima", .in = {{2, {3, 5}}, {2, {8, 2}}, {1, {8}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 3,
     .options = &smallest, .fill = fill},
    {0},
};

const struct op op_scatter_nd = {
    .name = "scatter_nd",
    .family = OP_SHAPE,
    .summary = "A copy in which slices, named by their first coordinates, meet updates.",
    .formula = "y = x; y[indices[i, 0], indices[i, 1], ..., ...] = updates[i, ...], or + * max min",
    .in = (const struct op_port[]){{.name = "x", .shape = "[...]"},
                                   {.name = "indices", .shape = "[rows, coordinates]", .plain = true},
                                   {.name = "updates", .shape = "[rows, rest of x]"},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "as x"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct scatter_nd_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
