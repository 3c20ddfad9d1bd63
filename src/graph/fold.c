/* SPDX-License-Identifier: MIT */
/* Folding of normalisations with fixed statistics: y' = f (w * x + b) + o is a convolution with weights f w and bias
 * f b + o. The graph's parameters are not changed: the plan has its own factor and bias, computed again whenever a
 * parameter has changed, and the operator multiplies its weights by the factor while it packs them. */
#include "graph/plan.h"

#include <string.h>

static size_t channels_of(const struct plan_step *step)
{
    return (size_t)step->tensors[step->in_count].shape.dim[1];
}

size_t plan_fold_bytes(const struct plan_step *step)
{
    return step->fold_count ? 4 * channels_of(step) * sizeof(float) : 0;
}

/* The operator's own bias, which the folded bias replaces; NULL: it has none. */
static const float *own_bias(const struct plan_step *step)
{
    for (int i = 0; i < plan_op_inputs(step); i++)
        if (strcmp(op_port_at(step->op->in, i)->name, "bias") == 0)
            return step->tensors[i].data;
    return NULL;
}

void plan_fold(const fov_plan *plan, const struct plan_step *step)
{
    size_t       channels = channels_of(step);
    float       *factor   = (float *)(void *)(plan->kept + step->fold_offset), *bias = factor + channels;
    float       *next_factor = bias + channels, *next_offset = next_factor + channels;
    const float *own = own_bias(step);

    for (size_t c = 0; c < channels; c++) {
        factor[c] = 1;
        bias[c]   = own ? own[c] : 0;
    }
    for (int k = 0; k < step->fold_count; k++) {
        const struct node *node = plan_node(plan, step->fold[k]);
        struct op_tensor   in[OP_MAX_PORTS];

        for (int i = 0; i < node->in_count; i++) {
            const struct value *value = graph_value(plan->graph, node->in[i]);

            in[i] = (struct op_tensor){.dtype = value->dtype, .shape = value->shape, .data = value->data};
            if (!node->in[i])
                in[i].shape.rank = -1;
        }
        in[0].shape = step->tensors[step->in_count].shape;
        node->op->as_affine(node->options, in, node->in_count, plan->options.training, next_factor, next_offset);
        for (size_t c = 0; c < channels; c++) {
            bias[c] = (float)((double)next_factor[c] * (double)bias[c] + (double)next_offset[c]);
            factor[c] *= next_factor[c];
        }
    }
}
