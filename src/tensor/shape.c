/* SPDX-License-Identifier: MIT */
/* Arithmetic on shapes. Every product is checked here, so that a count can be used without another check. */
#include "tensor/shape.h"
#include "base/memory.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

static bool shape_rank_fits(const fov_shape *shape)
{
    return shape->rank >= 0 && shape->rank <= FOV_MAX_RANK;
}

bool shape_count(const fov_shape *shape, size_t *count)
{
    if (!shape_rank_fits(shape)) {
        return false;
    }
    /* One zero makes the tensor empty, but the product of the other dimensions must still fit: [0, 2^62, 2^62] is
     * refused, since a stride of it would overflow. */
    size_t product = 1;
    bool   empty = false;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 0 || (uint64_t)shape->dim[i] > SIZE_MAX) {
            return false;
        }
        if (shape->dim[i] == 0) {
            empty = true;
        } else if (!size_multiply(product, (size_t)shape->dim[i], &product) || product > INT64_MAX) {
            return false;
        }
    }
    *count = empty ? 0 : product;
    return true;
}

bool shape_bytes(const fov_shape *shape, fov_dtype dtype, size_t *bytes)
{
    size_t count;
    return shape_count(shape, &count) && size_multiply(count, fov_dtype_size(dtype), bytes) && *bytes <= INT64_MAX;
}

bool shape_is_sound(const fov_shape *shape, fov_dtype dtype)
{
    const int64_t most = INT64_C(1) << 38;
    fov_shape     one = shape_with_batch(shape, 1);
    size_t        bytes;
    for (int i = 0; i < one.rank; i++) {
        if (one.dim[i] > most) {
            return false;
        }
    }
    return shape_bytes(&one, dtype, &bytes);
}

bool shape_is_known(const fov_shape *shape)
{
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 0) {
            return false;
        }
    }
    return true;
}

bool shape_equal(const fov_shape *a, const fov_shape *b)
{
    if (a->rank != b->rank) {
        return false;
    }
    for (int i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i]) {
            return false;
        }
    }
    return true;
}

bool shape_fits(const fov_shape *a, const fov_shape *b)
{
    if (a->rank != b->rank) {
        return false;
    }
    for (int i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i] && a->dim[i] != FOV_BATCH && b->dim[i] != FOV_BATCH) {
            return false;
        }
    }
    return true;
}

const char *shape_text(const fov_shape *shape, char out[SHAPE_TEXT_SIZE])
{
    /* Eight dimensions of 20 characters and their commas need 178. */
    size_t length = text_append(out, SHAPE_TEXT_SIZE, 0, "[");
    for (int i = 0; i < shape->rank && i < FOV_MAX_RANK; i++) {
        const char *comma = i > 0 ? ", " : "";
        length = shape->dim[i] == FOV_BATCH ? text_append(out, SHAPE_TEXT_SIZE, length, "%sN", comma)
                                            : text_append(out, SHAPE_TEXT_SIZE, length, "%s%lld", comma,
                                                          (long long)shape->dim[i]);
    }
    text_append(out, SHAPE_TEXT_SIZE, length, "]");
    return out;
}

/* One dimension of a broadcast; false if the two do not broadcast. */
static bool shape_broadcast_dimension(int64_t a, int64_t b, int64_t *result)
{
    if (a == b || b == 1) {
        *result = a;
        return true;
    }
    if (a == 1) {
        *result = b;
        return true;
    }
    if (a == FOV_BATCH || b == FOV_BATCH) {
        *result = a == FOV_BATCH ? b : a; /* the unknown dimension must equal the other, which is not 1 */
        return true;
    }
    return false;
}

int shape_broadcast(const fov_shape *a, const fov_shape *b, fov_shape *result, struct error *error)
{
    fov_shape wide = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 1; i <= wide.rank; i++) {
        /* Aligned at the last dimension; missing ones in front count as 1. */
        int64_t dim_a = i <= a->rank ? a->dim[a->rank - i] : 1, dim_b = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (!shape_broadcast_dimension(dim_a, dim_b, &wide.dim[wide.rank - i])) {
            char text_a[SHAPE_TEXT_SIZE], text_b[SHAPE_TEXT_SIZE];
            return error_set(error, FOV_E_SHAPE, "shapes %s and %s do not broadcast: %lld against %lld",
                             shape_text(a, text_a), shape_text(b, text_b), (long long)dim_a, (long long)dim_b);
        }
    }
    *result = wide;
    return FOV_OK;
}

int shape_axis(const fov_shape *shape, int64_t axis, int *result, struct error *error)
{
    if (axis < -(int64_t)shape->rank || axis >= shape->rank) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(error, FOV_E_SHAPE, "axis %lld is outside shape %s of rank %d", (long long)axis,
                         shape_text(shape, text), shape->rank);
    }
    *result = (int)(axis < 0 ? axis + shape->rank : axis);
    return FOV_OK;
}

fov_shape shape_make(int rank, const int64_t *dim)
{
    /* Unused dimensions are zero, so that equal shapes have equal bytes. */
    fov_shape shape = {.rank = rank};
    for (int i = 0; i < rank && i < FOV_MAX_RANK; i++) {
        shape.dim[i] = dim[i];
    }
    return shape;
}

size_t shape_span(const fov_shape *shape, int from, int to)
{
    size_t product = 1;
    for (int i = from; i < to; i++) {
        product *= (size_t)shape->dim[i];
    }
    return product;
}

fov_shape shape_with_batch(const fov_shape *shape, int64_t batch)
{
    fov_shape known = *shape;
    for (int i = 0; i < known.rank; i++) {
        if (known.dim[i] == FOV_BATCH) {
            known.dim[i] = batch;
        }
    }
    return known;
}

void shape_strides(const fov_shape *shape, int64_t stride[FOV_MAX_RANK])
{
    int64_t step = 1;
    for (int i = shape->rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= shape->dim[i];
    }
}
