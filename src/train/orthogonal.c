/* SPDX-License-Identifier: MIT */
/* Five iterations of Newton-Schulz (Bernstein & Newhouse, "Old optimizer, new norm", 2024; the coefficients are those
 * of Jordan et al., "Muon", 2024, and torch.optim.Muon), in float where PyTorch uses bfloat16. A weight of more than
 * two axes is treated as the matrix [filters][all other axes]. Products are the operator `matmul`, so that the order of
 * sums depends on the shapes, not on the number of threads. */
#include "train/orthogonal.h"
#include <fovea/operators.h>
#include <math.h>
#include <stdio.h>

enum { TURNS = 5, NAME_SIZE = 4096 + 64 };

static const float LINEAR = 3.4445f, CUBIC = -4.7750f, QUINTIC = 2.0315f, LEAST_NORM = 1e-7f;

static fov_value times(fov_graph *graph, fov_value x, float number)
{
    return fov_mul(graph, x, fov_constant(graph, NULL, FOV_F32, (fov_shape){0}, &number));
}

/* begin + share (end - begin) */
static fov_value between(fov_graph *graph, fov_value begin, fov_value end, double share)
{
    return fov_add(graph, begin, times(graph, fov_sub(graph, end, begin), (float)share));
}

/* X = a X + (b A + c A A) X with A = X X', which brings all singular values near 1. */
static fov_value turn(fov_graph *graph, fov_value x)
{
    fov_value a = fov_matmul(graph, x, fov_transpose(graph, x, NULL, 0));
    fov_value b = fov_add(graph, times(graph, a, CUBIC), times(graph, fov_matmul(graph, a, a), QUINTIC));
    return fov_add(graph, times(graph, x, LINEAR), fov_matmul(graph, b, x));
}

/* Divides by the Frobenius norm, so that no singular value is above 1. */
static fov_value normed(fov_graph *graph, fov_value x)
{
    fov_value squares = op_emit(fov_graph_emitter(graph), "reduce_sum_square", &x, 1, NULL);
    fov_value norm = fov_sqrt(graph, fov_reshape(graph, squares, (fov_shape){0}));
    fov_value least = fov_constant(graph, NULL, FOV_F32, (fov_shape){0}, &LEAST_NORM);
    return fov_div(graph, x, fov_add(graph, norm, least));
}

/* A matrix with more rows than columns is transposed for the iterations, so that A = X X' is the smaller product; its
 * direction is then scaled by sqrt(rows / columns). */
static fov_value orthogonal(fov_graph *graph, fov_value direction, const fov_shape *shape)
{
    int64_t rows = shape->dim[0], columns = 1;
    for (int i = 1; i < shape->rank; i++) {
        columns *= shape->dim[i];
    }
    bool turned = rows > columns;
    fov_value x = normed(graph, fov_reshape(graph, direction, (fov_shape){2, {rows, columns}}));
    x = turned ? fov_transpose(graph, x, NULL, 0) : x;
    for (int i = 0; i < TURNS; i++) {
        x = turn(graph, x);
    }
    x = turned ? times(graph, fov_transpose(graph, x, NULL, 0), (float)sqrt((double)rows / (double)columns)) : x;
    return fov_reshape(graph, x, *shape);
}

fov_value orthogonal_add(const struct optimizer *optimizer, const struct optimizer_update *u)
{
    char name[NAME_SIZE]; /* the graph refuses names that become too long */
    fov_shape shape = fov_value_shape(u->graph, u->parameter);
    double share = optimizer_get(optimizer, "momentum", 0.0);
    snprintf(name, sizeof name, "optimizer.%s.momentum", fov_value_name(u->graph, u->parameter));
    fov_value old = fov_parameter(u->graph, .name = name, .shape = shape, .frozen = true);
    fov_value momentum = between(u->graph, old, u->gradient, 1.0 - share);
    fov_assign(u->graph, old, momentum);
    bool ahead = optimizer_get(optimizer, "nesterov", 0.0) != 0.0;
    fov_value direction = ahead ? between(u->graph, u->gradient, momentum, share) : momentum;
    return shape.rank < 2 ? times(u->graph, direction, (float)optimizer_get(optimizer, "companion", 1.0))
                          : orthogonal(u->graph, direction, &shape);
}
