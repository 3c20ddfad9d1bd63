/* SPDX-License-Identifier: MIT */
/* The gradient of a scatter is a gather with the same indices. Addition passes dy to x and to the updates; max and min
 * pass it to whichever of the two was selected; mul supports a gradient of x only, as that of an update would need the
 * product of all other factors. */
#include "op/scatter.h"

#include <math.h>

const char *const scatter_reductions[] = {"none", "add", "mul", "max", "min", NULL};

double scatter_combine(int reduction, double old, double update)
{
    switch (reduction) {
    case SCATTER_ADD:
        return old + update;
    case SCATTER_MUL:
        return old * update;
    case SCATTER_MAX:
        return isnan(update) || update > old ? update : old;
    case SCATTER_MIN:
        return isnan(update) || update < old ? update : old;
    default:
        return update;
    }
}

/* 1 where a <= b, else 0. */
static fov_value not_above(const struct op_emitter *emitter, fov_value a, fov_value b)
{
    fov_value above = op_emit1(emitter, "step", op_emit2(emitter, "sub", a, b, NULL), NULL);
    return op_emit2(emitter, "sub", op_emit_scalar(emitter, above, 1), above, NULL);
}

void scatter_gradient(struct op_gradient *gradient, int reduction, const char *scatter, const void *scatter_none,
                      const char *gather, const void *gather_options)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value dy = gradient->out_gradient[0], y = gradient->out[0];
    fov_value x = gradient->in[0], indices = gradient->in[1], updates = gradient->in[2];
    fov_value *dx = &gradient->in_gradient[0], *dupdates = &gradient->in_gradient[2];
    bool greatest = reduction == SCATTER_MAX;
    switch (reduction) {
    case SCATTER_NONE: {
        fov_value zeros = op_emit2(emitter, "broadcast_to", op_emit_scalar(emitter, updates, 0), updates, NULL);
        *dx = gradient->wanted[0] ? op_emit3(emitter, scatter, dy, indices, zeros, scatter_none) : *dx;
        *dupdates = gradient->wanted[2] ? op_emit2(emitter, gather, dy, indices, gather_options) : *dupdates;
        break;
    }
    case SCATTER_ADD:
        *dx = dy;
        *dupdates = gradient->wanted[2] ? op_emit2(emitter, gather, dy, indices, gather_options) : *dupdates;
        break;
    case SCATTER_MUL:
        if (gradient->wanted[2]) {
            fov_graph_fail(emitter->graph, NULL, FOV_E_UNSUPPORTED, "%s \"mul\" has no gradient of its updates",
                           gradient->op->name);
            break;
        }
        *dx = op_emit3(emitter, scatter, dy, indices, updates, gradient->options);
        break;
    default: /* max: y >= x everywhere, so x was selected where y <= x; min: the other way round */
        if (gradient->wanted[0]) {
            fov_value won = greatest ? not_above(emitter, y, x) : not_above(emitter, x, y);
            *dx = op_emit2(emitter, "mul", dy, won, NULL);
        }
        if (gradient->wanted[2]) {
            fov_value there = op_emit2(emitter, gather, y, indices, gather_options);
            fov_value won = greatest ? not_above(emitter, there, updates) : not_above(emitter, updates, there);
            *dupdates = op_emit2(emitter, "mul", op_emit2(emitter, gather, dy, indices, gather_options), won, NULL);
        }
        break;
    }
}

int scatter_export(struct op_export *node, int reduction, const int64_t *axis)
{
    int needed = reduction >= SCATTER_MAX ? 18 : reduction != SCATTER_NONE ? 16 : 11;
    if (node->opset < needed) {
        return node->fail(node->writer, FOV_E_UNSUPPORTED, "%s \"%s\" needs opset %d, this file is of opset %d",
                          node->op->name, scatter_reductions[reduction], needed, node->opset);
    }
    node->begin(node->writer, node->op->onnx->type, NULL);
    for (int i = 0; i < 3; i++) {
        node->input(node->writer, i);
    }
    if (axis != NULL) {
        node->attribute_integer(node->writer, "axis", *axis);
    }
    if (reduction != SCATTER_NONE) {
        node->attribute_text(node->writer, "reduction", scatter_reductions[reduction]);
    }
    node->output(node->writer, 0);
    return FOV_OK;
}

void scatter_copy(const struct op_run *run)
{
    op_copy(run, run->out[0].data, run->in[0].data,
            op_count(&run->out[0].shape) * fov_dtype_size(run->out[0].dtype));
}
