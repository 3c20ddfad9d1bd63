/* SPDX-License-Identifier: MIT */
/* Arithmetic of quantised numbers: see quantise.h. */
#include "op/quantise.h"

#include <math.h>

void quantise_range(fov_dtype dtype, double *low, double *high)
{
    int bits = (int)fov_dtype_size(dtype) * 8;
    bool is_signed = dtype == FOV_I8 || dtype == FOV_I16 || dtype == FOV_I32;
    *low = is_signed ? -ldexp(1, bits - 1) : 0;
    *high = ldexp(1, is_signed ? bits - 1 : bits) - 1;
}

double quantise_round(double value, double zero_point, fov_dtype dtype)
{
    double low, high, rounded = rint(value) + zero_point;
    quantise_range(dtype, &low, &high);
    return !(rounded > low) ? low : rounded > high ? high : rounded;
}

bool quantise_is_target(fov_dtype dtype)
{
    return dtype == FOV_U8 || dtype == FOV_I8 || dtype == FOV_U16 || dtype == FOV_I16;
}

size_t quantise_index(const fov_shape *x, const fov_shape *scale, int64_t axis, int64_t block, size_t i)
{
    if (op_count(scale) == 1) {
        return 0;
    }
    int at = (int)(axis < 0 ? axis + x->rank : axis);
    size_t inner = shape_span(x, at + 1, x->rank), size = (size_t)x->dim[at];
    size_t coordinate = i / inner % size;
    if (block == 0 || scale->rank != x->rank) {
        return coordinate; /* one per index of the axis, also where blocks are asked for */
    }
    return (i / inner / size * (size_t)scale->dim[at] + coordinate / (size_t)block) * inner + i % inner;
}

int quantise_check(const struct op_infer *infer, int x, int scale, int zero, int64_t axis, int64_t block)
{
    const fov_shape *shape = &infer->in[x].shape, *s = &infer->in[scale].shape;
    char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
    size_t count, zeros;
    bool single = shape_count(s, &count) && count == 1;
    int at = (int)(axis < 0 ? axis + shape->rank : axis);
    bool fits = single;
    if (!single && at >= 0 && at < shape->rank) {
        fits = s->rank == 1 && s->dim[0] == shape->dim[at];
        if (block > 0 && s->rank == shape->rank) {
            fits = true;
            for (int i = 0; i < s->rank; i++) {
                int64_t wanted = i == at ? (shape->dim[i] + block - 1) / block : shape->dim[i];
                fits = fits && s->dim[i] == wanted;
            }
        }
    }
    if (!fits) {
        return error_set(infer->error, FOV_E_SHAPE, "scale %s does not fit %s along axis %lld", shape_text(s, text),
                         shape_text(shape, other), (long long)axis);
    }
    if (zero >= infer->in_count || infer->in[zero].shape.rank < 0) {
        return FOV_OK;
    }
    bool both_single = single && shape_count(&infer->in[zero].shape, &zeros) && zeros == 1;
    if (!both_single && !shape_fits(s, &infer->in[zero].shape)) {
        return error_set(infer->error, FOV_E_SHAPE, "zero point %s must have the shape of scale %s",
                         shape_text(&infer->in[zero].shape, text), shape_text(s, other));
    }
    return FOV_OK;
}

int quantise_product(struct quantise_product *product, const fov_shape *a, const fov_shape *b, fov_shape *y,
                     struct error *error)
{
    char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
    struct quantise_product p = {.a = *a, .b = *b};
    if (a->rank == 1) {
        p.a = (fov_shape){2, {1, a->dim[0]}};
    }
    if (b->rank == 1) {
        p.b = (fov_shape){2, {b->dim[0], 1}};
    }
    int rank = p.a.rank > p.b.rank ? p.a.rank : p.b.rank;
    bool fits = a->rank >= 1 && b->rank >= 1 && p.a.dim[p.a.rank - 1] == p.b.dim[p.b.rank - 2];
    p.y = (fov_shape){.rank = rank};
    for (int i = 0; fits && i < rank - 2; i++) {
        int from_a = i - (rank - p.a.rank), from_b = i - (rank - p.b.rank);
        int64_t da = from_a < 0 ? 1 : p.a.dim[from_a], db = from_b < 0 ? 1 : p.b.dim[from_b];
        fits = da == db || da == 1 || db == 1;
        p.y.dim[i] = da == 1 ? db : da;
    }
    if (!fits) {
        return error_set(error, FOV_E_SHAPE, "%s and %s cannot be multiplied as stacks of matrices",
                         shape_text(a, text), shape_text(b, other));
    }
    p.y.dim[rank - 2] = p.a.dim[p.a.rank - 2];
    p.y.dim[rank - 1] = p.b.dim[p.b.rank - 1];
    *y = (fov_shape){.rank = 0};
    for (int i = 0; i < rank; i++) {
        if (!(i == rank - 2 && a->rank == 1) && !(i == rank - 1 && b->rank == 1)) {
            y->dim[y->rank++] = p.y.dim[i];
        }
    }
    p.rows = (size_t)p.y.dim[rank - 2];
    p.columns = (size_t)p.y.dim[rank - 1];
    p.depth = (size_t)p.a.dim[p.a.rank - 1];
    p.stacks = 1;
    for (int i = 0; i < rank - 2; i++) {
        p.stacks *= p.y.dim[i] < 0 ? 1 : (size_t)p.y.dim[i];
    }
    *product = p;
    return FOV_OK;
}

void quantise_stack(const struct quantise_product *product, size_t stack, size_t *a, size_t *b)
{
    fov_shape stacks = product->y, of_a = product->a, of_b = product->b;
    stacks.rank -= 2;
    of_a.rank -= 2;
    of_b.rank -= 2;
    *a = op_broadcast_index(&stacks, stack, &of_a) * product->rows * product->depth;
    *b = op_broadcast_index(&stacks, stack, &of_b) * product->depth * product->columns;
}
