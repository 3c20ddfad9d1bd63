/* SPDX-License-Identifier: MIT */
/* Checks shared by the classification losses: see class_loss.h. */
#include "op/class_loss.h"

const char *const class_reductions[] = {"mean", "none", "sum", NULL};

int class_loss_check(const struct op_infer *infer, int scores, int labels, int weight)
{
    const fov_shape *x = &infer->in[scores].shape, *l = &infer->in[labels].shape;
    fov_dtype dtype = infer->in[labels].dtype;
    char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE], c[SHAPE_TEXT_SIZE];
    if (x->rank < 2) {
        return error_set(infer->error, FOV_E_SHAPE, "logits are %s, they must be [N, classes] or [N, classes, ...]",
                         shape_text(x, a));
    }
    if (dtype != FOV_I32 && dtype != FOV_I64) {
        return error_set(infer->error, FOV_E_USAGE, "labels are %s, they must be i32 or i64", fov_dtype_name(dtype));
    }
    fov_shape wanted = {.rank = x->rank - 1, .dim = {x->dim[0]}};
    for (int i = 2; i < x->rank; i++) {
        wanted.dim[i - 1] = x->dim[i];
    }
    if (!shape_fits(&wanted, l)) {
        return error_set(infer->error, FOV_E_SHAPE, "logits are %s, so labels must be %s, but they are %s",
                         shape_text(x, a), shape_text(&wanted, b), shape_text(l, c));
    }
    if (weight < infer->in_count && infer->in[weight].shape.rank >= 0) {
        const fov_shape *w = &infer->in[weight].shape;
        int status = op_check_float(infer, weight, "weight");
        if (status != FOV_OK) {
            return status;
        }
        if (w->rank != 1 || w->dim[0] != x->dim[1]) {
            return error_set(infer->error, FOV_E_SHAPE, "weight %s must have a number for each class of %s",
                             shape_text(w, b), shape_text(x, a));
        }
    }
    return FOV_OK;
}

fov_shape class_loss_shape(int reduction, const fov_shape *labels)
{
    return reduction == CLASS_NONE ? *labels : (fov_shape){.rank = 0};
}
