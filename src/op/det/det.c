/* SPDX-License-Identifier: MIT */
/* Determinants of square matrices, by expansion along the first row (Laplace). That is the definition, it is exact on
 * whole numbers, and a determinant's gradient is made of the same minors; matrices in networks are 2 x 2 or 3 x 3. */
#include "op/common.h"
#include "op/forward.h"
#include "op/onnx.h"

enum { LARGEST = 8 }; /* rows: n! products */

static int infer_det(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[0].shape;
    char text[SHAPE_TEXT_SIZE];
    int64_t rows = x->rank >= 2 ? x->dim[x->rank - 1] : 0;
    if (x->rank < 2 || rows != x->dim[x->rank - 2] || rows < 1 || rows > LARGEST) {
        return error_set(infer->error, FOV_E_SHAPE, "x %s must be square matrices of 1 to %d rows", shape_text(x, text),
                         LARGEST);
    }
    infer->out[0].shape.rank -= 2;
    return op_check_float(infer, 0, "x");
}

static int infer_gradient(const struct op_infer *infer)
{
    infer->out[0] = infer->in[1];
    return op_check_result(infer, 0, infer_det, (const int[]){1}, 1);
}

/** Determinant of the rows and columns whose bits are set in the masks. */
static double minor_of(const double *x, int size, unsigned rows, unsigned columns)
{
    int row = 0, sign = 1;
    if (rows == 0) {
        return 1;
    }
    while ((rows >> row & 1) == 0) {
        row++;
    }
    double sum = 0;
    for (int column = 0; column < size; column++) {
        if (columns >> column & 1) {
            sum += sign * x[row * size + column] * minor_of(x, size, rows & ~(1U << row), columns & ~(1U << column));
            sign = -sign;
        }
    }
    return sum;
}

static void textbook(const struct op_textbook *textbook)
{
    const fov_shape *x = &textbook->in[0].shape;
    int size = (int)x->dim[x->rank - 1];
    size_t count = op_count(&textbook->out[0].shape);
    unsigned all = (1U << size) - 1;
    for (size_t i = 0; i < count; i++) {
        textbook->out[0].data[i] = minor_of(textbook->in[0].data + i * (size_t)(size * size), size, all, all);
    }
}

/* d det / d x[r][c] is the cofactor of row r, column c. */
static void textbook_gradient(const struct op_textbook *textbook)
{
    const fov_shape *x = &textbook->in[1].shape;
    int size = (int)x->dim[x->rank - 1];
    size_t matrices = op_count(&textbook->in[0].shape);
    unsigned all = (1U << size) - 1;
    for (size_t i = 0; i < matrices; i++) {
        const double *matrix = textbook->in[1].data + i * (size_t)(size * size);
        double *dx = textbook->out[0].data + i * (size_t)(size * size);
        for (int r = 0; r < size; r++) {
            for (int c = 0; c < size; c++) {
                double cofactor = minor_of(matrix, size, all & ~(1U << r), all & ~(1U << c)) * ((r + c) % 2 ? -1 : 1);
                dx[r * size + c] = textbook->in[0].data[i] * cofactor;
            }
        }
    }
}

static void gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] =
            op_emit2(gradient->emitter, "det_gradient", gradient->out_gradient[0], gradient->in[0], NULL);
    }
}

static const struct op_onnx onnx = {.type = "Det", .since = 11};

static const struct op_case cases[] = {
    {.name = "2 x 2", .in = {{2, {2, 2}}}, .in_count = 1},
    {.name = "stack of 3 x 3", .in = {{4, {2, 3, 3, 3}}}, .in_count = 1},
    {.name = "1 x 1", .in = {{3, {2, 1, 1}}}, .in_count = 1},
    {0},
};
/* Gradients of this gradient do not exist. */
static const struct op_case gradient_cases[] = {
    {.name = "stack of 3 x 3", .in = {{1, {2}}, {3, {2, 3, 3}}}, .in_count = 2, .no_gradient = true},
    {0},
};

const struct op op_det = {
    .name = "det",
    .family = OP_REDUCTION,
    .summary = "Determinant of each square matrix.",
    .formula = "y = sum over permutations p of sign(p) * product over rows r of x[r, p(r)]",
    .in = (const struct op_port[]){{.name = "x", .shape = "[..., M, M]", .plain = true}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[...]", .plain = true}, {0}},
    .infer = infer_det,
    .gradient = gradient,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};

const struct op op_det_gradient = {
    .name = "det_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of the determinant: its cofactors.",
    .formula = "dx[r, c] = dy * (-1)^(r + c) * det of x without row r and column c",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[...]", .plain = true},
                                   {.name = "x", .shape = "[..., M, M]", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as x", .plain = true}, {0}},
    .infer = infer_gradient,
    .textbook = textbook_gradient,
    .cases = gradient_cases,
};
