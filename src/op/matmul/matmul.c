/* SPDX-License-Identifier: MIT */
/* The matrix product as numpy and ONNX mean it: of the last two dimensions, stacks broadcast, vectors become matrices
 * of one row or one column. Options transpose the operands (in ONNX a Transpose in front), so that the gradients are
 * matmuls again. The fast form is in product.c. */
#include "op/matmul/matmul.h"

#include <fovea/operators.h>

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct matmul_options, transpose_a), .kind = OP_FLAG, .doc = "a's last two dimensions change places"},
    {OP_ATTRIBUTE(struct matmul_options, transpose_b), .kind = OP_FLAG, .doc = "b's last two dimensions change places"},
    {0},
};

int matmul_size(const struct matmul_options *options, const fov_shape *a, const fov_shape *b, struct matmul_size *size,
                struct error *error)
{
    char a_text[SHAPE_TEXT_SIZE], b_text[SHAPE_TEXT_SIZE];
    if (a->rank < 1 || b->rank < 1) {
        return error_set(error, FOV_E_SHAPE, "a is %s and b is %s: a matrix product needs at least vectors",
                         shape_text(a, a_text), shape_text(b, b_text));
    }
    *size = (struct matmul_size){.turn_a = options->transpose_a && a->rank > 1,
                                 .turn_b = options->transpose_b && b->rank > 1};
    int64_t last_a = a->dim[a->rank - 1], last_b = b->dim[b->rank - 1];
    int64_t first_a = a->rank > 1 ? a->dim[a->rank - 2] : 1, first_b = b->rank > 1 ? b->dim[b->rank - 2] : last_b;
    if (b->rank == 1) {
        last_b = 1;
    }
    size->rows = size->turn_a ? last_a : first_a;
    size->depth = size->turn_a ? first_a : last_a;
    size->columns = size->turn_b ? first_b : last_b;
    int64_t depth_b = size->turn_b ? last_b : first_b;
    if (size->depth != depth_b && size->depth >= 0 && depth_b >= 0) {
        return error_set(error, FOV_E_SHAPE, "a %s%s and b %s%s: %lld columns do not meet %lld rows",
                         shape_text(a, a_text), size->turn_a ? " transposed" : "", shape_text(b, b_text),
                         size->turn_b ? " transposed" : "", (long long)size->depth, (long long)depth_b);
    }
    size->a_batch = shape_make(a->rank > 1 ? a->rank - 2 : 0, a->dim);
    size->b_batch = shape_make(b->rank > 1 ? b->rank - 2 : 0, b->dim);
    return shape_broadcast(&size->a_batch, &size->b_batch, &size->batch, error);
}

static int infer(const struct op_infer *infer)
{
    const fov_shape *a = &infer->in[0].shape, *b = &infer->in[1].shape;
    struct matmul_size size;
    int status = matmul_size(infer->options, a, b, &size, infer->error);
    status = status != FOV_OK ? status : op_check_same_dtype(infer, 0, "a", 1, "b");
    if (status != FOV_OK) {
        return status;
    }
    fov_shape y = size.batch;
    if (a->rank > 1) {
        y.dim[y.rank++] = size.rows;
    }
    if (b->rank > 1) {
        y.dim[y.rank++] = size.columns;
    }
    for (int d = 1; d < y.rank; d++) {
        if (y.dim[d] < 0) {
            return error_set(infer->error, FOV_E_UNSUPPORTED, "the open batch would become dimension %d", d);
        }
    }
    infer->out[0].shape = y;
    return FOV_OK;
}

/* ---- gradient: dA' = dY B'^T and dB' = A'^T dY, each turned back where the operand was --------------------------- */

static fov_value product(const struct op_emitter *emitter, fov_value a, fov_value b, bool turn_a, bool turn_b)
{
    struct matmul_options options = {turn_a, turn_b};
    return op_emit2(emitter, "matmul", a, b, &options);
}

static fov_value reshaped(const struct op_emitter *emitter, fov_value value, const fov_shape *from, const fov_shape *to)
{
    return shape_equal(from, to) ? value : op_emit_reshape(emitter, value, to);
}

static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    const fov_shape *a = &gradient->in_tensor[0].shape, *b = &gradient->in_tensor[1].shape;
    struct matmul_size size;
    if (matmul_size(gradient->options, a, b, &size, NULL) != FOV_OK) {
        return;
    }
    /* Vectors become the matrices they stand for. */
    fov_shape a2 = *a, b2 = *b, y2 = size.batch;
    if (a->rank == 1) {
        a2 = (fov_shape){2, {1, a->dim[0]}};
    }
    if (b->rank == 1) {
        b2 = (fov_shape){2, {b->dim[0], 1}};
    }
    y2.dim[y2.rank++] = size.rows;
    y2.dim[y2.rank++] = size.columns;
    fov_value va = reshaped(emitter, gradient->in[0], a, &a2), vb = reshaped(emitter, gradient->in[1], b, &b2);
    fov_value dy = reshaped(emitter, gradient->out_gradient[0], &gradient->out_tensor[0].shape, &y2);
    fov_shape full = size.batch;
    full.rank += 2;
    if (gradient->wanted[0]) {
        fov_value da = size.turn_a ? product(emitter, vb, dy, size.turn_b, true)
                                   : product(emitter, dy, vb, false, !size.turn_b);
        full.dim[full.rank - 2] = a2.dim[a2.rank - 2];
        full.dim[full.rank - 1] = a2.dim[a2.rank - 1];
        da = op_emit_sum_to(emitter, da, &full, va, &a2);
        gradient->in_gradient[0] = reshaped(emitter, da, &a2, a);
    }
    if (gradient->wanted[1]) {
        fov_value db = size.turn_b ? product(emitter, dy, va, true, size.turn_a)
                                   : product(emitter, va, dy, !size.turn_a, false);
        full.dim[full.rank - 2] = b2.dim[b2.rank - 2];
        full.dim[full.rank - 1] = b2.dim[b2.rank - 1];
        db = op_emit_sum_to(emitter, db, &full, vb, &b2);
        gradient->in_gradient[1] = reshaped(emitter, db, &b2, b);
    }
}

static void cost(struct op_cost *cost)
{
    struct matmul_size size;
    if (matmul_size(cost->options, &cost->in[0].shape, &cost->in[1].shape, &size, NULL) == FOV_OK) {
        cost->multiply_adds = (int64_t)op_count(&size.batch) * size.rows * size.depth * size.columns;
    }
    cost->global = true;
}

static void textbook(const struct op_textbook *textbook)
{
    struct matmul_size size;
    matmul_size(textbook->options, &textbook->in[0].shape, &textbook->in[1].shape, &size, NULL);
    int64_t rows = size.rows, depth = size.depth, columns = size.columns;
    size_t stack = op_count(&size.batch);
    for (size_t n = 0; n < stack; n++) {
        const double *a =
            textbook->in[0].data + op_broadcast_index(&size.batch, n, &size.a_batch) * (size_t)(rows * depth);
        const double *b =
            textbook->in[1].data + op_broadcast_index(&size.batch, n, &size.b_batch) * (size_t)(depth * columns);
        double *y = textbook->out[0].data + n * (size_t)(rows * columns);
        for (int64_t r = 0; r < rows; r++) {
            for (int64_t c = 0; c < columns; c++) {
                double sum = 0;
                for (int64_t k = 0; k < depth; k++) {
                    sum += (size.turn_a ? a[k * rows + r] : a[r * depth + k]) *
                           (size.turn_b ? b[c * depth + k] : b[k * columns + c]);
                }
                y[r * columns + c] = sum;
            }
        }
    }
}

static const struct op_cpu cpu = {.layout = OP_WANTS_PLAIN, .supports = op_all_f32, .compile = matmul_compile};

/* ---- ONNX -------------------------------------------------------------------------------------------------------- */

/* Writes a Transpose for a transposed operand; returns its output's name, NULL where the operand is not transposed. */
static const char *export_turned(struct op_export *node, int in, bool turned)
{
    int rank = node->in[in].shape.rank;
    int64_t perm[FOV_MAX_RANK];
    if (!turned || rank < 2) {
        return NULL;
    }
    for (int d = 0; d < rank; d++) {
        perm[d] = d < rank - 2 ? d : d == rank - 2 ? rank - 1 : rank - 2;
    }
    const char *name = node->temporary(node->writer);
    node->begin(node->writer, "Transpose", NULL);
    node->input(node->writer, in);
    node->attribute_list(node->writer, "perm", perm, rank);
    node->output_name(node->writer, name);
    return name;
}

static int export_matmul(struct op_export *node)
{
    const struct matmul_options *options = node->options;
    const char *turned[] = {export_turned(node, 0, options->transpose_a), export_turned(node, 1, options->transpose_b)};
    node->begin(node->writer, "MatMul", NULL);
    for (int i = 0; i < 2; i++) {
        turned[i] != NULL ? node->input_name(node->writer, turned[i]) : node->input(node->writer, i);
    }
    node->output(node->writer, 0);
    return FOV_OK;
}

static int import_matmul(struct op_import *node)
{
    return index_import_node(node, "matmul", node->in, node->in_count, NULL);
}

static const struct op_onnx onnx = {.type = "MatMul", .since = 1, .import = import_matmul, .export = export_matmul};

fov_value fov_matmul(fov_graph *graph, fov_value a, fov_value b)
{
    fov_value in[] = {a, b};
    return op_build(graph, "matmul", in, 2, NULL, NULL);
}

static const struct matmul_options turn_a = {true, false}, turn_b = {false, true}, turn_both = {true, true};
static const struct op_case cases[] = {
    {.name = "matrices", .in = {{2, {3, 5}}, {2, {5, 7}}}, .in_count = 2},
    {.name = "a transposed", .in = {{2, {5, 3}}, {2, {5, 17}}}, .in_count = 2, .options = &turn_a},
    {.name = "b transposed", .in = {{2, {3, 5}}, {2, {17, 5}}}, .in_count = 2, .options = &turn_b},
    {.name = "both transposed", .in = {{2, {5, 3}}, {2, {7, 5}}}, .in_count = 2, .options = &turn_both},
    {.name = "stacks", .in = {{3, {2, 3, 4}}, {3, {2, 4, 5}}}, .in_count = 2},
    {.name = "stacks, broadcast", .in = {{4, {2, 1, 3, 4}}, {3, {3, 4, 2}}}, .in_count = 2},
    {.name = "stacks, transposed", .in = {{3, {2, 4, 3}}, {3, {2, 5, 4}}}, .in_count = 2, .options = &turn_both},
    {.name = "a stack by a matrix", .in = {{3, {2, 3, 4}}, {2, {4, 9}}}, .in_count = 2},
    {.name = "vectors", .in = {{1, {6}}, {1, {6}}}, .in_count = 2},
    {.name = "vector by matrix", .in = {{1, {4}}, {2, {4, 3}}}, .in_count = 2},
    {.name = "stack by vector", .in = {{3, {2, 3, 4}}, {1, {4}}}, .in_count = 2},
    {.name = "vector by stack", .in = {{1, {4}}, {3, {2, 4, 3}}}, .in_count = 2},
    {.name = "large", .in = {{2, {203, 130}}, {2, {130, 95}}}, .in_count = 2, .no_gradient = true},
    {.name = "on tiles", .in = {{3, {2, 103, 130}}, {2, {130, 99}}}, .in_count = 2, .no_gradient = true},
    {.name = "large stacks, transposed",
     .in = {{3, {3, 70, 65}}, {3, {3, 50, 70}}},
     .in_count = 2,
     .options = &turn_both,
     .no_gradient = true},
    {.name = "integers",
     .in = {{2, {3, 5}}, {2, {5, 7}}},
     .in_dtype = {FOV_I32, FOV_I32},
     .integers = 9,
     .in_count = 2},
    {0},
};

const struct op op_matmul = {
    .name = "matmul",
    .family = OP_CONVOLUTION,
    .exact = true,
    .summary = "Product of matrices, or of stacks of them.",
    .formula = "y[..., r, c] = sum over k of a[..., r, k] * b[..., k, c]",
    .in = (const struct op_port[]){{.name = "a", .shape = "[..., rows, depth]"},
                                   {.name = "b", .shape = "[..., depth, columns]"},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[..., rows, columns]"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct matmul_options),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
