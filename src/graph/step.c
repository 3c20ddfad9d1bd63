/* SPDX-License-Identifier: MIT */
/* One step by itself: the description of its inputs, the nodes fused into it, its compilation by its operator, and
 * whether it runs only once. What it does together with other steps is in fuse_steps.c. Read lower.c first. */
#include "base/text.h"
#include "device/cpu/cpu.h"
#include "graph/lower.h"

#include <stdio.h>
#include <string.h>

/* A parameter or constant that this plan does not renew, or the result of a run-once step. */
bool lower_is_constant(const struct lowering *l, int tensor)
{
    const struct plan_storage *storage = &l->plan->storages[l->plan->tensors[tensor].storage];

    return storage->once || (storage->fixed && !l->renewed[storage->parameter]);
}

void lower_once(struct lowering *l, struct plan_step *step)
{
    bool any = false;

    if (l->plan->options.no_fusion || step->op->random || step->op->family == OP_OPTIMISER)
        return;
    for (int i = 0; i < step->in_count; i++) {
        any = any || step->in[i] >= 0;
        if (step->row_producer[i] >= 0 || (step->in[i] >= 0 && !lower_is_constant(l, step->in[i])))
            return;
    }
    step->once = any;
}

void lower_keep_results(fov_plan *plan, const struct plan_step *step)
{
    for (int i = 0; step->once && i < step->out_count; i++)
        if (step->out[i] >= 0) {
            struct plan_storage *storage = &plan->storages[plan->tensors[step->out[i]].storage];

            storage->once = storage->keep = !storage->fixed;
        }
}

void lower_describe_inputs(const struct lowering *l, const struct node *node, struct plan_step *step)
{
    for (int i = 0; i < node->in_count; i++) {
        int id = node->in[i];

        step->values[i] = l->plan->known[id];
        if (id && op_port_at(node->op->in, i)->shape_only)
            step->tensors[i] = (struct op_tensor){.dtype = graph_value(l->graph, id)->dtype, .shape = l->shapes[id]};
        step->constant[i]     = step->in[i] >= 0 && lower_is_constant(l, step->in[i]);
        step->row_producer[i] = id && !lower_is_stored(l, step->node, id) ? l->step_of[id] : -1;
        step->in_rows[i]      = step->row_producer[i] >= 0;
        if (step->in_rows[i])
            step->tensors[i] = lower_describe_rows(l, id);
    }
}

void lower_name_part(struct plan_step *step, const struct node *node)
{
    size_t length = strlen(step->operation);

    text_append(step->operation, sizeof step->operation, length, "%s%s", length ? " + " : "", node->op->name);
}

/* Also loads the parameters of folded normalisations: a running plan loads and draws nothing. */
int lower_take_in(struct lowering *l, const struct fusion *fusion, struct plan_step *step)
{
    for (int k = 0; k < fusion->affine_count; k++) {
        const struct node *node = plan_node(l->plan, fusion->affine[k]);

        step->fold[step->fold_count++] = fusion->affine[k];
        for (int i = 1; i < node->in_count; i++)
            if (node->in[i] && !graph_data(l->graph, node->in[i]))
                return (int)l->graph->context->error.status;
        lower_name_part(step, node);
    }
    if (fusion->sum >= 0)
        lower_name_part(step, plan_node(l->plan, fusion->sum));
    if (fusion->activation >= 0) {
        const struct node *node = plan_node(l->plan, fusion->activation);

        step->compile.activation = node->op->as_activation(node->options, &step->compile.alpha, &step->compile.beta);
        lower_name_part(step, node);
    }
    if (fusion->activation_gradient >= 0) {
        const struct node *node = plan_node(l->plan, fusion->activation_gradient);

        step->compile.activation =
            node->op->as_activation_gradient(node->options, &step->compile.alpha, &step->compile.beta);
        lower_name_part(step, node);
    }
    return FOV_OK;
}

int lower_compile(fov_plan *plan, struct plan_step *step, const void *options)
{
    struct fov_context *context = plan->graph->context;
    struct op_compile  *compile = &step->compile;
    struct op_tensor   *out     = step->tensors + step->in_count;

    for (int i = 0; i < step->in_count + step->out_count; i++) {
        int index = i < step->in_count ? step->in[i] : step->out[i - step->in_count];

        if (index >= 0)
            step->tensors[i] = (struct op_tensor){.dtype  = plan->tensors[index].dtype,
                                                  .shape  = plan->tensors[index].shape,
                                                  .layout = plan->tensors[index].layout,
                                                  .pixel_stride = plan->tensors[index].pixel_stride,
                                                  .id           = 1 + index};
    }
    compile->op               = step->op;
    compile->kernel           = context->kernel;
    compile->workers          = pool_threads(context->pool);
    compile->training         = plan->options.training;
    compile->options          = options;
    compile->in               = step->tensors;
    compile->out              = out;
    compile->in_count         = plan_op_inputs(step);
    compile->residual         = step->residual ? &step->tensors[plan_op_inputs(step)] : NULL;
    compile->saved_activation = step->saved_activation ? &step->tensors[step->in_count - 1] : NULL;
    compile->folds            = step->fold_count > 0;
    compile->out_count        = step->out_count;
    compile->in_constant      = step->constant;
    compile->in_values        = step->values;
    compile->in_rows          = step->in_rows;
    compile->deferred         = step->deferred;
    compile->exact            = context->exact_conv;
    compile->rates            = &context->rates;
    compile->error            = &context->error;
    if (cpu_compile(step->op, compile)) {
        error_prefix(&context->error, "%s \"%s\"", step->op->name, step->name);
        return (int)context->error.status;
    }
    return FOV_OK;
}

void lower_alias(fov_plan *plan, struct plan_step *step)
{
    const struct plan_tensor *in = &plan->tensors[step->in[0]];
    struct plan_tensor       *out = &plan->tensors[step->out[0]];

    if (step->once) /* the result's own storage stays unused */
        plan->storages[out->storage].once = plan->storages[out->storage].keep = false;
    out->storage      = in->storage;
    out->begin        = in->begin;
    out->pixel_stride = in->pixel_stride;
    out->layout       = in->layout;
    step->skip        = true;
}

void lower_count_cost(struct plan_step *step, const void *options)
{
    struct op_cost cost = {.options = options, .in = step->tensors, .out = step->tensors + step->in_count,
                           .in_count = plan_op_inputs(step), .out_count = step->out_count};

    if (step->op->cost)
        step->op->cost(&cost);
    step->multiply_adds = cost.multiply_adds;
}
