/* SPDX-License-Identifier: MIT */
/* Trilu: keeps the upper or lower triangle of matrices and sets the rest to zero. An input names the diagonal that
 * bounds the triangle. */
#include "op/index.h"

struct trilu_options {
    bool lower;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct trilu_options, lower), .kind = OP_FLAG,
     .doc = "keeps the lower triangle rather than the upper"},
    {0},
};

static int infer(const struct op_infer *infer)
{
    if (infer->in[0].shape.rank < 2) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "x %s must be a matrix or a stack of them",
                         shape_text(&infer->in[0].shape, text));
    }
    if (infer->in_count > 1 && infer->in[1].shape.rank > 0 &&
        !(infer->in[1].shape.rank == 1 && infer->in[1].shape.dim[0] == 1)) {
        return error_set(infer->error, FOV_E_SHAPE, "k must be one number");
    }
    return FOV_OK;
}

static void gradient(struct op_gradient *gradient)
{
    fov_value in[] = {gradient->out_gradient[0], gradient->in_count > 1 ? gradient->in[1] : (fov_value){0}};
    gradient->in_gradient[0] = op_emit(gradient->emitter, "trilu", in, gradient->in_count, gradient->options);
}

static void textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0];
    bool lower = ((const struct trilu_options *)textbook->options)->lower;
    int64_t k = textbook->in_count > 1 && textbook->in[1].data != NULL ? index_clamp(textbook->in[1].data[0]) : 0;
    size_t count = op_count(&x->shape), columns = (size_t)x->shape.dim[x->shape.rank - 1];
    size_t rows = (size_t)x->shape.dim[x->shape.rank - 2];
    for (size_t i = 0; i < count; i++) {
        int64_t row = (int64_t)(i / columns % rows), column = (int64_t)(i % columns);
        bool kept = lower ? column - row <= k : column - row >= k;
        y->data[i] = kept ? x->data[i] : 0;
    }
}

static int import_trilu(struct op_import *node)
{
    struct trilu_options options = {node->integer(node->reader, "upper", 1) == 0};
    return index_import_node(node, "trilu", node->in, node->in_count, &options);
}

static int export_trilu(struct op_export *node)
{
    node->begin(node->writer, "Trilu", NULL);
    for (int i = 0; i < node->in_count; i++) {
        node->input(node->writer, i);
    }
    node->attribute_integer(node->writer, "upper", !((const struct trilu_options *)node->options)->lower);
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Trilu", .since = 14, .import = import_trilu, .export = export_trilu};

static void fill(int index, double *data, size_t count, struct random_key key)
{
    (void)key;
    for (size_t i = 0; index == 1 && i < count; i++) {
        data[i] = -1;
    }
}

static const struct trilu_options lower = {true};
static const struct op_case cases[] = {
    {.name = "upper", .in = {{2, {3, 4}}}, .in_count = 1},
    {.name = "lower", .in = {{3, {2, 4, 3}}}, .in_count = 1, .options = &lower},
    {.name = "from a diagonal", .in = {{3, {2, 4, 3}}, {0, {0}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2,
     .fill = fill},
    {0},
};

const struct op op_trilu = {
    .name = "trilu",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "The upper or lower triangle of matrices.",
    .formula = "y[i, j] = x[i, j] where j - i >= k (lower: <= k), else 0",
    .in = (const struct op_port[]){{.name = "x", .shape = "[..., rows, columns]"},
                                   {.name = "k", .shape = "[]", .optional = true, .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "as x"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct trilu_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
